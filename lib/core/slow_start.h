/* slow_start.h: how many calls may begin after a pause (Retry-After, a breaker that closed, a
 * resume by hand), so that what waited does not fall on the far side at once: one probe until one
 * succeeds, then SLOW_START_WINDOW at once, then one more for each that succeeds (Jacobson,
 * "Congestion Avoidance and Control", 1988; Postfix's destination concurrency). Over when the
 * target may be out.
 *
 * Only calls that began since the pause are in its account: those that are still out from before
 * end unnoticed, and take no room. Each remembers the turn that it began in: an instant does not
 * tell, for a call and the pause behind it may be of one instant. */
#ifndef WEIR_CORE_SLOW_START_H
#define WEIR_CORE_SLOW_START_H

#include "core/base.h"

#define SLOW_START_WINDOW 4

/* Zeroed: no slow start. */
typedef struct slow_start {
    uint32_t window; /* 0: over; 1: the probe; else so many at once */
    uint32_t out, target;
    uint32_t turn; /* which slow start it is, from 1 */
} slow_start_t;

typedef enum slow_start_end {
    SLOW_START_OK,
    SLOW_START_FAILED,   /* the probe: another; later: no growth */
    SLOW_START_DEFERRED, /* the far side says later: begins again */
    SLOW_START_LOST      /* unbegun, or its holder died: gives its place to another */
} slow_start_end_t;

/* A pause begins or ends now. target: how many were out before if that was all that may be, else
 * the limit: where it is over, everything goes that waits. One that begins in the middle of another
 * keeps the greater target. */
void slow_start_begin(slow_start_t *s, uint32_t target);
/* How many may begin now; UINT32_MAX: it is over. */
uint32_t slow_start_room(const slow_start_t *s);
/* One begins: there must be room. In which turn, for its end; 0: there is no slow start. */
uint32_t slow_start_began(slow_start_t *s);
/* One that began in `turn` ended; true: with this one the slow start is over. */
bool slow_start_ended(slow_start_t *s, uint32_t turn, slow_start_end_t end);

#endif
