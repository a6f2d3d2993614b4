/* pauses.c: what the far side asked for: nothing more goes to it until then, or nothing of that
 * label's value where its limit learns; then one goes, and none beside it until that has ended. A
 * pause counts here from the moment at which the limiter said that it knows. */
#include "tests/sim/parts.h"

#define POOLS 8u
#define SUBJECTS (POOLS + 2 * LIMITS_MAX) /* pools; then halves of limits that learn */
#define DEFERRED 64

typedef struct deferred {
    uint64_t seq, attempt, fence;
    size_t subject;
    int64_t said_at, until;
} deferred_t;
/* After a pause one call goes, and none beside it until it has ended. */
typedef struct pause {
    int64_t told_at, until;
    bool probing, over;
    bool anew; /* a person paused it since: the probe before that is in nobody's account */
    uint64_t probe, epoch;
    uint8_t node;
} pause_t;

static struct {
    deferred_t deferred[DEFERRED];
    size_t next;
    pause_t of[SUBJECTS];
} seen;

void pauses_begin(void) { memset(&seen, 0, sizeof seen); }

static size_t half_of(size_t limit, char half) { return POOLS + 2 * limit + (half == 'b'); }

/* Whom a Retry-After is about. */
static size_t subject_of(const assigned_t *a)
{
    for (size_t n = 0; n < a->step->draw_count; n++)
        if (sim.config->limits[a->step->draws[n].limit].learns)
            return half_of(a->step->draws[n].limit, a->kind[0]);
    return a->step->pool;
}

int64_t pauses_until(const char *limit, char half)
{
    return seen.of[half_of((size_t)config_limit(sim.config, bytes_str(limit)), half)].until;
}

/* -1: nobody's. */
static long downstream_of(size_t pool)
{
    for (size_t n = 0; n < sim.config->downstream_count; n++)
        if (strcmp(sim.config->downstreams[n].name, sim.config->pools[pool]) == 0)
            return (long)n;
    return -1;
}

/* An operator ends a pause, or may end it, that was asked for then. */
static bool is_ended_by_hand(size_t subject, int64_t asked_at)
{
    long n = subject < POOLS ? downstream_of(subject) : -1;
    const standing_t *by[] = {&standing.halted[n < 0 ? 0 : n], &standing.tried[n < 0 ? 0 : n]};
    bool ended = false;
    for (size_t i = 0; n >= 0 && i < COUNT_OF(by); i++)
        ended |= !standing_is_sure(by[i]) || (by[i]->since > 0 && asked_at <= by[i]->since);
    return ended;
}

void pauses_settle(const assigned_t *a, const msg_settle_t *s)
{
    if (s->outcome != OUTCOME_DEFER || s->retry_after_ms == 0)
        return;
    seen.deferred[seen.next++ % DEFERRED] =
        (deferred_t){.seq = s->seq,
                     .attempt = s->attempt,
                     .fence = s->fence,
                     .subject = subject_of(a),
                     .said_at = sim.now.at.us,
                     .until = sim.now.at.us + (int64_t)s->retry_after_ms * US_PER_MS};
}

void pauses_settled(const msg_settled_t *s)
{
    for (size_t n = 0; n < DEFERRED; n++) {
        deferred_t *d = &seen.deferred[n];
        if (d->until == 0 || d->seq != s->seq || d->attempt != s->attempt || d->fence != s->fence)
            continue;
        pause_t *p = &seen.of[d->subject];
        bool is_over = d->until <= sim.now.at.us || is_ended_by_hand(d->subject, d->said_at);
        if (d->until > p->until && !is_over) {
            *p = (pause_t){.told_at = sim.now.at.us, .until = d->until};
            sim.evidence.learned += d->subject >= POOLS;
        }
        d->until = 0;
    }
}

static bool is_in_hand(const pause_t *p)
{
    for (size_t i = 0; i < sim.assigned_count; i++)
        if (sim.assigned[i].seq == p->probe)
            return true;
    return false;
}

/* A limit that is switched off, or only observed, keeps nobody. */
static bool is_kept(const pause_t *p)
{
    size_t subject = (size_t)(p - seen.of);
    return subject < POOLS || standing_keeps((subject - POOLS) / 2);
}

static void check(pause_t *p, const assigned_t *a)
{
    int64_t now = sim.now.at.us;
    if (p->until == 0 || now <= p->told_at || p->over || !is_kept(p))
        return;
    if (now < p->until)
        violation("a call was assigned %lld us before the time that the far side named",
                  (long long)(p->until - now));
    if (p->probing && !p->anew && is_in_hand(p) && a->fence == p->epoch && a->seq != p->probe)
        violation("a herd after a pause (subject %zu): message %llu beside %llu, which is tried",
                  (size_t)(p - seen.of), (unsigned long long)a->seq, (unsigned long long)p->probe);
    p->over = p->probing;
    p->probing = true;
    p->probe = a->seq;
    p->epoch = a->fence;
    p->node = a->node;
}

void pauses_assigned(const assigned_t *new)
{
    size_t subject = subject_of(new);
    check(&seen.of[new->step->pool], new);
    if (subject != new->step->pool)
        check(&seen.of[subject], new);
}

void pauses_died(const node_t *n)
{
    for (size_t p = 0; p < SUBJECTS; p++)
        if (seen.of[p].probing && (seen.of[p].node == n->index || n->kind == ACTOR_LIMITER))
            seen.of[p].over = true;
}

void pauses_anew(size_t downstream)
{
    for (size_t p = 0; p < sim.config->pool_count; p++)
        if (downstream_of(p) == (long)downstream)
            seen.of[p].anew = true;
}

void pauses_resumed(size_t downstream)
{
    for (size_t p = 0; p < sim.config->pool_count; p++)
        if (downstream_of(p) == (long)downstream)
            seen.of[p] = (pause_t){0};
}

/* What is left of a pause is then the wall clock's word, and that may have been moved. */
void pauses_rebooted(void) { memset(seen.of, 0, sizeof seen.of); }
