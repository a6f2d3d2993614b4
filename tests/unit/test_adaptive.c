/* A limit that finds its height: up by successes under load, down once a round trip, between floor
 * and ceiling, on the rungs where there are rungs, and not at all when pinned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/adaptive.h"
#include "core/rand.h"

static const adaptive_rules_t FREE = {2, 64, {0}, 0, 70, 0};
static const adaptive_rules_t LADDER = {5, 15, {5, 10, 15}, 3, 0, 10 * US_PER_S};
static instant_t at(int64_t ms) { return (instant_t){1000 * US_PER_S + ms * US_PER_MS}; }

static adaptive_t starting(const adaptive_rules_t *rules, uint32_t limit)
{
    adaptive_t a;
    adaptive_init(&a, rules, at(0), limit);
    return a;
}

/* `count` calls that began at `from_ms` succeed at `to_ms`. */
static adaptive_change_t succeed(adaptive_t *a, const adaptive_rules_t *rules, unsigned count,
                                 int64_t from_ms, int64_t to_ms)
{
    adaptive_change_t last = {0};
    while (count-- > 0)
        last = adaptive_ended(a, rules, at(from_ms), at(to_ms), ADAPTIVE_OK, a->limit);
    return last;
}

static void a_window_of_successes_raises_it_by_one(void **state)
{
    (void)state;
    adaptive_t a = starting(&FREE, 10);
    assert_int_equal(succeed(&a, &FREE, 9, 0, 1).reason, ADAPTIVE_UNCHANGED);
    adaptive_change_t c = succeed(&a, &FREE, 1, 0, 1);
    assert_int_equal(c.reason, ADAPTIVE_GREW);
    assert_int_equal(c.from, 10);
    assert_int_equal(c.to, 11);
    a = starting(&FREE, 64);
    assert_int_equal(succeed(&a, &FREE, 1000, 0, 1).reason, ADAPTIVE_UNCHANGED);
    assert_int_equal(a.limit, 64);
}

static void it_does_not_grow_while_less_than_half_of_it_is_used(void **state)
{
    (void)state;
    adaptive_t a = starting(&FREE, 10);
    for (int n = 0; n < 1000; n++)
        adaptive_ended(&a, &FREE, at(0), at(n), ADAPTIVE_OK, 4);
    assert_int_equal(a.limit, 10);
    for (int n = 0; n < 10; n++)
        adaptive_ended(&a, &FREE, at(0), at(1000), ADAPTIVE_OK, 5);
    assert_int_equal(a.limit, 11);
}

static void a_loss_lowers_it_once_a_round_trip(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        adaptive_end_t end;
        adaptive_reason_t reason;
    } rows[] = {
        {"429", ADAPTIVE_LIMITED, ADAPTIVE_LOWERED_LIMITED},
        {"503", ADAPTIVE_OVERLOADED, ADAPTIVE_LOWERED_OVERLOADED},
        {"timeout", ADAPTIVE_TIMED_OUT, ADAPTIVE_LOWERED_TIMED_OUT},
    };
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        adaptive_t a = starting(&FREE, 20);
        adaptive_change_t c = adaptive_ended(&a, &FREE, at(10), at(20), rows[n].end, 20);
        assert_int_equal(c.reason, rows[n].reason);
        assert_int_equal(c.to, 14);
        for (int k = 0; k < 19; k++) /* the others of that round trip */
            adaptive_ended(&a, &FREE, at(10 + k % 10), at(21), rows[n].end, 20);
        assert_int_equal(a.limit, 14);
        adaptive_ended(&a, &FREE, at(20), at(30), rows[n].end, 14);
        assert_int_equal(a.limit, 9);
        for (int k = 0; k < 20; k++)
            adaptive_ended(&a, &FREE, at(100 + k), at(100 + k), rows[n].end, 2);
        assert_int_equal(a.limit, 2); /* the floor */
    }
}

static void successes_from_before_a_change_do_not_count(void **state)
{
    (void)state;
    adaptive_t a = starting(&FREE, 20);
    adaptive_ended(&a, &FREE, at(10), at(20), ADAPTIVE_LIMITED, 20);
    assert_int_equal(succeed(&a, &FREE, 100, 19, 30).reason, ADAPTIVE_UNCHANGED);
    succeed(&a, &FREE, 14, 20, 31);
    assert_int_equal(a.limit, 15);
    /* but a loss of a call that began before it grew is one: even fewer were too many */
    adaptive_ended(&a, &FREE, at(25), at(40), ADAPTIVE_LIMITED, 15);
    assert_int_equal(a.limit, 10);
}

static void a_loss_begins_the_window_of_successes_again(void **state)
{
    (void)state;
    adaptive_t a = starting(&FREE, 2);
    for (int n = 0; n < 100; n++) {
        succeed(&a, &FREE, 1, n, n);
        adaptive_ended(&a, &FREE, at(n), at(n), ADAPTIVE_LIMITED, 2);
    }
    assert_int_equal(a.limit, 2);
}

static void a_ladder_is_climbed_after_a_rungs_worth_and_the_stay(void **state)
{
    (void)state;
    adaptive_t a = starting(&LADDER, 12);
    assert_int_equal(a.limit, 10);
    a = starting(&LADDER, 1);
    assert_int_equal(a.limit, 5);
    succeed(&a, &LADDER, 500, 0, 9999);
    assert_int_equal(a.limit, 5);
    assert_int_equal(succeed(&a, &LADDER, 1, 0, 10000).to, 10);
    succeed(&a, &LADDER, 9, 10000, 30000);
    assert_int_equal(a.limit, 10);
    succeed(&a, &LADDER, 1, 10000, 30000);
    assert_int_equal(a.limit, 15);
    adaptive_ended(&a, &LADDER, at(30000), at(30001), ADAPTIVE_TIMED_OUT, 15);
    assert_int_equal(a.limit, 10); /* down at once, one rung */
}

static void pinned_it_stays_where_it_was_put(void **state)
{
    (void)state;
    adaptive_t a = starting(&FREE, 20);
    adaptive_change_t c = adaptive_pin(&a, &FREE, at(5), 100); /* over the ceiling: by hand */
    assert_int_equal(c.reason, ADAPTIVE_WAS_PINNED);
    assert_int_equal(a.limit, 100);
    succeed(&a, &FREE, 500, 6, 7);
    adaptive_ended(&a, &FREE, at(6), at(7), ADAPTIVE_LIMITED, 100);
    assert_int_equal(adaptive_configured(&a, &LADDER, at(8)).reason, ADAPTIVE_UNCHANGED);
    assert_int_equal(a.limit, 100);
    c = adaptive_pin(&a, &FREE, at(9), 0);
    assert_int_equal(c.reason, ADAPTIVE_WAS_UNPINNED);
    assert_int_equal(a.limit, 64);
    assert_int_equal(adaptive_pin(&a, &FREE, at(9), 0).reason, ADAPTIVE_UNCHANGED);
}

static void other_rules_bring_it_between_their_bounds(void **state)
{
    (void)state;
    adaptive_t a = starting(&FREE, 12);
    adaptive_change_t c = adaptive_configured(&a, &LADDER, at(1));
    assert_int_equal(c.reason, ADAPTIVE_WAS_CONFIGURED);
    assert_int_equal(c.to, 10);
    assert_int_equal(adaptive_configured(&a, &FREE, at(2)).reason, ADAPTIVE_UNCHANGED);
}

static void impossible_rules_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        adaptive_rules_t rules;
        bool valid;
    } rows[] = {
        {"free", {1, 1, {0}, 0, 70, 0}, true},
        {"ladder", {5, 15, {5, 10, 15}, 3, 0, 0}, true},
        {"no floor", {0, 1, {0}, 0, 70, 0}, false},
        {"floor over ceiling", {3, 2, {0}, 0, 70, 0}, false},
        {"keeps all", {1, 2, {0}, 0, 100, 0}, false},
        {"keeps nothing", {1, 2, {0}, 0, 0, 0}, false},
        {"ladder goes down", {5, 15, {5, 4, 15}, 3, 0, 0}, false},
        {"ladder beyond", {5, 15, {5, 20}, 2, 0, 0}, false},
        {"ladder above its floor", {1, 15, {5, 15}, 2, 0, 0}, false},
        {"too many rungs", {1, 15, {1}, ADAPTIVE_RUNGS_MAX + 1, 0, 0}, false},
        {"negative stay", {1, 1, {0}, 0, 70, -1}, false},
    };
    for (size_t n = 0; n < COUNT_OF(rows); n++)
        if (adaptive_rules_valid(&rows[n].rules) != rows[n].valid)
            fail_msg("%s", rows[n].label);
}

static void every_reason_has_its_text(void **state)
{
    (void)state;
    for (int r = 0; r < ADAPTIVE_REASON_COUNT; r++)
        assert_non_null(adaptive_reason_text((adaptive_reason_t)r));
}

/* A far side that takes `capacity` at once and answers 429 to more, each call in 100 ms. */
static void it_finds_the_capacity_of_a_far_side_and_follows_it(void **state)
{
    (void)state;
    enum { RTT_MS = 100 };
    for (uint64_t seed = 0; seed < 10; seed++) {
        rand_t r = rand_seeded(seed);
        adaptive_t a = starting(&FREE, 4);
        struct {
            int64_t began_ms, ends_ms;
            bool ok;
        } out[64];
        uint32_t count = 0, capacity = 30;
        unsigned refused = 0, done = 0;
        for (int64_t ms = 0; ms < 240000; ms++) {
            capacity = ms < 120000 ? 30 : 12;
            for (uint32_t i = 0; i < count;) {
                if (out[i].ends_ms > ms) {
                    i++;
                    continue;
                }
                adaptive_ended(&a, &FREE, at(out[i].began_ms), at(ms),
                               out[i].ok ? ADAPTIVE_OK : ADAPTIVE_LIMITED, count);
                refused += !out[i].ok;
                done++;
                out[i] = out[--count];
            }
            while (count < a.limit) {
                bool ok = count < capacity;
                int64_t ends_ms = ms + RTT_MS / 2 + (int64_t)rand_below(&r, RTT_MS);
                out[count].began_ms = ms;
                out[count].ends_ms = ok ? ends_ms : ms + 5;
                out[count++].ok = ok;
            }
            if (ms % 120000 > 20000) /* found: between what is kept of it and one too many */
                assert_in_range(a.limit, capacity * 7 / 10 - 1, capacity + 1);
        }
        assert_true(refused * 100 < done); /* less than one in a hundred shows where it is */
    }
}

/* Samples of chance in any order: always on a rung or in its bounds, once a round trip, and never
 * up before the stay. */
static void no_mixture_of_samples_breaks_its_bounds(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        rand_t r = rand_seeded(seed);
        const adaptive_rules_t *rules = seed % 2 ? &FREE : &LADDER;
        adaptive_t a = starting(rules, 10);
        int64_t ms = 0, lowered_ms = 0, changed_ms = 0;
        unsigned changes = 0;
        for (int n = 0; n < 20000; n++) {
            ms += (int64_t)rand_below(&r, 200);
            int64_t began_ms = ms - (int64_t)rand_below(&r, 3000);
            adaptive_end_t end =
                rand_below(&r, 40) ? ADAPTIVE_OK : (adaptive_end_t)(1 + rand_below(&r, 3));
            adaptive_change_t c =
                adaptive_ended(&a, rules, at(began_ms), at(ms), end, (uint32_t)rand_below(&r, 20));
            assert_int_equal(c.to, a.limit);
            assert_int_equal(c.reason == ADAPTIVE_UNCHANGED, c.from == c.to);
            assert_in_range(a.limit, rules->floor, rules->ceiling);
            assert_true(!rules->rungs || a.limit % 5 == 0);
            if (c.from == c.to)
                continue;
            assert_int_equal(c.to > c.from, end == ADAPTIVE_OK);
            if (c.to > c.from)
                assert_true((ms - changed_ms) * US_PER_MS >= rules->stay_us);
            else
                assert_true(began_ms >= lowered_ms);
            lowered_ms = c.to < c.from ? ms : lowered_ms;
            changed_ms = ms;
            changes++;
        }
        assert_true(changes > 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_of_successes_raises_it_by_one),
        cmocka_unit_test(it_does_not_grow_while_less_than_half_of_it_is_used),
        cmocka_unit_test(a_loss_lowers_it_once_a_round_trip),
        cmocka_unit_test(successes_from_before_a_change_do_not_count),
        cmocka_unit_test(a_loss_begins_the_window_of_successes_again),
        cmocka_unit_test(a_ladder_is_climbed_after_a_rungs_worth_and_the_stay),
        cmocka_unit_test(pinned_it_stays_where_it_was_put),
        cmocka_unit_test(other_rules_bring_it_between_their_bounds),
        cmocka_unit_test(impossible_rules_are_refused),
        cmocka_unit_test(every_reason_has_its_text),
        cmocka_unit_test(it_finds_the_capacity_of_a_far_side_and_follows_it),
        cmocka_unit_test(no_mixture_of_samples_breaks_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
