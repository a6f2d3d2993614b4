/* What is taken of a rate stays taken: pinned or slowed down, given back, and as long as it would
 * count in the store, but no longer. */
#include "limits_rig.h"

#define DAY_US (86400 * US_PER_S)

static rig_t *rate_rig(const char *of)
{
    char limits[256];
    snprintf(limits, sizeof limits, "'of':{%s}", of);
    return limits_rig("", limits, ROUTE("a", "", CALL("'limits':['of'],")));
}

static void pin(rig_t *r, bool on)
{
    const char *verb = on ? "limits.pin" : "limits.unpin";
    assert_int_equal(rig_ask(r, verb, "{\"name\":\"of\"}")->status, 200);
}

/* ---- slowed down */

static void what_was_taken_while_pinned_is_worth_as_many_calls_after_it(void **s)
{
    (void)s;
    static const struct {
        bool pinned;    /* while the first is taken */
        int64_t kept_s; /* the next */
    } rows[] = {{true, 20}, {false, 10}};
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        rig_t *r = rate_rig("'rate':{'count':6,'per_ms':60000,'burst':1}");
        limits_pace(r, 50);
        pin(r, rows[n].pinned);
        limits_offers(r, (offer_t){1, "a"}, 2);
        assert_int_equal(hand_fill(r), 1);
        pin(r, !rows[n].pinned);
        rig_pass(r, rows[n].kept_s * US_PER_S - US_PER_S);
        assert_int_equal(hand_fill(r), 0);
        rig_pass(r, US_PER_S + US_PER_MS);
        assert_int_equal(hand_fill(r), 1);
        rig_destroy(r);
    }
}

static void a_burst_that_was_taken_while_pinned_does_not_come_back_by_unpinning(void **s)
{
    (void)s;
    rig_t *r = rate_rig("'rate':{'count':6,'per_ms':60000,'burst':4}");
    limits_pace(r, 50);
    pin(r, true);
    limits_offers(r, (offer_t){1, "a"}, 9);
    assert_int_equal(hand_fill(r), 4);
    pin(r, false);
    assert_int_equal(hand_fill(r), 0);
    rig_destroy(r);
}

static void what_was_not_begun_comes_back_whole_while_slowed_down(void **s)
{
    (void)s;
    for (unsigned percent = 20; percent <= 100; percent += 20) {
        rig_t *r = rate_rig("'rate':{'count':6,'per_ms':60000,'burst':3}");
        limits_pace(r, percent);
        limits_offers(r, (offer_t){1, "a"}, 5);
        assert_int_equal(hand_fill(r), 3);
        hand_settle(r, 1, OUTCOME_UNBEGUN, 0, 0);
        assert_int_equal(hand.count, 3); /* another one has it */
        hand_ok(r, 2);
        assert_int_equal(hand.count, 2);
        rig_destroy(r);
    }
}

/* ---- rows of limits that are gone */

static void count_row(void *arg, const stored_pace_t *pace)
{
    size_t *count = arg;
    *count += pace->name.len >= 3 && memcmp(pace->name.data, "of\x1f", 3) == 0;
}

static size_t rows_stored(rig_t *r)
{
    size_t count = 0;
    rig_crash(r);
    assert_int_equal(memory_store_open(r->disk, &r->store, &r->opened), 0);
    store_paces(r->store, count_row, &count);
    memory_store_crash(&r->store);
    rig_start(r);
    limits_up(r);
    return count;
}

static void row_is_of_version_3(void *arg, const stored_pace_t *pace)
{
    size_t *count = arg;
    assert_int_equal(pace->data.data[0], 3);
    assert_int_equal(pace->data.len, 1 + 13 * 8); /* another length is another version */
    ++*count;
}

static void a_row_says_by_its_version_what_lies_in_it(void **s)
{
    (void)s;
    size_t rows = 0;
    rig_t *r = rate_rig("'rate':{'count':1,'per_ms':60000}");
    limits_offer(r, (offer_t){1, "a"});
    rig_crash(r);
    assert_int_equal(memory_store_open(r->disk, &r->store, &r->opened), 0);
    store_paces(r->store, row_is_of_version_3, &rows);
    assert_int_equal(rows, 1);
    memory_store_crash(&r->store);
    rig_start(r);
    rig_destroy(r);
}

/* A reload with the limit under another name: as if it were another one. */
static void reload_as(rig_t *r, const char *name, int64_t after_us, bool reboot)
{
    rig_crash(r);
    r->config->limits[0].name = name;
    r->reboot = reboot;
    r->now.at.us += after_us;
    r->now.wall.us += after_us;
    rig_start(r);
    limits_up(r);
    for (unsigned n = 0; n < 3; n++) /* until it is swept */
        rig_pass(r, 6 * US_PER_S);
}

static const struct {
    const char *of;
    int64_t over_us; /* nothing of it counts any more, whatever limit of this name would come */
    bool outlives_reboot;
} kinds[] = {
    {"'rate':{'count':1,'per_ms':600000}", 600 * US_PER_S, false},
    {"'rate':{'count':1,'per_ms':600000,'shape':'window'}", 2 * DAY_US, false},
    {"'cap':{'count':1,'each':'month'}", 32 * DAY_US, true},
    {"'cap':{'count':1,'each':'month'},'per':['l']", 32 * DAY_US, true},
    {"'slots':9,'learns':true", 600 * US_PER_S, true},
};

static void use_up(rig_t *r, size_t kind)
{
    limits_offer(r, (offer_t){1, "a", "x"});
    assert_int_equal(hand_fill(r), 1);
    if (strstr(kinds[kind].of, "learns"))
        hand_settle(r, 1, OUTCOME_DEFER, 429, 600000);
    else
        hand_ok(r, 1);
}

static void a_limit_that_two_reloads_take_out_and_bring_back_is_as_used_as_it_was(void **s)
{
    (void)s;
    for (size_t n = 0; n < COUNT_OF(kinds); n++) {
        rig_t *r = rate_rig(kinds[n].of);
        use_up(r, n);
        reload_as(r, "another", 0, false);
        assert_int_equal(rows_stored(r), 1);
        reload_as(r, "of", 0, false);
        limits_offer(r, (offer_t){9, "a", "x"});
        hand_fill(r);
        if (in_hand(9))
            fail_msg("%s", kinds[n].of);
        rig_destroy(r);
    }
}

static void what_is_kept_of_a_limit_that_is_gone_ends_when_nothing_of_it_counts(void **s)
{
    (void)s;
    for (size_t n = 0; n < 2 * COUNT_OF(kinds); n++) {
        bool reboot = n % 2 == 1;
        rig_t *r = rate_rig(kinds[n / 2].of);
        use_up(r, n / 2);
        reload_as(r, "another", 0, reboot);
        assert_int_equal(rows_stored(r), !reboot || kinds[n / 2].outlives_reboot);
        reload_as(r, "another", kinds[n / 2].over_us, false);
        assert_int_equal(rows_stored(r), 0);
        rig_destroy(r);
    }
}

static void a_limit_that_has_no_rate_any_more_leaves_no_row_of_it(void **s)
{
    (void)s;
    rig_t *r = rate_rig("'slots':5,'rate':{'count':1,'per_ms':60000}");
    use_up(r, 0);
    r->config->limits[0].rate.shape = RATE_NONE;
    reload_as(r, "of", 61 * US_PER_S, false);
    assert_int_equal(rows_stored(r), 0);
    rig_destroy(r);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_was_taken_while_pinned_is_worth_as_many_calls_after_it),
    cmocka_unit_test(a_burst_that_was_taken_while_pinned_does_not_come_back_by_unpinning),
    cmocka_unit_test(what_was_not_begun_comes_back_whole_while_slowed_down),
    cmocka_unit_test(a_row_says_by_its_version_what_lies_in_it),
    cmocka_unit_test(a_limit_that_two_reloads_take_out_and_bring_back_is_as_used_as_it_was),
    cmocka_unit_test(what_is_kept_of_a_limit_that_is_gone_ends_when_nothing_of_it_counts),
    cmocka_unit_test(a_limit_that_has_no_rate_any_more_leaves_no_row_of_it),
};
LIMITS_MAIN(tests)
