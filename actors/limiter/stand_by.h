/* stand_by.h: who has its turn at a limit, and no connection to go by. It must not keep the limit
 * from those of other pools: its wake is given back, and it stands by, in its bucket's order, until
 * its pool has a connection. Then the first is called, of as many buckets as connections are free:
 * it waits at its bucket again, before all others there. The next one is called when that one has
 * gone. So one that stands by goes to and fro once for a connection of its own, however many stand
 * by with it. */
#ifndef WEIR_LIMITER_STAND_BY_H
#define WEIR_LIMITER_STAND_BY_H

#include "actors/limiter/queue.h"

/* Of one bucket, the items of one pool; while there are any. */
typedef struct stand_by {
    struct stand_by *next; /* of its bucket */
    bucket_t *of;
    size_t pool;
    fair_t items;
    list_node_t due;      /* in its pool's stand_bys while nobody of it is called */
    const item_t *called; /* waits at its bucket; NULL: none */
} stand_by_t;

/* The first of its pool, which a bucket woke. */
void stand_by(limiter_t *l, item_t *i, size_t pool);
bool stand_by_call(limiter_t *l, size_t pool); /* false: there is nobody to call now */
void stand_by_gone(limiter_t *l, bucket_t *b, const item_t *i); /* it waits there no longer */
void stand_by_leave(limiter_t *l, item_t *i);
void stand_by_reclass(limiter_t *l, item_t *i);
void stand_by_end(bucket_t *b);

/* wait.c */
bucket_t *item_limit(const limiter_t *l, const item_t *i); /* that its waits_on names */
fair_put_t put_at(const item_t *i, bool front);            /* how it waits there */

#endif
