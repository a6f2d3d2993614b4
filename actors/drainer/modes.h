/* modes.h: what the rules of the configuration say: degraded, slow_down, refuse, each on while any
 * of its rules is, and each way for a minimum stay. Pure: readings and the time go in. */
#ifndef WEIR_DRAINER_MODES_H
#define WEIR_DRAINER_MODES_H

#include "core/hysteresis.h"
#include "core/words.h"
#include "protocol/protocol.h"
#include "sys/config_modes.h"

typedef struct modes {
    const modes_config_t *config;
    level_t rules[MODE_RULES_MAX];
    double values[MODE_RULES_MAX]; /* what each rule watches, as read last; NaN: not yet */
    double signals[SIGNAL_COUNT];  /* the same over all */
    pressure_t acts[MODE_ACT_COUNT];
} modes_t;

void modes_begin(modes_t *m, const modes_config_t *config);
/* This is on already: an earlier drainer found it necessary. It stays until its rules are calm, and
 * at least a stay. */
void modes_resume(modes_t *m, enum mode_act act, instant_t now);
void modes_read(modes_t *m, const msg_reading_t *reading);
void modes_update(modes_t *m, instant_t now);
/* A person wants none of it: all are off, for a stay. */
void modes_calm(modes_t *m, instant_t now);
static inline bool modes_on(const modes_t *m, enum mode_act act) { return m->acts[act].level.on; }
/* Which rule made it so, as a sentence: "depth is 120 (from 100)". */
void modes_reason(const modes_t *m, enum mode_act act, char *out, size_t size);

#endif
