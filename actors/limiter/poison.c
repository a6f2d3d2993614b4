/* poison.c: what must not go on. A message in whose hands actors died. After SUSPECT_DEATHS of them
 * it is a suspect and runs alone: nothing else is given to its holder, so that nobody else dies
 * with it, and only a death then convicts it. A key whose messages come faster than its route's
 * loop_per_minute is a loop (something that answers itself): they are held and reported. */
#include "actors/limiter/parts.h"

static bool can_serve(const holder_t *h, size_t pool)
{
    return h->peer != PEER_NOBODY && h->welcomed && !h->silent && !h->dead && !h->alone &&
           credit_left(&h->purses[pool]).messages > 0;
}

/* A suspect waits for it to have nothing in hand. Only while that is the first of its pool: one
 * that stands behind others must not keep them from running. */
bool holder_is_emptied(const limiter_t *l, const holder_t *h)
{
    const item_t *i = h->emptied_for ? seqmap_find(l->live, h->emptied_for) : NULL;
    return i && i->blocker == BLOCKER_CONNECTION && i->deaths >= SUSPECT_DEATHS &&
           pool_first(&l->pools[item_step(l, i)->pool]) == i;
}

/* Those whose suspect is no longer the first of its pool serve all pools again. */
void holders_refilled(limiter_t *l)
{
    for (size_t n = 0; n < l->holder_count; n++) {
        holder_t *h = l->holders[n];
        if (!h->emptied_for || holder_is_emptied(l, h))
            continue;
        h->emptied_for = 0;
        pools_look(l);
    }
}

/* One that has nothing in hand; else one is emptied for it, and the suspect waits. */
holder_t *holder_alone(limiter_t *l, const item_t *i, size_t pool)
{
    holder_t *fewest = NULL;
    if (BUG(SUSPECT_IN_COMPANY))
        return holder_for(l, pool);
    for (size_t n = 0; n < l->holder_count; n++) {
        holder_t *h = l->holders[n];
        if (!can_serve(h, pool))
            continue;
        if (h->items.count == 0)
            return h;
        if (!fewest || h->items.count < fewest->items.count)
            fewest = h;
    }
    if (fewest)
        fewest->emptied_for = i->seq;
    return NULL;
}

/* ---- loops ---- */

bool loop_is_closed(limiter_t *l, item_t *i, const route_t *r)
{
    gcra_rate_t rate = {
        .period_us = 60 * US_PER_S, .count = r->loop_per_minute, .burst = r->loop_per_minute};
    if (r->loop_per_minute == 0)
        return false;
    if (gcra_wait_us(&i->key->loop, &rate, l->now.at, 1) > 0)
        return true;
    gcra_take(&i->key->loop, &rate, l->now.at, 1);
    return false;
}

void loop_hold(limiter_t *l, item_t *i)
{
    hold(l, i, "loop: more messages of its key than loop_per_minute");
    order_enter(l, i);
}
