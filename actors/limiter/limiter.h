/* limiter.h: the limiter owns the queue: dedup, order, slots, retries, the step sequence. Its
 * record is limiter_spec (actor.h); here is only what the simulator and the tests look at besides.
 */
#ifndef WEIR_LIMITER_H
#define WEIR_LIMITER_H

#include "actors/actor.h"

/* Checks every promise of the queue's inside (queue.h). NULL: all hold; else the one that does not.
 */
const char *limiter_check(const void *self);
/* How often the slow sweep had to repair a wake-up: 0, or a bug. */
uint64_t limiter_repairs(const void *self);
/* Messages in memory, not finished. */
size_t limiter_live(const void *self);

#endif
