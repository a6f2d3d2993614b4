/* More label values than there may be: who comes too late waits, and is woken by the value that
 * ends. */
#include "limits_rig.h"

#define FEW "'queue':{'buckets_max':16},"
#define OF_VALUE CALL("'limits':['of'],")

/* Values 1 to n begin, until there is no room for more. */
static unsigned fill(rig_t *r, const char *route)
{
    for (unsigned n = 1;; n++) {
        char value[8];
        snprintf(value, sizeof value, "%u", n);
        limits_offer(r, (offer_t){n, route, value});
        hand_fill(r);
        if (!in_hand(n))
            return n - 1;
    }
}

static void offer_value(rig_t *r, unsigned n, const char *route, unsigned of)
{
    char value[8];
    snprintf(value, sizeof value, "%u", of);
    limits_offer(r, (offer_t){n, route, value});
    hand_fill(r);
}

static void a_value_that_ends_wakes_the_first_at_once_and_no_second(void **s)
{
    (void)s;
    rig_t *r = limits_rig(FEW, "'of':{'slots':1,'per':['l']}", ROUTE("a", "", OF_VALUE));
    unsigned full = fill(r, "a");
    assert_in_range(full, 16, 40);
    offer_value(r, 101, "a", 101);
    offer_value(r, 102, "a", 102);
    rig_pass(r, 60 * US_PER_S); /* nothing polls, and nothing is written */
    assert_int_equal(hand_fill(r), 0);
    assert_int_equal(limits_self(r)->crowd.count, 3);
    hand_ok(r, 1);
    assert_true(in_hand(full + 1) && !in_hand(101));
    hand_ok(r, 2);
    hand_ok(r, 3);
    assert_true(in_hand(101) && in_hand(102));
    assert_int_equal(limits_self(r)->crowd.count, 0);
    rig_destroy(r);
}

static void whose_value_is_there_does_not_wait_for_room(void **s)
{
    (void)s;
    rig_t *r = limits_rig(FEW, "'of':{'slots':2,'per':['l']}", ROUTE("a", "", OF_VALUE));
    unsigned full = fill(r, "a");
    offer_value(r, 101, "a", 1);
    assert_true(in_hand(101));
    offer_value(r, 102, "a", full + 1); /* waits behind the first of that value */
    hand_ok(r, 2);
    assert_true(in_hand(full + 1) && in_hand(102));
    rig_destroy(r);
}

static void who_needs_more_room_than_there_is_is_not_passed_by_who_needs_less(void **s)
{
    (void)s;
    rig_t *r =
        limits_rig(FEW, "'of':{'slots':1,'per':['l']},'also':{'slots':1,'per':['l']}",
                   ROUTE("a", "", OF_VALUE) "," ROUTE("two", "'limits':['also'],", OF_VALUE));
    unsigned full = fill(r, "a");
    hand_ok(r, 1); /* number full + 1 begins: full again, and nobody waits */
    assert_true(in_hand(full + 1));
    offer_value(r, 101, "two", 101);
    offer_value(r, 102, "a", 102);
    hand_ok(r, 2);
    assert_false(in_hand(101) || in_hand(102));
    offer_value(r, 103, "a", 103);
    assert_false(in_hand(103));
    hand_ok(r, 3);
    assert_true(in_hand(101) && !in_hand(102));
    hand_ok(r, 101);
    assert_true(in_hand(102) && in_hand(103));
    rig_destroy(r);
}

static void rates_that_are_forgotten_make_room_too(void **s)
{
    (void)s;
    rig_t *r = limits_rig(FEW, "'of':{'rate':{'count':1,'per_ms':1000},'per':['l']}",
                          ROUTE("a", "", OF_VALUE));
    unsigned full = fill(r, "a");
    for (unsigned n = 1; n <= full; n++)
        hand_ok(r, n);
    rig_pass(r, 2 * US_PER_S);
    hand_fill(r);
    assert_true(in_hand(full + 1));
    rig_destroy(r);
}

static void one_that_is_held_or_cancelled_in_the_crowd_leaves_it_to_the_next(void **s)
{
    (void)s;
    rig_t *r = limits_rig(FEW, "'of':{'slots':1,'per':['l']}",
                          ROUTE("a", "", OF_VALUE) "," ROUTE("b", "", OF_VALUE));
    unsigned full = fill(r, "a");
    offer_value(r, 101, "b", 101);
    assert_int_equal(rig_ask(r, "hold", "{\"route\":\"a\"}")->status, 200);
    assert_int_equal(rig_state(r, full + 1), STATE_HELD);
    hand_ok(r, 1);
    assert_true(in_hand(101));
    assert_int_equal(rig_ask(r, "release", "{\"route\":\"a\"}")->status, 200);
    hand_fill(r);
    assert_false(in_hand(full + 1));
    hand_ok(r, 2);
    assert_true(in_hand(full + 1));
    rig_destroy(r);
}

static void after_a_restart_the_crowd_is_there_again(void **s)
{
    (void)s;
    rig_t *r = limits_rig(FEW, "'of':{'slots':1,'per':['l']}", ROUTE("a", "", OF_VALUE));
    unsigned full = fill(r, "a");
    limits_restart(r, false);
    hand_fill(r);
    assert_int_equal(hand.count, full);
    assert_int_equal(limits_self(r)->crowd.count, 1);
    hand_ok(r, 1);
    assert_true(in_hand(full + 1));
    rig_destroy(r);
}

static void one_whose_body_cannot_be_read_leaves_the_way_to_the_next(void **s)
{
    (void)s;
    rig_t *r = limits_rig("'queue':{'buckets_max':16,'cache_bytes':0},",
                          "'of':{'slots':1,'per':['l']}", ROUTE("a", "", OF_VALUE));
    unsigned full = fill(r, "a");
    offer_value(r, 101, "a", 101);
    msgid_t id = rig_id(full + 1);
    stored_message_t *m = (stored_message_t *)memory_disk_find(r->disk, &id);
    blob_unref(&m->envelope.content);
    hand_ok(r, 1);
    assert_int_equal(rig_state(r, full + 1), STATE_DEAD);
    assert_true(in_hand(101));
    rig_destroy(r);
}

#define TO_BREAKS(more) "{'name':'go'," more "'call':{'downstream':'breaks','path':'/x'}}"
static const char TO_TWO[] = ROUTE("a", "", OF_VALUE) "," ROUTE(
    "plain", "", TO_BREAKS("")) "," ROUTE("x", "", TO_BREAKS("'limits':['of'],"));

static void one_without_a_connection_keeps_nobody_who_has_one_from_the_room(void **s)
{
    (void)s;
    rig_t *r = limits_rig(FEW, "'of':{'slots':1,'per':['l']}", TO_TWO);
    rig_crash(r);
    rig_start(r);
    rig_peers_up(r);
    rig_credit(r, CONN_RESPONDER, "d", 100000);
    rig_credit(r, CONN_RESPONDER, "breaks", 2);
    limits_offer(r, (offer_t){100, "plain"});
    unsigned full = fill(r, "a");
    offer_value(r, 101, "x", 101);
    offer_value(r, 102, "x", 102);
    offer_value(r, 103, "a", 103);
    offer_value(r, 104, "a", 104);
    hand_ok(r, 1);
    hand_ok(r, 2);
    assert_true(in_hand(full + 1) && in_hand(101));
    hand_ok(r, 3);
    hand_ok(r, 4);
    assert_true(in_hand(103) && in_hand(104) && !in_hand(102));
    offer_value(r, 105, "a", 105);
    assert_int_equal(limits_self(r)->crowd.count, 2);
    rig_credit(r, CONN_RESPONDER, "breaks", 3);
    hand_ok(r, 5);
    assert_true(in_hand(102) && !in_hand(105)); /* it came first */
    hand_ok(r, 6);
    assert_true(in_hand(105));
    assert_int_equal(limiter_repairs(limits_self(r)), 0);
    rig_destroy(r);
}

static const msg_leased_t *acquire(rig_t *r, const char *limits)
{
    rig_say(r, CONN_INGRESS, MESSAGE_LEASE,
            &(msg_lease_t){.order = LEASE_ACQUIRE,
                           .number = 1,
                           .id = bytes_str("a"),
                           .limits = bytes_str(limits)});
    const msg_leased_t *said = rig_next(r, CONN_INGRESS, MESSAGE_LEASED);
    assert_non_null(said);
    return said;
}

static void who_found_room_has_the_connection_before_those_whom_a_limit_wakes(void **s)
{
    (void)s;
    rig_t *r = limits_rig(
        FEW, "'of':{'slots':2,'per':['l']},'one':{'slots':1}",
        ROUTE("a", "", OF_VALUE) "," ROUTE("x", "", TO_BREAKS("'limits':['of'],")) "," ROUTE(
            "b", "", TO_BREAKS("'limits':['of','one'],")));
    rig_crash(r);
    rig_start(r);
    rig_peers_up(r);
    rig_credit(r, CONN_RESPONDER, "d", 100000);
    rig_credit(r, CONN_RESPONDER, "breaks", 2);
    offer_value(r, 200, "b", 200);
    fill(r, "a");
    offer_value(r, 201, "b", 1);
    offer_value(r, 101, "x", 101);
    hand_ok(r, 2);
    assert_true(in_hand(200) && !in_hand(201) && !in_hand(101));
    hand_ok(r, 200);
    assert_true(in_hand(101) && !in_hand(201));
    rig_credit(r, CONN_RESPONDER, "breaks", 3);
    hand_fill(r);
    assert_true(in_hand(201));
    rig_destroy(r);
}

static void a_lease_of_two_new_values_where_there_is_room_for_one_may_come_again(void **s)
{
    (void)s;
    static const char two[] = "[{\"name\":\"of\",\"labels\":{\"l\":\"x\"}},"
                              "{\"name\":\"also\",\"labels\":{\"l\":\"x\"}}]";
    rig_t *r = limits_rig(FEW, "'of':{'slots':1,'per':['l']},'also':{'slots':1,'per':['l']}",
                          ROUTE("a", "", OF_VALUE));
    fill(r, "a");
    hand_ok(r, 1); /* for who waits */
    hand_ok(r, 2);
    assert_int_equal(buckets_room(limits_self(r)), 1);
    const msg_leased_t *said = acquire(r, two);
    assert_int_equal(said->grant, GRANT_UNAVAILABLE);
    assert_true(said->retry_after_ms > 0);
    hand_ok(r, 3);
    assert_int_equal(acquire(r, two)->grant, GRANT_GRANTED);
    rig_destroy(r);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_lease_of_two_new_values_where_there_is_room_for_one_may_come_again),
    cmocka_unit_test(a_value_that_ends_wakes_the_first_at_once_and_no_second),
    cmocka_unit_test(whose_value_is_there_does_not_wait_for_room),
    cmocka_unit_test(who_needs_more_room_than_there_is_is_not_passed_by_who_needs_less),
    cmocka_unit_test(rates_that_are_forgotten_make_room_too),
    cmocka_unit_test(one_that_is_held_or_cancelled_in_the_crowd_leaves_it_to_the_next),
    cmocka_unit_test(after_a_restart_the_crowd_is_there_again),
    cmocka_unit_test(one_whose_body_cannot_be_read_leaves_the_way_to_the_next),
    cmocka_unit_test(one_without_a_connection_keeps_nobody_who_has_one_from_the_room),
    cmocka_unit_test(who_found_room_has_the_connection_before_those_whom_a_limit_wakes),
};
LIMITS_MAIN(tests)
