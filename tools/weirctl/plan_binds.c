/* plan_binds.c: where limits are taken together, and which of them binds first there. */
#include "plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/capacity.h"

/* ---- where they are taken ---------------------------------------------------------------- */

/* Takes over the draws; with none of named limits it is no level. */
static void add_level(plan_t *p, plan_level_t level, const draw_t *draws, size_t count)
{
    level.draws = calloc(count + 1, sizeof *level.draws);
    must(level.draws);
    for (size_t i = 0; i < count; i++)
        if (draws[i].limit < p->config->named_limits)
            level.draws[level.count++] = draws[i];
    if (level.count == 0) {
        free(level.draws);
        return;
    }
    p->levels = realloc(p->levels, (p->level_count + 1) * sizeof *p->levels);
    must(p->levels);
    p->levels[p->level_count++] = level;
}

/* A lease takes what its request names: here all that the key's scopes name. "leases:*" names
 * none. */
static void add_key(plan_t *p, const api_key_t *key)
{
    draw_t *draws = calloc(key->scope_count + 1, sizeof *draws);
    size_t count = 0;
    must(draws);
    for (size_t i = 0; i < key->scope_count; i++)
        if (key->scopes[i].kind == SCOPE_LEASES && strcmp(key->scopes[i].of, "*") != 0) {
            long limit = config_limit(p->config, bytes_str(key->scopes[i].of));
            must(limit >= 0);
            draws[count++] = (draw_t){(uint16_t)limit, 1};
        }
    add_level(p, (plan_level_t){.key = key, .leased = true}, draws, count);
    free(draws);
}

void plan_levels(plan_t *p)
{
    const config_t *c = p->config;
    for (size_t i = 0; i < c->route_count; i++) {
        const route_t *r = &c->routes[i];
        add_level(p, (plan_level_t){.route = r}, r->draws, r->draw_count);
        for (size_t n = 0; n < r->step_count; n++) {
            const step_t *s = &r->steps[n];
            if (s->degraded != IN_MODE_ONLY && s->safe != IN_MODE_ONLY)
                add_level(p, (plan_level_t){.route = r, .step = s, .leased = s->lease_id}, s->draws,
                          s->draw_count);
        }
    }
    for (size_t i = 0; i < c->api_key_count; i++)
        add_key(p, &c->api_keys[i]);
}

static bool same_place(const plan_level_t *a, const plan_level_t *b)
{
    return a->route == b->route && a->key == b->key;
}

size_t plan_next(const plan_t *p, size_t at)
{
    size_t next = at + 1;
    while (next < p->level_count && same_place(&p->levels[at], &p->levels[next]))
        next++;
    return next;
}

void plan_where(const plan_level_t *level, char *out, size_t size)
{
    snprintf(out, size, "%s %s", level->route ? "route" : "leases of",
             level->route ? level->route->name : level->key->name);
}

/* ---- whose ------------------------------------------------------------------------------- */

bool plan_scope_has(const plan_scope_t *scope, const char *label)
{
    for (size_t i = 0; label && i < scope->count; i++)
        if (strcmp(scope->labels[i], label) == 0)
            return true;
    return false;
}

plan_scope_t plan_scope_of(const limit_t *limit)
{
    plan_scope_t scope = {.count = limit->per_count};
    memcpy(scope.labels, limit->per, limit->per_count * sizeof *limit->per);
    return scope;
}

static bool within(const plan_scope_t *inner, const plan_scope_t *outer)
{
    for (size_t i = 0; i < inner->count; i++)
        if (!plan_scope_has(outer, inner->labels[i]))
            return false;
    return true;
}

static bool counts_by(const limit_t *limit, const plan_scope_t *scope)
{
    plan_scope_t own = plan_scope_of(limit);
    return !limit->observe && within(&own, scope);
}

static uint32_t share_of(const limit_t *limit, const plan_scope_t *scope, uint32_t slots)
{
    return plan_scope_has(scope, limit->share_by) ? capacity_part(slots, limit->max_share_percent)
                                                  : slots;
}

uint32_t plan_most(const limit_t *limit, const plan_scope_t *scope)
{
    uint32_t most = limit->slots;
    if (limit->slots == 0 || !counts_by(limit, scope))
        return PLAN_ANY;
    for (size_t i = 0; i < limit->overrides[OF_SLOTS].count; i++)
        if (limit->overrides[OF_SLOTS].of[i].value > most)
            most = limit->overrides[OF_SLOTS].of[i].value;
    return share_of(limit, scope, most);
}

/* ---- what binds -------------------------------------------------------------------------- */

/* Of equal ones that which counts more finely: it is the one that its waiters see. */
static void tighten(plan_bound_t *bound, double most, const limit_t *limit, bool guard)
{
    if (most < bound->most || (most == bound->most && limit->per_count > bound->limit->per_count))
        *bound = (plan_bound_t){most, limit, guard};
}

uint32_t plan_cost(const plan_t *p, size_t at, const limit_t *limit)
{
    uint32_t cost = 0;
    for (size_t end = plan_next(p, at); at < end; at++)
        for (size_t i = 0; i < p->levels[at].count; i++)
            if (&p->config->limits[p->levels[at].draws[i].limit] == limit)
                cost += p->levels[at].draws[i].cost;
    return cost;
}

static void bind_slots(const plan_t *p, plan_bounds_t *b, const limit_t *limit, double slots,
                       double cost, bool guard)
{
    double hold_s = p->hold_s[limit - p->config->limits];
    if (hold_s > 0)
        tighten(&b->by_slots, capacity_starts(slots, hold_s) / cost, limit, guard);
}

plan_bounds_t plan_bounds(const plan_t *p, size_t at, const plan_scope_t *scope)
{
    plan_bound_t none = {.most = INFINITY};
    plan_bounds_t b = {none, none, none};
    for (size_t n = at, end = plan_next(p, at); n < end; n++)
        for (size_t i = 0; i < p->levels[n].count; i++) {
            draw_t draw = p->levels[n].draws[i];
            const limit_t *limit = &p->config->limits[draw.limit];
            uint64_t guard = p->levels[n].key ? plan_guard(p, limit) : 0;
            if (guard > 0) { /* it counts leases, whatever they cost, of all values */
                tighten(&b.at_once, (double)guard, limit, true);
                bind_slots(p, &b, limit, (double)guard, 1, true);
            }
            if (!counts_by(limit, scope))
                continue;
            double cost = plan_cost(p, at, limit);
            if (limit->slots > 0) {
                uint32_t run = plan_run(p, limit), slots = share_of(limit, scope, limit->slots);
                slots = slots < run ? slots : run;
                tighten(&b.at_once, floor((double)slots / draw.cost), limit, false);
                bind_slots(p, &b, limit, slots, cost, false);
            }
            if (limit->rate.shape != RATE_NONE)
                tighten(&b.by_rate, capacity_pace(limit->rate.count, limit->rate.period_us) / cost,
                        limit, false);
        }
    return b;
}

void plan_bound_name(const plan_bound_t *bound, char *out, size_t size)
{
    snprintf(out, size, "%s%s", bound->guard ? "guard of " : "", bound->limit->name);
}

bool plan_draws(const plan_level_t *level, const limit_t *limit, const config_t *config)
{
    for (size_t i = 0; i < level->count; i++)
        if (&config->limits[level->draws[i].limit] == limit)
            return true;
    return false;
}

/* ---- rows -------------------------------------------------------------------------------- */

static void set_bound(json_t *row, const char *name, const plan_bound_t *bound, json_t *value)
{
    char by[80], text[96];
    if (bound->limit) {
        plan_bound_name(bound, text, sizeof text);
        snprintf(by, sizeof by, "%s_by", name);
        must(json_object_set(row, name, value) == 0 &&
             json_object_set_new(row, by, json_string(text)) == 0);
    }
    json_decref(value);
}

static void add_bind(plan_t *p, size_t at, const plan_scope_t *scope)
{
    char where[96], whose[384];
    plan_bounds_t b = plan_bounds(p, at, scope);
    const plan_bound_t *starts = b.by_rate.most < b.by_slots.most ? &b.by_rate : &b.by_slots;
    plan_where(&p->levels[at], where, sizeof where);
    plan_whose(scope, whose, sizeof whose);
    json_t *row = json_pack("{s:s, s:s}", "where", where, "of", whose);
    must(row);
    set_bound(row, "at_once", &b.at_once,
              json_integer(isinf(b.at_once.most) ? 0 : (json_int_t)b.at_once.most));
    set_bound(row, "starts_per_min", starts, json_real(isinf(starts->most) ? 0 : starts->most));
    if (p->backlog > 0 && starts->limit)
        must(json_object_set_new(row, "backlog_s",
                                 json_real((double)p->backlog * 60 / starts->most)) == 0);
    if (b.at_once.limit || starts->limit)
        must(json_array_append(p->binds, row) == 0);
    json_decref(row);
}

typedef struct scopes {
    plan_scope_t of[64]; /* more of one place are not told */
    size_t count;
} scopes_t;

static void add_scope(scopes_t *scopes, plan_scope_t scope)
{
    for (size_t i = 0; i < scopes->count; i++)
        if (within(&scopes->of[i], &scope) && within(&scope, &scopes->of[i]))
            return;
    if (scopes->count < COUNT_OF(scopes->of))
        scopes->of[scopes->count++] = scope;
}

/* All there is, and each that some limit tells apart. */
void plan_binds(plan_t *p)
{
    for (size_t at = 0, next; at < p->level_count; at = next) {
        scopes_t scopes = {.count = 1};
        next = plan_next(p, at);
        for (size_t n = at; n < next; n++)
            for (size_t i = 0; i < p->levels[n].count; i++) {
                const limit_t *limit = &p->config->limits[p->levels[n].draws[i].limit];
                plan_scope_t scope = plan_scope_of(limit);
                add_scope(&scopes, scope);
                if (limit->share_by && !plan_scope_has(&scope, limit->share_by)) {
                    scope.labels[scope.count++] = limit->share_by;
                    add_scope(&scopes, scope);
                }
            }
        for (size_t i = 0; i < scopes.count; i++)
            add_bind(p, at, &scopes.of[i]);
    }
}
