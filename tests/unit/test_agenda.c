/* What is due comes out in the order of its time, and any entry can be taken out of the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/agenda.h"
#include "core/rand.h"

#define MANY 2000

static void entries_leave_in_the_order_of_their_time(void **state)
{
    (void)state;
    agenda_t *a = agenda_new(MANY);
    agenda_entry_t *e = calloc(MANY, sizeof *e);
    rand_t r = rand_seeded(1);
    for (size_t n = 0; n < MANY; n++)
        agenda_add(a, &e[n], (instant_t){(int64_t)rand_below(&r, 500)});
    int64_t last = -1;
    for (size_t n = 0; n < MANY; n++) {
        agenda_entry_t *next = agenda_take_due(a, (instant_t){500});
        assert_non_null(next);
        assert_true(next->due.us >= last);
        last = next->due.us;
    }
    assert_null(agenda_take_due(a, (instant_t){500}));
    free(e);
    agenda_destroy(&a);
}

static void equal_times_leave_in_the_order_of_their_entering(void **state)
{
    (void)state;
    agenda_t *a = agenda_new(64);
    agenda_entry_t e[64] = {0};
    for (size_t n = 0; n < 64; n++)
        agenda_add(a, &e[n], (instant_t){7});
    for (size_t n = 0; n < 64; n++)
        assert_ptr_equal(agenda_take_due(a, (instant_t){7}), &e[n]);
    agenda_destroy(&a);
}

static void nothing_leaves_before_its_time(void **state)
{
    (void)state;
    agenda_t *a = agenda_new(1);
    agenda_entry_t e = {0};
    agenda_add(a, &e, (instant_t){100});
    assert_null(agenda_take_due(a, (instant_t){99}));
    assert_ptr_equal(agenda_take_due(a, (instant_t){100}), &e);
    assert_int_equal(e.place, 0);
    agenda_destroy(&a);
}

static void any_entry_can_be_taken_out_of_the_middle(void **state)
{
    (void)state;
    agenda_t *a = agenda_new(MANY);
    agenda_entry_t *e = calloc(MANY, sizeof *e);
    rand_t r = rand_seeded(2);
    for (size_t n = 0; n < MANY; n++)
        agenda_add(a, &e[n], (instant_t){(int64_t)rand_below(&r, 1000)});
    for (size_t n = 0; n < MANY; n += 2)
        agenda_remove(a, &e[n]);
    agenda_remove(a, &e[0]); /* not in it: nothing happens */
    assert_int_equal(agenda_count(a), MANY / 2);
    int64_t last = -1;
    for (agenda_entry_t *next; (next = agenda_take_due(a, (instant_t){1000}));) {
        assert_true((next - e) % 2 == 1);
        assert_true(next->due.us >= last);
        last = next->due.us;
    }
    free(e);
    agenda_destroy(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_leave_in_the_order_of_their_time),
        cmocka_unit_test(equal_times_leave_in_the_order_of_their_entering),
        cmocka_unit_test(nothing_leaves_before_its_time),
        cmocka_unit_test(any_entry_can_be_taken_out_of_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
