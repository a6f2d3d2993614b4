/* estimates.c: when something should happen: from how fast slots come back and messages leave
 * (core/estimate.h), and until that is measured, from what the rates allow. */
#include "actors/limiter/parts.h"

#define RETRY_LEAST_MS 1000
#define RETRY_MOST_MS 600000

/* As many as the rate lets pass in a second; 0: it has none. */
static double rate_per_s(const bucket_t *b)
{
    bool any = b->of->limit->rate.shape != RATE_NONE && b->count > 0;
    return any ? (double)b->count * US_PER_S / (double)b->of->period_us : 0;
}

int64_t bucket_estimate_us(const limiter_t *l, const bucket_t *b, answer_can_t why, uint64_t nth,
                           sureness_t *sure)
{
    bool timed = why.can == CAN_LATER || why.can == CAN_CAPPED;
    int64_t wait = timed ? why.at.us - l->now.at.us : 0;
    *sure = SURE_MEASURED;
    if (why.can == CAN_STOPPED)
        *sure = SURE_UNKNOWN;
    if (why.can == CAN_STOPPED || why.can == CAN_NOW || (timed && nth <= 1))
        return wait > 0 ? wait : 0;
    int64_t more = estimate_us(&b->leaving, l->now.at, timed ? nth - 1 : nth, rate_per_s(b), sure);
    return *sure == SURE_UNKNOWN ? 0 : wait + more;
}

uint64_t bucket_retry_ms(const limiter_t *l, const bucket_t *b, answer_can_t why, uint32_t cost)
{
    sureness_t sure;
    bool timed = why.can == CAN_LATER || why.can == CAN_CAPPED;
    int64_t ms =
        (bucket_estimate_us(l, b, why, timed ? 1 : cost, &sure) + US_PER_MS - 1) / US_PER_MS;
    int64_t most = timed ? UINT32_MAX : RETRY_MOST_MS, least = timed ? 1 : RETRY_LEAST_MS;
    return (uint64_t)(ms < least ? least : ms > most ? most : ms);
}

uint64_t queue_ahead(const limiter_t *l, uint16_t route)
{
    const struct of_route *of = &l->of_route[route];
    uint64_t busy = of->assigned + of->held;
    return of->live > busy ? of->live - busy : 0;
}

/* One that is held waits for a person or a mode: nobody knows. */
void accepted_place(const limiter_t *l, int64_t seq, msg_verdict_t *verdict)
{
    const item_t *i = seqmap_find(l->live, seq);
    sureness_t sure = SURE_MEASURED;
    int64_t us = 0;
    bool waits = i && i->state == STATE_QUEUED;
    if (i && i->state == STATE_HELD)
        sure = SURE_UNKNOWN;
    else if (waits)
        us =
            estimate_us(&route_gate(l, i->route)->leaving, l->now.at, verdict->ahead + 1, 0, &sure);
    int64_t ms = us / US_PER_MS;
    verdict->start_in_ms = ms < UINT32_MAX ? (uint64_t)ms : UINT32_MAX;
    verdict->known = sure == SURE_UNKNOWN ? TOLD_AHEAD : TOLD_AHEAD | TOLD_START;
}
