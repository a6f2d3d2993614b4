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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configured_burst_stays_when_the_count_is_set),
        cmocka_unit_test(
            what_was_taken_before_a_rate_was_set_counts_as_so_many_calls_of_the_new_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
