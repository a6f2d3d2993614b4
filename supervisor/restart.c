#include "supervisor/restart.h"

void restart_forget(restart_t *r)
{
    r->streak = 0;
    r->failed = false;
    r->next = r->kept = 0;
}

static void remember(restart_t *r, instant_t now)
{
    r->deaths[r->next] = now;
    r->next = (r->next + 1) % COUNT_OF(r->deaths);
    if (r->kept < COUNT_OF(r->deaths))
        r->kept++;
    if (r->streak < 64)
        r->streak++; /* beyond, the pause has long reached its cap */
}

static unsigned deaths_since(const restart_t *r, instant_t begin)
{
    unsigned n = 0;
    for (size_t i = 0; i < r->kept; i++)
        if (!instant_before(r->deaths[i], begin))
            n++;
    return n;
}

static int64_t doubled(int64_t us, unsigned times, int64_t most)
{
    for (; times > 0 && us < most; times--)
        us *= 2;
    return us < most ? us : most;
}

/* The upper half of the cap: while it doubles no pause is shorter than the last, and they differ.
 */
static int64_t pause_of(const restart_t *r, const restart_policy_t *policy, bool was_ready,
                        rand_t *chance)
{
    int64_t cap = doubled(policy->min_us, r->streak - (was_ready ? 1 : 0), policy->max_us);
    return cap / 2 + (int64_t)rand_below(chance, (uint64_t)(cap - cap / 2) + 1);
}

restart_verdict_t restart_died(restart_t *r, const restart_policy_t *policy, instant_t now,
                               int64_t ready_us, rand_t *chance)
{
    must(policy->burst <= RESTART_BURST_MAX && policy->min_us > 0 &&
         policy->max_us >= policy->min_us);
    if (ready_us >= policy->forget_us)
        restart_forget(r);
    if (ready_us >= policy->burst_us)
        r->failed = false;
    remember(r, now);
    restart_verdict_t v = {.recent = deaths_since(r, (instant_t){now.us - policy->burst_us})};
    r->failed = r->failed || v.recent > policy->burst;
    v.failed = r->failed;
    v.pause_us = v.failed ? policy->failed_retry_us : pause_of(r, policy, ready_us >= 0, chance);
    return v;
}
