/* Secrets that come back in the answers of strangers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/redact.h"

static void every_spelling_of_a_secret_becomes_stars(void **state)
{
    (void)state;
    static const struct {
        const char *secret, *text, *expected; /* NULL: nothing was found */
    } rows[] = {
        {"s/e+c", "s/e+c", "*****"},
        {"s/e+c", "Bearer s/e+c, s/e+cs/e+c.", "Bearer *****, **********."},
        {"s/e+c", "{\"a\":\"s\\/e+c\"}", "{\"a\":\"******\"}"},
        {"s/e+c", "{\"a\":\"s/e\\u002Bc\"}", "{\"a\":\"**********\"}"},
        {"s/e+c", "\\u0073\\u002f\\u0065\\u002b\\u0063", "******************************"},
        {"a\"b\\c", "a\\\"b\\\\c", "*******"},
        {"a\\\\b", "a\\\\b", "****"},
        {"uu", "\\uu", "***"},
        {"aab", "aaab", "a***"},
        {"s/e+c", "s/e+C", NULL},
        {"s/e+c", "s/e+", NULL},
        {"s/e+c", "s/e\\u002", NULL},
        {"s/e+c", "s/e\\u00xbc", NULL},
        {"s/e+c", "s/e\\", NULL},
        {"s/e+c", "", NULL},
        {"", "anything", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        bytes_t text = bytes_str(rows[i].text);
        uint8_t *copy = redact(text, bytes_str(rows[i].secret));
        if (!rows[i].expected != !copy)
            fail_msg("%s in %s: %s", rows[i].secret, rows[i].text, copy ? "found" : "not found");
        if (copy && memcmp(copy, rows[i].expected, text.len) != 0)
            fail_msg("%s in %s: %.*s", rows[i].secret, rows[i].text, (int)text.len, copy);
        free(copy);
    }
}

static void bytes_that_are_no_text_are_compared_too(void **state)
{
    (void)state;
    uint8_t *copy = redact(bytes_of("x\0\xff y\0\xff", 7), bytes_of("\0\xff", 2));
    assert_non_null(copy);
    assert_memory_equal(copy, "x** y**", 7);
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_of_a_secret_becomes_stars),
        cmocka_unit_test(bytes_that_are_no_text_are_compared_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
