/* Places: who was woken by one limit and waits for another, who is put elsewhere by a person, by a
 * newer message or by the clock, and who is refused though there is room for it. */
#include "limits_rig.h"

static void a_costly_one_that_waits_first_is_not_passed_by_those_whom_another_limit_woke(void **s)
{
    (void)s;
    rig_t *r =
        limits_rig("", "'b':{'rate':{'count':10,'per_ms':1000,'shape':'spacing'}},'a':{'slots':3}",
                   ROUTE("light", "", CALL("'limits':['b','a'],")) "," ROUTE(
                       "heavy", "", CALL("'limits':['a'],'costs':{'a':3},")));
    limits_offers(r, (offer_t){1, "light"}, 100); /* a backlog at b */
    assert_int_equal(hand_fill(r), 1);
    limits_offer(r, (offer_t){1000, "heavy"});
    for (unsigned n = 1; n < 50 && !in_hand(1000); n++) {
        rig_pass(r, 100 * US_PER_MS); /* the next light one is woken before the last one ends */
        hand_fill(r);
        if (in_hand(n))
            hand_ok(r, n);
    }
    assert_true(in_hand(1000) && !in_hand(2)); /* which was accepted before it, but not there */
    for (unsigned n = 2; n < 50; n++) {
        hand_ok(r, n == 2 ? 1000 : n - 1);
        rig_pass(r, 100 * US_PER_MS);
        assert_true(in_hand(n)); /* and nobody lost its place */
    }
    rig_destroy(r);
}

static void those_whom_one_limit_woke_for_the_next_keep_their_order(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'pace':{'rate':{'count':1,'per_ms':1000}},'one':{'slots':1}",
                          ROUTE("a", "", CALL("'limits':['pace','one'],")));
    limits_offers(r, (offer_t){1, "a"}, 9);
    hand_fill(r);
    for (unsigned n = 1; n < 9; n++) {
        rig_pass(r, 3 * US_PER_S);
        assert_true(in_hand(n));
        hand_ok(r, n);
    }
    rig_destroy(r);
}

static void who_is_merged_hands_its_place_to_the_newer_one(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'one':{'rate':{'count':1,'per_ms':1000,'shape':'spacing'}}",
                          ROUTE("m", "'merge':true,", CALL("'limits':['one'],")) "," ROUTE(
                              "o", "", CALL("'limits':['one'],")));
    limits_offers(r, (offer_t){1, "o", .class = CLASS_NORMAL}, 11); /* a queue of ten seconds */
    hand_fill(r);
    for (unsigned t = 0; t < 11; t++) {
        if (t % 3 == 0) /* the first of them has the better class */
            limits_offer(r, (offer_t){1000 + t, "m", .key = "k", .class = CLASS_NORMAL + (t > 0)});
        limits_offer(r, (offer_t){100 + t, "o", .class = CLASS_NORMAL});
        hand_fill(r);
        assert_false(in_hand(1009)); /* not before its turn */
        rig_pass(r, US_PER_S);
    }
    hand_fill(r);
    assert_true(in_hand(1009) && !in_hand(100));
    assert_int_equal(rig_state(r, 1000), STATE_DONE);
    assert_int_equal(rig_state(r, 1006), STATE_DONE);
    rig_destroy(r);
}

static void who_is_merged_is_as_old_as_itself(void **s)
{
    (void)s;
    rig_t *r =
        limits_rig("", "'of':{'slots':1}",
                   ROUTE("m", "'merge':true,'max_age_ms':50000,",
                         CALL("'limits':['of'],")) "," ROUTE("o", "", CALL("'limits':['of'],")));
    limits_offer(r, (offer_t){1, "o"});
    for (unsigned n = 10; n < 16; n++) {
        limits_offer(r, (offer_t){n, "m", .key = "k"});
        rig_pass(r, 20 * US_PER_S);
        assert_int_equal(rig_state(r, n), STATE_QUEUED);
    }
    rig_pass(r, 29 * US_PER_S);
    assert_int_equal(rig_state(r, 15), STATE_QUEUED);
    rig_pass(r, 2 * US_PER_S);
    assert_int_equal(rig_state(r, 15), STATE_DEAD);
    rig_destroy(r);
}

static void who_is_merged_into_another_label_value_waits_for_that_one(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'of':{'slots':1,'per':['l']}",
                          ROUTE("m", "'merge':true,", CALL("'limits':['of'],")));
    limits_offer(r, (offer_t){1, "m", "x", "a"});
    limits_offer(r, (offer_t){2, "m", "y", "b"});
    hand_fill(r);
    assert_true(in_hand(1) && in_hand(2));
    limits_offer(r, (offer_t){3, "m", "x", "c"});
    limits_offer(r, (offer_t){4, "m", "y", "c"}); /* stands for 3, which waited for a slot of x */
    hand_fill(r);
    assert_int_equal(rig_state(r, 3), STATE_DONE);
    hand_ok(r, 1);
    assert_false(in_hand(4));
    limits_offer(r, (offer_t){5, "m", "x", "d"});
    hand_fill(r);
    assert_true(in_hand(5)); /* it did not take the slot of x */
    hand_ok(r, 2);
    assert_true(in_hand(4));
    rig_destroy(r);
}

static void order(rig_t *r, const char *verb, unsigned n, const char *class)
{
    char id[MSGID_TEXT], args[100];
    msgid_t of = rig_id(n);
    msgid_text(&of, id);
    snprintf(args, sizeof args, class ? "{\"id\":\"%s\",\"class\":\"%s\"}" : "{\"id\":\"%s\"}", id,
             class);
    rig_ask(r, verb, args);
}

static void a_class_that_it_has_already_leaves_a_message_its_place(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'one':{'slots':1}", ROUTE("a", "", CALL("'limits':['one'],")));
    limits_offers(r, (offer_t){1, "a", .class = CLASS_NORMAL}, 5);
    limits_offers(r, (offer_t){11, "a", .key = "k", .class = CLASS_NORMAL}, 3);
    limits_offer(r, (offer_t){21, "a", .class = CLASS_NORMAL});
    hand_fill(r);
    order(r, "prioritise", 2, "normal");
    order(r, "prioritise", 12, "low"); /* its key still waits with class normal */
    for (unsigned n = 1; n <= 5; n++) {
        assert_true(in_hand(n));
        hand_ok(r, n);
    }
    assert_true(in_hand(11));
    rig_destroy(r);
}

static void
a_critical_one_is_accepted_for_its_reserved_slot_while_others_wait_for_the_rest(void **s)
{
    (void)s;
    rig_t *r = limits_rig(
        "", "'door':{'slots':2,'reserved':1,'at_limit':'reject'}",
        ROUTE("a", "'limits':['door'],", CALL("'backoff_base_ms':10,'backoff_cap_ms':10,")));
    limits_offer(r, (offer_t){1, "a", .class = CLASS_LOW});
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_ACCEPTED);
    hand_fill(r);
    hand_settle(r, 1, OUTCOME_RETRY, 500, 0); /* its slot is another's while it waits */
    limits_offer(r, (offer_t){2, "a", .class = CLASS_LOW});
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_ACCEPTED);
    rig_pass(r, US_PER_S); /* the first one waits at the limit */
    limits_offer(r, (offer_t){3, "a", .class = CLASS_LOW});
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_LIMITED);
    limits_offer(r, (offer_t){4, "a", .class = CLASS_CRITICAL});
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_ACCEPTED);
    limits_offer(r, (offer_t){5, "a", .class = CLASS_CRITICAL});
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_LIMITED);
    hand_fill(r);
    rig_destroy(r);
}

static void a_clock_that_is_set_back_makes_nobody_wait_longer(void **s)
{
    (void)s;
    for (unsigned dies = 0; dies < 2; dies++) {
        rig_t *r = limits_rig("", "'one':{'slots':1}", ROUTE("a", "", CALL("'limits':['one'],")));
        unsigned n = 3, seconds = 0;
        limits_offer(r, (offer_t){1, "a", .class = CLASS_HIGH});
        hand_fill(r);
        r->now.wall.us += 3600 * US_PER_S;
        limits_offer(r, (offer_t){2, "a", .class = CLASS_LOW}); /* accepted an hour ahead */
        r->now.wall.us -= 3600 * US_PER_S;
        if (dies) {
            limits_restart(r, false);
            rig_pass(r, 40 * US_PER_S);
        }
        for (; !in_hand(2) && seconds < 800; seconds += 10) {
            limits_offer(r, (offer_t){n++, "a", .class = CLASS_HIGH});
            rig_pass(r, 10 * US_PER_S);
            hand_fill(r);
            for (unsigned m = 1; hand.count == 1 && !in_hand(2) && m < n; m++)
                if (in_hand(m)) {
                    hand_ok(r, m);
                    break;
                }
        }
        assert_true(in_hand(2) && seconds >= 600); /* the head start of class high is 720 s */
        rig_destroy(r);
    }
}

static void a_redriven_message_keeps_the_class_that_it_was_given(void **s)
{
    (void)s;
    for (unsigned dies = 0; dies < 2; dies++) {
        rig_t *r = limits_rig("", "'one':{'slots':1}", ROUTE("a", "", CALL("'limits':['one'],")));
        limits_offers(r, (offer_t){1, "a", .class = CLASS_NORMAL}, 5);
        hand_fill(r);
        order(r, "prioritise", 5, "critical");
        order(r, "cancel", 5, NULL);
        order(r, "dead.redrive", 5, NULL);
        if (dies) {
            limits_restart(r, false);
            hand_fill(r);
        } else {
            hand_ok(r, 1);
        }
        assert_true(in_hand(5));
        rig_destroy(r);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_costly_one_that_waits_first_is_not_passed_by_those_whom_another_limit_woke),
    cmocka_unit_test(those_whom_one_limit_woke_for_the_next_keep_their_order),
    cmocka_unit_test(who_is_merged_hands_its_place_to_the_newer_one),
    cmocka_unit_test(who_is_merged_is_as_old_as_itself),
    cmocka_unit_test(who_is_merged_into_another_label_value_waits_for_that_one),
    cmocka_unit_test(a_class_that_it_has_already_leaves_a_message_its_place),
    cmocka_unit_test(
        a_critical_one_is_accepted_for_its_reserved_slot_while_others_wait_for_the_rest),
    cmocka_unit_test(a_clock_that_is_set_back_makes_nobody_wait_longer),
    cmocka_unit_test(a_redriven_message_keeps_the_class_that_it_was_given),
};
LIMITS_MAIN(tests)
