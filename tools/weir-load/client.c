#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "run.h"

#define IN_BYTES 65536u
#define REST_US (20 * US_PER_MS) /* after a refused connection */

static void watch(run_t *r, client_t *c, int how)
{
    c->writes = !c->connected || c->out_sent < c->out_len;
    struct epoll_event e = {.events = EPOLLIN | (c->writes ? EPOLLOUT : 0u), .data.ptr = c};
    must(epoll_ctl(r->epoll, how, c->fd, &e) == 0);
}

static void hang_up(client_t *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->connected = false;
    c->in_len = c->out_len = c->out_sent = 0;
}

/* The try is over: the connection is free again, or rests when there was nobody to connect to. */
static void ended(run_t *r, client_t *c, const reply_t *reply)
{
    journey_t journey = c->journey;
    r->busy_count--;
    if (r->options->leases && lease_ended(r, c, reply)) {
        client_send(r, c, &(journey_t){.n = journey.n, .releases = true, .intended_us = r->now_us});
        return;
    }
    if (reply->ending == ENDED_CONNECT) {
        c->state = CLIENT_RESTING;
        c->rest_until = r->now_us + REST_US;
        r->resting_count++;
    } else {
        c->state = CLIENT_IDLE;
        r->idle[r->idle_count++] = c;
    }
    if (!r->options->leases)
        run_ended(r, &journey, reply);
}

static void lost(run_t *r, client_t *c, enum ending ending)
{
    hang_up(c);
    if (c->state == CLIENT_BUSY)
        ended(r, c, &(reply_t){.ending = ending});
}

static bool call_up(run_t *r, client_t *c)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)r->options->port)};
    int one = 1;
    if (inet_pton(AF_INET, r->options->host, &a.sin_addr) != 1)
        return false;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return false;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->connected = connect(c->fd, (struct sockaddr *)&a, sizeof a) == 0;
    if (!c->connected && errno != EINPROGRESS) {
        hang_up(c);
        return false;
    }
    watch(r, c, EPOLL_CTL_ADD);
    return true;
}

static void flush(run_t *r, client_t *c)
{
    while (c->out_sent < c->out_len) {
        ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            lost(r, c, ENDED_CLOSED);
            return;
        }
        if (n < 0)
            break;
        c->out_sent += (size_t)n;
    }
    if (c->writes != (c->out_sent < c->out_len))
        watch(r, c, EPOLL_CTL_MOD);
}

void client_send(run_t *r, client_t *c, const journey_t *j)
{
    bytes_t request =
        j->releases ? plan_release(r->plan, j->n, c->lease) : plan_request(r->plan, j->n);
    if (request.len > c->out_room) {
        c->out_room = request.len * 2;
        free(c->out);
        c->out = malloc(c->out_room);
        must(c->out);
    }
    if (!c->in)
        must((c->in = malloc(IN_BYTES)) != NULL);
    c->state = CLIENT_BUSY;
    c->journey = *j;
    c->sent_us = r->now_us;
    r->busy_count++;
    if (c->fd < 0 && !call_up(r, c)) {
        ended(r, c, &(reply_t){.ending = ENDED_CONNECT});
        return;
    }
    memcpy(c->out, request.data, request.len);
    c->out_len = request.len;
    c->out_sent = 0;
    if (c->connected)
        flush(r, c);
}

static void receive(run_t *r, client_t *c)
{
    ssize_t n = c->in_len < IN_BYTES ? recv(c->fd, c->in + c->in_len, IN_BYTES - c->in_len, 0) : 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        lost(r, c, ENDED_CLOSED);
        return;
    }
    c->in_len += (size_t)n;
    reply_t reply;
    int whole = reply_parse(c->in, c->in_len, &reply);
    if (whole < 0 || (whole > 0 && c->state != CLIENT_BUSY))
        lost(r, c, ENDED_GARBLED);
    if (whole <= 0)
        return;
    c->in_len = 0;
    if (reply.close)
        hang_up(c);
    if (c->state == CLIENT_BUSY && reply.status >= 200)
        ended(r, c, &reply);
}

void client_ready(run_t *r, client_t *c, unsigned events)
{
    if (c->fd < 0)
        return;
    if (!c->connected) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error) {
            lost(r, c, ENDED_CONNECT);
            return;
        }
        c->connected = true;
    }
    if (events & EPOLLOUT)
        flush(r, c);
    if (c->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        receive(r, c);
}

void client_sweep(run_t *r, bool give_up)
{
    int64_t oldest = r->now_us - (int64_t)r->options->timeout_ms * US_PER_MS;
    for (unsigned i = 0; i < r->options->connections; i++) {
        client_t *c = &r->clients[i];
        if (c->state == CLIENT_BUSY && (c->sent_us < oldest || give_up))
            lost(r, c, ENDED_TIMEOUT);
        if (c->state == CLIENT_RESTING && c->rest_until <= r->now_us) {
            c->state = CLIENT_IDLE;
            r->resting_count--;
            r->idle[r->idle_count++] = c;
        }
    }
}
