/* plan_limits.c: a row for each limit, and below it its guard, its share and its overrides. */
#include "plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/capacity.h"

/* ---- numbers of a limit ------------------------------------------------------------------ */

unsigned plan_refused_from(const plan_t *p, const limit_t *limit)
{
    const modes_config_t *modes = &p->config->modes;
    uint64_t least = 101; /* more than all are never in use */
    for (size_t i = 0; i < modes->rule_count; i++) {
        const mode_rule_t *rule = &modes->rules[i];
        bool of_it = *rule->of ? strcmp(rule->of, limit->name) == 0 : limit->per_count == 0;
        if (rule->does == ACT_REFUSE && rule->signal == SIGNAL_SLOTS_PERCENT && of_it &&
            rule->enter < least)
            least = rule->enter;
    }
    return least > 100 ? 0 : (unsigned)least;
}

uint32_t plan_run(const plan_t *p, const limit_t *limit)
{
    unsigned percent = plan_refused_from(p, limit);
    uint32_t run = limit->slots > limit->reserved ? limit->slots - limit->reserved : 0,
             until = percent ? capacity_until(limit->slots, percent) : limit->slots;
    return until < run ? until : run;
}

bool plan_any_leases(const config_t *config)
{
    for (size_t i = 0; i < config->api_key_count; i++)
        for (size_t n = 0; n < config->api_keys[i].scope_count; n++) {
            const scope_t *scope = &config->api_keys[i].scopes[n];
            if (scope->kind == SCOPE_LEASES && strcmp(scope->of, "*") == 0)
                return true;
        }
    return false;
}

/* A step may say another one than the limit. */
double plan_ttl_s(const plan_t *p, const limit_t *limit)
{
    uint64_t least = plan_any_leases(p->config) ? limit->ttl_ms : 0;
    for (size_t i = 0; i < p->level_count; i++) {
        const plan_level_t *level = &p->levels[i];
        if (!level->leased || !plan_draws(level, limit, p->config))
            continue;
        uint64_t own = level->step ? level->step->lease_ttl_ms : 0, ttl = own ? own : limit->ttl_ms;
        least = least == 0 || ttl < least ? ttl : least;
    }
    return (double)least / 1000;
}

uint64_t plan_guard(const plan_t *p, const limit_t *limit)
{
    return (uint64_t)limit->guard * p->config->actors.ingress;
}

const char *plan_cap_each(const limit_t *limit)
{
    static const char *const words[] = {[CALENDAR_HOUR] = "hour",
                                        [CALENDAR_DAY] = "day",
                                        [CALENDAR_WEEK] = "week",
                                        [CALENDAR_MONTH] = "month"};
    return words[limit->cap.unit];
}

double plan_cap_starts(const limit_t *limit)
{
    static const double minutes[] = {[CALENDAR_HOUR] = 60,
                                     [CALENDAR_DAY] = 60 * 24,
                                     [CALENDAR_WEEK] = 60 * 24 * 7,
                                     [CALENDAR_MONTH] = 60 * 24 * 30.436875};
    return (double)limit->cap.most / minutes[limit->cap.unit];
}

/* ---- words ------------------------------------------------------------------------------- */

const char *plan_number(double value, char out[32])
{
    snprintf(out, 32, value >= 9.95 ? "%.0f" : value >= 0.995 ? "%.1f" : "%.2g", value);
    size_t length = strlen(out);
    if (length > 2 && strcmp(out + length - 2, ".0") == 0)
        out[length - 2] = '\0';
    return out;
}

const char *plan_time(double seconds, char out[32])
{
    static const struct {
        double s;
        const char *unit;
    } units[] = {{2 * 86400, "days"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (seconds >= units[i].s) {
            snprintf(out, 32, "%.3g %s", seconds / (i == 0 ? 86400 : units[i].s), units[i].unit);
            return out;
        }
    snprintf(out, 32, "%.3g ms", seconds * 1000);
    return out;
}

void plan_whose(const plan_scope_t *scope, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, scope->count ? "one " : "all");
    for (size_t i = 0; i < scope->count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "", scope->labels[i]);
}

/* ---- rows -------------------------------------------------------------------------------- */

static void set(json_t *row, const char *name, json_t *value)
{
    must(json_object_set_new(row, name, value) == 0);
}

/* The slower of the two; INFINITY: nobody can tell. */
static double starts_of(const plan_t *p, const limit_t *limit, double hold_s)
{
    double by_slots =
        limit->slots > 0 && hold_s > 0 ? capacity_starts(plan_run(p, limit), hold_s) : INFINITY;
    double by_rate = limit->rate.shape != RATE_NONE
                         ? capacity_pace(limit->rate.count, limit->rate.period_us)
                         : INFINITY;
    return fmin(by_slots, by_rate);
}

static void set_starts(json_t *row, double starts)
{
    if (isinf(starts))
        return;
    set(row, "starts_per_min", json_real(starts));
    set(row, "target_low", json_real(starts * CAPACITY_TARGET_LOW));
    set(row, "target_high", json_real(starts * CAPACITY_TARGET_HIGH));
}

static json_t *add_row(plan_t *p, const limit_t *limit, const char *kind, const char *whose)
{
    json_t *row = json_pack("{s:s, s:s, s:s}", "limit", limit->name, "kind", kind, "of", whose);
    must(row && json_array_append_new(p->limits, row) == 0);
    return row;
}

static void set_slots(json_t *row, uint32_t slots, uint32_t run)
{
    set(row, "slots", json_integer(slots));
    set(row, "run", json_integer(run));
}

static void set_rate(json_t *row, const limit_t *limit)
{
    static const char *const words[] = {
        [RATE_BUCKET] = "bucket", [RATE_SPACING] = "spacing", [RATE_WINDOW] = "window"};
    set(row, "rate", json_integer(limit->rate.count));
    set(row, "per_ms", json_integer(limit->rate.period_us / US_PER_MS));
    set(row, "shape", json_string(words[limit->rate.shape]));
}

static void set_cap(json_t *row, const limit_t *limit)
{
    set(row, "cap", json_integer((json_int_t)limit->cap.most));
    set(row, "each", json_string(plan_cap_each(limit)));
    set(row, "cap_per_min", json_real(plan_cap_starts(limit)));
}

/* Why fewer run than there are slots. */
static void set_why(const plan_t *p, json_t *row, const limit_t *limit)
{
    char why[160] = "";
    uint32_t run = plan_run(p, limit);
    if (limit->observe)
        snprintf(why, sizeof why, "it observes: it keeps nobody");
    else if (run < limit->slots - limit->reserved)
        snprintf(why, sizeof why, "new work is refused from %u %% in use",
                 plan_refused_from(p, limit));
    else if (limit->reserved > 0)
        snprintf(why, sizeof why, "%u kept for %s", limit->reserved,
                 class_name(limit->reserved_class));
    else if (limit->adaptive.on)
        snprintf(why, sizeof why, "adaptive: from %u on, at most these", limit->adaptive.floor);
    if (*why)
        set(row, "why", json_string(why));
}

static void whole_row(plan_t *p, const limit_t *limit, double hold_s)
{
    char whose[384];
    plan_scope_t scope = plan_scope_of(limit);
    double ttl_s = plan_ttl_s(p, limit);
    plan_whose(&scope, whose, sizeof whose);
    json_t *row = add_row(p, limit, "limit", whose);
    if (limit->slots > 0)
        set_slots(row, limit->slots, plan_run(p, limit));
    if (limit->rate.shape != RATE_NONE)
        set_rate(row, limit);
    if (limit->cap.zone)
        set_cap(row, limit);
    if (limit->slots > 0 && hold_s > 0)
        set(row, "hold_s", json_real(hold_s));
    set_starts(row, starts_of(p, limit, hold_s));
    if (ttl_s > 0)
        set(row, "ttl_s", json_real(ttl_s));
    if (ttl_s > 0 && limit->slots > 0 && hold_s > 0)
        set(row, "older_than_ttl_percent", json_real(100 * capacity_older(ttl_s, hold_s)));
    set_why(p, row, limit);
}

static void guard_row(plan_t *p, const limit_t *limit, double hold_s)
{
    char why[96];
    uint64_t guard = plan_guard(p, limit);
    json_t *row = add_row(p, limit, "guard", "leases over HTTP");
    set_slots(row, limit->guard, (uint32_t)guard);
    set_starts(row, hold_s > 0 ? capacity_starts((double)guard, hold_s) : INFINITY);
    snprintf(why, sizeof why, "%u of each ingress, and there %s %u", limit->guard,
             p->config->actors.ingress == 1 ? "is" : "are", p->config->actors.ingress);
    set(row, "why", json_string(why));
}

static void share_row(plan_t *p, const limit_t *limit, double hold_s)
{
    char whose[384], why[96];
    uint32_t run = plan_run(p, limit),
             share = capacity_part(limit->slots, limit->max_share_percent);
    share = share < run ? share : run;
    plan_scope_t scope = {.labels = {limit->share_by}, .count = 1};
    plan_whose(&scope, whose, sizeof whose);
    json_t *row = add_row(p, limit, "share", whose);
    set_slots(row, share, share);
    set_starts(row, hold_s > 0 ? capacity_starts(share, hold_s) : INFINITY);
    set(row, "share_percent", json_real(100.0 * share / run));
    snprintf(why, sizeof why, "%u %% of %u slots; of the %u that run %.0f %%",
             limit->max_share_percent, limit->slots, run, 100.0 * share / run);
    set(row, "why", json_string(why));
}

/* What is said of one value or pattern, of each number. */
static void override_row(plan_t *p, const limit_t *limit, const override_t *says[LIMIT_NUMBERS],
                         const char *pattern, double hold_s)
{
    json_t *row = add_row(p, limit, "override", pattern);
    limit_t own = *limit;
    if (says[OF_SLOTS]) {
        own.slots = says[OF_SLOTS]->value;
        set_slots(row, own.slots, plan_run(p, &own));
    }
    if (says[OF_RATE]) {
        own.rate.count = says[OF_RATE]->value;
        set_rate(row, &own);
    }
    if (says[OF_CAP]) {
        own.cap.most = says[OF_CAP]->value;
        set_cap(row, &own);
    }
    bool stopped = false; /* with 0 all of it waits */
    for (size_t n = 0; n < LIMIT_NUMBERS; n++)
        stopped |= says[n] && says[n]->value == 0;
    set_starts(row, stopped ? 0 : starts_of(p, &own, hold_s));
}

/* The tables are sorted: the next pattern of any, and what each says of it. NULL: no more. */
static const char *next_override(const limit_t *limit, size_t at[LIMIT_NUMBERS],
                                 const override_t *says[LIMIT_NUMBERS])
{
    const char *least = NULL;
    for (size_t n = 0; n < LIMIT_NUMBERS; n++) {
        says[n] = at[n] < limit->overrides[n].count ? &limit->overrides[n].of[at[n]] : NULL;
        if (says[n] && (!least || strcmp(says[n]->pattern, least) < 0))
            least = says[n]->pattern;
    }
    for (size_t n = 0; n < LIMIT_NUMBERS; n++)
        if (says[n] && strcmp(says[n]->pattern, least) == 0)
            at[n]++;
        else
            says[n] = NULL;
    return least;
}

static void override_rows(plan_t *p, const limit_t *limit, double hold_s)
{
    const override_t *says[LIMIT_NUMBERS];
    const char *pattern;
    size_t at[LIMIT_NUMBERS] = {0}, count = 0;
    while ((pattern = next_override(limit, at, says)) != NULL)
        if (count++ < PLAN_OVERRIDES_SHOWN)
            override_row(p, limit, says, pattern, hold_s);
    if (count > PLAN_OVERRIDES_SHOWN) {
        char more[64];
        snprintf(more, sizeof more, "and %zu more", count - PLAN_OVERRIDES_SHOWN);
        set(add_row(p, limit, "override", "*"), "why", json_string(more));
    }
}

void plan_limits(plan_t *p)
{
    for (size_t i = 0; i < p->config->named_limits; i++) {
        const limit_t *limit = &p->config->limits[i];
        whole_row(p, limit, p->hold_s[i]);
        if (limit->guard > 0)
            guard_row(p, limit, p->hold_s[i]);
        if (limit->share_by)
            share_row(p, limit, p->hold_s[i]);
        override_rows(p, limit, p->hold_s[i]);
    }
}

/* ---- all of it --------------------------------------------------------------------------- */

plan_t *plan_new(const config_t *config, double *hold_s, uint64_t backlog)
{
    plan_t *p = calloc(1, sizeof *p);
    must(p);
    *p = (plan_t){.config = config,
                  .hold_s = hold_s,
                  .backlog = backlog,
                  .limits = json_array(),
                  .binds = json_array(),
                  .warnings = json_array()};
    plan_levels(p);
    plan_limits(p);
    plan_binds(p);
    plan_warnings(p);
    return p;
}

void plan_destroy(plan_t **plan)
{
    plan_t *p = *plan;
    *plan = NULL;
    for (size_t i = 0; i < p->level_count; i++)
        free(p->levels[i].draws);
    json_decref(p->limits);
    json_decref(p->binds);
    json_decref(p->warnings);
    free(p->levels);
    free(p->hold_s);
    free(p);
}
