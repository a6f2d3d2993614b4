/* libcurl's sockets and timers in our loop. An epoll of our own holds the sockets: libcurl changes
 * its wishes with every transfer, and a kept connection that stays registered spares two system
 * calls each time. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/http_client_inside.h"

#define EVENTS_PER_ROUND 128

static struct watch *watch_of(http_client_t *c, int fd)
{
    if ((size_t)fd >= c->watch_room) {
        size_t room = (size_t)fd + 64;
        c->watches = realloc(c->watches, room * sizeof *c->watches);
        must(c->watches);
        memset(c->watches + c->watch_room, 0, (room - c->watch_room) * sizeof *c->watches);
        c->watch_room = room;
    }
    return &c->watches[fd];
}

static void register_events(http_client_t *c, int fd, struct watch *w, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.fd = fd};
    int how = !w->registered ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;
    if (w->registered == events)
        return;
    must(epoll_ctl(c->epoll_fd, how, fd, &e) == 0 || errno == ENOENT || errno == EBADF);
    w->registered = events;
}

/* A socket that waits for nothing keeps its reading registered until it says something. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *of_socket)
{
    http_client_t *c = arg;
    (void)easy, (void)of_socket;
    struct watch *w = watch_of(c, fd);
    w->wanted = what == CURL_POLL_REMOVE
                    ? 0
                    : (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (w->wanted)
        register_events(c, fd, w, w->wanted | (w->wanted & EPOLLOUT ? 0 : EPOLLIN));
    else if (w->registered & EPOLLOUT)
        register_events(c, fd, w, 0);
    return 0;
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    http_pool_t *p = arg;
    address_t address;
    (void)purpose;
    if (!address_of(&to->addr, &address) || !address_may_be_called(&address, p->allow_private))
        return CURL_SOCKET_BAD;
    int fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
    if (fd >= 0)
        *watch_of(p->client, fd) = (struct watch){0};
    return fd;
}

static int close_socket(void *arg, curl_socket_t fd)
{
    http_pool_t *p = arg;
    *watch_of(p->client, fd) = (struct watch){0}; /* the kernel forgets it with the close */
    return close(fd);
}

void poll_configure(http_client_t *c, CURL *easy)
{
    (void)c;
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
}

/* ---- time */

/* libcurl moves its timer with every transfer; ours is only moved to an earlier time, and looks
 * again when it fires: most timers are never reached. */
static void arm(http_client_t *c)
{
    if (instant_before(c->curl_due, c->armed)) {
        c->armed = c->curl_due;
        loop_timer_at(c->timer, c->armed);
    }
}

static int on_timer_wish(CURLM *multi, long wait_ms, void *arg)
{
    http_client_t *c = arg;
    (void)multi;
    c->curl_due =
        wait_ms < 0 ? INSTANT_NEVER : instant_after_us(loop_now().at, wait_ms * US_PER_MS);
    if (wait_ms == 0) {
        c->kick = true;
        loop_again(c->loop);
    } else {
        arm(c);
    }
    return 0;
}

static void take_finished(http_client_t *c)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(c->multi, &left));) {
        call_t *call = NULL;
        CURLcode code = m->data.result; /* the message is gone with its handle */
        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        call_finished(call, code);
    }
}

static void run_timeouts(http_client_t *c)
{
    int running;
    c->kick = false;
    c->curl_due = INSTANT_NEVER;
    curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    take_finished(c);
}

static void on_timer(void *arg)
{
    http_client_t *c = arg;
    instant_t now = loop_now().at;
    c->armed = INSTANT_NEVER;
    if (!instant_before(now, c->curl_due))
        run_timeouts(c);
    arm(c);
}

static void on_ready(void *arg, unsigned ready)
{
    http_client_t *c = arg;
    struct epoll_event events[EVENTS_PER_ROUND];
    int running, n = epoll_wait(c->epoll_fd, events, EVENTS_PER_ROUND, 0);
    (void)ready;
    for (int i = 0; i < n; i++) {
        int fd = events[i].data.fd;
        uint32_t e = events[i].events;
        struct watch *w = watch_of(c, fd);
        if (!w->wanted) {
            register_events(c, fd, w,
                            0); /* a kept connection that its far end closes; libcurl finds out */
            continue;
        }
        int what = (e & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
                   (e & EPOLLOUT ? CURL_CSELECT_OUT : 0) | (e & EPOLLERR ? CURL_CSELECT_ERR : 0);
        curl_multi_socket_action(c->multi, fd, what, &running);
    }
    take_finished(c);
}

static void on_before_wait(void *arg)
{
    http_client_t *c = arg;
    if (c->kick)
        run_timeouts(c);
}

int poll_open(http_client_t *c)
{
    c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (c->epoll_fd < 0)
        return -errno;
    c->curl_due = c->armed = INSTANT_NEVER;
    c->ready = loop_fd(c->loop, c->epoll_fd, LOOP_READ, on_ready, c);
    c->timer = loop_timer(c->loop, on_timer, c);
    c->before_wait = loop_before_wait(c->loop, on_before_wait, c);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer_wish);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    return 0;
}

void poll_close(http_client_t *c)
{
    loop_remove(&c->ready);
    loop_remove(&c->timer);
    loop_remove(&c->before_wait);
    if (c->epoll_fd >= 0)
        close(c->epoll_fd);
    free(c->watches);
}
