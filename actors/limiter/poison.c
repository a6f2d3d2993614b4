/* poison.c: what must not go on. A message in whose hands actors died. After SUSPECT_DEATHS of them
 * it is a suspect and runs alone: nothing else is given to its holder, so that nobody else dies
 * with it, and only a death then convicts it. A key whose messages come faster than its route's
 * loop_per_minute is a loop (something that answers itself): they are held and reported. */
#include "actors/limiter/parts.h"

#define AGES_US (500 * US_PER_MS)
#define AGES_LOOKS 1024 /* messages looked at in one step */

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

/* ---- ages ---- */

/* As whoever sets the host's clock does not change it (order_now). */
int64_t item_age_left_us(const limiter_t *l, const item_t *i)
{
    const route_t *r = item_route(l, i);
    int64_t most = r ? (int64_t)r->max_age_ms * US_PER_MS : 0;
    return most > 0 ? i->born_us + most - order_now(l) : INT64_MAX;
}

static bool is_waiting(const item_t *i)
{
    return i->state == STATE_QUEUED && i->blocker != BLOCKER_NONE;
}

/* Who is older than its route allows ends where it waits, also if nothing it waits for ever frees.
 * The messages of a route are as old as their seqs: only the first ones are looked at. Whoever runs
 * or is held meanwhile is looked at when it is tried. After a start the first one is to be found
 * among all: that has looks of its own, so that the others run meanwhile. How many are left. */
static size_t route_ages(limiter_t *l, size_t route, size_t looks)
{
    int64_t *seq = &l->of_route[route].ages_from;
    if (*seq < l->tally.first_live)
        *seq = l->tally.first_live;
    for (; looks > 0 && *seq < l->tally.next_seq && step_has_room(l); ++*seq, looks--) {
        item_t *i = seqmap_find(l->live, *seq);
        if (!i || i->route != route)
            continue;
        if (item_age_left_us(l, i) >= 0)
            return looks;
        if (!is_waiting(i))
            continue;
        item_unplace(l, i);
        item_die(l, i, "expired");
    }
    if (*seq < l->tally.next_seq)
        l->ages_at = l->now.at;
    return looks;
}

void ages_watch(limiter_t *l)
{
    if (l->phase != LOADED || instant_before(l->now.at, l->ages_at))
        return;
    size_t looks = AGES_LOOKS;
    l->ages_at = instant_after_us(l->now.at, AGES_US);
    for (size_t n = 0; n < l->config->route_count; n++)
        if (l->config->routes[n].max_age_ms > 0)
            looks = route_ages(l, n, looks);
    if (!instant_before(l->now.at, l->ages_at))
        wish_again(l->e); /* not all that is too old was looked at */
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
