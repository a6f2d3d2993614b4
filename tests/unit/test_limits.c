/* Limits: who gets a slot or a token, who waits, and what comes back. */
#include "limits_rig.h"

static void each_label_value_has_slots_of_its_own_and_the_most_specific_override_counts(void **s)
{
    (void)s;
    rig_t *r = limits_rig(
        "", "'of':{'slots':1,'per':['l'],'overrides':{'big':3,'x-*':2,'x-small':1,'default':1}}",
        ROUTE("a", "", CALL("'limits':['of'],")));
    static const struct {
        const char *value;
        unsigned slots;
    } rows[] = {{"big", 3}, {"x-9", 2}, {"x-small", 1}, {"other", 1}, {"", 1}};
    for (unsigned n = 0; n < COUNT_OF(rows); n++) {
        limits_offers(r, (offer_t){10 * n + 1, "a", rows[n].value}, 5);
        assert_int_equal(hand_fill(r), rows[n].slots);
    }
    hand_ok(r, 1);
    assert_true(in_hand(4)); /* a freed slot of big wakes one of big */
    rig_destroy(r);
}

static void all_limits_of_a_step_are_taken_or_none(void **s)
{
    (void)s;
    rig_t *r =
        limits_rig("", "'slots':{'slots':2},'pace':{'rate':{'count':1,'per_ms':10000,'burst':1}}",
                   ROUTE("both", "", CALL("'limits':['slots','pace'],")) "," ROUTE(
                       "one", "", CALL("'limits':['slots'],")));
    limits_offers(r, (offer_t){1, "both"}, 2);
    assert_int_equal(hand_fill(r), 1); /* the second waits for the pace, without a slot */
    limits_offers(r, (offer_t){11, "one"}, 2);
    assert_int_equal(hand_fill(r), 1);
    assert_true(in_hand(11));
    rig_pass(r, 10 * US_PER_S); /* the pace lets pass, but both slots are taken: it is not used */
    assert_int_equal(hand_fill(r), 0);
    hand_ok(r, 11);
    assert_true(in_hand(2) != in_hand(12));
    rig_destroy(r);
}

static void what_was_not_begun_gives_its_token_back(void **s)
{
    (void)s;
    static const char *const shapes[] = {
        "'pace':{'rate':{'count':1,'per_ms':60000,'burst':1}}",
        "'pace':{'rate':{'count':1,'per_ms':60000,'shape':'window'}}",
        "'pace':{'rate':{'count':1,'per_ms':60000,'shape':'spacing'}}",
        "'pace':{'cap':{'count':1,'each':'day'}}"};
    static const char *const routes[] = {ROUTE("a", "", CALL("'limits':['pace'],")),
                                         ROUTE("a", "'limits':['pace'],", CALL(""))};
    for (size_t n = 0; n < COUNT_OF(shapes) * COUNT_OF(routes); n++) {
        rig_t *r = limits_rig("", shapes[n / COUNT_OF(routes)], routes[n % COUNT_OF(routes)]);
        limits_offers(r, (offer_t){1, "a"}, 2);
        assert_int_equal(hand_fill(r), 1);
        hand_settle(r, 1, OUTCOME_UNBEGUN, 0, 0);
        assert_int_equal(hand.count, 1); /* the other one has it */
        hand_ok(r, 2);
        assert_int_equal(hand.count, 0);
        rig_pass(r, 2 * US_PER_S);
        assert_int_equal(hand_fill(r), 0); /* and nothing is left */
        rig_destroy(r);
    }
}

static void a_limit_of_the_route_is_held_over_its_steps_and_given_back_in_backoff(void **s)
{
    (void)s;
    for (int keeps = 0; keeps < 2; keeps++) {
        rig_t *r = limits_rig(
            "", "'job':{'slots':1}",
            ROUTE("gives", "'limits':['job'],",
                  "{'name':'one','call':{'downstream':'d','path':'/x'}}," CALL(
                      "")) "," ROUTE("keeps", "'limits':['job'],'keep_slots_in_backoff':true,",
                                     "{'name':'one','call':{'downstream':'d','path':'/x'}}," CALL(
                                         "")));
        limits_offers(r, (offer_t){1, keeps ? "keeps" : "gives"}, 2);
        assert_int_equal(hand_fill(r), 1);
        hand_ok(r, 1);
        assert_true(in_hand(1) && !in_hand(2)); /* its second step, still with the job's slot */
        hand_settle(r, 1, OUTCOME_RETRY, 500, 0);
        assert_int_equal(in_hand(2), !keeps);
        rig_pass(r, 60 * US_PER_S);
        hand_fill(r);
        assert_int_equal(in_hand(1), keeps);
        hand_ok(r, keeps ? 1 : 2);
        rig_destroy(r);
    }
}

static void what_is_rejected_at_the_door_leaves_no_dedup_id(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'door':{'slots':1,'at_limit':'reject'}",
                          ROUTE("a", "'limits':['door'],", CALL("")));
    limits_offer(r, (offer_t){1, "a"});
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_ACCEPTED);
    limits_offer(r, (offer_t){2, "a"});
    const msg_verdict_t *v = rig_verdict(r);
    assert_int_equal(v->verdict, VERDICT_LIMITED);
    assert_true(bytes_is(v->reason, "rate_limit_exceeded") && v->retry_after_ms > 0);
    assert_int_equal(rig_state(r, 2), 255);
    hand_fill(r);
    limits_restart(r, false);
    limits_offer(r, (offer_t){2, "a"}); /* what is queued has its slot after a restart too */
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_LIMITED);
    hand_fill(r);
    hand_ok(r, 1);
    limits_offer(r, (offer_t){2, "a"});
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_ACCEPTED);
    rig_destroy(r);
}

static void an_observed_limit_lets_pass_and_counts_whom_it_would_keep(void **s)
{
    (void)s;
    static const char *const kinds[] = {
        "'of':{'observe':true,'slots':2}",
        "'of':{'observe':true,'rate':{'count':2,'per_ms':60000}}",
        "'of':{'observe':true,'rate':{'count':2,'per_ms':60000,'shape':'window'}}",
        "'of':{'observe':true,'cap':{'count':2,'each':'day'}}"};
    for (size_t n = 0; n < COUNT_OF(kinds); n++) {
        rig_t *r = limits_rig("", kinds[n], ROUTE("a", "", CALL("'limits':['of'],")));
        limits_offers(r, (offer_t){1, "a"}, 5);
        assert_int_equal(hand_fill(r), 5);
        assert_int_equal(limits_bucket(r, "of")->of->would_keep, 3);
        rig_destroy(r);
    }
}

static void no_value_holds_more_than_its_share_but_always_one(void **s)
{
    (void)s;
    rig_t *r = limits_rig("",
                          "'wide':{'slots':8,'max_share_percent':25,'share_by':'l'},"
                          "'narrow':{'slots':2,'max_share_percent':10,'share_by':'l'}",
                          ROUTE("a", "", CALL("'limits':['wide'],")) "," ROUTE(
                              "b", "", CALL("'limits':['narrow'],")));
    limits_offers(r, (offer_t){1, "a", "x"}, 10);
    assert_int_equal(hand_fill(r), 2);
    limits_offers(r, (offer_t){21, "a", "y"}, 10);
    assert_int_equal(hand_fill(r), 2);
    limits_offers(r, (offer_t){41, "b", "x"}, 3);
    assert_int_equal(hand_fill(r), 1);
    hand_ok(r, 1);
    assert_true(in_hand(3) && hand.count == 5);
    rig_destroy(r);
}

static void reserved_slots_are_for_their_class_though_others_waited_longer(void **s)
{
    (void)s;
    rig_t *r = limits_rig("'queue':{'head_start':{'critical_s':20,'high_s':15,'normal_s':10}},",
                          "'of':{'slots':3,'reserved':1,'reserved_class':'critical'}",
                          ROUTE("a", "", CALL("'limits':['of'],")));
    limits_offers(r, (offer_t){1, "a", .class = CLASS_NORMAL}, 4);
    assert_int_equal(hand_fill(r), 2);
    limits_offer(r, (offer_t){11, "a", .class = CLASS_CRITICAL});
    assert_int_equal(hand_fill(r), 1);
    rig_pass(r, 60 * US_PER_S); /* by now the normal ones stand before any new critical one */
    limits_offer(r, (offer_t){12, "a", .class = CLASS_CRITICAL});
    assert_int_equal(hand_fill(r), 0);
    hand_ok(r, 11);
    assert_true(in_hand(12) && !in_hand(3));
    hand_ok(r, 12);
    limits_offer(r, (offer_t){13, "a", .class = CLASS_CRITICAL});
    hand_fill(r);
    assert_true(in_hand(13));
    rig_destroy(r);
}

static void a_cost_takes_as_many_and_a_small_one_does_not_overtake_a_great_one(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'of':{'slots':4}",
                          ROUTE("big", "", CALL("'limits':['of'],'costs':{'of':3},")) "," ROUTE(
                              "small", "", CALL("'limits':['of'],")));
    limits_offers(r, (offer_t){1, "small"}, 2);
    assert_int_equal(hand_fill(r), 2);
    limits_offer(r, (offer_t){11, "big"});
    limits_offer(r, (offer_t){3, "small"});
    assert_int_equal(hand_fill(r), 0);
    hand_ok(r, 1);
    assert_true(in_hand(11) && !in_hand(3)); /* one and three: full */
    hand_ok(r, 11);
    assert_true(in_hand(3));
    rig_destroy(r);
}

static void after_a_restart_those_who_wait_for_a_limit_stand_in_their_order(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'of':{'slots':1}", ROUTE("a", "", CALL("'limits':['of'],")));
    limits_offers(r, (offer_t){1, "a"}, 5);
    assert_int_equal(hand_fill(r), 1);
    limits_restart(r, false); /* their letters are read anew; the first was in nobody's hands */
    for (unsigned next = 2, done = 0; done < 5; done++) {
        hand_fill(r);
        assert_int_equal(hand.count, 1);
        if (!in_hand(1))
            assert_true(in_hand(next++));
        hand_ok(r, in_hand(1) ? 1 : next - 1);
    }
    rig_destroy(r);
}

/* 2023-11-14 22:13:20 UTC: an hour less 13 minutes before midnight in London, after it in Berlin.
 */
static void a_calendar_cap_begins_anew_in_its_zone(void **s)
{
    (void)s;
    rig_t *r = limits_rig("",
                          "'london':{'cap':{'count':2,'each':'day','zone':'Europe/London'}},"
                          "'berlin':{'cap':{'count':2,'each':'day','zone':'Europe/Berlin'}}",
                          ROUTE("l", "", CALL("'limits':['london'],")) "," ROUTE(
                              "b", "", CALL("'limits':['berlin'],")));
    limits_offers(r, (offer_t){1, "l"}, 5);
    limits_offers(r, (offer_t){11, "b"}, 5);
    assert_int_equal(hand_fill(r), 4);
    rig_pass(r, 47 * 60 * US_PER_S); /* 23:00:20 UTC: midnight in Berlin */
    assert_int_equal(hand_fill(r), 2);
    assert_true(in_hand(14) && !in_hand(3));
    for (unsigned n = 1; n <= 2; n++) {
        hand_ok(r, n);
        hand_ok(r, 10 + n);
        hand_ok(r, 12 + n);
    }
    limits_restart(r, true); /* what was used up stays so, also after a reboot */
    limits_offers(r, (offer_t){21, "b"}, 1);
    hand_fill(r);
    assert_false(in_hand(21) || in_hand(3) || in_hand(15));
    rig_pass(r, 61 * 60 * US_PER_S);
    hand_fill(r);
    assert_true(in_hand(3));
    assert_true(in_hand(4));
    assert_false(in_hand(15));
    rig_destroy(r);
}

static void who_waits_for_the_calendar_notices_that_the_host_s_time_was_set(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'of':{'cap':{'count':1,'each':'hour'}}",
                          ROUTE("a", "", CALL("'limits':['of'],")));
    limits_offers(r, (offer_t){1, "a"}, 3);
    assert_int_equal(hand_fill(r), 1);
    rig_pass(r, US_PER_S);
    r->now.wall.us -= 3600 * US_PER_S; /* back: no second hour for that */
    rig_pass(r, US_PER_S);
    assert_int_equal(hand_fill(r), 0);
    r->now.wall.us += 2 * 3600 * US_PER_S; /* an hour ahead of what it was: a new one */
    rig_pass(r, US_PER_S);
    assert_int_equal(hand_fill(r), 1);
    r->now.wall.us -= 3600 * US_PER_S; /* and a message comes while it is wrong for a moment */
    limits_offer(r, (offer_t){9, "a"});
    r->now.wall.us += 3600 * US_PER_S;
    assert_int_equal(hand_fill(r), 0);
    rig_pass(r, 3600 * US_PER_S);
    assert_int_equal(hand_fill(r), 1);
    rig_destroy(r);
}

static void who_is_parked_in_a_drain_holds_nothing_of_what_it_took_at_the_door(void **s)
{
    (void)s;
    rig_t *r =
        limits_rig("", "'job':{'slots':1,'rate':{'count':2,'per_ms':60000},'at_limit':'reject'}",
                   ROUTE("a", "'limits':['job'],", CALL("")));
    limits_self(r)->mode = MODE_DRAINING;
    r->config->sources[0].at_drain = AT_DRAIN_HOLD;
    for (unsigned n = 1; n <= 3; n++) {
        limits_offer(r, (offer_t){n, "a"});
        assert_int_equal(rig_verdict(r)->verdict, VERDICT_ACCEPTED);
        assert_int_equal(rig_state(r, n), STATE_HELD);
        assert_int_equal(limits_bucket(r, "job")->in_use, 0);
    }
    limits_restart(r, false);
    assert_int_equal(hand_fill(r), 1); /* the drain did not last: one at once, as ever */
    hand_ok(r, 1);
    assert_true(in_hand(2));
    hand_ok(r, 2);
    assert_false(in_hand(3)); /* two in a minute */
    rig_destroy(r);
}

static void values_that_come_and_go_never_keep_the_next_out(void **s)
{
    (void)s;
    rig_t *r = limits_rig(
        "'queue':{'buckets_max':16},",
        "'of':{'slots':1,'per':['l'],'max_share_percent':50,'share_by':'key'},"
        "'pace':{'rate':{'count':1,'per_ms':10},'per':['l']}",
        ROUTE("a", "", CALL("'limits':['of'],")) "," ROUTE("b", "", CALL("'limits':['pace'],")));
    size_t at_first = limits_self(r)->bucket_count;
    for (unsigned n = 1; n <= 100; n++) { /* of slots at once */
        char value[8];
        snprintf(value, sizeof value, "%u", n);
        limits_offer(r, (offer_t){n, "a", .value = value, .key = value});
        assert_int_equal(hand_fill(r), 1);
        hand_ok(r, n);
    }
    rig_pass(r, 6 * US_PER_S);
    assert_int_equal(limits_self(r)->bucket_count, at_first);
    for (unsigned n = 101; n <= 400; n++) { /* of rates twice a second, once many are there */
        char value[8];
        snprintf(value, sizeof value, "%u", n);
        limits_offer(r, (offer_t){n, "b", .value = value});
    }
    for (unsigned n = 0; n < 60; n++) {
        for (hand_fill(r); hand.count > 0;) {
            unsigned id = 101;
            while (!in_hand(id))
                id++;
            hand_ok(r, id);
        }
        rig_pass(r, US_PER_S);
    }
    assert_true(is_done(r, 400));
    rig_destroy(r);
}

#define TWO_CALLS CALL("") ",{'name':'more','call':{'downstream':'d','path':'/y'}}"

static void a_step_that_fails_for_good_ends_blocks_or_is_left_out_as_its_route_says(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "",
                          ROUTE("dead", "'on_failure':'dead',", TWO_CALLS) "," ROUTE(
                              "block", "'on_failure':'block',",
                              TWO_CALLS) "," ROUTE("skip", "'on_failure':'skip',", TWO_CALLS));
    static const char *const routes[] = {"dead", "block", "skip"};
    for (unsigned n = 0; n < 3; n++) {
        limits_offer(r, (offer_t){10 * n + 1, routes[n], .key = "k"});
        limits_offer(r, (offer_t){10 * n + 2, routes[n], .key = "k"});
    }
    assert_int_equal(hand_fill(r), 3);
    for (unsigned n = 0; n < 3; n++)
        hand_settle(r, 10 * n + 1, OUTCOME_FAIL, 400, 0);
    assert_int_equal(rig_state(r, 1), STATE_DEAD);
    assert_true(in_hand(2));
    assert_int_equal(rig_state(r, 11), STATE_HELD);
    assert_false(in_hand(12));
    assert_true(in_hand(21) && bytes_is(hand.of[hand_find(21)]->step, "more"));
    assert_false(in_hand(22));
    hand_ok(r, 21);
    assert_true(is_done(r, 21) && in_hand(22));
    limits_restart(r, false);
    assert_int_equal(rig_state(r, 11), STATE_HELD); /* and goes on keeping its key */
    assert_false(in_hand(12));
    rig_destroy(r);
}

static void what_waits_longer_than_its_route_allows_is_a_dead_letter_and_takes_no_rate(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'of':{'rate':{'count':1,'per_ms':60000}}",
                          ROUTE("a", "'max_age_ms':50000,", CALL("'limits':['of'],")));
    for (unsigned n = 1; n <= 2; n++)
        limits_offer(r, (offer_t){n, "a"});
    assert_int_equal(hand_fill(r), 1);
    hand_ok(r, 1);
    rig_pass(r, 61 * US_PER_S);
    assert_int_equal(hand_fill(r), 0);
    assert_int_equal(rig_state(r, 2), STATE_DEAD);
    limits_offer(r, (offer_t){3, "a"});
    assert_int_equal(hand_fill(r), 1); /* the token is there still */
    rig_destroy(r);
}

static void who_is_too_old_ends_where_it_waits(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'of':{'slots':1}",
                          ROUTE("a", "'max_age_ms':50000,", CALL("'limits':['of'],")) "," ROUTE(
                              "b", "", CALL("'limits':['of'],")));
    limits_offer(r, (offer_t){1, "a", .key = "k"});
    limits_offer(r, (offer_t){2, "a", .key = "k"});
    limits_offer(r, (offer_t){3, "b"});
    limits_offer(r, (offer_t){4, "a"});
    hand_fill(r);
    assert_true(in_hand(1));
    rig_pass(r, 30 * US_PER_S);
    limits_offer(r, (offer_t){5, "a"});
    assert_int_equal(rig_state(r, 2), STATE_QUEUED);
    for (unsigned n = 0; n < 3; n++)
        rig_pass(r, 7 * US_PER_S); /* nothing frees, and the call of 1 goes on */
    assert_int_equal(rig_state(r, 2), STATE_DEAD);
    assert_int_equal(rig_state(r, 4), STATE_DEAD);
    assert_int_equal(rig_state(r, 3), STATE_QUEUED);
    assert_int_equal(rig_state(r, 5), STATE_QUEUED);
    hand_ok(r, 1);
    assert_true(is_done(r, 1) && in_hand(3));
    rig_destroy(r);
}

static void a_clock_set_forward_makes_nobody_too_old(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'of':{'slots':1}",
                          ROUTE("a", "'max_age_ms':50000,", CALL("'limits':['of'],")));
    for (unsigned n = 1; n <= 2; n++)
        limits_offer(r, (offer_t){n, "a"});
    hand_fill(r);
    r->now.wall.us += 3600 * US_PER_S;
    rig_pass(r, US_PER_S);
    hand_ok(r, 1);
    assert_true(in_hand(2));
    rig_destroy(r);
}

static void an_override_of_several_labels_is_written_as_people_see_them(void **s)
{
    (void)s;
    rig_t *r = limits_rig(
        "", "'of':{'slots':1,'per':['l','source'],'overrides':{'big, s':3,'x-*, s':2,'x-*':9}}",
        ROUTE("r", "", "{'name':'g','limits':['of'],'call':{'downstream':'d','path':'/x'}}"));
    static const struct {
        const char *value;
        unsigned slots;
    } rows[] = {{"big", 3}, {"x-1", 2}, {"small", 1}};
    for (unsigned n = 0; n < COUNT_OF(rows); n++) {
        hand.count = 0;
        for (unsigned k = 0; k < 4; k++)
            limits_offer(r, (offer_t){10 * n + k + 1, "r", .value = rows[n].value});
        assert_int_equal(hand_fill(r), rows[n].slots);
    }
    rig_destroy(r);
}

static void a_window_of_which_nothing_is_left_by_an_override_keeps_everybody(void **s)
{
    (void)s;
    rig_t *r = limits_rig(
        "",
        "'of':{'rate':{'count':2,'per_ms':60000,'shape':'window'},'per':['l'],"
        "'overrides':{'banned':0}},'ladder':{'slots':4,'per':['l'],'adaptive':{'floor':2},"
        "'overrides':{'banned':0}}",
        ROUTE("a", "", CALL("'limits':['of'],")) "," ROUTE("b", "", CALL("'limits':['ladder'],")));
    limits_offers(r, (offer_t){1, "a", "banned"}, 2);
    limits_offers(r, (offer_t){11, "b", "banned"}, 2);
    assert_int_equal(hand_fill(r), 0);
    limits_offers(r, (offer_t){21, "a", "free"}, 3);
    assert_int_equal(hand_fill(r), 2);
    rig_destroy(r);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(each_label_value_has_slots_of_its_own_and_the_most_specific_override_counts),
    cmocka_unit_test(all_limits_of_a_step_are_taken_or_none),
    cmocka_unit_test(what_was_not_begun_gives_its_token_back),
    cmocka_unit_test(a_limit_of_the_route_is_held_over_its_steps_and_given_back_in_backoff),
    cmocka_unit_test(what_is_rejected_at_the_door_leaves_no_dedup_id),
    cmocka_unit_test(an_observed_limit_lets_pass_and_counts_whom_it_would_keep),
    cmocka_unit_test(no_value_holds_more_than_its_share_but_always_one),
    cmocka_unit_test(reserved_slots_are_for_their_class_though_others_waited_longer),
    cmocka_unit_test(a_cost_takes_as_many_and_a_small_one_does_not_overtake_a_great_one),
    cmocka_unit_test(after_a_restart_those_who_wait_for_a_limit_stand_in_their_order),
    cmocka_unit_test(a_calendar_cap_begins_anew_in_its_zone),
    cmocka_unit_test(who_waits_for_the_calendar_notices_that_the_host_s_time_was_set),
    cmocka_unit_test(who_is_parked_in_a_drain_holds_nothing_of_what_it_took_at_the_door),
    cmocka_unit_test(values_that_come_and_go_never_keep_the_next_out),
    cmocka_unit_test(a_step_that_fails_for_good_ends_blocks_or_is_left_out_as_its_route_says),
    cmocka_unit_test(what_waits_longer_than_its_route_allows_is_a_dead_letter_and_takes_no_rate),
    cmocka_unit_test(who_is_too_old_ends_where_it_waits),
    cmocka_unit_test(a_clock_set_forward_makes_nobody_too_old),
    cmocka_unit_test(an_override_of_several_labels_is_written_as_people_see_them),
    cmocka_unit_test(a_window_of_which_nothing_is_left_by_an_override_keeps_everybody),
};
LIMITS_MAIN(tests)
