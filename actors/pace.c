/* pace.c: see pace.h. */
#include "actors/pace.h"

void pace_changed(pace_t *p, instant_t now)
{
    if (instant_is_never(p->since))
        p->since = now;
}

void pace_submitted(pace_t *p, size_t changes, instant_t now)
{
    int64_t took = instant_since_us(now, p->submitted);
    double us = took > 0 ? (double)took : 1.0;
    double weight = us / (us + PACE_MEMORY_US);
    p->rate += weight * ((double)changes / us - p->rate);
    p->submitted = now;
    p->since = INSTANT_NEVER;
}

instant_t pace_due(const pace_t *p, size_t changes)
{
    if (changes >= PACE_MANY)
        return p->since;
    double gathered = p->rate * (double)p->pause_us_max;
    double part = (gathered - PACE_FEW) / (PACE_MANY - PACE_FEW);
    if (part <= 0 || instant_is_never(p->since))
        return p->since;
    return instant_after_us(p->since, (int64_t)((part < 1 ? part : 1) * (double)p->pause_us_max));
}
