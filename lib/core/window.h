/* window.h: a limit that is exact in ANY window of its span: a log of the latest takes (a sliding
 * window log). The far side may feel a take later than it was made, until an instant that is said
 * with it (start_by), and that one is what is logged: a take is allowed iff it and all that are
 * felt after now - span at the latest are at most `count`. Of those felt within one span, the one
 * taken last saw the others in the log. What gcra.h lets through in one window of its far side is
 * up to burst + count; a far side that counts windows (50 in 30 s) is never exceeded by this one.
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
/* Only when the wait is 0. felt: now or later; a take is felt no sooner than those before it.
 * Returns when it leaves its mark, for window_give(). O(cost). */
instant_t window_take(window_t *w, instant_t now, instant_t felt, uint32_t cost);
/* Gives back a take that came to nothing, once: at most `cost` of those felt at that instant;
 * what has left the log meanwhile is not missed. O(count). */
void window_give(window_t *w, instant_t felt, uint32_t cost);
/* What may be taken now. O(log count). */
uint32_t window_left(const window_t *w, instant_t now);

/* What is kept: version 1, the number of takes, the instant the latest one is felt, then the
 * distances back from each to the one before it; all numbers as LEB128, unsigned. Those that have
 * left the span are not in it. Into `out`, which has WINDOW_BYTES_MAX; the length. */
size_t window_to_bytes(const window_t *w, instant_t now, uint8_t *out);
/* On the same boot, into an empty one, of whatever count. -EBADMSG: these bytes are no window or
 * one of another boot (felt later than at `latest`): nothing changed; go on as after a new boot. */
int window_from_bytes(window_t *w, bytes_t kept, instant_t latest);
/* The clock began anew: as if all had been taken just now. */
void window_new_boot(window_t *w, instant_t now);

#endif
