/* The HTTP server where requests and answers come in pieces, over TCP and over TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>

#include "http_raw_client.h"
#include "own_certificate.h"

struct peer {
    int fd;
    gnutls_session_t tls; /* NULL: plain */
    gnutls_certificate_credentials_t trust;
};

static void begin(struct world *w, bool tls)
{
    unsigned body_ms = w->options.body_ms, idle_ms = w->options.idle_ms;
    w->options = calm();
    if (body_ms) {
        w->options.body_ms = body_ms;
        w->options.header_ms = w->options.idle_ms = idle_ms;
    }
    if (tls) {
        w->options.tls_listeners = 1;
        w->options.tls_certificate = own_certificate;
        w->options.tls_key = own_key;
    }
    start(w);
}

static void shake(struct peer *p, const char *priorities)
{
    assert_int_equal(gnutls_certificate_allocate_credentials(&p->trust), 0);
    assert_int_equal(gnutls_init(&p->tls, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL), 0);
    assert_int_equal(gnutls_priority_set_direct(p->tls, priorities, NULL), 0);
    assert_int_equal(gnutls_credentials_set(p->tls, GNUTLS_CRD_CERTIFICATE, p->trust), 0);
    gnutls_transport_set_int(p->tls, p->fd);
    assert_int_equal(gnutls_handshake(p->tls), 0);
}

static struct peer meet(const struct world *w)
{
    struct peer p = {.fd = dial(w)};
    int one = 1;
    setsockopt(p.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (w->options.tls_listeners)
        shake(&p, "NORMAL");
    return p;
}

static void part(struct peer *p)
{
    if (p->tls) {
        gnutls_deinit(p->tls);
        gnutls_certificate_free_credentials(p->trust);
    }
    close(p->fd);
}

static void tell_bytes(struct peer *p, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n =
            p->tls ? gnutls_record_send(p->tls, data, len) : send(p->fd, data, len, MSG_NOSIGNAL);
        assert_true(n > 0);
        data += n;
        len -= (size_t)n;
    }
}

static void tell(struct peer *p, const char *text) { tell_bytes(p, text, strlen(text)); }

/* Exactly so many bytes; fewer where the server closes. */
static size_t listen_to(struct peer *p, char *to, size_t len)
{
    size_t got = 0;
    while (got < len) {
        ssize_t n = p->tls ? gnutls_record_recv(p->tls, to + got, len - got)
                           : recv(p->fd, to + got, len - got, 0);
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    return got;
}

/* The body of one answer, which is all in what comes next; its head in `head`. */
static size_t listen_to_answer(struct peer *p, char *head, size_t head_size, char *body,
                               size_t size)
{
    size_t len = 0;
    do {
        assert_true(len < head_size - 1);
        assert_int_equal(listen_to(p, head + len, 1), 1);
        head[++len] = '\0';
    } while (len < 4 || memcmp(head + len - 4, "\r\n\r\n", 4) != 0);
    const char *said = strstr(head, "Content-Length: ");
    size_t length = said ? strtoul(said + 16, NULL, 10) : 0;
    assert_true(length < size);
    assert_int_equal(listen_to(p, body, length), length);
    body[length] = '\0';
    return length;
}

static void assert_answered(struct peer *p, const char *wanted)
{
    char head[1024], body[1024];
    listen_to_answer(p, head, sizeof head, body, sizeof body);
    assert_memory_equal(head, "HTTP/1.1 200 OK\r\n", 17);
    assert_string_equal(body, wanted);
}

/* ---- */

static void requests_come_byte_by_byte(bool tls)
{
    static const char requests[] = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
                                   "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
                                   "POST /3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
                                   "chunked\r\n\r\n2;x=y\r\nde\r\n1\r\nf\r\n0\r\n\r\n";
    struct world w = {0};
    begin(&w, tls);
    struct peer p = meet(&w);
    for (size_t i = 0; i < sizeof requests - 1; i++)
        tell_bytes(&p, requests + i, 1);
    assert_answered(&p, "GET /1 ? x= body= loopback");
    assert_answered(&p, "POST /2 ? x= body=abc loopback");
    assert_answered(&p, "POST /3 ? x= body=def loopback");
    part(&p);
    stop(&w);
}

static void many_requests_come_at_once(bool tls)
{
    static const char request[] = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nb";
    static char all[1000 * (sizeof request - 1)];
    struct world w = {0};
    for (size_t i = 0; i < 1000; i++)
        memcpy(all + i * (sizeof request - 1), request, sizeof request - 1);
    begin(&w, tls);
    struct peer p = meet(&w);
    tell_bytes(&p, all, sizeof all);
    for (size_t i = 0; i < 1000; i++)
        assert_answered(&p, "POST /x ? x= body=b loopback");
    part(&p);
    stop(&w);
}

static void what_comes_behind_a_waiting_request_waits_too(bool tls)
{
    static const char two[] = "GET /hold HTTP/1.1\r\nHost: h\r\n\r\nGET /then HTTP/1.1\r\nHo";
    struct world w = {0};
    begin(&w, tls);
    struct peer waits = meet(&w), other = meet(&w);
    tell(&waits, two);
    do {
        tell(&other, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_answered(&other, "GET /x ? x= body= loopback");
    } while (w.held_count == 0);
    tell(&waits, "st: h\r\n\r\n");
    tell(&other, "GET /release HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_answered(&other, "GET /release ? x= body= loopback");
    assert_answered(&waits, "released");
    assert_answered(&waits, "GET /then ? x= body= loopback");
    part(&waits);
    part(&other);
    stop(&w);
}

/* The client reads nothing until another connection has been served: the socket is full. */
static void an_answer_larger_than_the_socket_arrives_whole(bool tls)
{
    static char body[LARGE_BYTES + 1];
    char head[1024];
    struct world w = {0};
    begin(&w, tls);
    struct peer slow = meet(&w), other = meet(&w);
    tell(&slow, "GET /large HTTP/1.1\r\nHost: h\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    for (int i = 0; i < 10; i++) {
        tell(&other, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_answered(&other, "GET /x ? x= body= loopback");
    }
    size_t len = listen_to_answer(&slow, head, sizeof head, body, sizeof body);
    assert_int_equal(len, LARGE_BYTES);
    assert_memory_equal(body, large_body(), LARGE_BYTES);
    assert_answered(&slow, "GET /x ? x= body= loopback");
    part(&slow);
    part(&other);
    stop(&w);
}

static void a_client_that_never_reads_its_answer_is_cut(bool tls)
{
    static char body[LARGE_BYTES + 1];
    struct world w = {.options.body_ms = 150, .options.idle_ms = 400};
    begin(&w, tls);
    struct peer deaf = meet(&w), clock = meet(&w);
    tell(&deaf, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(listen_to(&clock, body, 1), 0); /* its own time was up, which is longer */
    assert_true(listen_to(&deaf, body, sizeof body - 1) < LARGE_BYTES);
    part(&deaf);
    part(&clock);
    stop(&w);
    assert_int_equal(w.counts.timeouts, 2);
}

static void a_large_body_comes_in_pieces(bool tls)
{
    static char full[65536];
    struct world w = {0};
    begin(&w, tls);
    struct peer p = meet(&w);
    memset(full, 'b', sizeof full);
    for (int i = 0; i < 3; i++) {
        tell(&p, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 65536\r\n\r\n");
        for (size_t at = 0; at < sizeof full; at += 4096)
            tell_bytes(&p, full + at, 4096);
        assert_answered(&p, "POST /x ? x= body=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
                            "bbbbbbbbbbbb loopback");
    }
    part(&p);
    stop(&w);
}

#define BOTH(what)                                                                                 \
    static void what##_over_tcp(void **state)                                                      \
    {                                                                                              \
        (void)state;                                                                               \
        what(false);                                                                               \
    }                                                                                              \
    static void what##_over_tls(void **state)                                                      \
    {                                                                                              \
        (void)state;                                                                               \
        what(true);                                                                                \
    }
BOTH(requests_come_byte_by_byte)
BOTH(many_requests_come_at_once)
BOTH(what_comes_behind_a_waiting_request_waits_too)
BOTH(an_answer_larger_than_the_socket_arrives_whole)
BOTH(a_client_that_never_reads_its_answer_is_cut)
BOTH(a_large_body_comes_in_pieces)

/* They are records without text; TLS 1.3 knows none that may be repeated. */
static void warnings_without_end_keep_nobody_waiting(void **state)
{
    (void)state;
    struct world w = {0};
    begin(&w, true);
    struct peer flood = {.fd = dial(&w)}, other = meet(&w);
    shake(&flood, "NORMAL:-VERS-TLS1.3");
    int sent = 0;
    while (sent < 1000000 &&
           gnutls_alert_send(flood.tls, GNUTLS_AL_WARNING, GNUTLS_A_USER_CANCELED) == 0)
        sent++;
    assert_true(sent < 1000000); /* it was cut */
    tell(&other, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_answered(&other, "GET /x ? x= body= loopback");
    part(&flood);
    part(&other);
    stop(&w);
}

/* ---- HTTP/1.0, and words that the server says by itself */

static void http_1_0_is_kept_where_it_asks_for_it(void **state)
{
    (void)state;
    struct world w = {0};
    char head[1024], body[1024];
    begin(&w, false);
    struct peer p = meet(&w);
    static const char kept[] = "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    tell(&p, kept);
    listen_to_answer(&p, head, sizeof head, body, sizeof body);
    assert_non_null(strstr(head, "Connection: Keep-Alive\r\n"));
    tell(&p, "GET /x HTTP/1.0\r\n\r\n");
    listen_to_answer(&p, head, sizeof head, body, sizeof body);
    assert_non_null(strstr(head, "Connection: close\r\n"));
    assert_int_equal(listen_to(&p, body, 1), 0);
    part(&p);
    stop(&w);
}

static void a_refused_head_request_gets_no_body(void **state)
{
    (void)state;
    struct world w = {0};
    struct heard h = {0};
    begin(&w, false);
    int fd = dial(&w);
    say(fd, "HEAD /x HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n");
    hear(fd, &h, sizeof h.text - 1);
    assert_true(h.closed);
    assert_memory_equal(h.text, "HTTP/1.1 413", 12);
    assert_memory_equal(h.text + h.len - 4, "\r\n\r\n", 4);
    close(fd);
    stop(&w);
}

static void a_request_behind_head_is_refused_with_a_body(void **state)
{
    (void)state;
    struct world w = {0};
    struct heard h = {0};
    begin(&w, false);
    int fd = dial(&w);
    say(fd, "HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n");
    hear(fd, &h, 60);
    h = (struct heard){0};
    say(fd, "nonsense\r\n\r\n");
    hear(fd, &h, sizeof h.text - 1);
    assert_memory_equal(h.text, "HTTP/1.1 400", 12);
    assert_non_null(strstr(h.text, "\r\nDate: "));
    assert_non_null(strstr(h.text, "\"status\":400"));
    close(fd);
    stop(&w);
}

static void every_answer_says_when_it_was_given(void **state)
{
    (void)state;
    struct world w = {0};
    char head[1024], body[1024], day[4], month[4];
    int date, year, hour, minute, second;
    begin(&w, false);
    struct peer p = meet(&w);
    tell(&p, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    listen_to_answer(&p, head, sizeof head, body, sizeof body);
    const char *said = strstr(head, "Date: ");
    assert_non_null(said);
    assert_int_equal(sscanf(said, "Date: %3s, %2d %3s %4d %2d:%2d:%2d GMT\r\n", day, &date, month,
                            &year, &hour, &minute, &second),
                     7);
    part(&p);
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_come_byte_by_byte_over_tcp),
        cmocka_unit_test(requests_come_byte_by_byte_over_tls),
        cmocka_unit_test(many_requests_come_at_once_over_tcp),
        cmocka_unit_test(many_requests_come_at_once_over_tls),
        cmocka_unit_test(what_comes_behind_a_waiting_request_waits_too_over_tcp),
        cmocka_unit_test(what_comes_behind_a_waiting_request_waits_too_over_tls),
        cmocka_unit_test(an_answer_larger_than_the_socket_arrives_whole_over_tcp),
        cmocka_unit_test(an_answer_larger_than_the_socket_arrives_whole_over_tls),
        cmocka_unit_test(a_client_that_never_reads_its_answer_is_cut_over_tcp),
        cmocka_unit_test(a_client_that_never_reads_its_answer_is_cut_over_tls),
        cmocka_unit_test(a_large_body_comes_in_pieces_over_tcp),
        cmocka_unit_test(a_large_body_comes_in_pieces_over_tls),
        cmocka_unit_test(warnings_without_end_keep_nobody_waiting),
        cmocka_unit_test(http_1_0_is_kept_where_it_asks_for_it),
        cmocka_unit_test(a_request_behind_head_is_refused_with_a_body),
        cmocka_unit_test(a_refused_head_request_gets_no_body),
        cmocka_unit_test(every_answer_says_when_it_was_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
