/* The server's birth, its turns, its end. Connections lie in an epoll of their own, which the loop
 * sees as one descriptor: each is registered once, edge-triggered, and costs no call between its
 * requests. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "sys/http_server_inside.h"

#define EVENTS_PER_TURN 128
#define EVENTS (EPOLLIN | EPOLLRDHUP | EPOLLET)

bytes_t http_header(const http_request_t *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (bytes_is(r->headers[i].name, name))
            return r->headers[i].value;
    return (bytes_t){0};
}

void http_server_counts(const http_server_t *s, http_server_counts_t *out) { *out = s->counts; }

void http_server_reply(http_server_t *s, uint64_t token, const http_reply_t *reply)
{
    uint64_t slot = token & ((1u << HTTP_SLOT_BITS) - 1);
    http_conn_t *conn = slot < s->options.connections ? s->slots[slot] : NULL;
    if (!conn || token == 0 || conn->token != token)
        return;
    conn->token = 0;
    if (!conn->in_call)
        s->now = loop_now();
    http_conn_answer(conn, reply);
}

/* ---- what the sockets say */

static bool control(http_conn_t *conn, int what, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = conn};
    return epoll_ctl(conn->server->epoll, what, conn->fd, &event) == 0;
}

bool http_conn_watch(http_conn_t *conn) { return control(conn, EPOLL_CTL_ADD, EVENTS); }
void http_conn_want_write(http_conn_t *conn)
{
    must(control(conn, EPOLL_CTL_MOD, EVENTS | EPOLLOUT));
}
void http_conn_unwatch(http_conn_t *conn) { control(conn, EPOLL_CTL_DEL, 0); }

void http_conn_again(http_conn_t *conn)
{
    http_server_t *s = conn->server;
    if (!conn->in_again.next && conn->phase != PHASE_GONE)
        list_push(&s->again, &conn->in_again);
    loop_again(s->loop);
}

static void on_ready(void *arg, unsigned ready)
{
    http_server_t *s = arg;
    struct epoll_event events[EVENTS_PER_TURN];
    (void)ready;
    int count = epoll_wait(s->epoll, events, EVENTS_PER_TURN, 0);
    s->now = loop_now();
    for (int i = 0; i < count; i++) {
        http_conn_t *conn = events[i].data.ptr;
        if (conn->phase == PHASE_GONE)
            continue;
        conn->unread = true;
        conn->ended |= (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
        if (events[i].events & EPOLLOUT)
            http_conn_write(conn);
        if (conn->phase != PHASE_GONE)
            http_conn_read(conn);
    }
    http_conns_bury(s);
}

/* Who was put on the list meanwhile has its turn in the next round. */
static void on_before_wait(void *arg)
{
    http_server_t *s = arg;
    if (s->again.count > 0)
        s->now = loop_now();
    for (size_t count = s->again.count; count > 0; count--) {
        http_conn_t *conn = list_of(list_pop(&s->again), http_conn_t, in_again);
        if (conn->phase != PHASE_GONE)
            http_conn_read(conn);
    }
    http_conns_bury(s);
}

/* ---- birth and end */

int http_server_open(loop_t *loop, const http_server_options_t *options,
                     void (*on_request)(void *, const http_request_t *), void *arg,
                     http_server_t **out)
{
    must(options->listener_count <= HTTP_LISTENERS_MAX && options->connections > 0);
    must(options->connections < 1u << HTTP_SLOT_BITS);
    http_server_t *s = calloc(1, sizeof *s);
    must(s);
    *s = (http_server_t){.loop = loop, .options = *options, .on_request = on_request, .arg = arg};
    int error = options->tls_certificate ? http_tls_open(s) : 0;
    s->epoll = error ? -1 : epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll < 0) {
        error = error ? error : -errno;
        http_tls_close(s);
        free(s);
        return error;
    }
    s->names = malloc(options->header_bytes_max + 1);
    s->scratch = malloc(HTTP_SCRATCH_BYTES);
    s->scratch_out = malloc(HTTP_SCRATCH_BYTES);
    must(s->names && s->scratch && s->scratch_out);
    list_init(&s->again);
    list_init(&s->gone);
    list_init(&s->reserve);
    s->ready = loop_fd(loop, s->epoll, LOOP_READ, on_ready, s);
    s->before_wait = loop_before_wait(loop, on_before_wait, s);
    http_conns_open(s);
    *out = s;
    return 0;
}

/* Requests that still wait for an answer are cut: the owner closes after it has answered what it
 * will. */
void http_server_close(http_server_t **at)
{
    http_server_t *s = *at;
    if (!s)
        return;
    *at = NULL;
    s->closing = true;
    for (uint32_t i = 0; i < s->options.connections; i++)
        if (s->slots[i])
            http_conn_end(s->slots[i]);
    http_conns_bury(s);
    loop_remove(&s->ready);
    loop_remove(&s->before_wait);
    http_conns_close(s);
    http_tls_close(s);
    close(s->epoll);
    free(s->names);
    free(s->scratch);
    free(s->scratch_out);
    free(s);
}
