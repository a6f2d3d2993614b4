/* Limits whose numbers are changed while work waits for them: what was taken stays taken. */
#include "limits_rig.h"

#define HOUR_US (3600 * US_PER_S)

static void set_to(rig_t *r, const char *numbers)
{
    char args[96];
    snprintf(args, sizeof args, "{\"name\":\"of\",%s}", numbers);
    assert_int_equal(rig_ask(r, "limits.set", args)->status, 200);
}

static rig_t *rate_rig(const char *of)
{
    char limits[128];
    snprintf(limits, sizeof limits, "'of':{%s}", of);
    return limits_rig("", limits, ROUTE("a", "", CALL("'limits':['of'],")));
}

static void a_configured_burst_stays_when_the_count_is_set(void **s)
{
    (void)s;
    static const struct {
        const char *of, *set, *value;
        unsigned at_once;
    } rows[] = {
        {"'rate':{'count':20,'per_ms':20000,'burst':1}", "\"rate\":19", "", 1},
        {"'rate':{'count':20,'per_ms':20000,'burst':1}", "\"rate\":40", "", 1},
        {"'rate':{'count':20,'per_ms':20000,'burst':5}", "\"rate\":3", "", 3},
        {"'rate':{'count':2,'per_ms':20000,'burst':8}", "\"rate\":3", "", 8},
        {"'rate':{'count':4,'per_ms':20000}", "\"rate\":6", "", 6},
        {"'rate':{'count':4,'per_ms':20000}", "\"rate\":3", "", 3},
        {"'rate':{'count':4,'per_ms':20000,'shape':'spacing'}", "\"rate\":6", "", 1},
        {"'rate':{'count':9,'per_ms':20000,'burst':1},'per':['l'],'overrides':{'x':7}",
         "\"rate\":8", "x", 1},
        {"'rate':{'count':9,'per_ms':20000},'per':['l']", "\"rate\":7,\"value\":\"x\"", "x", 7},
    };
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        rig_t *r = rate_rig(rows[n].of);
        limits_offer(r, (offer_t){1, "a", rows[n].value});
        hand_fill(r);
        hand_ok(r, 1);
        set_to(r, rows[n].set);
        rig_pass(r, HOUR_US);
        limits_offers(r, (offer_t){2, "a", rows[n].value}, 12);
        assert_int_equal(hand_fill(r), rows[n].at_once);
        rig_destroy(r);
    }
}

static void what_was_taken_before_a_rate_was_set_counts_as_so_many_calls_of_the_new_one(void **s)
{
    (void)s;
    static const struct {
        const char *rate, *set;
        int64_t kept_us; /* the second call */
    } rows[] = {
        {"'count':1,'per_ms':3600000,'burst':1", "\"rate\":100,\"per_ms\":1000", 10 * US_PER_MS},
        {"'count':1,'per_ms':3600000,'burst':1", "\"rate\":2", HOUR_US / 2},
        {"'count':1,'per_ms':3600000,'burst':1", "\"per_ms\":60000", 60 * US_PER_S},
        {"'count':100,'per_ms':1000,'burst':1", "\"rate\":1,\"per_ms\":3600000", HOUR_US},
        {"'count':100,'per_ms':1000,'burst':1", "\"rate\":50", 20 * US_PER_MS},
    };
    for (size_t n = 0; n < 2 * COUNT_OF(rows); n++) {
        char of[128];
        snprintf(of, sizeof of, "'rate':{%s}", rows[n / 2].rate);
        rig_t *r = rate_rig(of);
        limits_offers(r, (offer_t){1, "a"}, 2);
        assert_int_equal(hand_fill(r), 1);
        int64_t taken_us = limits_self(r)->now.at.us;
        set_to(r, rows[n / 2].set);
        if (n % 2 == 1)
            limits_restart(r, false);
        int64_t left = taken_us + rows[n / 2].kept_us - limits_self(r)->now.at.us;
        rig_pass(r, left - 5 * US_PER_MS);
        assert_false(in_hand(2));
        hand_fill(r);
        assert_false(in_hand(2));
        rig_pass(r, 10 * US_PER_MS);
        hand_fill(r);
        assert_true(in_hand(2));
        rig_destroy(r);
    }
}

#define COSTS(cost) CALL("'limits':['of'],'costs':{'of':" cost "},")

static void what_costs_more_than_a_values_override_is_a_dead_letter_and_keeps_nobody(void **s)
{
    (void)s;
    static const char *const limits[] = {
        "'of':{'slots':5,'per':['l'],'overrides':{'a':1}}",
        "'of':{'rate':{'count':5,'per_ms':1000},'per':['l'],'overrides':{'a':1}}",
        "'of':{'rate':{'count':5,'per_ms':1000,'shape':'window'},'per':['l'],'overrides':{'a':1}}",
    };
    for (size_t n = 0; n < 2 * COUNT_OF(limits); n++) {
        bool of_route = n % 2 == 1;
        rig_t *r = limits_rig(
            "", limits[n / 2],
            of_route ? ROUTE("two", "'limits':['of'],'costs':{'of':2},",
                             CALL("")) "," ROUTE("one", "'limits':['of'],", CALL(""))
                     : ROUTE("two", "", COSTS("2")) "," ROUTE("one", "", CALL("'limits':['of'],")));
        limits_offer(r, (offer_t){1, "two", "a"});
        limits_offer(r, (offer_t){2, "one", "a"});
        limits_offer(r, (offer_t){3, "two", "b"});
        hand_fill(r);
        assert_true(hand.count == 2 && in_hand(2) && in_hand(3));
        assert_int_equal(rig_state(r, 1), STATE_DEAD);
        msgid_t id = rig_id(1);
        assert_true(bytes_is(memory_disk_find(r->disk, &id)->progress.reason,
                             "never_fits: limit of has 1 for it, and its cost is 2"));
        rig_destroy(r);
    }
}

static void what_never_fits_is_not_told_at_the_door_to_come_again(void **s)
{
    (void)s;
    rig_t *r =
        limits_rig("", "'of':{'slots':5,'per':['l'],'overrides':{'a':1},'at_limit':'reject'}",
                   ROUTE("two", "'limits':['of'],'costs':{'of':2},", CALL("")));
    limits_offer(r, (offer_t){1, "two", "a"});
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_REFUSED);
    limits_offer(r, (offer_t){2, "two", "b"});
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_ACCEPTED);
    rig_destroy(r);
}

static void what_never_fits_holds_or_skips_as_its_route_says_of_failures(void **s)
{
    (void)s;
    rig_t *r = limits_rig(
        "", "'of':{'slots':5,'per':['l'],'overrides':{'a':1}}",
        ROUTE("block", "'on_failure':'block',", COSTS("2")) "," ROUTE(
            "skip", "'on_failure':'skip',", COSTS("2")) "," ROUTE("job",
                                                                  "'on_failure':'skip','limits':["
                                                                  "'of'],'costs':{'of':2},",
                                                                  CALL("")));
    limits_offer(r, (offer_t){1, "block", "a"});
    limits_offer(r, (offer_t){2, "skip", "a"});
    limits_offer(r, (offer_t){3, "job", "a"});
    assert_int_equal(hand_fill(r), 0);
    assert_int_equal(rig_state(r, 1), STATE_HELD);
    assert_true(is_done(r, 2));
    assert_int_equal(rig_state(r, 3), STATE_DEAD);
    rig_destroy(r);
}

#define VIP "'classes':[{'when':{'/message/k':'vip'},'class':'critical'}],"

static void what_costs_more_than_its_class_may_ever_use_is_a_dead_letter_and_keeps_nobody(void **s)
{
    (void)s;
    static const char *const routes[] = {
        ROUTE("three", VIP, COSTS("3")) "," ROUTE("one", "", COSTS("1")),
        ROUTE("three", VIP "'limits':['of'],'costs':{'of':3},", CALL("")) "," ROUTE("one", "",
                                                                                    COSTS("1"))};
    for (size_t n = 0; n < COUNT_OF(routes); n++) {
        rig_t *r = limits_rig("", "'of':{'slots':4,'reserved':2}", routes[n]);
        limits_offer(r, (offer_t){1, "three", .class = CLASS_NORMAL});
        limits_offer(r, (offer_t){2, "one", .class = CLASS_NORMAL});
        hand_fill(r);
        assert_true(hand.count == 1 && in_hand(2));
        assert_int_equal(rig_state(r, 1), STATE_DEAD);
        msgid_t id = rig_id(1);
        assert_true(bytes_is(memory_disk_find(r->disk, &id)->progress.reason,
                             "never_fits: limit of has 2 for it, and its cost is 3"));
        limits_offer(r, (offer_t){3, "three", .class = CLASS_CRITICAL});
        assert_int_equal(hand_fill(r), 1);
        rig_destroy(r);
    }
}

static void what_its_class_may_never_use_is_not_told_at_the_door_to_come_again(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'of':{'slots':4,'reserved':2,'at_limit':'reject'}",
                          ROUTE("three", VIP "'limits':['of'],'costs':{'of':3},", CALL("")));
    limits_offer(r, (offer_t){1, "three", .class = CLASS_LOW});
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_REFUSED);
    limits_offer(r, (offer_t){2, "three", .class = CLASS_CRITICAL});
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_ACCEPTED);
    rig_destroy(r);
}

static void a_class_for_which_a_person_left_nothing_waits(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'of':{'slots':4,'reserved':2}", ROUTE("one", "", COSTS("1")));
    set_to(r, "\"slots\":2");
    limits_offer(r, (offer_t){1, "one", .class = CLASS_NORMAL});
    assert_int_equal(hand_fill(r), 0);
    assert_int_equal(rig_state(r, 1), STATE_QUEUED);
    set_to(r, "\"slots\":3");
    assert_int_equal(hand_fill(r), 1);
    rig_destroy(r);
}

/* A low one before a critical one of its key has what that may have, until it is alone. */
static void whether_it_fits_goes_by_the_class_that_its_key_runs_at(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'of':{'slots':4,'reserved':2}",
                          ROUTE("three", VIP, COSTS("3")) "," ROUTE("one", "", COSTS("1")));
    limits_offers(r, (offer_t){1, "one", .class = CLASS_NORMAL}, 2);
    assert_int_equal(hand_fill(r), 2);
    limits_offers_at_once(r, (offer_t){11, "three", .key = "k", .class = CLASS_CRITICAL}, 1);
    char labels[128];
    msg_submit_t low =
        limits_submit((offer_t){12, "three", .key = "k", .class = CLASS_LOW}, labels);
    rig_say(r, CONN_INGRESS, MESSAGE_SUBMIT, &low);
    hand_ok(r, 1);
    hand_fill(r);
    assert_true(in_hand(11));
    hand_ok(r, 11);
    assert_int_equal(rig_state(r, 12), STATE_DEAD);
    rig_destroy(r);
}

static void what_waits_and_fits_no_more_is_told_at_once(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'of':{'slots':5,'per':['l'],'overrides':{'a':1}}",
                          ROUTE("two", "", COSTS("2")));
    set_to(r, "\"slots\":4,\"value\":\"a\"");
    limits_offers(r, (offer_t){1, "two", "a"}, 4);
    assert_int_equal(hand_fill(r), 2);
    assert_int_equal(rig_state(r, 3), STATE_QUEUED);
    rig_ask(r, "limits.reset", "{\"name\":\"of\",\"value\":\"a\"}");
    assert_int_equal(rig_state(r, 3), STATE_DEAD);
    assert_int_equal(rig_state(r, 4), STATE_DEAD);
    hand_ok(r, 1);
    hand_ok(r, 2); /* what runs ends */
    assert_true(is_done(r, 1) && is_done(r, 2));
    rig_destroy(r);
}

static void a_person_cannot_set_less_than_one_message_takes_nor_what_never_comes_back(void **s)
{
    (void)s;
    static const struct {
        const char *of, *set;
        unsigned status;
    } rows[] = {
        {"'slots':8,'share_by':'l','max_share_percent':50", "\"slots\":5", 409},
        {"'slots':8,'share_by':'l','max_share_percent':50", "\"slots\":6", 200},
        {"'slots':8,'reserved':2", "\"slots\":4", 409},
        {"'slots':8,'reserved':2", "\"slots\":5", 200},
        {"'slots':8,'reserved':2,'reserved_class':'normal'", "\"slots\":4", 200},
        {"'rate':{'count':5,'per_ms':1000}", "\"rate\":2", 409},
        {"'rate':{'count':5,'per_ms':1000}", "\"rate\":3", 200},
        {"'rate':{'count':2,'per_ms':1000,'burst':9}", "\"rate\":1", 409},
        {"'rate':{'count':5,'per_ms':1000,'shape':'window'}", "\"rate\":2", 409},
        {"'rate':{'count':5,'per_ms':1000},'per':['l']", "\"rate\":2,\"value\":\"a\"", 409},
        {"'rate':{'count':5,'per_ms':1000,'burst':1000000}", "\"per_ms\":86400000", 400},
        {"'rate':{'count':5,'per_ms':1000,'burst':1000000}", "\"per_ms\":1000000", 200},
    };
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        char limits[128], args[96];
        snprintf(limits, sizeof limits, "'of':{%s}", rows[n].of);
        snprintf(args, sizeof args, "{\"name\":\"of\",%s}", rows[n].set);
        rig_t *r = limits_rig("", limits, ROUTE("three", "", COSTS("3")));
        assert_int_equal(rig_ask(r, "limits.set", args)->status, rows[n].status);
        rig_destroy(r);
    }
}

static void a_period_set_by_hand_that_another_burst_does_not_fit_is_forgotten(void **s)
{
    (void)s;
    rig_t *r = rate_rig("'rate':{'count':1,'per_ms':1000,'burst':2}");
    set_to(r, "\"per_ms\":86400000");
    rig_crash(r);
    r->config->limits[0].rate.burst = 1000000; /* the configuration was changed meanwhile */
    rig_start(r);
    limits_up(r);
    limits_offer(r, (offer_t){1, "a"});
    assert_int_equal(hand_fill(r), 1);
    assert_int_equal(limits_self(r)->limits[0].period_us, US_PER_S);
    rig_destroy(r);
}

static void nobody_dies_of_a_value_that_may_do_nothing_for_now(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'of':{'slots':5,'per':['l'],'overrides':{'a':0}}",
                          ROUTE("two", "", COSTS("2")));
    limits_offer(r, (offer_t){1, "two", "a"});
    assert_int_equal(hand_fill(r), 0);
    assert_int_equal(rig_state(r, 1), STATE_QUEUED);
    set_to(r, "\"slots\":4,\"value\":\"a\"");
    hand_fill(r);
    assert_true(in_hand(1));
    rig_destroy(r);
}

static void a_label_value_is_cut_between_characters(void **s)
{
    (void)s;
    char labels[300] = "{\"l\":\"", value[LABEL_VALUE_MAX + 1];
    memset(labels + 6, 'a', LABEL_VALUE_MAX - 1);
    strcpy(labels + 6 + LABEL_VALUE_MAX - 1, "\xc3\xa9\"}");
    label_value(&(label_values_t){.labels = bytes_str(labels)}, "l", value);
    assert_int_equal(strlen(value), LABEL_VALUE_MAX - 1);
}

static void who_is_refused_for_its_cost_is_told_when_that_much_is_free(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'door':{'slots':4,'at_limit':'reject'}",
                          ROUTE("a", "'limits':['door'],", CALL("")) "," ROUTE(
                              "b", "'limits':['door'],'costs':{'door':4},", CALL("")));
    limits_offers(r, (offer_t){1, "a"}, 4);
    for (unsigned n = 1; n <= 4; n++)
        rig_verdict(r);
    hand_fill(r);
    for (unsigned n = 1; n <= 4; n++) { /* a slot comes back each ten seconds */
        rig_pass(r, 10 * US_PER_S);
        hand_ok(r, n);
        limits_offer(r, (offer_t){10 + n, "a"});
        rig_verdict(r);
        hand_fill(r);
    }
    limits_offer(r, (offer_t){20, "a"});
    uint64_t one = rig_verdict(r)->retry_after_ms;
    limits_offer(r, (offer_t){21, "b"});
    uint64_t four = rig_verdict(r)->retry_after_ms;
    assert_true(one >= 9000 && one <= 11000);
    assert_true(four >= 39000 && four <= 41000);
    rig_destroy(r);
}

/* Every value as long as it may be; three limits by four of them. */
static void label_values_that_are_too_long_together_are_refused_or_fail_for_good(void **s)
{
    (void)s;
    static const char *const routes[] = {"'limits':['x','y','z'],'steps':[" CALL("") "]",
                                         "'steps':[" CALL("'limits':['x','y','w'],") "]"};
    char value[201], labels[1400];
    memset(value, 'a', 200);
    value[200] = '\0';
    snprintf(labels, sizeof labels,
             "{\"l\":\"%s\",\"m\":\"%s\",\"n\":\"%s\",\"o\":\"%s\",\"p\":\"%s\"}", value, value,
             value, value, value);
    for (size_t n = 0; n < COUNT_OF(routes); n++) {
        char route[1024];
        snprintf(route, sizeof route,
                 "'a':{'path':'/a','source':'s','labels':{'l':'/message/l','m':'/message/m','n':"
                 "'/message/n','o':'/message/o','p':'/message/p'},%s}",
                 routes[n]);
        rig_t *r = limits_rig("",
                              "'x':{'slots':9,'per':['l','m','n','o'],'share_by':'p',"
                              "'max_share_percent':50},"
                              "'y':{'slots':9,'per':['l','m','n','o'],'share_by':'p',"
                              "'max_share_percent':50},"
                              "'w':{'slots':9,'per':['l','m','n','o']},"
                              "'z':{'slots':9,'per':['l','m','n','o'],'at_limit':'reject'}",
                              route);
        char unused[128];
        msg_submit_t m = limits_submit((offer_t){1, "a"}, unused);
        m.labels = bytes_str(labels);
        rig_say(r, CONN_INGRESS, MESSAGE_SUBMIT, &m);
        assert_int_equal(rig_verdict(r)->verdict, n ? VERDICT_ACCEPTED : VERDICT_REFUSED);
        assert_int_equal(rig_state(r, 1), n ? STATE_DEAD : 255);
        rig_destroy(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configured_burst_stays_when_the_count_is_set),
        cmocka_unit_test(
            what_was_taken_before_a_rate_was_set_counts_as_so_many_calls_of_the_new_one),
        cmocka_unit_test(what_costs_more_than_a_values_override_is_a_dead_letter_and_keeps_nobody),
        cmocka_unit_test(what_never_fits_is_not_told_at_the_door_to_come_again),
        cmocka_unit_test(what_never_fits_holds_or_skips_as_its_route_says_of_failures),
        cmocka_unit_test(
            what_costs_more_than_its_class_may_ever_use_is_a_dead_letter_and_keeps_nobody),
        cmocka_unit_test(what_its_class_may_never_use_is_not_told_at_the_door_to_come_again),
        cmocka_unit_test(a_class_for_which_a_person_left_nothing_waits),
        cmocka_unit_test(whether_it_fits_goes_by_the_class_that_its_key_runs_at),
        cmocka_unit_test(what_waits_and_fits_no_more_is_told_at_once),
        cmocka_unit_test(a_person_cannot_set_less_than_one_message_takes_nor_what_never_comes_back),
        cmocka_unit_test(a_period_set_by_hand_that_another_burst_does_not_fit_is_forgotten),
        cmocka_unit_test(a_label_value_is_cut_between_characters),
        cmocka_unit_test(who_is_refused_for_its_cost_is_told_when_that_much_is_free),
        cmocka_unit_test(label_values_that_are_too_long_together_are_refused_or_fail_for_good),
        cmocka_unit_test(nobody_dies_of_a_value_that_may_do_nothing_for_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
