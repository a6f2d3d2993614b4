/* The orderly stop: drain, wave by wave, the rest is killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "supervisor/stop.h"

#define S US_PER_S
#define WAVES 4
static const instant_t t0 = {1000 * S};

static instant_t at(int64_t seconds) { return instant_after_us(t0, seconds * S); }

static enum stop_wish order(stop_t *s, instant_t now, bool can_drain)
{
    return stop_ordered(s, now, 10 * S, 30 * S, WAVES, can_drain, 0);
}

static void the_drain_comes_first_and_then_the_waves_in_order(void **state)
{
    (void)state;
    stop_t s = {0};
    assert_int_equal(order(&s, t0, true), STOP_WISH_DRAIN);
    assert_int_equal(stop_turn(&s, at(9), false), STOP_WISH_NOTHING);
    assert_int_equal(stop_drained(&s, at(9)), STOP_WISH_WAVE);
    for (unsigned wave = 1; wave <= WAVES; wave++) {
        assert_int_equal(s.wave, wave);
        assert_int_equal(stop_turn(&s, at(9), false), STOP_WISH_NOTHING);
        assert_int_equal(stop_turn(&s, at(9), true), wave < WAVES ? STOP_WISH_WAVE : STOP_WISH_END);
    }
    assert_int_equal(s.phase, STOP_OVER);
    assert_int_equal(stop_turn(&s, at(10), true), STOP_WISH_NOTHING);
}

static void a_drain_that_does_not_end_is_cut_off(void **state)
{
    (void)state;
    stop_t s = {0};
    order(&s, t0, true);
    assert_int_equal(stop_due(&s).us, at(10).us);
    assert_int_equal(stop_turn(&s, at(10), false), STOP_WISH_WAVE);
    assert_int_equal(stop_drained(&s, at(11)), STOP_WISH_NOTHING); /* its late word is nothing */
    assert_int_equal(s.wave, 1);
}

static void without_a_drainer_or_a_time_for_it_there_is_no_drain(void **state)
{
    (void)state;
    stop_t s = {0}, hurried = {0};
    assert_int_equal(order(&s, t0, false), STOP_WISH_WAVE);
    assert_int_equal(stop_ordered(&hurried, t0, 0, 30 * S, WAVES, true, 0), STOP_WISH_WAVE);
    assert_int_equal(hurried.wave, 1);
}

static void a_wave_that_hangs_leaves_time_to_the_next(void **state)
{
    (void)state;
    stop_t s = {0};
    order(&s, t0, false);
    instant_t now = t0;
    for (unsigned wave = 1; wave <= WAVES; wave++) {
        assert_true(instant_before(now, s.wave_until));
        assert_false(instant_before(at(30), s.wave_until));
        now = s.wave_until; /* it was killed then */
        stop_turn(&s, now, true);
    }
    assert_int_equal(now.us, at(30).us);
    assert_int_equal(s.phase, STOP_OVER);
}

static void the_second_order_stops_all_at_once(void **state)
{
    (void)state;
    static const char *const labels[] = {"in the drain", "in a wave"};
    for (size_t n = 0; n < COUNT_OF(labels); n++) {
        stop_t s = {0};
        order(&s, t0, n == 0);
        if (order(&s, at(1), true) != STOP_WISH_WAVE || s.wave != 0)
            fail_msg("%s: wave %u", labels[n], s.wave);
        assert_int_equal(s.wave_until.us, at(1).us);
        assert_int_equal(stop_turn(&s, at(1), false), STOP_WISH_NOTHING);
        assert_int_equal(stop_turn(&s, at(2), true), STOP_WISH_END);
        assert_int_equal(order(&s, at(2), true), STOP_WISH_NOTHING);
    }
}

static void the_exit_code_is_that_of_the_first_order(void **state)
{
    (void)state;
    stop_t s = {0};
    stop_ordered(&s, t0, 0, S, WAVES, false, 78);
    order(&s, t0, false);
    assert_int_equal(s.exit_code, 78);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_drain_comes_first_and_then_the_waves_in_order),
        cmocka_unit_test(a_drain_that_does_not_end_is_cut_off),
        cmocka_unit_test(without_a_drainer_or_a_time_for_it_there_is_no_drain),
        cmocka_unit_test(a_wave_that_hangs_leaves_time_to_the_next),
        cmocka_unit_test(the_second_order_stops_all_at_once),
        cmocka_unit_test(the_exit_code_is_that_of_the_first_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
