/* check.c: the promises of the queue's inside, all of them, slowly: for the simulator and the
 * tests. */
#include "actors/limiter/parts.h"

typedef struct sums {
    const limiter_t *l;
    uint64_t assigned, bytes, live;
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
    expect(s, i->hand.by && item_is_placed(i) && step, "an assigned item is in its holder's list");
    expect(s, i->has_turn, "an assigned item has its turn");
    s->assigned++;
}

static void check_queued(sums_t *s, const item_t *i)
{
    const limiter_t *l = s->l;
    switch (i->blocker) {
    case BLOCKER_KEY:
        expect(s, !i->has_turn && i->turn.next && !item_is_placed(i),
               "who waits for its key is in its key's list only");
        expect(s, !i->key || i->key->turns >= item_route(l, i)->parallel,
               "who waits for its key has one before it");
        break;
    case BLOCKER_DUE:
        expect(s, i->due.place != 0 && !item_is_placed(i),
               "who waits for its time is in the agenda only");
        break;
    case BLOCKER_LIMIT:
        expect(s, item_is_placed(i) && i->due.place == 0, "who waits for a limit is in its list");
        break;
    case BLOCKER_CONNECTION:
        expect(s, item_is_placed(i) && i->has_turn,
               "who waits for a connection is in its pool's list");
        break;
    case BLOCKER_VALUES:
        expect(s, item_is_placed(i) && i->due.place == 0 && i != l->crowd.woken,
               "who waits for room for its values is in the crowd");
        break;
    case BLOCKER_BODY:
        expect(s, i->reading && !item_is_placed(i), "who waits for its letter has a read open");
        break;
    default:
        expect(s, item_is_newcomer(i) && !i->has_turn && l->newcomers.count > 0,
               "a queued item waits for exactly one thing");
    }
}

static uint8_t key_best_class(const key_queue_t *k)
{
    uint8_t best = CLASS_COUNT - 1;
    for (const list_node_t *n = list_first(&k->items); n; n = list_next(&k->items, n)) {
        const item_t *i = list_of(n, item_t, turn);
        best = i->class < best ? i->class : best;
    }
    return best;
}

static void check_item(void *arg, void *value)
{
    sums_t *s = arg;
    const item_t *i = value;
    s->live++;
    s->bytes += i->bytes;
    expect(s, i->job_held == (i->job && i->job->held.next != NULL),
           "who holds its route's slots is listed");
    expect(s, i->deaths <= SUSPECT_DEATHS + 1, "who kills alone is not tried again");
    if (i->key && i->turn.next && i->has_turn)
        expect(s, item_class(i) <= key_best_class(i->key), "a key runs at its best waiting class");
    if (i->state == STATE_ASSIGNED)
        check_assigned(s, i);
    else if (i->state == STATE_HELD)
        expect(s, item_is_placed(i), "a held item is in the held list");
    else
        check_queued(s, i);
}

/* ---- limits: what is in use is what live holders hold, counted anew ---- */

static void recount_needs(const needs_t *needs)
{
    for (size_t n = 0; needs && n < needs->count; n++) {
        const need_t *need = &needs->of[n];
        const slow_start_t *slow = &need->bucket->slow;
        need->bucket->counted += need->cost;
        need->bucket->counted_slow += slow->window > 0 && need->slow_turn == slow->turn;
    }
}

static void recount_item(void *arg, void *value)
{
    const item_t *i = value;
    (void)arg;
    if (i->state == STATE_ASSIGNED)
        recount_needs(i->needs);
    if (i->job_held)
        recount_needs(i->job);
}

static void bucket_zero(limiter_t *l, bucket_t *b, void *arg)
{
    (void)l;
    (void)arg;
    b->counted = b->counted_slow = 0;
}

static void bucket_check(limiter_t *l, bucket_t *b, void *arg)
{
    sums_t *s = arg;
    bool idle = l->phase == LOADED && mode_starts_work(l) && !l->look;
    size_t waiters = fair_count(&b->waiters);
    expect(s, b->counted == b->in_use, "slots in use are those of live holders");
    expect(s, b->counted_slow == b->slow.out,
           "the places in a slow start are those of live holders");
    expect(s, b->in_use <= b->slots || l->phase != LOADED || b->of->touched || b->of->observe,
           "no limit is exceeded");
    if (waiters == 0 || !idle)
        return;
    answer_can_t can;
    bucket_next(l, b, &can);
    bool armed = b->wake.place != 0 && b->wake.due.us <= can.at.us;
    /* Its wake is due and was not taken: this step's budget was used up before, the next one goes
     * on at once. */
    bool is_next = b->wake.place != 0 && !instant_before(l->now.at, b->wake.due);
    expect(s, can.can != CAN_NOW || is_next, "nobody waits for a limit that is free");
    expect(s, (can.can != CAN_LATER && can.can != CAN_CAPPED) || armed || b->looking.next,
           "who waits for a rate or a pause is woken when it is over");
}

static const char *check_leases(const limiter_t *l)
{
    size_t count = 0, tombstones = 0;
    for (const lease_t *lease = NULL; count < l->lease_count && (lease = lease_next(l, lease));
         count++) { /* one that is not counted is missed in the recount of slots */
        int64_t ttl = (int64_t)lease->ttl_ms * US_PER_MS;
        tombstones += (lease->flags & LEASE_TOMBSTONE) != 0;
        if (lease_find(l, bytes_of(lease->id, lease->length)) != lease)
            return "no two leases have one id";
        if (lease->renewed_us && lease->expiry.due.us < lease->renewed_us + ttl)
            return "a renewed lease has all of its time";
    }
    bool right = count == l->lease_count && tombstones == l->tombstone_count;
    return right ? NULL : "leases are counted right";
}

/* With a connection free, nobody stands by but behind one who was called. */
static void pools_check(sums_t *s)
{
    const limiter_t *l = s->l;
    for (size_t n = 0; n < l->config->pool_count; n++) {
        const pool_t *p = &l->pools[n];
        bool idle = l->phase == LOADED && mode_starts_work(l) && !l->look;
        expect(s, !idle || p->stand_bys.count == 0 || p->woken.count > 0 || pool_free(l, n) == 0,
               "who stands by is called when a connection is free");
    }
}

static void buckets_check(sums_t *s)
{
    limiter_t *l = (limiter_t *)s->l; /* only what is counted of the buckets is written */
    buckets_each(l, bucket_zero, NULL);
    seqmap_each(l->live, recount_item, NULL);
    leases_recount(l, recount_needs);
    buckets_each(l, bucket_check, s);
    const char *broken = check_leases(l);
    expect(s, !broken, broken);
}

const char *limiter_check(const void *self)
{
    const limiter_t *l = self;
    sums_t s = {.l = l};
    seqmap_each(l->live, check_item, &s);
    expect(&s, s.assigned == l->assigned, "assigned items are counted right");
    bool idle = l->phase == LOADED && mode_starts_work(l) && !l->look;
    expect(&s, !idle || !crowd_can(l), "nobody waits for label values for which there is room");
    expect(&s, l->changed_count == 0, "every changed item was saved in its step");
    if (l->phase == LOADED)
        expect(&s, s.live == l->tally.live && s.bytes == l->tally.live_bytes,
               "the tally is what is there");
    buckets_check(&s);
    pools_check(&s);
    return s.broken;
}

uint64_t limiter_repairs(const void *self) { return ((const limiter_t *)self)->repairs; }
size_t limiter_live(const void *self) { return seqmap_count(((const limiter_t *)self)->live); }
