/* order.c: FIFO per (route, key): at most route->parallel items of a key have their turn, the
 * earliest first; the others wait in the key's own list, which is their waiter list. A turn ends
 * only when its item leaves. */
#include "actors/limiter/parts.h"

#include <stdlib.h>
#include <xxhash.h>

/* As the wall clock was when we started: whoever sets it later changes no order. */
int64_t order_now(const limiter_t *l) { return l->now.at.us + l->started_ahead_us; }

static void buckets_grow(limiter_t *l)
{
    size_t places = l->bucket_mask ? (l->bucket_mask + 1) * 2 : 1024;
    key_queue_t **buckets = calloc(places, sizeof(key_queue_t *));
    must(buckets);
    for (size_t b = 0; l->buckets && b <= l->bucket_mask; b++)
        for (key_queue_t *k = l->buckets[b], *next; k; k = next) {
            next = k->next;
            k->next = buckets[k->hash & (places - 1)];
            buckets[k->hash & (places - 1)] = k;
        }
    free(l->buckets);
    l->buckets = buckets;
    l->bucket_mask = places - 1;
}

key_queue_t *key_get(limiter_t *l, uint16_t route, bytes_t name)
{
    if (name.len == 0 || route == NO_ROUTE)
        return NULL;
    if (!l->buckets || l->key_count > l->bucket_mask)
        buckets_grow(l);
    uint32_t hash = (uint32_t)XXH3_64bits_withSeed(name.data, name.len, l->hash_seed + route);
    key_queue_t **bucket = &l->buckets[hash & l->bucket_mask];
    for (key_queue_t *k = *bucket; k; k = k->next)
        if (k->hash == hash && k->route == route &&
            bytes_equal(bytes_of(k->name, k->length), name)) {
            if (k->users++ == 0)
                list_remove(&l->counting, &k->counting);
            return k;
        }
    key_queue_t *k = calloc(1, sizeof *k + name.len + 1);
    must(k);
    list_init(&k->items);
    k->users = 1;
    k->hash = hash;
    k->route = route;
    k->length = (uint16_t)name.len;
    memcpy(k->name, name.data, name.len);
    k->next = *bucket;
    *bucket = k;
    l->key_count++;
    return k;
}

static void key_free(limiter_t *l, key_queue_t *k)
{
    key_queue_t **at = &l->buckets[k->hash & l->bucket_mask];
    while (*at != k)
        at = &(*at)->next;
    *at = k->next;
    free(k);
    l->key_count--;
}

static bool is_counting(const limiter_t *l, const key_queue_t *k)
{
    return gcra_kept_us(&k->loop) > l->now.at.us;
}

/* Something that answers itself has one message at a time and none in between: of such a key the
 * minute is remembered. */
static void key_release(limiter_t *l, key_queue_t *k)
{
    must(k->users > 0);
    if (--k->users > 0)
        return;
    if (!is_counting(l, k)) {
        key_free(l, k);
        return;
    }
    list_push(&l->counting, &k->counting);
    if (l->counting.count > KEYS_COUNTING_MAX)
        key_free(l, list_of(list_pop(&l->counting), key_queue_t, counting));
}

/* As none counts for longer than a minute, nobody stands before another for longer. */
void keys_sweep(limiter_t *l)
{
    for (list_node_t *n; (n = list_first(&l->counting));) {
        key_queue_t *k = list_of(n, key_queue_t, counting);
        if (is_counting(l, k))
            return;
        list_remove(&l->counting, n);
        key_free(l, k);
    }
}

static void turn_take(item_t *i)
{
    i->has_turn = true;
    if (i->key)
        i->key->turns++;
}

static void turn_give(limiter_t *l, item_t *i)
{
    turn_take(i);
    if (i->state != STATE_HELD)
        offer(l, i);
}

/* A key runs at its best waiting class: what stands before an urgent message must not make it wait.
 */
static uint8_t best_class(const key_queue_t *k)
{
    uint8_t class = 0;
    while (class < CLASS_COUNT - 1 && k->of_class[class] == 0)
        class ++;
    return class;
}

uint8_t item_class(const item_t *i)
{
    return i->key && i->turn.next && !BUG(CLASS_NOT_INHERITED) ? best_class(i->key) : i->class;
}

/* Those of the key that have their turn and wait stand where its best class says. */
static void key_reclass(limiter_t *l, key_queue_t *k)
{
    uint32_t turns = k->turns;
    for (list_node_t *n = list_first(&k->items); n && turns > 0; n = list_next(&k->items, n)) {
        item_t *i = list_of(n, item_t, turn);
        turns -= i->has_turn;
        if (i->has_turn)
            item_reclass(l, i);
    }
}

static void key_join(limiter_t *l, item_t *i)
{
    key_queue_t *k = i->key;
    if (!k)
        return;
    uint8_t before = best_class(k);
    bool had = k->items.count > 0;
    list_push(&k->items, &i->turn);
    k->of_class[i->class]++;
    if (had && i->class < before)
        key_reclass(l, k);
}

uint8_t stored_class(uint8_t envelope, uint32_t flags)
{
    return flags & PROGRESS_CLASS_SET ? (flags >> PROGRESS_CLASS_SHIFT) & 3 : envelope;
}

void item_set_class(limiter_t *l, item_t *i, uint8_t class)
{
    key_queue_t *k = i->turn.next ? i->key : NULL;
    uint8_t before = item_class(i);
    if (k)
        k->of_class[i->class]--;
    i->class = class;
    if (k)
        k->of_class[i->class]++;
    if (item_class(i) != before && k)
        key_reclass(l, k);
    else if (item_class(i) != before)
        item_reclass(l, i);
    i->flags &= ~(3u << PROGRESS_CLASS_SHIFT);
    i->flags |= PROGRESS_CLASS_SET | (uint32_t) class << PROGRESS_CLASS_SHIFT;
    item_touch(l, i);
}

void order_enter(limiter_t *l, item_t *i)
{
    key_join(l, i);
    if (!i->key || i->key->turns < item_route(l, i)->parallel)
        turn_give(l, i);
    else if (i->state != STATE_HELD)
        item_waits(l, i, BLOCKER_KEY);
}

void order_enter_assigned(limiter_t *l, item_t *i)
{
    key_join(l, i);
    turn_take(i);
}

void order_wake_next(limiter_t *l, key_queue_t *k)
{
    unsigned parallel = l->config->routes[k->route].parallel, looked = 0;
    for (list_node_t *n = list_first(&k->items); n && k->turns < parallel && looked <= parallel;
         looked++) {
        item_t *i = list_of(n, item_t, turn);
        n = list_next(&k->items, n);
        if (!i->has_turn)
            turn_give(l, i);
    }
}

void order_leave(limiter_t *l, item_t *i)
{
    key_queue_t *k = i->key;
    bool had_turn = i->has_turn;
    i->has_turn = false;
    i->key = NULL;
    if (!k)
        return;
    if (i->turn.next) {
        list_remove(&k->items, &i->turn);
        k->of_class[i->class]--;
    }
    if (had_turn)
        k->turns--;
    if (had_turn && !BUG(KEY_NOT_WOKEN))
        order_wake_next(l, k);
    key_release(l, k);
}

void keys_destroy(limiter_t *l)
{
    for (size_t b = 0; l->buckets && b <= l->bucket_mask; b++)
        for (key_queue_t *k = l->buckets[b], *next; k; k = next) {
            next = k->next;
            free(k);
        }
    free(l->buckets);
    l->buckets = NULL;
}
