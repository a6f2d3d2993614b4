/* lease_asked.c: who waits to take a lease, by its id. It waits for as long as its limits are full,
 * and a tombstone lives for a while only: so a release that comes meanwhile ends the wait, and so
 * does a lease of the same id that somebody else was granted. */
#include "actors/limiter/parts.h"

#include <xxhash.h>

static int64_t key_of(const limiter_t *l, const char *id)
{
    uint64_t hash = XXH3_64bits_withSeed(id, strlen(id), l->hash_seed);
    return (int64_t)(hash >> 1 | 1); /* a seqmap's are positive */
}

void lease_asked(limiter_t *l, item_t *i)
{
    needs_t *needs = i->needs;
    if (needs->asked_by)
        return;
    int64_t key = key_of(l, needs->lease_id);
    needs->asked_by = i;
    needs->asked_before = NULL;
    needs->asked_next = seqmap_find(l->asked, key);
    if (needs->asked_next) {
        needs->asked_next->asked_before = needs;
        seqmap_remove(l->asked, key);
    }
    seqmap_put(l->asked, key, needs);
}

void lease_asked_end(limiter_t *l, needs_t *needs)
{
    needs_t *next = needs->asked_next, *before = needs->asked_before;
    if (!needs->asked_by)
        return;
    needs->asked_by = NULL;
    if (next)
        next->asked_before = before;
    if (before) {
        before->asked_next = next;
        return;
    }
    int64_t key = key_of(l, needs->lease_id);
    seqmap_remove(l->asked, key);
    if (next)
        seqmap_put(l->asked, key, next);
}

/* Those that are tried soon anyway, or not at all for now, find it when they are. */
static bool waits_for_limit(const item_t *i)
{
    return i->blocker == BLOCKER_LIMIT || i->standing == STANDS_BY;
}

void lease_asked_try(limiter_t *l, item_t *i)
{
    if (!waits_for_limit(i))
        return;
    item_unplace(l, i);
    offer(l, i);
}

/* Thousands may wait for one lease: those for whom the step has no room find it when they are
 * tried, and half of it is for what else came in its frame. */
static bool may_settle(const limiter_t *l)
{
    return step_has_room(l) && effects_room(l->e) > effects_most(l->e) / 2;
}

void lease_is_known(limiter_t *l, lease_t *lease)
{
    for (needs_t *n = seqmap_find(l->asked, key_of(l, lease->id)), *next; n; n = next) {
        next = n->asked_next;
        item_t *i = n->asked_by;
        const step_t *step = item_step(l, i);
        bool settles = !lease->needs || step->kind == STEP_ACQUIRE;
        if (!settles || !waits_for_limit(i) || strcmp(n->lease_id, lease->id) != 0)
            continue;
        item_unplace(l, i);
        if (!may_settle(l) || !lease_settles_as(l, i, step, lease))
            offer(l, i);
    }
}
