/* What the HTTP client must never do: send twice, go inside, send what is two requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http_near_side.h"

/* ---- never twice */

static const char *drop_method, *drop_path, *drop_body;

static void then_the_dropped_one(struct world *w, size_t nth)
{
    if (nth == 1)
        call(w, 2, drop_method, drop_path, drop_body);
}

static void a_request_on_a_kept_connection_that_breaks_is_not_sent_again(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *body;
    } rows[] = {
        {"POST", "/drop", "x"},  {"POST", "/drop", ""},   {"GET", "/drop", ""},
        {"DELETE", "/drop", ""}, {"POST", "/reset", "x"}, {"GET", "/reset", ""},
        {"PUT", "/drop", "x"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world w = {.then = then_the_dropped_one};
        drop_method = rows[i].method;
        drop_path = rows[i].path;
        drop_body = rows[i].body;
        start(&w, "127.0.0.1", 1, true);
        call(&w, 1, "GET", "/ok", "");
        run_until(&w, 2);
        assert_int_equal(w.told[1].token, 2);
        assert_int_equal(w.told[1].end, CALL_FAILED);
        assert_true(w.told[1].wrote);
        assert_true(w.told[1].error[0]);
        stop(&w);
        assert_int_equal(atomic_load(&w.far.requests), 2);
    }
}

static void a_first_connection_that_breaks_is_not_repeated_either(void **state)
{
    (void)state;
    static const char *const paths[] = {"/drop", "/reset", "/half", "/garbage"};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct world w = {0};
        start(&w, "127.0.0.1", 1, true);
        call(&w, 1, "POST", paths[i], "x");
        run_until(&w, 1);
        assert_int_equal(w.told[0].end, CALL_FAILED);
        assert_true(w.told[0].wrote);
        stop(&w);
        assert_int_equal(atomic_load(&w.far.requests), 1);
    }
}

static void then_another(struct world *w, size_t nth)
{
    if (nth == 1)
        call(w, 2, "POST", "/ok", "x");
}

/* Whether libcurl has noticed the close or not: the second call arrives at most once, and is
 * answered or unknown. */
static void a_kept_connection_closed_meanwhile_does_no_harm(void **state)
{
    (void)state;
    struct world w = {.then = then_another};
    start(&w, "127.0.0.1", 1, true);
    call(&w, 1, "POST", "/last", "x");
    run_until(&w, 2);
    stop(&w);
    unsigned requests = atomic_load(&w.far.requests);
    assert_true(w.told[1].end == CALL_ANSWERED ? requests == 2
                                               : w.told[1].end == CALL_FAILED && requests <= 2);
}

/* ---- where not to go */

static void addresses_of_the_inside_are_refused(void **state)
{
    (void)state;
    static const char *const hosts[] = {
        "127.0.0.1", "[::1]",     "[::ffff:127.0.0.1]", "169.254.169.254",
        "10.0.0.1",  "[fe80::1]", "[64:ff9b::7f00:1]",  "localhost",
        "0.0.0.0",   "[::]"};
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        struct world w = {0};
        start(&w, hosts[i], 1, false);
        call(&w, 1, "POST", "/ok", "x");
        run_until(&w, 1);
        assert_int_equal(w.told[0].end, CALL_FAILED);
        assert_false(w.told[0].wrote);
        assert_non_null(strstr(w.told[0].error, "allow_private"));
        stop(&w);
        assert_int_equal(atomic_load(&w.far.connections), 0);
    }
}

static void metadata_is_refused_even_where_private_is_allowed(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "169.254.169.254", 1, true);
    call(&w, 1, "GET", "/latest/meta-data", "");
    run_until(&w, 1);
    assert_int_equal(w.told[0].end, CALL_FAILED);
    assert_non_null(strstr(w.told[0].error, "metadata"));
    stop(&w);
}

static void a_name_is_resolved_checked_and_pinned(void **state)
{
    (void)state;
    struct world w = {.then = then_another};
    start(&w, "localhost", 1, true);
    call(&w, 1, "POST", "/ok", "x");
    run_until(&w, 2);
    assert_int_equal(w.told[0].end, CALL_ANSWERED);
    assert_int_equal(w.told[1].end, CALL_ANSWERED);
    assert_int_equal(atomic_load(&w.far.connections), 1);
    stop(&w);
}

static void a_name_that_does_not_resolve_fails_within_the_total(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "nobody.invalid", 1, true);
    call(&w, 1, "POST", "/ok", "x");
    run_until(&w, 1);
    assert_int_equal(w.told[0].end, CALL_FAILED);
    assert_false(w.told[0].wrote);
    assert_non_null(strstr(w.told[0].error, "resolved"));
    stop(&w);
}

static void urls_that_are_more_than_a_place_are_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "ftp://a",
        "http://",
        "http://a/x",
        "http://a?x",
        "http://u@a",
        "http://u:p@a",
        "http://a:0",
        "http://a:65536",
        "http://a:x",
        "http://a:",
        "http://127.1",
        "http://0x7f.1",
        "http://017700000001",
        "http://2130706433",
        "http://1.2.3.0x4",
        "http://a b",
        "http://a\r\nb",
        "http://[::1",
        "http://[fe80::1%25eth0]",
        "http://a#x",
        "HTTP://a",
        "file:///etc",
        "//a",
        "http://-a",
        "http://[127.0.0.1]",
        "http://127.0.0.1.",
        "http://1.2.3.04",
    };
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct world w = {.loop = loop_new()};
        if (open_client(&w, urls[i], 1, true) == 0)
            fail_msg("taken: %s", urls[i]);
        loop_destroy(&w.loop);
    }
}

static void requests_that_would_be_two_are_not_sent(void **state)
{
    (void)state;
    const http_field_t bad_value = {bytes_str("X"), bytes_str("a\r\nY: b")};
    const http_field_t bad_name = {bytes_str("X Y"), bytes_str("a")};
    const http_call_t calls[] = {
        {.method = "GET", .path = bytes_str("/a b")},
        {.method = "GET", .path = bytes_str("/a\r\nX: y")},
        {.method = "GET", .path = bytes_str("a")},
        {.method = "GET", .path = bytes_str("")},
        {.method = "GET", .path = bytes_str("@evil/")},
        {.method = "GET", .path = bytes_str("/a#b")},
        {.method = "G T", .path = bytes_str("/")},
        {.method = "GET", .path = bytes_str("/"), .headers = &bad_value, .header_count = 1},
        {.method = "GET", .path = bytes_str("/"), .headers = &bad_name, .header_count = 1},
    };
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        struct world w = {.calling = true};
        start(&w, "127.0.0.1", 1, true);
        http_client_call(w.client, &calls[i]);
        w.calling = false;
        run_until(&w, 1);
        assert_int_equal(w.told[0].end, CALL_FAILED);
        assert_false(w.told[0].wrote);
        stop(&w);
        assert_int_equal(atomic_load(&w.far.requests), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_on_a_kept_connection_that_breaks_is_not_sent_again),
        cmocka_unit_test(a_first_connection_that_breaks_is_not_repeated_either),
        cmocka_unit_test(a_kept_connection_closed_meanwhile_does_no_harm),
        cmocka_unit_test(addresses_of_the_inside_are_refused),
        cmocka_unit_test(metadata_is_refused_even_where_private_is_allowed),
        cmocka_unit_test(a_name_is_resolved_checked_and_pinned),
        cmocka_unit_test(a_name_that_does_not_resolve_fails_within_the_total),
        cmocka_unit_test(urls_that_are_more_than_a_place_are_refused),
        cmocka_unit_test(requests_that_would_be_two_are_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
