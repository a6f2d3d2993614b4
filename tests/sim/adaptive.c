/* adaptive.c: how many an adaptive limit may let run at most, by what its calls said on the wire.
 *
 * The bound is not the limiter's number but one that this can never be above: each success counts
 * as soon as it leaves its actor, whether the limit was in use or not; a failure counts when the
 * limiter said that it knows, and only if it is sure that it is the first word about it, and that
 * the call began after the last lowering. Where an answer may have been lost in between nothing is
 * known for a while. That the limit comes back, and goes no lower than one, is asked by exam.c. */
#include "tests/sim/parts.h"

#define KEEP_PERCENT 70 /* of what it was, on a failure */
#define FAILURES 64
#define DOUBT_US (10 * US_PER_S) /* longer than anybody is frozen */
#define MOST 64

typedef struct bound {
    uint32_t most, successes;
    int64_t changed_at; /* at the earliest */
    uint64_t lowered;   /* place on the wire of the word that lowered it */
    int64_t lowered_at; /* what leaves at that instant may be older */
    uint32_t before;    /* it */
    int64_t doubt_until;
} bound_t;
typedef struct failure {
    uint64_t seq, attempt, fence, order; /* seq 0: none; order: of its assignment */
    size_t limit;
    uint32_t link, limiter_life;
    uint8_t node;
} failure_t;

static struct {
    bound_t of[LIMITS_MAX];
    failure_t failures[FAILURES];
    uint64_t order;
} seen;

static bool is_adaptive(size_t limit) { return sim.config->limits[limit].adaptive.on; }

void adaptive_begin(void) { memset(&seen, 0, sizeof seen); }

/* It begins anew where it is configured to; by hand it may have fewer. Its first growth waits for
 * nothing. */
void adaptive_reborn(void)
{
    memset(seen.failures, 0, sizeof seen.failures);
    for (size_t n = 0; n < sim.config->named_limits; n++)
        if (is_adaptive(n))
            seen.of[n] =
                (bound_t){.most = sim.config->limits[n].adaptive.start,
                          .changed_at = sim.now.at.us - sim.config->limits[n].adaptive.stay_us,
                          .lowered = seen.order};
}

static void grow(size_t limit)
{
    bound_t *b = &seen.of[limit];
    int64_t stay = sim.config->limits[limit].adaptive.stay_us;
    while (b->successes >= b->most && sim.now.at.us >= b->changed_at + stay && b->most < MOST) {
        b->successes -= b->most++;
        b->changed_at += stay;
    }
}

uint32_t adaptive_most(size_t limit)
{
    if (!is_adaptive(limit) || sim.now.at.us < seen.of[limit].doubt_until)
        return UINT32_MAX;
    grow(limit);
    const bound_t *b = &seen.of[limit];
    return sim.now.at.us == b->lowered_at ? b->before : b->most;
}

/* It is not above its slots, if these are sure. */
static void lower(size_t limit)
{
    bound_t *b = &seen.of[limit];
    uint32_t slots = standing_limit(limit).slots, floor = sim.config->limits[limit].adaptive.floor;
    grow(limit);
    if (standing_is_sure(&standing.limits[limit]) && b->most > slots)
        b->most = slots;
    if (b->lowered_at != sim.now.at.us)
        b->before = b->most;
    b->lowered_at = sim.now.at.us;
    b->most = b->most * KEEP_PERCENT / 100;
    b->most = b->most > floor ? b->most : floor;
    b->successes = 0;
    /* It may have been as low already, and not changed for long. */
    b->changed_at = sim.now.at.us - sim.config->limits[limit].adaptive.stay_us;
    b->lowered = ++seen.order;
}

/* It may have been lowered by what was not seen: nothing more that fails is known to lower it,
 * until all that is under way now is over. */
static void doubt(size_t limit)
{
    seen.of[limit].most = MOST;
    seen.of[limit].successes = 0;
    seen.of[limit].doubt_until = sim.now.at.us + DOUBT_US;
}

void adaptive_assigned(assigned_t *new)
{
    new->order = ++seen.order;
    for (size_t n = 0; n < sim.config->named_limits; n++)
        if (is_adaptive(n) && seen.of[n].lowered_at == sim.now.at.us)
            new->order = 0;
    new->limiter_life = node_limiter()->life;
}

static void failed(const node_t *from, const assigned_t *a, uint32_t link, size_t limit)
{
    for (size_t n = 0; n < FAILURES; n++)
        if (seen.failures[n].seq == 0) {
            seen.failures[n] = (failure_t){.seq = a->seq,
                                           .attempt = a->attempt,
                                           .fence = a->fence,
                                           .order = a->order,
                                           .limit = limit,
                                           .link = link,
                                           .limiter_life = a->limiter_life,
                                           .node = from->index};
            return;
        }
    doubt(limit);
}

void adaptive_settle(const node_t *from, const assigned_t *a, uint32_t link, const msg_settle_t *s)
{
    bool succeeded = s->outcome == OUTCOME_OK || s->outcome == OUTCOME_FAIL;
    bool lowers = s->status == 0 || s->status == 429 || s->status == 503;
    if (s->outcome == OUTCOME_UNBEGUN || s->cancelled)
        return;
    for (size_t n = 0; n < sim.config->named_limits; n++) {
        if (!is_adaptive(n) || !admission_draws(a, n))
            continue;
        grow(n);
        seen.of[n].successes += succeeded;
        if (trace_all)
            trace_note("%s: at most %u, %u succeeded", sim.config->limits[n].name, seen.of[n].most,
                       seen.of[n].successes);
        if (!succeeded && lowers)
            failed(from, a, link, n);
    }
}

void adaptive_settled(const node_t *to, uint32_t link, const msg_settled_t *s)
{
    for (size_t n = 0; n < FAILURES; n++) {
        failure_t *f = &seen.failures[n];
        if (f->seq != s->seq || f->attempt != s->attempt || f->fence != s->fence)
            continue;
        const bound_t *b = &seen.of[f->limit];
        if (f->node != to->index || f->link != link)
            doubt(f->limit);
        else if (f->limiter_life == node_limiter()->life && f->order > b->lowered &&
                 sim.now.at.us >= b->doubt_until)
            lower(f->limit);
        f->seq = 0;
    }
}

void adaptive_cut_off(uint8_t node)
{
    for (size_t n = 0; n < FAILURES; n++) {
        failure_t *f = &seen.failures[n];
        if (f->seq == 0 || f->node != node)
            continue;
        doubt(f->limit);
        f->seq = 0;
    }
}
