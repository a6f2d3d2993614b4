/* orders.c: what operators do at random moments, and how they make all of it undone in the end. */
#include <stdio.h>

#include "core/msgid.h"
#include "core/words.h"
#include "tests/sim/parts.h"

#define DRAIN_FINISHES_US (90 * US_PER_S)

static node_t *drainer(void) { return &sim.nodes[sim.node_count - 1]; }

/* ---- limits */

/* Only what is sure can be changed in a part; else all of it is set back. */
static void limit_back(size_t n)
{
    char args[80];
    snprintf(args, sizeof args, "{\"name\":\"%s\"}", sim.config->limits[n].name);
    standing_order_back(node_limiter(), n, args);
}

/* Of one value of its label. */
static void limit_of_kind(size_t n)
{
    const limit_t *limit = &sim.config->limits[n];
    unsigned number = (unsigned)chance_below(sim.kinds);
    char kind[8], args[120];
    snprintf(kind, sizeof kind, "%c%u", number % 2 ? 'a' : 'b', number);
    standing_t *of = standing_of_kind(n, kind);
    if (chance_in(4)) {
        snprintf(args, sizeof args, "{\"name\":\"%s\",\"value\":\"%s\"}", limit->name, kind);
        standing_order(node_limiter(), of, 0, "limits.reset", args);
        return;
    }
    unsigned most = limit->slots > 0 ? (unsigned)chance_below(2 * limit->slots + 1)
                                     : 1 + (unsigned)chance_below(2 * limit->rate.count);
    snprintf(args, sizeof args, "{\"name\":\"%s\",\"value\":\"%s\",\"%s\":%u}", limit->name, kind,
             limit->slots > 0 ? "slots" : "rate", most);
    standing_order(node_limiter(), of, most + 1, "limits.set", args);
}

static void limit_numbers(size_t n)
{
    const limit_t *limit = &sim.config->limits[n];
    limit_now_t now = standing_limit(n);
    char args[120];
    if (limit->slots > 0) {
        now.slots = (uint32_t)chance_below(2 * limit->slots + 1);
        now.slots += now.slots == 0 && limit->adaptive.on;
        snprintf(args, sizeof args, "{\"name\":\"%s\",\"slots\":%u}", limit->name, now.slots);
    } else if (limit->cap.zone) {
        now.count = 1 + (uint32_t)chance_below(2 * limit->cap.most);
        snprintf(args, sizeof args, "{\"name\":\"%s\",\"cap\":%u}", limit->name, now.count);
    } else {
        now.count = 1 + (uint32_t)chance_below(2 * limit->rate.count);
        now.per_ms = 400 + (uint32_t)chance_below(1200);
        snprintf(args, sizeof args, "{\"name\":\"%s\",\"rate\":%u,\"per_ms\":%u}", limit->name,
                 now.count, now.per_ms);
    }
    standing_order(node_limiter(), &standing.limits[n], standing_pack(&now), "limits.set", args);
}

void order_pin(size_t n, bool pins)
{
    limit_now_t now = standing_limit(n);
    char args[80];
    now.pinned = pins;
    snprintf(args, sizeof args, "{\"name\":\"%s\"}", sim.config->limits[n].name);
    standing_order(node_limiter(), &standing.limits[n], standing_pack(&now),
                   pins ? "limits.pin" : "limits.unpin", args);
}

static void limit_switch(size_t n)
{
    limit_now_t now = standing_limit(n);
    bool disables = chance_in(2);
    char args[80];
    bool on = disables ? !now.disabled : !now.observed;
    snprintf(args, sizeof args, "{\"name\":\"%s\",\"on\":\"%s\"}", sim.config->limits[n].name,
             on ? "on" : "off");
    now.disabled = disables ? on : now.disabled;
    now.observed = disables ? now.observed : on;
    standing_order(node_limiter(), &standing.limits[n], standing_pack(&now),
                   !disables ? "limits.observe"
                   : on      ? "limits.disable"
                             : "limits.enable",
                   args);
}

/* Of some nothing could be judged then: calls of a strict limit from before the change may still be
 * on the wire, and least times are looked at in the end. */
static bool is_left_alone(const limit_t *limit) { return limit->strict || intervals_judge(limit); }

static void change_limit(void)
{
    size_t n = chance_below(sim.config->named_limits);
    if (is_left_alone(&sim.config->limits[n]))
        return;
    if (!standing_is_sure(&standing.limits[n]) || chance_in(3))
        limit_back(n);
    else if (sim.config->limits[n].cap.zone)
        limit_numbers(n); /* what passes while it is switched off is not taken of it */
    else if (standing_of_kind(n, "a1") && chance_in(2))
        limit_of_kind(n);
    else if (chance_in(4))
        limit_switch(n);
    else if (chance_in(4))
        order_pin(n, !standing_limit(n).pinned);
    else
        limit_numbers(n);
}

/* ---- switches */

static void switch_route(size_t n, bool stop)
{
    char args[80];
    snprintf(args, sizeof args, "{\"name\":\"%s\"}", sim.config->routes[n].name);
    standing_order(node_limiter(), &standing.stopped[n], stop, stop ? "route.stop" : "route.start",
                   args);
}

static void change_route(void)
{
    size_t n = chance_below(sim.config->route_count);
    switch_route(n, standing.stopped[n].value == 0 && chance_in(2));
}

/* It ends what the far side asked for, too. */
static void resume(size_t n)
{
    char args[80];
    snprintf(args, sizeof args, "{\"name\":\"%s\"}", sim.config->downstreams[n].name);
    standing_unsure(&standing.paused[n]);
    pauses_resumed(n);
    standing_order(node_limiter(), &standing.halted[n], 0, "downstream.resume", args);
}

static void change_downstream(void)
{
    size_t n = chance_below(sim.config->downstream_count);
    const char *name = sim.config->downstreams[n].name;
    uint64_t what = chance_below(10);
    char args[80];
    snprintf(args, sizeof args, what < 3 ? "{\"name\":\"%s\",\"for\":1}" : "{\"name\":\"%s\"}",
             name);
    if (what < 3) {
        pauses_anew(n);
        standing_order(node_limiter(), &standing.paused[n], after(US_PER_S), "downstream.pause",
                       args);
    } else if (what < 5) {
        standing_order(node_limiter(), &standing.halted[n], 1, "downstream.pause", args);
    } else if (what < 6) {
        standing.probes[n]++;
        standing_unsure(&standing.paused[n]);
        pauses_resumed(n);
        standing_order(node_limiter(), &standing.tried[n], 0, "downstream.probe", args);
    } else {
        resume(n);
    }
}

/* ---- messages */

static void of_message(void)
{
    static const char *const verbs[] = {"hold", "release", "cancel", "prioritise"};
    char id[MSGID_TEXT], args[120];
    op_t *op = sim.op_count ? &sim.ops[chance_below(sim.op_count)] : NULL;
    if (!op || !op->has_id)
        return;
    uint64_t what = chance_below(10);
    what = what < 4 ? 0 : what < 7 ? 1 : what < 8 ? 2 : 3;
    msgid_text(&op->id, id);
    snprintf(args, sizeof args, "{\"id\":\"%s\",\"why\":\"to see\"%s}", id,
             what == 3 ? ",\"class\":\"high\"" : "");
    standing.holds++;
    op->may_be_cancelled |= what == 2;
    if (what == 3)
        supervise_ask(node_limiter(), verbs[what], args);
    else
        standing_order(node_limiter(), &op->kept,
                       what == 0   ? KEPT_HELD
                       : what == 1 ? KEPT_NOT
                                   : KEPT_CANCELLED,
                       verbs[what], args);
}

/* Which of them it finds waiting is not known. */
static void of_route(size_t n, bool holds)
{
    char args[80];
    snprintf(args, sizeof args, "{\"route\":\"%s\"}", sim.config->routes[n].name);
    for (size_t i = 0; i < sim.op_count; i++)
        if (sim.ops[i].route == n)
            standing_unsure(&sim.ops[i].kept);
    supervise_ask(node_limiter(), holds ? "hold" : "release", args);
}

static void take_back(void)
{
    char args[80], id[32];
    if (!holders_take_back(id, sizeof id))
        snprintf(id, sizeof id, "line-%u", (unsigned)chance_below(sim.op_count / 8 + 1));
    snprintf(args, sizeof args, "{\"id\":\"%s\",\"why\":\"its host is gone\"}", id);
    supervise_ask(node_limiter(), "slots.reclaim", args);
}

/* ---- modes */

static void order_mode(work_mode_t mode)
{
    char args[80];
    bool cancels = mode == MODE_MAINTENANCE && chance_in(2);
    snprintf(args, sizeof args, "{\"mode\":\"%s\",\"why\":\"to see\"%s}", mode_name(mode),
             cancels ? ",\"cancel\":true" : "");
    standing.was_degraded |= mode == MODE_DEGRADED;
    standing_order(drainer(), &standing.mode, mode, "mode", args);
    if (cancels && drainer()->alive)
        standing_cancels();
}

static void order_safe(bool on)
{
    standing.was_safe |= on;
    standing_order(drainer(), &standing.safe, on, "safe",
                   on ? "{\"state\":\"on\"}" : "{\"state\":\"off\"}");
}

static void drain_route(size_t n, bool drains)
{
    char args[80];
    snprintf(args, sizeof args, "{\"route\":\"%s\"}", sim.config->routes[n].name);
    standing_order(drainer(), &standing.drained[n], drains, drains ? "drain" : "undrain", args);
}

static void change_mode(void)
{
    static const work_mode_t modes[] = {MODE_NORMAL, MODE_NORMAL, MODE_DRAINING, MODE_DEGRADED,
                                        MODE_MAINTENANCE};
    uint64_t what = chance_below(10);
    size_t route = chance_below(sim.config->route_count);
    if (what < 6)
        order_mode(modes[chance_below(COUNT_OF(modes))]);
    else if (what < 8)
        order_safe(standing.safe.value == 0);
    else
        drain_route(route, standing.drained[route].value == 0);
}

void order_something(void)
{
    uint64_t what = chance_below(100);
    if (what < 30)
        change_limit();
    else if (what < 45)
        change_downstream();
    else if (what < 55)
        change_route();
    else if (what < 75)
        of_message();
    else if (what < 80)
        of_route(chance_below(sim.config->route_count), chance_in(3));
    else if (what < 85)
        take_back();
    else if (sim.with_modes)
        change_mode();
}

/* ---- the end: all of it is undone, again until that is confirmed */

static void undo_modes(void)
{
    if (standing.safe.open || standing.safe.value)
        order_safe(false);
    for (size_t n = 0; n < sim.config->route_count; n++)
        if (standing.drained[n].open || standing.drained[n].value)
            drain_route(n, false);
    order_mode(MODE_NORMAL);
}

/* Its route counts by the calendar: the next hour may be the one in which it ends. */
static bool waits_for_the_calendar(const stored_message_t *m)
{
    const route_t *r = config_route(sim.config, m->envelope.route);
    for (size_t n = 0; r && n < r->draw_count; n++)
        if (sim.config->limits[r->draws[n].limit].cap.zone)
            return true;
    return false;
}

static void is_unfinished(void *arg, const stored_message_t *m)
{
    (void)arg;
    uint8_t state = m->progress.state;
    if (state != STATE_DONE && state != STATE_DEAD && state != STATE_HELD &&
        !waits_for_the_calendar(m))
        violation("a drain of all does not finish message %lld, which is %s",
                  (long long)m->progress.seq, state_name(state));
}

static bool drain_goes_on(void)
{
    if (sim.drained_until == 0) {
        bool drains = standing_is_sure(&standing.mode) && standing.mode.value == MODE_DRAINING;
        sim.drained_until = drains && !sim.stopping ? after(DRAIN_FINISHES_US) : -1;
        trace_note(drains ? "the drain goes on" : "no drain goes on");
    }
    if (sim.drained_until < 0)
        return false;
    if (sim.now.at.us < sim.drained_until)
        return true;
    memory_disk_each(sim.disk, is_unfinished, NULL);
    sim.drained_until = -1;
    return false;
}

void orders_undo(void)
{
    for (size_t n = 0; n < sim.config->named_limits; n++)
        if (!standing_undone(n) && !sim.in_exam)
            limit_back(n);
    for (size_t n = 0; n < sim.config->downstream_count; n++)
        if (standing.halted[n].open || standing.halted[n].value)
            resume(n);
    for (size_t n = 0; n < sim.config->route_count; n++)
        if (standing.stopped[n].open || standing.stopped[n].value)
            switch_route(n, false);
    if (sim.with_orders)
        of_route(sim.undone++ % sim.config->route_count, false);
    if (!drain_goes_on())
        undo_modes();
}
