/* The HTTP server as its clients see it: raw sockets against a server in a thread of its own. Every wait has a
 * deadline; nothing sleeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/http.h"

#define DEADLINE_MS 5000
#define VECTORS "tests/unit/http_vectors.txt"

struct world {
    pthread_t thread;
    loop_t *loop;
    http_server_t *server;
    int listener, stop_fd, count_fd;
    uint16_t port;
    http_server_options_t options;
    uint64_t held[16];
    size_t held_count;
    http_server_counts_t counts;
    char seen[256]; /* of the last request */
};

static http_reply_t text_reply(const char *text)
{
    return (http_reply_t){.status = 200, .content_type = "text/plain", .body = bytes_str(text)};
}

/* /hold waits until somebody asks for /release; everything else is answered at once with what was seen. */
static void on_request(void *arg, const http_request_t *r)
{
    struct world *w = arg;
    bytes_t x = http_header(r, "x-test");
    int n = snprintf(w->seen, sizeof w->seen, "%.*s %.*s ?%.*s x=%.*s body=%.*s%s", (int)r->method.len,
                     (const char *)r->method.data, (int)r->path.len, (const char *)r->path.data,
                     (int)r->query.len, (const char *)r->query.data, (int)x.len, (const char *)x.data,
                     r->body.len > 64 ? 64 : (int)r->body.len, (const char *)r->body.data,
                     r->loopback ? " loopback" : "");
    assert_true(n > 0);
    if (bytes_is(r->path, "/hold")) {
        assert_true(w->held_count < COUNT_OF(w->held));
        w->held[w->held_count++] = r->token;
        return;
    }
    http_reply_t reply = text_reply(w->seen);
    if (bytes_is(r->path, "/release"))
        while (w->held_count > 0) {
            http_reply_t late = text_reply("released");
            http_server_reply(w->server, w->held[--w->held_count], &late);
        }
    reply.close = bytes_is(r->path, "/close");
    http_server_reply(w->server, r->token, &reply);
    http_server_reply(w->server, r->token, &reply); /* the second is ignored */
}

static void on_stop(void *arg, unsigned ready)
{
    struct world *w = arg;
    (void)ready;
    loop_stop(w->loop, 0);
}

static void *serve(void *arg)
{
    struct world *w = arg;
    loop_run(w->loop);
    http_server_counts(w->server, &w->counts);
    http_server_close(&w->server);
    loop_destroy(&w->loop);
    return NULL;
}

static int listen_on_loopback(uint16_t *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static void start(struct world *w)
{
    w->listener = listen_on_loopback(&w->port);
    w->stop_fd = eventfd(0, EFD_CLOEXEC);
    w->options.listeners = &w->listener;
    w->options.listener_count = 1;
    w->loop = loop_new();
    assert_int_equal(http_server_open(w->loop, &w->options, on_request, w, &w->server), 0);
    loop_fd(w->loop, w->stop_fd, LOOP_READ, on_stop, w);
    assert_int_equal(pthread_create(&w->thread, NULL, serve, w), 0);
}

static void stop(struct world *w)
{
    uint64_t one = 1;
    assert_int_equal(write(w->stop_fd, &one, sizeof one), sizeof one);
    pthread_join(w->thread, NULL);
    close(w->stop_fd);
    close(w->listener);
}

static http_server_options_t calm(void)
{
    return (http_server_options_t){.connections = 64, .reserved_connections = 4, .connections_per_client = 64,
                                   .header_ms = 4000, .body_ms = 4000, .idle_ms = 4000,
                                   .header_bytes_max = 8192, .body_bytes_max = 65536};
}

/* ---- a client ------------------------------------------------------------------------------------------ */

static int dial(const struct world *w)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(w->port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    struct timeval limit = {.tv_sec = DEADLINE_MS / 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

static void say_bytes(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the server had enough */
        at += n;
        len -= (size_t)n;
    }
}
static void say(int fd, const char *text) { say_bytes(fd, text, strlen(text)); }

struct heard { char text[65536]; size_t len; bool closed, deadline; };

/* Reads until `enough` bytes came, the server closed, or the deadline. */
static void hear(int fd, struct heard *h, size_t enough)
{
    while (h->len < enough && !h->closed && !h->deadline) {
        ssize_t n = recv(fd, h->text + h->len, sizeof h->text - 1 - h->len, 0);
        if (n > 0)
            h->len += (size_t)n;
        else if (n == 0 || errno == ECONNRESET)
            h->closed = true;
        else
            h->deadline = true;
        h->text[h->len] = '\0';
    }
}

/* Reads one whole answer with a Content-Length, and leaves what follows in the buffer. */
static unsigned hear_answer(int fd, struct heard *h, char *body, size_t size)
{
    size_t want = 1;
    for (;;) {
        hear(fd, h, want);
        char *end = strstr(h->text, "\r\n\r\n"), *length = strstr(h->text, "Content-Length: ");
        if (end && length) {
            size_t body_len = strtoul(length + 16, NULL, 10), head_len = (size_t)(end - h->text) + 4;
            want = head_len + body_len;
            if (h->len >= want) {
                unsigned status = (unsigned)strtoul(h->text + 9, NULL, 10);
                snprintf(body, size, "%.*s", (int)body_len, h->text + head_len);
                memmove(h->text, h->text + want, h->len - want + 1);
                h->len -= want;
                return status;
            }
        } else {
            want = h->len + 1;
        }
        if (h->closed || h->deadline)
            return 0;
    }
}

static unsigned ask(int fd, const char *request, char *body, size_t size)
{
    struct heard h = {0};
    say(fd, request);
    return hear_answer(fd, &h, body, size);
}

/* ---- ordinary use -------------------------------------------------------------------------------------- */

static void a_request_arrives_whole_and_is_answered(void **state)
{
    (void)state;
    struct world w = {.options = calm()};
    char body[512];
    start(&w);
    int fd = dial(&w);
    assert_int_equal(ask(fd, "POST /a%20b/..?q=1&r=%41 HTTP/1.1\r\nHost: h\r\nX-TeSt:  v 1\t \r\nContent-Length: 5\r\n\r\nhello",
                         body, sizeof body), 200);
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
        assert_int_equal(ask(fd, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok", body, sizeof body), 200);
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
    say(fd, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
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
    assert_int_equal(ask(other, "GET /release HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body), 200);
    assert_int_equal(hear_answer(waiting, &h, body, sizeof body), 200);
    assert_string_equal(body, "released");
    assert_int_equal(ask(waiting, "GET /again HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body), 200);
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
    assert_int_equal(ask(other, "GET /release HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body), 200);
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
    assert_non_null(strstr(h.text, "Allow: GET, HEAD, POST, OPTIONS\r\n"));
    h = (struct heard){0};
    say(fd, "HEAD /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    hear(fd, &h, sizeof h.text - 1);
    assert_memory_equal(h.text, "HTTP/1.1 200", 12);
    assert_true(h.closed);
    assert_memory_equal(h.text + h.len - 4, "\r\n\r\n", 4);
    close(fd);
    stop(&w);
}

/* ---- sizes --------------------------------------------------------------------------------------------- */

static void assert_refused_and_closed(int fd, unsigned status)
{
    struct heard h = {0};
    hear(fd, &h, sizeof h.text - 1);
    assert_true(h.closed);
    assert_int_equal(strtoul(h.text + 9, NULL, 10), status);
    close(fd);
}

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

/* ---- deadlines ----------------------------------------------------------------------------------------- */

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
    assert_int_equal(ask(fd, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok", body, sizeof body), 200);
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
    assert_int_equal(ask(other, "GET /release HTTP/1.1\r\nHost: h\r\n\r\n", body, sizeof body), 200);
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

/* ---- places -------------------------------------------------------------------------------------------- */

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
    assert_refused_and_closed(dial(&w), 503);
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

/* ---- what must not be misread --------------------------------------------------------------------------- */

static size_t unescape(const char *from, char *out)
{
    size_t n = 0;
    for (; *from && *from != '\n'; from++) {
        if (*from != '\\') {
            out[n++] = *from;
            continue;
        }
        from++;
        unsigned byte = 0;
        if (*from == 'x' && sscanf(from + 1, "%2x", &byte) == 1) {
            out[n++] = (char)byte;
            from += 2;
        } else {
            out[n++] = *from == 'r' ? '\r' : *from == 'n' ? '\n' : *from == 't' ? '\t' : *from;
        }
    }
    return n;
}

/* One line: what must come ("200": served; "4xx": a refusal; "done": any of both, or closed), a label, the bytes. */
static bool vector_holds(const struct world *w, const char *line)
{
    static char raw[65536];
    char want[8] = "", label[128] = "";
    assert_int_equal(sscanf(line, "%7s %127[^|]", want, label), 2);
    size_t len = unescape(strchr(line, '|') + 2, raw);
    struct heard h = {0};
    int fd = dial(w);
    say_bytes(fd, raw, len);
    shutdown(fd, SHUT_WR);
    hear(fd, &h, sizeof h.text - 1);
    close(fd);
    unsigned status = h.len > 12 ? (unsigned)strtoul(h.text + 9, NULL, 10) : 0;
    if (status == 100) {
        const char *next = strstr(h.text, "\r\n\r\n");
        status = next && next[4] ? (unsigned)strtoul(next + 13, NULL, 10) : 0;
    }
    bool answered_once = !strstr(h.text + (h.len ? 1 : 0), "HTTP/1.1 ") || strcmp(want, "200") == 0;
    bool refused = (status >= 400 && status < 500) || status == 501 || status == 505;
    bool fits = strcmp(want, "200") == 0   ? status == 200
                : strcmp(want, "4xx") == 0 ? refused && answered_once
                                           : status == 200 || status == 204 || refused || status == 0;
    if (!h.closed || !fits)
        print_error("vector %s: wanted %s, got %u, %s\n%s\n", label, want, status, h.closed ? "closed" : "OPEN", h.text);
    return h.closed && fits;
}

static void every_malformed_request_is_refused_and_closed(void **state)
{
    (void)state;
    struct world w = {.options = calm()};
    static char line[65536];
    w.options.header_ms = w.options.body_ms = w.options.idle_ms = 400;
    FILE *f = fopen(VECTORS, "r");
    assert_non_null(f);
    unsigned count = 0, wrong = 0;
    start(&w);
    while (fgets(line, sizeof line, f)) {
        if (line[0] == '#' || line[0] == '\n')
            continue;
        count++;
        wrong += !vector_holds(&w, line);
    }
    fclose(f);
    stop(&w);
    assert_true(count >= 300);
    assert_int_equal(wrong, 0);
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
        cmocka_unit_test(a_head_that_trickles_ends_with_408),
        cmocka_unit_test(a_body_that_trickles_ends_with_408),
        cmocka_unit_test(a_second_head_that_trickles_ends_with_408),
        cmocka_unit_test(an_idle_connection_is_closed_without_a_word),
        cmocka_unit_test(a_request_in_hand_has_no_deadline_here),
        cmocka_unit_test(a_body_below_the_least_rate_ends_with_408),
        cmocka_unit_test(the_last_places_are_for_health_alone),
        cmocka_unit_test(a_connection_too_many_is_turned_away),
        cmocka_unit_test(every_malformed_request_is_refused_and_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
