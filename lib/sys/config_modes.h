/* config_modes.h: what the drainer does by itself, part of config_t. */
#ifndef WEIR_SYS_CONFIG_MODES_H
#define WEIR_SYS_CONFIG_MODES_H

#include "core/base.h"

#define MODE_RULES_MAX 32u

enum mode_act { ACT_DEGRADED, ACT_SLOW_DOWN, ACT_REFUSE, MODE_ACT_COUNT };

typedef struct mode_rule {
    uint8_t signal;        /* word of the set signal */
    uint8_t does;          /* enum mode_act */
    const char *of;        /* a limit or downstream; "": over all */
    uint64_t enter, leave; /* enter < leave: low values are bad */
} mode_rule_t;

typedef struct modes_config {
    int64_t stay_us; /* of each act, on and off, at least */
    unsigned slow_down_percent;
    const mode_rule_t *rules;
    size_t rule_count;
} modes_config_t;

const char *mode_act_name(unsigned act); /* "degraded", "slow_down", "refuse" */

#endif
