/* plan.h: what the limits of a configuration bear, told from the configuration alone: rows of the
 * limits, what binds first where, and warnings. plan.c reads what is typed and shows it; the others
 * are pure. Counted is normal work at its full pace: what slow_down, pauses and adaptive limits
 * leave of it is not, nor limits that observe. Of a route every step runs once. */
#ifndef WEIRCTL_PLAN_H
#define WEIRCTL_PLAN_H

#include <jansson.h>

#include "sys/config.h"

#define PLAN_ANY UINT32_MAX /* it does not bind */
#define PLAN_OVERRIDES_SHOWN 20

/* Limits that are taken together and given back together. */
typedef struct plan_level {
    const route_t *route; /* NULL: leases over HTTP, with `key` */
    const step_t *step;   /* NULL: held to the end of the message, or leases over HTTP */
    const api_key_t *key;
    bool leased;   /* held until a lease ends */
    draw_t *draws; /* of limits that the configuration names */
    size_t count;
} plan_level_t;

/* Whose: what has one value of each of these labels. None: all there is. */
typedef struct plan_scope {
    const char *labels[5];
    size_t count;
} plan_scope_t;

typedef struct plan {
    const config_t *config; /* lent */
    double *hold_s;         /* of each limit: how long one start holds its slots; 0: not said */
    uint64_t backlog;       /* 0: not said */
    plan_level_t *levels;   /* those of one route or key follow each other, the route's own first */
    size_t level_count;
    json_t *limits, *binds, *warnings;
} plan_t;

/* Everything: limits, binds and warnings are made. `hold_s` is taken over. */
plan_t *plan_new(const config_t *config, double *hold_s, uint64_t backlog);
void plan_destroy(plan_t **plan);

/* plan_limits.c */
void plan_limits(plan_t *p);
uint32_t plan_run(const plan_t *p, const limit_t *limit);          /* slots that common work gets */
unsigned plan_refused_from(const plan_t *p, const limit_t *limit); /* percent; 0: no rule refuses */
bool plan_any_leases(const config_t *config);             /* a key may name any limit in a lease */
double plan_ttl_s(const plan_t *p, const limit_t *limit); /* of its leases; 0: it has none */
uint64_t plan_guard(const plan_t *p, const limit_t *limit); /* of all ingresses; 0: none */
double plan_cap_starts(const limit_t *limit); /* a minute, on average; the cap is there */
const char *plan_cap_each(const limit_t *limit);
/* "one campaign", "all" */
void plan_whose(const plan_scope_t *scope, char *out, size_t size);

/* plan_binds.c */
void plan_levels(plan_t *p);
void plan_binds(plan_t *p);
plan_scope_t plan_scope_of(const limit_t *limit);
bool plan_scope_has(const plan_scope_t *scope, const char *label);
/* As configured, what something with these labels may have at once at most, overrides included;
 * PLAN_ANY: the limit does not count by them. */
uint32_t plan_most(const limit_t *limit, const plan_scope_t *scope);

typedef struct plan_bound {
    double most;          /* INFINITY: nothing binds */
    const limit_t *limit; /* which one */
    bool guard;           /* its guard */
} plan_bound_t;
/* Of the levels of one route or key, the first of them `at`: what binds how many there are at once,
 * how many start a minute by slots whose holding time is known, and by rates. */
typedef struct plan_bounds {
    plan_bound_t at_once, by_slots, by_rate;
} plan_bounds_t;
plan_bounds_t plan_bounds(const plan_t *p, size_t at, const plan_scope_t *scope);
/* What one message takes of it at all these levels together. */
uint32_t plan_cost(const plan_t *p, size_t at, const limit_t *limit);
size_t plan_next(const plan_t *p, size_t at); /* the first level of the next route or key */
void plan_where(const plan_level_t *level, char *out, size_t size); /* "route tickets" */
void plan_bound_name(const plan_bound_t *bound, char *out, size_t size);
bool plan_draws(const plan_level_t *level, const limit_t *limit, const config_t *config);

/* plan_warnings.c */
void plan_warnings(plan_t *p);

/* "33", "2.5", "0.083"; "3 min", "12.5 h" */
const char *plan_number(double value, char out[32]);
const char *plan_time(double seconds, char out[32]);

#endif
