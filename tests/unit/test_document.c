#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/document.h"

static const char *text_at(document_t *d, const char *pointer)
{
    return json_string_value(document_get(d, bytes_str(pointer)));
}

static void every_root_is_found(void **state)
{
    (void)state;
    document_t *d = document_new(&(document_parts_t){
        .fields = bytes_str("{\"/headers/x-a\":\"h\",\"/message/m\":\"from fields\"}"),
        .labels = bytes_str("{\"org\":\"o\"}"),
        .results = bytes_str("{\"triage\":{\"outcome\":\"billing\"}}"),
        .body = bytes_str("{\"m\":\"from body\",\"n\":{\"p\":[7]}}"),
        .id = bytes_str("the id"),
        .key = bytes_str("the key"),
        .route = bytes_str("r"),
        .source = bytes_str("s"),
        .attempt = 3,
    });
    assert_string_equal(text_at(d, "/headers/x-a"), "h");
    assert_string_equal(text_at(d, "/labels/org"), "o");
    assert_string_equal(text_at(d, "/results/triage/outcome"), "billing");
    assert_string_equal(text_at(d, "/id"), "the id");
    assert_string_equal(text_at(d, "/key"), "the key");
    assert_string_equal(text_at(d, "/route"), "r");
    assert_string_equal(text_at(d, "/source"), "s");
    assert_int_equal(json_integer_value(document_get(d, bytes_str("/attempt"))), 3);
    assert_int_equal(json_integer_value(document_get(d, bytes_str("/message/n/p/0"))), 7);
    assert_true(json_is_object(document_get(d, bytes_str("/message"))));
    document_destroy(&d);
    assert_null(d);
}

static void extracted_fields_win_over_the_body(void **state)
{
    (void)state;
    document_t *d = document_new(&(document_parts_t){
        .fields = bytes_str("{\"/message/a\":\"fields\",\"/message/gone\":null}"),
        .body = bytes_str("{\"a\":\"body\",\"b\":\"body\",\"gone\":1}"),
    });
    assert_string_equal(text_at(d, "/message/a"), "fields");
    assert_string_equal(text_at(d, "/message/b"), "body");
    assert_null(document_get(d, bytes_str("/message/gone")));
    document_destroy(&d);
}

static void what_is_absent_null_or_unreadable_is_the_same(void **state)
{
    static const char *const pointers[] = {
        "/message/x", "/message/null", "/headers/a", "/results/a/b", "/labels/z",  "/id",
        "/attempt",   "/nothing",      "",           "id",           "/messages/x"};
    static const char *const bodies[] = {"{\"null\":null}", "not JSON", "", "[1,2", "\xff\xfe"};
    (void)state;
    for (size_t b = 0; b < COUNT_OF(bodies); b++) {
        document_t *d = document_new(&(document_parts_t){.body = bytes_str(bodies[b])});
        for (size_t i = 0; i < COUNT_OF(pointers); i++)
            if (document_get(d, bytes_str(pointers[i])))
                fail_msg("%s in %s", pointers[i], bodies[b]);
        document_destroy(&d);
    }
}

static void a_parsed_message_is_used_as_it_is(void **state)
{
    (void)state;
    json_t *message = json_pack("{s:{s:i}}", "a", "b", 5),
           *headers = json_pack("{s:s}", "x-y", "v");
    document_t *d = document_new(&(document_parts_t){.message = message, .headers = headers});
    assert_int_equal(json_integer_value(document_get(d, bytes_str("/message/a/b"))), 5);
    assert_string_equal(text_at(d, "/headers/x-y"), "v");
    document_destroy(&d);
    assert_int_equal(message->refcount, 1);
    json_decref(message);
    json_decref(headers);
}

static void what_is_extracted_answers_the_same_pointers_without_the_body(void **state)
{
    static const char *const pointers[] = {"/message/a/b", "/message/none", "/headers/x-y"};
    (void)state;
    json_t *headers = json_pack("{s:s}", "x-y", "v");
    document_t *whole = document_new(
        &(document_parts_t){.body = bytes_str("{\"a\":{\"b\":[1,null]}}"), .headers = headers});
    json_t *fields = document_extract(whole, pointers, COUNT_OF(pointers));
    assert_int_equal(json_object_size(fields), 3);
    assert_true(json_is_null(json_object_get(fields, "/message/none")));
    char *text = json_dumps(fields, JSON_COMPACT);
    document_t *later = document_new(&(document_parts_t){.fields = bytes_str(text)});
    for (size_t i = 0; i < COUNT_OF(pointers); i++) {
        json_t *a = document_get(whole, bytes_str(pointers[i]));
        json_t *b = document_get(later, bytes_str(pointers[i]));
        assert_true(a == b || json_equal(a, b));
    }
    document_destroy(&later);
    document_destroy(&whole);
    free(text);
    json_decref(fields);
    json_decref(headers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_root_is_found),
        cmocka_unit_test(extracted_fields_win_over_the_body),
        cmocka_unit_test(what_is_absent_null_or_unreadable_is_the_same),
        cmocka_unit_test(a_parsed_message_is_used_as_it_is),
        cmocka_unit_test(what_is_extracted_answers_the_same_pointers_without_the_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
