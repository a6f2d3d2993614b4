/* Strict limits: the slot of a call with no end seen stays taken. */
#include "limits_lives.h"

static void a_strict_slot_stays_taken_until_the_timeout_of_a_call_whose_actor_died(void **s)
{
    (void)s;
    rig_t *r = limits_rig(
        "", "'of':{'slots':2,'strict':true},'soft':{'slots':2}",
        ROUTE("a", "", CALL("'limits':['of'],")) "," ROUTE("b", "", CALL("'limits':['soft'],")));
    limits_supervisor(r);
    limits_offers(r, (offer_t){1, "a"}, 3);
    limits_offers(r, (offer_t){11, "b"}, 3);
    assert_int_equal(hand_fill(r), 4);
    limits_death(r, 31);
    assert_int_equal(hand_fill(r), 2);
    assert_true(in_hand(11) || in_hand(12) || in_hand(13));
    limits_restart(r, false); /* it is in the store */
    assert_false(in_hand(1) || in_hand(2) || in_hand(3));
    rig_pass(r, 5100 * US_PER_MS);
    hand_fill(r);
    assert_int_equal(in_hand(1) + in_hand(2) + in_hand(3), 2);
    rig_destroy(r);
}

static void a_strict_slot_of_the_route_stays_taken_too_and_no_try_begins_in_it(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'of':{'slots':1,'strict':true},'soft':{'slots':1}",
                          ROUTE("a", "'limits':['of','soft'],", CALL("")));
    limits_supervisor(r);
    limits_offers(r, (offer_t){1, "a"}, 2);
    hand_fill(r);
    limits_death(r, 31);
    rig_pass(r, 4 * US_PER_S);
    assert_int_equal(hand_fill(r), 0); /* the call may run for 5 s in all */
    assert_int_equal(limits_bucket(r, "of")->in_use, 1);
    assert_int_equal(limits_bucket(r, "soft")->in_use, 0);
    limits_restart(r, false);
    assert_int_equal(hand_fill(r), 0);
    rig_pass(r, 2 * US_PER_S);
    assert_int_equal(hand_fill(r), 1);
    assert_int_equal(limits_bucket(r, "of")->in_use, 1);
    rig_destroy(r);
}

static void a_strict_slot_is_its_own_whatever_ids_the_leases_outside_have(void **s)
{
    (void)s;
    rig_t *r =
        limits_rig("", "'of':{'slots':3,'strict':true}", ROUTE("a", "", CALL("'limits':['of'],")));
    limits_supervisor(r);
    for (unsigned n = 0; n < 2; n++)
        rig_say(r, CONN_INGRESS, MESSAGE_LEASE,
                &(msg_lease_t){.number = n + 1,
                               .order = LEASE_ACQUIRE,
                               .id = bytes_str(n ? "call:1:1:2" : "call:1:1"),
                               .limits = bytes_str("[{\"name\":\"of\"}]")});
    limits_offer(r, (offer_t){1, "a"});
    assert_int_equal(hand_fill(r), 1);
    limits_death(r, 31);
    assert_int_equal(limits_bucket(r, "of")->in_use, 3);
    limits_restart(r, false);
    assert_int_equal(limits_bucket(r, "of")->in_use, 3);
    rig_destroy(r);
}

#define BEGIN "{'name':'t','limits':['of'],'acquire':{'id':'call:${/labels/l}'}}"
#define OUT CALL("'limits':['of'],'lease':{'id':'call:${/labels/l}'},")
#define END                                                                                        \
    "'end':{'path':'/end','source':'s','labels':{'l':'/message/l'},'steps':[{'name':'g',"          \
    "'release':{'id':'call:${/labels/l}'}}]}"
static const char OUTSIDE[] = ROUTE("a", "", CALL("'limits':['of'],")) "," ROUTE(
    "begin", "", BEGIN) "," ROUTE("out", "", OUT) "," END;

static void no_webhook_ends_or_prolongs_the_slot_of_a_call_that_may_still_run(void **s)
{
    (void)s;
    static const char *const routes[] = {"end", "begin", "out"};
    rig_t *r = limits_rig("", "'of':{'slots':1,'strict':true}", OUTSIDE);
    limits_supervisor(r);
    limits_offer(r, (offer_t){1, "a"});
    assert_int_equal(hand_fill(r), 1);
    limits_death(r, 31);
    rig_pass(r, 3 * US_PER_S);
    for (unsigned n = 0; n < COUNT_OF(routes); n++) {
        limits_offer(r, (offer_t){10 + n, routes[n], "1:1"});
        assert_int_equal(rig_state(r, 10 + n), STATE_DEAD);
        msgid_t id = rig_id(10 + n);
        assert_true(bytes_is(memory_disk_find(r->disk, &id)->progress.reason,
                             "lease: id call:1:1 is the slot of a call that may still run"));
    }
    assert_int_equal(limits_bucket(r, "of")->in_use, 1);
    rig_pass(r, 2100 * US_PER_MS);
    assert_int_equal(hand_fill(r), 1);
    assert_true(in_hand(1));
    rig_destroy(r);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_strict_slot_stays_taken_until_the_timeout_of_a_call_whose_actor_died),
    cmocka_unit_test(a_strict_slot_of_the_route_stays_taken_too_and_no_try_begins_in_it),
    cmocka_unit_test(a_strict_slot_is_its_own_whatever_ids_the_leases_outside_have),
    cmocka_unit_test(no_webhook_ends_or_prolongs_the_slot_of_a_call_that_may_still_run),
};
LIMITS_MAIN(tests)
