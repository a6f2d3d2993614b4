/* lease.c: what becomes of a lease: it is taken or refused, and given back at once or lost. */
#include "run.h"

static bool loses(run_t *r)
{
    return (double)rand_below(&r->chance, 1000000) < r->options->lose * 10000;
}

bool lease_ended(run_t *r, client_t *c, const reply_t *reply)
{
    counts_t *counts = r->counts;
    const journey_t *j = &c->journey;
    r->last_us = r->now_us;
    bool answered = run_ending(counts, reply->ending);
    if (answered && j->releases && reply->status < 300) {
        counts->released++;
        histogram_add(&counts->release, r->now_us - j->intended_us);
    } else if (answered && !j->releases && reply->status == 429) {
        counts->limited++;
        histogram_add(&counts->latency, r->now_us - j->intended_us);
    } else if (!j->releases && reply_lease(r->options->dialect, reply, c->lease, sizeof c->lease)) {
        counts->acquired++;
        histogram_add(&counts->latency, r->now_us - j->intended_us);
        bool lost = loses(r);
        counts->lost += lost;
        return !lost;
    } else if (answered) {
        counts->status[reply->status]++;
    }
    counts->unacknowledged += !answered;
    return false;
}
