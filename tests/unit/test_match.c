#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/match.h"

static const struct {
    const char *pattern, *text;
    bool matches;
} globs[] = {
    {"", "", true},
    {"", "a", false},
    {"*", "", true},
    {"*", "abc", true},
    {"a*", "a", true},
    {"a*", "ba", false},
    {"*a", "ba", true},
    {"*a", "ab", false},
    {"*refund*", "a refund please", true},
    {"*refund*", "Refund", false},
    {"a*b*c", "a1b2c", true},
    {"a*b*c", "acb", false},
    {"**a**", "bab", true},
    {"abc", "abcd", false},
    {"a?c", "abc", false},
    {"a?c", "a?c", true},
    {"*ab", "aab", true},
    {"[a]", "a", false},
};

static void a_star_stands_for_any_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(globs); i++)
        if (glob_matches(bytes_str(globs[i].pattern), bytes_str(globs[i].text)) != globs[i].matches)
            fail_msg("'%s' on '%s'", globs[i].pattern, globs[i].text);
}

static void many_stars_do_not_take_exponential_time(void **state)
{
    static char text[20000];
    (void)state;
    memset(text, 'a', sizeof text);
    assert_false(
        glob_matches(bytes_str("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"), bytes_of(text, sizeof text)));
}

static const struct {
    const char *pattern, *value;
    bool matches;
} values[] = {
    {"\"a\"", "\"a\"", true},
    {"\"a*\"", "\"abc\"", true},
    {"\"1\"", "1", false},
    {"1", "1", true},
    {"1", "1.0", true},
    {"1.5", "1.5", true},
    {"1", "2", false},
    {"1", "true", false},
    {"true", "true", true},
    {"true", "false", false},
    {"null", "null", true},
    {"null", NULL, true},
    {"\"\"", NULL, false},
    {"\"*\"", NULL, false},
    {"\"*\"", "{}", false},
    {"\"b\"", "[\"a\",\"b\"]", true},
    {"\"c\"", "[\"a\",\"b\"]", false},
    {"null", "[]", false},
};

static void a_value_matches_by_type_and_content(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        json_t *pattern = json_loads(values[i].pattern, JSON_DECODE_ANY, NULL);
        json_t *value = values[i].value ? json_loads(values[i].value, JSON_DECODE_ANY, NULL) : NULL;
        if (match_value(pattern, value) != values[i].matches)
            fail_msg("%s on %s", values[i].pattern, values[i].value ? values[i].value : "absent");
        json_decref(pattern);
        json_decref(value);
    }
}

static void all_conditions_must_hold_and_one_pattern_of_each(void **state)
{
    static const struct {
        const char *body;
        bool holds;
    } rows[] = {
        {"{\"lang\":\"de\",\"n\":1}", true},  {"{\"lang\":\"en\",\"n\":1}", true},
        {"{\"lang\":\"fr\",\"n\":1}", false}, {"{\"lang\":\"de\",\"n\":2}", false},
        {"{\"lang\":\"de\"}", false},         {"not JSON", false},
    };
    (void)state;
    json_t *langs = json_pack("[s,s]", "de", "e*"), *ones = json_pack("[i]", 1);
    condition_t conditions[] = {{"/message/lang", langs}, {"/message/n", ones}};
    match_t match = {conditions, 2}, none = {NULL, 0};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        document_t *d = document_new(&(document_parts_t){.body = bytes_str(rows[i].body)});
        if (match_holds(&match, d) != rows[i].holds)
            fail_msg("%s", rows[i].body);
        assert_true(match_holds(&none, d));
        document_destroy(&d);
    }
    json_decref(langs);
    json_decref(ones);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_star_stands_for_any_text),
        cmocka_unit_test(many_stars_do_not_take_exponential_time),
        cmocka_unit_test(a_value_matches_by_type_and_content),
        cmocka_unit_test(all_conditions_must_hold_and_one_pattern_of_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
