/* adaptive.h: a concurrency limit that finds its own height: additive increase, multiplicative
 * decrease (Chiu and Jain, "Analysis of the Increase and Decrease Algorithms for Congestion
 * Avoidance in Computer Networks", 1989), or the rungs of a ladder such as 5, 10, 15.
 *
 *   up    by one, or one rung, after as many successes as the limit is high and the minimum stay.
 *         Only successes that ended while at least half of the limit was in flight count: a limit
 *         that nobody reaches is not shown to be too low.
 *   down  to keep_percent of it, or one rung, on 429, 503 or a timeout; at most once a round trip:
 *         of the calls that began before the last lowering none lowers again.
 *
 * A success that began before the last change says nothing about the present limit and is not
 * counted. Latency is no signal: that of model servers follows the length of their answers. */
#ifndef WEIR_CORE_ADAPTIVE_H
#define WEIR_CORE_ADAPTIVE_H

#include "core/base.h"

#define ADAPTIVE_RUNGS_MAX 8
typedef struct adaptive_rules {
    uint32_t floor, ceiling;             /* 1 <= floor <= ceiling */
    uint32_t ladder[ADAPTIVE_RUNGS_MAX]; /* ascending, from floor to ceiling */
    unsigned rungs;                      /* 0: no ladder */
    unsigned keep_percent;               /* 1 to 99, without a ladder */
    int64_t stay_us;                     /* before it goes up */
} adaptive_rules_t;
bool adaptive_rules_valid(const adaptive_rules_t *rules);

typedef struct adaptive {
    uint32_t limit, pinned; /* pinned 0: not */
    uint32_t successes;
    int64_t changed_us, lowered_us;
} adaptive_t;

typedef enum adaptive_end {
    ADAPTIVE_OK,
    ADAPTIVE_LIMITED,    /* 429 */
    ADAPTIVE_OVERLOADED, /* 503 */
    ADAPTIVE_TIMED_OUT
} adaptive_end_t;

typedef enum adaptive_reason {
    ADAPTIVE_UNCHANGED,
    ADAPTIVE_GREW,
    ADAPTIVE_LOWERED_LIMITED,
    ADAPTIVE_LOWERED_OVERLOADED,
    ADAPTIVE_LOWERED_TIMED_OUT,
    ADAPTIVE_WAS_PINNED,
    ADAPTIVE_WAS_UNPINNED,
    ADAPTIVE_WAS_CONFIGURED,
    ADAPTIVE_REASON_COUNT
} adaptive_reason_t;
typedef struct adaptive_change {
    adaptive_reason_t reason;
    uint32_t from, to;
} adaptive_change_t;

/* start: what is wished for; the next lower rung, between floor and ceiling. */
void adaptive_init(adaptive_t *a, const adaptive_rules_t *rules, instant_t now, uint32_t start);
/* A call ended; in_flight: with it. Failures of other kinds are not told. */
adaptive_change_t adaptive_ended(adaptive_t *a, const adaptive_rules_t *rules, instant_t started,
                                 instant_t now, adaptive_end_t end, uint32_t in_flight);
/* By hand: stays there, whatever floor, ceiling and samples say. 0: goes on by itself. */
adaptive_change_t adaptive_pin(adaptive_t *a, const adaptive_rules_t *rules, instant_t now,
                               uint32_t limit);
/* The rules are other ones now. */
adaptive_change_t adaptive_configured(adaptive_t *a, const adaptive_rules_t *rules, instant_t now);
const char *adaptive_reason_text(adaptive_reason_t reason); /* for the log */

#endif
