/* In any window of the period, however what was taken is felt late within the slack, at most the
 * count; and not less than could be. What is kept comes back; hostile bytes do nothing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/rand.h"
#include "core/window.h"

enum { MOST = 3000 };

/* All that was taken, one entry a unit; -1: given back. */
typedef struct takes {
    int64_t at_us[MOST];
    size_t count;
} takes_t;

static uint32_t in_span(const takes_t *t, int64_t now_us, int64_t span_us)
{
    uint32_t n = 0;
    for (size_t i = 0; i < t->count; i++)
        n += t->at_us[i] >= 0 && t->at_us[i] > now_us - span_us;
    return n;
}

static int64_t naive_wait(const takes_t *t, int64_t now_us, int64_t span_us, uint32_t count,
                          uint32_t cost)
{
    if (in_span(t, now_us, span_us) + cost <= count)
        return 0;
    for (size_t i = 0; i < t->count; i++) { /* one moment at a time, as they leave */
        int64_t leaves_us = t->at_us[i] + span_us;
        if (t->at_us[i] >= 0 && leaves_us > now_us &&
            in_span(t, leaves_us, span_us) + cost <= count)
            return leaves_us - now_us;
    }
    return -2;
}

static void take(window_t *w, takes_t *t, int64_t now_us, uint32_t cost)
{
    window_take(w, (instant_t){now_us}, (instant_t){now_us}, cost);
    for (uint32_t n = 0; n < cost; n++)
        t->at_us[t->count++] = now_us;
}

static void give(window_t *w, takes_t *t, int64_t taken_us, uint32_t cost)
{
    window_give(w, (instant_t){taken_us}, cost);
    for (size_t i = 0; i < t->count && cost > 0; i++)
        if (t->at_us[i] == taken_us) {
            t->at_us[i] = -1;
            cost--;
        }
}

static void kept_and_restored(window_t **w, uint32_t count, int64_t span_us, int64_t now_us)
{
    static uint8_t kept[WINDOW_BYTES_MAX];
    size_t length = window_to_bytes(*w, (instant_t){now_us}, kept);
    window_destroy(w);
    *w = window_new(count, span_us);
    assert_int_equal(window_from_bytes(*w, bytes_of(kept, length), (instant_t){now_us}), 0);
}

static void whatever_happens_a_naive_log_agrees(void **state)
{
    (void)state;
    takes_t *t = calloc(1, sizeof *t);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        rand_t r = rand_seeded(seed);
        uint32_t count = 1 + (uint32_t)rand_below(&r, 60);
        int64_t span_us = 1000 + (int64_t)rand_below(&r, 1000000), now_us = 1;
        window_t *w = window_new(count, span_us);
        t->count = 0;
        while (t->count < MOST - 8) {
            now_us += (int64_t)rand_below(&r, 2 * (uint64_t)span_us / count);
            uint32_t cost = 1 + (uint32_t)rand_below(&r, count < 8 ? count : 8);
            int64_t wait = window_wait_us(w, (instant_t){now_us}, cost);
            assert_int_equal(wait, naive_wait(t, now_us, span_us, count, cost));
            assert_int_equal(window_left(w, (instant_t){now_us}),
                             count - in_span(t, now_us, span_us));
            if (rand_below(&r, 2) == 0) { /* come back when told to */
                now_us += wait;
                wait = 0;
            }
            if (wait == 0)
                take(w, t, now_us, cost);
            if (rand_below(&r, 8) == 0) {
                size_t back = rand_below(&r, t->count < 30 ? t->count : 30);
                if (t->count > 0 && t->at_us[t->count - 1 - back] > now_us - span_us)
                    give(w, t, t->at_us[t->count - 1 - back], 1);
            }
            if (rand_below(&r, 50) == 0)
                kept_and_restored(&w, count, span_us, now_us);
        }
        window_destroy(&w);
    }
    free(t);
}

/* Each take is felt some time within its slack, which is another one each time: no window of the
 * period sees more than the count. */
static void the_far_side_never_sees_more_than_the_count_in_any_window(void **state)
{
    (void)state;
    static const int64_t PERIOD = 30 * US_PER_S, SLACK = 2 * US_PER_S;
    static const uint32_t COUNT = 50;
    int64_t felt_us[MOST];
    for (uint64_t seed = 1; seed <= 20; seed++) {
        rand_t r = rand_seeded(seed);
        window_t *w = window_new(COUNT, PERIOD);
        instant_t now = {US_PER_S};
        for (size_t n = 0; n < MOST; n++) {
            now.us += window_wait_us(w, now, 1);
            /* as late as can be, then as early: the worst for the next window */
            int64_t slack_us = seed % 2 ? SLACK : (int64_t)rand_below(&r, (uint64_t)SLACK + 1);
            int64_t late_us = seed == 1 ? (n / COUNT % 2 == 0 ? SLACK : 0)
                                        : (int64_t)rand_below(&r, (uint64_t)slack_us + 1);
            window_take(w, now, instant_after_us(now, slack_us), 1);
            felt_us[n] = now.us + late_us;
        }
        for (size_t i = 0; i < MOST; i++) { /* windows that begin with each one felt */
            uint32_t seen = 0;
            size_t from = i > 2 * COUNT ? i - 2 * COUNT : 0;
            for (size_t k = from; k < MOST && k < i + 2 * COUNT; k++)
                seen += felt_us[k] >= felt_us[i] && felt_us[k] < felt_us[i] + PERIOD;
            assert_true(seen <= COUNT);
        }
        /* and nothing was left unused */
        assert_true(now.us <= US_PER_S + (MOST / COUNT) * (PERIOD + SLACK));
        window_destroy(&w);
    }
}

static void what_is_felt_later_is_given_back_by_when_it_is_felt(void **state)
{
    (void)state;
    window_t *w = window_new(3, 100);
    instant_t first = window_take(w, (instant_t){1000}, (instant_t){1050}, 1),
              second = window_take(w, (instant_t){1010}, (instant_t){1020}, 2);
    assert_true(first.us == 1050 && second.us == 1050); /* no sooner than the one before it */
    assert_int_equal(window_wait_us(w, (instant_t){1100}, 1), 50);
    kept_and_restored(&w, 3, 100, 1050);
    window_give(w, second, 2);
    assert_int_equal(window_left(w, (instant_t){1100}), 2);
    window_destroy(&w);
}

static void a_cost_over_the_count_never_goes_and_none_always(void **state)
{
    (void)state;
    window_t *w = window_new(3, 100);
    instant_t now = {1000};
    assert_int_equal(window_wait_us(w, now, 4), -1);
    window_take(w, now, now, 3);
    assert_int_equal(window_wait_us(w, now, 0), 0);
    assert_int_equal(window_wait_us(w, now, 1), 100);
    assert_int_equal(window_wait_us(w, (instant_t){1099}, 1), 1);
    assert_int_equal(window_wait_us(w, (instant_t){1100}, 3), 0);
    window_destroy(&w);
}

static void a_changed_count_or_span_counts_what_was_taken(void **state)
{
    (void)state;
    window_t *w = window_new(10, 1000);
    for (int64_t n = 0; n < 10; n++)
        window_take(w, (instant_t){100 + n}, (instant_t){100 + n}, 1);
    window_change(w, 4, 1000); /* 10 are in the span; 7 must leave before one more may go */
    assert_int_equal(window_wait_us(w, (instant_t){110}, 1), 106 + 1000 - 110);
    assert_int_equal(window_left(w, (instant_t){110}), 0);
    kept_and_restored(&w, 4, 1000, 110);
    window_change(w, 12, 1000); /* lowering and raising it forgets nothing */
    assert_int_equal(window_left(w, (instant_t){110}), 12 - 10);
    window_change(w, 4, 20);
    assert_int_equal(window_wait_us(w, (instant_t){110}, 1), 106 + 20 - 110);
    window_destroy(&w);
}

static void what_left_the_log_is_not_given_back(void **state)
{
    (void)state;
    window_t *w = window_new(2, 10);
    window_take(w, (instant_t){1}, (instant_t){1}, 2);
    window_take(w, (instant_t){11}, (instant_t){11}, 2);
    window_give(w, (instant_t){1}, 2);
    window_give(w, (instant_t){12}, 1); /* there never was one */
    assert_int_equal(window_left(w, (instant_t){11}), 0);
    window_give(w, (instant_t){11}, 5);
    assert_int_equal(window_left(w, (instant_t){11}), 2);
    window_destroy(&w);
}

static void after_a_new_boot_a_whole_span_passes(void **state)
{
    (void)state;
    window_t *w = window_new(5, 1000);
    window_new_boot(w, (instant_t){7});
    assert_int_equal(window_wait_us(w, (instant_t){7}, 1), 1000);
    assert_int_equal(window_left(w, (instant_t){1006}), 0);
    assert_int_equal(window_left(w, (instant_t){1007}), 5);
    window_destroy(&w);
}

static void bytes_that_are_no_window_change_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        uint8_t bytes[16];
        size_t length;
    } rows[] = {
        {"nothing", {0}, 0},
        {"another version", {2, 0}, 2},
        {"no count", {1}, 1},
        {"fewer than it says", {1, 2, 50}, 3},
        {"more than it says", {1, 1, 50, 1}, 4},
        {"more than there can be", {1, 0x81, 0x20, 50}, 4},
        {"of another boot", {1, 1, 101}, 3},
        {"before the beginning", {1, 2, 50, 51}, 4},
        {"an endless number", {1, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}, 13},
    };
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        window_t *w = window_new(5, 1000);
        instant_t now = {100};
        assert_int_equal(window_from_bytes(w, bytes_of(rows[n].bytes, rows[n].length), now),
                         -EBADMSG);
        assert_int_equal(window_left(w, now), 5);
        window_destroy(&w);
    }
}

static void random_bytes_are_refused_or_make_a_window(void **state)
{
    (void)state;
    rand_t r = rand_seeded(9);
    unsigned good = 0;
    for (int n = 0; n < 200000; n++) {
        uint8_t bytes[24] = {1, (uint8_t)rand_below(&r, 5)};
        size_t length = rand_below(&r, sizeof bytes + 1);
        for (size_t i = 2; i < length; i++)
            bytes[i] = (uint8_t)(rand_next(&r) >> (i % 2 ? 57 : 56));
        window_t *w = window_new(3, 1000);
        instant_t now = {(int64_t)rand_below(&r, 20000)};
        if (window_from_bytes(w, bytes_of(bytes, length), now) == 0) {
            good++;
            now.us += window_wait_us(w, now, 3);
            window_take(w, now, now, 3);
        }
        window_destroy(&w);
    }
    assert_true(good > 1000);
}

static void more_takes_than_the_count_are_read_but_not_more_than_there_can_be(void **state)
{
    (void)state;
    uint8_t kept[WINDOW_BYTES_MAX];
    window_t *w = window_new(WINDOW_COUNT_MAX, INT64_MAX / 4);
    for (int64_t n = 0; n < WINDOW_COUNT_MAX; n++)
        window_take(w, (instant_t){n * (INT64_MAX / 4 / WINDOW_COUNT_MAX)},
                    (instant_t){n * (INT64_MAX / 4 / WINDOW_COUNT_MAX)}, 1);
    instant_t now = {INT64_MAX / 4};
    size_t length = window_to_bytes(w, now, kept);
    window_t *small = window_new(2, INT64_MAX / 4);
    assert_int_equal(window_from_bytes(small, bytes_of(kept, length), now), 0);
    assert_int_equal(window_left(small, now), 0);
    window_destroy(&small);
    window_destroy(&w);
    w = window_new(2, 1000);
    static const uint8_t one_too_many[1 + 2 + WINDOW_COUNT_MAX + 1] = {1, 0x81, 0x20, 50};
    assert_int_equal(window_from_bytes(w, bytes_of(one_too_many, sizeof one_too_many), now),
                     -EBADMSG);
    window_destroy(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_a_naive_log_agrees),
        cmocka_unit_test(the_far_side_never_sees_more_than_the_count_in_any_window),
        cmocka_unit_test(what_is_felt_later_is_given_back_by_when_it_is_felt),
        cmocka_unit_test(a_cost_over_the_count_never_goes_and_none_always),
        cmocka_unit_test(a_changed_count_or_span_counts_what_was_taken),
        cmocka_unit_test(what_left_the_log_is_not_given_back),
        cmocka_unit_test(after_a_new_boot_a_whole_span_passes),
        cmocka_unit_test(bytes_that_are_no_window_change_nothing),
        cmocka_unit_test(random_bytes_are_refused_or_make_a_window),
        cmocka_unit_test(more_takes_than_the_count_are_read_but_not_more_than_there_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
