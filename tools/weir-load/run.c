#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

static volatile sig_atomic_t interrupted; /* once: sends no more; twice: waits for no answer */

static void on_signal(int signal)
{
    (void)signal;
    interrupted = interrupted ? 2 : 1;
}

static int64_t boot_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

/* ---- what becomes of a try ---- */

static void write_down(run_t *r, const journey_t *j, const reply_t *reply, const char *verdict)
{
    char id[ID_BYTES], key[ID_BYTES];
    if (!r->record)
        return;
    plan_id(r->plan, j->n, id);
    plan_key(r->plan, j->n, key);
    fprintf(r->record,
            "{\"n\":%llu,\"id\":\"%s\",\"key\":\"%s\",\"verdict\":\"%s\",\"message\":\"%s\","
            "\"tries\":%u,"
            "\"sent_us\":%lld,\"acked_us\":%lld}\n",
            (unsigned long long)j->n, id, key, verdict, reply->message, j->tries,
            (long long)j->first_us, (long long)r->now_us);
}

static void acknowledged(run_t *r, const journey_t *j, const reply_t *reply)
{
    bool conflict = reply->status == 409;
    counts_t *c = r->counts;
    *(conflict ? &c->conflicts : reply->duplicate ? &c->duplicates : &c->accepted) += 1;
    histogram_add(&c->latency, r->now_us - j->intended_us);
    write_down(r, j, reply, conflict ? "conflict" : reply->duplicate ? "duplicate" : "accepted");
}

/* Full jitter, doubling; Retry-After is the floor, both up to the maximum. */
static int64_t pause_us(run_t *r, unsigned tries, unsigned retry_after_s)
{
    int64_t most = r->options->resend_max_ms * US_PER_MS, step = r->options->resend_ms * US_PER_MS;
    for (unsigned i = 1; i < tries && step < most; i++)
        step *= 2;
    int64_t floor = retry_after_s * US_PER_S;
    int64_t pause = (int64_t)rand_below(&r->chance, (uint64_t)step) + floor;
    return pause < most ? pause : most;
}

static bool try_again(run_t *r, const journey_t *j, const reply_t *reply)
{
    bool healing = reply->ending != ENDED_ANSWERED || reply->status == 429 ||
                   reply->status == 408 || reply->status >= 500;
    if (!r->options->resend || !healing)
        return false;
    journey_t again = *j;
    again.due_us = r->now_us + pause_us(r, j->tries, reply->retry_after_s);
    return again_add(&r->again, &again);
}

bool run_ending(counts_t *c, enum ending ending)
{
    switch (ending) {
    case ENDED_TIMEOUT:
        c->timeouts++;
        break;
    case ENDED_CONNECT:
        c->connect_failed++;
        break;
    case ENDED_CLOSED:
        c->closed++;
        break;
    case ENDED_GARBLED:
        c->garbled++;
        break;
    case ENDED_ANSWERED:
        return true;
    }
    return false;
}

void run_ended(run_t *r, const journey_t *j, const reply_t *reply)
{
    counts_t *c = r->counts;
    bool answered = run_ending(c, reply->ending);
    r->last_us = r->now_us;
    if (answered && (reply->status < 300 || reply->status == 409)) {
        acknowledged(r, j, reply);
        return;
    }
    if (answered)
        c->status[reply->status]++;
    if (!try_again(r, j, reply) && (reply->ending != ENDED_ANSWERED || r->options->resend))
        c->unacknowledged++;
}

/* ---- the schedule ---- */

static int64_t intended(const run_t *r, uint64_t n)
{
    return r->options->rate > 0 ? r->start_us + (int64_t)((double)n * 1e6 / r->options->rate)
                                : r->now_us;
}

static bool more_to_come(const run_t *r)
{
    return !interrupted && r->next < r->most && intended(r, r->next) < r->stop_us;
}

/* Closed loop: what waits to be sent again keeps its place, so that a dead server is not flooded.
 */
static bool new_is_due(const run_t *r)
{
    if (!more_to_come(r))
        return false;
    if (r->options->rate > 0)
        return intended(r, r->next) <= r->now_us;
    return r->busy_count + r->again.count < r->options->connections;
}

static void dispatch(run_t *r)
{
    while (r->idle_count) {
        journey_t j;
        if (again_take(&r->again, r->now_us, &j))
            r->counts->resent++;
        else if (new_is_due(r)) {
            j = (journey_t){
                .n = r->next, .intended_us = intended(r, r->next), .first_us = r->now_us};
            r->next++;
            r->counts->sent++;
        } else
            return;
        j.tries++;
        client_send(r, r->idle[--r->idle_count], &j);
    }
}

static struct timespec until_next(const run_t *r)
{
    int64_t due = r->now_us + 20 * US_PER_MS;
    if (r->idle_count && r->options->rate > 0 && more_to_come(r) && intended(r, r->next) < due)
        due = intended(r, r->next);
    if (r->idle_count && again_next(&r->again) < due)
        due = again_next(&r->again);
    int64_t wait = due > r->now_us ? due - r->now_us : 0;
    return (struct timespec){.tv_sec = wait / US_PER_S, .tv_nsec = wait % US_PER_S * 1000};
}

static void progress(run_t *r, bool last)
{
    const counts_t *c = r->counts;
    if (r->options->quiet || !isatty(STDERR_FILENO) || (!last && r->now_us < r->progress_us))
        return;
    r->progress_us = r->now_us + US_PER_S;
    fprintf(stderr,
            "\r%5.0f s  sent %llu  acknowledged %llu  waiting to be sent again %zu  p99 %.1f ms "
            "\x1b[K%s",
            (double)(r->now_us - r->start_us) / 1e6, (unsigned long long)c->sent,
            (unsigned long long)(c->accepted + c->duplicates + c->conflicts + c->acquired),
            r->again.count, histogram_ms(&c->latency, .99), last ? "\n" : "");
}

static void rounds(run_t *r)
{
    struct epoll_event events[256];
    int64_t give_up = INT64_MAX;
    while (interrupted < 2) {
        r->now_us = boot_us();
        dispatch(r);
        bool more = more_to_come(r);
        if (!more && r->busy_count == 0 && r->again.count == 0)
            break;
        if ((!more || r->now_us >= r->stop_us) && give_up == INT64_MAX)
            give_up = r->now_us + (int64_t)(r->options->drain_s * 1e6);
        if (r->now_us >= give_up)
            break;
        struct timespec wait = until_next(r);
        int n = epoll_pwait2(r->epoll, events, COUNT_OF(events), &wait, NULL);
        r->now_us = boot_us();
        for (int i = 0; i < n; i++)
            client_ready(r, events[i].data.ptr, events[i].events);
        if (r->now_us >= r->sweep_us) {
            client_sweep(r, false);
            r->sweep_us = r->now_us + 10 * US_PER_MS;
        }
        progress(r, false);
    }
}

/* What is still on its way, waits to be sent again, or was never sent though its time had come. */
static void finish(run_t *r)
{
    counts_t *c = r->counts;
    client_sweep(r, true);
    c->unacknowledged += r->again.count;
    while (r->options->rate > 0 && !interrupted && r->next + c->unsent < r->most &&
           intended(r, r->next + c->unsent) < r->stop_us)
        c->unsent++;
    int64_t end = r->last_us > r->start_us ? r->last_us : r->now_us;
    c->seconds = (double)(end - r->start_us) / 1e6;
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    c->cpu_s = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
               (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
    progress(r, true);
}

static void release(run_t *r)
{
    for (unsigned i = 0; i < r->options->connections; i++) {
        if (r->clients[i].fd >= 0)
            close(r->clients[i].fd);
        free(r->clients[i].in);
        free(r->clients[i].out);
    }
    free(r->clients);
    free(r->idle);
    free(r->again.heap);
    close(r->epoll);
}

int load_run(const options_t *o, plan_t *plan, FILE *record, counts_t *out)
{
    run_t r = {.options = o,
               .plan = plan,
               .record = record,
               .counts = out,
               .chance = rand_seeded(o->seed)};
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    r.epoll = epoll_create1(EPOLL_CLOEXEC);
    r.clients = calloc(o->connections, sizeof *r.clients);
    r.idle = calloc(o->connections, sizeof *r.idle);
    must(r.epoll >= 0 && r.clients && r.idle);
    for (unsigned i = 0; i < o->connections; i++) {
        r.clients[i].fd = -1;
        r.idle[r.idle_count++] = &r.clients[i];
    }
    r.most = o->count ? o->count : plan_count(plan) ? plan_count(plan) : COUNT_MOST;
    r.start_us = r.now_us = boot_us();
    r.stop_us = r.start_us + (int64_t)(o->seconds * 1e6);
    rounds(&r);
    /* Giving up is no reason to send again. */
    options_t quiet = *o;
    quiet.resend = false;
    r.options = &quiet;
    finish(&r);
    release(&r);
    return 0;
}
