/* backoff.h: how long to wait before the next try: full jitter (Brooker, "Exponential Backoff And
 * Jitter", 2015): a random time below min(cap, base * 2^failed), never shorter than what the far
 * side asked for. Pure: chance is given. */
#ifndef WEIR_CORE_BACKOFF_H
#define WEIR_CORE_BACKOFF_H

#include "core/base.h"

/* failed: failed attempts so far, from 1. chance: 64 random bits. All in microseconds. */
int64_t backoff_us(int64_t base_us, int64_t cap_us, unsigned failed, int64_t floor_us,
                   uint64_t chance);

#endif
