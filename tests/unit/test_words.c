/* The closed sets: every number has its word and back, nothing outside has one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/words.h"

static const struct {
    const char *set;
    const char *(*name)(unsigned);
    unsigned count;
    const char *first, *last; /* numbers are for ever */
} sets[] = {
    {"actor", actor_name, ACTOR_COUNT, "supervisor", "drainer"},
    {"verdict", verdict_name, VERDICT_COUNT, "accepted", "refused"},
    {"state", state_name, STATE_COUNT, "queued", "dead"},
    {"outcome", outcome_name, OUTCOME_COUNT, "ok", "defer"},
    {"blocker", blocker_name, BLOCKER_COUNT, "none", "values"},
    {"mode", mode_name, MODE_COUNT, "normal", "maintenance"},
    {"class", class_name, CLASS_COUNT, "critical", "low"},
    {"lease_order", lease_order_name, LEASE_ORDER_COUNT, "acquire", "look"},
    {"grant", grant_name, GRANT_COUNT, "granted", "conflict"},
    {"life", life_name, LIFE_COUNT, "starting", "dead"},
};

static void every_number_of_a_set_has_its_own_word(void **state)
{
    (void)state;
    for (size_t s = 0; s < COUNT_OF(sets); s++) {
        assert_string_equal(sets[s].name(0), sets[s].first);
        assert_string_equal(sets[s].name(sets[s].count - 1), sets[s].last);
        for (unsigned v = 0; v < sets[s].count; v++) {
            assert_string_not_equal(sets[s].name(v), "?");
            for (unsigned w = 0; w < v; w++)
                assert_string_not_equal(sets[s].name(v), sets[s].name(w));
        }
    }
}

static void a_number_outside_a_set_has_no_word(void **state)
{
    (void)state;
    for (size_t s = 0; s < COUNT_OF(sets); s++) {
        assert_string_equal(sets[s].name(sets[s].count), "?");
        assert_string_equal(sets[s].name(255), "?");
        assert_string_equal(sets[s].name(UINT32_MAX), "?");
    }
}

static void a_word_is_read_back_as_its_number(void **state)
{
    (void)state;
    for (unsigned v = 0; v < ACTOR_COUNT; v++)
        assert_int_equal(actor_of(bytes_str(actor_name(v))), v);
    for (unsigned v = 0; v < STATE_COUNT; v++)
        assert_int_equal(state_of(bytes_str(state_name(v))), v);
    for (unsigned v = 0; v < MODE_COUNT; v++)
        assert_int_equal(mode_of(bytes_str(mode_name(v))), v);
    for (unsigned v = 0; v < CLASS_COUNT; v++)
        assert_int_equal(class_of(bytes_str(class_name(v))), v);
}

static void a_text_that_is_no_word_has_no_number(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "?", "Limiter", "limite", "limiters", "normal "};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_int_equal(actor_of(bytes_str(texts[i])), -1);
        assert_int_equal(state_of(bytes_str(texts[i])), -1);
        assert_int_equal(mode_of(bytes_str(texts[i])), -1);
        assert_int_equal(class_of(bytes_str(texts[i])), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_of_a_set_has_its_own_word),
        cmocka_unit_test(a_number_outside_a_set_has_no_word),
        cmocka_unit_test(a_word_is_read_back_as_its_number),
        cmocka_unit_test(a_text_that_is_no_word_has_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
