#include "actors/limiter/parts.h"

#include "core/json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#define TABLE 4096 /* chains; a lease's own memory is what counts */
#define RETRY_SOON_MS 1000u

/* ---- the table ---- */

void leases_start(limiter_t *l)
{
    l->leases = calloc(TABLE, sizeof(lease_t *));
    l->asked = seqmap_new();
    list_init(&l->lease_ends);
    l->expiries =
        agenda_new(2 * LEASES_MOST + STRICT_ROOM); /* kept ones may be over a lower bound */
    must(l->leases);
}

static bool is_tombstone(const lease_t *lease) { return lease->flags & LEASE_TOMBSTONE; }

static void lease_free(limiter_t *l, lease_t *lease)
{
    lease_t **at = &l->leases[lease->hash % TABLE];
    while (*at != lease)
        at = &(*at)->next;
    *at = lease->next;
    agenda_remove(l->expiries, &lease->expiry);
    l->tombstone_count -= is_tombstone(lease);
    needs_free(l, &lease->needs);
    free(lease->holder);
    free(lease);
    l->lease_count--;
}

void leases_end(limiter_t *l)
{
    for (size_t n = 0; l->leases && n < TABLE; n++)
        while (l->leases[n])
            lease_free(l, l->leases[n]);
    free(l->leases);
    seqmap_destroy(&l->asked);
    agenda_destroy(&l->expiries);
    lease_ends_free(l);
}

lease_t *lease_next(const limiter_t *l, const lease_t *after)
{
    lease_t *next = after ? after->next : NULL;
    for (size_t n = after ? after->hash % TABLE + 1 : 0; !next && n < TABLE; n++)
        next = l->leases[n];
    return next;
}

void leases_recount(const limiter_t *l, void (*each)(const needs_t *needs))
{
    size_t left = l->lease_count;
    for (size_t n = 0; left > 0 && n < TABLE; n++)
        for (const lease_t *lease = l->leases[n]; lease; lease = lease->next, left--)
            each(lease->needs);
}

bool leases_walk(limiter_t *l, size_t *chain, void (*each)(limiter_t *l, lease_t *lease))
{
    for (; l->budget > 0 && step_has_room(l) && *chain < TABLE; ++*chain, l->budget--)
        for (lease_t *lease = l->leases[*chain], *next; lease; lease = next) {
            next = lease->next;
            each(l, lease);
        }
    return *chain == TABLE;
}

static uint32_t hash_of(const limiter_t *l, bytes_t id)
{
    return (uint32_t)XXH3_64bits_withSeed(id.data, id.len, l->hash_seed);
}

lease_t *lease_find(const limiter_t *l, bytes_t id)
{
    uint32_t hash = hash_of(l, id);
    for (lease_t *lease = l->leases[hash % TABLE]; lease; lease = lease->next)
        if (lease->hash == hash && bytes_equal(bytes_of(lease->id, lease->length), id))
            return lease;
    return NULL;
}

static lease_t *lease_add(limiter_t *l, bytes_t id, bytes_t holder)
{
    lease_t *lease = calloc(1, sizeof *lease + id.len + 1);
    char *text = calloc(1, holder.len + 1);
    must(lease && text && id.len <= LEASE_ID_BYTES_MAX);
    memcpy(lease->id, id.data, id.len);
    if (holder.len)
        memcpy(text, holder.data, holder.len);
    lease->holder = text;
    lease->length = (uint16_t)id.len;
    lease->since = l->now.at;
    lease->hash = hash_of(l, id);
    lease->next = l->leases[lease->hash % TABLE];
    l->leases[lease->hash % TABLE] = lease;
    l->lease_count++;
    return lease;
}

/* ---- keeping ---- */

static void lease_save(limiter_t *l, const lease_t *lease)
{
    char slots[SLOTS_BYTES_MAX];
    stored_lease_t row = {.id = bytes_of(lease->id, lease->length),
                          .fence = lease->fence,
                          .flags = lease->flags,
                          .made = lease->made,
                          .expires_us = lease->expiry.due.us,
                          .ttl_ms = lease->ttl_ms,
                          .holder = bytes_str(lease->holder),
                          .slots =
                              bytes_of(slots, needs_text(lease->needs, 'L', slots, sizeof slots))};
    wish_change(l->e, &(change_t){.kind = CHANGE_LEASE, .lease = row});
}

static void expire_after(limiter_t *l, lease_t *lease, int64_t us)
{
    agenda_remove(l->expiries, &lease->expiry);
    agenda_add(l->expiries, &lease->expiry, instant_after_us(l->now.at, us));
}

static void may_exceed(const lease_t *lease)
{
    const needs_t *over = lease->flags & LEASE_PROVISIONAL ? lease->needs : NULL;
    for (size_t n = 0; over && n < over->count; n++)
        over->of[n].bucket->of->touched = true;
}

/* Tombstones have as much room of their own: releases of what was never here keep nobody out. */
static bool is_full(const limiter_t *l, uint32_t flags)
{
    size_t most = l->config->queue.leases_max;
    if (flags & LEASE_TOMBSTONE)
        return l->tombstone_count >= most;
    return l->lease_count - l->tombstone_count >=
           most + (flags & LEASE_OF_MESSAGE ? STRICT_ROOM : 0);
}

/* For a slow start that counts it: nobody tells how its work goes, which may last for hours. */
static void went_well(limiter_t *l, needs_t *needs)
{
    needs_ended(needs, SLOW_START_OK);
    for (size_t n = 0; needs && n < needs->count; n++)
        bucket_look(l, needs->of[n].bucket);
}

lease_t *lease_new(limiter_t *l, bytes_t id, bytes_t holder, needs_t *needs, uint64_t ttl_ms,
                   uint32_t flags)
{
    if (is_full(l, flags))
        return NULL;
    lease_t *lease = lease_add(l, id, holder);
    lease->needs = needs;
    lease->ttl_ms = ttl_ms;
    lease->flags = flags;
    l->tombstone_count += is_tombstone(lease);
    lease->made = l->now.wall;
    lease->fence = l->epoch << 32 | ++l->fences;
    lease->renewed_us = l->now.at.us;
    may_exceed(lease);
    went_well(l, needs);
    expire_after(l, lease, (int64_t)ttl_ms * US_PER_MS);
    lease_save(l, lease);
    lease_is_known(l, lease);
    return lease;
}

void lease_renew(limiter_t *l, lease_t *lease)
{
    lease->renewed_us = l->now.at.us;
    if (!BUG(RENEWAL_IGNORED))
        expire_after(l, lease, (int64_t)lease->ttl_ms * US_PER_MS);
    lease_save(l, lease);
}

void lease_end(limiter_t *l, lease_t *lease, const char *why)
{
    lease_has_ended(l, lease);
    if (!BUG(LEASE_LEAKED))
        needs_give(l, lease->needs);
    wish_change(l->e,
                &(change_t){.kind = CHANGE_LEASE_DROP, .id = bytes_of(lease->id, lease->length)});
    if (why && lease->needs) {
        char text[200], name[LEASE_ID_BYTES_MAX + 1];
        text_printable(bytes_of(lease->id, lease->length), name, sizeof name);
        snprintf(text, sizeof text, "lease %s ended by itself: %s", name, why);
        wish_count(l->e, METRIC_LEASES_RECLAIMED, bytes_of(NULL, 0), 1);
        wish_log(l->e,
                 &(log_line_t){.event = LOG_LEASE_RECLAIMED,
                               .text = text,
                               .limit = bytes_str(lease->needs->count
                                                      ? lease->needs->of[0].bucket->of->limit->name
                                                      : ""),
                               .reason = bytes_str(why)});
    }
    lease_free(l, lease);
}

void leases_expire(limiter_t *l)
{
    if (l->phase == LOAD_PRINTS)
        return;
    for (agenda_entry_t *due;
         l->budget > 0 && step_has_room(l) && (due = agenda_take_due(l->expiries, l->now.at));
         l->budget--)
        lease_end(l, list_of(due, lease_t, expiry), "it was not renewed in its time");
    const agenda_entry_t *first = agenda_first(l->expiries);
    if (first && !instant_before(l->now.at, first->due))
        wish_again(l->e);
}

/* All of its time again, so that nothing is taken back early: after another boot its clock began
 * anew, and what a door granted alone it renews alone while we are away. */
static void lease_kept(void *arg, const stored_lease_t *row)
{
    limiter_t *l = arg;
    lease_t *lease = lease_add(l, row->id, row->holder);
    lease->needs = row->flags & LEASE_TOMBSTONE ? NULL : needs_parse(l, row->slots, 'L');
    lease->ttl_ms = row->ttl_ms;
    lease->flags = row->flags;
    l->tombstone_count += is_tombstone(lease);
    lease->made = row->made;
    lease->may_be_counted = true;
    lease->fence = row->fence;
    for (size_t n = 0; lease->needs && n < lease->needs->count; n++)
        bucket_hold(l, &lease->needs->of[n]);
    may_exceed(lease);
    int64_t full = l->now.at.us + (int64_t)row->ttl_ms * US_PER_MS;
    bool whole = l->new_boot || row->flags & LEASE_PROVISIONAL || row->expires_us > full;
    agenda_add(l->expiries, &lease->expiry, (instant_t){whole ? full : row->expires_us});
}

void leases_load(limiter_t *l, store_t *store)
{
    if (store)
        store_leases(store, lease_kept, l);
}

/* ---- asked for ---- */

typedef struct asking {
    limiter_t *l;
    peer_t peer;
    const msg_lease_t *m;
} asking_t;

static void answer(const asking_t *a, msg_leased_t said, bool on_disk)
{
    said.number = a->m->number;
    wish_count(a->l->e, METRIC_GRANTS, bytes_str(grant_name((unsigned)said.grant)), 1);
    (on_disk ? wish_send : wish_send_now)(a->l->e, a->peer, MESSAGE_LEASED, &said);
}

static void refuse(const asking_t *a, grant_t grant, const char *reason, uint64_t retry_after_ms)
{
    answer(a,
           (msg_leased_t){
               .grant = grant, .reason = bytes_str(reason), .retry_after_ms = retry_after_ms},
           false);
}

static void granted(const asking_t *a, lease_t *lease, bool repeated)
{
    limiter_t *l = a->l;
    char limits[LEASE_LIMITS_BYTES_MAX];
    size_t length = needs_shown(l, lease->needs, limits);
    int64_t left = lease->expiry.due.us - l->now.at.us;
    lease->may_be_counted = true;
    answer(a,
           (msg_leased_t){.grant = GRANT_GRANTED,
                          .fence = lease->fence,
                          .left_ms = left > 0 ? (uint64_t)(left / US_PER_MS) : 0,
                          .limits = bytes_of(limits, length),
                          .repeated = repeated},
           true);
}

/* A lease has no key, route or source: where a limit counts by one, its holder says which. */
static bytes_t label_of(const json_t *labels, const char *name)
{
    const json_t *value = json_object_get(labels, name);
    return bytes_of(json_string_value(value), json_string_length(value));
}

static const char NO_ROOM[] = "as many label values as there may be are in use";

/* One of [{"name", "labels": {label: text}, "cost"}]; false: refused, and *why says so. */
static bool limit_asked(limiter_t *l, json_t *of, needs_t *needs, const char **why)
{
    const char *name = json_string_value(json_object_get(of, "name"));
    long limit = name ? config_limit(l->config, bytes_str(name)) : -1;
    json_t *cost = json_object_get(of, "cost"), *given = json_object_get(of, "labels");
    draw_t draw = {(uint16_t)limit, cost ? (uint16_t)json_integer_value(cost) : 1};
    *why = limit < 0 || l->config->limits[limit].own ? "no such limit" : NULL;
    if (*why)
        return false;
    label_values_t values = {.key = label_of(given, "key"),
                             .route = label_of(given, "route"),
                             .source = label_of(given, "source"),
                             .parsed = given};
    if (!needs_add(l, needs, &draw, &values))
        *why = buckets_room(l) == 0 ? NO_ROOM : "its label values are too long for so many limits";
    return !*why;
}

static needs_t *limits_asked(limiter_t *l, bytes_t text, const char **why)
{
    json_t *asked = json_loadb((const char *)text.data, text.len, 0, NULL);
    size_t count = json_array_size(asked);
    *why = count == 0 || count > 8 ? "1 to 8 limits are needed" : NULL;
    needs_t *needs = *why ? NULL : needs_room(2 * count);
    for (size_t n = 0; needs && n < count; n++)
        if (!limit_asked(l, json_array_get(asked, n), needs, why))
            needs_free(l, &needs);
    json_decref(asked);
    return needs;
}

/* `keeps`: the first that does. */
static void limited(const asking_t *a, const need_t *keeps, answer_can_t why)
{
    const limiter_t *l = a->l;
    const bucket_t *b = keeps->bucket;
    bool capped = why.can == CAN_CAPPED;
    char shown[BUCKET_SHOWN_ROOM];
    uint32_t slots = bucket_slots(l, b, CLASS_CRITICAL);
    b->of->kept++;
    wish_count(l->e, METRIC_KEPT, bytes_str(b->of->limit->name), 1);
    answer(
        a,
        (msg_leased_t){.grant = capped ? GRANT_CAPPED : GRANT_LIMITED,
                       .retry_after_ms = bucket_retry_ms(l, b, why, keeps->cost),
                       .limit = bytes_str(b->of->limit->name),
                       .shown = bucket_shown_short(b, shown),
                       .in_use = b->in_use,
                       .slots = slots == SLOTS_ANY ? 0 : slots,
                       .reason = bytes_str(capped ? "usage_cap_exceeded" : "rate_limit_exceeded")},
        false);
}

/* As long as is asked for now, or as before. */
static void renew_for(const asking_t *a, lease_t *lease)
{
    uint64_t most = needs_ttl_ms(lease->needs);
    if (a->m->ttl_ms > 0)
        lease->ttl_ms = a->m->ttl_ms < most ? a->m->ttl_ms : most;
    lease_renew(a->l, lease);
}

/* Who says who it is must be the one who took it: a holder that comes late with the id of another's
 * lease neither keeps it nor ends it. A message took it for whoever holds it. */
static bool is_anothers(const asking_t *a, const lease_t *lease)
{
    if (lease->flags & LEASE_OF_CALL) {
        refuse(a, GRANT_CONFLICT,
               "this slot is of a call that may still run: it comes back at the call's timeout", 0);
        return true;
    }
    if (!a->m->holder.len || (lease->flags & LEASE_OF_MESSAGE) || !*lease->holder ||
        bytes_is(a->m->holder, lease->holder))
        return false;
    refuse(a, GRANT_CONFLICT, "this lease was taken by another holder", 0);
    return true;
}

/* Who asks again has what it asked for, and nobody gets a lease of something else for it. */
static void acquire_again(const asking_t *a, lease_t *held)
{
    const char *why;
    needs_t *asked = limits_asked(a->l, a->m->limits, &why);
    bool same = asked && needs_equal(asked, held->needs);
    needs_free(a->l, &asked);
    if (!same) {
        refuse(a, GRANT_CONFLICT,
               "this id is held with other limits, labels or costs: take another id", 0);
        return;
    }
    if (is_anothers(a, held))
        return;
    renew_for(a, held);
    granted(a, held, true);
}

static void acquire(const asking_t *a)
{
    limiter_t *l = a->l;
    const char *why = NULL;
    answer_can_t can = {0};
    lease_t *held = lease_find(l, a->m->id);
    if (held && held->needs) {
        acquire_again(a, held);
        return;
    }
    if (held) { /* a tombstone; it stays for who asks again */
        answer(a, (msg_leased_t){.grant = GRANT_RELEASED, .repeated = 1}, true);
        return;
    }
    needs_t *needs = limits_asked(l, a->m->limits, &why);
    if (!needs && why == NO_ROOM) {
        refuse(a, GRANT_UNAVAILABLE, why, RETRY_SOON_MS);
        return;
    }
    if (!needs || needs_too_large(needs, CLASS_NORMAL)) {
        refuse(a, GRANT_REFUSED, needs ? "the cost is more than the limit ever has" : why, 0);
        needs_free(l, &needs);
        return;
    }
    int nth = a->m->provisional ? -1 : needs_keep(l, needs, CLASS_NORMAL, NULL, &can);
    if (nth >= 0) {
        limited(a, &needs->of[nth], can);
        needs_free(l, &needs);
        return;
    }
    needs_take(l, needs);
    uint64_t most = needs_ttl_ms(needs), ttl = a->m->ttl_ms;
    if (ttl == 0 || ttl > most)
        ttl = most;
    lease_t *lease =
        lease_new(l, a->m->id, a->m->holder, needs, ttl, a->m->provisional ? LEASE_PROVISIONAL : 0);
    if (!lease) {
        needs_give(l, needs);
        needs_refund(l, needs);
        needs_free(l, &needs);
        refuse(a, GRANT_UNAVAILABLE, "as many leases as there may be are held", RETRY_SOON_MS);
        return;
    }
    granted(a, lease, false);
}

static void renew(const asking_t *a, bool look)
{
    lease_t *lease = lease_find(a->l, a->m->id);
    if (!lease || !lease->needs) {
        refuse(a, GRANT_ABSENT, "no lease has this id: its time was up, or it was released", 0);
        return;
    }
    if (!look && is_anothers(a, lease))
        return;
    if (!look)
        renew_for(a, lease);
    granted(a, lease, false);
}

static void release(const asking_t *a)
{
    lease_t *lease = lease_find(a->l, a->m->id);
    bool held = lease && lease->needs;
    if (held && is_anothers(a, lease))
        return;
    if (held)
        lease_end(a->l, lease, NULL);
    answer(a, (msg_leased_t){.grant = GRANT_RELEASED, .repeated = !held}, true);
}

static void lease_told(const asking_t *a)
{
    const limiter_t *l = a->l;
    bool closed = l->mode == MODE_DRAINING || l->mode == MODE_MAINTENANCE || l->stopping;
    bool anew = a->m->order == LEASE_ACQUIRE && !a->m->provisional && !lease_find(l, a->m->id);
    if (l->phase == LOAD_PRINTS || (l->phase != LOADED && anew))
        refuse(a, GRANT_UNAVAILABLE, "slots are counted after a start", RETRY_SOON_MS);
    else if (anew && closed)
        refuse(a, GRANT_DRAINING, "System draining", RETRY_SOON_MS);
    else if (anew && (l->disk_full || l->disk_low))
        refuse(a, GRANT_UNAVAILABLE, "the disk is nearly full", RETRY_SOON_MS);
    else if (anew && l->refuse)
        refuse(a, GRANT_LIMITED, "Weir is overloaded", RETRY_SOON_MS);
    else if (a->m->order == LEASE_ACQUIRE)
        acquire(a);
    else if (a->m->order == LEASE_RELEASE)
        release(a);
    else
        renew(a, a->m->order == LEASE_LOOK);
}

void leases_told(limiter_t *l, const event_t *event)
{
    const msg_lease_t *m = event->message->items;
    for (size_t n = 0; n < event->message->count; n++)
        if (m[n].id.len > 0)
            lease_told(&(asking_t){l, event->from.peer, &m[n]});
}
