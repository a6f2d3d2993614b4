/* stop.h: the orderly stop: drain what is in hand, then stop wave by wave (whoever takes work
 * first, the queue last), then kill what is left. Pure: the owner asks, kills and ends. */
#ifndef WEIR_SUPERVISOR_STOP_H
#define WEIR_SUPERVISOR_STOP_H

#include "core/base.h"

enum stop_phase { STOP_NOT, STOP_DRAIN, STOP_WAVES, STOP_OVER };

typedef struct stop {
    enum stop_phase phase;
    unsigned wave, waves; /* wave 0: all at once */
    instant_t drain_until;
    instant_t end_by;
    instant_t wave_until; /* the current wave is killed then */
    int exit_code;
} stop_t;

/* Wishes, at most one at a time. */
enum stop_wish {
    STOP_WISH_NOTHING,
    STOP_WISH_DRAIN, /* tell the drainer: finish what is in hand by drain_until */
    STOP_WISH_WAVE,  /* ask everybody of `wave` to stop by wave_until */
    STOP_WISH_END,   /* nobody is left: leave the loop */
};

/* An order to stop. The first begins (drain only when can_drain); any further one is impatient: all
 * at once, killed now. Nothing is lost by it: what was accepted is on disk. */
enum stop_wish stop_ordered(stop_t *s, instant_t now, int64_t drain_us, int64_t stop_us,
                            unsigned waves, bool can_drain, int exit_code);
enum stop_wish stop_drained(stop_t *s, instant_t now); /* the drainer says so, or is gone */
/* At each turn. wave_is_down: everybody of the current wave is. */
enum stop_wish stop_turn(stop_t *s, instant_t now, bool wave_is_down);
instant_t stop_due(const stop_t *s);

#endif
