/* A level from a measured value: on and off by two thresholds, each for a time, so that it never
 * flaps; and of several signals whether any is on, and which. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/hysteresis.h"
#include "core/rand.h"

static const signal_rules_t DEPTH = {100, 80, 30 * US_PER_S, 10 * US_PER_S};
static const signal_rules_t DISK_FREE = {5, 10, 30 * US_PER_S, 10 * US_PER_S};
static instant_t at(int64_t s) { return (instant_t){s * US_PER_S}; }

static void it_is_on_from_one_threshold_and_off_below_the_other(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        int64_t s;
        double depth, disk;
        bool on;
    } steps[] = {
        {"quiet", 1, 99, 5.1, false},        {"at the threshold", 2, 100, 5, true},
        {"between", 40, 85, 9, true},        {"at the lower one", 41, 80, 10, true},
        {"past it", 42, 79, 10.1, false},    {"between again", 60, 99, 5.1, false},
        {"no reading", 61, NAN, NAN, false}, {"on again", 62, 1e300, -1, true},
        {"no reading", 100, NAN, NAN, true},
    };
    level_t depth = {0}, disk = {0};
    for (size_t n = 0; n < COUNT_OF(steps); n++) {
        if (signal_update(&depth, &DEPTH, at(steps[n].s), steps[n].depth) != steps[n].on ||
            signal_update(&disk, &DISK_FREE, at(steps[n].s), steps[n].disk) != steps[n].on)
            fail_msg("step %zu: %s", n, steps[n].label);
    }
}

static void it_stays_each_way_for_its_time(void **state)
{
    (void)state;
    level_t l = {0};
    assert_true(signal_update(&l, &DEPTH, at(0), 100)); /* from the first moment on */
    assert_true(signal_update(&l, &DEPTH, at(29), 0));
    assert_false(signal_update(&l, &DEPTH, at(30), 0));
    assert_false(signal_update(&l, &DEPTH, at(39), 500));
    assert_true(signal_update(&l, &DEPTH, at(40), 500));
}

/* A random walk around the thresholds changes it at most once a stay, and it follows in the end. */
static void a_random_walk_changes_it_at_most_once_a_stay(void **state)
{
    (void)state;
    unsigned changes = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        rand_t r = rand_seeded(seed);
        const signal_rules_t *rules = seed % 2 ? &DEPTH : &DISK_FREE;
        double value = rules->leave, step = seed % 2 ? 10 : 2;
        level_t l = {0};
        int64_t now_us = 0, changed_us = -1, wrong_us = -1;
        for (int n = 0; n < 20000; n++) {
            now_us += (int64_t)rand_below(&r, 2 * US_PER_S);
            value += step * ((double)rand_below(&r, 1001) / 500 - 1);
            value = value < 0 ? 0 : value > 2 * rules->enter + 10 ? 2 * rules->enter + 10 : value;
            bool before = l.on;
            bool on = signal_update(&l, rules, (instant_t){now_us}, value);
            if (on != before) {
                assert_true(changed_us < 0 ||
                            now_us - changed_us >= (before ? rules->on_us : rules->off_us));
                changed_us = now_us;
                changes++;
            }
            bool high = seed % 2;
            bool bad = high ? value >= rules->enter : value <= rules->enter;
            bool good = high ? value < rules->leave : value > rules->leave;
            if ((bad && !on) || (good && on))
                wrong_us = wrong_us < 0 ? now_us : wrong_us;
            else
                wrong_us = -1;
            /* it is wrong for at most a stay */
            assert_true(wrong_us < 0 || now_us - wrong_us <= rules->on_us);
        }
    }
    assert_true(changes > 1000);
}

static void of_several_any_is_enough_and_the_longest_is_the_reason(void **state)
{
    (void)state;
    level_t s[3] = {{false, true, 0}, {true, true, 20}, {true, true, 10}};
    pressure_t p = {0};
    assert_true(pressure_update(&p, s, 3, 0, 0, at(1)));
    assert_int_equal(p.reason, 2);
    s[2].on = false;
    assert_true(pressure_update(&p, s, 3, 0, 0, at(2)));
    assert_int_equal(p.reason, 1);
    s[1].on = false;
    assert_true(pressure_update(&p, s, 3, 10 * US_PER_S, 0, at(3))); /* it has to stay */
    assert_int_equal(p.reason, 1);
    assert_false(pressure_update(&p, s, 3, 10 * US_PER_S, 0, at(11)));
    assert_false(pressure_update(&p, s, 0, 0, 0, at(12)));
}

static void signals_that_come_and_go_in_turn_are_no_flapping(void **state)
{
    (void)state;
    static const signal_rules_t QUICK = {1, 1, 0, 0};
    for (uint64_t seed = 0; seed < 20; seed++) {
        rand_t r = rand_seeded(seed);
        level_t s[4] = {0};
        pressure_t p = {0};
        int64_t changed = -100, changes = 0;
        for (int64_t now = 0; now < 20000; now++) {
            for (size_t i = 0; i < COUNT_OF(s); i++)
                signal_update(&s[i], &QUICK, at(now), rand_below(&r, 4) == 0);
            bool before = p.level.on;
            if (pressure_update(&p, s, COUNT_OF(s), 30 * US_PER_S, 10 * US_PER_S, at(now)) !=
                before) {
                assert_true(now - changed >= (before ? 30 : 10));
                changed = now;
                changes++;
            }
        }
        assert_true(changes > 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_on_from_one_threshold_and_off_below_the_other),
        cmocka_unit_test(it_stays_each_way_for_its_time),
        cmocka_unit_test(a_random_walk_changes_it_at_most_once_a_stay),
        cmocka_unit_test(of_several_any_is_enough_and_the_longest_is_the_reason),
        cmocka_unit_test(signals_that_come_and_go_in_turn_are_no_flapping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
