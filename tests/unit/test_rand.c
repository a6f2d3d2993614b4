/* The same seed, the same numbers, for ever; and evenly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/rand.h"

/* xoshiro256** from the state 1, 2, 3, 4: worked out independently (in Python) from the paper. */
static void the_numbers_are_those_of_the_paper(void **state)
{
    (void)state;
    static const uint64_t expected[] = {11520u, 0u, 1509978240u, 1215971899390074240u};
    rand_t r = {{1, 2, 3, 4}};
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        assert_true(rand_next(&r) == expected[i]);
}

static void the_seed_is_spread_by_splitmix64(void **state)
{
    (void)state;
    rand_t r = rand_seeded(1234567);
    static const uint64_t expected[] = {6457827717110365317u, 3203168211198807973u,
                                        9817491932198370423u, 4593380528125082431u};
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        assert_true(r.s[i] == expected[i]);
}

static void a_seed_always_gives_the_same_numbers(void **state)
{
    (void)state;
    rand_t a = rand_seeded(0), b = rand_seeded(0), c = rand_seeded(1);
    int same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t x = rand_next(&a);
        assert_true(x == rand_next(&b));
        same += x == rand_next(&c);
    }
    assert_int_equal(same, 0);
}

static void numbers_below_a_bound_are_even_and_below_it(void **state)
{
    (void)state;
    rand_t r = rand_seeded(7);
    unsigned seen[10] = {0};
    for (int i = 0; i < 100000; i++) {
        uint64_t x = rand_below(&r, COUNT_OF(seen));
        assert_true(x < COUNT_OF(seen));
        seen[x]++;
    }
    for (size_t i = 0; i < COUNT_OF(seen); i++)
        assert_in_range(seen[i], 9500, 10500); /* five standard deviations are 474 */
}

/* With 3 * 2^62 as bound, plain `x % bound` would give numbers below 2^62 half of the time, not a
 * third. */
static void a_large_bound_is_not_biased(void **state)
{
    (void)state;
    rand_t r = rand_seeded(8);
    unsigned low = 0;
    for (int i = 0; i < 30000; i++)
        low += rand_below(&r, 3ull << 62) < 1ull << 62;
    assert_in_range(low, 9500, 10500);
}

static void the_smallest_bounds_give_zero(void **state)
{
    (void)state;
    rand_t r = rand_seeded(9);
    assert_true(rand_below(&r, 0) == 0);
    assert_true(rand_below(&r, 1) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_numbers_are_those_of_the_paper),
        cmocka_unit_test(the_seed_is_spread_by_splitmix64),
        cmocka_unit_test(a_seed_always_gives_the_same_numbers),
        cmocka_unit_test(numbers_below_a_bound_are_even_and_below_it),
        cmocka_unit_test(a_large_bound_is_not_biased),
        cmocka_unit_test(the_smallest_bounds_give_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
