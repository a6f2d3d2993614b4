/* Messages that keep their slots in backoff, and a pause of the limit that they hold. */
#include "limits_rig.h"

#define KEEPS ROUTE("a", "'limits':['of'],'keep_slots_in_backoff':true,", CALL("'attempts':9,"))
static const char OF[] = "'of':{'slots':3,'learns':true}";

static void whoever_keeps_its_slot_goes_on_when_the_pause_is_ended_by_hand(void **s)
{
    (void)s;
    for (int restart = 0; restart < 2; restart++) {
        rig_t *r = limits_rig("", OF, KEEPS);
        limits_offer(r, (offer_t){1, "a"});
        hand_fill(r);
        hand_settle(r, 1, OUTCOME_DEFER, 429, 60000);
        if (restart)
            limits_restart(r, false);
        rig_pass(r, 10 * US_PER_S);
        assert_int_equal(hand_fill(r), 0);
        assert_int_equal(limits_bucket(r, "of")->in_use, 1);
        assert_int_equal(rig_ask(r, "limits.disable", "{\"name\":\"of\"}")->status, 200);
        assert_int_equal(hand_fill(r), 1);
        hand_ok(r, 1);
        assert_true(is_done(r, 1));
        rig_destroy(r);
    }
}

static void what_was_woken_by_hand_does_not_wait_for_the_old_time_again(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", OF, KEEPS);
    limits_offer(r, (offer_t){1, "a"});
    hand_fill(r);
    hand_settle(r, 1, OUTCOME_DEFER, 429, 60000);
    rig_ask(r, "limits.disable", "{\"name\":\"of\"}");
    hand_fill(r);
    hand_settle(r, 1, OUTCOME_UNBEGUN, 0, 0);
    limits_restart(r, false);
    rig_pass(r, US_PER_S);
    assert_int_equal(hand_fill(r), 1);
    rig_destroy(r);
}

static void whoever_waited_for_a_pause_that_grew_waits_for_all_of_it_after_a_restart(void **s)
{
    (void)s;
    for (int64_t restart_s = 10; restart_s <= 70; restart_s += 60) {
        rig_t *r = limits_rig("", OF, KEEPS);
        limits_offers(r, (offer_t){1, "a"}, 2);
        hand_fill(r);
        hand_settle(r, 1, OUTCOME_DEFER, 429, 60000);
        hand_settle(r, 2, OUTCOME_DEFER, 429, 90000);
        rig_pass(r, restart_s * US_PER_S);
        assert_int_equal(hand_fill(r), 0);
        limits_restart(r, false);
        rig_pass(r, (80 - restart_s) * US_PER_S);
        assert_int_equal(hand_fill(r), 0);
        rig_pass(r, 11 * US_PER_S);
        assert_int_equal(hand_fill(r), 1); /* and the first alone */
        hand_ok(r, in_hand(1) ? 1 : 2);
        hand_fill(r);
        assert_int_equal(hand.count, 1);
        rig_destroy(r);
    }
}

static void
after_the_pause_one_of_them_goes_first_and_then_all_and_those_who_wait_for_slots(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", OF, KEEPS);
    limits_offers(r, (offer_t){1, "a"}, 6);
    assert_int_equal(hand_fill(r), 3);
    for (unsigned n = 1; n <= 3; n++)
        hand_settle(r, n, OUTCOME_DEFER, 429, 3000);
    rig_pass(r, 2900 * US_PER_MS);
    assert_int_equal(hand_fill(r), 0);
    rig_pass(r, 400 * US_PER_MS);
    hand_fill(r);
    assert_int_equal(hand.count, 1);
    for (unsigned ended = 0; ended < 6; ended++) {
        unsigned n = 1;
        while (!in_hand(n))
            n++;
        assert_true(n <= 3 || ended > 0); /* who has a slot, before who waits for one */
        hand_ok(r, n);
    }
    for (unsigned n = 1; n <= 6; n++)
        assert_true(is_done(r, n));
    rig_destroy(r);
}

static void one_that_is_held_or_cancelled_in_the_pause_gives_its_slot_back(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", OF, KEEPS);
    limits_offer(r, (offer_t){1, "a"});
    hand_fill(r);
    hand_settle(r, 1, OUTCOME_DEFER, 429, 60000);
    assert_int_equal(rig_ask(r, "hold", "{\"route\":\"a\"}")->status, 200);
    assert_int_equal(rig_state(r, 1), STATE_HELD);
    assert_int_equal(limits_bucket(r, "of")->in_use, 0);
    rig_destroy(r);
}

static void one_that_the_end_of_the_pause_wakes_waits_at_a_route_that_was_stopped(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", OF, KEEPS);
    limits_offer(r, (offer_t){1, "a"});
    hand_fill(r);
    hand_settle(r, 1, OUTCOME_DEFER, 429, 60000);
    assert_int_equal(rig_ask(r, "route.stop", "{\"name\":\"a\"}")->status, 200);
    rig_pass(r, 61 * US_PER_S);
    assert_int_equal(hand_fill(r), 0);
    assert_int_equal(limits_bucket(r, "of")->in_use, 0);
    assert_int_equal(rig_ask(r, "route.start", "{\"name\":\"a\"}")->status, 200);
    assert_int_equal(hand_fill(r), 1);
    rig_destroy(r);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(whoever_keeps_its_slot_goes_on_when_the_pause_is_ended_by_hand),
    cmocka_unit_test(whoever_waited_for_a_pause_that_grew_waits_for_all_of_it_after_a_restart),
    cmocka_unit_test(what_was_woken_by_hand_does_not_wait_for_the_old_time_again),
    cmocka_unit_test(
        after_the_pause_one_of_them_goes_first_and_then_all_and_those_who_wait_for_slots),
    cmocka_unit_test(one_that_is_held_or_cancelled_in_the_pause_gives_its_slot_back),
    cmocka_unit_test(one_that_the_end_of_the_pause_wakes_waits_at_a_route_that_was_stopped),
};
LIMITS_MAIN(tests)
