/* counters.h: what all actors have counted so far, and from two such what happens a second.
 * Counters are {actor: {at_ms, values: {name: number}, rates: {name: a second}}}; rates are there
 * once two reports of the actor were seen, and stay until its next one. Pure. */
#ifndef WEIRCTL_COUNTERS_H
#define WEIRCTL_COUNTERS_H

#include <jansson.h>
#include <stdint.h>

/* Of an answer of `metrics` that came at now_ms. The caller's. */
json_t *counters_of(const json_t *answer, int64_t now_ms);
/* Gives `after` its rates. `before` may be NULL. */
void counters_compare(const json_t *before, json_t *after);

/* All are the caller's; null: not known yet. */
/* accepted, duplicates, done, dead, calls, call_failures (also of one downstream), leases; over all
 * actors, to a tenth. */
json_t *counters_rate(const json_t *counters, const char *name, const char *downstream);
json_t *counters_cpu_percent(const json_t *counters, const char *actor); /* of one core */
json_t *counters_gauge(const json_t *counters, const char *actor, const char *name);

#endif
