#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

#define LISTENER UINT64_MAX
#define SIGNALS (UINT64_MAX - 1)
#define FLUSH_US (100 * US_PER_MS)

int64_t boot_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

static int listen_at(const options_t *o)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)o->port)};
    socklen_t size = sizeof a;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (inet_pton(AF_INET, o->host, &a.sin_addr) != 1) {
        fprintf(stderr, "weir-sandbox: --host %s: that is no IPv4 address\n", o->host);
        return -1;
    }
    if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 4096) ||
        getsockname(fd, (struct sockaddr *)&a, &size)) {
        fprintf(stderr, "weir-sandbox: %s:%u: %s; choose another --port\n", o->host, o->port,
                strerror(errno));
        return -1;
    }
    if (!o->quiet) {
        printf("weir-sandbox listens on http://%s:%u\n", o->host, ntohs(a.sin_port));
        fflush(stdout);
    }
    return fd;
}

static int catch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void add(server_t *s, int fd, uint64_t what)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = what};
    must(epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) == 0);
}

static void on_event(server_t *s, const struct epoll_event *e)
{
    if (e->data.u64 == SIGNALS) {
        s->stop = true;
        return;
    }
    if (e->data.u64 == LISTENER) {
        for (int i = 0, fd;
             i < 64 && (fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;
             i++)
            conn_open(s, fd);
        return;
    }
    conn_t *c = &s->conns[(uint32_t)e->data.u64];
    if (c->state != CONN_FREE && c->generation == e->data.u64 >> 32)
        conn_ready(s, c, e->events);
}

static struct timespec until_next(const server_t *s)
{
    int64_t wait = FLUSH_US;
    if (s->heap_count && s->heap[0]->due_us - s->now_us < wait)
        wait = s->heap[0]->due_us - s->now_us;
    if (wait < 0)
        wait = 0;
    return (struct timespec){.tv_sec = wait / US_PER_S, .tv_nsec = wait % US_PER_S * 1000};
}

static void rounds(server_t *s)
{
    struct epoll_event events[256];
    while (!s->stop) {
        s->now_us = boot_us();
        struct timespec wait = until_next(s);
        int n = epoll_pwait2(s->epoll, events, COUNT_OF(events), &wait, NULL);
        s->now_us = boot_us();
        for (int i = 0; i < n; i++)
            on_event(s, &events[i]);
        while (s->heap_count && s->heap[0]->due_us <= s->now_us)
            conn_released(s, s->heap[0]);
        if (s->now_us - s->flushed_us >= FLUSH_US) {
            record_flush(s->record);
            s->flushed_us = s->now_us;
        }
    }
}

static void server_free(server_t *s)
{
    for (unsigned i = 0; i < s->options->connections; i++)
        if (s->conns[i].state != CONN_FREE)
            conn_close(s, &s->conns[i], false);
    free(s->conns);
    free(s->free_slots);
    free(s->heap);
    close(s->listener);
    close(s->signals);
    close(s->epoll);
}

int server_run(const options_t *o, script_t *script, limit_t *limit, record_t *record)
{
    server_t s = {.options = o,
                  .script = script,
                  .limit = limit,
                  .record = record,
                  .chance = rand_seeded(o->seed),
                  .now_us = boot_us()};
    s.signals = catch_signals();
    s.listener = listen_at(o);
    if (s.listener < 0)
        return 75;
    s.epoll = epoll_create1(EPOLL_CLOEXEC);
    s.conns = calloc(o->connections, sizeof *s.conns);
    s.free_slots = calloc(o->connections, sizeof *s.free_slots);
    s.heap = calloc(o->connections, sizeof *s.heap);
    must(s.epoll >= 0 && s.conns && s.free_slots && s.heap);
    for (unsigned i = 0; i < o->connections; i++)
        s.free_slots[s.free_count++] = o->connections - 1 - i;
    add(&s, s.listener, LISTENER);
    add(&s, s.signals, SIGNALS);
    rounds(&s);
    server_free(&s);
    return 0;
}
