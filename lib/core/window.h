/* window.h: a limit that is exact in ANY window of its period: a log of the latest takes (a sliding
 * window log). A take is allowed iff it and all takes of the span (now - span, now] are at most
 * `count`. span = period + slack, where slack bounds how much later than the take the far side may
 * feel it (start_by): moments in [take, take + slack] that lie within one period come from takes
 * that lie within one span. What gcra.h lets through in one window of its far side is up to burst +
 * count; a far side that counts windows (50 in 30 s) is never exceeded by this one.
 *
 * 8 bytes a take, `count` of them, allocated at once. Instants never go back. */
#ifndef WEIR_CORE_WINDOW_H
#define WEIR_CORE_WINDOW_H

#include "core/base.h"

#define WINDOW_COUNT_MAX 4096
#define WINDOW_BYTES_MAX (16 + 10 * WINDOW_COUNT_MAX) /* of what is kept */

typedef struct window window_t;
/* count 1 to WINDOW_COUNT_MAX, span_us above 0. Empty. */
window_t *window_new(uint32_t count, int64_t span_us);
void window_destroy(window_t **w);
/* Another count or span: what was taken stays taken and counts at once. A longer span does not know
 * what had left the shorter one and was overwritten. */
void window_change(window_t *w, uint32_t count, int64_t span_us);

/* When `cost` may be taken if nobody else takes before: 0 now, else in so many us. -1: never, the
 * cost is over the count. O(1). */
int64_t window_wait_us(const window_t *w, instant_t now, uint32_t cost);
/* Only when the wait is 0. O(cost). */
void window_take(window_t *w, instant_t now, uint32_t cost);
/* Gives back a take that came to nothing, once: at most `cost` of those made at that instant;
 * what has left the log meanwhile is not missed. O(count). */
void window_give(window_t *w, instant_t taken, uint32_t cost);
/* What may be taken now. O(log count). */
uint32_t window_left(const window_t *w, instant_t now);

/* What is kept: version 1, the number of takes, the latest one's instant, then the distances back
 * from each to the one before it; all numbers as LEB128, unsigned. Those that have left the span
 * are not in it. Into `out`, which has WINDOW_BYTES_MAX; the length. */
size_t window_to_bytes(const window_t *w, instant_t now, uint8_t *out);
/* On the same boot, into an empty one, of whatever count. -EBADMSG: these bytes are no window or
 * one of another boot (later than now): nothing changed; go on as after a new boot. */
int window_from_bytes(window_t *w, bytes_t kept, instant_t now);
/* The clock began anew: as if all had been taken just now. */
void window_new_boot(window_t *w, instant_t now);

#endif
