/* Words that are nearly alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/slip.h"

static void a_distance_counts_what_has_to_be_changed(void **state)
{
    static const struct {
        const char *a, *b;
        size_t distance;
    } rows[] = {{"", "", 0},           {"slots", "slots", 0}, {"slot", "slots", 1},
                {"solts", "slots", 2}, {"", "abc", 3},        {"kitten", "sitting", 3}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(word_distance(rows[i].a, rows[i].b), rows[i].distance);
        assert_int_equal(word_distance(rows[i].b, rows[i].a), rows[i].distance);
    }
}

static void a_long_word_is_no_slip(void **state)
{
    char most[50];
    (void)state;
    memset(most, 'x', sizeof most - 1);
    most[49] = '\0';
    assert_true(word_distance(most, "x") == SIZE_MAX);
    assert_true(word_distance("x", most) == SIZE_MAX);
    most[48] = '\0';
    assert_int_equal(word_distance(most, "x"), 47);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_distance_counts_what_has_to_be_changed),
        cmocka_unit_test(a_long_word_is_no_slip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
