/* The HTTP server's deadlines against clients that trickle, idle and wait. Nothing sleeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http_raw_client.h"

static http_server_options_t hasty(void)
{
    http_server_options_t o = calm();
    o.header_ms = o.body_ms = o.idle_ms = 120;
    return o;
}

/* Sends a byte whenever 10 ms pass without an answer, as a slow-loris does. */
static void trickle(int fd, struct heard *h, const char *byte)
{
    struct timeval limit = {.tv_usec = 10000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    for (int i = 0; i < DEADLINE_MS / 10 && !h->closed; i++) {
        h->deadline = false;
        hear(fd, h, sizeof h->text - 1);
        say(fd, byte);
    }
}

static void a_head_that_trickles_ends_with_408(void **state)
{
    (void)state;
    struct world w = {.options = hasty()};
    struct heard h = {0};
    start(&w);
    int fd = dial(&w);
    say(fd, "GET /x HTTP/1.1\r\nHost: h\r\nX-Slow: ");
    trickle(fd, &h, "a");
    assert_true(h.closed);
    assert_memory_equal(h.text, "HTTP/1.1 408", 12);
    assert_non_null(strstr(h.text, "\"status\":408"));
    close(fd);
    stop(&w);
    assert_int_equal(w.counts.timeouts, 1);
}

static void a_body_that_trickles_ends_with_408(void **state)
{
    (void)state;
    struct world w = {.options = hasty()};
    struct heard h = {0};
    start(&w);
    int fd = dial(&w);
    say(fd, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n");
    trickle(fd, &h, "a");
    assert_true(h.closed);
    assert_memory_equal(h.text, "HTTP/1.1 408", 12);
    close(fd);
    stop(&w);
}

static void a_second_head_that_trickles_ends_with_408(void **state)
{
    (void)state;
    struct world w = {.options = hasty()};
    struct heard h = {0};
    char body[512];
    w.options.idle_ms = 4000;
    start(&w);
    int fd = dial(&w);
    assert_int_equal(
        ask(fd, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok", body, sizeof body),
        200);
    say(fd, "GET /x HT");
    trickle(fd, &h, "T");
    assert_true(h.closed);
    assert_memory_equal(h.text, "HTTP/1.1 408", 12);
    close(fd);
    stop(&w);
}

static void an_idle_connection_is_closed_without_a_word(void **state)
{
    (void)state;
    struct world w = {.options = hasty()};
    char body[512];
    struct heard h = {0}, fresh = {0};
    start(&w);
    int fd = dial(&w), silent = dial(&w);
    assert_int_equal(ask(fd, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body), 200);
    hear(fd, &h, 1);
    assert_true(h.closed && h.len == 0);
    hear(silent, &fresh, 1);
    assert_true(fresh.closed && fresh.len == 0);
    close(fd);
    close(silent);
    stop(&w);
}

static void a_request_in_hand_has_no_deadline_here(void **state)
{
    (void)state;
    struct world w = {.options = hasty()};
    char body[512];
    struct heard h = {0}, idle = {0};
    start(&w);
    int fd = dial(&w), clock = dial(&w);
    say(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    hear(clock, &idle, 1); /* the other connection's idle time passes meanwhile */
    assert_true(idle.closed);
    int other = dial(&w);
    assert_int_equal(ask(other, "GET /release HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body),
                     200);
    assert_int_equal(hear_answer(fd, &h, body, sizeof body), 200);
    assert_string_equal(body, "released");
    close(fd);
    close(clock);
    close(other);
    stop(&w);
}

static void a_body_below_the_least_rate_ends_with_408(void **state)
{
    (void)state;
    struct world w = {.options = hasty()};
    struct heard h = {0};
    w.options.body_ms = 60000;
    w.options.body_rate_min = 100000;
    start(&w);
    int fd = dial(&w);
    say(fd, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n");
    trickle(fd, &h, "a");
    assert_true(h.closed);
    assert_memory_equal(h.text, "HTTP/1.1 408", 12);
    close(fd);
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_that_trickles_ends_with_408),
        cmocka_unit_test(a_body_that_trickles_ends_with_408),
        cmocka_unit_test(a_second_head_that_trickles_ends_with_408),
        cmocka_unit_test(an_idle_connection_is_closed_without_a_word),
        cmocka_unit_test(a_request_in_hand_has_no_deadline_here),
        cmocka_unit_test(a_body_below_the_least_rate_ends_with_408),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
