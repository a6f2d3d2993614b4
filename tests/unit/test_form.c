/* Forms as browsers, carriers and chat services send them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/form.h"

static void a_form_is_an_object_of_texts(void **state)
{
    (void)state;
    static const struct {
        const char *form, *json;
    } rows[] = {
        {"", "{}"},
        {"a=1", "{\"a\":\"1\"}"},
        {"a=1&b=2", "{\"a\":\"1\",\"b\":\"2\"}"},
        {"a=", "{\"a\":\"\"}"},
        {"a", "{\"a\":\"\"}"},
        {"=1", "{\"\":\"1\"}"},
        {"a=b=c", "{\"a\":\"b=c\"}"},
        {"&&a=1&&b=2&", "{\"a\":\"1\",\"b\":\"2\"}"},
        {"a+b=c+d", "{\"a b\":\"c d\"}"},
        {"a%2Bb=%26%3D%25", "{\"a+b\":\"&=%\"}"},
        {"text=Gr%C3%BC%c3%9fe", "{\"text\":\"Gr\303\274\303\237e\"}"},
        {"a=1&a=2", "{\"a\":[\"1\",\"2\"]}"},
        {"a=1&b=x&a=2&a=3", "{\"a\":[\"1\",\"2\",\"3\"],\"b\":\"x\"}"},
        {"a=1&%61=2", "{\"a\":[\"1\",\"2\"]}"},
        {"payload=%7B%22type%22%3A1%7D", "{\"payload\":\"{\\\"type\\\":1}\"}"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        form_error_t why;
        json_t *form = form_parse(bytes_str(rows[i].form), &why);
        assert_non_null(form);
        char *text = json_dumps(form, JSON_COMPACT);
        assert_string_equal(text, rows[i].json);
        free(text);
        json_decref(form);
    }
}

static void what_is_no_form_is_refused_and_its_field_named(void **state)
{
    (void)state;
    static const struct {
        const char *form;
        size_t field;
        const char *text;
    } rows[] = {
        {"a=%", 1, "hexadecimal"},       {"a=%4", 1, "hexadecimal"},
        {"a=%4g", 1, "hexadecimal"},     {"x=1&a=%%31", 2, "hexadecimal"},
        {"%zz=1", 1, "hexadecimal"},     {"a=%ff", 1, "UTF-8"},
        {"a=1&b=%C3", 2, "UTF-8"},       {"a=%00", 1, "U+0000"},
        {"a=1&b=2&c\xc3=1", 3, "UTF-8"}, {"a=%ed%a0%80", 1, "UTF-8"},
        {"a=%c3&b=%bc", 1, "UTF-8"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        form_error_t why = {0};
        if (form_parse(bytes_str(rows[i].form), &why) || why.field != rows[i].field ||
            !strstr(why.text, rows[i].text))
            fail_msg("%s: field %zu: %s", rows[i].form, why.field, why.text ? why.text : "");
    }
}

/* `count` fields of a name and a value of these lengths; NULL: refused. */
static json_t *form_of(size_t count, size_t name, size_t value, form_error_t *why)
{
    size_t each = name + value + 2, length = count * each;
    char *text = malloc(length + 1);
    assert_non_null(text);
    memset(text, 'x', length);
    for (size_t i = 0; i < count; i++) {
        text[i * each + name] = '=';
        text[(i + 1) * each - 1] = '&';
    }
    json_t *form = form_parse(bytes_of(text, length), why);
    free(text);
    return form;
}

static void a_form_is_bounded(void **state)
{
    (void)state;
    static const struct {
        size_t count, name, value;
        const char *text; /* NULL: within the bounds */
    } rows[] = {
        {FORM_FIELDS_MAX, 1, 1, NULL},      {FORM_FIELDS_MAX + 1, 1, 1, "more than 1024"},
        {1, FORM_NAME_BYTES_MAX, 0, NULL},  {1, FORM_NAME_BYTES_MAX + 1, 0, "name is longer"},
        {1, 1, FORM_VALUE_BYTES_MAX, NULL}, {1, 1, FORM_VALUE_BYTES_MAX + 1, "value is longer"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        form_error_t why = {0};
        json_t *form = form_of(rows[i].count, rows[i].name, rows[i].value, &why);
        if (!form != (rows[i].text != NULL) || (!form && !strstr(why.text, rows[i].text)))
            fail_msg("row %zu: %s", i, why.text ? why.text : "taken");
        json_decref(form);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_form_is_an_object_of_texts),
        cmocka_unit_test(what_is_no_form_is_refused_and_its_field_named),
        cmocka_unit_test(a_form_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
