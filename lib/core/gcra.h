/* gcra.h: a rate, `count` per `period` with at most `burst` at once: the generic cell rate
 * algorithm (ITU-T I.371, annex A; ATM Forum Traffic Management 4.0, 4.4.2: virtual scheduling).
 * One instant is the whole state: when a bucket from which nothing more is taken would be full. It
 * allows exactly what a token bucket of `burst` tokens, refilled with `count` per `period`, allows:
 *
 *   in any stretch of length T, at most burst + T * count / period; and so at most
 *   burst + count in one period. A far side that counts windows wants window.h.
 *
 * burst 1 is fixed spacing: period/count between any two. Arithmetic is exact (a rational
 * remainder), so nothing drifts: 10^6 takes at 7 in 30 s end where they should. A wait is told in
 * whole microseconds, rounded up; with burst 1 what it was rounded by is lost. */
#ifndef WEIR_CORE_GCRA_H
#define WEIR_CORE_GCRA_H

#include "core/base.h"

typedef struct gcra_rate {
    int64_t period_us;
    uint32_t count, burst;
} gcra_rate_t;

/* Zeroed: full. */
typedef struct gcra {
    int64_t full_us;   /* the theoretical arrival time, its whole microseconds */
    uint32_t part, of; /* and the rest: part/of of one; `of` is the count of the rate it is of */
    int64_t last_us;   /* the latest take */
    uint32_t taken;    /* all that was ever taken, modulo 2^32: what a receipt says */
} gcra_t;

/* What a take leaves to give it back with, in the same life only. 0: none, nothing comes back. */
typedef uint32_t gcra_receipt_t;

#define GCRA_SPAN_US_MAX (1LL << 55) /* a bucket fills in less: eleven centuries */
/* All three above 0 and burst * period / count at most GCRA_SPAN_US_MAX: the others ask for it. */
bool gcra_rate_valid(const gcra_rate_t *rate);
/* It is, and so is every percentage of it. Who takes a rate from outside asks this. */
bool gcra_can_slow(const gcra_rate_t *rate);
/* `percent` (1 to 100) of the pace; the burst stays, so that whatever could be taken still can. */
gcra_rate_t gcra_slowed(gcra_rate_t rate, unsigned percent);
/* The pace becomes another percentage of its rate: what was taken stays taken, call for call. Else
 * a slower pace, whose burst is worth more time, would let more through at once. */
void gcra_repace(gcra_t *g, instant_t now, unsigned from_percent, unsigned to_percent);
/* The rate becomes another, of which `percent` is in force: what was taken stays taken, call for
 * call, but no further ahead than gcra_restored() allows. A rate whose count is 0 lets nothing pass
 * and leaves the bucket as it is. Whether anything changed. */
bool gcra_rate_set(gcra_t *g, instant_t now, const gcra_rate_t *from, const gcra_rate_t *to,
                   unsigned percent);

/* When `cost` may be taken if nobody else takes before: 0 now, else in so many us. -1: never, the
 * cost is over the burst. */
int64_t gcra_wait_us(const gcra_t *g, const gcra_rate_t *rate, instant_t now, uint32_t cost);
/* Only when the wait is 0. `now` never goes back. */
gcra_receipt_t gcra_take(gcra_t *g, const gcra_rate_t *rate, instant_t now, uint32_t cost);
/* Gives back a take that came to nothing, once. What has been refilled since is not given twice,
 * and what others took after it keeps its distance: as much as is sure not to break the bound
 * comes back: all if nothing was taken since, as a rule all if it and what was taken since are
 * within the burst. */
void gcra_give(gcra_t *g, const gcra_rate_t *rate, gcra_receipt_t receipt, uint32_t cost);
/* What may be taken now, at most the burst. */
uint32_t gcra_left(const gcra_t *g, const gcra_rate_t *rate, instant_t now);

/* What is kept, and what is made of it. On the same boot: as it was, but no further ahead than a
 * bucket or a period (a rate that was changed meanwhile must not block for years). After another
 * boot, whose clock began anew: empty, and full again only after a period. */
static inline int64_t gcra_kept_us(const gcra_t *g) { return g->full_us + (g->part > 0); }
gcra_t gcra_restored(const gcra_rate_t *rate, instant_t now, int64_t kept_us);
gcra_t gcra_new_boot(const gcra_rate_t *rate, instant_t now);

#endif
