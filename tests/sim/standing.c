/* standing.c: what operators have set, as far as it is sure from outside. An order that was sent
 * makes the thing that it changes unsure; its answer makes it sure, from then on, because nothing
 * older can still be on its way behind it on the same link. What is unsure is not judged. */
#include <stdlib.h>

#include "core/words.h"
#include "tests/sim/parts.h"

#define ORDERS 512u
#define NO_LIMIT SIZE_MAX

typedef struct order {
    uint64_t number;
    standing_t *of;
    int64_t value;
    bool was_sure, cancels;
    size_t undoes; /* all that was set by hand of this limit; NO_LIMIT: of none */
} order_t;

static order_t orders[ORDERS];
standing_all_t standing;

void standing_begin(void)
{
    memset(orders, 0, sizeof orders);
    memset(&standing, 0, sizeof standing);
    must(sim.config->named_limits <= COUNT_OF(standing.limits) &&
         sim.config->route_count <= COUNT_OF(standing.stopped) &&
         sim.config->downstream_count <= COUNT_OF(standing.halted));
    for (size_t n = 0; n < sim.config->named_limits; n++)
        standing.limits[n].value = standing_configured(n);
    standing.mode.value = MODE_NORMAL;
}

void standing_order(node_t *to, standing_t *of, int64_t value, const char *verb, const char *args)
{
    if (!to->alive)
        return;
    uint64_t number = supervise_ask(to, verb, args);
    orders[number % ORDERS] = (order_t){number, of, value, of->open == 0, false, NO_LIMIT};
    of->open = number;
    if (trace_all)
        trace_note("order %llu: %s %s", (unsigned long long)number, verb, args);
}

void standing_order_back(node_t *to, size_t limit, const char *args)
{
    if (!to->alive)
        return;
    standing_order(to, &standing.limits[limit], standing_configured(limit), "limits.reset", args);
    uint64_t number = standing.limits[limit].open;
    orders[number % ORDERS].undoes = limit;
    for (size_t n = 0; n < KINDS; n++)
        standing.values[limit][n].open = number;
}

static void undone(uint64_t number, size_t limit)
{
    for (size_t n = 0; n < KINDS; n++)
        if (standing.values[limit][n].open == number)
            standing.values[limit][n] = (standing_t){.since = sim.now.at.us};
}

void standing_cancels(void) { orders[standing.mode.open % ORDERS].cancels = true; }

static bool says(bytes_t body, const char *what)
{
    return body.len > 0 && memmem(body.data, body.len, what, strlen(what));
}

void standing_answered(const msg_answer_t *answer)
{
    const order_t *o = &orders[answer->number % ORDERS];
    if (o->number == answer->number && o->undoes != NO_LIMIT && answer->status == 200)
        undone(o->number, o->undoes);
    if (o->number != answer->number || !o->of || o->of->open != answer->number)
        return;
    if (answer->status == 200)
        *o->of = (standing_t){.value = o->value, .since = sim.now.at.us};
    if (answer->status == 200 && o->cancels && says(answer->body, "\"cancelling\":false") &&
        calls_run())
        violation("all calls are cancelled, it was answered, and one runs");
    if (answer->status != 200 && answer->status < 500 && o->was_sure)
        o->of->open = 0; /* refused: as it was */
}

void standing_unsure(standing_t *of) { of->open = UINT64_MAX; }

/* ---- limits */

int64_t standing_pack(const limit_now_t *now)
{
    return (int64_t)now->slots | (int64_t)now->count << 20 | (int64_t)now->per_ms << 40 |
           (int64_t)now->disabled << 60 | (int64_t)now->observed << 61 | (int64_t)now->pinned << 62;
}

limit_now_t standing_limit(size_t index)
{
    int64_t value = standing.limits[index].value;
    return (limit_now_t){.slots = value & 0xFFFFF,
                         .count = value >> 20 & 0xFFFFF,
                         .per_ms = value >> 40 & 0xFFFFF,
                         .disabled = value >> 60 & 1,
                         .observed = value >> 61 & 1,
                         .pinned = value >> 62 & 1};
}

int64_t standing_configured(size_t index)
{
    const limit_t *limit = &sim.config->limits[index];
    return standing_pack(
        &(limit_now_t){.slots = limit->slots,
                       .count = limit->cap.zone ? (uint32_t)limit->cap.most : limit->rate.count,
                       .per_ms = (uint32_t)(limit->rate.period_us / US_PER_MS),
                       .observed = limit->observe});
}

standing_t *standing_of_kind(size_t index, const char *kind)
{
    const limit_t *limit = &sim.config->limits[index];
    bool by_kind = limit->per_count == 1 && strcmp(limit->per[0], "kind") == 0;
    return by_kind && *kind ? &standing.values[index][strtoul(kind + 1, NULL, 10) % KINDS] : NULL;
}

bool standing_undone(size_t index)
{
    const standing_t *of = &standing.limits[index];
    bool is = of->open == 0 && of->value == standing_configured(index);
    for (size_t n = 0; is && n < KINDS; n++)
        is = standing.values[index][n].open == 0 && standing.values[index][n].value == 0;
    return is;
}

bool standing_keeps(size_t index)
{
    limit_now_t now = standing_limit(index);
    return standing_is_sure(&standing.limits[index]) && !now.disabled && !now.observed;
}

/* ---- what is judged by it */

static bool is_told(const standing_t *s, int64_t value)
{
    return standing_is_sure(s) && s->value == value;
}

static void check_switches(const assigned_t *a)
{
    size_t route = (size_t)(a->route - sim.config->routes);
    if (is_told(&standing.stopped[route], 1))
        violation("message %llu was assigned though %s is stopped", (unsigned long long)a->seq,
                  a->route->name);
    if (!a->step->downstream)
        return;
    size_t to = (size_t)(a->step->downstream - sim.config->downstreams);
    if (is_told(&standing.halted[to], 1) && standing.probes[to] == 0)
        violation("message %llu was assigned though %s is stopped", (unsigned long long)a->seq,
                  a->step->downstream->name);
    standing.probes[to] -= standing.probes[to] > 0;
    if (standing_is_sure(&standing.paused[to]) && sim.now.at.us < standing.paused[to].value)
        violation("message %llu was assigned %lld us before the end of the pause of %s",
                  (unsigned long long)a->seq,
                  (long long)(standing.paused[to].value - sim.now.at.us),
                  a->step->downstream->name);
}

static void check_held(const assigned_t *a)
{
    for (size_t n = 0; standing.holds > 0 && n < sim.op_count; n++) {
        const op_t *op = &sim.ops[n];
        if (op->kept.value == KEPT_CANCELLED && sim.with_redrives)
            continue; /* it may be put back */
        if (op->has_id && op->kept.value && is_told(&op->kept, op->kept.value) &&
            msgid_equal(&op->id, &a->id))
            violation("operation %u was assigned though it was %s", op->number,
                      op->kept.value == KEPT_HELD ? "held" : "cancelled");
    }
}

void standing_assigned(const assigned_t *a)
{
    unsigned long long seq = a->seq;
    check_switches(a);
    check_held(a);
    if (is_told(&standing.mode, MODE_MAINTENANCE))
        violation("message %llu was assigned in maintenance", seq);
    if (is_told(&standing.mode, MODE_DEGRADED) && a->step->degraded == IN_MODE_SKIP)
        violation("message %llu: the step %s was assigned in mode degraded", seq, a->step->name);
    if (is_told(&standing.safe, 1) && a->step->safe == IN_MODE_SKIP)
        violation("message %llu: the step %s was assigned in safe mode", seq, a->step->name);
    if (is_told(&standing.safe, 0) && a->step->safe == IN_MODE_ONLY)
        violation("message %llu: the step %s was assigned without safe mode", seq, a->step->name);
}

/* What was first sent after the beginning of a drain is not begun before its end. */
void standing_called(const op_t *op)
{
    const standing_t *drained = &standing.drained[op->route];
    bool all = is_told(&standing.mode, MODE_DRAINING) && op->first_sent > standing.mode.since;
    bool route = is_told(drained, 1) && op->first_sent > drained->since;
    if (all || route)
        violation("operation %u came in a drain of %s and was begun", op->number,
                  all ? "all" : sim.config->routes[op->route].name);
}

void standing_listed(bytes_t name)
{
    const limit_t *limit = &sim.config->limits[config_limit(sim.config, name)];
    size_t to = (size_t)(limit->truth.downstream - sim.config->downstreams);
    if (is_told(&standing.halted[to], 1) || is_told(&standing.mode, MODE_MAINTENANCE))
        violation("the truth of %s was asked for though %s", limit->name,
                  is_told(&standing.halted[to], 1) ? "its downstream is stopped"
                                                   : "nothing runs in maintenance");
}

bool standing_may_have_skipped(const step_t *step)
{
    return (step->safe != IN_MODE_RUN && (standing.was_safe || step->safe == IN_MODE_ONLY)) ||
           (step->degraded != IN_MODE_RUN &&
            (standing.was_degraded || sim.config->modes.rule_count > 0 ||
             step->degraded == IN_MODE_ONLY));
}

void standing_rebooted(void)
{
    for (size_t n = 0; n < COUNT_OF(standing.paused); n++)
        standing_unsure(&standing.paused[n]);
}
