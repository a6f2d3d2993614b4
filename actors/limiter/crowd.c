#include "actors/limiter/parts.h"

static size_t lack_of(const limiter_t *l, const item_t *i, const step_t *step,
                      const label_values_t *values)
{
    const route_t *r = item_route(l, i);
    size_t lack = i->job ? 0 : needs_lack(l, r->draws, r->draw_count, values);
    return lack + (i->needs ? 0 : needs_lack(l, step->draws, step->draw_count, values));
}

bool crowd_lets(const limiter_t *l, const item_t *i, const step_t *step,
                const label_values_t *values)
{
    return l->crowd.items.count == 0 || i == l->crowd.woken || lack_of(l, i, step, values) == 0;
}

/* What it found so far it leaves to others, who may find the rest. */
void crowd_keeps(limiter_t *l, item_t *i, const step_t *step, const label_values_t *values)
{
    bool first = i == l->crowd.woken || l->crowd.items.count == 0;
    if (!i->job_held)
        needs_free(l, &i->job);
    needs_free(l, &i->needs);
    size_t lack = lack_of(l, i, step, values);
    must(!first || lack > buckets_room(l));
    item_waits(l, i, BLOCKER_VALUES);
    i->woken = false;
    if (first) {
        list_push_front(&l->crowd.items, &i->place.place);
        l->crowd.lack = lack;
    } else {
        list_push(&l->crowd.items, &i->place.place);
    }
}

void crowd_forget(limiter_t *l, const item_t *i)
{
    if (i == l->crowd.woken)
        l->crowd.woken = NULL;
    l->look |= crowd_can(l);
}

bool crowd_can(const limiter_t *l)
{
    return !l->crowd.woken && l->crowd.items.count > 0 && buckets_room(l) >= l->crowd.lack;
}

void crowd_pump(limiter_t *l)
{
    if (!crowd_can(l) || l->budget == 0)
        return;
    l->budget--;
    item_t *i = item_of(list_pop(&l->crowd.items));
    l->crowd.woken = i;
    l->crowd.lack = 0; /* of the next: seen when it is tried; its value may be there by now */
    item_wake(l, i);
}
