/* When the n-th will have left: within a tenth after ten seconds at a steady pace, and it says how
 * sure it is. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/estimate.h"
#include "core/rand.h"

static instant_t at(double s) { return (instant_t){(int64_t)((1e6 + s) * US_PER_S)}; }

static double seconds_for(const estimate_t *e, double now_s, uint64_t n, sureness_t expected)
{
    sureness_t sure;
    int64_t us = estimate_us(e, at(now_s), n, 0, &sure);
    assert_int_equal(sure, expected);
    return (double)us / US_PER_S;
}

static void assert_within(double value, double of, double share)
{
    if (!(fabs(value - of) <= of * share))
        fail_msg("%g is not within %g of %g", value, share, of);
}

static void at_a_steady_pace_it_is_within_a_tenth_after_ten_seconds(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        double per_s;
        unsigned at_once;
        double after_s;
    } rows[] = {
        {"as fast as it goes", 5000, 50, 10},
        {"fast", 300, 1, 10},
        {"a help desk", 1.67, 1, 10},
        {"one a second", 1, 1, 10},
        {"one in three seconds", 0.333, 1, 10},
        {"ten slots of eight seconds", 1.25, 10, 17},
        {"one in a minute", 1 / 60.0, 1, 200},
        {"ten slots, nearly together", 1.25, 0, 17},
        {"one in a quarter of an hour", 1 / 900.0, 1, 3000},
    };
    for (size_t row = 0; row < COUNT_OF(rows); row++) {
        estimate_t e = {0};
        unsigned together = rows[row].at_once ? 1 : 10,
                 at_once = rows[row].at_once ? rows[row].at_once : 1;
        double gap_s = together * at_once / rows[row].per_s, next_s = gap_s, now_s;
        estimate_waits(&e, at(0));
        for (now_s = 0; now_s < rows[row].after_s + 60; now_s += 0.01) {
            for (; next_s <= now_s; next_s += gap_s)
                for (unsigned n = 0; n < together; n++)
                    estimate_left(&e, at(next_s + n * 0.0005), at_once);
            if (now_s < rows[row].after_s)
                continue;
            assert_within(estimate_per_s(&e, at(now_s)), rows[row].per_s, 0.1);
            uint64_t waiting = (uint64_t)(1000 * rows[row].per_s) + 20; /* a drain */
            double truth_s = next_s - now_s + (double)(waiting - 1) / rows[row].per_s;
            assert_within(seconds_for(&e, now_s, waiting, SURE_MEASURED), truth_s, 0.1);
        }
    }
}

static void by_chance_around_a_pace_it_is_right_in_the_mean(void **state)
{
    (void)state;
    double sum = 0, worst = 0;
    enum { SEEDS = 200 };
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        rand_t r = rand_seeded(seed);
        estimate_t e = {0};
        double now_s = 0;
        estimate_waits(&e, at(0));
        while (now_s < 120) { /* Poisson, two a second */
            now_s += -log(((double)rand_below(&r, 1 << 30) + 1) / (1 << 30)) / 2;
            estimate_left(&e, at(now_s), 1);
        }
        double per_s = estimate_per_s(&e, at(now_s));
        sum += per_s;
        worst = fmax(worst, fabs(per_s - 2));
    }
    assert_within(sum / SEEDS, 2, 0.05);
    assert_true(worst < 1);
}

static void it_follows_a_pace_that_changes_and_sees_that_nothing_leaves(void **state)
{
    (void)state;
    estimate_t e = {0};
    estimate_waits(&e, at(0));
    for (double s = 0.1; s <= 60; s += 0.1)
        estimate_left(&e, at(s), 1);
    assert_within(estimate_per_s(&e, at(60)), 10, 0.02);
    double before = 10.01;
    for (double s = 60; s < 600; s += 1) { /* nothing leaves: it falls, without a jump */
        double per_s = estimate_per_s(&e, at(s));
        assert_true(per_s <= before && per_s > before * 0.85);
        before = per_s;
    }
    assert_true(before < 0.01);
    for (double s = 600; s < 720; s += 0.5)
        estimate_left(&e, at(s), 1);
    assert_within(estimate_per_s(&e, at(720)), 2, 0.1);
}

static void time_in_which_nothing_waits_does_not_count(void **state)
{
    (void)state;
    estimate_t e = {0};
    double now_s = 0;
    for (int n = 0; n < 20; n++, now_s += 300) { /* ten a second, then five minutes of nothing */
        estimate_waits(&e, at(now_s));
        estimate_waits(&e, at(now_s + 0.05));
        for (int k = 1; k <= 30; k++)
            estimate_left(&e, at(now_s + k * 0.1), 1);
        estimate_empty(&e);
        assert_within(estimate_per_s(&e, at(now_s + 200)), 10, 0.01);
        estimate_left(&e, at(now_s + 250), 1); /* nothing waited: no evidence */
    }
    assert_within(seconds_for(&e, now_s, 100, SURE_MEASURED), 10, 0.02);
    estimate_waits(&e, at(now_s + 1000)); /* so long ago that it is a guess now */
    assert_within(seconds_for(&e, now_s + 1000, 100, SURE_GUESSED), 10, 0.02);
}

static void it_says_how_sure_it_is(void **state)
{
    (void)state;
    estimate_t e = {0};
    sureness_t sure;
    estimate_us(&e, at(0), 10, 0, &sure);
    assert_int_equal(sure, SURE_UNKNOWN);
    assert_int_equal(estimate_us(&e, at(0), 10, 2, &sure), 5 * US_PER_S);
    assert_int_equal(sure, SURE_GUESSED);
    estimate_waits(&e, at(0));
    estimate_left(&e, at(2), 1);
    seconds_for(&e, 2, 10, SURE_GUESSED); /* from one departure */
    assert_int_equal(estimate_us(&e, at(2), 10, 5, &sure), 2 * US_PER_S);
    assert_int_equal(sure, SURE_GUESSED); /* a guess from outside is better */
    estimate_left(&e, at(4), 1);
    estimate_left(&e, at(6), 1);
    assert_int_equal(estimate_us(&e, at(6), 10, 5, &sure), 20 * US_PER_S);
    assert_int_equal(sure, SURE_MEASURED);
    e = (estimate_t){0};
    estimate_waits(&e, at(0));
    estimate_left(&e, at(0.9), 50); /* a burst is not a pace */
    assert_int_equal(estimate_us(&e, at(0.9), 10, 5, &sure), 2 * US_PER_S);
    assert_int_equal(sure, SURE_GUESSED);
    for (int s = 0; s < SURENESS_COUNT; s++)
        assert_non_null(sureness_name((sureness_t)s));
}

static void estimates_are_bounded(void **state)
{
    (void)state;
    rand_t r = rand_seeded(5);
    estimate_t e = {0};
    double now_s = 0;
    for (int n = 0; n < 100000; n++) {
        now_s += (double)rand_below(&r, 1000) * (n % 100 ? 0.001 : 100);
        switch (rand_below(&r, 4)) {
        case 0:
            estimate_waits(&e, at(now_s));
            break;
        case 1:
            estimate_empty(&e);
            break;
        default:
            estimate_left(&e, at(now_s), (uint32_t)rand_below(&r, 100));
        }
        sureness_t sure;
        uint64_t many = rand_next(&r) >> rand_below(&r, 64);
        int64_t us = estimate_us(&e, at(now_s), many, (double)rand_below(&r, 3), &sure);
        assert_in_range(us, 0, ESTIMATE_US_MAX);
        assert_true(us <= estimate_us(&e, at(now_s), UINT64_MAX, 1e-30, &sure) ||
                    sure != SURE_MEASURED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_a_steady_pace_it_is_within_a_tenth_after_ten_seconds),
        cmocka_unit_test(by_chance_around_a_pace_it_is_right_in_the_mean),
        cmocka_unit_test(it_follows_a_pace_that_changes_and_sees_that_nothing_leaves),
        cmocka_unit_test(time_in_which_nothing_waits_does_not_count),
        cmocka_unit_test(it_says_how_sure_it_is),
        cmocka_unit_test(estimates_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
