/* A seqmap agrees with a plain array over any course of putting and removing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/list.h"
#include "core/rand.h"
#include "core/seqmap.h"

#define SPAN 4000

static void it_agrees_with_a_plain_array_over_a_long_course(void **state)
{
    (void)state;
    static int there[SPAN];
    rand_t r = rand_seeded(3);
    seqmap_t *m = seqmap_new();
    size_t count = 0;
    for (size_t n = 0; n < 200000; n++) {
        int64_t seq = 1 + (int64_t)rand_below(&r, SPAN - 1);
        if (there[seq]) {
            assert_ptr_equal(seqmap_find(m, seq), &there[seq]);
            seqmap_remove(m, seq);
            count--;
        } else {
            assert_null(seqmap_find(m, seq));
            seqmap_put(m, seq, &there[seq]);
            count++;
        }
        there[seq] = !there[seq];
        assert_int_equal(seqmap_count(m), count);
    }
    for (int64_t seq = 1; seq < SPAN; seq++)
        assert_ptr_equal(seqmap_find(m, seq), there[seq] ? &there[seq] : NULL);
    seqmap_destroy(&m);
}

static void a_list_keeps_order_and_count(void **state)
{
    (void)state;
    list_t l;
    list_node_t n[4] = {0};
    list_init(&l);
    list_push(&l, &n[1]);
    list_push(&l, &n[2]);
    list_push_front(&l, &n[0]);
    assert_ptr_equal(list_next(&l, &n[0]), &n[1]);
    list_remove(&l, &n[1]);
    assert_ptr_equal(list_pop(&l), &n[0]);
    assert_ptr_equal(list_pop(&l), &n[2]);
    assert_null(list_pop(&l));
    assert_int_equal(l.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_agrees_with_a_plain_array_over_a_long_course),
        cmocka_unit_test(a_list_keeps_order_and_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
