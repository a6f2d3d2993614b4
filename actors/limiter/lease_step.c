/* lease_step.c: what steps do with leases: acquire and release, which the limiter does itself; a
 * call whose slots live on; and the slots of a call that may still run after its actor died. */
#include "actors/limiter/parts.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/msgid.h"
#include "core/template.h"

#define TOMBSTONE_MS (600u * 1000)

/* The lease's id as the step's template says it; false: it cannot be made, *why says so. */
static bool id_of(const limiter_t *l, const item_t *i, const step_t *step, char *id, char *why,
                  size_t why_size)
{
    char message[MSGID_TEXT];
    document_t *d = item_document(l, i, message);
    long length = template_text(bytes_str(step->lease_id), d, TEMPLATE_HEADER, id,
                                LEASE_ID_BYTES_MAX + 1, why, why_size);
    document_destroy(&d);
    return length > 0;
}

static uint64_t ttl_of(const needs_t *needs, const step_t *step)
{
    return step->lease_ttl_ms ? step->lease_ttl_ms : needs ? needs_ttl_ms(needs) : TOMBSTONE_MS;
}

static void ended_well(limiter_t *l, item_t *i, const step_t *step, const char *id, uint64_t fence)
{
    char *text = NULL;
    json_t *result = json_pack("{s:s,s:I}", "lease", id, "fence", (json_int_t)fence);
    bool kept = result && (text = json_dumps(result, JSON_COMPACT)) &&
                item_add_result(i, step->name, bytes_str(text));
    json_decref(result);
    free(text);
    if (kept)
        step_ended(l, i);
    else
        item_die(l, i, "results: too large to keep");
}

/* False: it cannot be made, and the step failed. */
static bool id_made(limiter_t *l, item_t *i, const step_t *step, char *id)
{
    char why[200], reason[256];
    if (id_of(l, i, step, id, why, sizeof why))
        return true;
    snprintf(reason, sizeof reason, "lease: %s", why);
    step_failed(l, i, reason);
    return false;
}

/* Whether each slot that the first counts is among those of the second. */
static bool slots_are_in(const needs_t *these, const needs_t *those)
{
    bool all = true;
    for (size_t n = 0; these && n < these->count; n++) {
        const need_t *need = &these->of[n];
        bool found = need->bucket->of->limit->own || need->bucket->of->limit->slots == 0;
        for (size_t k = 0; !found && those && k < those->count; k++)
            found = those->of[k].bucket == need->bucket && those->of[k].cost == need->cost;
        all &= found;
    }
    return all;
}

/* True: the step failed. What the far side may still hold, no webhook ends or prolongs. */
static bool is_of_call(limiter_t *l, item_t *i, const lease_t *held)
{
    char reason[256], id[LEASE_ID_BYTES_MAX + 1];
    if (!held || !(held->flags & LEASE_OF_CALL))
        return false;
    text_printable(bytes_of(held->id, held->length), id, sizeof id);
    snprintf(reason, sizeof reason, "lease: id %s is the slot of a call that may still run", id);
    step_failed(l, i, reason);
    return true;
}

/* A lease is slots: what else was drawn for it counted when it was made. True: the step failed. */
static bool is_of_other_slots(limiter_t *l, item_t *i, const lease_t *held)
{
    char reason[256], id[LEASE_ID_BYTES_MAX + 1];
    if (!held || !held->needs ||
        (slots_are_in(i->needs, held->needs) && slots_are_in(held->needs, i->needs)))
        return false;
    text_printable(bytes_of(held->id, held->length), id, sizeof id);
    snprintf(reason, sizeof reason,
             "lease: id %s is held with other limits, labels or costs: take another id", id);
    step_failed(l, i, reason);
    return true;
}

/* The work outside is over before its acquire came. The tombstone stays for its time: whoever asks
 * again, because the answer was lost, is answered the same. */
static bool is_void(const lease_t *lease)
{
    return lease && !lease->needs && !BUG(TOMBSTONE_IGNORED);
}

static bool acquire_renews(limiter_t *l, item_t *i, const step_t *step, lease_t *held)
{
    if (!held->needs && !is_void(held))
        return false;
    uint64_t fence = held->needs ? held->fence : 0;
    i->woken = false;
    if (is_of_other_slots(l, i, held))
        return true;
    if (held->needs)
        lease_renew(l, held);
    ended_well(l, i, step, held->id, fence);
    return true;
}

/* Its slots become the lease of this id when it has ended well; its body is at hand now. */
static bool call_settles(limiter_t *l, item_t *i, lease_t *held)
{
    if (is_void(held)) {
        i->woken = false;
        step_ended(l, i);
        return true;
    }
    return is_of_other_slots(l, i, held);
}

bool lease_settles_as(limiter_t *l, item_t *i, const step_t *step, lease_t *held)
{
    if (is_of_call(l, i, held))
        return true;
    return step->kind == STEP_ACQUIRE ? acquire_renews(l, i, step, held) : call_settles(l, i, held);
}

static void asks_for(limiter_t *l, item_t *i, const char *id)
{
    lease_asked_end(l, i->needs);
    free(i->needs->lease_id);
    i->needs->lease_id = strdup(id);
    must(i->needs->lease_id);
    lease_asked(l, i);
}

bool lease_settles(limiter_t *l, item_t *i, const step_t *step)
{
    char id[LEASE_ID_BYTES_MAX + 1];
    if (step->kind == STEP_RELEASE)
        return false;
    if (!id_made(l, i, step, id))
        return true;
    lease_t *held = lease_find(l, bytes_str(id));
    if (held && lease_settles_as(l, i, step, held))
        return true;
    asks_for(l, i, id);
    return false;
}

void lease_asks_anew(limiter_t *l, item_t *i)
{
    char id[LEASE_ID_BYTES_MAX + 1], why[200];
    if (!i->needs || !i->needs->asked_by)
        return;
    bool made = i->letter && id_of(l, i, item_step(l, i), id, why, sizeof why);
    if (made)
        asks_for(l, i, id);
    if (!made || lease_find(l, bytes_str(id)))
        lease_asked_try(l, i);
}

static void acquire(limiter_t *l, item_t *i, const step_t *step, const char *id)
{
    char holder[MSGID_TEXT];
    msgid_text(&i->id, holder);
    needs_take(l, i->needs);
    lease_asked_end(l, i->needs); /* it waits no longer, the others of this id do */
    lease_t *lease = lease_new(l, bytes_str(id), bytes_str(holder), i->needs,
                               ttl_of(i->needs, step), LEASE_OF_MESSAGE);
    if (!lease) {
        needs_give(l, i->needs);
        needs_refund(l, i->needs);
        item_set_reason(i, "too many leases", strlen("too many leases"));
        pause_until(l, i, instant_after_us(l->now.at, US_PER_S));
        return;
    }
    i->needs = NULL; /* the lease's now */
    ended_well(l, i, step, id, lease->fence);
}

static void forgotten(limiter_t *l, const item_t *i, const char *id)
{
    wish_count(l->e, METRIC_RELEASES_FORGOTTEN, bytes_of(NULL, 0), 1);
    item_log(l, i, LOG_RELEASE_FORGOTTEN,
             "as many releases as may be wait for their acquire: one that comes for this id is "
             "granted, and held until its time is over; work goes on",
             id);
}

static void release(limiter_t *l, item_t *i, const step_t *step, const char *id)
{
    lease_t *held = lease_find(l, bytes_str(id));
    if (is_of_call(l, i, held))
        return;
    uint64_t fence = held ? held->fence : 0;
    if (held && held->needs)
        lease_end(l, held, NULL);
    else if (!held && !lease_new(l, bytes_str(id), bytes_of(NULL, 0), NULL, ttl_of(NULL, step),
                                 LEASE_TOMBSTONE | LEASE_OF_MESSAGE))
        forgotten(l, i, id);
    ended_well(l, i, step, id, fence);
}

void own_step(limiter_t *l, item_t *i, const step_t *step)
{
    char id[LEASE_ID_BYTES_MAX + 1];
    i->woken = false;
    if (!id_made(l, i, step, id))
        return;
    if (step->kind == STEP_ACQUIRE)
        acquire(l, i, step, id);
    else
        release(l, i, step, id);
}

/* Those of the needs that `wanted` says, counted once more; `needs` has room. */
static void needs_copy(limiter_t *l, const needs_t *from, bool (*wanted)(const limit_t *),
                       needs_t *needs)
{
    for (size_t n = 0; from && n < from->count; n++) {
        bucket_t *b = from->of[n].bucket;
        if (!wanted(b->of->limit))
            continue;
        needs->of[needs->count] = (need_t){.bucket = b, .cost = from->of[n].cost};
        b->users++;
        if (!BUG(LEASE_NOT_COUNTED))
            bucket_hold(l, &needs->of[needs->count]);
        needs->count++;
    }
}

static bool is_named(const limit_t *limit) { return !limit->own; }
static bool is_strict(const limit_t *limit) { return limit->strict; }

/* Its slots are given back already: they are counted again in the same step, so nobody came
 * between.
 */
void lease_from_step(limiter_t *l, item_t *i, const step_t *step)
{
    char holder[MSGID_TEXT];
    msgid_text(&i->id, holder);
    const char *id = i->needs ? i->needs->lease_id : NULL;
    if (!id || lease_find(l, bytes_str(id))) /* a tombstone: the work outside is over already */
        return;
    needs_t *needs = needs_room(i->needs->count);
    needs_copy(l, i->needs, is_named, needs);
    if (needs->count == 0) {
        needs_free(l, &needs);
        return;
    }
    if (!lease_new(l, bytes_str(id), bytes_str(holder), needs, ttl_of(needs, step),
                   LEASE_OF_MESSAGE)) {
        needs_give(l, needs);
        needs_free(l, &needs);
        item_log(l, i, LOG_HOLD, "as many leases as there may be are held: this one is not counted",
                 id);
    }
}

/* What of it the far side may still hold. A strict slot of the route's goes over to the lease, and
 * what the route took is taken anew by the next try: else that one would begin beside this one in
 * one slot. NULL: nothing. */
static needs_t *strict_needs(limiter_t *l, item_t *i)
{
    size_t of_job = i->job_held ? i->job->count : 0;
    needs_t *needs = needs_room(of_job + (i->needs ? i->needs->count : 0));
    needs_copy(l, of_job ? i->job : NULL, is_strict, needs);
    if (needs->count > 0)
        job_give(l, i);
    needs_copy(l, i->needs, is_strict, needs);
    if (needs->count == 0)
        needs_free(l, &needs);
    return needs;
}

/* The far side may still work for a call whose actor died, or that was cancelled: until the call's
 * own timeout. */
void strict_keep(limiter_t *l, item_t *i)
{
    const step_t *step = item_step(l, i);
    char id[64];
    needs_t *needs = BUG(STRICT_GIVEN_BACK) ? NULL : strict_needs(l, i);
    if (!needs)
        return;
    int length = snprintf(id, sizeof id, "call:%lld:%u", (long long)i->seq, i->attempt);
    for (unsigned n = 2; lease_find(l, bytes_str(id)); n++) /* somebody outside took the name */
        snprintf(id + length, sizeof id - (size_t)length, ":%u", n);
    if (!lease_new(l, bytes_str(id), bytes_str("a call with no end seen"), needs,
                   step->downstream ? step->downstream->total_ms : 1000,
                   LEASE_OF_MESSAGE | LEASE_OF_CALL)) {
        needs_give(l, needs);
        needs_free(l, &needs);
    }
}
