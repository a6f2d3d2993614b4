/* How much so many slots bear. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/capacity.h"

static void slots_bear_as_many_starts_as_they_are_held_shortly(void **state)
{
    (void)state;
    assert_float_equal(capacity_starts(100, 180), 33.333, 0.001);
    assert_float_equal(capacity_starts(10000, 180), 3333.333, 0.001);
    assert_float_equal(capacity_starts(100, 180) * CAPACITY_TARGET_LOW, 23.333, 0.001);
    assert_float_equal(capacity_starts(10000, 180) * CAPACITY_TARGET_HIGH, 2666.667, 0.001);
    assert_float_equal(capacity_in_use(capacity_starts(100, 180), 180), 100, 1e-9);
    assert_float_equal(capacity_in_use(0.119 * 60, 5), 0.595, 1e-9);
    assert_float_equal(capacity_pace(5, US_PER_S), 300, 1e-9);
    assert_float_equal(capacity_pace(50, 30 * US_PER_S), 100, 1e-9);
}

static void what_is_older_than_the_ttl_falls_with_e(void **state)
{
    (void)state;
    assert_float_equal(capacity_older(600, 180), 0.035674, 1e-6);
    assert_float_equal(capacity_older(180, 180), 0.367879, 1e-6);
    assert_true(capacity_older(21600, 600) < 1e-15);
    assert_float_equal(capacity_older(0, 180), 1, 0);
}

static void a_part_is_rounded_down_but_never_to_nothing(void **state)
{
    (void)state;
    assert_int_equal(capacity_part(6, 40), 2);
    assert_int_equal(capacity_part(6, 50), 3);
    assert_int_equal(capacity_part(6, 100), 6);
    assert_int_equal(capacity_part(5, 10), 1);
    assert_int_equal(capacity_part(0, 50), 0);
    assert_int_equal(capacity_part(1000000, 99), 990000);
}

static void a_rule_begins_at_the_first_that_reach_its_percent(void **state)
{
    (void)state;
    assert_int_equal(capacity_until(6, 80), 5); /* 4.8 */
    assert_int_equal(capacity_until(6, 81), 5);
    assert_int_equal(capacity_until(10, 80), 8);
    assert_int_equal(capacity_until(10, 81), 9);
    assert_int_equal(capacity_until(6, 100), 6);
    assert_int_equal(capacity_until(6, 1000), 6);
    assert_int_equal(capacity_until(1000000, 99), 990000);
    for (uint32_t slots = 1; slots < 60; slots++)
        for (unsigned percent = 1; percent <= 100; percent++) {
            uint32_t n = capacity_until(slots, percent);
            assert_true(100 * n / slots >= percent && 100 * (n - 1) / slots < percent);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_bear_as_many_starts_as_they_are_held_shortly),
        cmocka_unit_test(what_is_older_than_the_ttl_falls_with_e),
        cmocka_unit_test(a_part_is_rounded_down_but_never_to_nothing),
        cmocka_unit_test(a_rule_begins_at_the_first_that_reach_its_percent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
