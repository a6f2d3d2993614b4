/* hysteresis.h: from a measured value to a level that does not flap: a signal is on from its enter
 * threshold, off only from its leave threshold, and stays each way for a minimum time (a Schmitt
 * trigger with dwell). Several are one by OR: pressure says whether any is on, and which. */
#ifndef WEIR_CORE_HYSTERESIS_H
#define WEIR_CORE_HYSTERESIS_H

#include "core/base.h"

/* enter > leave: high values are bad (depth, age). enter < leave: low ones are (room on the disk).
 * Equal: no band, high values are bad; the stays alone keep it from flapping. */
typedef struct signal_rules {
    double enter, leave;
    int64_t on_us, off_us; /* how long it stays on, and off, at least */
} signal_rules_t;

/* Zeroed: off, and may change at once. */
typedef struct level {
    bool on, known; /* known: since_us is */
    int64_t since_us;
} level_t;

/* The level now. No reading (NaN) changes nothing. */
bool signal_update(level_t *level, const signal_rules_t *rules, instant_t now, double value);

/* Zeroed: off. */
typedef struct pressure {
    level_t level;
    size_t reason; /* while on: the index of the signal that is on longest */
} pressure_t;

/* Over the levels of all signals, with a minimum stay of its own each way, so that one signal's
 * going and another's coming are not two changes. on_us, off_us: as above. */
bool pressure_update(pressure_t *p, const level_t *signals, size_t count, int64_t on_us,
                     int64_t off_us, instant_t now);

#endif
