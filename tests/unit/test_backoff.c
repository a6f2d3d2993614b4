/* Full jitter: below the doubled base, never over the cap, never under what the far side asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/backoff.h"
#include "core/rand.h"

static void the_wait_stays_below_its_bound(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        unsigned failed;
        int64_t most;
    } rows[] = {
        {"first", 1, 500000},
        {"second", 2, 1000000},
        {"fifth", 5, 8000000},
        {"capped", 30, 60000000},
    };
    rand_t r = rand_seeded(4);
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        int64_t greatest = 0;
        for (int i = 0; i < 5000; i++) {
            int64_t wait = backoff_us(500000, 60000000, rows[n].failed, 0, rand_next(&r));
            assert_true(wait >= 0 && wait < rows[n].most);
            greatest = wait > greatest ? wait : greatest;
        }
        assert_true(greatest > rows[n].most * 9 / 10); /* full jitter uses the whole range */
    }
}

static void what_the_far_side_asked_for_is_never_shortened(void **state)
{
    (void)state;
    rand_t r = rand_seeded(5);
    for (int i = 0; i < 5000; i++) {
        int64_t wait = backoff_us(500000, 60000000, 1, 30000000, rand_next(&r));
        assert_true(wait >= 30000000 && wait < 30500000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wait_stays_below_its_bound),
        cmocka_unit_test(what_the_far_side_asked_for_is_never_shortened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
