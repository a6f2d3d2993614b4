#include <stdlib.h>

#include <jansson.h>

#include "load.h"

static json_t *rounded(double v) { return json_real((double)(int64_t)(v * 1000 + 0.5) / 1000); }

static json_t *refusals(const counts_t *c)
{
    json_t *all = json_object();
    char status[8];
    for (unsigned i = 0; i < COUNT_OF(c->status); i++)
        if (c->status[i]) {
            snprintf(status, sizeof status, "%u", i);
            json_object_set_new(all, status, json_integer((json_int_t)c->status[i]));
        }
    return all;
}

static json_t *latencies(const histogram_t *h)
{
    static const struct {
        const char *name;
        double part;
    } parts[] = {
        {"p50", .5}, {"p90", .9}, {"p99", .99}, {"p99.9", .999}, {"max", 1},
    };
    json_t *all = json_object();
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        json_object_set_new(all, parts[i].name, rounded(histogram_ms(h, parts[i].part)));
    return all;
}

static json_t *number(uint64_t n) { return json_integer((json_int_t)n); }

static json_t *messages(const counts_t *c)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "sent", number(c->sent), "resent",
                     number(c->resent), "accepted", number(c->accepted), "duplicates",
                     number(c->duplicates), "conflicts", number(c->conflicts), "refused",
                     refusals(c));
}

/* refused: 429, as it should be when a limit is full; lost: not given back, as --lose wants it;
 * failed: all other answers, by status. */
static json_t *leases(const counts_t *c)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "sent", number(c->sent), "acquired",
                     number(c->acquired), "refused", number(c->limited), "released",
                     number(c->released), "lost", number(c->lost), "failed", refusals(c));
}

static void rates(json_t *r, const options_t *o, const counts_t *c)
{
    double seconds = c->seconds > 0 ? c->seconds : 1;
    json_object_set_new(r, "rate_wanted", rounded(o->rate));
    if (!o->leases) {
        json_object_set_new(r, "rate_acknowledged",
                            rounded((double)(c->accepted + c->duplicates) / seconds));
        return;
    }
    json_object_set_new(r, "rate_requests",
                        rounded((double)(c->acquired + c->limited + c->released) / seconds));
    json_object_set_new(r, "rate_acquired", rounded((double)c->acquired / seconds));
    json_object_set_new(r, "rate_refused", rounded((double)c->limited / seconds));
    json_object_set_new(r, "release_latency_ms", latencies(&c->release));
}

void result_print(const options_t *o, const counts_t *c)
{
    json_t *r = o->leases ? leases(c) : messages(c);
    json_object_set_new(r, "errors",
                        json_pack("{s:o, s:o, s:o, s:o}", "connect", number(c->connect_failed),
                                  "timeout", number(c->timeouts), "closed", number(c->closed),
                                  "garbled", number(c->garbled)));
    json_object_set_new(r, "unacknowledged", number(c->unacknowledged));
    json_object_set_new(r, "unsent", number(c->unsent));
    json_object_set_new(r, "seconds", rounded(c->seconds));
    rates(r, o, c);
    json_object_set_new(r, "latency_ms", latencies(&c->latency));
    json_object_set_new(r, "cpu_s", rounded(c->cpu_s));
    char *text = json_dumps(r, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(r);
    must(text);
    puts(text);
    free(text);
}
