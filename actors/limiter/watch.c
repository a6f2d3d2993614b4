/* watch.c: twice a second the pressure is told (to the drainer and as metrics) and the disk looked
 * at; every five seconds a sweep looks for work that could run and that nobody woke. It repairs and
 * counts: a repair is a bug. */
#include "actors/limiter/parts.h"

#include <stdlib.h>

static uint64_t oldest_age_us(const limiter_t *l)
{
    const item_t *i = l->phase == LOADED ? seqmap_find(l->live, l->tally.first_live) : NULL;
    int64_t age = i ? l->now.wall.us - i->accepted.us : 0;
    return age > 0 ? (uint64_t)age : 0;
}

/* Of each limit over its label values: in use, as many as there may be, and who waits. */
typedef struct limit_sum {
    uint64_t in_use, slots, waiting;
} limit_sum_t;

static void sum_bucket(limiter_t *l, bucket_t *b, void *arg)
{
    limit_sum_t *sum = (limit_sum_t *)arg + b->of->index;
    sum->waiting += fair_count(&b->waiters);
    if (b->whole)
        return;
    uint32_t slots = bucket_slots(l, b, CLASS_CRITICAL);
    sum->in_use += b->in_use;
    sum->slots += slots == SLOTS_ANY ? 0 : slots;
}

/* What waits for nothing else waits for an earlier message of its key. */
static void waiting(limiter_t *l, uint64_t kept)
{
    uint64_t of[BLOCKER_COUNT] = {[BLOCKER_HOLD] = l->held.count,
                                  [BLOCKER_DUE] = agenda_count(l->agenda),
                                  [BLOCKER_LIMIT] = kept,
                                  [BLOCKER_VALUES] = l->crowd.count};
    for (size_t n = 0; n < l->config->pool_count; n++) {
        of[BLOCKER_CONNECTION] +=
            l->pools[n].woken.count + fair_count(&l->pools[n].ready) + l->pools[n].standing;
        of[BLOCKER_BODY] += l->pools[n].reading;
    }
    uint64_t others = l->assigned + l->newcomers.count;
    for (unsigned b = 0; b < BLOCKER_COUNT; b++)
        others += of[b];
    if (l->phase == LOADED && l->tally.live > others)
        of[BLOCKER_KEY] = l->tally.live - others;
    for (unsigned b = BLOCKER_KEY; b < BLOCKER_COUNT; b++)
        wish_gauge(l->e, METRIC_WAITING, bytes_str(blocker_name(b)), (double)of[b]);
}

/* Returns how many wait for a limit. */
static uint64_t slots(limiter_t *l)
{
    limit_sum_t *sums = calloc(l->config->limit_count + 1, sizeof *sums);
    uint64_t kept = 0;
    must(sums);
    buckets_each(l, sum_bucket, sums);
    for (size_t n = 0; n < l->config->limit_count; n++) {
        bytes_t name = bytes_str(l->config->limits[n].name);
        kept += sums[n].waiting;
        if (n >= l->config->named_limits)
            continue;
        wish_gauge(l->e, METRIC_SLOTS, name, (double)sums[n].in_use);
        wish_gauge(l->e, METRIC_SLOTS_MAX, name, (double)sums[n].slots);
        wish_gauge(l->e, METRIC_LIMIT_WAITING, name, (double)sums[n].waiting);
    }
    free(sums);
    wish_gauge(l->e, METRIC_LEASES, bytes_of(NULL, 0),
               (double)(l->lease_count - l->tombstone_count));
    return kept;
}

static void gauges(limiter_t *l)
{
    bytes_t none = bytes_of(NULL, 0);
    wish_gauge(l->e, METRIC_QUEUED, bytes_str("assigned"), (double)l->assigned);
    wish_gauge(l->e, METRIC_QUEUED, bytes_str("held"), (double)l->held.count);
    wish_gauge(l->e, METRIC_QUEUED, bytes_str("queued"),
               (double)(l->tally.live - l->assigned - l->held.count));
    wish_gauge(l->e, METRIC_QUEUE_BYTES, none, (double)l->tally.live_bytes);
    wish_gauge(l->e, METRIC_OLDEST_SECONDS, none, (double)oldest_age_us(l) / 1e6);
    wish_gauge(l->e, METRIC_DISK_FREE, none, (double)l->disk_free);
    for (unsigned m = 0; m < MODE_COUNT; m++)
        wish_gauge(l->e, METRIC_MODE, bytes_str(mode_name(m)), m == l->mode);
    mode_gauges(l);
    wish_gauge(l->e, METRIC_DEAD_LETTERS, none, (double)l->tally.dead);
    waiting(l, slots(l));
    truths_gauges(l);
}

static void pressure(limiter_t *l)
{
    gauges(l);
    if (l->drainer != PEER_NOBODY && l->phase == LOADED) {
        signals_tell(l);
        wish_send_now(l->e, l->drainer, MESSAGE_PRESSURE,
                      &(msg_pressure_t){.queued = l->tally.live - l->held.count,
                                        .assigned = l->assigned,
                                        .dead = l->tally.dead,
                                        .bytes = l->tally.live_bytes,
                                        .oldest_us = oldest_age_us(l),
                                        .disk_free = l->disk_free,
                                        .done = l->tally.done,
                                        .ended = l->ended,
                                        .parked = l->parked});
    }
    read_request_t r = {.kind = READ_SPACE, .token = READ_TOKEN(READ_FOR_SPACE, 0)};
    if (!l->space_asked)
        l->space_asked = read_ask(l, &r);
    prints_sweep(l->prints, 65536);
}

/* Many values come and go: those that nobody needs must not keep others out. */
static bool is_crowded(const limiter_t *l)
{
    return l->bucket_count > (l->config->queue.buckets_max + l->config->limit_count) / 4 * 3;
}

/* Two watermarks: refuse below the lower, accept again above it and a tenth more. */
void space_arrived(limiter_t *l, const read_result_t *read)
{
    uint64_t low = l->config->store.low_mb << 20;
    l->space_asked = false;
    if (read->error != 0)
        return;
    l->disk_free = read->disk_free;
    l->memory = read->memory;
    bool is_low = l->disk_low ? l->disk_free < low + low / 10 : l->disk_free < low;
    if (is_low != l->disk_low)
        wish_log(
            l->e,
            &(log_line_t){
                .event = is_low ? LOG_STORE_FULL : LOG_STORE_SPACE,
                .text = is_low
                            ? "the disk is nearly full; new work is refused, work in hand goes on"
                            : "there is space again; new work is accepted"});
    l->disk_low = is_low;
}

static bool pool_could_run(const limiter_t *l, size_t pool)
{
    const pool_t *p = &l->pools[pool];
    const item_t *i = pool_first(p);
    if (p->look || pool == own_pool(l))
        return false;
    if (!i)
        return p->stand_bys.count > 0 && pool_free(l, pool) > 0;
    if (i->deaths >= SUSPECT_DEATHS)
        return false; /* it waits until somebody has nothing else in hand */
    return pool_free(l, pool) > p->reading;
}

/* Its first waiter could pass, nobody is on his way, and no time was set. */
static void sweep_bucket(limiter_t *l, bucket_t *b, void *arg)
{
    (void)arg;
    if (fair_count(&b->waiters) == 0 || b->looking.next || b->woken > 0 || b->wake.place != 0)
        return;
    answer_can_t can;
    bucket_next(l, b, &can);
    if (can.can == CAN_FULL || can.can == CAN_STOPPED)
        return;
    l->repairs++;
    bucket_look(l, b);
}

static void look_if_capped(limiter_t *l, bucket_t *b, void *arg)
{
    (void)arg;
    if (b->of->limit->cap.zone)
        bucket_look(l, b);
}

/* Somebody set the host's time: who waits for the next hour or day of the calendar waits for
 * another instant now. */
static void wall_clock_watch(limiter_t *l)
{
    int64_t ahead = l->now.wall.us - l->now.at.us, before = l->wall_ahead_us;
    l->wall_ahead_us = ahead;
    if (before == 0 || llabs(ahead - before) <= US_PER_S)
        return;
    buckets_each(l, look_if_capped, NULL);
    if (l->look)
        wish_again(l->e);
}

static void sweep(limiter_t *l)
{
    paces_sweep(l);
    keys_sweep(l);
    slacks_shrink(l);
    if (l->phase != LOADED || !mode_starts_work(l) || l->look)
        return;
    for (size_t n = 0; n < l->config->pool_count; n++)
        if (pool_could_run(l, n)) {
            l->look = l->pools[n].look = true;
            l->repairs++;
        }
    buckets_each(l, sweep_bucket, NULL);
    if (l->look) {
        wish_count(l->e, METRIC_REPAIRED, bytes_of(NULL, 0), 1);
        wish_log(l->e, &(log_line_t){.event = LOG_BUG,
                                     .text = "work that could run was not woken; repaired"});
        wish_again(l->e);
    }
}

void watch(limiter_t *l)
{
    wall_clock_watch(l);
    if (!instant_before(l->now.at, l->pressure_at)) {
        l->pressure_at = instant_after_us(l->now.at, PRESSURE_US);
        pressure(l);
        if (is_crowded(l))
            paces_sweep(l);
    }
    if (!instant_before(l->now.at, l->sweep_at)) {
        l->sweep_at = instant_after_us(l->now.at, SWEEP_US);
        sweep(l);
    }
    if (l->phase == LOADED && mode_starts_work(l) && crowd_can(l))
        wish_again(l->e); /* what was swept made room */
}
