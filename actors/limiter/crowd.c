#include "actors/limiter/parts.h"

static size_t lack_of(const limiter_t *l, const item_t *i, const step_t *step,
                      const label_values_t *values)
{
    const route_t *r = item_route(l, i);
    size_t lack = i->job ? 0 : needs_lack(l, r->draws, r->draw_count, values);
    return lack + (i->needs ? 0 : needs_lack(l, step->draws, step->draw_count, values));
}

static crowd_line_t *line_of(const limiter_t *l, const item_t *i)
{
    return &l->pools[item_step(l, i)->pool].crowd;
}

bool crowd_lets(const limiter_t *l, const item_t *i, const step_t *step,
                const label_values_t *values)
{
    return l->crowd.count == 0 || i == l->crowd.woken || lack_of(l, i, step, values) == 0;
}

static void join(limiter_t *l, item_t *i, bool first, size_t lack)
{
    crowd_line_t *line = line_of(l, i);
    item_waits(l, i, BLOCKER_VALUES);
    i->woken = false;
    l->crowd.count++;
    if (first || line->items.count == 0) {
        list_push_front(&line->items, &i->place.place);
        line->lack = lack;
    } else {
        list_push(&line->items, &i->place.place);
    }
}

/* What it found so far it leaves to others, who may find the rest. */
void crowd_keeps(limiter_t *l, item_t *i, const step_t *step, const label_values_t *values)
{
    bool first = i == l->crowd.woken || l->crowd.count == 0;
    if (!i->job_held)
        needs_free(l, &i->job);
    needs_free(l, &i->needs);
    size_t lack = lack_of(l, i, step, values);
    must(!first || lack > buckets_room(l));
    join(l, i, first, lack);
    letter_spare(l, i);
}

void crowd_leave(limiter_t *l, item_t *i)
{
    crowd_line_t *line = line_of(l, i);
    list_remove(&line->items, &i->place.place);
    line->lack = 0; /* of the next: seen when it is tried; its value may be there by now */
    l->crowd.count--;
}

void crowd_forget(limiter_t *l, const item_t *i)
{
    if (i == l->crowd.woken)
        l->crowd.woken = NULL;
    l->look |= l->crowd.count > 0;
}

static bool has_connection(const limiter_t *l, size_t pool)
{
    return pool == own_pool(l) || pool_free(l, pool) > 0;
}

/* Others had the connection. A suspect waits for a holder to be emptied (poison.c). */
static bool is_stuck(const limiter_t *l, const item_t *woken)
{
    return woken->blocker == BLOCKER_CONNECTION && woken->deaths < SUSPECT_DEATHS &&
           !has_connection(l, item_step(l, woken)->pool);
}

/* NULL: there is no room for it, or there is none. Who needs more than is left is not passed by a
 * younger one that needs less. */
static item_t *next_one(const limiter_t *l)
{
    const crowd_line_t *of = NULL;
    item_t *next = NULL;
    for (size_t n = 0; n < l->config->pool_count && l->crowd.count > 0; n++) {
        const crowd_line_t *line = &l->pools[n].crowd;
        item_t *first = line->items.count > 0 ? item_of(list_first(&line->items)) : NULL;
        if (first && has_connection(l, n) && (!next || item_is_before(l, first, next))) {
            next = first;
            of = line;
        }
    }
    return next && buckets_room(l) >= of->lack ? next : NULL;
}

bool crowd_can(const limiter_t *l)
{
    const item_t *woken = l->crowd.woken;
    return (!woken || is_stuck(l, woken)) && next_one(l);
}

void crowd_pump(limiter_t *l)
{
    if (l->budget == 0 || !crowd_can(l))
        return;
    l->budget--;
    item_t *i = next_one(l), *back = l->crowd.woken;
    crowd_leave(l, i);
    l->crowd.woken = i;
    if (back) { /* with its letter: so it is tried at once the next time */
        list_remove(&l->pools[item_step(l, back)->pool].woken, &back->place.place);
        join(l, back, true, 0);
    }
    item_wake(l, i);
}
