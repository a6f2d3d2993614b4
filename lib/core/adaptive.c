#include "core/adaptive.h"

bool adaptive_rules_valid(const adaptive_rules_t *rules)
{
    if (rules->floor == 0 || rules->floor > rules->ceiling || rules->rungs > ADAPTIVE_RUNGS_MAX ||
        rules->stay_us < 0)
        return false;
    if (rules->rungs == 0)
        return rules->keep_percent >= 1 && rules->keep_percent <= 99;
    for (unsigned i = 1; i < rules->rungs; i++)
        if (rules->ladder[i] <= rules->ladder[i - 1])
            return false;
    return rules->ladder[0] == rules->floor && rules->ladder[rules->rungs - 1] == rules->ceiling;
}

static uint32_t within(const adaptive_rules_t *rules, uint32_t limit)
{
    if (limit <= rules->floor)
        return rules->floor;
    if (limit >= rules->ceiling)
        return rules->ceiling;
    for (unsigned i = rules->rungs; i-- > 0;)
        if (rules->ladder[i] <= limit)
            return rules->ladder[i];
    return limit;
}

static uint32_t higher(const adaptive_rules_t *rules, uint32_t limit)
{
    for (unsigned i = 0; i < rules->rungs; i++)
        if (rules->ladder[i] > limit)
            return rules->ladder[i];
    return within(rules, limit + 1);
}

static uint32_t lower(const adaptive_rules_t *rules, uint32_t limit)
{
    uint64_t kept = rules->rungs ? limit - 1 : (uint64_t)limit * rules->keep_percent / 100;
    return within(rules, (uint32_t)kept);
}

static adaptive_change_t change(adaptive_t *a, instant_t now, uint32_t to, adaptive_reason_t reason)
{
    adaptive_change_t c = {a->limit == to ? ADAPTIVE_UNCHANGED : reason, a->limit, to};
    a->successes = 0;
    if (to < a->limit)
        a->lowered_us = now.us;
    if (to != a->limit)
        a->changed_us = now.us;
    a->limit = to;
    return c;
}

void adaptive_init(adaptive_t *a, const adaptive_rules_t *rules, instant_t now, uint32_t start)
{
    must(adaptive_rules_valid(rules));
    *a = (adaptive_t){.limit = within(rules, start), .changed_us = now.us, .lowered_us = now.us};
}

static adaptive_change_t succeeded(adaptive_t *a, const adaptive_rules_t *rules, instant_t started,
                                   instant_t now, uint32_t in_flight)
{
    if (started.us >= a->changed_us && (uint64_t)in_flight * 2 >= a->limit)
        a->successes++;
    if (a->successes < a->limit || now.us - a->changed_us < rules->stay_us)
        return (adaptive_change_t){ADAPTIVE_UNCHANGED, a->limit, a->limit};
    return change(a, now, higher(rules, a->limit), ADAPTIVE_GREW);
}

adaptive_change_t adaptive_ended(adaptive_t *a, const adaptive_rules_t *rules, instant_t started,
                                 instant_t now, adaptive_end_t end, uint32_t in_flight)
{
    static const adaptive_reason_t LOWERED[] = {
        [ADAPTIVE_LIMITED] = ADAPTIVE_LOWERED_LIMITED,
        [ADAPTIVE_OVERLOADED] = ADAPTIVE_LOWERED_OVERLOADED,
        [ADAPTIVE_TIMED_OUT] = ADAPTIVE_LOWERED_TIMED_OUT,
    };
    bool too_old = end != ADAPTIVE_OK && started.us < a->lowered_us;
    if (a->pinned || too_old)
        return (adaptive_change_t){ADAPTIVE_UNCHANGED, a->limit, a->limit};
    if (end == ADAPTIVE_OK)
        return succeeded(a, rules, started, now, in_flight);
    return change(a, now, lower(rules, a->limit), LOWERED[end]);
}

adaptive_change_t adaptive_pin(adaptive_t *a, const adaptive_rules_t *rules, instant_t now,
                               uint32_t limit)
{
    if (limit == 0 && a->pinned == 0)
        return (adaptive_change_t){ADAPTIVE_UNCHANGED, a->limit, a->limit};
    a->pinned = limit;
    adaptive_change_t c =
        change(a, now, limit ? limit : within(rules, a->limit), ADAPTIVE_UNCHANGED);
    c.reason = limit ? ADAPTIVE_WAS_PINNED : ADAPTIVE_WAS_UNPINNED; /* at the same height, too */
    return c;
}

adaptive_change_t adaptive_configured(adaptive_t *a, const adaptive_rules_t *rules, instant_t now)
{
    must(adaptive_rules_valid(rules));
    return change(a, now, a->pinned ? a->pinned : within(rules, a->limit), ADAPTIVE_WAS_CONFIGURED);
}

const char *adaptive_reason_text(adaptive_reason_t reason)
{
    static const char *const TEXTS[ADAPTIVE_REASON_COUNT] = {
        [ADAPTIVE_UNCHANGED] = "nothing",
        [ADAPTIVE_GREW] = "as many calls as it allows succeeded",
        [ADAPTIVE_LOWERED_LIMITED] = "the far side said that there are too many (429)",
        [ADAPTIVE_LOWERED_OVERLOADED] = "the far side said that it is overloaded (503)",
        [ADAPTIVE_LOWERED_TIMED_OUT] = "a call timed out",
        [ADAPTIVE_WAS_PINNED] = "pinned by hand",
        [ADAPTIVE_WAS_UNPINNED] = "no longer pinned",
        [ADAPTIVE_WAS_CONFIGURED] = "the configuration changed",
    };
    must(reason < ADAPTIVE_REASON_COUNT);
    return TEXTS[reason];
}
