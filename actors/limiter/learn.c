/* learn.c: what the ends of calls teach the limits: pauses from Retry-After, breakers, adaptive
 * slots, the slow start after a pause. */
#include "actors/limiter/parts.h"

#include <stdio.h>

#define DEFER_US (1 * US_PER_S) /* the far side named no time */
#define DEFER_MAX_MS (86400u * 1000)
#define PAUSE_JITTER_US (100 * US_PER_MS)

bucket_t *route_gate(const limiter_t *l, uint16_t route)
{
    size_t first = l->config->named_limits + l->config->downstream_count;
    return l->limits[first + route].only;
}

static void bucket_log(limiter_t *l, const bucket_t *b, enum log_event event, const char *text,
                       const char *reason)
{
    char limit[256];
    bucket_shown(b, limit, sizeof limit);
    log_line_t line = limit_line(event, b->of->limit->name, text);
    line.limit = bytes_str(limit);
    line.reason = bytes_str(reason);
    wish_log(l->e, &line);
}

/* The limits of its route learn from its calls; what a classifier says is not about a far side. */
static needs_t *job_of(const limiter_t *l, const item_t *i)
{
    return i->job_held && item_step(l, i)->kind == STEP_CALL ? i->job : NULL;
}

static bool learns_now(const bucket_t *b) { return b->of->limit->learns && !b->of->disabled; }

static bool any_learns(const needs_t *needs)
{
    bool learns = false;
    for (size_t n = 0; needs && n < needs->count; n++)
        learns |= learns_now(needs->of[n].bucket);
    return learns;
}

/* The limits that the far side's word is about: those that learn, else the downstream's own. */
static bool is_meant(const bucket_t *b, bool learns)
{
    return learns && !BUG(LEARNED_FOR_ALL) ? learns_now(b) : b->of->limit->own && !b->calls;
}

static void pause(limiter_t *l, const needs_t *needs, bool learns, int64_t wait, const char *why)
{
    char text[160];
    for (size_t n = 0; needs && n < needs->count; n++) {
        bucket_t *b = needs->of[n].bucket;
        instant_t until = instant_after_us(l->now.at, wait);
        if (!is_meant(b, learns) || BUG(PAUSE_ONE_MESSAGE_ONLY))
            continue;
        if (until.us <= b->paused_until_us)
            continue;
        bucket_pause(l, b, until, why);
        snprintf(text, sizeof text,
                 "the far side asks to wait %lld ms: all calls that draw from this limit wait; "
                 "then one is tried",
                 (long long)(wait / US_PER_MS));
        bucket_log(l, b, LOG_PAUSE, text, why);
    }
}

static void pause_all(limiter_t *l, const item_t *i, const msg_settle_t *s)
{
    const char *why = s->status == 429 ? "429" : s->status == 503 ? "503" : "Retry-After";
    uint64_t ms = s->retry_after_ms < DEFER_MAX_MS ? s->retry_after_ms : DEFER_MAX_MS;
    int64_t wait = ms ? (int64_t)ms * US_PER_MS : DEFER_US;
    wait += (int64_t)rand_below(&l->chance, PAUSE_JITTER_US);
    bool learns = any_learns(i->needs) || any_learns(job_of(l, i));
    pause(l, i->needs, learns, wait, why);
    pause(l, job_of(l, i), learns, wait, why);
}

static void share_look(limiter_t *l, bucket_t *b, void *whole)
{
    if (b->whole == whole)
        bucket_look(l, b);
}

static void adapt(limiter_t *l, bucket_t *b, instant_t started, const msg_settle_t *s,
                  bool answered)
{
    if (BUG(ADAPTIVE_NOT_LOWERED) ? !answered : BUG(ADAPTIVE_STAYS_LOW) && answered)
        return;
    if (started.us == 0)
        return; /* it began in an earlier life of ours, whose slots were other ones */
    adaptive_end_t end = answered           ? ADAPTIVE_OK
                         : s->status == 429 ? ADAPTIVE_LIMITED
                         : s->status == 503 ? ADAPTIVE_OVERLOADED
                                            : ADAPTIVE_TIMED_OUT;
    if (!answered && s->status != 0 && s->status != 429 && s->status != 503)
        return; /* it failed in another way: that says nothing of how much it bears */
    adaptive_change_t change =
        adaptive_ended(&b->adaptive->now, &b->adaptive->rules, started, l->now.at, end, b->in_use);
    if (change.reason == ADAPTIVE_UNCHANGED)
        return;
    bucket_look(l, b);
    if (b->of->limit->share_by) /* each share is a part of it */
        buckets_each(l, share_look, b);
    char text[128];
    snprintf(text, sizeof text, "adaptive slots %u -> %u", change.from, change.to);
    bucket_log(l, b, LOG_LIMIT_ADAPTED, text, adaptive_reason_text(change.reason));
}

static void break_or_mend(limiter_t *l, bucket_t *b, instant_t started, bool answered)
{
    if (!b->breaker)
        return;
    breaker_event_t event = breaker_ended(&b->breaker->now, &b->breaker->rules, started, l->now.at,
                                          answered, rand_next(&l->chance));
    if (event == BREAKER_UNCHANGED)
        return;
    bool open = b->breaker->now.state == BREAKER_OPEN;
    bucket_changed(l, b);
    if (open)
        bucket_start_slowly(l, b);
    bucket_log(
        l, b, LOG_BREAKER,
        open ? "too many calls fail: a pause for all of them, nothing is lost; then one is tried"
             : "calls succeed again: more and more of them go",
        breaker_event_text(event));
}

static slow_start_end_t end_of(unsigned outcome)
{
    return outcome == OUTCOME_OK || outcome == OUTCOME_FAIL ? SLOW_START_OK
           : outcome == OUTCOME_DEFER                       ? SLOW_START_DEFERRED
           : outcome == OUTCOME_UNBEGUN                     ? SLOW_START_LOST
                                                            : SLOW_START_FAILED;
}

/* Its place in a slow start stays its own where it will try again with the slot that it has, and
 * goes back with the slot where its call said nothing. */
static void job_learns(limiter_t *l, const item_t *i, const msg_settle_t *s, slow_start_end_t end)
{
    needs_t *job = job_of(l, i);
    bool again = end == SLOW_START_FAILED && item_route(l, i)->keep_slots_in_backoff;
    for (size_t n = 0; job && end != SLOW_START_LOST && n < job->count; n++) {
        bucket_t *b = job->of[n].bucket;
        if (!again)
            need_ended(&job->of[n], end);
        if (b->adaptive) /* the call began with its step's needs, and maybe not the first of it */
            adapt(l, b, (instant_t){i->needs->of[0].taken_us}, s, end == SLOW_START_OK);
        bucket_look(l, b);
    }
}

void limits_learn(limiter_t *l, const item_t *i, const msg_settle_t *s)
{
    slow_start_end_t end = end_of((unsigned)s->outcome);
    if (!i->needs || i->needs->count == 0)
        return;
    for (size_t n = 0; n < i->needs->count; n++) {
        bucket_t *b = i->needs->of[n].bucket;
        instant_t started = {i->needs->of[n].taken_us};
        need_ended(&i->needs->of[n], end);
        if (b->adaptive && end != SLOW_START_LOST)
            adapt(l, b, started, s, end == SLOW_START_OK);
        if (end == SLOW_START_LOST || end == SLOW_START_DEFERRED) {
            if (b->breaker)
                breaker_lost(&b->breaker->now, started);
        } else {
            break_or_mend(l, b, started, end == SLOW_START_OK);
        }
        bucket_look(l, b);
    }
    job_learns(l, i, s, end);
    if (end == SLOW_START_DEFERRED || (s->outcome == OUTCOME_RETRY && s->retry_after_ms > 0))
        pause_all(l, i, s);
}
