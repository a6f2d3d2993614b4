#include "core/estimate.h"

#include <math.h>

#define STALE_HALF_LIVES 30 /* ten minutes without work: what was measured is a guess now */

/* How long a gap is that most moments lie in: where ten leave together every eight seconds, eight.
 */
static double gap_us(const estimate_t *e) { return e->over_us > 0 ? e->squares / e->over_us : 0; }

static double kept_after(int64_t us) { return exp2(-(double)us / ESTIMATE_HALF_LIFE_US); }

const char *sureness_name(sureness_t sure)
{
    static const char *const NAMES[SURENESS_COUNT] = {
        [SURE_UNKNOWN] = "unknown", [SURE_GUESSED] = "guessed", [SURE_MEASURED] = "measured"};
    must(sure < SURENESS_COUNT);
    return NAMES[sure];
}

void estimate_waits(estimate_t *e, instant_t now)
{
    if (e->waiting)
        return;
    if (now.us - e->last_us > STALE_HALF_LIVES * ESTIMATE_HALF_LIFE_US)
        e->seen = 0;
    e->waiting = true;
    e->last_us = now.us;
}

void estimate_left(estimate_t *e, instant_t now, uint32_t count)
{
    if (!e->waiting || count == 0)
        return;
    double kept = kept_after(now.us - e->last_us), took_us = (double)(now.us - e->last_us);
    /* One long silence (a pause, a breaker) is not yet a slow pace: a few of them are. */
    double most_us = 3.0 * ESTIMATE_HALF_LIFE_US + 4 * gap_us(e);
    took_us = e->left > 0 && took_us > most_us ? most_us : took_us;
    e->left = e->left * kept + count;
    e->over_us = e->over_us * kept + took_us;
    e->squares = e->squares * kept + took_us * took_us;
    e->last_us = now.us;
    e->seen = count < ESTIMATE_SEEN_MIN - e->seen ? e->seen + count : ESTIMATE_SEEN_MIN;
}

void estimate_empty(estimate_t *e) { e->waiting = false; }

/* How long the next one has kept us waiting. */
static int64_t waited_us(const estimate_t *e, instant_t now)
{
    return e->waiting ? now.us - e->last_us : 0;
}

/* While the next departure is not late, the mean of the earlier ones; from then on its being late
 * counts as time in which nothing left. */
double estimate_per_s(const estimate_t *e, instant_t now)
{
    if (e->left == 0)
        return 0;
    double over_us = e->over_us, least_us = ESTIMATE_OVER_US_MIN, left = e->left;
    double late_us = (double)waited_us(e, now) - gap_us(e);
    if (late_us > 0) {
        double kept = kept_after((int64_t)late_us);
        left *= kept;
        over_us = over_us * kept + late_us;
    }
    return left * US_PER_S / (over_us > least_us ? over_us : least_us);
}

static bool is_measured(const estimate_t *e)
{
    return e->seen == ESTIMATE_SEEN_MIN && e->over_us >= ESTIMATE_OVER_US_MIN;
}

int64_t estimate_us(const estimate_t *e, instant_t now, uint64_t n, double guess_per_s,
                    sureness_t *sure)
{
    double per_s = estimate_per_s(e, now);
    *sure = is_measured(e) ? SURE_MEASURED : SURE_GUESSED;
    if (!is_measured(e) && guess_per_s > 0)
        per_s = guess_per_s;
    if (!(per_s > 0)) {
        *sure = SURE_UNKNOWN;
        return 0;
    }
    double each_us = US_PER_S / per_s, waited = (double)waited_us(e, now);
    double us = (double)n * each_us - (waited < each_us ? waited : each_us);
    return us < 0 ? 0 : us < (double)ESTIMATE_US_MAX ? (int64_t)us : ESTIMATE_US_MAX;
}
