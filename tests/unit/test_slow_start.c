/* After a pause one call goes to see, then four, then one more for each that succeeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/rand.h"
#include "core/slow_start.h"

static void one_probe_goes_until_one_succeeds(void **state)
{
    (void)state;
    slow_start_t s = {0};
    assert_int_equal(slow_start_room(&s), UINT32_MAX);
    slow_start_begin(&s, 50);
    static const slow_start_end_t ENDS[] = {SLOW_START_FAILED, SLOW_START_LOST, SLOW_START_DEFERRED,
                                            SLOW_START_FAILED};
    for (size_t n = 0; n < COUNT_OF(ENDS); n++) {
        assert_int_equal(slow_start_room(&s), 1);
        uint32_t turn = slow_start_began(&s);
        assert_int_equal(slow_start_room(&s), 0);
        assert_false(slow_start_ended(&s, turn, ENDS[n]));
    }
    slow_start_ended(&s, slow_start_began(&s), SLOW_START_OK);
    assert_int_equal(slow_start_room(&s), SLOW_START_WINDOW);
}

static void it_grows_by_each_success_and_is_over_at_its_target(void **state)
{
    (void)state;
    slow_start_t s = {0};
    slow_start_begin(&s, 20);
    slow_start_ended(&s, slow_start_began(&s), SLOW_START_OK);
    for (uint32_t window = 4; window < 20; window++) {
        assert_int_equal(slow_start_room(&s), window);
        assert_int_equal(slow_start_ended(&s, slow_start_began(&s), SLOW_START_OK), window == 19);
    }
    assert_int_equal(slow_start_room(&s), UINT32_MAX);
}

static void a_deferral_begins_again_and_a_failure_only_does_not_grow(void **state)
{
    (void)state;
    slow_start_t s = {0};
    slow_start_begin(&s, 20);
    slow_start_ended(&s, slow_start_began(&s), SLOW_START_OK);
    uint32_t before = 0;
    for (int n = 0; n < 4; n++)
        before = slow_start_began(&s);
    slow_start_ended(&s, before, SLOW_START_FAILED);
    assert_int_equal(slow_start_room(&s), 1);
    slow_start_ended(&s, before, SLOW_START_DEFERRED);
    assert_int_equal(slow_start_room(&s), 1);
    slow_start_began(&s);
    /* the two that are still out from before say nothing about it */
    slow_start_ended(&s, before, SLOW_START_OK);
    slow_start_ended(&s, before, SLOW_START_OK);
    assert_int_equal(slow_start_room(&s), 0);
    slow_start_begin(&s, 2); /* another pause: what was the target stays it */
    assert_int_equal(s.target, 20);
}

static void calls_from_before_the_pause_say_nothing_and_take_no_room(void **state)
{
    (void)state;
    slow_start_t s = {0};
    uint32_t before = slow_start_began(&s);
    slow_start_begin(&s, 50);
    assert_false(slow_start_ended(&s, before, SLOW_START_OK));
    assert_int_equal(slow_start_room(&s), 1);
    slow_start_began(&s);
    assert_false(slow_start_ended(&s, before, SLOW_START_OK)); /* nor beside the probe */
    assert_int_equal(slow_start_room(&s), 0);
}

/* A far side that answers in one round trip, 5,000 that wait, and a pause until t=30 s. */
static void at_the_end_of_a_pause_one_goes_and_at_most_five_in_the_next_round_trip(void **state)
{
    (void)state;
    enum { LIMIT = 50, RTT_MS = 100, MOST = 5000 };
    slow_start_t s = {0};
    slow_start_begin(&s, LIMIT);
    int64_t began_ms[MOST];
    uint32_t turns[MOST];
    size_t began = 0, ended = 0, in_trip[20] = {0};
    for (int64_t ms = 30000; ms < 32000; ms++) {
        while (ended < began && began_ms[ended] + RTT_MS <= ms)
            slow_start_ended(&s, turns[ended++], SLOW_START_OK);
        while (slow_start_room(&s) > 0 && began - ended < LIMIT) {
            turns[began] = slow_start_began(&s);
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
        uint32_t out[64];
        size_t count = 0;
        slow_start_begin(&s, 1 + (uint32_t)rand_below(&r, 60));
        for (int n = 0; n < 5000 && slow_start_room(&s) != UINT32_MAX; n++) {
            if (slow_start_room(&s) > 0 && count < COUNT_OF(out) && rand_below(&r, 2)) {
                out[count++] = slow_start_began(&s);
            } else if (count > 0) {
                size_t which = rand_below(&r, count);
                uint32_t turn = out[which];
                out[which] = out[--count];
                uint64_t end = rand_below(&r, 60);
                slow_start_ended(&s, turn, end < 3 ? (slow_start_end_t)(1 + end) : SLOW_START_OK);
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
