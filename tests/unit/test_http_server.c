/* The HTTP server as its clients see it: raw sockets against a server in a thread of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http_raw_client.h"

/* ---- ordinary use */

static void a_request_arrives_whole_and_is_answered(void **state)
{
    (void)state;
    struct world w = {.options = calm()};
    char body[512];
    start(&w);
    int fd = dial(&w);
    assert_int_equal(ask(fd,
                         "POST /a%20b/..?q=1&r=%41 HTTP/1.1\r\nHost: h\r\nX-TeSt:  v 1\t "
                         "\r\nContent-Length: 5\r\n\r\nhello",
                         body, sizeof body),
                     200);
    assert_string_equal(body, "POST /a%20b/.. ?q=1&r=%41 x=v 1 body=hello loopback");
    close(fd);
    stop(&w);
}

static void a_connection_serves_many_requests(void **state)
{
    (void)state;
    struct world w = {.options = calm()};
    char body[512];
    start(&w);
    int fd = dial(&w);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(ask(fd, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok", body,
                             sizeof body),
                         200);
        assert_string_equal(body, "POST /x ? x= body=ok loopback");
    }
    close(fd);
    stop(&w);
    assert_int_equal(w.counts.accepted, 1);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct world w = {.options = calm()};
    char body[512];
    struct heard h = {0};
    start(&w);
    int fd = dial(&w);
    say(fd, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: "
            "3\r\n\r\nabc"
            "GET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(hear_answer(fd, &h, body, sizeof body), 200);
    assert_string_equal(body, "GET /1 ? x= body= loopback");
    assert_int_equal(hear_answer(fd, &h, body, sizeof body), 200);
    assert_string_equal(body, "POST /2 ? x= body=abc loopback");
    assert_int_equal(hear_answer(fd, &h, body, sizeof body), 200);
    assert_string_equal(body, "GET /3 ? x= body= loopback");
    close(fd);
    stop(&w);
}

static void an_answer_may_come_later(void **state)
{
    (void)state;
    struct world w = {.options = calm()};
    char body[512];
    start(&w);
    int waiting = dial(&w), other = dial(&w);
    say(waiting, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    struct heard h = {0};
    while (w.held_count == 0) /* the other connection is served meanwhile */
        assert_int_equal(ask(other, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body), 200);
    assert_int_equal(ask(other, "GET /release HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body),
                     200);
    assert_int_equal(hear_answer(waiting, &h, body, sizeof body), 200);
    assert_string_equal(body, "released");
    assert_int_equal(ask(waiting, "GET /again HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body),
                     200);
    close(waiting);
    close(other);
    stop(&w);
}

static void a_client_that_half_closes_gets_its_answer(void **state)
{
    (void)state;
    struct world w = {.options = calm()};
    char body[512];
    struct heard h = {0};
    start(&w);
    int fd = dial(&w);
    say(fd, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
    shutdown(fd, SHUT_WR);
    assert_int_equal(hear_answer(fd, &h, body, sizeof body), 200);
    hear(fd, &h, h.len + 1);
    assert_true(h.closed);
    close(fd);
    stop(&w);
}

static void a_client_that_leaves_while_it_waits_disturbs_nobody(void **state)
{
    (void)state;
    struct world w = {.options = calm()};
    char body[512];
    start(&w);
    int gone = dial(&w), other = dial(&w);
    say(gone, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    while (w.held_count == 0)
        assert_int_equal(ask(other, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body), 200);
    close(gone);
    assert_int_equal(ask(other, "GET /release HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body),
                     200);
    assert_int_equal(ask(other, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body), 200);
    close(other);
    stop(&w);
}

static void a_close_with_requests_in_hand_leaks_nothing(void **state)
{
    (void)state;
    struct world w = {.options = calm()};
    char body[512];
    start(&w);
    int held = dial(&w), other = dial(&w), half = dial(&w);
    say(half, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhi");
    say(held, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    while (w.held_count == 0)
        assert_int_equal(ask(other, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body), 200);
    stop(&w); /* the sanitizer looks */
    close(held);
    close(other);
    close(half);
}

static void a_body_is_awaited_after_100_continue(void **state)
{
    (void)state;
    struct world w = {.options = calm()};
    char body[512];
    struct heard h = {0};
    start(&w);
    int fd = dial(&w);
    say(fd, "POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    hear(fd, &h, 25);
    assert_memory_equal(h.text, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    h = (struct heard){0};
    say(fd, "hi");
    assert_int_equal(hear_answer(fd, &h, body, sizeof body), 200);
    close(fd);
    stop(&w);
}

static void head_gets_the_head_and_options_the_methods(void **state)
{
    (void)state;
    struct world w = {.options = calm()};
    struct heard h = {0};
    start(&w);
    int fd = dial(&w);
    say(fd, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
    hear(fd, &h, 60);
    assert_memory_equal(h.text, "HTTP/1.1 204", 12);
    assert_non_null(strstr(h.text, "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"));
    h = (struct heard){0};
    say(fd, "HEAD /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    hear(fd, &h, sizeof h.text - 1);
    assert_memory_equal(h.text, "HTTP/1.1 200", 12);
    assert_true(h.closed);
    assert_memory_equal(h.text + h.len - 4, "\r\n\r\n", 4);
    close(fd);
    stop(&w);
}

/* ---- sizes */

static void a_body_that_says_it_is_too_large_is_refused_before_it_comes(void **state)
{
    (void)state;
    struct world w = {.options = calm()};
    start(&w);
    int fd = dial(&w);
    say(fd, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n");
    struct heard h = {0};
    hear(fd, &h, sizeof h.text - 1);
    assert_true(h.closed);
    assert_memory_equal(h.text, "HTTP/1.1 413", 12);
    assert_non_null(strstr(h.text, "application/problem+json"));
    assert_non_null(strstr(h.text, "\"status\":413"));
    close(fd);
    stop(&w);
    assert_int_equal(w.counts.oversize, 1);
}

static void a_chunked_body_is_cut_where_it_grows_too_large(void **state)
{
    (void)state;
    struct world w = {.options = calm()};
    static char chunk[8192 + 8];
    start(&w);
    int fd = dial(&w);
    int head = snprintf(chunk, sizeof chunk, "2000\r\n");
    memset(chunk + head, 'a', 8192);
    memcpy(chunk + head + 8192, "\r\n", 2);
    say(fd, "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 9; i++)
        say_bytes(fd, chunk, (size_t)head + 8194);
    assert_refused_and_closed(fd, 413);
    stop(&w);
    assert_int_equal(w.counts.oversize, 1);
}

static void a_body_of_exactly_the_limit_is_taken(void **state)
{
    (void)state;
    struct world w = {.options = calm()};
    static char full[65536];
    char body[512];
    struct heard h = {0};
    start(&w);
    int fd = dial(&w);
    memset(full, 'b', sizeof full);
    say(fd, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 65536\r\n\r\n");
    say_bytes(fd, full, sizeof full);
    assert_int_equal(hear_answer(fd, &h, body, sizeof body), 200);
    close(fd);
    stop(&w);
}

static void a_head_over_the_limit_is_refused(void **state)
{
    (void)state;
    static const size_t lengths[] = {8200, 12000, 60000};
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        struct world w = {.options = calm()};
        static char filler[65536];
        start(&w);
        int fd = dial(&w);
        memset(filler, 'x', lengths[i]);
        say(fd, "GET /x HTTP/1.1\r\nHost: h\r\nX-Long: ");
        say_bytes(fd, filler, lengths[i]);
        say(fd, "\r\n\r\n");
        assert_refused_and_closed(fd, 431);
        stop(&w);
    }
}

/* ---- places */

static void the_last_places_are_for_health_alone(void **state)
{
    (void)state;
    struct world w = {.options = calm()};
    char body[512];
    w.options.connections = 4;
    w.options.reserved_connections = 2;
    start(&w);
    int a = dial(&w), b = dial(&w);
    assert_int_equal(ask(a, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body), 200);
    assert_int_equal(ask(b, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body), 200);
    int c = dial(&w), d = dial(&w);
    assert_int_equal(ask(c, "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body), 200);
    say(d, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    assert_refused_and_closed(d, 503);
    close(a);
    close(b);
    close(c);
    stop(&w);
}

static void half_heads_cannot_keep_the_reserve_from_health(void **state)
{
    (void)state;
    struct world w = {.options = calm()};
    int slow[8];
    char body[512];
    w.options.connections = 4;
    w.options.reserved_connections = 2;
    start(&w);
    for (size_t i = 0; i < COUNT_OF(slow); i++) {
        slow[i] = dial(&w);
        say(slow[i], "POST /x HTTP/1.1\r\nX: ");
    }
    int health = dial(&w);
    assert_int_equal(ask(health, "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body), 200);
    assert_refused_and_closed(slow[2], 503);
    for (size_t i = 0; i < COUNT_OF(slow); i++)
        if (i != 2)
            close(slow[i]);
    close(health);
    stop(&w);
}

static void half_bodies_cannot_keep_the_reserve_from_health(void **state)
{
    (void)state;
    struct world w = {.options = calm()};
    int slow[4];
    char body[512];
    w.options.connections = 4;
    w.options.reserved_connections = 2;
    start(&w);
    for (size_t i = 0; i < COUNT_OF(slow); i++) {
        slow[i] = dial(&w);
        say(slow[i], "GET /livez HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
    }
    int health = dial(&w);
    assert_int_equal(ask(health, "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body), 200);
    assert_refused_and_closed(slow[2], 503);
    close(slow[0]), close(slow[1]), close(slow[3]), close(health);
    stop(&w);
}

static void halves_of_requests_have_a_maximum_together(void **state)
{
    (void)state;
    struct world w = {.options = calm()};
    static char half[60000];
    int slow[32];
    char body[512];
    unsigned refused = 0;
    start(&w);
    memset(half, 'b', sizeof half);
    for (size_t i = 0; i < COUNT_OF(slow); i++) {
        slow[i] = dial(&w);
        say(slow[i], "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 65536\r\n\r\n");
        say_bytes(slow[i], half, sizeof half);
    }
    int other = dial(&w); /* small requests need no memory of their own */
    assert_int_equal(ask(other, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body), 200);
    for (size_t i = 0; i < COUNT_OF(slow); i++) {
        struct heard h = {0};
        say_bytes(slow[i], half, 5536);
        hear(slow[i], &h, 12);
        refused += memcmp(h.text, "HTTP/1.1 503", 12) == 0;
        close(slow[i]);
    }
    assert_in_range(refused, 14, 20); /* 1 MiB is room for 16, a little more or less */
    close(other);
    stop(&w);
}

static void a_connection_too_many_is_turned_away(void **state)
{
    (void)state;
    struct world w = {.options = calm()};
    char body[512];
    w.options.connections_per_client = 2;
    start(&w);
    int a = dial(&w), b = dial(&w);
    assert_int_equal(ask(a, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body), 200);
    assert_int_equal(ask(b, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body), 200);
    int many = dial(&w);
    say(many, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    assert_refused_and_closed(many, 503);
    int health = dial(&w);
    assert_int_equal(ask(health, "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body), 200);
    close(health);
    close(a);
    struct heard h = {0};
    say(b, "GET /close HTTP/1.1\r\nHost: h\r\n\r\n");
    hear(b, &h, sizeof h.text - 1);
    assert_true(h.closed);
    int c = dial(&w);
    assert_int_equal(ask(c, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body), 200);
    close(b);
    close(c);
    stop(&w);
    assert_int_equal(w.counts.refused, 1);
}

/* One asks it to retire; one has asked before and asks again; one was never heard of. */
static void who_is_connected_leaves_a_retiring_server_with_an_answer_or_idle(void **state)
{
    (void)state;
    struct world w = {.options = calm()};
    struct heard last = {0}, idle = {0}, mute = {0};
    char body[512];
    start(&w);
    int asks = dial(&w), waits = dial(&w), never = dial(&w), then = dial(&w);
    assert_int_equal(ask(waits, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body), 200);
    assert_int_equal(ask(then, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body), 200);
    assert_int_equal(ask(asks, "GET /retire HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body), 200);
    say(then, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    hear(then, &last, sizeof last.text - 1);
    assert_true(last.closed);
    assert_non_null(strstr(last.text, "Connection: close"));
    hear(waits, &idle, 1);
    hear(never, &mute, 1);
    assert_true(idle.closed && idle.len == 0);
    assert_true(mute.closed && mute.len == 0);
    int late = dial(&w); /* the socket is others' to accept from */
    struct timeval soon = {.tv_usec = 50000};
    setsockopt(late, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    assert_int_equal(recv(late, body, 1, 0), -1);
    close(late), close(asks), close(waits), close(never), close(then);
    stop(&w);
    assert_int_equal(w.counts.open, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_arrives_whole_and_is_answered),
        cmocka_unit_test(a_connection_serves_many_requests),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(an_answer_may_come_later),
        cmocka_unit_test(a_client_that_half_closes_gets_its_answer),
        cmocka_unit_test(a_client_that_leaves_while_it_waits_disturbs_nobody),
        cmocka_unit_test(a_close_with_requests_in_hand_leaks_nothing),
        cmocka_unit_test(a_body_is_awaited_after_100_continue),
        cmocka_unit_test(head_gets_the_head_and_options_the_methods),
        cmocka_unit_test(a_body_that_says_it_is_too_large_is_refused_before_it_comes),
        cmocka_unit_test(a_chunked_body_is_cut_where_it_grows_too_large),
        cmocka_unit_test(a_body_of_exactly_the_limit_is_taken),
        cmocka_unit_test(a_head_over_the_limit_is_refused),
        cmocka_unit_test(the_last_places_are_for_health_alone),
        cmocka_unit_test(half_heads_cannot_keep_the_reserve_from_health),
        cmocka_unit_test(half_bodies_cannot_keep_the_reserve_from_health),
        cmocka_unit_test(halves_of_requests_have_a_maximum_together),
        cmocka_unit_test(a_connection_too_many_is_turned_away),
        cmocka_unit_test(who_is_connected_leaves_a_retiring_server_with_an_answer_or_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
