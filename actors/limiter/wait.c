/* wait.c: the one place where an item waits, and how it gets in and out of it. */
#include "actors/limiter/stand_by.h"

#include "actors/limiter/parts.h"

void look_at_pool(limiter_t *l, size_t pool) { l->look = l->pools[pool].look = true; }

static fair_put_t put_as(const item_t *i, bool front)
{
    return (fair_put_t){
        .class = item_class(i), .weight = i->weight, .flow = i->flow, .front = front};
}

/* Who drew from the bucket's rate before, or has its slots, waits in a flow of its own, where it is
 * found past those that only the rate keeps, or that wait for slots. */
fair_put_t put_at(const item_t *i, bool front)
{
    fair_put_t as = put_as(i, front);
    claim_t claim = item_claim(i);
    if (claim.drew || claim.holds) {
        as.flow = claim.holds ? FLOW_HOLDS : FLOW_DREW;
        as.weight = 1;
    }
    return as;
}

static bytes_t cause_of(const limiter_t *l, const item_t *i)
{
    const bucket_t *b = item_blocker(l, i);
    return bytes_str(b ? b->of->limit->name : blocker_name(i->blocker));
}

/* Waits of less than a millisecond are none. Its letter's way from the disk is no cause. */
void item_waits(limiter_t *l, item_t *i, uint8_t blocker)
{
    uint32_t now_ms = (uint32_t)(l->now.at.us / US_PER_MS), waited = now_ms - i->since_ms;
    if (i->blocker != BLOCKER_NONE && i->blocker != BLOCKER_BODY && waited > 0)
        wish_observe(l->e, METRIC_WAIT_SECONDS, cause_of(l, i), waited / 1e3);
    i->blocker = blocker;
    i->since_ms = now_ms;
    if (blocker == BLOCKER_LIMIT || blocker == BLOCKER_DUE || blocker == BLOCKER_HOLD)
        letter_spare(l, i);
}

static void held_put(limiter_t *l, item_t *i)
{
    item_waits(l, i, BLOCKER_HOLD);
    list_push(&l->held, &i->place.place);
    route_tally(l, i)->held++;
}

static void held_take(limiter_t *l, item_t *i)
{
    if (l->unpark_next == &i->place.place)
        l->unpark_next = list_next(&l->held, l->unpark_next);
    list_remove(&l->held, &i->place.place);
    route_tally(l, i)->held--;
    l->parked -= i->parked;
    i->parked = false;
    l->oldest_from = i->seq < l->oldest_from ? i->seq : l->oldest_from;
}

void make_ready(limiter_t *l, item_t *i, size_t pool, bool woken)
{
    item_waits(l, i, BLOCKER_CONNECTION);
    i->woken = woken;
    if (!woken)
        fair_put(&l->pools[pool].ready, &i->place, put_as(i, false));
    else if (i == l->crowd.woken) /* for the connection that it was seen to have */
        list_push_front(&l->pools[pool].woken, &i->place.place);
    else
        list_push(&l->pools[pool].woken, &i->place.place);
    look_at_pool(l, pool);
}

/* The first of its list. */
void pool_take(limiter_t *l, item_t *i, size_t pool)
{
    if (i->woken)
        list_remove(&l->pools[pool].woken, &i->place.place);
    else
        must(fair_take(&l->pools[pool].ready) == &i->place);
}

static void pool_remove(limiter_t *l, item_t *i, size_t pool)
{
    if (i->woken)
        list_remove(&l->pools[pool].woken, &i->place.place);
    else
        fair_remove(&l->pools[pool].ready, &i->place);
}

/* Its time is the end of a pause of a limit whose slots it has: it waits at that limit, where the
 * pause may end sooner, or later: that may have grown before a restart. */
static uint8_t pause_of_job(const limiter_t *l, const item_t *i)
{
    int64_t due = i->due.due.us;
    for (size_t n = 0; i->job_held && due > 0 && n < i->job->count; n++) {
        int64_t until = i->job->of[n].bucket->paused_until_us;
        if (until > l->now.at.us && until >= due)
            return (uint8_t)(WAITS_JOB + n);
    }
    return WAITS_NOTHING;
}

void offer(limiter_t *l, item_t *i)
{
    const step_t *step = item_step(l, i);
    must(step && i->state != STATE_ASSIGNED && i->has_turn && !item_is_placed(i) &&
         i->due.place == 0);
    i->state = STATE_QUEUED;
    uint8_t on = pause_of_job(l, i);
    if (on != WAITS_NOTHING) {
        item_keep(l, i, on);
        return;
    }
    if (i->due.due.us > l->now.at.us) {
        item_waits(l, i, BLOCKER_DUE);
        agenda_add(l->agenda, &i->due, i->due.due);
        return;
    }
    i->due.due.us = 0;
    make_ready(l, i, step->pool, false);
}

void pause_until(limiter_t *l, item_t *i, instant_t due)
{
    if (i->job_held && !item_route(l, i)->keep_slots_in_backoff)
        job_give(l, i);
    wait_until(l, i, due);
}

void wait_until(limiter_t *l, item_t *i, instant_t due)
{
    i->due.due = due;
    item_touch(l, i);
    offer(l, i);
    if (BUG(KEY_ORDER_BROKEN) && i->key) {
        i->key->turns--; /* the next of its key overtakes */
        order_wake_next(l, i->key);
    }
}

void hold(limiter_t *l, item_t *i, const char *reason)
{
    if (i->job_held)
        job_give(l, i);
    i->state = STATE_HELD;
    item_set_reason(i, reason, strlen(reason));
    held_put(l, i);
    item_touch(l, i);
    item_log(l, i, LOG_HOLD, "message held; it waits for an operator", reason);
}

void item_park(limiter_t *l, item_t *i)
{
    if (i->job_held) { /* taken at the door; who waits for the end of a drain holds nothing */
        job_refund(l, i);
        job_give(l, i);
    }
    i->state = STATE_HELD;
    i->parked = true;
    bool refused = mode_gate(l, item_route(l, i)) == GATE_REFUSED;
    const char *reason = refused ? "overloaded" : "draining";
    item_set_reason(i, reason, strlen(reason));
    held_put(l, i);
    l->parked++;
    item_touch(l, i);
}

void item_stays_held(limiter_t *l, item_t *i) /* loaded */
{
    i->state = STATE_HELD;
    held_put(l, i);
}

void unpark_begin(limiter_t *l) { l->unpark_next = list_first(&l->held); }

static void unpark(limiter_t *l, item_t *i)
{
    held_take(l, i);
    i->state = STATE_QUEUED;
    item_set_reason(i, NULL, 0);
    item_touch(l, i);
    order_enter(l, i);
}

static void unpark_go_on(limiter_t *l)
{
    for (; l->unpark_next && l->budget > 0 && step_has_room(l); l->budget--) {
        item_t *i = item_of(l->unpark_next);
        l->unpark_next = list_next(&l->held, l->unpark_next);
        if (i->parked && mode_gate(l, item_route(l, i)) == GATE_OPEN && !BUG(DRAIN_NEVER_ENDS))
            unpark(l, i);
        if (l->parked == 0)
            l->unpark_next = NULL;
    }
}

void enter_go_on(limiter_t *l)
{
    if (l->phase != LOADED)
        return;
    unpark_go_on(l);
    list_node_t *n;
    for (; !l->unpark_next && l->budget > 0 && step_has_room(l) && (n = list_pop(&l->newcomers));
         l->budget--)
        enter_queue(l, item_of(n));
    if (l->unpark_next || l->newcomers.count > 0)
        wish_again(l->e);
}

/* ---- kept by a limit ---- */

static bucket_t *bucket_at(const limiter_t *l, const item_t *i, uint8_t on)
{
    return on == WAITS_GATE  ? route_gate(l, i->route)
           : on >= WAITS_JOB ? i->job->of[on - WAITS_JOB].bucket
                             : i->needs->of[on].bucket;
}

static bucket_t *blocker_bucket(const limiter_t *l, const item_t *i)
{
    return bucket_at(l, i, i->waits_on);
}

bucket_t *item_waker(const limiter_t *l, const item_t *i) { return bucket_at(l, i, i->woken_by); }

uint32_t blocker_cost(const item_t *i) { return item_claim(i).cost; }

claim_t item_claim(const item_t *i)
{
    if (i->waits_on == WAITS_GATE)
        return (claim_t){1, item_class(i)};
    const need_t *need = i->waits_on >= WAITS_JOB ? &i->job->of[i->waits_on - WAITS_JOB]
                                                  : &i->needs->of[i->waits_on];
    claim_t claim = need_claim(need, item_class(i));
    claim.holds = i->waits_on >= WAITS_JOB && i->job_held;
    return claim;
}

bucket_t *item_blocker(const limiter_t *l, const item_t *i)
{
    return i->blocker == BLOCKER_LIMIT ? blocker_bucket(l, i) : NULL;
}

bucket_t *item_limit(const limiter_t *l, const item_t *i) { return blocker_bucket(l, i); }

/* It has left the way that a bucket woke it to: the wake goes on to the next. */
void unwake(limiter_t *l, item_t *i)
{
    if (i->waits_on == WAITS_NOTHING)
        return;
    bucket_t *b = blocker_bucket(l, i);
    must(b->woken >= blocker_cost(i));
    b->woken -= blocker_cost(i);
    i->waits_on = WAITS_NOTHING;
    if (!BUG(WAKE_NOT_PASSED_ON))
        bucket_look(l, b);
}

void item_wake(limiter_t *l, item_t *i)
{
    if (i->due.due.us > l->now.at.us)
        item_touch(l, i); /* it need not wait so long after a restart */
    i->due.due.us = 0;
    make_ready(l, i, item_step(l, i)->pool, true);
}

bool item_is_before(const limiter_t *l, const item_t *a, const item_t *b)
{
    int64_t of_a = a->order_us - l->rules.shift_us[item_class(a)],
            of_b = b->order_us - l->rules.shift_us[item_class(b)];
    return of_a < of_b || (of_a == of_b && a->seq < b->seq);
}

/* Where it waited it keeps its place before those that wait behind it. At another limit it is a
 * newcomer, but the second time: else it would go from the end of one queue to that of the other.
 */
static bool comes_first(const limiter_t *l, const item_t *i, const bucket_t *b)
{
    const fair_node_t *first = fair_first(&b->waiters);
    bool older = first && item_is_before(l, i, list_of(first, item_t, place));
    return i->woken && (item_waker(l, i) == b || (i->in_vain && older));
}

/* Nobody knows when it goes on: what others may have meanwhile is theirs. Its place at a door that
 * refuses stays: it was accepted with it. */
static void gate_gives(limiter_t *l, item_t *i)
{
    if (i->job_held && !needs_reject(i->job)) {
        job_give(l, i);
        item_touch(l, i);
    }
}

void item_keep(limiter_t *l, item_t *i, uint8_t on)
{
    bucket_t *b = bucket_at(l, i, on);
    bool front = comes_first(l, i, b);
    if (on == WAITS_GATE)
        gate_gives(l, i); /* perhaps what it has of the limit that woke it */
    item_waits(l, i, BLOCKER_LIMIT);
    i->in_vain |= i->woken;
    i->woken = false;
    i->standing = STANDS_NOT;
    i->waits_on = on;
    if (BUG(WAITING_IS_FAILING))
        i->failed++;
    if (b->of)
        b->of->kept++;
    fair_put(&b->waiters, &i->place, put_at(i, front));
    bucket_look(l, b); /* only to arm its wake: it keeps this one */
}

/* Out of whatever list it waits in: to be held, ended, or put again in another class. */
void item_unplace(limiter_t *l, item_t *i)
{
    must(i->state != STATE_ASSIGNED);
    uint8_t waited_for = i->blocker;
    item_waits(l, i, BLOCKER_NONE);
    agenda_remove(l->agenda, &i->due);
    if (waited_for == BLOCKER_LIMIT) {
        bucket_t *b = blocker_bucket(l, i);
        fair_remove(&b->waiters, &i->place);
        stand_by_gone(l, b, i);
        i->waits_on = WAITS_NOTHING;
        bucket_look(l, b);
    } else if (i->standing == STANDS_BY) {
        stand_by_leave(l, i);
    } else if (waited_for == BLOCKER_CONNECTION) {
        pool_remove(l, i, item_step(l, i)->pool);
        look_at_pool(l, item_step(l, i)->pool); /* who was first may have kept a holder empty */
        unwake(l, i);
    } else if (waited_for == BLOCKER_BODY) {
        i->reading = false;
        l->pools[item_step(l, i)->pool].reading--;
        look_at_pool(l, item_step(l, i)->pool);
        unwake(l, i);
    } else if (waited_for == BLOCKER_HOLD && item_is_placed(i)) {
        held_take(l, i);
    } else if (waited_for == BLOCKER_VALUES) {
        crowd_leave(l, i);
    }
    crowd_forget(l, i);
    i->woken = false;
}

/* Its key waits with a better class now, or no longer: its place in the order changes. */
void item_reclass(limiter_t *l, item_t *i)
{
    if (i->standing == STANDS_BY) {
        stand_by_reclass(l, i);
    } else if (i->blocker == BLOCKER_CONNECTION && !i->woken) {
        fair_t *ready = &l->pools[item_step(l, i)->pool].ready;
        fair_remove(ready, &i->place);
        fair_put(ready, &i->place, put_as(i, false));
        look_at_pool(l, item_step(l, i)->pool);
    } else if (i->blocker == BLOCKER_LIMIT) {
        bucket_t *b = blocker_bucket(l, i);
        fair_remove(&b->waiters, &i->place);
        fair_put(&b->waiters, &i->place, put_at(i, false));
        bucket_look(l, b);
    }
}

static void nobody_waits(limiter_t *l, bucket_t *b, void *arg)
{
    (void)l;
    (void)arg;
    while (fair_take(&b->waiters))
        continue;
    stand_by_end(b);
}

/* At the end of a life: whoever waits in an order of core/fair.h is taken out of it. */
void waits_end(limiter_t *l)
{
    buckets_each(l, nobody_waits, NULL);
    for (size_t n = 0; n < l->config->pool_count; n++)
        while (fair_take(&l->pools[n].ready))
            continue;
}
