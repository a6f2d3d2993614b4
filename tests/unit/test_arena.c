/* An arena gives what is aligned, apart and stays where it is, until all of it ends at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/arena.h"
#include "core/rand.h"

#define TAKEN 2000

static void what_it_gives_is_aligned_apart_and_stays(void **state)
{
    (void)state;
    static struct { uint8_t *at; size_t size; } taken[TAKEN];
    rand_t r = rand_seeded(5);
    arena_t arena = {0};
    for (size_t i = 0; i < TAKEN; i++) {
        size_t size = rand_below(&r, i % 100 == 0 ? 100000 : 200);
        taken[i].at = arena_take(&arena, size);
        taken[i].size = size;
        assert_int_equal((uintptr_t)taken[i].at % 16, 0);
        memset(taken[i].at, (int)(i % 251), size);
    }
    for (size_t i = 0; i < TAKEN; i++)
        for (size_t k = 0; k < taken[i].size; k++)
            assert_int_equal(taken[i].at[k], i % 251);
    arena_clear(&arena);
    assert_int_equal(arena.bytes, 0);
    assert_null(arena.newest);
}

static void a_copy_outlives_its_origin(void **state)
{
    (void)state;
    char origin[] = "ticket";
    arena_t arena = {0};
    bytes_t copy = arena_copy(&arena, bytes_str(origin));
    memset(origin, 'x', sizeof origin - 1);
    assert_true(bytes_is(copy, "ticket"));
    assert_int_equal(arena_copy(&arena, bytes_str("")).len, 0);
    arena_clear(&arena);
}

static void what_is_joined_lives_as_long_as_the_other(void **state)
{
    (void)state;
    arena_t to = {0}, from = {0}, none = {0};
    bytes_t first = arena_copy(&to, bytes_str("first"));
    bytes_t second = arena_copy(&from, bytes_str("second"));
    memset(arena_take(&from, 100000), 1, 100000); /* more than one chunk */
    size_t bytes = to.bytes + from.bytes;
    arena_join(&to, &from);
    arena_join(&to, &none);
    assert_int_equal(to.bytes, bytes);
    assert_int_equal(from.bytes, 0);
    arena_clear(&from);
    assert_true(bytes_is(first, "first"));
    assert_true(bytes_is(second, "second"));
    arena_clear(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_gives_is_aligned_apart_and_stays),
        cmocka_unit_test(a_copy_outlives_its_origin),
        cmocka_unit_test(what_is_joined_lives_as_long_as_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
