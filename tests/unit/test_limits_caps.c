/* Caps of the calendar: by hand, by value, and what they say of themselves. */
#include "limits_rig.h"

#define TO_MIDNIGHT_US (6401 * US_PER_S) /* the rig begins on 2023-11-14 at 22:13:20 UTC */
#define CAP "'cap':{'count':3,'each':'day'}"

static rig_t *cap_rig(const char *of)
{
    char limits[256];
    snprintf(limits, sizeof limits, "'of':{%s}", of);
    return limits_rig("", limits, ROUTE("a", "", CALL("'limits':['of'],")));
}

/* args: without the name, with ' for " */
static unsigned order(rig_t *r, const char *verb, const char *args)
{
    char json[256];
    snprintf(json, sizeof json, "{'name':'of'%s%s}", *args ? "," : "", args);
    for (char *c = json; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    return (unsigned)rig_ask(r, verb, json)->status;
}

static void set_to(rig_t *r, const char *args)
{
    assert_int_equal(order(r, "limits.set", args), 200);
}

/* The body of the answer about the limit, the caller's. */
static json_t *shown(rig_t *r)
{
    const msg_answer_t *a = rig_ask(r, "limits.ls", "{\"name\":\"of\"}");
    json_t *body = json_loadb((const char *)a->body.data, a->body.len, 0, NULL);
    json_t *row = json_array_get(json_object_get(body, "limits"), 0);
    assert_non_null(row);
    json_incref(row);
    json_decref(body);
    return row;
}

static json_int_t number(const json_t *row, const char *name)
{
    const json_t *value = json_object_get(row, name);
    if (!json_is_integer(value))
        fail_msg("no number %s", name);
    return json_integer_value(value);
}

static void end_all(rig_t *r, unsigned from, unsigned to)
{
    for (unsigned n = from; n <= to; n++)
        if (in_hand(n))
            hand_ok(r, n);
}

static void a_raised_cap_wakes_as_many_as_it_was_raised_by(void **s)
{
    (void)s;
    rig_t *r = cap_rig(CAP);
    limits_offers(r, (offer_t){1, "a"}, 12);
    assert_int_equal(hand_fill(r), 3);
    end_all(r, 1, 12);
    assert_int_equal(hand.count, 0);
    set_to(r, "'cap':5");
    assert_int_equal(hand_fill(r), 2);
    end_all(r, 1, 12);
    set_to(r, "'cap':6");
    assert_int_equal(hand_fill(r), 1);
    assert_true(in_hand(6));
    rig_pass(r, TO_MIDNIGHT_US);
    assert_int_equal(hand_fill(r), 6);
    assert_int_equal(limiter_repairs(limits_self(r)), 0);
    rig_destroy(r);
}

static void a_cap_below_what_is_used_keeps_until_the_next_period_and_ends_nothing(void **s)
{
    (void)s;
    rig_t *r = cap_rig(CAP);
    limits_offers(r, (offer_t){1, "a"}, 8);
    assert_int_equal(hand_fill(r), 3);
    set_to(r, "'cap':2");
    assert_int_equal(hand.count, 3);
    end_all(r, 1, 8);
    set_to(r, "'cap':3"); /* used up all the same */
    assert_int_equal(hand_fill(r), 0);
    set_to(r, "'cap':2");
    rig_pass(r, TO_MIDNIGHT_US - 2 * US_PER_S);
    assert_int_equal(hand_fill(r), 0);
    rig_pass(r, 2 * US_PER_S);
    assert_int_equal(hand_fill(r), 2);
    rig_destroy(r);
}

static void a_cap_set_by_hand_and_what_is_used_stay_over_restart_and_reboot(void **s)
{
    (void)s;
    for (int reboot = 0; reboot <= 1; reboot++) {
        rig_t *r = cap_rig(CAP);
        limits_offers(r, (offer_t){1, "a"}, 9);
        assert_int_equal(hand_fill(r), 3);
        end_all(r, 1, 9);
        set_to(r, "'cap':5,'why':'month end'");
        hand_fill(r);
        end_all(r, 1, 9);
        limits_restart(r, reboot);
        assert_int_equal(hand_fill(r), 0);
        json_t *row = shown(r);
        assert_int_equal(number(row, "cap"), 5);
        assert_int_equal(number(row, "cap_used"), 5);
        json_decref(row);
        assert_int_equal(order(r, "limits.reset", ""), 200);
        rig_pass(r, TO_MIDNIGHT_US);
        assert_int_equal(hand_fill(r), 3);
        rig_destroy(r);
    }
}

static void a_cap_of_none_keeps_all_and_forgets_nothing(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'of':{" CAP ",'per':['l']}",
                          ROUTE("a", "", CALL("'limits':['of'],'costs':{'of':2},")));
    limits_offer(r, (offer_t){1, "a"});
    assert_int_equal(hand_fill(r), 1);
    hand_ok(r, 1);
    set_to(r, "'cap':0");
    limits_offers(r, (offer_t){2, "a"}, 2);
    rig_pass(r, 2 * US_PER_S);
    assert_int_equal(hand_fill(r), 0);
    assert_int_equal(rig_state(r, 2), STATE_QUEUED); /* no dead letter, though 2 is more than 0 */
    rig_pass(r, TO_MIDNIGHT_US);
    assert_int_equal(hand_fill(r), 0);
    set_to(r, "'cap':3");
    assert_int_equal(hand_fill(r), 1);
    limits_offer(r, (offer_t){9, "a", "x"});
    assert_int_equal(hand_fill(r), 1);
    hand_ok(r, 9);
    set_to(r, "'cap':0");
    for (unsigned n = 0; n < 4; n++) /* values that nobody needs are looked for */
        rig_pass(r, 6 * US_PER_S);
    set_to(r, "'cap':3");
    limits_offer(r, (offer_t){10, "a", "x"});
    assert_int_equal(hand_fill(r), 0); /* two of the three are used */
    rig_destroy(r);
}

/* ---- by value */

static void one_value_has_another_cap_by_hand_beside_other_slots(void **s)
{
    (void)s;
    rig_t *r = cap_rig(CAP ",'slots':2,'per':['l'],'overrides':{'x':{'cap':1},'y*':{'slots':1}}");
    limits_offers(r, (offer_t){1, "a", "x"}, 4);
    limits_offers(r, (offer_t){11, "a", "y1"}, 4);
    assert_int_equal(hand_fill(r), 2);
    assert_true(in_hand(1) && in_hand(11));
    set_to(r, "'value':'x','cap':3"); /* its slots stay */
    assert_int_equal(hand_fill(r), 1);
    set_to(r, "'value':'x','slots':3"); /* its cap stays */
    assert_int_equal(hand_fill(r), 1);
    set_to(r, "'value':'y1','slots':4,'cap':2");
    assert_int_equal(hand_fill(r), 1);
    json_t *row = shown(r), *values = json_object_get(row, "values");
    assert_int_equal(number(json_object_get(values, "x"), "slots"), 3);
    assert_int_equal(number(json_object_get(values, "x"), "cap"), 3);
    json_decref(row);
    assert_int_equal(order(r, "limits.reset", "'value':'y1'"), 200);
    end_all(r, 11, 12);
    assert_int_equal(hand_fill(r), 0);
    assert_true(in_hand(13) && !in_hand(14)); /* the configuration's: one slot, a cap of three */
    rig_destroy(r);
}

static void of_each_number_the_most_specific_override_that_says_it_holds(void **s)
{
    (void)s;
    static const struct {
        const char *of, *value;
        unsigned passes; /* of six, in a day */
    } rows[] = {
        {CAP ",'per':['l'],'overrides':{'x':5}", "x", 5},
        {CAP ",'per':['l'],'overrides':{'x':5}", "z", 3},
        {CAP ",'per':['l'],'overrides':{'x*':4,'x-1':5,'default':2}", "x-2", 4},
        {CAP ",'per':['l'],'overrides':{'x*':4,'x-1':5,'default':2}", "x-1", 5},
        {CAP ",'per':['l'],'overrides':{'x*':4,'x-1':5,'default':2}", "z", 2},
        {CAP ",'per':['l'],'overrides':{'x*':4,'default':0}", "z", 0},
        {CAP ",'per':['l'],'overrides':{'x*':4,'default':0}", "x", 4},
        {CAP ",'per':['l'],'overrides':{'x':0}", "x", 0},
        {CAP ",'slots':9,'per':['l'],'overrides':{'x':2}", "x", 2},
        {CAP ",'slots':9,'per':['l'],'overrides':{'x':5}", "x", 3},
        {CAP ",'slots':9,'per':['l'],'overrides':{'x':{'slots':5},'*':{'cap':6}}", "x", 5},
        {CAP ",'slots':9,'per':['l'],'overrides':{'x':{'cap':5},'*':{'slots':4,'cap':1}}", "x", 4},
        {CAP ",'slots':9,'per':['l'],'overrides':{'default':{'slots':5,'cap':4}}", "x", 4},
        {CAP ",'slots':9,'per':['l'],'overrides':{'*':{'cap':4},'default':{'slots':0}}", "x", 0},
        {CAP ",'slots':9,'per':['l'],'overrides':{'*':4,'default':{'slots':0,'cap':0}}", "x", 0},
        {CAP ",'slots':9,'per':['l'],'overrides':{'*':4,'default':{'slots':0,'cap':6}}", "x", 4},
        {CAP ",'rate':{'count':9,'per_ms':60000},'per':['l'],'overrides':{'x':2}", "x", 2},
        {CAP ",'rate':{'count':9,'per_ms':60000},'per':['l'],'overrides':{'x':{'rate':2}}", "x", 2},
        {"'rate':{'count':9,'per_ms':60000},'per':['l'],'overrides':{'x':2,'default':0}", "z", 0},
        {"'slots':9,'per':['l'],'overrides':{'x':2,'default':0}", "z", 0},
        {"'slots':9,'rate':{'count':5},'per':['l'],'overrides':{'x':2,'default':0}", "z", 0},
    };
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        rig_t *r = cap_rig(rows[n].of);
        limits_offers(r, (offer_t){1, "a", rows[n].value}, 6);
        size_t passed = hand_fill(r);
        if (passed != rows[n].passes)
            fail_msg("%s: %zu of %s pass", rows[n].of, passed, rows[n].value);
        rig_destroy(r);
    }
}

/* ---- refused, shown */

static void a_wrong_cap_is_refused_and_changes_nothing(void **s)
{
    (void)s;
    static const struct {
        const char *of, *set;
        unsigned status;
    } rows[] = {
        {"'slots':3", "'cap':3", 400},
        {CAP, "'cap':-1", 400},
        {CAP, "'cap':'3'", 400},
        {CAP, "'cap':1000000001", 400},
        {CAP, "'cap':1000000000", 200},
        {CAP, "'cap':2.5", 400},
        {CAP, "'cap':4,'value':'x'", 400},
        {CAP, "'slots':4", 400},
        {CAP ",'per':['l']", "'cap':4,'value':'x*'", 400},
        {CAP ",'per':['l']", "'cap':1,'value':'x'", 409},
        {CAP ",'rate':{'count':9},'per':['l']", "'cap':4,'per_ms':5,'value':'x'", 400},
        {CAP, "'cap':1", 409},
        {CAP, "'cap':0", 200},
    };
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        char limits[256];
        snprintf(limits, sizeof limits, "'of':{%s}", rows[n].of);
        rig_t *r =
            limits_rig("", limits, ROUTE("a", "", CALL("'limits':['of'],'costs':{'of':2},")));
        unsigned status = order(r, "limits.set", rows[n].set);
        if (status != rows[n].status)
            fail_msg("%s on %s: %u", rows[n].set, rows[n].of, status);
        assert_int_equal(limits_self(r)->limits[0].by_hand != NULL, status == 200);
        rig_destroy(r);
    }
}

static void a_cap_says_what_it_is_was_configured_as_and_has_used(void **s)
{
    (void)s;
    rig_t *r = cap_rig(CAP);
    limits_offers(r, (offer_t){1, "a"}, 2);
    hand_fill(r);
    set_to(r, "'cap':7");
    json_t *row = shown(r);
    assert_int_equal(number(row, "cap"), 7);
    assert_int_equal(number(json_object_get(row, "configured"), "cap"), 3);
    assert_int_equal(number(row, "cap_used"), 2);
    assert_int_equal(number(row, "cap_left"), 5);
    assert_int_equal(number(row, "cap_since"), 1699920000000); /* 2023-11-14 */
    json_decref(row);
    rig_pass(r, TO_MIDNIGHT_US);
    row = shown(r);
    assert_int_equal(number(row, "cap_used"), 0);
    assert_int_equal(number(row, "cap_since"), 1700006400000);
    json_decref(row);
    rig_destroy(r);
}

static void what_is_exported_says_caps_and_several_numbers_of_a_value(void **s)
{
    (void)s;
    rig_t *r = cap_rig(CAP ",'slots':2,'per':['l']");
    static const struct {
        const char *set, *yaml;
    } rows[] = {
        {"'cap':9", "    cap:\n      count: 9\n"},
        {"'value':'x','slots':4", "    overrides:\n      \"x\": 4\n"},
        {"'value':'x','cap':5", "    overrides:\n      \"x\": {\"slots\":4,\"cap\":5}\n"},
        {"'cap':0", "    # cap 0 by hand, which the configuration cannot say\n"},
    };
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        set_to(r, rows[n].set);
        const msg_answer_t *a = rig_ask(r, "limits.export", "{}");
        json_t *body = json_loadb((const char *)a->body.data, a->body.len, 0, NULL);
        const char *yaml = json_string_value(json_object_get(body, "yaml"));
        if (!strstr(yaml, rows[n].yaml))
            fail_msg("%s: %s", rows[n].set, yaml);
        json_decref(body);
    }
    rig_destroy(r);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_raised_cap_wakes_as_many_as_it_was_raised_by),
    cmocka_unit_test(a_cap_below_what_is_used_keeps_until_the_next_period_and_ends_nothing),
    cmocka_unit_test(a_cap_set_by_hand_and_what_is_used_stay_over_restart_and_reboot),
    cmocka_unit_test(a_cap_of_none_keeps_all_and_forgets_nothing),
    cmocka_unit_test(one_value_has_another_cap_by_hand_beside_other_slots),
    cmocka_unit_test(of_each_number_the_most_specific_override_that_says_it_holds),
    cmocka_unit_test(a_wrong_cap_is_refused_and_changes_nothing),
    cmocka_unit_test(a_cap_says_what_it_is_was_configured_as_and_has_used),
    cmocka_unit_test(what_is_exported_says_caps_and_several_numbers_of_a_value),
};
LIMITS_MAIN(tests)
