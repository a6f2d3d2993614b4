/* A rate is exact: what a token bucket would allow is allowed, to the microsecond and for ever, and
 * nothing that is given back, kept, restarted or slowed down lets more through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/gcra.h"
#include "core/rand.h"

static const gcra_rate_t RATES[] = {
    {US_PER_S, 3, 3},
    {30 * US_PER_S, 7, 7},
    {30 * US_PER_S, 50, 50},
    {US_PER_S, 1, 1},
    {30 * US_PER_S, 7, 1},
    {60 * US_PER_S, 20, 5},
    {US_PER_S, 1000, 10},
    {3600 * US_PER_S, 97, 200},
    {7, 3, 2},
    {86400 * US_PER_S, 1000, 1},
};

/* The naive bucket: tokens in units of 1/period, so that each microsecond adds `count`. */
typedef struct bucket {
    int64_t tokens, at_us;
} bucket_t;

static void bucket_fill(bucket_t *b, const gcra_rate_t *rate, int64_t now_us)
{
    int64_t full = rate->burst * rate->period_us, since = now_us - b->at_us;
    b->at_us = now_us;
    b->tokens = since > (full - b->tokens) / rate->count ? full : b->tokens + since * rate->count;
}

static int64_t bucket_wait(const bucket_t *b, const gcra_rate_t *rate, uint32_t cost)
{
    int64_t missing = cost * rate->period_us - b->tokens;
    return missing <= 0 ? 0 : (missing + rate->count - 1) / rate->count;
}

static void it_allows_exactly_what_a_token_bucket_allows(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT_OF(RATES); k++) {
        const gcra_rate_t *rate = &RATES[k];
        rand_t r = rand_seeded(k);
        int64_t now_us = 1 + (int64_t)rand_below(&r, 1000000);
        gcra_t g = {0};
        bucket_t b = {rate->burst * rate->period_us, now_us};
        for (int n = 0; n < 30000; n++) {
            now_us += (int64_t)rand_below(&r, (uint64_t)(3 * rate->period_us / rate->count) + 1);
            bucket_fill(&b, rate, now_us);
            uint32_t cost = 1 + (uint32_t)rand_below(&r, rate->burst < 4 ? rate->burst : 4);
            instant_t now = {now_us};
            int64_t wait = gcra_wait_us(&g, rate, now, cost);
            assert_int_equal(wait, bucket_wait(&b, rate, cost));
            assert_int_equal(gcra_left(&g, rate, now), b.tokens / rate->period_us);
            if (rand_below(&r, 2) == 0) { /* come back when told to */
                now_us += wait;
                bucket_fill(&b, rate, now_us);
                wait = 0;
            }
            if (wait == 0) {
                gcra_take(&g, rate, (instant_t){now_us}, cost);
                b.tokens -= cost * rate->period_us;
            }
        }
    }
}

static void a_million_takes_do_not_drift(void **state)
{
    (void)state;
    static const gcra_rate_t rates[] = {{US_PER_S, 3, 3}, {30 * US_PER_S, 7, 2}, {7, 3, 4}};
    for (size_t k = 0; k < COUNT_OF(rates); k++) {
        const int64_t start_us = 123456789;
        gcra_t g = {0};
        instant_t now = {start_us};
        for (int64_t n = 1; n <= 1000000; n++) {
            now.us += gcra_wait_us(&g, &rates[k], now, 1);
            gcra_take(&g, &rates[k], now, 1);
            /* the n-th goes at the first whole microsecond at which n <= burst + T*count/period */
            int64_t over = n > rates[k].burst ? n - rates[k].burst : 0;
            int64_t due_us = (over * rates[k].period_us + rates[k].count - 1) / rates[k].count;
            assert_int_equal(now.us - start_us, due_us);
        }
    }
}

static void a_cost_over_the_burst_never_goes_and_none_always(void **state)
{
    (void)state;
    gcra_rate_t rate = {US_PER_S, 10, 5};
    gcra_t g = {0};
    instant_t now = {US_PER_S};
    assert_int_equal(gcra_wait_us(&g, &rate, now, 6), -1);
    assert_int_equal(gcra_wait_us(&g, &rate, now, 5), 0);
    gcra_take(&g, &rate, now, 5);
    assert_int_equal(gcra_wait_us(&g, &rate, now, 0), 0);
    assert_int_equal(gcra_wait_us(&g, &rate, now, 1), 100000);
    assert_int_equal(gcra_left(&g, &rate, now), 0);
}

/* All that were really made, and that any stretch of them keeps the bound. */
typedef struct made {
    int64_t at_us;
    uint32_t cost;
    gcra_receipt_t receipt;
    bool given;
} made_t;

static void assert_bound(const made_t *made, size_t count, const gcra_rate_t *rate)
{
    int64_t sum = 0, last_us = 0;
    for (size_t i = count; i-- > 0;) { /* windows that end with the last one that stays */
        if (made[i].given)
            continue;
        last_us = last_us ? last_us : made[i].at_us;
        sum += made[i].cost;
        assert_true(sum * rate->period_us <=
                    rate->burst * rate->period_us + (last_us - made[i].at_us) * rate->count);
    }
}

static void what_is_given_back_never_lets_more_through_in_any_stretch(void **state)
{
    (void)state;
    enum { MOST = 1500 };
    made_t *made = calloc(MOST, sizeof *made);
    for (size_t k = 0; k < COUNT_OF(RATES); k++) {
        const gcra_rate_t *rate = &RATES[k];
        for (uint64_t seed = 0; seed < 3; seed++) {
            rand_t r = rand_seeded(seed * 100 + k);
            gcra_t g = {0};
            int64_t now_us = US_PER_S;
            size_t count = 0;
            while (count < MOST) {
                now_us += (int64_t)rand_below(&r, (uint64_t)(rate->period_us / rate->count) + 2);
                instant_t now = {now_us};
                uint32_t cost = 1 + (uint32_t)rand_below(&r, rate->burst < 3 ? rate->burst : 3);
                if (rand_below(&r, 3) == 0 && count > 0) {
                    size_t back = rand_below(&r, count < 20 ? count : 20);
                    made_t *m = &made[count - 1 - back];
                    if (!m->given)
                        gcra_give(&g, rate, m->receipt, m->cost);
                    m->given = true;
                } else if (gcra_wait_us(&g, rate, now, cost) == 0) {
                    made[count] = (made_t){now_us, cost, gcra_take(&g, rate, now, cost), false};
                    assert_bound(made, ++count, rate);
                }
            }
        }
    }
    free(made);
}

static void what_is_given_back_at_once_comes_back_whole(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT_OF(RATES); k++) {
        const gcra_rate_t *rate = &RATES[k];
        gcra_t g = {0};
        instant_t now = {5 * US_PER_S};
        gcra_receipt_t last = 0;
        for (uint32_t n = 0; n < rate->burst; n++)
            last = gcra_take(&g, rate, now, 1);
        assert_true(gcra_wait_us(&g, rate, now, 1) > 0);
        gcra_give(&g, rate, last, 1);
        assert_int_equal(gcra_left(&g, rate, now), 1);
        gcra_give(&g, rate, 0, 1); /* no receipt, nothing back */
        assert_int_equal(gcra_left(&g, rate, now), 1);
    }
}

static void what_was_refilled_since_is_not_given_twice(void **state)
{
    (void)state;
    gcra_rate_t rate = {10 * US_PER_S, 10, 10};
    gcra_t g = {0};
    gcra_receipt_t old = gcra_take(&g, &rate, (instant_t){US_PER_S}, 5);
    instant_t now = {100 * US_PER_S};
    gcra_take(&g, &rate, now, 4);
    gcra_give(&g, &rate, old, 5);
    assert_int_equal(gcra_left(&g, &rate, now), 6);
}

static void slowed_down_it_lets_that_share_through(void **state)
{
    (void)state;
    for (unsigned percent = 1; percent <= 100; percent++) {
        gcra_rate_t rate = gcra_slowed((gcra_rate_t){30 * US_PER_S, 70, 9}, percent);
        gcra_t g = {0};
        instant_t now = {US_PER_S};
        uint32_t taken = 0;
        for (int64_t end_us = now.us + 3000 * US_PER_S; now.us <= end_us;) {
            gcra_take(&g, &rate, now, 1);
            taken++;
            now.us += gcra_wait_us(&g, &rate, now, 1);
        }
        assert_int_equal(taken, 70 * percent + 9);
    }
}

static void another_pace_gives_nothing_back_and_takes_nothing(void **state)
{
    (void)state;
    const gcra_rate_t whole = {30 * US_PER_S, 70, 9};
    for (uint32_t taken = 0; taken <= whole.burst; taken++)
        for (unsigned percent = 1; percent <= 100; percent++) {
            const gcra_rate_t slow = gcra_slowed(whole, percent);
            gcra_t g = {0};
            instant_t now = {US_PER_S}, soon = {US_PER_S + 200}; /* what rounding is worth */
            if (taken > 0)
                gcra_take(&g, &whole, now, taken);
            gcra_repace(&g, now, 100, percent);
            assert_int_equal(gcra_left(&g, &slow, soon), whole.burst - taken);
            gcra_repace(&g, now, percent, 100);
            assert_int_equal(gcra_left(&g, &whole, soon), whole.burst - taken);
        }
}

static void the_same_boot_goes_on_where_it_was(void **state)
{
    (void)state;
    rand_t r = rand_seeded(3);
    made_t made[600];
    for (size_t k = 0; k < COUNT_OF(RATES); k++) {
        const gcra_rate_t *rate = &RATES[k];
        gcra_t g = {0};
        instant_t now = {US_PER_S};
        for (size_t n = 0; n < COUNT_OF(made); n++) {
            if (rand_below(&r, 5) == 0)
                g = gcra_restored(rate, now, gcra_kept_us(&g));
            now.us += gcra_wait_us(&g, rate, now, 1) + (int64_t)rand_below(&r, 3);
            made[n] = (made_t){now.us, 1, gcra_take(&g, rate, now, 1), false};
            assert_bound(made, n + 1, rate);
        }
    }
}

static void a_changed_rate_or_a_new_boot_blocks_for_a_bucket_or_a_period_at_most(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT_OF(RATES); k++) {
        const gcra_rate_t *rate = &RATES[k];
        instant_t now = {US_PER_S};
        int64_t spacing_us = rate->period_us / rate->count + 1, fills_us = rate->burst * spacing_us;
        int64_t most_us = fills_us > rate->period_us ? fills_us : rate->period_us;
        static const int64_t KEPT[] = {0, US_PER_S, INT64_MAX, INT64_MIN};
        for (size_t i = 0; i < COUNT_OF(KEPT); i++) {
            gcra_t g = gcra_restored(rate, now, KEPT[i]);
            assert_true(gcra_wait_us(&g, rate, now, rate->burst) <= most_us);
        }
        gcra_t g = gcra_new_boot(rate, now);
        assert_int_equal(gcra_left(&g, rate, now), 0);
        instant_t late = instant_after_us(now, rate->period_us - 1);
        assert_true(gcra_left(&g, rate, late) < rate->burst);
        assert_int_equal(gcra_left(&g, rate, instant_after_us(now, most_us)), rate->burst);
    }
}

static void a_rate_changed_while_it_runs_takes_its_remainder_along(void **state)
{
    (void)state;
    rand_t r = rand_seeded(8);
    gcra_t g = {0};
    instant_t now = {US_PER_S};
    for (int n = 0; n < 100000; n++) {
        const gcra_rate_t *rate = &RATES[rand_below(&r, COUNT_OF(RATES))];
        int64_t before_us = gcra_kept_us(&g);
        if (gcra_wait_us(&g, rate, now, 1) == 0) {
            gcra_take(&g, rate, now, 1);
            assert_true(gcra_kept_us(&g) > before_us);
        }
        now.us += (int64_t)rand_below(&r, US_PER_S);
    }
}

static void
another_rate_leaves_as_many_calls_taken_but_never_keeps_longer_than_its_own(void **state)
{
    (void)state;
    const int64_t hour = 3600 * US_PER_S;
    static const gcra_rate_t none = {0};
    const struct {
        gcra_rate_t from, to;
        int64_t ahead_us;
        unsigned percent;
        int64_t left_us;
    } rows[] = {
        {{hour, 1, 1}, {US_PER_S, 100, 1}, hour, 100, 10 * US_PER_MS},
        {{hour, 1, 1}, {US_PER_S, 100, 1}, 2 * hour, 50, 20 * US_PER_MS},
        {{US_PER_S, 100, 100}, {hour, 1, 1}, US_PER_S, 100, hour},
        {{US_PER_S, 100, 100}, {hour, 1, 1}, US_PER_S, 50, 2 * hour},
        {{hour, 1, 1}, {hour, 1, 1}, hour / 2, 100, hour / 2}, /* the same */
        {{hour, 1, 1}, {hour, 0, 0}, hour / 2, 100, hour / 2}, /* nothing passes */
        {none, {US_PER_S, 1, 1}, hour, 100, US_PER_S},         /* nothing passed */
        {{hour, 1, 1}, {hour, 2, 1}, -hour, 100, -hour},       /* full */
    };
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        instant_t now = {1LL << 50};
        gcra_t g = {.full_us = now.us + rows[n].ahead_us, .last_us = 5, .taken = 7};
        bool changed = gcra_rate_set(&g, now, &rows[n].from, &rows[n].to, rows[n].percent);
        assert_int_equal(changed, rows[n].left_us != rows[n].ahead_us);
        int64_t left = gcra_kept_us(&g) - now.us;
        assert_true(left >= rows[n].left_us && left <= rows[n].left_us + changed);
        assert_true(g.last_us == 5 && g.taken == 7); /* receipts stay good */
    }
}

static void impossible_rates_are_refused_and_the_greatest_do_not_overflow(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        gcra_rate_t rate;
        bool valid, can_slow;
    } rows[] = {
        {"no period", {0, 1, 1}, false, false},
        {"negative period", {-1, 1, 1}, false, false},
        {"no count", {1, 0, 1}, false, false},
        {"no burst", {1, 1, 0}, false, false},
        {"endless", {INT64_MAX, 1, UINT32_MAX}, false, false},
        {"a century of burst", {86400 * US_PER_S, 1, 36500}, true, false},
        {"eleven years of burst", {86400 * US_PER_S, 1, 4015}, true, true},
        {"as many as can be", {US_PER_S, UINT32_MAX, UINT32_MAX}, true, false},
        {"the whole span", {GCRA_SPAN_US_MAX - 1, 1, 1}, true, false},
        {"more than the span", {GCRA_SPAN_US_MAX, 1, 1}, false, false},
    };
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        assert_int_equal(gcra_rate_valid(&rows[n].rate), rows[n].valid);
        assert_int_equal(gcra_can_slow(&rows[n].rate), rows[n].can_slow);
        if (rows[n].can_slow)
            gcra_slowed(rows[n].rate, 1);
        if (!rows[n].valid)
            continue;
        gcra_t g = {0};
        instant_t now = {1LL << 60};
        gcra_take(&g, &rows[n].rate, now, rows[n].rate.burst);
        int64_t wait = gcra_wait_us(&g, &rows[n].rate, now, rows[n].rate.burst);
        assert_true(wait > 0 && wait <= GCRA_SPAN_US_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_allows_exactly_what_a_token_bucket_allows),
        cmocka_unit_test(a_million_takes_do_not_drift),
        cmocka_unit_test(a_cost_over_the_burst_never_goes_and_none_always),
        cmocka_unit_test(what_is_given_back_never_lets_more_through_in_any_stretch),
        cmocka_unit_test(what_is_given_back_at_once_comes_back_whole),
        cmocka_unit_test(what_was_refilled_since_is_not_given_twice),
        cmocka_unit_test(slowed_down_it_lets_that_share_through),
        cmocka_unit_test(another_pace_gives_nothing_back_and_takes_nothing),
        cmocka_unit_test(the_same_boot_goes_on_where_it_was),
        cmocka_unit_test(a_changed_rate_or_a_new_boot_blocks_for_a_bucket_or_a_period_at_most),
        cmocka_unit_test(a_rate_changed_while_it_runs_takes_its_remainder_along),
        cmocka_unit_test(
            another_rate_leaves_as_many_calls_taken_but_never_keeps_longer_than_its_own),
        cmocka_unit_test(impossible_rates_are_refused_and_the_greatest_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
