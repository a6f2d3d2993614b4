/* The HTTP client against a small server with habits: it drops, hangs, talks too much. The server counts what it
 * saw, so that nothing can be sent twice unseen. Every wait has a deadline; nothing sleeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/http.h"

#define DEADLINE_US (8 * US_PER_S)
#define ANSWERS_MAX 64

/* ---- the far side ------------------------------------------------------------------------------------------ */

struct far_side {
    int listener;
    uint16_t port;
    pthread_t thread;
    atomic_uint requests, connections;
    char last[8192]; /* head of the last request; read after the answer came */
};

static size_t read_request(int fd, char *out, size_t size)
{
    size_t len = 0;
    for (;;) {
        ssize_t n = recv(fd, out + len, size - 1 - len, 0);
        if (n <= 0)
            return 0;
        len += (size_t)n;
        out[len] = '\0';
        char *end = strstr(out, "\r\n\r\n"), *length = strcasestr(out, "content-length: ");
        size_t body = length ? strtoul(length + 16, NULL, 10) : 0;
        if (end && len >= (size_t)(end - out) + 4 + body)
            return len;
    }
}

static void say(int fd, const char *text)
{
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        return;
}

static void say_a_lot(int fd, size_t len)
{
    static const char block[1000];
    char head[128];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
    say(fd, head);
    for (; len >= sizeof block; len -= sizeof block)
        if (send(fd, block, sizeof block, MSG_NOSIGNAL) < 0)
            return;
}

static void reset(int fd)
{
    struct linger now = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* False: the connection ends. */
static bool behave(int fd, const char *request)
{
    if (strstr(request, " /drop "))
        return false;
    if (strstr(request, " /reset ")) {
        reset(fd);
        return false;
    }
    if (strstr(request, " /half ")) {
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
        return false;
    }
    if (strstr(request, " /hang ")) {
        char byte;
        return recv(fd, &byte, 1, 0) > 0 && false;
    }
    if (strstr(request, " /garbage ")) {
        say(fd, "this is not http\r\n\r\n");
        return false;
    }
    if (strstr(request, " /big "))
        say_a_lot(fd, 100000);
    else if (strstr(request, " /interim "))
        say(fd, "HTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\n"
                "HTTP/1.1 201 Created\r\nX-Late:  yes \r\nContent-Length: 2\r\n\r\nok");
    else if (strstr(request, " /chunked "))
        say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nX-Trailer: t\r\n\r\n");
    else if (strstr(request, " /moved "))
        say(fd, "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n");
    else if (strstr(request, " /503 "))
        say(fd, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
    else if (strstr(request, " /last ")) {
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        return false;
    } else
        say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok");
    return true;
}

struct served { struct far_side *far; int fd; };

static void *serve_one(void *arg)
{
    struct served s = *(struct served *)arg;
    char *request = calloc(1, 1 << 20);
    free(arg);
    assert_non_null(request);
    while (read_request(s.fd, request, 1 << 20) > 0) {
        snprintf(s.far->last, sizeof s.far->last, "%s", request);
        atomic_fetch_add(&s.far->requests, 1);
        if (!behave(s.fd, request))
            break;
    }
    close(s.fd);
    free(request);
    return NULL;
}

static void *serve(void *arg)
{
    struct far_side *far = arg;
    pthread_t threads[ANSWERS_MAX];
    size_t count = 0;
    for (int fd; count < ANSWERS_MAX && (fd = accept(far->listener, NULL, NULL)) >= 0;) {
        struct served *s = malloc(sizeof *s);
        assert_non_null(s);
        *s = (struct served){far, fd};
        atomic_fetch_add(&far->connections, 1);
        assert_int_equal(pthread_create(&threads[count++], NULL, serve_one, s), 0);
    }
    while (count > 0)
        pthread_join(threads[--count], NULL);
    return NULL;
}

static int listen_on_loopback(uint16_t *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

/* ---- the near side ------------------------------------------------------------------------------------------ */

struct told {
    uint64_t token;
    enum http_call_end end;
    bool wrote, truncated;
    unsigned status;
    size_t body_len;
    char body[64], error[256], retry_after[16], early[8], late[8];
};

struct world {
    struct far_side far;
    loop_t *loop;
    http_client_t *client;
    struct told told[ANSWERS_MAX];
    size_t told_count, wanted;
    bool calling, timed_out;
    void (*then)(struct world *, size_t nth); /* when the nth answer came */
};

static void copy_header(char *out, size_t size, const http_answer_t *a, const char *name)
{
    for (size_t i = 0; i < a->header_count; i++)
        if (bytes_is(a->headers[i].name, name))
            snprintf(out, size, "%.*s", (int)a->headers[i].value.len, (const char *)a->headers[i].value.data);
}

static void on_answer(void *arg, const http_answer_t *a)
{
    struct world *w = arg;
    assert_false(w->calling); /* never from inside http_client_call */
    assert_true(w->told_count < ANSWERS_MAX);
    struct told *t = &w->told[w->told_count++];
    *t = (struct told){.token = a->token, .end = a->end, .wrote = a->wrote, .status = a->status,
                       .truncated = a->truncated, .body_len = a->body.len};
    snprintf(t->body, sizeof t->body, "%.*s", a->body.len > 60 ? 60 : (int)a->body.len,
             a->body.len ? (const char *)a->body.data : "");
    snprintf(t->error, sizeof t->error, "%s", a->error ? a->error : "");
    copy_header(t->retry_after, sizeof t->retry_after, a, "retry-after");
    copy_header(t->early, sizeof t->early, a, "x-early");
    copy_header(t->late, sizeof t->late, a, "x-late");
    if (w->then)
        w->then(w, w->told_count);
    if (w->told_count == w->wanted)
        loop_stop(w->loop, 0);
}

static void on_deadline(void *arg)
{
    struct world *w = arg;
    w->timed_out = true;
    loop_stop(w->loop, 0);
}

static int open_client(struct world *w, const char *url, unsigned connections, bool allow_private)
{
    const http_pool_options_t pool = {.name = "far", .url = url, .connections = connections, .connect_ms = 500,
                                      .total_ms = 700, .allow_private = allow_private,
                                      .answer_bytes_max = 4096};
    return http_client_open(w->loop, &pool, 1, on_answer, w, &w->client);
}

static void start(struct world *w, const char *host, unsigned connections, bool allow_private)
{
    char url[128];
    w->far.listener = listen_on_loopback(&w->far.port);
    assert_int_equal(pthread_create(&w->far.thread, NULL, serve, &w->far), 0);
    w->loop = loop_new();
    loop_timer_at(loop_timer(w->loop, on_deadline, w), instant_after_us(loop_now().at, DEADLINE_US));
    snprintf(url, sizeof url, "http://%s:%u", host, w->far.port);
    assert_int_equal(open_client(w, url, connections, allow_private), 0);
}

static void call(struct world *w, uint64_t token, const char *method, const char *path, const char *body)
{
    const http_field_t fields[] = {{bytes_str("Idempotency-Key"), bytes_str("k:1")},
                                   {bytes_str("X-Empty"), bytes_str("")}};
    const http_call_t c = {.token = token, .method = method, .path = bytes_str(path), .body = bytes_str(body),
                           .headers = fields, .header_count = COUNT_OF(fields), .start_by = INSTANT_NEVER};
    w->calling = true;
    http_client_call(w->client, &c);
    w->calling = false;
}

static void run_until(struct world *w, size_t wanted)
{
    w->wanted = wanted;
    loop_run(w->loop);
    assert_false(w->timed_out);
    assert_int_equal(w->told_count, wanted);
}

static void stop(struct world *w)
{
    http_client_close(&w->client);
    loop_destroy(&w->loop);
    shutdown(w->far.listener, SHUT_RDWR);
    pthread_join(w->far.thread, NULL);
    close(w->far.listener);
}

/* ---- ordinary calls ------------------------------------------------------------------------------------------ */

static void a_call_is_answered(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "127.0.0.1", 2, true);
    call(&w, 7, "POST", "/ok?a=%20b", "{\"a\":1}");
    run_until(&w, 1);
    assert_int_equal(w.told[0].token, 7);
    assert_int_equal(w.told[0].end, CALL_ANSWERED);
    assert_true(w.told[0].wrote);
    assert_int_equal(w.told[0].status, 200);
    assert_string_equal(w.told[0].body, "ok");
    assert_memory_equal(w.far.last, "POST /ok?a=%20b HTTP/1.1\r\n", 26);
    assert_non_null(strstr(w.far.last, "\r\nIdempotency-Key: k:1\r\n"));
    assert_non_null(strstr(w.far.last, "\r\nX-Empty:\r\n"));
    assert_non_null(strstr(w.far.last, "\r\nContent-Length: 7\r\n"));
    assert_non_null(strstr(w.far.last, "\r\n\r\n{\"a\":1}"));
    assert_null(strstr(w.far.last, "urlencoded"));
    assert_null(strstr(w.far.last, "Expect"));
    stop(&w);
}

static void call_the_next(struct world *w, size_t nth)
{
    if (nth < 20)
        call(w, nth + 1, nth % 2 ? "DELETE" : "PUT", "/ok", nth % 2 ? "" : "x");
}

static void a_connection_is_kept_for_the_next_call(void **state)
{
    (void)state;
    struct world w = {.then = call_the_next};
    start(&w, "127.0.0.1", 1, true); /* one place: begun from inside the answer */
    call(&w, 1, "POST", "/ok", "x");
    run_until(&w, 20);
    assert_int_equal(atomic_load(&w.far.connections), 1);
    assert_int_equal(atomic_load(&w.far.requests), 20);
    stop(&w);
}

static void every_method_arrives_as_itself(void **state)
{
    (void)state;
    static const struct { const char *method, *body, *line; } rows[] = {
        {"GET", "", "GET /ok "},   {"HEAD", "", "HEAD /ok "},     {"POST", "", "POST /ok "},
        {"PUT", "b", "PUT /ok "},  {"PATCH", "b", "PATCH /ok "},  {"DELETE", "", "DELETE /ok "},
        {"DELETE", "b", "DELETE /ok "}, {"GET", "b", "GET /ok "}, {"POST", "b", "POST /ok "}, {"GET", "", "GET /ok "},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world w = {0};
        start(&w, "127.0.0.1", 1, true);
        call(&w, 1, rows[i].method, "/ok", rows[i].body);
        if (strcmp(rows[i].method, "HEAD") == 0) {
            stop(&w); /* the far side would send a body; not asked for */
            continue;
        }
        run_until(&w, 1);
        assert_int_equal(w.told[0].status, 200);
        assert_memory_equal(w.far.last, rows[i].line, strlen(rows[i].line));
        assert_string_equal(strstr(w.far.last, "\r\n\r\n") + 4, rows[i].body);
        stop(&w);
    }
}

static void interim_answers_are_passed_over(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "127.0.0.1", 1, true);
    call(&w, 1, "POST", "/interim", "x");
    run_until(&w, 1);
    assert_int_equal(w.told[0].status, 201);
    assert_string_equal(w.told[0].early, "");
    assert_string_equal(w.told[0].late, "yes");
    stop(&w);
}

static void chunks_and_statuses_arrive(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "127.0.0.1", 4, true);
    call(&w, 1, "GET", "/chunked", "");
    call(&w, 2, "GET", "/503", "");
    call(&w, 3, "GET", "/moved", ""); /* not followed */
    run_until(&w, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct told *t = &w.told[i];
        assert_int_equal(t->end, CALL_ANSWERED);
        assert_int_equal(t->status, t->token == 1 ? 200 : t->token == 2 ? 503 : 302);
        assert_string_equal(t->body, t->token == 1 ? "hello" : "");
        assert_string_equal(t->retry_after, t->token == 2 ? "7" : "");
    }
    assert_int_equal(atomic_load(&w.far.requests), 3);
    stop(&w);
}

static void an_answer_too_long_is_cut(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "127.0.0.1", 1, true);
    call(&w, 1, "GET", "/big", "");
    run_until(&w, 1);
    assert_int_equal(w.told[0].end, CALL_ANSWERED);
    assert_true(w.told[0].truncated);
    assert_int_equal(w.told[0].body_len, 4096);
    stop(&w);
}

static void a_large_body_arrives_whole(void **state)
{
    (void)state;
    struct world w = {0};
    char *body = malloc(500001);
    memset(body, 'z', 500000);
    body[500000] = '\0';
    start(&w, "127.0.0.1", 1, true);
    call(&w, 1, "POST", "/ok", body);
    run_until(&w, 1);
    assert_int_equal(w.told[0].status, 200);
    free(body);
    stop(&w);
}

/* ---- never twice --------------------------------------------------------------------------------------------- */

static const char *drop_method, *drop_path, *drop_body;

static void then_the_dropped_one(struct world *w, size_t nth)
{
    if (nth == 1)
        call(w, 2, drop_method, drop_path, drop_body);
}

static void a_request_on_a_kept_connection_that_breaks_is_not_sent_again(void **state)
{
    (void)state;
    static const struct { const char *method, *path, *body; } rows[] = {
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

/* Whether libcurl has noticed the close or not: the second call arrives at most once, and is answered or unknown. */
static void a_kept_connection_closed_meanwhile_does_no_harm(void **state)
{
    (void)state;
    struct world w = {.then = then_another};
    start(&w, "127.0.0.1", 1, true);
    call(&w, 1, "POST", "/last", "x");
    run_until(&w, 2);
    stop(&w);
    unsigned requests = atomic_load(&w.far.requests);
    assert_true(w.told[1].end == CALL_ANSWERED ? requests == 2 : w.told[1].end == CALL_FAILED && requests <= 2);
}

/* ---- time ---------------------------------------------------------------------------------------------------- */

static void a_call_that_hangs_ends_at_its_total(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "127.0.0.1", 1, true);
    call(&w, 1, "POST", "/hang", "x");
    run_until(&w, 1);
    assert_int_equal(w.told[0].end, CALL_FAILED);
    assert_true(w.told[0].wrote);
    stop(&w);
}

static void call_late(struct world *w, size_t nth)
{
    const http_call_t late = {.token = 2, .method = "POST", .path = bytes_str("/ok"), .body = bytes_str("x"),
                              .start_by = {loop_now().at.us - 1}};
    if (nth == 1)
        http_client_call(w->client, &late);
}

static void nothing_is_sent_after_start_by(void **state)
{
    (void)state;
    struct world w = {.then = call_late};
    const http_call_t late = {.token = 1, .method = "POST", .path = bytes_str("/ok"), .start_by = {1}};
    start(&w, "127.0.0.1", 1, true);
    w.calling = true;
    http_client_call(w.client, &late); /* on a new connection */
    w.calling = false;
    run_until(&w, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(w.told[i].end, CALL_LATE);
        assert_false(w.told[i].wrote);
    }
    stop(&w);
    assert_int_equal(atomic_load(&w.far.requests), 0);
}

static void a_late_call_on_a_kept_connection_is_not_sent(void **state)
{
    (void)state;
    struct world w = {.then = call_late};
    start(&w, "127.0.0.1", 1, true);
    call(&w, 1, "GET", "/ok", "");
    run_until(&w, 2);
    assert_int_equal(w.told[1].end, CALL_LATE);
    assert_false(w.told[1].wrote);
    stop(&w);
    assert_int_equal(atomic_load(&w.far.requests), 1);
}

static void a_port_nobody_listens_on_fails_without_a_write(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "127.0.0.1", 1, true);
    http_client_close(&w.client);
    uint16_t port;
    char url[64];
    close(listen_on_loopback(&port));
    snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
    assert_int_equal(open_client(&w, url, 1, true), 0);
    call(&w, 1, "POST", "/ok", "x");
    run_until(&w, 1);
    assert_int_equal(w.told[0].end, CALL_FAILED);
    assert_false(w.told[0].wrote);
    stop(&w);
}

/* ---- cancelling ------------------------------------------------------------------------------------------------ */

static void cancel_the_other(struct world *w, size_t nth)
{
    if (nth == 1) {
        http_client_cancel(w->client, 1);
        http_client_cancel(w->client, 1); /* again, and somebody unknown: ignored */
        http_client_cancel(w->client, 99);
    }
}

static void a_cancelled_call_ends_at_once(void **state)
{
    (void)state;
    struct world w = {.then = cancel_the_other};
    start(&w, "127.0.0.1", 2, true);
    call(&w, 1, "POST", "/hang", "x");
    call(&w, 2, "GET", "/interim", "");
    run_until(&w, 2);
    assert_int_equal(w.told[1].token, 1);
    assert_int_equal(w.told[1].end, CALL_CANCELLED);
    stop(&w);
}

static void a_close_with_calls_in_hand_tells_nobody(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "127.0.0.1", 4, true);
    call(&w, 1, "POST", "/hang", "x");
    call(&w, 2, "POST", "/hang", "x");
    stop(&w);
    assert_int_equal(w.told_count, 0);
}

/* ---- where not to go -------------------------------------------------------------------------------------------- */

static void addresses_of_the_inside_are_refused(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1",
                                        "[fe80::1]", "[64:ff9b::7f00:1]", "localhost", "0.0.0.0", "[::]"};
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
        "ftp://a",          "http://",       "http://a/x",      "http://a?x",        "http://u@a",
        "http://u:p@a",     "http://a:0",    "http://a:65536",  "http://a:x",        "http://a:",
        "http://127.1",     "http://0x7f.1", "http://017700000001", "http://2130706433", "http://1.2.3.0x4",
        "http://a b",       "http://a\r\nb", "http://[::1",     "http://[fe80::1%25eth0]", "http://a#x",
        "HTTP://a",         "file:///etc",   "//a",             "http://-a",         "http://[127.0.0.1]",
        "http://127.0.0.1.", "http://1.2.3.04",
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
        cmocka_unit_test(a_call_is_answered),
        cmocka_unit_test(a_connection_is_kept_for_the_next_call),
        cmocka_unit_test(every_method_arrives_as_itself),
        cmocka_unit_test(interim_answers_are_passed_over),
        cmocka_unit_test(chunks_and_statuses_arrive),
        cmocka_unit_test(an_answer_too_long_is_cut),
        cmocka_unit_test(a_large_body_arrives_whole),
        cmocka_unit_test(a_request_on_a_kept_connection_that_breaks_is_not_sent_again),
        cmocka_unit_test(a_first_connection_that_breaks_is_not_repeated_either),
        cmocka_unit_test(a_kept_connection_closed_meanwhile_does_no_harm),
        cmocka_unit_test(a_call_that_hangs_ends_at_its_total),
        cmocka_unit_test(nothing_is_sent_after_start_by),
        cmocka_unit_test(a_late_call_on_a_kept_connection_is_not_sent),
        cmocka_unit_test(a_port_nobody_listens_on_fails_without_a_write),
        cmocka_unit_test(a_cancelled_call_ends_at_once),
        cmocka_unit_test(a_close_with_calls_in_hand_tells_nobody),
        cmocka_unit_test(addresses_of_the_inside_are_refused),
        cmocka_unit_test(metadata_is_refused_even_where_private_is_allowed),
        cmocka_unit_test(a_name_is_resolved_checked_and_pinned),
        cmocka_unit_test(a_name_that_does_not_resolve_fails_within_the_total),
        cmocka_unit_test(urls_that_are_more_than_a_place_are_refused),
        cmocka_unit_test(requests_that_would_be_two_are_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
