#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdalign.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

#define IN_FIRST 8192u
#define IN_MOST ((16u << 20) + 65536u) /* the greatest request */

static void watch(server_t *s, conn_t *c, int how)
{
    uint64_t slot = (uint64_t)(c - s->conns);
    struct epoll_event e = {.events = EPOLLIN | (c->wants_write ? EPOLLOUT : 0u),
                            .data.u64 = slot | (uint64_t)c->generation << 32};
    must(epoll_ctl(s->epoll, how, c->fd, &e) == 0);
}

void conn_open(server_t *s, int fd)
{
    if (s->free_count == 0) {
        close(fd);
        return;
    }
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
    conn_t *c = &s->conns[s->free_slots[--s->free_count]];
    uint32_t generation = c->generation + 1;
    *c = (conn_t){.state = CONN_READING, .fd = fd, .generation = generation, .heap_at = NOWHERE};
    watch(s, c, EPOLL_CTL_ADD);
}

void conn_close(server_t *s, conn_t *c, bool reset)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    if (reset)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    if (c->state == CONN_WAITING || c->state == CONN_HUNG) {
        s->at_once--;
        record_ended(s->record, c->call, c->call_us, boot_us(), false);
    }
    delay_remove(s, c);
    close(c->fd);
    free(c->in);
    free(c->out);
    c->in = c->out = NULL;
    c->state = CONN_FREE;
    s->free_slots[s->free_count++] = (uint32_t)(c - s->conns);
}

void conn_put(conn_t *c, const char *data, size_t len)
{
    if (c->out_len + len > c->out_room) {
        c->out_room = (c->out_len + len) * 2;
        c->out = realloc(c->out, c->out_room);
        must(c->out);
    }
    memcpy(c->out + c->out_len, data, len);
    c->out_len += len;
}

void conn_flush(server_t *s, conn_t *c)
{
    while (c->out_sent < c->out_len) {
        ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            conn_close(s, c, false);
            return;
        }
        if (n < 0)
            break;
        c->out_sent += (size_t)n;
    }
    bool left = c->out_sent < c->out_len;
    if (!left)
        c->out_len = c->out_sent = 0;
    if (left != c->wants_write) {
        c->wants_write = left;
        watch(s, c, EPOLL_CTL_MOD);
    }
    if (!left && c->close_after)
        conn_close(s, c, c->reset_after);
}

static void consume(conn_t *c, size_t len)
{
    memmove(c->in, c->in + len, c->in_len - len);
    c->in_len -= len;
    c->continued = false;
}

/* A client that announced a large body waits for this line, for a second at most (RFC
 * 9110, 10.1.1). */
static void say_continue(conn_t *c, size_t head_end)
{
    if (c->continued || !memmem(c->in, head_end, "100-continue", 12))
        return;
    c->continued = true;
    conn_put(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
}

/* Answers whole requests one after the other; a delayed one keeps those behind it waiting. */
static void serve(server_t *s, conn_t *c)
{
    while (c->state == CONN_READING && !c->close_after) {
        request_t r;
        size_t head_end;
        int whole = request_parse(c->in, c->in_len, &r, &head_end);
        if (whole == 0) {
            if (head_end)
                say_continue(c, head_end);
            break;
        }
        if (whole < 0) {
            static const char bad[] =
                "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            conn_put(c, bad, sizeof bad - 1);
            c->close_after = true;
            break;
        }
        c->close_after = r.close;
        answer(s, c, &r);
        consume(c, r.length);
    }
    if (c->state == CONN_READING)
        conn_flush(s, c);
}

static bool make_room(conn_t *c)
{
    if (c->in_len < c->in_room)
        return true;
    size_t room = c->in_room ? c->in_room * 2 : IN_FIRST;
    if (c->in_room == IN_MOST)
        return false;
    c->in_room = room < IN_MOST ? room : IN_MOST;
    c->in = realloc(c->in, c->in_room);
    must(c->in);
    return true;
}

/* When the kernel had these bytes, by our clock: a test on a busy host measures Weir, not us. */
static int64_t came_at(struct msghdr *m)
{
    int64_t now = boot_us(), ago = 0;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
        struct timespec came, wall;
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        memcpy(&came, CMSG_DATA(h), sizeof came);
        clock_gettime(CLOCK_REALTIME, &wall);
        ago = (wall.tv_sec - came.tv_sec) * US_PER_S + (wall.tv_nsec - came.tv_nsec) / 1000;
    }
    return ago > 0 && ago < 60 * US_PER_S ? now - ago : now;
}

static ssize_t take_bytes(conn_t *c)
{
    alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct timespec))];
    struct iovec room = {c->in + c->in_len, c->in_room - c->in_len};
    struct msghdr m = {.msg_iov = &room,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof control};
    ssize_t n = recvmsg(c->fd, &m, 0);
    if (n > 0 && c->in_len == 0)
        c->came_us = came_at(&m);
    return n;
}

static void receive(server_t *s, conn_t *c)
{
    if (!make_room(c)) {
        conn_close(s, c, true);
        return;
    }
    ssize_t n = take_bytes(c);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        conn_close(s, c, false);
        return;
    }
    c->in_len += (size_t)n;
    serve(s, c);
}

void conn_ready(server_t *s, conn_t *c, unsigned events)
{
    uint32_t generation = c->generation;
    if (events & EPOLLOUT)
        conn_flush(s, c);
    if (c->state != CONN_FREE && c->generation == generation &&
        (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        receive(s, c);
}

void conn_released(server_t *s, conn_t *c)
{
    delay_remove(s, c);
    must(c->state == CONN_WAITING);
    s->at_once--;
    record_ended(s->record, c->call, c->call_us, boot_us(), c->out_len > 0);
    c->state = CONN_READING;
    if (c->out_len == 0 && c->close_after) {
        conn_close(s, c, c->reset_after);
        return;
    }
    uint32_t generation = c->generation;
    conn_flush(s, c);
    if (c->state == CONN_READING && c->generation == generation && c->in_len)
        serve(s, c);
}
