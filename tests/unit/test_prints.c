/* The dedup window finds what it was given, forgets the oldest, and stays within its maximum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/prints.h"
#include "core/rand.h"

static dedup_print_t print_of(uint64_t n)
{
    dedup_print_t p;
    rand_t r = rand_seeded(n);
    for (size_t i = 0; i < 16; i += 8) {
        uint64_t bits = rand_next(&r);
        memcpy(p.b + i, &bits, 8);
    }
    return p;
}

static int64_t find(const prints_t *p, uint64_t n, bool *same)
{
    dedup_print_t print = print_of(n);
    return prints_find(p, &print, n, same);
}

static void put(prints_t *p, uint64_t n, int64_t seq)
{
    dedup_print_t print = print_of(n);
    prints_put(p, &print, n, seq);
}

static void what_was_put_is_found_and_nothing_else(void **state)
{
    (void)state;
    bool same;
    prints_t *p = prints_new(1 << 20, 5);
    for (uint64_t n = 1; n <= 50000; n++)
        put(p, n, (int64_t)n);
    for (uint64_t n = 1; n <= 50000; n++) {
        assert_int_equal(find(p, n, &same), n);
        assert_true(same);
    }
    for (uint64_t n = 50001; n < 60000; n++)
        assert_int_equal(find(p, n, &same), 0);
    prints_destroy(&p);
}

static void another_body_under_the_same_id_is_told_apart(void **state)
{
    (void)state;
    bool same = true;
    prints_t *p = prints_new(100, 5);
    put(p, 1, 9);
    dedup_print_t print = print_of(1);
    assert_int_equal(prints_find(p, &print, 777, &same), 9);
    assert_false(same);
    prints_destroy(&p);
}

static void a_print_put_again_leads_to_the_newer_message(void **state)
{
    (void)state;
    bool same;
    prints_t *p = prints_new(100, 5);
    put(p, 1, 3);
    put(p, 1, 8);
    assert_int_equal(find(p, 1, &same), 8);
    assert_int_equal(prints_count(p), 1);
    prints_destroy(&p);
}

static void the_old_are_forgotten_at_once_and_swept_later(void **state)
{
    (void)state;
    bool same;
    prints_t *p = prints_new(1 << 20, 5);
    for (uint64_t n = 1; n <= 10000; n++)
        put(p, n, (int64_t)n);
    prints_forget_before(p, 9001);
    assert_int_equal(find(p, 9000, &same), 0);
    while (prints_sweep(p, 100))
        ;
    assert_in_range(prints_count(p), 1000,
                    1010); /* what wraps round the end may stay a round longer */
    for (uint64_t n = 9001; n <= 10000; n++)
        assert_int_equal(find(p, n, &same), n);
    prints_destroy(&p);
}

static void the_window_never_outgrows_its_maximum(void **state)
{
    (void)state;
    bool same;
    prints_t *p = prints_new(1000, 5);
    for (uint64_t n = 1; n <= 100000; n++)
        put(p, n, (int64_t)n);
    assert_true(prints_bytes(p) <= 24 * 16384);
    for (uint64_t n = 99001; n <= 100000; n++)
        assert_int_equal(find(p, n, &same), n);
    assert_int_equal(find(p, 1, &same), 0);
    prints_destroy(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found_and_nothing_else),
        cmocka_unit_test(another_body_under_the_same_id_is_told_apart),
        cmocka_unit_test(a_print_put_again_leads_to_the_newer_message),
        cmocka_unit_test(the_old_are_forgotten_at_once_and_swept_later),
        cmocka_unit_test(the_window_never_outgrows_its_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
