/* pass.c: whether something may pass a bucket, and what passing takes and gives back. */
#include "actors/limiter/parts.h"

/* ---- may it pass? ---- */

static uint32_t part_of(uint32_t slots, unsigned percent)
{
    uint32_t part = (uint32_t)((uint64_t)slots * percent / 100);
    return slots == SLOTS_ANY || slots == 0 || percent == 100 ? slots : part > 0 ? part : 1;
}

/* As a part of the calls in flight, as in Envoy's retry budgets
 * (https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/cluster/v3/circuit_breaker.proto): it
 * needs no clock, and where only retries are left they go on, a few at a time. */
static uint32_t retry_slots(const bucket_t *b)
{
    const limit_t *limit = b->of->limit;
    uint32_t part = (uint32_t)((uint64_t)b->calls->in_use * limit->retries.percent / 100);
    return part > limit->retries.least ? part : limit->retries.least;
}

static uint32_t unreserved(const limit_t *limit, uint32_t slots, uint8_t class)
{
    if (slots == SLOTS_ANY || class <= limit->reserved_class)
        return slots;
    return slots > limit->reserved ? slots - limit->reserved : 0;
}

/* As people set it: what slow_down and an adaptive limit leave of it does not count. */
static uint32_t slots_set(const bucket_t *b, uint8_t class)
{
    const limit_t *limit = b->of->limit;
    if (b->whole)
        return part_of(slots_set(b->whole, CLASS_CRITICAL), limit->max_share_percent);
    return unreserved(limit, b->slots, class);
}

static uint32_t less(uint32_t a, uint64_t b) { return a < b ? a : (uint32_t)b; }

/* As set: what slow_down and an adaptive limit leave of it is no mistake of who asks. */
uint32_t bucket_most(const bucket_t *b, uint8_t class)
{
    const limit_t *limit = b->of->limit;
    if (b->of->disabled || b->of->observe || b->calls)
        return SLOTS_ANY;
    uint32_t slots = slots_set(b, class), most = slots > 0 ? slots : SLOTS_ANY;
    if (b->whole)
        return most;
    if (limit->rate.shape != RATE_NONE && b->count > 0)
        most = less(most, b->window ? b->count : b->rate.burst);
    return b->cap.zone && b->cap.most > 0 ? less(most, b->cap.most) : most;
}

uint32_t bucket_slots(const limiter_t *l, const bucket_t *b, uint8_t class)
{
    const limit_t *limit = b->of->limit;
    uint32_t slots;
    if (b->calls)
        return retry_slots(b);
    if (b->whole && BUG(SHARE_IGNORED))
        return SLOTS_ANY;
    if (b->whole)
        return part_of(bucket_slots(l, b->whole, CLASS_CRITICAL), limit->max_share_percent);
    slots = b->of->pinned ? b->slots : part_of(b->slots, l->pace_percent);
    if (b->adaptive && (!b->of->pinned || BUG(PIN_IGNORED)))
        slots =
            less(slots, b->adaptive->now.limit + BUG(ADAPTIVE_EXCEEDED) - BUG(ADAPTIVE_STARVES));
    return unreserved(limit, slots, class);
}

/* Where Weir itself left fewer slots than one message takes, that one runs alone: else nothing
 * would end from which it learns that there may be more, and all others would wait behind it. */
static bool has_room(const limiter_t *l, const bucket_t *b, uint32_t ahead, claim_t claim)
{
    uint32_t slots = bucket_slots(l, b, claim.class);
    bool alone = b->in_use + ahead == 0 && !b->calls && !BUG(ADAPTIVE_STARVES);
    return slots == SLOTS_ANY || b->in_use + ahead + claim.cost <= slots ||
           (alone && claim.cost <= slots_set(b, claim.class));
}

unsigned limit_pace(const limiter_t *l, const limit_state_t *s)
{
    return s->pinned ? 100 : l->pace_percent;
}

gcra_rate_t bucket_rate(const limiter_t *l, const bucket_t *b)
{
    return gcra_slowed(b->rate, limit_pace(l, b->of));
}

/* Slowed down, a window lets a part of its count through: the rest counts as taken. What costs more
 * than that part waits for the whole window. */
static int64_t window_slowed_us(const limiter_t *l, const bucket_t *b, uint32_t wanted)
{
    uint32_t part =
        b->of->pinned ? b->count : (uint32_t)((uint64_t)b->count * l->pace_percent / 100);
    uint32_t all = wanted + b->count - (part > 0 ? part : 1);
    return window_wait_us(b->window, l->now.at,
                          wanted <= b->count && all > b->count ? b->count : all);
}

static answer_can_t rate_can(const limiter_t *l, const bucket_t *b, uint32_t wanted)
{
    int64_t wait;
    if (b->whole || b->of->limit->rate.shape == RATE_NONE)
        return (answer_can_t){CAN_NOW, {0}};
    if (b->count == 0)
        return (answer_can_t){CAN_STOPPED, {0}};
    gcra_rate_t rate = bucket_rate(l, b);
    if (b->window)
        wait = window_slowed_us(l, b, wanted);
    else
        wait = gcra_wait_us(&b->gcra, &rate, l->now.at, wanted);
    if (wait < 0)
        return (answer_can_t){CAN_FULL, {0}};
    return (answer_can_t){wait > 0 ? CAN_LATER : CAN_NOW, instant_after_us(l->now.at, wait)};
}

static answer_can_t cap_can(const limiter_t *l, const bucket_t *b, uint32_t wanted)
{
    if (b->whole || !b->cap.zone)
        return (answer_can_t){CAN_NOW, {0}};
    if (b->cap.most == 0)
        return (answer_can_t){CAN_STOPPED, {0}};
    int64_t wait = calendar_wait_us(&b->cap, &b->used, l->now.wall, wanted);
    if (wait < 0)
        return (answer_can_t){CAN_FULL, {0}};
    return (answer_can_t){wait > 0 ? CAN_CAPPED : CAN_NOW, instant_after_us(l->now.at, wait)};
}

/* Until its time is up; while its probe is out, until that ends. */
static answer_can_t breaker_can(const bucket_t *b)
{
    instant_t due = breaker_due(&b->breaker->now);
    return (answer_can_t){instant_is_never(due) ? CAN_FULL : CAN_LATER, due};
}

answer_can_t bucket_can(const limiter_t *l, const bucket_t *b, uint32_t ahead, claim_t claim)
{
    if (b->stopped && (!b->probe || ahead > 0))
        return (answer_can_t){CAN_STOPPED, {0}};
    if (b->of->disabled)
        return (answer_can_t){CAN_NOW, {0}};
    if (b->paused_until_us > l->now.at.us)
        return (answer_can_t){CAN_LATER, {b->paused_until_us}};
    if (b->of->observe && !BUG(OBSERVED_KEEPS))
        return (answer_can_t){CAN_NOW, {0}};
    if (ahead >= slow_start_room(&b->slow))
        return (answer_can_t){CAN_FULL, {0}};
    if (b->breaker && !breaker_allows(&b->breaker->now, l->now.at))
        return breaker_can(b);
    if (!claim.holds && !has_room(l, b, ahead, claim))
        return (answer_can_t){CAN_FULL, {0}};
    if (claim.drew || claim.holds)
        return (answer_can_t){CAN_NOW, {0}};
    answer_can_t rate = rate_can(l, b, ahead + claim.cost);
    return rate.can != CAN_NOW ? rate : cap_can(l, b, ahead + claim.cost);
}

/* ---- taking and giving ---- */

static void observed(limiter_t *l, bucket_t *b, const need_t *need)
{
    limit_state_t *s = b->of;
    bool on = s->observe;
    s->observe = false;
    if (bucket_can(l, b, 0, need_claim(need, CLASS_NORMAL)).can != CAN_NOW) {
        s->would_keep++;
        wish_count(l->e, METRIC_WOULD_KEEP, bytes_str(s->limit->name), 1);
    }
    s->observe = on;
}

static void rate_take(const limiter_t *l, bucket_t *b, need_t *need)
{
    if (b->window) {
        instant_t felt = instant_after_us(l->now.at, b->of->slack_us);
        need->felt_us = window_take(b->window, l->now.at, felt, need->cost).us;
    } else if (b->of->limit->rate.shape != RATE_NONE) {
        gcra_rate_t rate = bucket_rate(l, b);
        need->receipt = gcra_take(&b->gcra, &rate, l->now.at, need->cost);
    }
}

/* More calls leave room for more retries. */
static void in_use_grows(limiter_t *l, bucket_t *b, uint32_t cost)
{
    b->in_use += cost;
    estimate_waits(&b->leaving, l->now.at);
    if (b->retries)
        bucket_look(l, b->retries);
}

/* Who passes though it is full (observed, disabled, granted while we were away) leaves the rate and
 * the cap to those that they are for. */
void bucket_take(limiter_t *l, need_t *need)
{
    bucket_t *b = need->bucket;
    const limit_t *limit = b->of->limit;
    if (b->of->observe)
        observed(l, b, need);
    in_use_grows(l, b, need->cost);
    need->taken_us = l->now.at.us;
    b->probe = false;
    need->slow_turn = slow_start_room(&b->slow) > 0 ? slow_start_began(&b->slow) : 0;
    if (b->breaker && breaker_allows(&b->breaker->now, l->now.at))
        breaker_began(&b->breaker->now, l->now.at);
    need->receipt = 0;
    need->felt_us = need->cap_receipt = 0;
    if (b->whole || need->drew || BUG(RATE_NOT_TAKEN))
        return;
    if (rate_can(l, b, need->cost).can == CAN_NOW)
        rate_take(l, b, need);
    if (b->cap.zone && !BUG(CAP_NOT_TAKEN) && cap_can(l, b, need->cost).can == CAN_NOW)
        need->cap_receipt = calendar_take(&b->cap, &b->used, l->now.wall, need->cost);
    if (limit->rate.shape != RATE_NONE || b->cap.zone)
        bucket_changed(l, b);
}

void bucket_hold(limiter_t *l, const need_t *need)
{
    bucket_t *b = need->bucket;
    in_use_grows(l, b, need->cost);
    if (l->phase != LOADED && b->in_use > b->slots)
        b->of->touched = true; /* in an earlier life it had more */
}

void bucket_give(limiter_t *l, const need_t *need)
{
    bucket_t *b = need->bucket;
    must(b->in_use >= need->cost);
    b->in_use -= need->cost;
    estimate_left(&b->leaving, l->now.at, need->cost);
    if (b->in_use == 0)
        estimate_empty(&b->leaving);
    if (!BUG(SLOT_NOT_WOKEN))
        bucket_look(l, b);
    if (b->whole)
        bucket_look(l, b->whole);
}

void bucket_refund(limiter_t *l, const need_t *need)
{
    bucket_t *b = need->bucket;
    const limit_t *limit = b->of->limit;
    if (b->whole || need->taken_us == 0)
        return;
    if (b->window && need->felt_us)
        window_give(b->window, (instant_t){need->felt_us}, need->cost);
    else if (!b->window && limit->rate.shape != RATE_NONE && b->count > 0) {
        const gcra_rate_t rate = bucket_rate(l, b); /* what was taken is worth so much by now */
        gcra_give(&b->gcra, &rate, need->receipt, need->cost);
    }
    if (b->cap.zone && need->cap_receipt)
        calendar_give(&b->used, need->cap_receipt, need->cost);
    if (limit->rate.shape != RATE_NONE || b->cap.zone)
        bucket_changed_late(l, b); /* lost with this life: on the safe side */
    bucket_look(l, b);
}
