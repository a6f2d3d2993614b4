#include "core/hysteresis.h"

static void wish(level_t *level, bool on, int64_t on_us, int64_t off_us, instant_t now)
{
    int64_t stay_us = level->on ? on_us : off_us;
    if (on == level->on || (level->known && now.us - level->since_us < stay_us))
        return;
    *level = (level_t){on, true, now.us};
}

bool signal_update(level_t *level, const signal_rules_t *rules, instant_t now, double value)
{
    bool high_is_bad = rules->enter >= rules->leave;
    bool enters = high_is_bad ? value >= rules->enter : value <= rules->enter;
    bool leaves = high_is_bad ? value < rules->leave : value > rules->leave;
    if (level->on ? leaves : enters)
        wish(level, !level->on, rules->on_us, rules->off_us, now);
    return level->on;
}

bool pressure_update(pressure_t *p, const level_t *signals, size_t count, int64_t on_us,
                     int64_t off_us, instant_t now)
{
    size_t longest = count;
    for (size_t i = 0; i < count; i++)
        if (signals[i].on && (longest == count || signals[i].since_us < signals[longest].since_us))
            longest = i;
    wish(&p->level, longest < count, on_us, off_us, now);
    if (longest < count)
        p->reason = longest; /* else the one that was: it still stays */
    return p->level.on;
}
