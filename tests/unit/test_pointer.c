#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/pointer.h"

/* RFC 6901 section 5. */
static const char rfc_document[] =
    "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/"
    "b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,"
    "\" \":7,\"m~n\":8,\"~1\":9,\"deep\":{\"list\":[{\"x\":true},null]}}";

static const struct {
    const char *pointer, *value;
} there[] = {
    {"/foo", "[\"bar\",\"baz\"]"},
    {"/foo/0", "\"bar\""},
    {"/", "0"},
    {"/a~1b", "1"},
    {"/c%d", "2"},
    {"/e^f", "3"},
    {"/g|h", "4"},
    {"/i\\j", "5"},
    {"/k\"l", "6"},
    {"/ ", "7"},
    {"/m~0n", "8"},
    {"/~01", "9"},
    {"/deep/list/0/x", "true"},
    {"/deep/list/1", "null"},
};

static json_t *document(void) { return json_loads(rfc_document, 0, NULL); }

static void every_vector_of_the_rfc_is_found(void **state)
{
    (void)state;
    json_t *root = document();
    for (size_t i = 0; i < COUNT_OF(there); i++) {
        json_t *wanted = json_loads(there[i].value, JSON_DECODE_ANY, NULL);
        json_t *found = pointer_get(root, bytes_str(there[i].pointer));
        if (!found || !json_equal(found, wanted))
            fail_msg("%s", there[i].pointer);
        json_decref(wanted);
    }
    assert_ptr_equal(pointer_get(root, bytes_str("")), root);
    json_decref(root);
}

static void what_is_not_there_is_null(void **state)
{
    static const char *const absent[] = {"/fo",     "/foo/2", "/foo/-",           "/foo/00",
                                         "/foo/01", "/foo/x", "/foo/+1",          "/foo/0/x",
                                         "//x",     "/foo/",  "/foo/99999999999", "/deep/list/0/y"};
    (void)state;
    json_t *root = document();
    for (size_t i = 0; i < COUNT_OF(absent); i++)
        if (pointer_get(root, bytes_str(absent[i])))
            fail_msg("%s", absent[i]);
    assert_null(pointer_get(NULL, bytes_str("/a")));
    json_decref(root);
}

static void bad_syntax_is_refused(void **state)
{
    static const char *const bad[] = {"foo", "foo/bar", "/~", "/~2", "/a~", "/a~x/b", "#/a"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (pointer_is_valid(bytes_str(bad[i])))
            fail_msg("%s", bad[i]);
    assert_false(pointer_is_valid(bytes_of("/a\0b", 4)));
}

static void length_and_depth_are_bounded(void **state)
{
    char text[POINTER_BYTES_MAX + 2];
    (void)state;
    memset(text, 'a', sizeof text);
    text[0] = '/';
    assert_true(pointer_is_valid(bytes_of(text, POINTER_BYTES_MAX)));
    assert_false(pointer_is_valid(bytes_of(text, POINTER_BYTES_MAX + 1)));
    memset(text, '/', sizeof text);
    assert_true(pointer_is_valid(bytes_of(text, POINTER_TOKENS_MAX)));
    assert_false(pointer_is_valid(bytes_of(text, POINTER_TOKENS_MAX + 1)));
}

static void tokens_come_off_decoded_one_by_one(void **state)
{
    bytes_t pointer = bytes_str("/a~1b//~0");
    char token[POINTER_BYTES_MAX + 1];
    size_t length;
    (void)state;
    assert_true(pointer_token(&pointer, token, &length));
    assert_string_equal(token, "a/b");
    assert_true(pointer_token(&pointer, token, &length));
    assert_int_equal(length, 0);
    assert_true(pointer_token(&pointer, token, &length));
    assert_string_equal(token, "~");
    assert_false(pointer_token(&pointer, token, &length));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vector_of_the_rfc_is_found),
        cmocka_unit_test(what_is_not_there_is_null),
        cmocka_unit_test(bad_syntax_is_refused),
        cmocka_unit_test(length_and_depth_are_bounded),
        cmocka_unit_test(tokens_come_off_decoded_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
