#include "core/gcra.h"

/* An instant or a span: us + part/of, of the rate's count. Compared and added, never rounded. */
typedef struct exact {
    int64_t us;
    uint32_t part;
} exact_t;

/* `cost` times the spacing, period/count. Both products fit: gcra_rate_valid, and 32 bits twice. */
static exact_t span_of(const gcra_rate_t *rate, uint32_t cost)
{
    int64_t whole = rate->period_us / rate->count;
    uint64_t rest = (uint64_t)(rate->period_us % rate->count) * cost;
    return (exact_t){whole * cost + (int64_t)(rest / rate->count), (uint32_t)(rest % rate->count)};
}

static exact_t plus(exact_t a, exact_t b, uint32_t of)
{
    uint64_t part = (uint64_t)a.part + b.part;
    return (exact_t){a.us + b.us + (part >= of), (uint32_t)(part >= of ? part - of : part)};
}

static exact_t minus(exact_t a, exact_t b, uint32_t of)
{
    bool borrow = a.part < b.part;
    return (exact_t){a.us - b.us - borrow, borrow ? a.part + (of - b.part) : a.part - b.part};
}

static exact_t later(exact_t a, exact_t b)
{
    return a.us > b.us || (a.us == b.us && a.part > b.part) ? a : b;
}

static exact_t earlier(exact_t a, exact_t b)
{
    return a.us < b.us || (a.us == b.us && a.part < b.part) ? a : b;
}

/* Of another rate: its part is rounded up. */
static exact_t full_at(const gcra_t *g, const gcra_rate_t *rate)
{
    if (g->part == 0 || g->of == rate->count)
        return (exact_t){g->full_us, g->part};
    return (exact_t){g->full_us + 1, 0};
}

static void set_full(gcra_t *g, const gcra_rate_t *rate, exact_t at)
{
    g->full_us = at.us;
    g->part = at.part;
    g->of = rate->count;
}

bool gcra_rate_valid(const gcra_rate_t *rate)
{
    return rate->period_us > 0 && rate->count > 0 && rate->burst > 0 &&
           rate->period_us / rate->count < GCRA_SPAN_US_MAX / rate->burst;
}

bool gcra_can_slow(const gcra_rate_t *rate)
{
    if (rate->count > UINT32_MAX / 100 || rate->period_us > GCRA_SPAN_US_MAX / 100)
        return false;
    return gcra_rate_valid(&(gcra_rate_t){rate->period_us * 100, rate->count, rate->burst});
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

gcra_rate_t gcra_slowed(gcra_rate_t rate, unsigned percent)
{
    must(percent >= 1 && percent <= 100 && rate.count <= UINT32_MAX / 100);
    uint64_t divisor = common_divisor(percent, 100);
    rate.count *= percent / divisor;
    rate.period_us *= 100 / divisor;
    divisor = common_divisor((uint64_t)rate.period_us, rate.count);
    rate.count /= divisor;
    rate.period_us /= divisor;
    must(gcra_rate_valid(&rate));
    return rate;
}

void gcra_repace(gcra_t *g, instant_t now, unsigned from_percent, unsigned to_percent)
{
    int64_t ahead = gcra_kept_us(g) - now.us, to = to_percent;
    must(from_percent >= 1 && from_percent <= 100 && to_percent >= 1 && to_percent <= 100);
    if (ahead <= 0)
        return; /* full; and ahead * 100 fits: GCRA_SPAN_US_MAX */
    g->full_us = now.us + (ahead * from_percent + to - 1) / to;
    g->part = 0;
}

int64_t gcra_wait_us(const gcra_t *g, const gcra_rate_t *rate, instant_t now, uint32_t cost)
{
    if (cost > rate->burst)
        return -1;
    if (cost == 0)
        return 0;
    exact_t full = later(full_at(g, rate), (exact_t){now.us, 0});
    exact_t room = span_of(rate, rate->burst - cost);
    exact_t may = minus(full, room, rate->count);
    int64_t wait = may.us - now.us + (may.part > 0);
    return wait > 0 ? wait : 0;
}

gcra_receipt_t gcra_take(gcra_t *g, const gcra_rate_t *rate, instant_t now, uint32_t cost)
{
    must(gcra_wait_us(g, rate, now, cost) == 0);
    exact_t full = later(full_at(g, rate), (exact_t){now.us, 0});
    set_full(g, rate, plus(full, span_of(rate, cost), rate->count));
    g->last_us = now.us;
    g->taken += cost;
    if (g->taken == 0)
        g->taken = 1; /* 0 is no receipt; one too many taken is on the safe side */
    return g->taken;
}

/* The bound holds as long as `full` is, for each take that stays, not before its instant plus the
 * spacings of it and all after it. Of those before the one given back that sum falls by `cost`; of
 * those after it, it is at most the latest instant plus the spacings of all that were taken since.
 */
void gcra_give(gcra_t *g, const gcra_rate_t *rate, gcra_receipt_t receipt, uint32_t cost)
{
    uint32_t since = g->taken - receipt;
    if (receipt == 0 || cost > rate->burst || since >= rate->burst)
        return;
    exact_t full = full_at(g, rate);
    exact_t given = minus(full, span_of(rate, cost), rate->count);
    exact_t bound = plus((exact_t){g->last_us, 0}, span_of(rate, since), rate->count);
    set_full(g, rate, earlier(full, later(given, bound)));
}

uint32_t gcra_left(const gcra_t *g, const gcra_rate_t *rate, instant_t now)
{
    uint32_t low = 0, high = rate->burst; /* low may be taken, above high may not */
    while (low < high) {
        uint32_t middle = high - (high - low) / 2;
        if (gcra_wait_us(g, rate, now, middle) == 0)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* How far ahead a bucket can be: empty, or a period if that is longer. */
static exact_t most_ahead(const gcra_rate_t *rate, instant_t now)
{
    exact_t bucket = span_of(rate, rate->burst), at = {now.us, 0};
    return plus(at, later(bucket, (exact_t){rate->period_us, 0}), rate->count);
}

bool gcra_rate_set(gcra_t *g, instant_t now, const gcra_rate_t *from, const gcra_rate_t *to,
                   unsigned percent)
{
    int64_t ahead = gcra_kept_us(g) - now.us;
    bool same =
        from->period_us == to->period_us && from->count == to->count && from->burst == to->burst;
    if (ahead <= 0 || to->count == 0 || same)
        return false;
    gcra_rate_t slowed = gcra_slowed(*to, percent);
    exact_t most = most_ahead(&slowed, now);
    long double left = (long double)ahead; /* a product of five such numbers is no 64 bit one */
    if (from->count > 0)
        left = left * from->count / (long double)from->period_us * (long double)to->period_us /
               to->count;
    if (left < (long double)(most.us - now.us))
        most = (exact_t){now.us + (int64_t)left + 1, 0};
    set_full(g, &slowed, most);
    return true;
}

gcra_t gcra_restored(const gcra_rate_t *rate, instant_t now, int64_t kept_us)
{
    gcra_t g = {.last_us = now.us};
    set_full(&g, rate, earlier((exact_t){kept_us, 0}, most_ahead(rate, now)));
    return g;
}

gcra_t gcra_new_boot(const gcra_rate_t *rate, instant_t now)
{
    gcra_t g = {.last_us = now.us};
    set_full(&g, rate, most_ahead(rate, now));
    return g;
}
