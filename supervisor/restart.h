/* restart.h: when to start a child again that died. Pure: the time and the chance are given.
 *
 * A child that had been ready is unlucky: it comes back at once, or nearly. One that never was is
 * broken: its pauses begin one doubling higher. More than `burst` deaths within burst_us: failed,
 * and then tried again only every failed_retry_us until a life was ready for burst_us. A life that
 * was ready for forget_us wipes the slate. Pauses double from restart_min to restart_max and lie in
 * the upper half of that, by chance, so that several that died together do not come back together
 * (Erlang/OTP's supervisor has the burst, Postfix's master the question whether it ever worked). */
#ifndef WEIR_SUPERVISOR_RESTART_H
#define WEIR_SUPERVISOR_RESTART_H

#include "core/base.h"
#include "core/rand.h"

#define RESTART_BURST_MAX 1000u /* what the configuration may say at most */

typedef struct restart_policy {
    int64_t min_us, max_us, forget_us, burst_us, failed_retry_us;
    unsigned burst;
} restart_policy_t;

/* A child's record. Zeroed: nothing bad is known. */
typedef struct restart {
    unsigned streak;                         /* deaths since the slate was wiped */
    bool failed;                             /* and not yet forgiven */
    instant_t deaths[RESTART_BURST_MAX + 1]; /* the latest, as a ring */
    size_t next, kept;
} restart_t;

typedef struct restart_verdict {
    bool failed;      /* it dies too often */
    int64_t pause_us; /* before the next start */
    unsigned recent;  /* deaths within burst_us, this one included */
} restart_verdict_t;

/* A life ended at `now`. ready_us: for how long it had been ready; negative: it never was. */
restart_verdict_t restart_died(restart_t *r, const restart_policy_t *policy, instant_t now,
                               int64_t ready_us, rand_t *chance);
void restart_forget(restart_t *r); /* an operator says: try afresh */

#endif
