/* Limits of messages that have no connection to go by: the limit is not kept from others. */
#include "limits_rig.h"

#define BOTH                                                                                       \
    ROUTE("y", "", CALL("'limits':['all'],"))                                                      \
    "," ROUTE("x", "", "{'name':'go','limits':['all'],'call':{'downstream':'breaks','path':'/x'}}")

/* y has connections enough, x so many. */
static rig_t *up_with_connections(const char *limits, uint64_t of_x)
{
    rig_t *r = limits_rig("", limits, BOTH);
    rig_crash(r);
    rig_start(r);
    rig_peers_up(r);
    rig_credit(r, CONN_RESPONDER, "d", 100000);
    rig_credit(r, CONN_RESPONDER, "breaks", of_x);
    return r;
}

static size_t waiting_at(rig_t *r, const char *limit)
{
    return fair_count(&limits_bucket(r, limit)->waiters);
}

static void the_slots_of_a_limit_go_to_those_who_have_a_connection(void **s)
{
    (void)s;
    rig_t *r = up_with_connections("'all':{'slots':10}", 2);
    limits_offers(r, (offer_t){1, "y"}, 10); /* they have all slots while the others come */
    for (unsigned n = 0; n < 40; n++) {
        limits_offer(r, (offer_t){100 + n, "x"});
        limits_offer(r, (offer_t){200 + n, "y"});
    }
    hand_fill(r);
    for (unsigned n = 1; n <= 10; n++)
        hand_ok(r, n);
    assert_true(in_hand(100) && in_hand(101)); /* as many as have one */
    for (unsigned n = 200; n < 240; n++) {
        assert_int_equal(hand.count, n < 232 ? 10 : 242 - n);
        hand_ok(r, n);
    }
    assert_int_equal(limits_bucket(r, "all")->woken, 0);
    for (unsigned n = 100; n < 140; n++) { /* in the order in which they came */
        assert_true(in_hand(n));
        hand_ok(r, n);
        rig_credit(r, CONN_RESPONDER, "breaks", n - 97);
        hand_fill(r);
    }
    assert_int_equal(limiter_repairs(limits_self(r)), 0);
    rig_destroy(r);
}

static void those_without_a_connection_make_way_once_and_not_for_each_slot(void **s)
{
    (void)s;
    rig_t *r = up_with_connections("'all':{'slots':1}", 1);
    limits_offer(r, (offer_t){1, "y"});
    for (unsigned n = 1000; n < 9000; n += 100) {
        limits_offers_at_once(r, (offer_t){n, "x"}, 100);
        rig_settle(r);
    }
    limits_offers(r, (offer_t){2, "y"}, 5);
    hand_fill(r);
    const limiter_t *l = limits_self(r);
    const pool_t *pool = &l->pools[l->config->routes[1].steps[0].pool];
    hand_ok(r, 1);
    hand_ok(r, 1000); /* the connection is used up */
    for (unsigned n = 2; n < 6; n++) {
        hand_ok(r, n);
        assert_true(in_hand(n + 1));
        assert_int_equal(pool->standing, 7999);
    }
    rig_credit(r, CONN_RESPONDER, "breaks", 4);
    assert_int_equal(pool->standing, 7998); /* one is called, and waits at the limit for all */
    assert_int_equal(waiting_at(r, "all"), 1);
    hand_ok(r, 6);
    assert_true(in_hand(1001));
    hand_ok(r, 1001);
    assert_true(in_hand(1002));
    assert_int_equal(pool->standing, 7996);
    rig_destroy(r);
}

/* Who was put somewhere else at this moment. */
static size_t moved_now(rig_t *r)
{
    const limiter_t *l = limits_self(r);
    size_t moved = 0;
    for (int64_t seq = l->tally.first_live; seq < l->tally.next_seq; seq++) {
        const item_t *i = seqmap_find(l->live, seq);
        moved +=
            i && i->state == STATE_QUEUED && i->since_ms == (uint32_t)(l->now.at.us / US_PER_MS);
    }
    return moved;
}

static void of_all_values_that_stand_by_as_many_are_called_as_connections_are_free(void **s)
{
    (void)s;
    enum { VALUES = 200 };
    rig_t *r = up_with_connections("'all':{'slots':1,'per':['l']}", 1);
    for (unsigned n = 0; n < VALUES; n++) {
        char value[8];
        snprintf(value, sizeof value, "%u", n);
        limits_offer(r, (offer_t){1 + n, "y", value});
        limits_offer(r, (offer_t){1001 + n, "x", value});
    }
    limits_offer(r, (offer_t){3000, "x", "other"}); /* has the connection */
    hand_fill(r);
    assert_int_equal(hand.count, VALUES + 1);
    for (unsigned n = 0; n < VALUES; n++)
        hand_ok(r, 1 + n);
    const limiter_t *l = limits_self(r);
    const pool_t *pool = &l->pools[l->config->routes[1].steps[0].pool];
    assert_int_equal(pool->standing, VALUES);
    for (unsigned n = 0; n < 5; n++) { /* in their order, and the others stay as they are */
        rig_pass(r, US_PER_S);
        rig_credit(r, CONN_RESPONDER, "breaks", 2 + n);
        hand_fill(r);
        assert_true(in_hand(1001 + n));
        assert_int_equal(pool->standing, VALUES - 1 - n);
        assert_int_equal(moved_now(r), 0);
    }
    rig_destroy(r);
}

static void order(rig_t *r, const char *verb, unsigned n)
{
    char id[MSGID_TEXT], args[100];
    msgid_t i = rig_id(n);
    msgid_text(&i, id);
    snprintf(args, sizeof args, "{\"id\":\"%s\",\"class\":\"critical\"}", id);
    assert_int_equal(rig_ask(r, verb, args)->status, 200);
}

static void who_stands_by_or_is_called_can_be_held_and_prioritised(void **s)
{
    (void)s;
    rig_t *r = up_with_connections("'all':{'slots':1}", 1);
    limits_offer(r, (offer_t){1, "y"});
    limits_offers(r, (offer_t){10, "x", .class = CLASS_NORMAL}, 5);
    limits_offers(r, (offer_t){2, "y", .class = CLASS_NORMAL}, 2);
    hand_fill(r);
    hand_ok(r, 1);
    hand_ok(r, 10); /* the connection is used up */
    assert_true(in_hand(2));
    order(r, "hold", 11);
    order(r, "prioritise", 14);
    rig_credit(r, CONN_RESPONDER, "breaks", 4);
    assert_int_equal(waiting_at(r, "all"), 2); /* another y, and the urgent one, which is called */
    hand_ok(r, 2);
    assert_true(in_hand(14));
    order(r, "hold", 12); /* it was called: the next one is */
    hand_ok(r, 14);
    assert_true(in_hand(13));
    rig_destroy(r);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_slots_of_a_limit_go_to_those_who_have_a_connection),
    cmocka_unit_test(those_without_a_connection_make_way_once_and_not_for_each_slot),
    cmocka_unit_test(of_all_values_that_stand_by_as_many_are_called_as_connections_are_free),
    cmocka_unit_test(who_stands_by_or_is_called_can_be_held_and_prioritised),
};
LIMITS_MAIN(tests)
