/* Cumulative credit: lost, repeated and late grants do no harm; nothing is sent without it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/credit.h"
#include "core/rand.h"

static void nothing_is_sent_before_something_is_granted(void **state)
{
    (void)state;
    credit_purse_t purse = {0};
    assert_false(credit_take(&purse, (credit_t){1, 0}));
    assert_false(credit_take(&purse, (credit_t){0, 1}));
    assert_true(credit_take(&purse, (credit_t){0, 0}));
}

static void both_messages_and_bytes_are_needed(void **state)
{
    (void)state;
    credit_purse_t purse = {0};
    assert_true(credit_granted(&purse, (credit_t){2, 100}));
    assert_false(credit_take(&purse, (credit_t){1, 101}));
    assert_false(credit_take(&purse, (credit_t){3, 1}));
    assert_true(credit_take(&purse, (credit_t){1, 100}));
    assert_false(credit_take(&purse, (credit_t){1, 1}));
    assert_int_equal(credit_left(&purse).messages, 1);
    assert_int_equal(credit_left(&purse).bytes, 0);
}

static void a_grant_that_comes_late_or_twice_takes_nothing_back(void **state)
{
    (void)state;
    credit_purse_t purse = {0};
    assert_true(credit_granted(&purse, (credit_t){10, 1000}));
    assert_false(credit_granted(&purse, (credit_t){10, 1000}));
    assert_false(credit_granted(&purse, (credit_t){4, 400}));
    assert_int_equal(credit_left(&purse).messages, 10);
    assert_true(credit_granted(&purse, (credit_t){9, 1001}));
    assert_int_equal(credit_left(&purse).messages, 10);
    assert_int_equal(credit_left(&purse).bytes, 1001);
}

static void credit_at_the_end_of_the_numbers_does_not_wrap(void **state)
{
    (void)state;
    credit_purse_t purse = {0};
    credit_granted(&purse, (credit_t){UINT64_MAX, UINT64_MAX});
    assert_true(credit_take(&purse, (credit_t){UINT64_MAX, 5}));
    assert_false(credit_take(&purse, (credit_t){1, UINT64_MAX}));
    credit_giver_t giver = {0};
    credit_t total;
    assert_true(credit_offer(&giver, (credit_t){5, 5}, &total));
    assert_false(credit_arrived(&giver, (credit_t){UINT64_MAX, 0}));
    assert_true(credit_offer(&giver, (credit_t){5, 5}, &total));
    assert_true(total.messages == UINT64_MAX && total.bytes == 5);
}

static void what_was_told_never_goes_back(void **state)
{
    (void)state;
    credit_giver_t giver = {0};
    credit_t total;
    assert_true(credit_offer(&giver, (credit_t){10, 1000}, &total));
    assert_false(credit_offer(&giver, (credit_t){3, 300}, &total));
    assert_true(total.messages == 10 && total.bytes == 1000);
    assert_true(credit_arrived(&giver, (credit_t){8, 800}));
    assert_true(credit_offer(&giver, (credit_t){3, 200}, &total));
    assert_true(total.messages == 11 && total.bytes == 1000);
}

static void more_than_was_granted_is_noticed(void **state)
{
    (void)state;
    credit_giver_t giver = {0};
    credit_t total;
    credit_offer(&giver, (credit_t){1, 10}, &total);
    assert_true(credit_arrived(&giver, (credit_t){1, 10}));
    assert_false(credit_arrived(&giver, (credit_t){1, 0}));
}

/* Both ends together over a link that loses, delays and repeats grants, with the receiver's room
 * changing: it never gets more than it told, and with grants arriving again uses all room. */
static void a_lossy_link_neither_overruns_nor_starves(void **state)
{
    (void)state;
    rand_t r = rand_seeded(99);
    credit_purse_t purse = {0};
    credit_giver_t giver = {0};
    credit_t late = {0}, total = {0};
    uint64_t held = 0, sent = 0;
    const uint64_t window = 7;
    for (int i = 0; i < 100000; i++) {
        credit_offer(&giver, (credit_t){window - held, 10 * (window - held)}, &total);
        if (rand_below(&r, 3) == 0)
            late = total;
        if (rand_below(&r, 2) == 0)
            credit_granted(&purse, rand_below(&r, 2) ? total : late);
        if (rand_below(&r, 2) == 0 && credit_take(&purse, (credit_t){1, 1 + rand_below(&r, 10)})) {
            held++, sent++;
            assert_true(credit_arrived(&giver, (credit_t){1, 10})); /* the dearest it can be */
        }
        assert_true(held <= window);
        if (held > 0 && rand_below(&r, 3) == 0)
            held--;
    }
    assert_true(sent > 10000);
    credit_offer(&giver, (credit_t){window - held, 10 * (window - held)}, &total);
    credit_granted(&purse, total);
    assert_int_equal(credit_left(&purse).messages, window - held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_sent_before_something_is_granted),
        cmocka_unit_test(both_messages_and_bytes_are_needed),
        cmocka_unit_test(a_grant_that_comes_late_or_twice_takes_nothing_back),
        cmocka_unit_test(credit_at_the_end_of_the_numbers_does_not_wrap),
        cmocka_unit_test(what_was_told_never_goes_back),
        cmocka_unit_test(more_than_was_granted_is_noticed),
        cmocka_unit_test(a_lossy_link_neither_overruns_nor_starves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
