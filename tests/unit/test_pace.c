/* When a batch waits for company: not when idle, not at a burst's begin, at most the maximum under
 * load. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "actors/pace.h"

static pace_t fresh(void) { return (pace_t){.pause_us_max = 1000, .since = INSTANT_NEVER}; }

/* `changes` every `every_us` for a quarter of a second; then one change: how long it waits. */
static int64_t pause_at(size_t changes, int64_t every_us)
{
    pace_t p = fresh();
    int64_t at = 0;
    for (; at < 250000; at += every_us) {
        pace_changed(&p, (instant_t){at});
        pace_submitted(&p, changes, (instant_t){at});
    }
    pace_changed(&p, (instant_t){at});
    return pace_due(&p, 1).us - at;
}

static void the_pause_follows_the_rate_of_changes(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        size_t changes;
        int64_t every_us, least, most;
    } rows[] = {
        {"one a second", 1, 1000000, 0, 0},
        {"3,000 a second", 3, 1000, 0, 0},
        {"8,000 a second", 8, 1000, 200, 500},
        {"60,000 a second", 60, 1000, 1000, 1000},
        {"60,000 a second in small batches", 6, 100, 1000, 1000},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t pause = pause_at(rows[i].changes, rows[i].every_us);
        if (pause < rows[i].least || pause > rows[i].most)
            fail_msg("%s: %lld us", rows[i].label, (long long)pause);
    }
}

static void a_silence_is_forgotten_load(void **state)
{
    (void)state;
    pace_t p = fresh();
    for (int64_t at = 0; at < 250000; at += 1000)
        pace_submitted(&p, 60, (instant_t){at});
    pace_changed(&p, (instant_t){1000000});
    pace_submitted(&p, 1, (instant_t){1000000});
    pace_changed(&p, (instant_t){1000100});
    assert_int_equal(pace_due(&p, 1).us, 1000100);
}

static void company_enough_goes_without_a_pause(void **state)
{
    (void)state;
    pace_t p = fresh();
    for (int64_t at = 0; at < 250000; at += 1000)
        pace_submitted(&p, 60, (instant_t){at});
    pace_changed(&p, (instant_t){250000});
    assert_int_equal(pace_due(&p, 15).us, 251000);
    assert_int_equal(pace_due(&p, 16).us, 250000);
}

static void without_changes_nothing_is_due(void **state)
{
    (void)state;
    pace_t p = fresh();
    assert_true(instant_is_never(pace_due(&p, 1)));
    pace_changed(&p, (instant_t){5});
    pace_changed(&p, (instant_t){9}); /* the first one counts */
    assert_int_equal(pace_due(&p, 1).us, 5);
    pace_submitted(&p, 2, (instant_t){10});
    assert_true(instant_is_never(pace_due(&p, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pause_follows_the_rate_of_changes),
        cmocka_unit_test(a_silence_is_forgotten_load),
        cmocka_unit_test(company_enough_goes_without_a_pause),
        cmocka_unit_test(without_changes_nothing_is_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
