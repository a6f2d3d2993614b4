/* plan_warnings.c: what of the numbers does not go together, each in a sentence that says what to
 * do. Nothing here is a mistake: Weir works with all of it. */
#include "plan.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/capacity.h"

#define OLDER_MATTERS 0.001 /* one lease in a thousand */

static void warn(plan_t *p, const limit_t *limit, const char *about, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void warn(plan_t *p, const limit_t *limit, const char *about, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_t *warning =
        json_pack("{s:s, s:s, s:s}", "limit", limit->name, "about", about, "text", text);
    must(warning && json_array_append_new(p->warnings, warning) == 0);
}

/* ---- who is always smaller --------------------------------------------------------------- */

/* What others that are held as long leave to a limit, in pieces of work. */
typedef struct room {
    double most;       /* INFINITY: all */
    const limit_t *of; /* who leaves so little; NULL: the connections of a call */
    const downstream_t *calls;
    size_t others; /* who leave the rest of it, elsewhere */
} room_t;

static double pieces(uint32_t slots, uint32_t cost)
{
    return slots == PLAN_ANY ? INFINITY : floor((double)slots / cost);
}

static void look_at(const plan_t *p, const plan_level_t *level, const limit_t *of, room_t *room)
{
    plan_scope_t scope = plan_scope_of(of);
    for (size_t i = 0; i < level->count; i++) {
        const limit_t *other = &p->config->limits[level->draws[i].limit];
        double most = pieces(plan_most(other, &scope), level->draws[i].cost);
        if (other != of && most < room->most)
            *room = (room_t){.most = most, .of = other};
    }
}

/* At one level: by who is taken with it, by the route's, which are held longer, and by the
 * connections of a call. */
static room_t room_at(const plan_t *p, size_t at, const limit_t *of)
{
    const plan_level_t *level = &p->levels[at];
    room_t room = {.most = INFINITY};
    look_at(p, level, of, &room);
    if (!level->step || level->leased)
        return room;
    while (at > 0 && p->levels[at - 1].route == level->route)
        at--;
    if (!p->levels[at].step)
        look_at(p, &p->levels[at], of, &room);
    const downstream_t *d = level->step->downstream;
    double connections = d ? (double)d->connections * p->config->actors.responder : INFINITY;
    if (connections < room.most)
        room = (room_t){.most = connections, .calls = d};
    return room;
}

static uint32_t cost_at(const plan_t *p, const plan_level_t *level, const limit_t *limit)
{
    for (size_t i = 0; i < level->count; i++)
        if (&p->config->limits[level->draws[i].limit] == limit)
            return level->draws[i].cost;
    return 0;
}

/* What is left to it in all places together, if that is less than so many slots. A lease may name
 * it alone, so that nothing is known of what else it takes. */
static room_t room_for(const plan_t *p, const limit_t *limit, uint32_t slots)
{
    const room_t all = {.most = INFINITY};
    const void *seen[16];
    room_t room = {.most = 0};
    size_t count = 0;
    for (size_t at = 0; at < p->level_count; at++) {
        uint32_t cost = cost_at(p, &p->levels[at], limit);
        if (cost == 0)
            continue;
        room_t here = room_at(p, at, limit);
        const void *who = here.of ? (const void *)here.of : here.calls;
        size_t n = 0;
        while (n < count && seen[n] != who)
            n++;
        if (n == count)
            here.most += room.most;
        if (p->levels[at].key || here.most >= pieces(slots, cost) || count == COUNT_OF(seen))
            return all;
        if (n < count)
            continue;
        seen[count++] = who;
        room = room.most > 0 ? (room_t){here.most, room.of, room.calls, count - 1} : here;
    }
    return count > 0 && !plan_any_leases(p->config) ? room : all;
}

static bool is_used(const plan_t *p, const limit_t *limit)
{
    for (size_t at = 0; at < p->level_count; at++)
        if (plan_draws(&p->levels[at], limit, p->config))
            return true;
    return plan_any_leases(p->config);
}

/* "max_share_percent of runners leaves one repo 2 (40 % of 6 is 2.4)" */
static void room_text(const room_t *room, const limit_t *limit, char *out, size_t size)
{
    char whose[384] = "", others[64] = "";
    const limit_t *of = room->of;
    plan_scope_t scope = plan_scope_of(limit);
    if (scope.count > 0)
        plan_whose(&scope, whose, sizeof whose);
    if (room->others > 0)
        snprintf(others, sizeof others, ", with %zu more elsewhere,", room->others);
    if (!of)
        snprintf(out, size, "the connections to %s%s are %.0f", room->calls->name, others,
                 room->most);
    else if (plan_scope_has(&scope, of->share_by) && of->overrides[OF_SLOTS].count == 0)
        snprintf(out, size, "max_share_percent of %s%s leaves %s %.0f (%u %% of %u is %.3g)",
                 of->name, others, whose, room->most, of->max_share_percent, of->slots,
                 of->slots * of->max_share_percent / 100.0);
    else
        snprintf(out, size, "%s%s leaves%s%s %.0f", of->name, others, *whose ? " " : "", whose,
                 room->most);
}

static void never_binds(plan_t *p, const limit_t *limit)
{
    char leaves[640];
    uint32_t least = limit->slots;
    for (size_t i = 0; i < limit->overrides[OF_SLOTS].count; i++)
        least = limit->overrides[OF_SLOTS].of[i].value < least
                    ? limit->overrides[OF_SLOTS].of[i].value
                    : least;
    room_t room = room_for(p, limit, least);
    if (isinf(room.most))
        return;
    room_text(&room, limit, leaves, sizeof leaves);
    warn(p, limit, "never_binds",
         "%s never binds: wherever its %u slots are asked for, %s; lower it below that, or take it "
         "out",
         limit->name, least, leaves);
}

/* What would let an override be reached; its value is more than `room`. */
static void remedy_text(const room_t *room, const limit_t *limit, uint32_t value, char *out,
                        size_t size)
{
    const limit_t *of = room->of;
    plan_scope_t scope = plan_scope_of(limit);
    if (!of)
        snprintf(out, size, "raise the connections to %s", room->calls->name);
    else if (plan_scope_has(&scope, of->share_by) && value <= of->slots)
        snprintf(out, size, "raise max_share_percent to %u",
                 (unsigned)ceil(100.0 * value / of->slots));
    else
        snprintf(out, size, "raise the slots of %s", of->name);
}

/* The first that is cut is named, the others are counted. */
static void overrides_cut(plan_t *p, const limit_t *limit)
{
    char leaves[640], remedy[128], others[64] = "", part[96] = "";
    const override_t *first = NULL;
    room_t room = {0};
    size_t cut = 0;
    for (size_t i = 0; i < limit->overrides[OF_SLOTS].count; i++) {
        const override_t *o = &limit->overrides[OF_SLOTS].of[i];
        room_t here = room_for(p, limit, o->value);
        if (isinf(here.most))
            continue;
        if (cut++ == 0) {
            first = o;
            room = here;
        }
    }
    if (!first)
        return;
    room_text(&room, limit, leaves, sizeof leaves);
    remedy_text(&room, limit, first->value, remedy, sizeof remedy);
    if (cut > 1)
        snprintf(others, sizeof others, " (and %zu more)", cut - 1);
    if (room.of && room.of->share_by) {
        uint32_t run = plan_run(p, room.of);
        snprintf(part, sizeof part, "; %u would be %.0f %% of the %u that run", first->value,
                 100.0 * first->value / run, run);
    }
    warn(p, limit, "override",
         "%s: the override %u of %s%s is never reached: %s%s; lower it to %.0f, or %s", limit->name,
         first->value, first->pattern, others, leaves, part, room.most, remedy);
}

/* ---- one limit by itself ----------------------------------------------------------------- */

static void share_above(plan_t *p, const limit_t *limit)
{
    unsigned wanted = limit->max_share_percent, percent = wanted;
    uint32_t run = plan_run(p, limit), share = capacity_part(limit->slots, wanted),
             may = run * wanted / 100;
    if (!limit->share_by || (uint64_t)share * 100 <= (uint64_t)run * wanted)
        return;
    while (percent > 1 && capacity_part(limit->slots, percent) > may)
        percent--;
    if (may > 0)
        warn(p, limit, "share",
             "%s: one %s may hold %u of the %u slots that run, %.0f %% and not %u %%; set "
             "max_share_percent to %u, which is %u of them",
             limit->name, limit->share_by, share, run, 100.0 * share / run, wanted, percent,
             capacity_part(limit->slots, percent));
    else
        warn(p, limit, "share",
             "%s: one %s has always one slot, and that is %.0f %% of the %u that run, not %u %%; "
             "%u slots would be enough for it",
             limit->name, limit->share_by, 100.0 * share / run, run, wanted,
             (100 + wanted - 1) / wanted);
}

/* A rule that refuses does so to every class. */
static void reserve_in_vain(plan_t *p, const limit_t *limit)
{
    unsigned percent = plan_refused_from(p, limit);
    if (limit->reserved == 0 || percent == 0 ||
        capacity_until(limit->slots, percent) > limit->slots - limit->reserved)
        return;
    warn(p, limit, "reserved",
         "%s: its %u reserved slots are never used, since new work of every class is refused from "
         "%u of %u in use (%u %%); raise the rule's enter, or leave reserved out",
         limit->name, limit->reserved, capacity_until(limit->slots, percent), limit->slots,
         percent);
}

static void guard_below(plan_t *p, const limit_t *limit)
{
    uint64_t guard = plan_guard(p, limit);
    if (guard == 0 || limit->slots == 0 || guard >= limit->slots)
        return;
    warn(p, limit, "guard",
         "%s: leases over HTTP end at its guard, %llu, and not at its %u slots: the guard is of "
         "each ingress instance (%u here); raise guard or actors.ingress if that is not meant",
         limit->name, (unsigned long long)guard, limit->slots, p->config->actors.ingress);
}

static void older_than_ttl(plan_t *p, const limit_t *limit, double hold_s)
{
    char hold[32], ttl[32], enough[32];
    double ttl_s = plan_ttl_s(p, limit);
    double older = ttl_s > 0 && hold_s > 0 ? capacity_older(ttl_s, hold_s) : 0;
    if (limit->slots == 0 || older < OLDER_MATTERS)
        return;
    warn(p, limit, "ttl",
         "%s: held for %s on average, %.1f %% of its leases grow older than ttl_s (%s), %.0f of "
         "%u: renew them before, or they end while their work goes on; or raise ttl_s to %.0f (%s)",
         limit->name, plan_time(hold_s, hold), 100 * older, plan_time(ttl_s, ttl),
         older * plan_run(p, limit), plan_run(p, limit), ceil(-log(OLDER_MATTERS) * hold_s),
         plan_time(-log(OLDER_MATTERS) * hold_s, enough));
}

/* ---- together ---------------------------------------------------------------------------- */

static bool drawn_from(const plan_t *p, size_t at, const limit_t *limit)
{
    for (size_t end = plan_next(p, at); at < end; at++)
        if (plan_draws(&p->levels[at], limit, p->config))
            return true;
    return false;
}

/* "5 an hour", "33 a minute", "3333 a minute (55.6 a second)" */
static const char *pace_text(double starts, char out[64])
{
    char number[32];
    if (starts < 1)
        snprintf(out, 64, "%s an hour", plan_number(starts * 60, number));
    else if (starts < 60)
        snprintf(out, 64, "%s a minute", plan_number(starts, number));
    else
        snprintf(out, 64, "%s a minute (%.3g a second)", plan_number(starts, number), starts / 60);
    return out;
}

/* Where the rate comes first, and the slots are never all in use. */
static void rate_before_slots(plan_t *p, const limit_t *limit, size_t at)
{
    char where[96], whose[384], by[80], hold[32], rate[64], slots[64], busy[32];
    plan_scope_t scope = plan_scope_of(limit);
    plan_bounds_t b = plan_bounds(p, at, &scope);
    if (b.by_rate.limit != limit || !b.by_slots.limit || b.by_rate.most >= b.by_slots.most)
        return;
    double hold_s = p->hold_s[b.by_slots.limit - p->config->limits];
    plan_where(&p->levels[at], where, sizeof where);
    plan_whose(&scope, whose, sizeof whose);
    plan_bound_name(&b.by_slots, by, sizeof by);
    warn(p, limit, "rate",
         "%s, %s: %s lets %s start, and %s bears %s, held for %s each: about %s are at work at "
         "once; raise the rate, or plan with it",
         where, whose, limit->name, pace_text(b.by_rate.most, rate), by,
         pace_text(b.by_slots.most, slots), plan_time(hold_s, hold),
         plan_number(capacity_in_use(b.by_rate.most, hold_s), busy));
}

static void cap_before_its_end(plan_t *p, const limit_t *limit, size_t at)
{
    char where[96], whose[384], by[80], pace[64], after[32];
    plan_scope_t scope = plan_scope_of(limit);
    plan_bounds_t b = plan_bounds(p, at, &scope);
    const plan_bound_t *first = b.by_rate.most < b.by_slots.most ? &b.by_rate : &b.by_slots;
    if (!limit->cap.zone || !first->limit ||
        first->most <= plan_cap_starts(limit) / plan_cost(p, at, limit))
        return;
    plan_where(&p->levels[at], where, sizeof where);
    plan_whose(&scope, whose, sizeof whose);
    plan_bound_name(first, by, sizeof by);
    warn(p, limit, "cap",
         "%s, %s%s: %s, %llu a %s, is used up after %s at the %s of %s; raise it, or pace what "
         "starts",
         where, whose, p->levels[at].key ? ", that name it" : "", limit->name,
         (unsigned long long)limit->cap.most, plan_cap_each(limit),
         plan_time((double)limit->cap.most * 60 / plan_cost(p, at, limit) / first->most, after),
         pace_text(first->most, pace), by);
}

void plan_warnings(plan_t *p)
{
    for (size_t i = 0; i < p->config->named_limits; i++) {
        const limit_t *limit = &p->config->limits[i];
        if (!is_used(p, limit))
            warn(p, limit, "unused",
                 "%s: nothing takes it; name it in the limits of a route, a step or a downstream, "
                 "in a scope leases:%s of an API key, or leave it out",
                 limit->name, limit->name);
        if (limit->observe || !is_used(p, limit))
            continue;
        share_above(p, limit);
        reserve_in_vain(p, limit);
        guard_below(p, limit);
        older_than_ttl(p, limit, p->hold_s[i]);
        if (limit->slots > 0) {
            never_binds(p, limit);
            overrides_cut(p, limit);
        }
        for (size_t at = 0; at < p->level_count; at = plan_next(p, at))
            if (drawn_from(p, at, limit)) {
                rate_before_slots(p, limit, at);
                cap_before_its_end(p, limit, at);
            }
    }
}
