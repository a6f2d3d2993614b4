/* admission.c: limits as they are seen from outside: slots by what is in hand, rates by the first
 * bytes of calls. Nothing here asks the limiter. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/msgid.h"
#include "store/memory_disk.h"
#include "tests/sim/parts.h"

#define METERS 128
#define TAKES 64
#define SEQS (4 * OPS_MAX)

/* One limit's value: a leaky bucket that must not overflow, and the latest takes. */
typedef struct meter {
    const limit_t *limit;
    char kind[8];
    double level;
    int64_t at, takes[TAKES];
    size_t count;
    int64_t since; /* the change that it was begun anew with */
} meter_t;
/* The assignment with which a message drew from the rates of its route, once for all its tries. */
typedef struct drawn {
    enum { DRAWN_NOT, DRAWN, DRAWN_BACK } is; /* BACK: it was given back, or nobody can tell */
    uint64_t attempt, fence;
} drawn_t;

static struct {
    drawn_t drawn[SEQS];
    meter_t meters[METERS];
    size_t count;
} seen;

void admission_begin(void) { memset(&seen, 0, sizeof seen); }

void admission_kind(bytes_t labels, char *kind)
{
    json_t *json = labels.len ? json_loadb((const char *)labels.data, labels.len, 0, NULL) : NULL;
    const char *text = json_string_value(json_object_get(json, "kind"));
    snprintf(kind, 8, "%s", text ? text : "");
    json_decref(json);
}

/* ---- slots */

static bool counts_by_kind(const limit_t *limit) { return limit->per_count > 0; }

/* Which of two patterns says more: by what stands before its star, then by its length. */
static bool says_more(const char *pattern, const char *than)
{
    size_t fixed = strcspn(pattern, "*"), its = strcspn(than, "*");
    return fixed != its ? fixed > its : strlen(pattern) > strlen(than);
}

/* What the file says of this kind, read by another reader than the limiter's; -1: nothing. */
static json_int_t override_of(const limit_t *limit, const char *kind)
{
    json_t *all = json_object_get(json_object_get(sim.config->json, "limits"), limit->name);
    const char *pattern, *best = NULL;
    json_t *number;
    json_int_t found = -1;
    json_object_foreach(json_object_get(all, "overrides"), pattern, number)
    {
        bool holds =
            strcmp(pattern, kind) == 0 || glob_matches(bytes_str(pattern), bytes_str(kind));
        if (!holds || (best && strcmp(best, kind) == 0))
            continue;
        if (!best || strcmp(pattern, kind) == 0 || says_more(pattern, best)) {
            best = pattern;
            found = json_integer_value(number);
        }
    }
    return found;
}

/* Slots or, without them, the rate's count. UINT32_MAX: nothing is sure. */
static uint32_t number_of(size_t index, const char *kind, uint32_t of_limit)
{
    const standing_t *by_hand = standing_of_kind(index, kind);
    if (!standing_keeps(index) || (by_hand && !standing_is_sure(by_hand)))
        return UINT32_MAX;
    if (by_hand && by_hand->value)
        return (uint32_t)by_hand->value - 1;
    json_int_t said = by_hand ? override_of(&sim.config->limits[index], kind) : -1;
    return said >= 0 ? (uint32_t)said : of_limit;
}

/* A pinned one stays at its slots, whatever its calls teach it. */
static uint32_t slots_of(size_t index, const char *kind)
{
    limit_now_t now = standing_limit(index);
    uint32_t most = number_of(index, kind, now.slots), bent = adaptive_most(index);
    if (most == UINT32_MAX || now.pinned || bent >= most)
        return most;
    sim.evidence.bent++;
    return bent;
}

bool admission_draws(const assigned_t *a, size_t limit)
{
    for (size_t n = 0; n < a->step->draw_count; n++)
        if (a->step->draws[n].limit == limit)
            return true;
    for (size_t n = 0; n < a->route->draw_count; n++)
        if (a->route->draws[n].limit == limit)
            return true;
    return false;
}

bool admission_holds_slots(const assigned_t *a)
{
    for (size_t n = 0; n < sim.config->named_limits; n++)
        if (sim.config->limits[n].slots > 0 && admission_draws(a, n))
            return true;
    return false;
}

static void check_limit(size_t index, const assigned_t *of)
{
    const limit_t *limit = &sim.config->limits[index];
    unsigned all = 0, same = 0, half = 0;
    for (size_t i = 0; i < sim.assigned_count; i++) {
        const assigned_t *a = &sim.assigned[i];
        if (!admission_draws(a, index))
            continue;
        all++;
        half += a->kind[0] == of->kind[0];
        same += strcmp(a->kind, of->kind) == 0;
    }
    exam_in_hand(index, all);
    if (limit->per_count > 0 && strcmp(limit->per[0], "half") == 0)
        same = half;
    uint32_t most = slots_of(index, of->kind);
    if (limit->slots > 0 && (counts_by_kind(limit) ? same : all) > most)
        violation("invariant 3: %u slots of %s %s are in use, it has %u",
                  counts_by_kind(limit) ? same : all, limit->name, of->kind, most);
    uint64_t share = (uint64_t)most * limit->max_share_percent / 100;
    if (limit->share_by && half > (share ? share : 1))
        violation("invariant 3: %c has %u slots of %s, its share is %u", of->kind[0], half,
                  limit->name, (unsigned)(share ? share : 1));
}

/* What the route draws is held over its steps and tries, and where it rejects since the enqueue:
 * who had it before a change has it still. */
static bool may_have_had_it(const assigned_t *a, size_t limit)
{
    for (size_t n = 0; n < a->route->draw_count; n++)
        if (a->route->draws[n].limit == limit)
            return standing.limits[limit].since > 0 &&
                   (a->attempt > 1 || sim.config->limits[limit].reject);
    return false;
}

void admission_slots(void)
{
    const assigned_t *last = &sim.assigned[sim.assigned_count - 1];
    for (size_t n = 0; n < sim.config->named_limits; n++)
        if (admission_draws(last, n) && !may_have_had_it(last, n))
            check_limit(n, last);
}

/* Calls on the wire, and those of dead actors while the far side may still work for them. */
static void check_strict(const call_t *new, const step_t *step)
{
    for (size_t n = 0; n < step->draw_count; n++) {
        const limit_t *limit = &sim.config->limits[step->draws[n].limit];
        unsigned count = 0;
        for (const call_t *call = sim.calls; limit->strict && call; call = call->next) {
            if (call->lists)
                continue;
            const step_t *its = &sim.config->routes[sim.ops[call->op].route].steps[call->step];
            int64_t most = sim.config->downstreams[call->downstream].total_ms * US_PER_MS;
            bool works =
                call->written &&
                (!call->ended || (call->orphan && sim.now.at.us < call->written_at + most / 2));
            count += works && its == step;
        }
        if (limit->strict && count > limit->slots)
            violation("invariant 3: %u calls of %s, which is strict, are on the wire: it has %u "
                      "(operation %u)",
                      count, limit->name, limit->slots, new->op);
    }
}

/* ---- rates */

static meter_t *meter_of(size_t index, const char *kind)
{
    const limit_t *limit = &sim.config->limits[index];
    for (size_t n = 0; n < seen.count; n++)
        if (seen.meters[n].limit == limit && strcmp(seen.meters[n].kind, kind) == 0)
            return &seen.meters[n];
    must(seen.count < METERS);
    meter_t *m = &seen.meters[seen.count++];
    m->limit = limit;
    snprintf(m->kind, sizeof m->kind, "%s", kind);
    return m;
}

/* After a change nothing counts that was before it, or was assigned before it and comes `late`. */
static bool is_measured(meter_t *m, size_t index, int64_t late)
{
    int64_t since = standing.limits[index].since;
    const standing_t *of_kind = standing_of_kind(index, m->kind);
    if (of_kind && of_kind->since > since)
        since = of_kind->since;
    bool is_sure = number_of(index, m->kind, 0) != UINT32_MAX &&
                   (since == 0 || sim.now.at.us > since + late) && m->since == since;
    if (is_sure)
        return true;
    m->since = since;
    m->level = 0;
    m->count = 0;
    memset(m->takes, 0, sizeof m->takes);
    m->at = sim.now.at.us;
    return false;
}

static unsigned burst_of(const limit_t *limit, const limit_now_t *now)
{
    return limit->rate.shape == RATE_SPACING || now->count == limit->rate.count ? limit->rate.burst
                                                                                : now->count;
}

/* A take reaches the wire up to `late` after it was allowed: so much more may come together. */
static void check_rate(meter_t *m, const limit_now_t *now, int64_t at, int64_t late)
{
    double rate = (double)now->count / ((double)now->per_ms * US_PER_MS);
    m->level -= (double)llabs(at - m->at) * rate; /* frames to two actors may leave in any order */
    m->level = (m->level > 0 ? m->level : 0) + 1;
    m->at = at > m->at ? at : m->at;
    if (m->level > burst_of(m->limit, now) + (double)late * rate + 1e-6)
        violation("invariant 3: more calls than the rate of %s %s", m->limit->name, m->kind);
}

static void check_window(meter_t *m, const limit_now_t *now)
{
    unsigned within = 1;
    for (size_t n = 0; n < TAKES && n < m->count; n++)
        within += m->takes[n] > sim.now.at.us - now->per_ms * US_PER_MS;
    m->takes[m->count++ % TAKES] = sim.now.at.us;
    if (within > now->count)
        violation("invariant 3: %u calls in one window of %s, it allows %u", within, m->limit->name,
                  now->count);
}

void admission_written(const call_t *call)
{
    const op_t *op = &sim.ops[call->op];
    const step_t *step = &sim.config->routes[op->route].steps[call->step];
    char kind[8];
    snprintf(kind, sizeof kind, "%c%u", op->kind % 2 ? 'a' : 'b', op->kind);
    for (size_t n = 0; n < step->draw_count; n++) {
        const limit_t *limit = &sim.config->limits[step->draws[n].limit];
        if (limit->rate.shape == RATE_NONE)
            continue;
        size_t index = step->draws[n].limit;
        meter_t *m = meter_of(index, counts_by_kind(limit) ? kind : "");
        limit_now_t now = standing_limit(index);
        if (!is_measured(m, index, step->start_within_ms * US_PER_MS))
            continue;
        now.count = number_of(index, m->kind, now.count);
        sim.evidence.judged++;
        if (limit->rate.shape == RATE_WINDOW)
            check_window(m, &now);
        else
            check_rate(m, &now, sim.now.at.us, step->start_within_ms * US_PER_MS);
    }
    check_strict(call, step);
}

/* ---- rates of routes: a message draws from them with its first assignment, and when that was not
 * begun, with the next. What cannot be told from outside is taken as drawn before. */

static drawn_t *drawn_of(uint64_t seq)
{
    must(seq < SEQS);
    return &seen.drawn[seq];
}

static void each_rate(const assigned_t *a, void (*each)(meter_t *m, size_t index, int64_t at))
{
    int64_t at = a->start_by - a->step->start_within_ms * US_PER_MS; /* when it was assigned */
    for (size_t n = 0; n < a->route->draw_count; n++) {
        size_t index = a->route->draws[n].limit;
        const limit_t *limit = &sim.config->limits[index];
        if (limit->rate.shape != RATE_NONE && !intervals_judge(limit))
            each(meter_of(index, counts_by_kind(limit) ? a->kind : ""), index, at);
    }
}

static void rate_draws(meter_t *m, size_t index, int64_t at)
{
    limit_now_t now = standing_limit(index);
    if (!is_measured(m, index, sim.now.at.us - at))
        return;
    sim.evidence.judged++;
    check_rate(m, &now, at, 0);
}

/* What is said of it now may have been before draws that are still to be seen. */
static void rate_is_back(meter_t *m, size_t index, int64_t at)
{
    (void)index;
    (void)at;
    m->level = m->level > 1 ? m->level - 1 : 0;
}

static void check_drawn(const assigned_t *new)
{
    drawn_t *d = drawn_of(new->seq);
    if (d->is == DRAWN_NOT && new->attempt == d->attempt + 1) /* else one was lost on its way */
        each_rate(new, rate_draws);
    if (d->is == DRAWN_NOT)
        *d = (drawn_t){DRAWN, new->attempt, new->fence};
}

void admission_not_begun(const assigned_t *a)
{
    drawn_t *d = drawn_of(a->seq);
    if (d->is != DRAWN || d->attempt != a->attempt || d->fence != a->fence)
        return;
    d->is = DRAWN_BACK;
    each_rate(a, rate_is_back);
}

/* It counts for sure in the life that made the assignment only. */
void admission_settled(const msg_settled_t *s)
{
    drawn_t *d = drawn_of(s->seq);
    if (d->is == DRAWN_BACK && d->attempt == s->attempt && d->fence == s->fence &&
        s->fence == node_limiter()->opened.epoch)
        d->is = DRAWN_NOT;
}

/* What an actor said before it died may be heard after its death, and then says nothing. */
void admission_died(void)
{
    for (size_t n = 0; n < SEQS; n++)
        if (seen.drawn[n].is == DRAWN_BACK)
            seen.drawn[n].is = DRAWN;
}

/* ---- suspects */

static unsigned deaths_of(const msgid_t *id)
{
    const stored_message_t *m = memory_disk_find(sim.disk, id);
    return m ? m->progress.deaths : 0;
}

void admission_assigned(const node_t *to, const assigned_t *new)
{
    unsigned deaths = deaths_of(&new->id);
    check_drawn(new);
    if (deaths > 3)
        violation("message %llu killed %u actors and is given out again",
                  (unsigned long long)new->seq, deaths);
    for (size_t i = 0; i < sim.assigned_count; i++) {
        const assigned_t *a = &sim.assigned[i];
        if (a->node != to->index || a->life != to->life)
            continue;
        if (deaths >= 2 || deaths_of(&a->id) >= 2)
            violation("message %llu, which killed before, is not alone in its actor's hands",
                      (unsigned long long)(deaths >= 2 ? new->seq : a->seq));
    }
}
