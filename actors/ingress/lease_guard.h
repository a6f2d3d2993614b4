/* lease_guard.h: the ingress's own count of the leases that it granted, for limits with a guard.
 * It only subtracts: at the guard a lease is refused here, however slow the limiter is. It begins
 * at 0 with each life of the ingress; leases that an earlier life granted are learned when they are
 * renewed. What is in it is bounded by the sum of the guards and by those renewals. */
#ifndef WEIR_INGRESS_LEASE_GUARD_H
#define WEIR_INGRESS_LEASE_GUARD_H

#include "core/base.h"
#include "sys/config.h"

#define GUARD_LEARNED_MAX 65536u /* leases learned by renewals; more are not counted */

typedef struct guard guard_t;

typedef struct guarded {
    bytes_t id;
    const uint16_t *limits; /* indexes into the configuration's */
    size_t limit_count;
    uint64_t ttl_ms; /* from each renewal on */
} guarded_t;

guard_t *guard_new(const config_t *config, uint64_t seed);
void guard_destroy(guard_t **g);

/* Counts this lease for its time, once however often it is asked for. The index of a limit that is
 * at its guard, and nothing is counted; -1: counted, or none of its limits has a guard. */
long guard_take(guard_t *g, const guarded_t *lease, instant_t now);
/* It was granted or renewed: it counts for its time from now on, also when it is not known here. */
void guard_learn(guard_t *g, const guarded_t *lease, instant_t now);
void guard_drop(guard_t *g, bytes_t id);
/* Granted here without the limiter? */
void guard_set_provisional(guard_t *g, bytes_t id, bool is);
bool guard_is_provisional(const guard_t *g, bytes_t id);
/* What is known here of a lease; false: nothing. */
bool guard_find(const guard_t *g, bytes_t id, guarded_t *out);
unsigned guard_held(const guard_t *g, size_t limit);

#endif
