#include "counters.h"

#include <stdio.h>

#include "sys/metrics_read.h"

#define SAME_REPORT_MS 200 /* actors report once a second; a time so near is the same report's */

/* ---- what the actors count -------------------------------------------------------------- */

static const struct counted {
    enum metric metric;
    const char *name;
    bool by_downstream, is_gauge;
} counted[] = {
    {.metric = METRIC_ACCEPTED, .name = "accepted"},
    {.metric = METRIC_DUPLICATES, .name = "duplicates"},
    {.metric = METRIC_DONE, .name = "done"},
    {.metric = METRIC_DEAD, .name = "dead"},
    {.metric = METRIC_CALLS, .name = "calls", .by_downstream = true},
    {.metric = METRIC_CALL_FAILURES, .name = "call_failures", .by_downstream = true},
    {.metric = METRIC_GRANTS, .name = "leases"},
    {.metric = METRIC_CPU_SECONDS, .name = "cpu"},
    {.metric = METRIC_MEMORY_BYTES, .name = "memory_bytes", .is_gauge = true},
    {.metric = METRIC_OPEN_FDS, .name = "open_fds", .is_gauge = true},
};

typedef struct counting {
    const struct counted *what;
    json_t *values;
} counting_t;

static void add(json_t *values, const char *name, double value)
{
    double before = json_real_value(json_object_get(values, name));
    must(json_object_set_new(values, name, json_real(before + value)) == 0);
}

static void downstream_key(const char *name, const char *downstream, char *out, size_t size)
{
    snprintf(out, size, "%s of %s", name, downstream);
}

static void count(void *arg, const metric_sample_t *sample)
{
    const counting_t *c = arg;
    char value[METRIC_LABEL_TEXT], key[METRIC_LABEL_TEXT + 32];
    bytes_t labels = sample->labels, name;
    add(c->values, c->what->name, sample->value);
    while (c->what->by_downstream && metric_label_next(&labels, &name, value))
        if (bytes_is(name, "downstream")) {
            downstream_key(c->what->name, value, key, sizeof key);
            add(c->values, key, sample->value);
        }
}

static bool is_gauge(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(counted); i++)
        if (strcmp(counted[i].name, name) == 0)
            return counted[i].is_gauge;
    return false;
}

json_t *counters_of(const json_t *answer, int64_t now_ms)
{
    size_t i;
    json_t *told, *counters = json_object();
    must(counters);
    json_array_foreach(json_object_get(answer, "metrics"), i, told)
    {
        json_t *values = json_object();
        bytes_t text = bytes_str(json_string_value(json_object_get(told, "text")));
        for (size_t k = 0; k < COUNT_OF(counted); k++)
            metrics_each(&text, 1, counted[k].metric, count, &(counting_t){&counted[k], values});
        json_t *one =
            json_pack("{s:I, s:o}", "at_ms",
                      (json_int_t)(now_ms - json_integer_value(json_object_get(told, "age_ms"))),
                      "values", values);
        must(one && json_object_set_new(counters, json_string_value(json_object_get(told, "actor")),
                                        one) == 0);
    }
    return counters;
}

/* A counter that is smaller than before is a new life's: it began at zero. */
static json_t *rates_of(const json_t *before, const json_t *after, double seconds)
{
    const char *name;
    json_t *value, *rates = json_object();
    json_object_foreach(json_object_get(after, "values"), name, value)
    {
        const json_t *then = json_object_get(json_object_get(before, "values"), name);
        double now = json_real_value(value), was = json_real_value(then);
        if (!is_gauge(name))
            must(json_object_set_new(rates, name,
                                     json_real((now >= was ? now - was : now) / seconds)) == 0);
    }
    return rates;
}

static int64_t at_ms_of(const json_t *one)
{
    return json_integer_value(json_object_get(one, "at_ms"));
}

void counters_compare(const json_t *before, json_t *after)
{
    const char *actor;
    json_t *now;
    json_object_foreach(after, actor, now)
    {
        const json_t *then = json_object_get(before, actor);
        int64_t between_ms = at_ms_of(now) - at_ms_of(then);
        json_t *rates = then && between_ms >= SAME_REPORT_MS
                            ? rates_of(then, now, (double)between_ms / 1000)
                            : json_incref(json_object_get(then, "rates"));
        if (rates)
            must(json_object_set_new(now, "rates", rates) == 0);
        if (then && between_ms < SAME_REPORT_MS)
            must(json_object_set(now, "at_ms", json_object_get(then, "at_ms")) == 0);
    }
}

/* ---- what it says ----------------------------------------------------------------------- */

static double to_a_tenth(double value) { return (double)(int64_t)(value * 10 + 0.5) / 10; }

static const json_t *rates_at(const json_t *counters, const char *actor)
{
    return json_object_get(json_object_get(counters, actor), "rates");
}

json_t *counters_rate(const json_t *counters, const char *name, const char *downstream)
{
    char key[METRIC_LABEL_TEXT + 32];
    const char *actor;
    double sum = 0;
    bool known = false;
    json_t *one;
    snprintf(key, sizeof key, "%s", name);
    if (downstream)
        downstream_key(name, downstream, key, sizeof key);
    json_object_foreach((json_t *)(uintptr_t)counters, actor, one)
    {
        /* Who has not counted anything has no sample of it. */
        known |= json_object_get(one, "rates") != NULL;
        sum += json_real_value(json_object_get(json_object_get(one, "rates"), key));
    }
    return known ? json_real(to_a_tenth(sum)) : json_null();
}

json_t *counters_cpu_percent(const json_t *counters, const char *actor)
{
    const json_t *cpu = json_object_get(rates_at(counters, actor), "cpu");
    return cpu ? json_real(to_a_tenth(json_real_value(cpu) * 100)) : json_null();
}

json_t *counters_gauge(const json_t *counters, const char *actor, const char *name)
{
    const json_t *values = json_object_get(json_object_get(counters, actor), "values");
    const json_t *value = json_object_get(values, name);
    return value ? json_integer((json_int_t)json_real_value(value)) : json_null();
}
