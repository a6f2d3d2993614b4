#include "actors/drainer/modes.h"

#include <math.h>
#include <stdio.h>

void modes_begin(modes_t *m, const modes_config_t *config)
{
    must(config->rule_count <= MODE_RULES_MAX);
    *m = (modes_t){.config = config};
    for (size_t i = 0; i < MODE_RULES_MAX; i++)
        m->values[i] = NAN;
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        m->signals[i] = NAN;
}

void modes_resume(modes_t *m, enum mode_act act, instant_t now)
{
    m->acts[act].level = (level_t){.on = true, .known = true, .since_us = now.us};
    for (size_t i = 0; i < m->config->rule_count; i++)
        if (m->config->rules[i].does == act) {
            m->rules[i] = (level_t){.on = true, .known = true, .since_us = now.us};
            m->acts[act].reason = i;
        }
}

void modes_read(modes_t *m, const msg_reading_t *reading)
{
    if (reading->signal >= SIGNAL_COUNT)
        return;
    if (reading->of.len == 0)
        m->signals[reading->signal] = (double)reading->value;
    for (size_t i = 0; i < m->config->rule_count; i++) {
        const mode_rule_t *rule = &m->config->rules[i];
        if (rule->signal == reading->signal && bytes_is(reading->of, rule->of))
            m->values[i] = (double)reading->value;
    }
}

static void rules_update(modes_t *m, instant_t now)
{
    for (size_t i = 0; i < m->config->rule_count; i++) {
        const mode_rule_t *rule = &m->config->rules[i];
        signal_rules_t band = {.enter = (double)rule->enter, .leave = (double)rule->leave};
        signal_update(&m->rules[i], &band, now, m->values[i]);
    }
}

void modes_update(modes_t *m, instant_t now)
{
    level_t own[MODE_RULES_MAX];
    rules_update(m, now);
    for (unsigned act = 0; act < MODE_ACT_COUNT; act++) {
        for (size_t i = 0; i < m->config->rule_count; i++) {
            own[i] = m->rules[i];
            own[i].on &= m->config->rules[i].does == act;
        }
        pressure_update(&m->acts[act], own, m->config->rule_count, m->config->stay_us,
                        m->config->stay_us, now);
    }
}

void modes_calm(modes_t *m, instant_t now)
{
    for (unsigned act = 0; act < MODE_ACT_COUNT; act++)
        m->acts[act].level = (level_t){.on = false, .known = true, .since_us = now.us};
}

void modes_reason(const modes_t *m, enum mode_act act, char *out, size_t size)
{
    size_t i = m->acts[act].reason;
    if (!modes_on(m, act) || i >= m->config->rule_count) {
        snprintf(out, size, "all its rules are calm");
        return;
    }
    const mode_rule_t *rule = &m->config->rules[i];
    snprintf(out, size, "%s%s%s is %.0f (from %llu)", signal_name(rule->signal),
             *rule->of ? " of " : "", rule->of, m->values[i], (unsigned long long)rule->enter);
}
