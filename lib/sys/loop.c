#include "sys/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

enum source_kind { SOURCE_FD, SOURCE_TIMER, SOURCE_BEFORE_WAIT, SOURCE_SIGNAL, SOURCE_CHILD };

struct loop_source {
    loop_t *loop;
    loop_source_t *next, *prev;
    enum source_kind kind;
    bool gone; /* removed while the list was being walked */
    sd_event_source *event;
    union {
        void (*fd)(void *, unsigned);
        void (*plain)(void *);
        void (*signal)(void *, int);
        void (*child)(void *, int, int);
    } on;
    void *arg;
    unsigned want;
    int64_t due_us;
    int pid, pidfd;
};

/* Sources in the order in which they were added; before-wait callbacks run in that order. */
struct loop {
    sd_event *event;
    sd_event_source *again;   /* deferred, does nothing: keeps the loop from waiting */
    sd_event_source *prepare; /* on an eventfd that nobody writes: carries the prepare callback */
    int never_fd;
    bool walking, buried;
    loop_source_t *first, *last;
};

now_t loop_now(void)
{
    struct timespec boot, wall;
    must(clock_gettime(CLOCK_BOOTTIME, &boot) == 0);
    must(clock_gettime(CLOCK_REALTIME, &wall) == 0);
    return (now_t){.at = {boot.tv_sec * US_PER_S + boot.tv_nsec / 1000},
                   .wall = {wall.tv_sec * US_PER_S + wall.tv_nsec / 1000}};
}

static void unlink_source(loop_source_t *s)
{
    *(s->prev ? &s->prev->next : &s->loop->first) = s->next;
    *(s->next ? &s->next->prev : &s->loop->last) = s->prev;
    free(s);
}

static void bury_the_gone(loop_t *loop)
{
    loop->buried = false;
    for (loop_source_t *s = loop->first, *next; s; s = next) {
        next = s->next;
        if (s->gone)
            unlink_source(s);
    }
}

static int on_prepare(sd_event_source *event, void *arg)
{
    (void)event;
    loop_t *loop = arg;
    loop->walking = true;
    for (loop_source_t *s = loop->first; s; s = s->next)
        if (s->kind == SOURCE_BEFORE_WAIT && !s->gone)
            s->on.plain(s->arg);
    loop->walking = false;
    if (loop->buried)
        bury_the_gone(loop);
    return 0;
}

static int on_never(sd_event_source *event, int fd, uint32_t revents, void *arg)
{
    (void)event, (void)fd, (void)revents, (void)arg;
    return 0;
}

static int on_again(sd_event_source *event, void *arg)
{
    (void)event, (void)arg;
    return 0;
}

loop_t *loop_new(void)
{
    loop_t *loop = calloc(1, sizeof *loop);
    must(loop);
    must(sd_event_new(&loop->event) >= 0);
    loop->never_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    must(loop->never_fd >= 0);
    must(sd_event_add_defer(loop->event, &loop->again, on_again, loop) >= 0);
    must(sd_event_source_set_enabled(loop->again, SD_EVENT_OFF) >= 0);
    must(sd_event_add_io(loop->event, &loop->prepare, loop->never_fd, EPOLLIN, on_never, loop) >=
         0);
    must(sd_event_source_set_prepare(loop->prepare, on_prepare) >= 0);
    return loop;
}

void loop_destroy(loop_t **at)
{
    loop_t *loop = *at;
    if (!loop)
        return;
    *at = NULL;
    must(!loop->walking);
    while (loop->first) {
        loop_source_t *s = loop->first;
        loop_remove(&s);
    }
    sd_event_source_disable_unref(loop->again);
    sd_event_source_disable_unref(loop->prepare);
    sd_event_unref(loop->event);
    close(loop->never_fd);
    free(loop);
}

/* After the loop has ended its sources can still be set, to no effect: closing touches them. */
static void took(int r) { must(r >= 0 || r == -ESTALE); }

int loop_run(loop_t *loop) { return sd_event_loop(loop->event); }

void loop_stop(loop_t *loop, int code) { must(sd_event_exit(loop->event, code) >= 0); }

void loop_again(loop_t *loop) { took(sd_event_source_set_enabled(loop->again, SD_EVENT_ONESHOT)); }

int loop_watchdog(loop_t *loop) { return sd_event_set_watchdog(loop->event, true); }

static loop_source_t *source_new(loop_t *loop, enum source_kind kind, void *arg)
{
    loop_source_t *s = calloc(1, sizeof *s);
    must(s);
    *s = (loop_source_t){.loop = loop, .kind = kind, .arg = arg, .prev = loop->last, .pidfd = -1};
    *(loop->last ? &loop->last->next : &loop->first) = s;
    loop->last = s;
    return s;
}

/* ---- descriptors --------------------------------------------------------------------------------
 */

static uint32_t epoll_of(unsigned want)
{
    return (want & LOOP_READ ? EPOLLIN : 0u) | (want & LOOP_WRITE ? EPOLLOUT : 0u);
}

static int on_fd(sd_event_source *event, int fd, uint32_t revents, void *arg)
{
    (void)event, (void)fd;
    loop_source_t *s = arg;
    bool broken = revents & (EPOLLERR | EPOLLHUP);
    unsigned ready = (revents & EPOLLIN ? LOOP_READ : 0u) | (revents & EPOLLOUT ? LOOP_WRITE : 0u);
    s->on.fd(s->arg, broken ? ready | s->want : ready);
    return 0;
}

loop_source_t *loop_fd(loop_t *loop, int fd, unsigned want, void (*on)(void *, unsigned), void *arg)
{
    loop_source_t *s = source_new(loop, SOURCE_FD, arg);
    s->on.fd = on;
    s->want = want;
    must(sd_event_add_io(loop->event, &s->event, fd, epoll_of(want), on_fd, s) >= 0);
    if (!want)
        must(sd_event_source_set_enabled(s->event, SD_EVENT_OFF) >= 0);
    return s;
}

/* Without a wish the source is switched off: epoll would report a hang-up for ever. */
void loop_fd_want(loop_source_t *s, unsigned want)
{
    must(s->kind == SOURCE_FD);
    if (s->want == want)
        return;
    s->want = want;
    if (want)
        took(sd_event_source_set_io_events(s->event, epoll_of(want)));
    took(sd_event_source_set_enabled(s->event, want ? SD_EVENT_ON : SD_EVENT_OFF));
}

/* ---- timers -------------------------------------------------------------------------------------
 */

static int on_timer(sd_event_source *event, uint64_t due_us, void *arg)
{
    (void)event, (void)due_us;
    loop_source_t *s = arg;
    s->due_us = INT64_MAX;
    s->on.plain(s->arg);
    return 0;
}

loop_source_t *loop_timer(loop_t *loop, void (*on)(void *), void *arg)
{
    loop_source_t *s = source_new(loop, SOURCE_TIMER, arg);
    s->on.plain = on;
    s->due_us = INT64_MAX;
    /* Accuracy 1 us: the default of 250 ms lets sd-event delay us to fire together with others. */
    must(sd_event_add_time(loop->event, &s->event, CLOCK_BOOTTIME, 0, 1, on_timer, s) >= 0);
    must(sd_event_source_set_enabled(s->event, SD_EVENT_OFF) >= 0);
    return s;
}

void loop_timer_at(loop_source_t *s, instant_t due)
{
    must(s->kind == SOURCE_TIMER);
    if (s->due_us == due.us)
        return;
    bool was_armed = s->due_us != INT64_MAX;
    s->due_us = due.us;
    if (instant_is_never(due)) {
        took(sd_event_source_set_enabled(s->event, SD_EVENT_OFF));
        return;
    }
    took(sd_event_source_set_time(s->event, due.us > 0 ? (uint64_t)due.us : 1));
    if (!was_armed)
        took(sd_event_source_set_enabled(s->event, SD_EVENT_ONESHOT));
}

loop_source_t *loop_before_wait(loop_t *loop, void (*on)(void *), void *arg)
{
    loop_source_t *s = source_new(loop, SOURCE_BEFORE_WAIT, arg);
    s->on.plain = on;
    return s;
}

/* ---- signals and children */

static int on_signal(sd_event_source *event, const struct signalfd_siginfo *info, void *arg)
{
    (void)event;
    loop_source_t *s = arg;
    s->on.signal(s->arg, (int)info->ssi_signo);
    return 0;
}

loop_source_t *loop_signal(loop_t *loop, int number, void (*on)(void *, int), void *arg)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    must(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    loop_source_t *s = source_new(loop, SOURCE_SIGNAL, arg);
    s->on.signal = on;
    must(sd_event_add_signal(loop->event, &s->event, number, on_signal, s) >= 0);
    return s;
}

static int on_child(sd_event_source *event, int fd, uint32_t revents, void *arg)
{
    (void)fd, (void)revents;
    loop_source_t *s = arg;
    int status = 0;
    pid_t pid;
    do
        pid = waitpid(s->pid, &status, WNOHANG);
    while (pid < 0 && errno == EINTR);
    if (pid == 0)
        return 0;
    must(sd_event_source_set_enabled(event, SD_EVENT_OFF) >= 0);
    s->on.child(s->arg, s->pid, status);
    return 0;
}

loop_source_t *loop_child(loop_t *loop, int pid, void (*on)(void *, int, int), void *arg)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself */
    must(fd >= 0);
    loop_source_t *s = source_new(loop, SOURCE_CHILD, arg);
    s->on.child = on;
    s->pid = pid;
    s->pidfd = fd;
    must(sd_event_add_io(loop->event, &s->event, fd, EPOLLIN, on_child, s) >= 0);
    return s;
}

/* Also from inside any callback, its own included: nothing touches the source after its callback.
 */
void loop_remove(loop_source_t **at)
{
    loop_source_t *s = *at;
    if (!s)
        return;
    *at = NULL;
    must(!s->gone);
    s->event = sd_event_source_disable_unref(s->event);
    if (s->pidfd >= 0)
        close(s->pidfd);
    s->gone = true;
    if (s->loop->walking)
        s->loop->buried = true;
    else
        unlink_source(s);
}
