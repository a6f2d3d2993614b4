/* truth.c: leases compared with a list that a downstream keeps: live calls, live runners. Whoever
 * has a lease and is in the list lives: it is renewed. Whoever has one and is not in the list lost
 * its release; it is ended and counted as drift. Whoever is in the list without a lease is told,
 * and takes no slot. Only a whole list counts: an answer that is late, cut or wrong changes
 * nothing. One question at a time, over all limits. Nothing of it is kept: the next life asks
 * again. */
#include "actors/limiter/parts.h"

#include <stdio.h>
#include <stdlib.h>

#define SOON_US (1 * US_PER_S) /* nobody could be asked now: try again after it */
#define SPARE_MS 5000u         /* beyond its timeouts: a responder that died answers never */

enum doing { RESTING, ASKING, ENDING };

typedef struct asked_limit {
    const limit_t *limit;
    instant_t ask_at, compared_at;
    size_t unleased, told; /* at the last comparison; as last logged */
    bool failed;           /* its last question: said once */
} asked_limit_t;

struct truth_state {
    enum doing doing;
    size_t at;       /* ASKING, ENDING: which of them */
    uint64_t number; /* of the question */
    instant_t asked_at, give_up_at;
    size_t chain, ended; /* ENDING */
    size_t count;
    asked_limit_t of[];
};

void truths_start(limiter_t *l)
{
    const config_t *c = l->config;
    struct truth_state *t = calloc(1, sizeof *t + c->limit_count * sizeof t->of[0]);
    must(t);
    t->number = l->epoch << 32;
    for (size_t n = 0; n < c->limit_count; n++)
        if (c->limits[n].truth.downstream)
            t->of[t->count++].limit = &c->limits[n];
    l->truths = t;
}

static void tell(limiter_t *l, const asked_limit_t *a, const char *text, const char *reason)
{
    wish_log(l->e, &(log_line_t){.event = LOG_TRUTH,
                                 .text = text,
                                 .limit = bytes_str(a->limit->name),
                                 .downstream = bytes_str(a->limit->truth.downstream->name),
                                 .reason = bytes_str(reason)});
}

static void rest(limiter_t *l, asked_limit_t *a)
{
    l->truths->doing = RESTING;
    a->ask_at = instant_after_us(l->truths->asked_at, a->limit->truth.every_s * US_PER_S);
}

static void failed(limiter_t *l, asked_limit_t *a, const char *reason)
{
    if (!a->failed)
        tell(l, a,
             "leases could not be compared with the limit's truth; none is ended, and it is "
             "asked again",
             reason);
    a->failed = true;
    rest(l, a);
}

/* ---- asking ---- */

static const holder_t *responder_of(const limiter_t *l)
{
    for (size_t n = 0; n < l->holder_count; n++) {
        const holder_t *h = l->holders[n];
        if (h->actor == ACTOR_RESPONDER && h->welcomed && !h->silent && !h->dead)
            return h;
    }
    return NULL;
}

/* Not while calls to it pause, or an operator stopped them: a probe is a message's. */
static bool may_be_called(const limiter_t *l, const downstream_t *d)
{
    size_t own = l->config->named_limits + (size_t)(d - l->config->downstreams);
    const bucket_t *b = l->limits[own].only;
    return !b || (!b->stopped && bucket_can(l, b, 0, (claim_t){1, CLASS_NORMAL}).can == CAN_NOW);
}

static void ask(limiter_t *l, size_t at)
{
    struct truth_state *t = l->truths;
    asked_limit_t *a = &t->of[at];
    const downstream_t *d = a->limit->truth.downstream;
    const holder_t *h = responder_of(l);
    if (!h || !may_be_called(l, d)) {
        a->ask_at = instant_after_us(l->now.at, SOON_US);
        return;
    }
    t->doing = ASKING;
    t->at = at;
    t->asked_at = l->now.at;
    t->give_up_at =
        instant_after_us(l->now.at, ((int64_t)d->connect_ms + d->total_ms + SPARE_MS) * US_PER_MS);
    wish_send(l->e, h->peer, MESSAGE_LIST,
              &(msg_list_t){.number = ++t->number, .limit = bytes_str(a->limit->name)});
}

/* ---- comparing ---- */

static bool is_of(const lease_t *lease, const limit_t *limit)
{
    for (size_t n = 0; lease->needs && n < lease->needs->count; n++)
        if (lease->needs->of[n].bucket->of->limit == limit)
            return true;
    return false;
}

/* The list says that it lives. Not written each time: only once a quarter of its time is over. */
static void renew_listed(limiter_t *l, lease_t *lease)
{
    int64_t left_us = lease->expiry.due.us - l->now.at.us;
    if (left_us < (int64_t)lease->ttl_ms * US_PER_MS / 4 * 3)
        lease_renew(l, lease);
}

static void compare(limiter_t *l, lease_t *lease)
{
    struct truth_state *t = l->truths;
    const limit_t *limit = t->of[t->at].limit;
    instant_t old = instant_after_us(lease->since, limit->truth.grace_s * US_PER_S);
    if (BUG(TRUTH_IGNORED) || lease->flags & LEASE_OF_CALL || !is_of(lease, limit))
        return;
    if (lease->listed == t->number) {
        renew_listed(l, lease);
        return;
    }
    if (instant_before(t->asked_at, old))
        return;
    lease_end(l, lease, "the limit's truth does not list it");
    t->ended++;
}

static void compared(limiter_t *l, asked_limit_t *a)
{
    struct truth_state *t = l->truths;
    char text[160];
    bool is_news = t->ended || a->unleased != a->told;
    wish_count(l->e, METRIC_DRIFT, bytes_str(a->limit->name), t->ended);
    l->limits[a->limit - l->config->limits].drift += t->ended;
    snprintf(
        text, sizeof text,
        "compared with the limit's truth: %zu leases that it does not list were ended; %zu that "
        "it lists have no lease and take no slot",
        t->ended, a->unleased);
    if (is_news)
        tell(l, a, text, "");
    a->told = a->unleased;
    rest(l, a);
}

/* How many of the ids are no lease of ours. */
static size_t mark(limiter_t *l, bytes_t text, uint64_t number)
{
    json_t *ids = json_loadb((const char *)text.data, text.len, 0, NULL), *id;
    size_t i, unleased = 0;
    json_array_foreach(ids, i, id)
    {
        lease_t *lease = lease_find(l, bytes_of(json_string_value(id), json_string_length(id)));
        if (lease && lease->needs)
            lease->listed = number;
        else
            unleased++;
    }
    json_decref(ids);
    return unleased;
}

void truth_told(limiter_t *l, const msg_listed_t *m)
{
    struct truth_state *t = l->truths;
    asked_limit_t *a = &t->of[t->at];
    char reason[REASON_BYTES_MAX + 1];
    if (t->doing != ASKING || m->number != t->number)
        return; /* given up, or of an earlier life */
    if (!m->whole) {
        text_printable(m->reason, reason, sizeof reason);
        failed(l, a, reason);
        return;
    }
    a->failed = false;
    a->compared_at = t->asked_at;
    a->unleased = mark(l, m->ids, m->number);
    t->doing = ENDING;
    t->chain = t->ended = 0;
}

/* ---- from time to time ---- */

void truths_watch(limiter_t *l)
{
    struct truth_state *t = l->truths;
    if (l->phase != LOADED || t->count == 0)
        return;
    if (t->doing == ASKING && !instant_before(l->now.at, t->give_up_at))
        failed(l, &t->of[t->at], "nobody answered");
    if (t->doing == ENDING) {
        if (leases_walk(l, &t->chain, compare))
            compared(l, &t->of[t->at]);
        else
            wish_again(l->e);
    }
    for (size_t n = 0; n < t->count && t->doing == RESTING && mode_starts_work(l); n++)
        if (!instant_before(l->now.at, t->of[n].ask_at))
            ask(l, n);
}

/* A list that was asked for waits for its answer, and what is due for its end. */
instant_t truths_due(const limiter_t *l)
{
    const struct truth_state *t = l->truths;
    instant_t due = INSTANT_NEVER;
    if (l->phase != LOADED || !mode_starts_work(l))
        return due;
    if (t->doing == ASKING)
        return t->give_up_at;
    for (size_t n = 0; n < t->count && t->doing == RESTING; n++)
        due = instant_min(due, t->of[n].ask_at);
    return due;
}

void truths_gauges(limiter_t *l)
{
    struct truth_state *t = l->truths;
    for (size_t n = 0; n < t->count; n++) {
        asked_limit_t *a = &t->of[n];
        bytes_t name = bytes_str(a->limit->name);
        if (a->compared_at.us == 0)
            a->compared_at = l->now.at; /* not yet in this life: its begin counts */
        wish_gauge(l->e, METRIC_TRUTH_AGE, name,
                   (double)(l->now.at.us - a->compared_at.us) / US_PER_S);
        wish_gauge(l->e, METRIC_UNLEASED, name, (double)a->unleased);
    }
}
