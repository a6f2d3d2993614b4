/* Chunked bodies, in one piece and in all others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/http_chunks.h"

/* As the server does it: in place, what is not done with closes up behind the data, and `step` more
 * bytes come each time. Returns how it ended; the data is in `out`. */
static int read_all(const char *text, size_t len, size_t step, size_t room, char *out, size_t *left)
{
    http_chunks_t c = {0};
    uint8_t *buffer = malloc(len + 1);
    size_t data = 0, end = 0, come = 0, used;
    must(buffer);
    while (come < len && c.state < CHUNK_DONE) {
        size_t n = step < len - come ? step : len - come;
        memcpy(buffer + end, text + come, n);
        come += n;
        end += n;
        size_t more =
            http_chunks_read(&c, buffer + data, room - data, buffer + data, end - data, &used);
        memmove(buffer + data + more, buffer + data + used, end - data - used);
        end -= used - more;
        data += more;
        assert_true(data <= room && data <= end);
    }
    memcpy(out, buffer, data);
    out[data] = '\0';
    *left = end - data + len - come;
    free(buffer);
    return (int)c.state;
}

static void assert_read(const char *text, int state, const char *data, size_t left)
{
    char out[256];
    size_t rest;
    for (size_t step = 1; step <= strlen(text); step++) {
        int ended = read_all(text, strlen(text), step, 64, out, &rest);
        if (ended != state)
            fail_msg("\"%s\" by %zu ended as %d", text, step, ended);
        if (state == CHUNK_DONE) {
            assert_string_equal(out, data);
            assert_int_equal(rest, left);
        }
    }
}

static void a_body_is_the_same_however_it_comes(void **state)
{
    (void)state;
    assert_read("0\r\n\r\n", CHUNK_DONE, "", 0);
    assert_read("3\r\nabc\r\n0\r\n\r\n", CHUNK_DONE, "abc", 0);
    assert_read("3;x=y; z=\"\xc3\xa9\"\r\nabc\r\n00A\r\n0123456789\r\n000\r\n\r\nGET", CHUNK_DONE,
                "abc0123456789", 3);
    assert_read("1\r\n\n\r\n2\r\n\r\n\r\n0\r\nTrailer: x\r\nOther:\r\n\r\n", CHUNK_DONE, "\n\r\n",
                0);
}

static void what_is_not_strictly_framed_is_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\r\nabc\r\n",
        "3\nabc\r\n0\r\n\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "3\r\nabcX\r\n",
        "3 \r\nabc\r\n",
        " 3\r\nabc\r\n",
        "3;\r\nabc\r\n",
        "3;a=\rb\r\nabc\r\n",
        "0x3\r\nabc\r\n",
        "-3\r\nabc\r\n",
        "0\r\nX\r\n\r\n",
        "0\r\nX : y\r\n\r\n",
        "0\r\n folded\r\n\r\n",
        "0000000000000003\r\nabc\r\n0\r\n\r\n", /* 16 digits */
        "fffffffffffffffff\r\nabc",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_read(bad[i], CHUNK_BAD, NULL, 0);
}

static void lines_and_trailers_have_a_maximum(void **state)
{
    (void)state;
    static char text[3 * HTTP_TRAILER_BYTES_MAX], out[3 * HTTP_TRAILER_BYTES_MAX];
    size_t left;
    memset(text, '0', sizeof text);
    assert_int_equal(read_all(text, sizeof text, 100, 64, out, &left), CHUNK_BAD);
    memset(text, 'x', sizeof text);
    memcpy(text, "0\r\nA: ", 6);
    assert_int_equal(read_all(text, sizeof text, 100, 64, out, &left), CHUNK_BAD);
    for (size_t i = 3; i + 4 < sizeof text; i += 4)
        memcpy(text + i, "A:\r\n", 4); /* each line is short */
    assert_int_equal(read_all(text, sizeof text, 100, 64, out, &left), CHUNK_BAD);
}

static void a_chunk_that_does_not_fit_is_refused_before_it_comes(void **state)
{
    (void)state;
    char out[256];
    size_t left;
    assert_read("41\r\n", CHUNK_LARGE, NULL, 0);
    assert_read("7fffffffffffff\r\n", CHUNK_LARGE, NULL, 0);
    assert_read("1\r\na\r\n40\r\n", CHUNK_LARGE, NULL, 0);
    assert_int_equal(read_all("40\r\n", 4, 4, 64, out, &left), CHUNK_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_the_same_however_it_comes),
        cmocka_unit_test(what_is_not_strictly_framed_is_bad),
        cmocka_unit_test(lines_and_trailers_have_a_maximum),
        cmocka_unit_test(a_chunk_that_does_not_fit_is_refused_before_it_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
