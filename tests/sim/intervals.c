/* intervals.c: least times between two messages of a key, and calendar caps.
 *
 * A message that waits is judged in the end, by the moment at which its first call was allowed: an
 * assignment says by when it must begin, and how long before that it was made. What is refused at
 * the door is judged when it is accepted: that was decided after it was first submitted and before
 * the verdict left. */
#include <stdlib.h>

#include "core/msgid.h"
#include "store/memory_disk.h"
#include "tests/sim/parts.h"

#define SUBMITS 1024u
#define HOUR_US (3600 * US_PER_S)
#define FAR_BACK 2 /* hours: the clock is thought to be wrong by more */
#define HOURS 100u /* finished messages are kept for longer */
#define HOUR_SEEN_US (2 * US_PER_S)

typedef struct submitted {
    msgid_t id;
    char key[8];
    const route_t *route;
    int64_t at, accepted_at; /* accepted_at 0: not yet, or parked */
    uint32_t limiter_life;   /* then */
    bool parked;
} submitted_t;
/* The hour that a cap is used up in: the latest in which something was taken, also when the clock
 * goes back. Once the clock stands in a later one, or so far back that it is thought to have been
 * wrong, something may be taken there and never be seen (its limiter died): nothing is known until
 * a take of a later hour is. */
typedef struct used {
    int64_t hour;
    bool doubted;
    unsigned count;
} used_t;

static struct {
    submitted_t submits[SUBMITS];
    size_t next;
    used_t used;
    unsigned hours;              /* of the calm */
    int64_t hour_at, stepped_at; /* when somebody set the clock */
    int64_t mode_at;
} seen;

void intervals_begin(void) { memset(&seen, 0, sizeof seen); }

static int64_t hour(void) { return sim.now.wall.us / HOUR_US; }

bool intervals_judge(const limit_t *limit)
{
    return limit->rate.shape == RATE_SPACING && limit->per_count > 0 &&
           strcmp(limit->per[0], "key") == 0;
}

/* The least time between two of a key that its route's limits ask for; 0: none. */
static int64_t apart_us(const route_t *route, bool rejects)
{
    for (size_t n = 0; n < route->draw_count; n++) {
        const limit_t *limit = &sim.config->limits[route->draws[n].limit];
        if (intervals_judge(limit) && limit->reject == rejects)
            return limit->rate.period_us / limit->rate.count;
    }
    return 0;
}

/* ---- at the door */

/* Its place among the limits; -1: it has none. */
static long cap_of(const route_t *route)
{
    for (size_t n = 0; n < route->draw_count; n++)
        if (sim.config->limits[route->draws[n].limit].cap.zone)
            return route->draws[n].limit;
    return -1;
}

static submitted_t *submitted(const msgid_t *id)
{
    for (size_t n = 0; n < SUBMITS; n++)
        if (seen.submits[n].route && msgid_equal(&seen.submits[n].id, id))
            return &seen.submits[n];
    return NULL;
}

void intervals_submit(const msg_submit_t *s)
{
    const route_t *route = config_route(sim.config, s->route);
    if (!route || (!apart_us(route, true) && cap_of(route) < 0) || submitted(&s->id))
        return;
    submitted_t *at = &seen.submits[seen.next++ % SUBMITS];
    *at = (submitted_t){
        .id = s->id, .route = route, .at = sim.now.at.us, .limiter_life = node_limiter()->life};
    if (s->key.len > 0 && s->key.len < sizeof at->key)
        memcpy(at->key, s->key.data, s->key.len);
}

void intervals_step(int64_t hours)
{
    used_t *u = &seen.used;
    seen.stepped_at = sim.now.at.us;
    sim.now.wall.us += hours * HOUR_US;
    u->doubted |= hour() > u->hour || u->hour > hour() + FAR_BACK;
}

void intervals_mode(void) { seen.mode_at = sim.now.at.us; }

static void waits_for_cap(void *arg, const stored_message_t *m)
{
    const route_t *route = config_route(sim.config, m->envelope.route);
    *(bool *)arg |= m->progress.state != STATE_DONE && m->progress.state != STATE_DEAD && route &&
                    cap_of(route) >= 0;
}

/* In the calm what a cap keeps, and nobody refuses any more, would wait for an hour. */
void intervals_hour(void)
{
    bool waits = false;
    if (seen.hours == HOURS || sim.now.at.us < seen.hour_at + HOUR_SEEN_US)
        return;
    memory_disk_each(sim.disk, waits_for_cap, &waits);
    if (!waits)
        return;
    seen.hours++;
    seen.hour_at = sim.now.at.us;
    intervals_step(1);
}

static void check_cap(const submitted_t *new)
{
    long limit = cap_of(new->route);
    used_t *u = &seen.used;
    if (limit < 0 || new->at <= seen.stepped_at)
        return;
    if (hour() > u->hour)
        *u = (used_t){.hour = hour()};
    u->count++;
    uint32_t most = standing_limit((size_t)limit).count;
    if (u->doubted || !standing_keeps((size_t)limit) || new->at <= standing.limits[limit].since)
        return;
    if (u->count > most)
        violation("invariant 3: %u messages of %s in one hour, its cap is %u", u->count,
                  new->route->name, most);
}

static void check_apart(const submitted_t *new)
{
    int64_t apart = apart_us(new->route, true);
    for (size_t n = 0; apart && n < SUBMITS; n++) {
        const submitted_t *other = &seen.submits[n];
        if (other == new || other->accepted_at == 0 || other->route != new->route ||
            strcmp(other->key, new->key) != 0)
            continue;
        sim.evidence.apart++;
        if (sim.now.at.us - other->at < apart)
            violation("invariant 3: two messages of the key %s of %s were accepted within %lld us",
                      new->key, new->route->name, (long long)(sim.now.at.us - other->at));
    }
}

/* It waits for the end of a drain, holds nothing, and takes its place when that has come; or it was
 * refused and kept as a dead letter, and its sender, who was not told, asked again. What an earlier
 * life of the limiter accepted may have been so until then, too. */
static bool is_parked(const msgid_t *id)
{
    const stored_message_t *m = memory_disk_find(sim.disk, id);
    return m && (m->progress.state == STATE_HELD || m->progress.state == STATE_DEAD);
}

void intervals_verdict(const msg_verdict_t *v)
{
    submitted_t *new = v->verdict == VERDICT_ACCEPTED ? submitted(&v->id) : NULL;
    if (!new || new->accepted_at || new->parked)
        return;
    /* Who came while nothing was taken in may have been let go on before its verdict. */
    new->parked = new->limiter_life != node_limiter()->life || new->at <= seen.mode_at ||
                  is_parked(&v->id);
    if (new->parked)
        return;
    check_cap(new);
    new->accepted_at = sim.now.at.us;
    trace_note("%s accepted a message of the key %s, submitted at %lld", new->route->name, new->key,
               (long long)new->at);
    check_apart(new);
}

/* ---- who waits */

/* Whose first assignment was lost may have taken its place long before it began. */
void intervals_call(op_t *op, const assigned_t *a)
{
    if (a->attempt > 1 || op->begun_seq || !apart_us(a->route, false))
        return;
    op->begun_seq = (int64_t)a->seq;
    op->begun_at = a->start_by - a->step->start_within_ms * US_PER_MS;
}

/* It counts not at all. */
void intervals_unbegun(const assigned_t *a)
{
    for (size_t n = 0; a->attempt == 1 && apart_us(a->route, false) && n < sim.op_count; n++)
        if (sim.ops[n].begun_seq == (int64_t)a->seq)
            sim.ops[n].begun_at = 0;
}

void intervals_end(void)
{
    for (size_t n = 0; n < sim.op_count; n++) {
        const op_t *op = &sim.ops[n];
        int64_t apart = op->begun_at ? apart_us(&sim.config->routes[op->route], false) : 0;
        for (size_t k = 0; apart && k < n; k++) {
            const op_t *other = &sim.ops[k];
            if (!other->begun_at || other->route != op->route || other->key != op->key)
                continue;
            sim.evidence.apart++;
            if (llabs(op->begun_at - other->begun_at) < apart)
                violation("invariant 3: operations %u and %u of one key of %s began within %lld us",
                          other->number, op->number, sim.config->routes[op->route].name,
                          llabs(op->begun_at - other->begun_at));
        }
    }
}
