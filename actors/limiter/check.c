/* check.c: the promises of the queue's inside, all of them, slowly: for the simulator and the
 * tests. */
#include "actors/limiter/parts.h"

#include <stdlib.h>

typedef struct sums {
    const limiter_t *l;
    uint64_t assigned, bytes, live;
    unsigned in_use[UINT8_MAX];
    const char *broken;
} sums_t;

static void expect(sums_t *s, bool holds, const char *promise)
{
    if (!holds && !s->broken)
        s->broken = promise;
}

static void check_assigned(sums_t *s, const item_t *i)
{
    const step_t *step = item_step(s->l, i);
    expect(s, i->hand.by && i->place.next && step, "an assigned item is in its holder's list");
    expect(s, i->has_turn, "an assigned item has its turn");
    s->assigned++;
    for (size_t n = 0; step && n < step->draw_count; n++)
        s->in_use[step->draws[n].limit]++;
}

static void check_queued(sums_t *s, const item_t *i)
{
    const limiter_t *l = s->l;
    bool is_newcomer = l->phase != LOADED && i->seq >= l->boundary;
    switch (i->blocker) {
    case BLOCKER_KEY:
        expect(s, !i->has_turn && i->turn.next && !i->place.next,
               "who waits for its key is in its key's list only");
        expect(s, !i->key || i->key->turns >= item_route(l, i)->parallel,
               "who waits for its key has one before it");
        break;
    case BLOCKER_DUE:
        expect(s, i->due.place != 0 && !i->place.next,
               "who waits for its time is in the agenda only");
        break;
    case BLOCKER_LIMIT:
        expect(s, i->place.next && i->due.place == 0, "who waits for a limit is in its list");
        break;
    case BLOCKER_CONNECTION:
        expect(s, i->place.next && i->has_turn, "who waits for a connection is in its pool's list");
        break;
    case BLOCKER_BODY:
        expect(s, i->reading && !i->place.next, "who waits for its letter has a read open");
        break;
    default:
        expect(s, is_newcomer && i->place.next, "a queued item waits for exactly one thing");
    }
}

static void check_item(void *arg, void *value)
{
    sums_t *s = arg;
    const item_t *i = value;
    s->live++;
    s->bytes += i->bytes;
    if (i->state == STATE_ASSIGNED)
        check_assigned(s, i);
    else if (i->state == STATE_HELD)
        expect(s, i->place.next != NULL, "a held item is in the held list");
    else
        check_queued(s, i);
}

const char *limiter_check(const void *self)
{
    const limiter_t *l = self;
    sums_t s = {.l = l};
    seqmap_each(l->live, check_item, &s);
    expect(&s, s.assigned == l->assigned, "assigned items are counted right");
    expect(&s, l->changed_count == 0, "every changed item was saved in its step");
    if (l->phase == LOADED)
        expect(&s, s.live == l->tally.live && s.bytes == l->tally.live_bytes,
               "the tally is what is there");
    for (size_t n = 0; n < l->config->limit_count; n++) {
        expect(&s, s.in_use[n] == l->limits[n].in_use, "slots in use are those of live holders");
        expect(&s, l->config->limits[n].slots == 0 || l->limits[n].in_use <= l->config->limits[n].slots || l->phase != LOADED,
               "no limit is exceeded");
        bool idle = l->phase == LOADED && mode_starts_work(l) && !l->look;
        expect(&s,
               !idle || l->limits[n].waiters.count == 0 ||
                   (l->config->limits[n].slots > 0 &&
                    l->limits[n].in_use >= l->config->limits[n].slots),
               "nobody waits for a limit that is free");
    }
    return s.broken;
}

uint64_t limiter_repairs(const void *self) { return ((const limiter_t *)self)->repairs; }
size_t limiter_live(const void *self) { return seqmap_count(((const limiter_t *)self)->live); }
