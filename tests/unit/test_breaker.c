/* The breaker opens on a share or a row of failures, waits longer each time, lets one call go to
 * see and believes only calls that began since its last change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/breaker.h"
#include "core/rand.h"

static const breaker_rules_t RULES = {50, 10, 5, 10 * US_PER_S, 5 * US_PER_S, 60 * US_PER_S};
static instant_t at(int64_t ms) { return (instant_t){1000 * US_PER_S + ms * US_PER_MS}; }

static breaker_event_t call(breaker_t *b, int64_t from_ms, int64_t to_ms, bool ok)
{
    assert_true(breaker_allows(b, at(from_ms)));
    breaker_began(b, at(from_ms));
    return breaker_ended(b, &RULES, at(from_ms), at(to_ms), ok, 0);
}

static breaker_t opened_at(int64_t ms)
{
    breaker_t b = {0};
    for (int n = 1; n < 5; n++)
        assert_int_equal(call(&b, ms - 100, ms - 100 + n, false), BREAKER_UNCHANGED);
    assert_int_equal(call(&b, ms - 50, ms, false), BREAKER_ROW_FAILED);
    assert_int_equal(b.state, BREAKER_OPEN);
    return b;
}

static void a_row_of_failures_opens_it_and_one_success_breaks_the_row(void **state)
{
    (void)state;
    breaker_t b = {0};
    breaker_rules_t rules = RULES;
    rules.percent = 0;
    for (int n = 0; n < 100; n++)
        assert_int_equal(breaker_ended(&b, &rules, at(n), at(n), n % 5 == 4, 0), BREAKER_UNCHANGED);
    b = opened_at(1000);
    assert_false(breaker_allows(&b, at(1001)));
    assert_int_equal(breaker_due(&b).us, at(6000).us);
}

static void half_of_at_least_ten_in_ten_seconds_opens_it(void **state)
{
    (void)state;
    breaker_t b = {0};
    for (int n = 0; n < 9; n++)
        assert_int_equal(call(&b, n, n, n % 2 == 0), BREAKER_UNCHANGED);
    assert_int_equal(call(&b, 9, 9, false), BREAKER_SHARE_FAILED);
    static const struct {
        const char *label;
        int64_t ms;
        breaker_event_t last;
    } rows[] = {{"still in the window", 9999, BREAKER_SHARE_FAILED},
                {"out of it", 10000, BREAKER_UNCHANGED},
                {"long out of it", 99000, BREAKER_UNCHANGED}};
    for (size_t row = 0; row < COUNT_OF(rows); row++) {
        b = (breaker_t){0};
        for (int n = 0; n < 8; n++)
            call(&b, n, n, n % 2 == 0);
        assert_int_equal(call(&b, 5000, 5000, true), BREAKER_UNCHANGED);
        assert_int_equal(call(&b, rows[row].ms, rows[row].ms, false), rows[row].last);
    }
}

static void open_it_lets_nothing_go_and_then_one_call(void **state)
{
    (void)state;
    breaker_t b = opened_at(0);
    assert_false(breaker_allows(&b, at(4999)));
    assert_true(breaker_allows(&b, at(5000)));
    assert_int_equal(breaker_began(&b, at(5000)), BREAKER_TIME_UP);
    assert_false(breaker_allows(&b, at(9000)));
    assert_true(instant_is_never(breaker_due(&b)));
    assert_int_equal(breaker_ended(&b, &RULES, at(5000), at(9000), true, 0), BREAKER_PROBE_OK);
    assert_int_equal(b.state, BREAKER_CLOSED);
}

static void each_time_in_a_row_it_stays_open_twice_as_long_up_to_the_cap(void **state)
{
    (void)state;
    breaker_t b = opened_at(0);
    static const int64_t OPEN_MS[] = {10000, 20000, 40000, 60000, 60000};
    for (size_t n = 0; n < COUNT_OF(OPEN_MS); n++) {
        int64_t due_ms = (breaker_due(&b).us - at(0).us) / US_PER_MS;
        assert_int_equal(call(&b, due_ms, due_ms + 1, false), BREAKER_PROBE_FAILED);
        assert_int_equal(breaker_due(&b).us, at(due_ms + 1 + OPEN_MS[n]).us);
    }
    /* closed for less than it was open: it goes on doubling (at the cap); for longer: anew */
    static const struct {
        const char *label;
        int64_t closed_ms, open_ms;
    } rows[] = {{"soon again", 59000, 60000}, {"long after", 60000, 5000}};
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        int64_t ms = (breaker_due(&b).us - at(0).us) / US_PER_MS;
        assert_int_equal(call(&b, ms, ms, true), BREAKER_PROBE_OK);
        ms += rows[n].closed_ms;
        for (int k = 0; k < 5; k++)
            call(&b, ms, ms, false);
        assert_int_equal(breaker_due(&b).us, at(ms + rows[n].open_ms).us);
    }
}

static void chance_makes_a_pause_longer_by_a_quarter_at_most(void **state)
{
    (void)state;
    rand_t r = rand_seeded(1);
    int64_t longest = 0;
    for (int n = 0; n < 2000; n++) {
        breaker_t b = {.in_row = 4};
        breaker_ended(&b, &RULES, at(0), at(0), false, rand_next(&r));
        int64_t open_us = breaker_due(&b).us - at(0).us;
        assert_true(open_us >= RULES.open_us && open_us < RULES.open_us * 5 / 4);
        longest = longest > open_us ? longest : open_us;
    }
    assert_true(longest > RULES.open_us * 6 / 5);
}

static void calls_from_before_the_last_change_say_nothing(void **state)
{
    (void)state;
    breaker_t b = opened_at(0);
    assert_int_equal(breaker_ended(&b, &RULES, at(-1), at(10), true, 0), BREAKER_UNCHANGED);
    breaker_began(&b, at(5000));
    assert_int_equal(breaker_ended(&b, &RULES, at(-1), at(5001), true, 0), BREAKER_UNCHANGED);
    assert_int_equal(breaker_ended(&b, &RULES, at(-1), at(5001), false, 0), BREAKER_UNCHANGED);
    assert_int_equal(b.state, BREAKER_HALF_OPEN);
    breaker_ended(&b, &RULES, at(5000), at(5002), true, 0);
    for (int n = 0; n < 20; n++) /* those that were out when it opened end after it closed */
        assert_int_equal(breaker_ended(&b, &RULES, at(-1), at(5003), false, 0), BREAKER_UNCHANGED);
    assert_int_equal(b.state, BREAKER_CLOSED);
}

static void a_probe_that_is_lost_is_replaced(void **state)
{
    (void)state;
    breaker_t b = opened_at(0);
    breaker_began(&b, at(5000));
    breaker_lost(&b, at(-1)); /* another one */
    assert_false(breaker_allows(&b, at(5001)));
    breaker_lost(&b, at(5000));
    assert_int_equal(breaker_ended(&b, &RULES, at(5000), at(5001), true, 0), BREAKER_UNCHANGED);
    assert_true(breaker_allows(&b, at(5001)));
    assert_int_equal(call(&b, 5001, 5002, true), BREAKER_PROBE_OK);
}

static void either_way_can_be_off(void **state)
{
    (void)state;
    breaker_rules_t never = RULES;
    never.percent = never.consecutive = 0;
    breaker_t b = {0};
    for (int n = 0; n < 100; n++)
        assert_int_equal(breaker_ended(&b, &never, at(n), at(n), false, 0), BREAKER_UNCHANGED);
}

static void every_state_and_event_has_its_word(void **state)
{
    (void)state;
    for (int s = 0; s < BREAKER_STATE_COUNT; s++)
        assert_non_null(breaker_state_name((breaker_state_t)s));
    for (int e = 0; e < BREAKER_EVENT_COUNT; e++)
        assert_non_null(breaker_event_text((breaker_event_t)e));
}

/* Whatever happens: while it is open nothing begins, half-open one is out at most, and each opening
 * was earned by failures that began since it was closed. */
static void whatever_happens_it_keeps_its_promises(void **state)
{
    (void)state;
    enum { OUT = 40 };
    unsigned events[BREAKER_EVENT_COUNT] = {0};
    for (uint64_t seed = 0; seed < 30; seed++) {
        rand_t r = rand_seeded(seed);
        breaker_t b = {0};
        int64_t ms = 0, out_ms[OUT], probe_ms = -1;
        size_t out = 0;
        for (int n = 0; n < 20000; n++) {
            ms += (int64_t)rand_below(&r, 300);
            unsigned health = n / 1000 % 2 ? 95 : 20;
            uint8_t before = b.state;
            if (out < OUT && rand_below(&r, 2) && breaker_allows(&b, at(ms))) {
                assert_true(before != BREAKER_OPEN || !instant_before(at(ms), breaker_due(&b)));
                assert_true(before != BREAKER_HALF_OPEN || probe_ms < 0);
                events[breaker_began(&b, at(ms))]++;
                probe_ms = b.state == BREAKER_HALF_OPEN ? ms : -1;
                out_ms[out++] = ms;
            } else if (out > 0) {
                size_t which = rand_below(&r, out);
                int64_t began_ms = out_ms[which];
                out_ms[which] = out_ms[--out];
                if (rand_below(&r, 20) == 0) {
                    breaker_lost(&b, at(began_ms));
                    probe_ms = probe_ms == began_ms ? -1 : probe_ms;
                    continue;
                }
                bool ok = rand_below(&r, 100) < health;
                breaker_event_t e =
                    breaker_ended(&b, &RULES, at(began_ms), at(ms), ok, rand_next(&r));
                events[e]++;
                assert_int_equal(e == BREAKER_UNCHANGED, b.state == before);
                assert_true(b.state != BREAKER_OPEN || before == BREAKER_OPEN || !ok);
                if (e == BREAKER_PROBE_OK || e == BREAKER_PROBE_FAILED) {
                    assert_int_equal(began_ms, probe_ms);
                    probe_ms = -1;
                }
            }
        }
    }
    for (int e = 0; e < BREAKER_EVENT_COUNT; e++)
        assert_true(events[e] > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_of_failures_opens_it_and_one_success_breaks_the_row),
        cmocka_unit_test(half_of_at_least_ten_in_ten_seconds_opens_it),
        cmocka_unit_test(open_it_lets_nothing_go_and_then_one_call),
        cmocka_unit_test(each_time_in_a_row_it_stays_open_twice_as_long_up_to_the_cap),
        cmocka_unit_test(chance_makes_a_pause_longer_by_a_quarter_at_most),
        cmocka_unit_test(calls_from_before_the_last_change_say_nothing),
        cmocka_unit_test(a_probe_that_is_lost_is_replaced),
        cmocka_unit_test(either_way_can_be_off),
        cmocka_unit_test(every_state_and_event_has_its_word),
        cmocka_unit_test(whatever_happens_it_keeps_its_promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
