#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/http_server_inside.h"

#define ACCEPTS_PER_ROUND 64
#define TICK_MIN_US (2 * US_PER_MS)
#define TICK_MAX_US (250 * US_PER_MS)
#define RATE_GRACE_US US_PER_S

/* ---- places */

/* One /64 is one household. */
static void key_of(const address_t *address, uint8_t key[16])
{
    memset(key, 0, 16);
    key[15] = address->family;
    memcpy(key, address->bytes, address->family == 4 ? 4 : 8);
}

struct http_client_count *http_client_count_of(http_server_t *s, const address_t *address)
{
    struct http_client_count *c = NULL;
    uint8_t key[16];
    key_of(address, key);
    HASH_FIND(hh, s->clients, key, sizeof key, c);
    if (c)
        return c;
    c = calloc(1, sizeof *c);
    must(c);
    memcpy(c->key, key, sizeof key);
    HASH_ADD(hh, s->clients, key, sizeof c->key, c);
    return c;
}

void http_client_count_release(http_server_t *s, struct http_client_count *c)
{
    if (c->open > 0)
        return;
    HASH_DEL(s->clients, c);
    free(c);
}

static bool is_here(const address_t *a)
{
    static const uint8_t one[16] = {[15] = 1};
    return a->family == 4 ? a->bytes[0] == 127 : memcmp(a->bytes, one, sizeof one) == 0;
}

void http_conn_enter(http_conn_t *conn, enum http_phase phase)
{
    conn->phase = phase;
    conn->since = conn->server->now.at;
}

void http_conn_end(http_conn_t *conn)
{
    http_server_t *s = conn->server;
    must(conn->phase != PHASE_GONE);
    if (conn->session && !conn->shaking)
        gnutls_bye(conn->session, GNUTLS_SHUT_WR);
    http_conn_unwatch(conn);
    /* A last answer is not to be destroyed by a reset, which unread bytes would cause. */
    if (!(conn->closing && (conn->refused || conn->unread) && http_linger_take(s, conn->fd)))
        close(conn->fd);
    conn->phase = PHASE_GONE;
    conn->token = 0;
    s->slots[conn->slot] = NULL;
    s->free_slots[s->free_count++] = conn->slot;
    s->counts.open--;
    if (conn->reserved)
        list_remove(&s->reserve, &conn->in_reserve);
    conn->count->open--;
    http_client_count_release(s, conn->count);
    http_proxy_release(conn);
    list_push(&s->gone, &conn->in_gone);
}

void http_conns_bury(http_server_t *s)
{
    for (list_node_t *n; (n = list_pop(&s->gone)) != NULL;) {
        http_conn_t *conn = list_of(n, http_conn_t, in_gone);
        if (conn->in_again.next)
            list_remove(&s->again, &conn->in_again);
        if (conn->session)
            gnutls_deinit(conn->session);
        http_conn_drop_bytes(conn);
        free(conn->out);
        free(conn);
    }
}

/* ---- deadlines */

/* A server that retires gives each a last while, so that who asks often is told by an answer that
 * the connection ends, not by its end. */
static bool is_idle_too_long(const http_conn_t *conn, instant_t now)
{
    const http_server_t *s = conn->server;
    int64_t waited = instant_since_us(now, conn->since);
    return waited >= s->options.idle_ms * US_PER_MS ||
           (s->retiring && waited >= HTTP_RETIRE_IDLE_US &&
            instant_since_us(now, s->retired_at) >= HTTP_RETIRE_IDLE_US);
}

/* Without a word to who has not begun to ask. */
static void expire(http_conn_t *conn)
{
    if (conn->left > 0)
        http_conn_refuse(conn, 408);
    else
        http_conn_end(conn);
}

/* A request may lie in the socket since before its time was up: a process that could not run for a
 * while has not looked. */
static bool has_come(http_conn_t *conn)
{
    conn->unread = true;
    http_conn_read(conn);
    return conn->phase != PHASE_HEAD || conn->left > 0;
}

static void check_head(http_conn_t *conn, instant_t now)
{
    http_server_t *s = conn->server;
    bool silent = conn->left == 0 && !conn->shaking, idle = silent && conn->reused;
    bool late = instant_since_us(now, conn->since) >= s->options.header_ms * US_PER_MS;
    bool leaves = silent && s->retiring && is_idle_too_long(conn, now);
    if (leaves || (idle && is_idle_too_long(conn, now)) || (!idle && late)) {
        if (silent && has_come(conn))
            return;
        s->counts.timeouts += !leaves;
        expire(conn);
    }
}

static void check_body(http_conn_t *conn, instant_t now)
{
    const http_server_options_t *o = &conn->server->options;
    int64_t waited = instant_since_us(now, conn->since);
    bool late = waited >= o->body_ms * US_PER_MS;
    bool slow = o->body_rate_min > 0 && waited >= RATE_GRACE_US &&
                (int64_t)conn->body_len * US_PER_S < (int64_t)o->body_rate_min * waited;
    if (late || slow) {
        conn->server->counts.timeouts++;
        http_conn_refuse(conn, 408);
    }
}

static void check_write(http_conn_t *conn, instant_t now)
{
    if (instant_since_us(now, conn->since) < conn->server->options.body_ms * US_PER_MS)
        return;
    conn->server->counts.timeouts++;
    conn->closing = false;
    http_conn_end(conn); /* it does not read: nothing can be told to it */
}

static void check_deadline(http_conn_t *conn, instant_t now)
{
    switch ((enum http_phase)conn->phase) {
    case PHASE_HEAD:
        check_head(conn, now);
        break;
    case PHASE_BODY:
        check_body(conn, now);
        break;
    case PHASE_WRITE:
        check_write(conn, now);
        break;
    case PHASE_WAIT:
    case PHASE_GONE:
        break;
    }
}

static void want_listeners(http_server_t *s)
{
    for (size_t i = 0; i < s->options.listener_count; i++)
        loop_fd_want(s->listeners[i], s->paused || s->out_of_files ? 0 : LOOP_READ);
}

static void on_tick(void *arg)
{
    http_server_t *s = arg;
    s->now = loop_now();
    instant_t now = s->now.at;
    for (uint32_t i = 0; i < s->options.connections; i++)
        if (s->slots[i])
            check_deadline(s->slots[i], now);
    http_conns_bury(s);
    http_lingers_drain(s, now);
    if (s->out_of_files) {
        s->out_of_files = false;
        want_listeners(s);
    }
    s->ticking = s->counts.open > 0 || s->linger_count > 0;
    if (s->ticking)
        loop_timer_at(s->tick, instant_after_us(now, s->tick_us));
}

static void start_tick(http_server_t *s)
{
    if (s->ticking)
        return;
    s->ticking = true;
    loop_timer_at(s->tick, instant_after_us(loop_now().at, s->tick_us));
}

/* ---- accepting */

static void turn_away(http_server_t *s, int fd, bool tls)
{
    s->counts.refused++;
    bytes_t raw = http_refusal_raw(503);
    bool told = !tls && send(fd, raw.data, raw.len, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
    shutdown(fd, told ? SHUT_WR : SHUT_RDWR); /* with TLS there is no session yet to say it in */
    close(fd);
}

static http_conn_t *conn_new(http_server_t *s, int fd, const address_t *peer, bool reserved)
{
    http_conn_t *conn = calloc(1, sizeof *conn);
    must(conn && s->free_count > 0);
    conn->server = s;
    conn->fd = fd;
    conn->slot = s->free_slots[--s->free_count];
    conn->reserved = reserved;
    if (reserved)
        list_push(&s->reserve, &conn->in_reserve);
    s->slots[conn->slot] = conn;
    conn->peer = *peer;
    conn->loopback = is_here(peer);
    conn->proxied = http_proxy_is(s, peer);
    address_write(peer, conn->client);
    conn->count = http_client_count_of(s, peer);
    conn->count->open++;
    s->counts.open++;
    s->counts.accepted++;
    http_conn_enter(conn, PHASE_HEAD);
    conn->unread = true;
    return conn;
}

/* So that half requests cannot keep the reserve from a question about health, whose request has
 * been missing longest there makes room. */
static bool reserve_has_room(http_server_t *s)
{
    if (s->reserve.count < s->options.reserved_connections)
        return true;
    for (list_node_t *n = list_first(&s->reserve); n; n = list_next(&s->reserve, n)) {
        http_conn_t *conn = list_of(n, http_conn_t, in_reserve);
        if (conn->phase > PHASE_BODY)
            continue;
        http_conn_refuse(conn, 503);
        return s->reserve.count < s->options.reserved_connections;
    }
    return false;
}

/* The reserve is for all (but TLS: half a handshake cannot be told from a question about health,
 * and could not be ended at once): also for a client with too many connections, which may be a
 * proxy on this host beside whoever asks for health here. */
static void admit(http_server_t *s, int fd, const struct sockaddr_storage *address, bool tls)
{
    const http_server_options_t *o = &s->options;
    address_t peer = {.family = 4};
    if (address_of((const struct sockaddr *)address, &peer))
        address_unmap(&peer);
    struct http_client_count *count = http_client_count_of(s, &peer);
    bool crowded = o->connections_per_client && count->open >= o->connections_per_client &&
                   !http_proxy_is(s, &peer);
    bool reserved =
        crowded || s->counts.open - s->reserve.count + o->reserved_connections >= o->connections;
    http_client_count_release(s, count);
    if (reserved && (tls || !reserve_has_room(s))) {
        turn_away(s, fd, tls);
        return;
    }
    http_conn_t *conn = conn_new(s, fd, &peer, reserved);
    if (tls)
        http_tls_begin(conn);
    if (!http_conn_watch(conn)) {
        s->counts.refused++;
        http_conn_end(conn);
        return;
    }
    start_tick(s);
    if (reserved)
        http_conn_read(conn); /* what has come with it, before the next one needs its place */
}

static bool is_no_room(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void on_connect(void *arg, unsigned ready)
{
    (void)ready;
    const struct http_listener *listener = arg;
    http_server_t *s = listener->server;
    s->now = loop_now();
    for (int i = 0; i < ACCEPTS_PER_ROUND && !s->paused; i++) {
        struct sockaddr_storage address = {0};
        socklen_t len = sizeof address;
        int fd =
            accept4(listener->fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            admit(s, fd, &address, listener->tls);
        } else if (is_no_room(errno)) {
            s->out_of_files = true; /* until the next tick, or the loop would spin */
            want_listeners(s);
            start_tick(s);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

void http_server_pause(http_server_t *s, bool pause)
{
    s->paused = pause;
    want_listeners(s);
}

void http_server_retire(http_server_t *s)
{
    s->retiring = true;
    s->retired_at = loop_now().at;
    http_server_pause(s, true);
}

bool http_server_is_left(const http_server_t *s)
{
    return s->retiring && s->counts.open == 0 && s->linger_count == 0;
}

/* ---- birth and end */

static int64_t tick_of(const http_server_options_t *o)
{
    unsigned least = o->header_ms < o->body_ms ? o->header_ms : o->body_ms;
    int64_t us = (least < o->idle_ms ? least : o->idle_ms) * US_PER_MS / 8;
    return us < TICK_MIN_US ? TICK_MIN_US : us > TICK_MAX_US ? TICK_MAX_US : us;
}

void http_conns_open(http_server_t *s)
{
    uint32_t places = s->options.connections;
    s->slots = calloc(places, sizeof(void *));
    s->free_slots = calloc(places, sizeof *s->free_slots);
    must(s->slots && s->free_slots);
    for (uint32_t i = 0; i < places; i++)
        s->free_slots[s->free_count++] = places - 1 - i;
    s->tick_us = tick_of(&s->options);
    s->tick = loop_timer(s->loop, on_tick, s);
    for (size_t i = 0; i < s->options.listener_count; i++) {
        int fd = s->options.listeners[i];
        s->listening[i] = (struct http_listener){s, fd, s->options.tls_listeners >> i & 1};
        must(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
        s->listeners[i] = loop_fd(s->loop, fd, LOOP_READ, on_connect, &s->listening[i]);
    }
}

void http_conns_close(http_server_t *s)
{
    for (size_t i = 0; i < s->options.listener_count; i++)
        loop_remove(&s->listeners[i]);
    loop_remove(&s->tick);
    http_lingers_drop(s);
    must(s->counts.open == 0);
    free(s->slots);
    free(s->free_slots);
}
