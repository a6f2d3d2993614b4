/* Heads of requests: what is read of a sound one; the unsound ones are in http_vectors.txt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/http_head.h"

static http_head_t head;

static enum head_scan scan(const char *text) { return http_head_scan(bytes_str(text), &head); }

static void a_head_is_told_in_its_parts(void **state)
{
    (void)state;
    const char *text =
        "\r\nPOST /a?b=c HTTP/1.1\r\nHost: h\r\nX-One:\t v 1 \r\nContent-Length: 007\r\n"
        "Expect: 100-Continue\r\n\r\nbody";
    assert_int_equal(scan(text), HEAD_WHOLE);
    assert_int_equal(head.len, strlen(text) - 4);
    assert_true(bytes_is(head.method, "POST") && bytes_is(head.target, "/a?b=c"));
    assert_true(head.http11 && head.expects && !head.chunked && !head.closes && !head.keeps);
    assert_int_equal(head.content_length, 7);
    assert_int_equal(head.field_count, 4);
    assert_true(bytes_is(head.fields[1].name, "X-One") && bytes_is(head.fields[1].value, "v 1"));
}

static void connection_is_a_list_of_words(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool closes, keeps;
    } rows[] = {
        {"close", true, false},
        {"Keep-Alive", false, true},
        {"upgrade", false, false},
        {"x , CLOSE\t,y", true, false},
        {"closed", false, false},
        {"close-not", false, false},
        {"keep-alive, close", true, true},
        {"", false, false},
        {",,close", true, false},
    };
    char text[128];
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        snprintf(text, sizeof text, "GET / HTTP/1.0\r\nConnection: %s\r\n\r\n", rows[i].value);
        assert_int_equal(scan(text), HEAD_WHOLE);
        if (head.closes != rows[i].closes || head.keeps != rows[i].keeps)
            fail_msg("Connection: %s", rows[i].value);
        assert_false(head.http11);
    }
}

static void what_is_bad_is_said_as_early_as_it_is_certain(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned status;
    } bad[] = {
        {"\x16\x03\x01", 400}, /* a TLS hello on a plain port */
        {"GET /\r\n", 400},
        {"GET / HTTP/1.1\n", 400},
        {"GET / HTTP/2.0\r\n", 505},
        {"GET / HTTP/1.1\r\nX : y\r\n", 400},
        {"GET / HTTP/1.1\r\n X: y\r\n", 400},
        {"GET / HTTP/1.1\r\nExpect: more\r\n", 417},
        {"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400}, /* no Host */
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (scan(bad[i].text) != HEAD_BAD || head.status != bad[i].status)
            fail_msg("\"%s\" gave %u", bad[i].text, head.status);
    static const char *const more[] = {
        "", "\r", "\r\n", "G", "GET / HTTP/1.1", "GET / HTTP/1.1\r\nHost: h\r\n\r"};
    for (size_t i = 0; i < COUNT_OF(more); i++)
        assert_int_equal(scan(more[i]), HEAD_MORE);
}

static void a_head_has_at_most_a_hundred_fields(void **state)
{
    (void)state;
    char text[2048];
    for (unsigned count = HTTP_HEADERS_MAX; count <= HTTP_HEADERS_MAX + 1; count++) {
        int n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: h\r\n");
        for (unsigned i = 1; i < count; i++)
            n += snprintf(text + n, sizeof text - (size_t)n, "X%u: v\r\n", i);
        snprintf(text + n, sizeof text - (size_t)n, "\r\n");
        assert_int_equal(scan(text), count == HTTP_HEADERS_MAX ? HEAD_WHOLE : HEAD_BAD);
        assert_int_equal(head.status, count == HTTP_HEADERS_MAX ? 0 : 431);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_told_in_its_parts),
        cmocka_unit_test(connection_is_a_list_of_words),
        cmocka_unit_test(what_is_bad_is_said_as_early_as_it_is_certain),
        cmocka_unit_test(a_head_has_at_most_a_hundred_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
