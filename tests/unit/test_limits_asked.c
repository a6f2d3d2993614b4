/* Who waits to take a lease that is over, or another's, before its turn. */
#include "limits_rig.h"

static const char CALLS[] = "'calls':{'slots':1,'ttl_s':3600}";
static const char ROUTES[] = ROUTE("begin", "",
                                   "{'name':'t','limits':['calls'],'acquire':{'id':'c-${/labels/"
                                   "l}'}}") ","
                                            "'end':{'path':'/end','source':'s','labels':{'l':'/"
                                            "message/l'},'steps':[{'name':'g',"
                                            "'release':{'id':'c-${/labels/l}'}}]}," ROUTE(
                                                "out", "",
                                                "{'name':'go','limits':['calls'],'call':{'"
                                                "downstream':'d','path':'/x'},"
                                                "'lease':{'id':'c-${/labels/l}'}}");

static bool is_held(rig_t *r, const char *id)
{
    const lease_t *lease = lease_find(limits_self(r), bytes_str(id));
    return lease && lease->needs;
}

static void who_is_released_while_it_waits_takes_nothing_however_long_that_is(void **s)
{
    (void)s;
    for (unsigned restart = 0; restart < 2; restart++) {
        rig_t *r = limits_rig("", CALLS, ROUTES);
        limits_offer(r, (offer_t){1, "begin", "A"});
        limits_offer(r, (offer_t){2, "begin", "B"});
        limits_offer(r, (offer_t){3, "begin", "B"}); /* it was told twice */
        limits_offer(r, (offer_t){4, "out", "B"});
        limits_offer(r, (offer_t){5, "begin", "C"});
        if (restart)
            limits_restart(r, false);
        assert_false(is_done(r, 2));
        limits_offer(r, (offer_t){6, "end", "B"});
        assert_true(is_done(r, 2) && is_done(r, 3) && is_done(r, 4) && !is_done(r, 5));
        rig_pass(r, 601 * US_PER_S); /* longer than a release is remembered */
        limits_offer(r, (offer_t){7, "end", "A"});
        assert_true(is_held(r, "c-C") && !is_held(r, "c-B"));
        assert_int_equal(limits_bucket(r, "calls")->in_use, 1);
        assert_int_equal(hand_fill(r), 0);
        rig_destroy(r);
    }
}

static void who_waits_for_what_another_message_was_granted_has_it_too(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", CALLS, ROUTES);
    limits_offer(r, (offer_t){1, "begin", "A"});
    limits_offer(r, (offer_t){2, "begin", "B"});
    limits_offer(r, (offer_t){3, "begin", "B"});
    limits_offer(r, (offer_t){4, "out", "B"}); /* it calls, so it needs slots of its own */
    limits_offer(r, (offer_t){5, "end", "A"});
    assert_true(is_done(r, 2) && is_done(r, 3) && !is_done(r, 4));
    assert_true(is_held(r, "c-B"));
    assert_int_equal(limits_bucket(r, "calls")->in_use, 1);
    rig_destroy(r);
}

static void what_runs_outside_holds_its_slots_though_its_answer_is_too_large_to_keep(void **s)
{
    (void)s;
    static char large[RESULTS_BYTES_MAX - 4]; /* with its step's name it is over */
    rig_t *r = limits_rig("", CALLS, ROUTES);
    memset(large, 'x', sizeof large);
    large[0] = large[sizeof large - 1] = '"';
    limits_offer(r, (offer_t){1, "out", "A"});
    hand_fill(r);
    const msg_assign_t *a = hand.of[0];
    rig_say(r, CONN_RESPONDER, MESSAGE_SETTLE,
            &(msg_settle_t){.seq = a->seq,
                            .attempt = a->attempt,
                            .fence = a->fence,
                            .outcome = OUTCOME_OK,
                            .wrote = true,
                            .status = 201,
                            .result = bytes_of(large, sizeof large),
                            .reason = bytes_str("")});
    assert_int_equal(rig_state(r, 1), STATE_DEAD);
    assert_true(is_held(r, "c-A"));
    assert_int_equal(limits_bucket(r, "calls")->in_use, 1);
    rig_destroy(r);
}

static void who_is_merged_into_one_that_asks_for_another_lease_is_not_released_with_it(void **s)
{
    (void)s;
    static const char merges[] = ROUTE("m", "'merge':true,",
                                       "{'name':'t','limits':['calls'],'acquire':{'id':'c-${/"
                                       "labels/l}'}}") ","
                                                       "'end':{'path':'/"
                                                       "end','source':'s','labels':{'l':'/message/"
                                                       "l'},'steps':[{'name':'g',"
                                                       "'release':{'id':'c-${/labels/l}'}}]}";
    rig_t *r = limits_rig("", CALLS, merges);
    limits_offer(r, (offer_t){1, "m", "first", "other"});
    limits_offer(r, (offer_t){2, "m", "A", "k"});
    limits_offer(r, (offer_t){3, "m", "B", "k"}); /* in the place of 2 */
    assert_true(is_done(r, 2) && !is_done(r, 3));
    limits_offer(r, (offer_t){4, "end", "A"});
    assert_false(is_done(r, 3));
    limits_offer(r, (offer_t){5, "end", "first"});
    assert_true(is_done(r, 3) && is_held(r, "c-B"));
    limits_offer(r, (offer_t){6, "m", "C", "k"});
    limits_offer(r, (offer_t){7, "m", "D", "k"});
    limits_offer(r, (offer_t){8, "end", "D"});
    assert_true(is_done(r, 7)); /* it asks for its own from the first on */
    limits_offer(r, (offer_t){9, "end", "F"});
    limits_offer(r, (offer_t){10, "m", "E", "k"});
    assert_false(is_done(r, 10));
    limits_offer(r, (offer_t){11, "m", "F", "k"});
    assert_true(is_done(r, 11)); /* it was released before it came */
    rig_destroy(r);
}

static void hundreds_who_wait_for_one_lease_end_with_its_release_over_many_steps(void **s)
{
    (void)s;
    for (unsigned calls = 0; calls < 2; calls++) {
        rig_t *r = limits_rig("", CALLS, ROUTES);
        limits_offer(r, (offer_t){1, "begin", "A"});
        limits_offers(r, (offer_t){2, calls ? "out" : "begin", "B"}, 300);
        r->wishes_most = 64;
        limits_restart(r, false);
        limits_offer(r, (offer_t){400, "end", "B"});
        for (unsigned n = 2; n < 302; n++)
            assert_true(is_done(r, n));
        assert_true(is_held(r, "c-A") && !is_held(r, "c-B"));
        assert_int_equal(hand_fill(r), 0);
        rig_destroy(r);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_runs_outside_holds_its_slots_though_its_answer_is_too_large_to_keep),
    cmocka_unit_test(who_is_released_while_it_waits_takes_nothing_however_long_that_is),
    cmocka_unit_test(who_waits_for_what_another_message_was_granted_has_it_too),
    cmocka_unit_test(hundreds_who_wait_for_one_lease_end_with_its_release_over_many_steps),
    cmocka_unit_test(who_is_merged_into_one_that_asks_for_another_lease_is_not_released_with_it),
};
LIMITS_MAIN(tests)
