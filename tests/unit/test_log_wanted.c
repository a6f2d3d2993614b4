/* Whose journeys are logged whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/msgid.h"
#include "sys/log_wanted.h"

static msgid_t id_of(uint64_t chance)
{
    uint8_t bytes[MSGID_CHANCE_BYTES] = {0};
    memcpy(bytes + sizeof bytes - sizeof chance, &chance, sizeof chance);
    return msgid_make(1700000000000, bytes);
}

static void a_route_or_a_sample_or_nobody_is_chosen(void **state)
{
    (void)state;
    const route_t full = {.log_full = true}, plain = {0};
    const config_t none = {0}, every = {.log = {.sample = 1}}, some = {.log = {.sample = 10}};
    size_t chosen = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        msgid_t id = id_of(i);
        assert_true(log_wanted(&none, &full, &id));
        assert_false(log_wanted(&none, &plain, &id));
        assert_false(log_wanted(&none, NULL, &id));
        assert_true(log_wanted(&every, NULL, &id));
        assert_int_equal(log_wanted(&some, &plain, &id), log_wanted(&some, NULL, &id));
        chosen += log_wanted(&some, &plain, &id);
    }
    assert_int_equal(chosen, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_route_or_a_sample_or_nobody_is_chosen)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
