/* Bodies of refusals, and JSON from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "core/json_text.h"
#include "core/problem.h"

static json_t *problem_json(const problem_t *problem)
{
    char *text = problem_text(problem);
    json_t *body = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    assert_true(json_is_object(body));
    return body;
}

static void every_problem_says_what_rfc_9457_wants(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < PROBLEM_COUNT; kind++) {
        json_t *body = problem_json(&(problem_t){.kind = (enum problem_kind)kind});
        assert_int_equal(json_integer_value(json_object_get(body, "status")),
                         problem_status((enum problem_kind)kind));
        assert_true(json_string_length(json_object_get(body, "type")) > 0);
        assert_true(json_string_length(json_object_get(body, "title")) > 0);
        assert_true(json_string_length(json_object_get(body, "code")) > 0);
        assert_int_equal(json_object_size(body), 4);
        assert_in_range(problem_status((enum problem_kind)kind), 400, 599);
        json_decref(body);
    }
}

static void a_limit_never_answers_five_hundred(void **state)
{
    (void)state;
    assert_int_equal(problem_status(PROBLEM_LIMITED), 429);
    assert_int_equal(problem_status(PROBLEM_OVERLOADED), 503);
}

static void a_drain_says_the_words_that_operators_asked_for(void **state)
{
    (void)state;
    json_t *body = problem_json(&(problem_t){.kind = PROBLEM_DRAINING});
    assert_string_equal(json_string_value(json_object_get(body, "title")), "System draining");
    json_decref(body);
}

static void details_are_said_and_made_printable(void **state)
{
    (void)state;
    problem_t problem = {.kind = PROBLEM_MALFORMED,
                         .detail = bytes_of("a\"b\xff\n", 5),
                         .pointer = bytes_str("/message/id"),
                         .line = 3,
                         .column = 9,
                         .id = bytes_str("01ABC")};
    json_t *body = problem_json(&problem);
    assert_string_equal(json_string_value(json_object_get(body, "detail")), "a\"b??");
    assert_string_equal(json_string_value(json_object_get(body, "pointer")), "/message/id");
    assert_string_equal(json_string_value(json_object_get(body, "id")), "01ABC");
    assert_int_equal(json_integer_value(json_object_get(body, "line")), 3);
    assert_int_equal(json_integer_value(json_object_get(body, "column")), 9);
    json_decref(body);
}

static void json_with_an_error_says_where(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t line, column;
    } rows[] = {
        {"", 1, 1},
        {"{\"a\": 1,\n \"b\": }", 2, 7},
        {"{\"a\":1,\"a\":2}", 1, 10},
        {"{} x", 1, 4},
        {"[1,2", 1, 4},
        {"\"\xff\"", 1, 1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_text_error_t error = {0};
        assert_null(json_text_parse(bytes_str(rows[i].text), &error));
        if (error.line != rows[i].line || error.column != rows[i].column)
            fail_msg("%s: %zu:%zu %s", rows[i].text, error.line, error.column, error.text);
        assert_true(error.text[0] != '\0');
    }
}

static void nesting_has_a_bound_that_strings_do_not_count_for(void **state)
{
    (void)state;
    char text[2 * JSON_DEPTH_MAX + 64];
    for (size_t depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        json_text_error_t error;
        json_t *json = json_text_parse(bytes_of(text, 2 * depth), &error);
        assert_int_equal(json != NULL, depth <= JSON_DEPTH_MAX);
        if (!json)
            assert_int_equal(error.column, JSON_DEPTH_MAX + 1);
        json_decref(json);
    }
    memset(text, '[', sizeof text);
    memcpy(text, "\"\\\"", 3);
    text[sizeof text - 1] = '"';
    json_t *json = json_text_parse(bytes_of(text, sizeof text), NULL);
    assert_true(json_is_string(json));
    json_decref(json);
}

static void any_json_value_is_a_message(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "[]", "1", "\"x\"", "null", " true "};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        json_t *json = json_text_parse(bytes_str(texts[i]), NULL);
        assert_non_null(json);
        json_decref(json);
    }
}

static void text_is_cut_to_its_room(void **state)
{
    (void)state;
    char out[4];
    assert_int_equal(text_printable(bytes_str("abcdef"), out, sizeof out), 3);
    assert_string_equal(out, "abc");
    assert_int_equal(text_printable(bytes_of(NULL, 0), out, sizeof out), 0);
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_problem_says_what_rfc_9457_wants),
        cmocka_unit_test(a_limit_never_answers_five_hundred),
        cmocka_unit_test(a_drain_says_the_words_that_operators_asked_for),
        cmocka_unit_test(details_are_said_and_made_printable),
        cmocka_unit_test(json_with_an_error_says_where),
        cmocka_unit_test(nesting_has_a_bound_that_strings_do_not_count_for),
        cmocka_unit_test(any_json_value_is_a_message),
        cmocka_unit_test(text_is_cut_to_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
