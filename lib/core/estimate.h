/* estimate.h: how fast something leaves, and so when the n-th will: a position, a start, the time
 * to drain, the Retry-After of a full limit. An exponentially weighted mean (Roberts, "Control
 * Chart Tests Based on Geometric Moving Averages", 1959) of departures over the time they took,
 * both forgotten by half each ESTIMATE_HALF_LIFE_US: being a quotient it has no bias while it is
 * young, and at a steady pace it is exact from the first departure on. Time in which nothing waits
 * does not count: that nothing left then says nothing. */
#ifndef WEIR_CORE_ESTIMATE_H
#define WEIR_CORE_ESTIMATE_H

#include "core/base.h"

#define ESTIMATE_HALF_LIFE_US (20 * US_PER_S)
#define ESTIMATE_SEEN_MIN 3             /* departures, and */
#define ESTIMATE_OVER_US_MIN (US_PER_S) /* time that they took, to be called measured */
#define ESTIMATE_US_MAX (366 * 86400 * US_PER_S)

/* How sure an estimate is; the words are what people are told. */
typedef enum sureness { SURE_UNKNOWN, SURE_GUESSED, SURE_MEASURED, SURENESS_COUNT } sureness_t;
const char *sureness_name(sureness_t sure); /* "unknown", "guessed", "measured" */

/* Zeroed: nothing is known, nothing waits. */
typedef struct estimate {
    double left, over_us; /* departures and the time they took, decayed */
    double squares;       /* of the gaps between them, in us^2, decayed */
    int64_t last_us;      /* the latest departure, or since when something waits */
    uint32_t seen;        /* departures since it began to be measured, up to ESTIMATE_SEEN_MIN */
    bool waiting;
} estimate_t;

/* Something waits where nothing did. (While something does: nothing happens.) */
void estimate_waits(estimate_t *e, instant_t now);
/* `count` left. Where nothing was said to wait, they count for nothing. */
void estimate_left(estimate_t *e, instant_t now, uint32_t count);
/* Nothing waits any more. What was measured is remembered, for a while as measured. */
void estimate_empty(estimate_t *e);

/* How many leave in a second; 0: none ever did. */
double estimate_per_s(const estimate_t *e, instant_t now);
/* In how many us the n-th from now (1: the next) will have left, at most ESTIMATE_US_MAX.
 * guess_per_s: what the limits and the calls' usual length would allow, for as long as nothing is
 * measured; 0: no idea. SURE_UNKNOWN: 0 is returned, and means nothing. */
int64_t estimate_us(const estimate_t *e, instant_t now, uint64_t n, double guess_per_s,
                    sureness_t *sure);

#endif
