/* http_server_rig.h: an HTTP server of ours in a thread of its own, for the tests of what its
 * clients see. Paths have habits: /hold waits for somebody to ask for /release; everything else is
 * answered with what was seen. */
#ifndef WEIR_TESTS_HTTP_SERVER_RIG_H
#define WEIR_TESTS_HTTP_SERVER_RIG_H

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

static inline http_reply_t text_reply(const char *text)
{
    return (http_reply_t){.status = 200, .content_type = "text/plain", .body = bytes_str(text)};
}

/* More than a socket takes at once. */
#define LARGE_BYTES (24u << 20)
static inline const uint8_t *large_body(void)
{
    static uint8_t body[LARGE_BYTES];
    for (size_t i = 0; !body[LARGE_BYTES - 1] && i < LARGE_BYTES; i++)
        body[i] = (uint8_t)('a' + i % 23);
    return body;
}

/* /hold waits until somebody asks for /release, /large is answered with LARGE_BYTES, all else
 * is answered at once with what was seen. */
static inline void on_request(void *arg, const http_request_t *r)
{
    struct world *w = arg;
    bytes_t x = http_header(r, "x-test");
    int n = snprintf(w->seen, sizeof w->seen, "%.*s %.*s ?%.*s x=%.*s body=%.*s%s",
                     (int)r->method.len, (const char *)r->method.data, (int)r->path.len,
                     (const char *)r->path.data, (int)r->query.len, (const char *)r->query.data,
                     (int)x.len, (const char *)x.data, r->body.len > 64 ? 64 : (int)r->body.len,
                     (const char *)r->body.data, r->loopback ? " loopback" : "");
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
    if (bytes_is(r->path, "/retire"))
        http_server_retire(w->server);
    if (bytes_is(r->path, "/large"))
        reply.body = bytes_of(large_body(), LARGE_BYTES);
    reply.close = bytes_is(r->path, "/close");
    http_server_reply(w->server, r->token, &reply);
    http_server_reply(w->server, r->token, &reply); /* the second is ignored */
}

static inline void on_stop(void *arg, unsigned ready)
{
    struct world *w = arg;
    (void)ready;
    loop_stop(w->loop, 0);
}

static inline void *serve(void *arg)
{
    struct world *w = arg;
    loop_run(w->loop);
    http_server_counts(w->server, &w->counts);
    http_server_close(&w->server);
    loop_destroy(&w->loop);
    return NULL;
}

static inline int listen_on_loopback(uint16_t *port)
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

static inline void start(struct world *w)
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

static inline void stop(struct world *w)
{
    uint64_t one = 1;
    assert_int_equal(write(w->stop_fd, &one, sizeof one), sizeof one);
    pthread_join(w->thread, NULL);
    close(w->stop_fd);
    close(w->listener);
}

static inline http_server_options_t calm(void)
{
    return (http_server_options_t){.connections = 64,
                                   .reserved_connections = 4,
                                   .connections_per_client = 64,
                                   .header_ms = 4000,
                                   .body_ms = 4000,
                                   .idle_ms = 4000,
                                   .header_bytes_max = 8192,
                                   .body_bytes_max = 65536,
                                   .held_bytes_max = 1 << 20};
}

#endif
