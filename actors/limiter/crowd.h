/* crowd.h: messages whose label values have no bucket while there are as many as there may be
 * (queue.buckets_max): they wait for buckets that end, in a list for each pool. One is woken at a
 * time, the oldest first one whose pool has a connection, and the next when that one was tried; who
 * comes while others wait passes only if its values have buckets already. */
#ifndef WEIR_LIMITER_CROWD_H
#define WEIR_LIMITER_CROWD_H

#include "actors/limiter/item.h"

typedef struct crowd {
    size_t count;  /* of all pools */
    item_t *woken; /* the one that was their first, on its way to be tried again */
} crowd_t;

typedef struct crowd_line {
    list_t items; /* of one pool, by item.place, in their order */
    size_t lack;  /* buckets that the first needs; 0: it is to be tried */
} crowd_line_t;

/* Whether it may make the buckets that it needs: not before those that wait for room. */
bool crowd_lets(const limiter_t *l, const item_t *i, const step_t *step,
                const label_values_t *values);
void crowd_keeps(limiter_t *l, item_t *i, const step_t *step, const label_values_t *values);
void crowd_forget(limiter_t *l, const item_t *i); /* it was tried, or is unplaced */
void crowd_leave(limiter_t *l, item_t *i);
/* Its first has room, and none is on its way but one that has no connection any more. */
bool crowd_can(const limiter_t *l);
void crowd_pump(limiter_t *l);

#endif
