/* settle.c: the ends of assignments. A settle counts only for the open assignment that it names
 * (attempt and fence); any other changes nothing, except that a reported write is remembered. */
#include "actors/limiter/parts.h"

#include <stdio.h>

#include "core/backoff.h"
#include "sys/log_wanted.h"

/* Takes it out of its holder's hands; its slots are free from here on. What its end teaches the
 * limits is told here, so that no way out forgets it. s: its settle; NULL: there was none, and it
 * taught nothing. */
static void taken_back(limiter_t *l, item_t *i, const msg_settle_t *s)
{
    limits_learn(l, i, s ? s : &(msg_settle_t){.outcome = OUTCOME_UNBEGUN});
    holder_t *h = i->hand.by;
    list_remove(&h->items, &i->place.place);
    if (h->alone == i || (h->emptied_for && h->items.count == 0))
        pools_look(l); /* a suspect may have it now, or all others again */
    if (h->alone == i)
        h->alone = NULL;
    i->state = STATE_QUEUED;
    i->due = (agenda_entry_t){0};
    must(l->assigned > 0);
    assigned_count(l, i, -1);
    needs_give(l, i->needs);
}

void item_die(limiter_t *l, item_t *i, const char *reason)
{
    char word[32]; /* the metric's label: the reason's first word, so that its values are few */
    snprintf(word, sizeof word, "%.*s", (int)strcspn(reason, ": "), reason);
    item_set_reason(i, reason, strlen(reason));
    wish_count(l->e, METRIC_DEAD, bytes_str(word), 1);
    item_log(l, i, LOG_DEAD, "message became a dead letter; `weirctl dead redrive` puts it back",
             reason);
    item_finish(l, i, STATE_DEAD);
}

/* The step will not succeed: what its route says of that. */
void step_failed(limiter_t *l, item_t *i, const char *reason)
{
    switch ((enum on_failure)item_route(l, i)->on_failure) {
    case ON_FAILURE_DEAD:
        item_die(l, i, reason);
        return;
    case ON_FAILURE_BLOCK:
        hold(l, i, reason);
        return;
    case ON_FAILURE_SKIP:
        step_ended(l, i);
        return;
    }
}

static void try_again(limiter_t *l, item_t *i, const char *reason, uint32_t floor_ms)
{
    const step_t *step = item_step(l, i);
    i->failed++;
    needs_free(l, &i->needs); /* a retry needs more */
    item_set_reason(i, reason, strlen(reason));
    if (i->failed >= step->attempts && !BUG(RETRY_FOR_EVER)) {
        step_failed(l, i, reason);
        return;
    }
    int64_t wait = backoff_us(step->backoff_base_ms * US_PER_MS, step->backoff_cap_ms * US_PER_MS,
                              i->failed, floor_ms * US_PER_MS, rand_next(&l->chance));
    item_log(l, i, LOG_RETRY, "step failed; it will be tried again", reason);
    pause_until(l, i, instant_after_us(l->now.at, wait));
}

/* What a reload made of its step since is what is done again: where that is no call any more,
 * nothing is sent twice. */
static bool is_harmless_twice(const step_t *step)
{
    return BUG(UNKNOWN_SENT_AGAIN) || step->kind != STEP_CALL || step->downstream->idempotent ||
           step->on_unknown == UNKNOWN_RETRY;
}

static void unknown(limiter_t *l, item_t *i, const char *reason, bool failed)
{
    const step_t *step = item_step(l, i);
    i->flags |= PROGRESS_UNKNOWN;
    item_log(l, i, LOG_UNKNOWN, "the outcome of a call is unknown", reason);
    if (is_harmless_twice(step)) {
        i->flags |= PROGRESS_MAYBE_DUPLICATE;
        if (failed) {
            try_again(l, i, reason, 0);
        } else {
            item_touch(l, i);
            offer(l, i);
        }
    } else if (step->on_unknown == UNKNOWN_HOLD) {
        hold(l, i, "unknown: the call may have happened; verify, then release or drop it");
    } else {
        item_die(l, i, "unknown: the call may have happened");
    }
}

static void unbegun_pause(limiter_t *l, item_t *i)
{
    int64_t wait = UNBEGUN_PAUSE_US + (int64_t)rand_below(&l->chance, UNBEGUN_PAUSE_US);
    instant_t due = instant_after_us(l->now.at, wait);
    if (i->job_held && needs_reject(i->job))
        wait_until(l, i,
                   due); /* what it was accepted with at the door is not for who comes later */
    else
        pause_until(l, i, due);
}

void unbegun(limiter_t *l, item_t *i, bool pause)
{
    if (i->job_held && i->job_new && !needs_reject(i->job)) {
        job_refund(l, i);
        job_give(l, i);
    }
    needs_refund(l, i->needs);
    taken_back(l, i, NULL);
    item_touch(l, i);
    if (pause)
        unbegun_pause(l, i);
    else
        offer(l, i);
}

/* It would be as late the next time, for ever, if nothing changed; and nobody would see why. */
static void late(limiter_t *l, item_t *i, const char *reason)
{
    slack_late(l, i->needs, i->hand.start_by_us);
    slack_late(l, i->job_new ? i->job : NULL, i->hand.start_by_us);
    item_set_reason(i, reason, strlen(reason));
}

void bereave(limiter_t *l, item_t *i, bool ordered)
{
    bool was_call = i->hand.by->actor == ACTOR_RESPONDER; /* its step may be another by now */
    if (BUG(SLOT_LEAKED)) {
        list_remove(&i->hand.by->items, &i->place.place);
        i->state = STATE_QUEUED;
        i->due = (agenda_entry_t){0};
        assigned_count(l, i, -1);
        offer(l, i);
        return;
    }
    bool alone = i->hand.by->alone == i;
    if (!ordered)
        i->deaths++;
    if (!ordered && alone && i->deaths > SUSPECT_DEATHS && !BUG(POISON_GOES_ON)) {
        strict_keep(l, i);
        taken_back(l, i, NULL);
        i->flags |= PROGRESS_UNKNOWN;
        item_die(l, i, "poison: the actor that had it alone in hand died");
        return;
    }
    if (!was_call || BUG(DEATH_MEANS_UNSENT)) {
        unbegun(l, i, false);
        return;
    }
    strict_keep(l, i);
    taken_back(l, i, NULL);
    unknown(l, i, "its responder died while the call was in hand", false);
}

/* A person's order ended it with its outcome unknown: no failed attempt, and no word about the far
 * side, which may still work for it. */
static void cancelled(limiter_t *l, item_t *i, const char *reason)
{
    l->cancel.unknown++;
    strict_keep(l, i);
    taken_back(l, i, NULL);
    item_set_reason(i, reason, strlen(reason));
    unknown(l, i, reason, false);
}

static void succeeded(limiter_t *l, item_t *i, const msg_settle_t *s)
{
    const step_t *step = item_step(l, i);
    i->failed = 0;
    if (step->lease_id && step->kind == STEP_CALL) /* whatever becomes of the result */
        lease_from_step(l, i, step);
    if (s->result.len > 0 && !item_add_result(i, step->name, s->result)) {
        step_failed(l, i, "results: too large to keep");
        return;
    }
    item_set_reason(i, NULL, 0);
    step_ended(l, i);
}

/* Of its route's limits. */
static instant_t job_paused_until(const item_t *i)
{
    instant_t until = {0};
    for (size_t n = 0; i->job_held && n < i->job->count; n++)
        if (i->job->of[n].bucket->paused_until_us > until.us)
            until.us = i->job->of[n].bucket->paused_until_us;
    return until;
}

/* The far side said when to come back: its limit waits, and everybody with it. Not an attempt. */
static void deferred(limiter_t *l, item_t *i, const char *reason)
{
    item_set_reason(i, reason, strlen(reason));
    item_touch(l, i);
    if (BUG(DEFER_IS_FAILING))
        i->failed++;
    instant_t until = job_paused_until(i);
    bool paused = until.us > l->now.at.us; /* which it would pass with the slots that it has */
    if (paused && item_route(l, i)->keep_slots_in_backoff) {
        pause_until(l, i, until);
        return;
    }
    if (paused)
        job_give(l, i);
    offer(l, i);
}

static void stale(limiter_t *l, const msg_settle_t *s)
{
    item_t *i = seqmap_find(l->live, (int64_t)s->seq);
    wish_count(l->e, METRIC_STALE_SETTLES, bytes_of(NULL, 0), 1);
    if (!i)
        return;
    if (s->wrote && !(i->flags & PROGRESS_MAYBE_DUPLICATE)) {
        i->flags |= PROGRESS_MAYBE_DUPLICATE | PROGRESS_UNKNOWN;
        item_touch(l, i);
    }
    if (BUG(SETTLE_TWICE) && s->outcome == OUTCOME_OK && i->state == STATE_ASSIGNED &&
        i->attempt > s->attempt) {
        taken_back(l, i, NULL);
        step_ended(l, i);
    }
}

static bool is_open(const limiter_t *l, const msg_settle_t *s)
{
    const item_t *i = seqmap_find(l->live, (int64_t)s->seq);
    if (!i || i->state != STATE_ASSIGNED)
        return false;
    return (i->attempt == s->attempt && i->hand.fence == s->fence) || BUG(STALE_SETTLE_COUNTS);
}

void settle(limiter_t *l, const msg_settle_t *s)
{
    char reason[REASON_BYTES_MAX + 1];
    wish_count(l->e, METRIC_SETTLED, bytes_str(outcome_name((unsigned)s->outcome)), 1);
    if (!is_open(l, s)) {
        stale(l, s);
        return;
    }
    item_t *i = seqmap_find(l->live, (int64_t)s->seq);
    snprintf(reason, sizeof reason, "%.*s", (int)s->reason.len,
             s->reason.len ? (const char *)s->reason.data : "");
    if (s->wrote)
        i->flags |= PROGRESS_WROTE;
    l->cancel.calls += s->cancelled;
    if (s->outcome == OUTCOME_UNBEGUN) {
        if (l->now.at.us >= i->hand.start_by_us)
            late(l, i, reason);
        unbegun(l, i, true);
        return;
    }
    if (log_wanted(l->config, item_route(l, i), &i->id))
        item_tell(l, i, LOG_SETTLED, outcome_name((unsigned)s->outcome), reason);
    if (s->cancelled) {
        cancelled(l, i, reason);
        return;
    }
    signals_settled(l, i, s);
    taken_back(l, i, s);
    if (s->outcome == OUTCOME_OK)
        succeeded(l, i, s);
    else if (s->outcome == OUTCOME_RETRY)
        try_again(l, i, reason, (uint32_t)s->retry_after_ms);
    else if (s->outcome == OUTCOME_DEFER)
        deferred(l, i, reason);
    else if (s->outcome == OUTCOME_UNKNOWN)
        unknown(l, i, reason, true);
    else
        step_failed(l, i, reason[0] ? reason : "failed");
}
