/* After a pause one call goes to see, then four, then one more for each that succeeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/rand.h"
#include "core/slow_start.h"

static instant_t at(int64_t ms) { return (instant_t){1000 * US_PER_S + ms * US_PER_MS}; }

static void one_probe_goes_until_one_succeeds(void **state)
{
    (void)state;
    slow_start_t s = {0};
    assert_int_equal(slow_start_room(&s), UINT32_MAX);
    slow_start_begin(&s, at(0), 50);
    static const slow_start_end_t ENDS[] = {SLOW_START_FAILED, SLOW_START_LOST, SLOW_START_DEFERRED,
                                            SLOW_START_FAILED};
    for (size_t n = 0; n < COUNT_OF(ENDS); n++) {
        assert_int_equal(slow_start_room(&s), 1);
        slow_start_began(&s);
        assert_int_equal(slow_start_room(&s), 0);
        assert_false(slow_start_ended(&s, at((int64_t)n), at((int64_t)n), ENDS[n]));
    }
    slow_start_began(&s);
    slow_start_ended(&s, at(9), at(9), SLOW_START_OK);
    assert_int_equal(slow_start_room(&s), SLOW_START_WINDOW);
}

static void it_grows_by_each_success_and_is_over_at_its_target(void **state)
{
    (void)state;
    slow_start_t s = {0};
    slow_start_begin(&s, at(0), 20);
    slow_start_began(&s);
    slow_start_ended(&s, at(1), at(2), SLOW_START_OK);
    for (uint32_t window = 4; window < 20; window++) {
        assert_int_equal(slow_start_room(&s), window);
        slow_start_began(&s);
        assert_int_equal(slow_start_ended(&s, at(3), at(4), SLOW_START_OK), window == 19);
    }
    assert_int_equal(slow_start_room(&s), UINT32_MAX);
}

static void a_deferral_begins_again_and_a_failure_only_does_not_grow(void **state)
{
    (void)state;
    slow_start_t s = {0};
    slow_start_begin(&s, at(0), 20);
    slow_start_began(&s);
    slow_start_ended(&s, at(1), at(2), SLOW_START_OK);
    for (int n = 0; n < 4; n++)
        slow_start_began(&s);
    slow_start_ended(&s, at(3), at(4), SLOW_START_FAILED);
    assert_int_equal(slow_start_room(&s), 1);
    slow_start_ended(&s, at(3), at(5), SLOW_START_DEFERRED);
    assert_int_equal(slow_start_room(&s), 1);
    slow_start_began(&s);
    /* the two that are still out from before say nothing about it */
    slow_start_ended(&s, at(3), at(6), SLOW_START_OK);
    slow_start_ended(&s, at(3), at(6), SLOW_START_OK);
    assert_int_equal(slow_start_room(&s), 0);
    slow_start_begin(&s, at(7), 2); /* another pause: what was the target stays it */
    assert_int_equal(s.target, 20);
}

static void calls_from_before_the_pause_say_nothing_and_take_no_room(void **state)
{
    (void)state;
    slow_start_t s = {0};
    slow_start_begin(&s, at(100), 50);
    for (int n = 0; n <= 100; n++) /* the last one began in the very instant */
        assert_false(slow_start_ended(&s, at(n), at(200), SLOW_START_OK));
    assert_int_equal(slow_start_room(&s), 1);
}

/* A far side that answers in one round trip, 5,000 that wait, and a pause until t=30 s. */
static void at_the_end_of_a_pause_one_goes_and_at_most_five_in_the_next_round_trip(void **state)
{
    (void)state;
    enum { LIMIT = 50, RTT_MS = 100, MOST = 5000 };
    slow_start_t s = {0};
    slow_start_begin(&s, at(0), LIMIT);
    int64_t began_ms[MOST];
    size_t began = 0, ended = 0, in_trip[20] = {0};
    for (int64_t ms = 30000; ms < 32000; ms++) {
        while (ended < began && began_ms[ended] + RTT_MS <= ms)
            slow_start_ended(&s, at(began_ms[ended++]), at(ms), SLOW_START_OK);
        while (slow_start_room(&s) > 0 && began - ended < LIMIT) {
            slow_start_began(&s);
            began_ms[began++] = ms;
            in_trip[(ms - 30000) / RTT_MS]++;
        }
    }
    assert_int_equal(in_trip[0], 1);
    assert_in_range(in_trip[1], 4, 5);
    for (size_t n = 1; n + 1 < COUNT_OF(in_trip); n++)
        assert_true(in_trip[n + 1] <= 2 * in_trip[n]); /* no step is a herd */
    assert_int_equal(in_trip[COUNT_OF(in_trip) - 1], LIMIT);
}

/* Whatever ends however: never more out than the window, and it always gets somewhere. */
static void no_mixture_of_ends_lets_more_out_than_the_window_or_gets_stuck(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        rand_t r = rand_seeded(seed);
        slow_start_t s = {0};
        int64_t now = 0, out[64];
        size_t count = 0;
        slow_start_begin(&s, at(now), 1 + (uint32_t)rand_below(&r, 60));
        for (int n = 0; n < 5000 && slow_start_room(&s) != UINT32_MAX; n++) {
            now++;
            if (slow_start_room(&s) > 0 && count < COUNT_OF(out) && rand_below(&r, 2)) {
                slow_start_began(&s);
                out[count++] = now;
            } else if (count > 0) {
                size_t which = rand_below(&r, count);
                int64_t started = out[which];
                out[which] = out[--count];
                uint64_t end = rand_below(&r, 60);
                slow_start_ended(&s, at(started), at(now),
                                 end < 3 ? (slow_start_end_t)(1 + end) : SLOW_START_OK);
            }
            assert_true(s.window == 0 || s.out <= s.window);
        }
        assert_int_equal(slow_start_room(&s), UINT32_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_probe_goes_until_one_succeeds),
        cmocka_unit_test(it_grows_by_each_success_and_is_over_at_its_target),
        cmocka_unit_test(a_deferral_begins_again_and_a_failure_only_does_not_grow),
        cmocka_unit_test(calls_from_before_the_pause_say_nothing_and_take_no_room),
        cmocka_unit_test(at_the_end_of_a_pause_one_goes_and_at_most_five_in_the_next_round_trip),
        cmocka_unit_test(no_mixture_of_ends_lets_more_out_than_the_window_or_gets_stuck),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
