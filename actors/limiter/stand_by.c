#include "actors/limiter/stand_by.h"

#include <stdlib.h>

#include "actors/limiter/parts.h"

static stand_by_t *find(const bucket_t *b, size_t pool)
{
    stand_by_t *s = b->stand_bys;
    while (s && s->pool != pool)
        s = s->next;
    return s;
}

static stand_by_t *made(limiter_t *l, bucket_t *b, size_t pool)
{
    stand_by_t *s = calloc(1, sizeof *s);
    must(s);
    *s = (stand_by_t){.next = b->stand_bys, .of = b, .pool = pool};
    fair_init(&s->items, &l->rules);
    b->stand_bys = s;
    list_push(&l->pools[pool].stand_bys, &s->due);
    return s;
}

static void end_if_empty(limiter_t *l, stand_by_t *s)
{
    stand_by_t **at = &s->of->stand_bys;
    if (fair_count(&s->items) > 0)
        return;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    if (s->due.next)
        list_remove(&l->pools[s->pool].stand_bys, &s->due);
    free(s);
}

void stand_by(limiter_t *l, item_t *i, size_t pool)
{
    bucket_t *b = item_limit(l, i);
    stand_by_t *s = find(b, pool);
    pool_take(l, i, pool);
    i->woken = false;
    must(b->woken >= blocker_cost(i));
    b->woken -= blocker_cost(i);
    bucket_look(l, b);
    if (!s)
        s = made(l, b, pool);
    fair_put(&s->items, &i->place, put_at(i, i->standing == CALLED));
    i->standing = STANDS_BY;
    letter_spare(l, i);
    l->pools[pool].standing++;
}

static void call(limiter_t *l, stand_by_t *s)
{
    bucket_t *b = s->of;
    item_t *i = list_of(fair_take(&s->items), item_t, place);
    s->called = i;
    list_remove(&l->pools[s->pool].stand_bys, &s->due);
    l->pools[s->pool].standing--;
    i->standing = CALLED;
    item_waits(l, i, BLOCKER_LIMIT);
    fair_put(&b->waiters, &i->place, put_at(i, true));
    bucket_look(l, b);
    end_if_empty(l, s);
}

/* Who was woken has the connection before them: they were called when there was none. As many as
 * could go: however many buckets there are, nobody comes back in vain for a connection. */
bool stand_by_call(limiter_t *l, size_t pool)
{
    list_t *due = &l->pools[pool].stand_bys;
    uint64_t left = due->count > 0 && l->pools[pool].woken.count == 0 ? pool_free(l, pool) : 0;
    if (left == 0)
        return false;
    for (; due->count > 0 && left > 0 && l->budget > 0; left--, l->budget--)
        call(l, list_of(list_first(due), stand_by_t, due));
    return true;
}

void stand_by_gone(limiter_t *l, bucket_t *b, const item_t *i)
{
    stand_by_t *s = i->standing == CALLED ? find(b, item_step(l, i)->pool) : NULL;
    if (!s || s->called != i)
        return;
    s->called = NULL;
    list_push(&l->pools[s->pool].stand_bys, &s->due);
    look_at_pool(l, s->pool);
}

void stand_by_leave(limiter_t *l, item_t *i)
{
    stand_by_t *s = find(item_limit(l, i), item_step(l, i)->pool);
    fair_remove(&s->items, &i->place);
    l->pools[s->pool].standing--;
    i->standing = STANDS_NOT;
    i->waits_on = WAITS_NOTHING;
    end_if_empty(l, s);
}

void stand_by_reclass(limiter_t *l, item_t *i)
{
    stand_by_t *s = find(item_limit(l, i), item_step(l, i)->pool);
    fair_remove(&s->items, &i->place);
    fair_put(&s->items, &i->place, put_at(i, false));
}

void stand_by_end(bucket_t *b)
{
    while (b->stand_bys) {
        stand_by_t *s = b->stand_bys;
        b->stand_bys = s->next;
        while (fair_take(&s->items))
            continue;
        free(s);
    }
}
