#include "sys/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "sys/metrics_family.h"

static const metric_family_t families[METRIC_COUNT] = {
#define METRIC(NAME, kind, name, label, help) {METRIC_##kind, name, label, help},
#include "sys/metrics.def"
#undef METRIC
};

#define BUCKETS 16u
/* About 1-2.5-5: commits, acknowledgements and calls all fall inside. */
static const double buckets_short[BUCKETS] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                              0.25,   0.5,   1,      2.5,   5,    10,    30,   60};
/* What waits for a limit or a person does so for hours. */
static const double buckets_long[BUCKETS] = {0.001, 0.005, 0.025, 0.1, 0.5,  1,    2.5,   5,
                                             10,    30,    60,    300, 1800, 7200, 21600, 86400};

#define LABEL_BYTES_MAX 64
typedef struct series {
    uint8_t label_len;
    char label[LABEL_BYTES_MAX];
    uint64_t count; /* counter; histogram: observations */
    double value;   /* gauge; histogram: sum */
    uint64_t *in;   /* histogram: observations in each bucket, and above all */
} series_t;

typedef struct metric_store {
    series_t *series;
    size_t count, room;
} metric_store_t;
struct metrics {
    metric_store_t of[METRIC_COUNT];
};

const metric_family_t *metric_family(size_t index) { return &families[index]; }

static const double *buckets_of(enum metric metric)
{
    return families[metric].kind == METRIC_HISTOGRAM_LONG ? buckets_long : buckets_short;
}

metrics_t *metrics_new(void)
{
    metrics_t *m = calloc(1, sizeof *m);
    must(m);
    return m;
}

void metrics_destroy(metrics_t **m)
{
    if (!*m)
        return;
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        for (size_t k = 0; k < (*m)->of[i].count; k++)
            free((*m)->of[i].series[k].in);
        free((*m)->of[i].series);
    }
    free(*m);
    *m = NULL;
}

/* ---- series ---- */

static series_t *find(const metric_store_t *store, bytes_t label)
{
    for (size_t i = 0; i < store->count; i++)
        if (bytes_equal(bytes_of(store->series[i].label, store->series[i].label_len), label))
            return &store->series[i];
    return NULL;
}

static series_t *add(metric_store_t *store, enum metric metric, bytes_t label)
{
    if (store->count == store->room) {
        store->room = store->room ? store->room * 2 : 1;
        store->series = realloc(store->series, store->room * sizeof *store->series);
        must(store->series);
    }
    series_t *series = &store->series[store->count++];
    *series = (series_t){.label_len = (uint8_t)label.len};
    if (label.len)
        memcpy(series->label, label.data, label.len);
    if (metric_is_histogram(&families[metric])) {
        series->in = calloc(BUCKETS + 1, sizeof *series->in);
        must(series->in);
    }
    return series;
}

/* A label that a metric does not have is left out; one that is too long is cut; one too many is
 * "other". */
static bytes_t fitting(enum metric metric, bytes_t label)
{
    if (!*families[metric].label)
        return bytes_of(NULL, 0);
    if (label.len > LABEL_BYTES_MAX)
        label.len = LABEL_BYTES_MAX;
    return label;
}

static series_t *series_of(metrics_t *m, enum metric metric, bytes_t label)
{
    must(metric < METRIC_COUNT);
    metric_store_t *store = &m->of[metric];
    label = fitting(metric, label);
    series_t *series = find(store, label);
    if (series || store->count < METRIC_LABELS_MAX - 1)
        return series ? series : add(store, metric, label);
    bytes_t other = bytes_str("other");
    series = find(store, other);
    return series ? series : add(store, metric, other);
}

/* ---- changes ---- */

void metrics_add(metrics_t *m, enum metric metric, bytes_t label, uint64_t n)
{
    series_of(m, metric, label)->count += n;
}

void metrics_set(metrics_t *m, enum metric metric, bytes_t label, double value)
{
    series_t *series = series_of(m, metric, label);
    series->value = value; /* of a counter: a total kept elsewhere, such as CPU seconds */
    if (families[metric].kind == METRIC_COUNTER)
        series->count = value > 0 ? (uint64_t)value : 0;
}

void metrics_observe(metrics_t *m, enum metric metric, bytes_t label, double seconds)
{
    must(metric_is_histogram(&families[metric]));
    const double *buckets = buckets_of(metric);
    series_t *series = series_of(m, metric, label);
    size_t bucket = 0;
    if (!(seconds >= 0)) /* also NaN */
        seconds = 0;
    while (bucket < BUCKETS && seconds > buckets[bucket])
        bucket++;
    series->in[bucket]++;
    series->count++;
    series->value += seconds;
}

uint64_t metrics_count(const metrics_t *m, enum metric metric, bytes_t label)
{
    must(metric < METRIC_COUNT);
    const series_t *series = find(&m->of[metric], fitting(metric, label));
    return series ? series->count : 0;
}

/* ---- samples ---- */

typedef struct writing {
    char *out;
    size_t size, len;
    const char *actor;
    unsigned instance;
    bool full; /* something did not fit; nothing more is written */
} writing_t;

/* One whole line or nothing. */
static void put_line(writing_t *w, const char *line, size_t len)
{
    w->full = w->full || len > w->size - w->len;
    if (w->full)
        return;
    memcpy(w->out + w->len, line, len);
    w->len += len;
}

/* The exposition format's escapes. What is not UTF-8 is shown as '?': scrapers refuse the whole
 * page. */
static size_t escape(const series_t *series, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < series->label_len; i++) {
        char c = series->label[i];
        if (c == '\\' || c == '"' || c == '\n')
            out[n++] = '\\';
        out[n++] = c == '\n' ? 'n' : c & '\x80' ? '?' : c;
    }
    out[n] = '\0';
    return n;
}

static void put_number(char *out, size_t size, double value)
{
    if (isnan(value) || isinf(value))
        snprintf(out, size, "%s", isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
    else
        snprintf(out, size, "%.15g", value);
}

static void put_sample(writing_t *w, enum metric metric, const series_t *series, const char *suffix,
                       const char *le, const char *value)
{
    const metric_family_t *family = &families[metric];
    char line[512], label[2 * LABEL_BYTES_MAX + 1];
    escape(series, label);
    int n = snprintf(line, sizeof line, "%s%s{actor=\"%s\",instance=\"%u\"", family->name, suffix,
                     w->actor, w->instance);
    if (*family->label)
        n += snprintf(line + n, sizeof line - (size_t)n, ",%s=\"%s\"", family->label, label);
    if (le)
        n += snprintf(line + n, sizeof line - (size_t)n, ",le=\"%s\"", le);
    n += snprintf(line + n, sizeof line - (size_t)n, "} %s\n", value);
    must(n > 0 && (size_t)n < sizeof line);
    put_line(w, line, (size_t)n);
}

static void put_count(writing_t *w, enum metric metric, const series_t *series, const char *suffix,
                      const char *le, uint64_t count)
{
    char value[32];
    snprintf(value, sizeof value, "%llu", (unsigned long long)count);
    put_sample(w, metric, series, suffix, le, value);
}

/* A histogram whole or not at all: half of one would be refused by the scraper. */
static void put_histogram(writing_t *w, enum metric metric, const series_t *series)
{
    char value[32], le[32];
    size_t before = w->len;
    uint64_t below = 0;
    const double *buckets = buckets_of(metric);
    for (size_t i = 0; i < BUCKETS; i++) {
        below += series->in[i];
        put_number(le, sizeof le, buckets[i]);
        put_count(w, metric, series, "_bucket", le, below);
    }
    put_count(w, metric, series, "_bucket", "+Inf", series->count);
    put_number(value, sizeof value, series->value);
    put_sample(w, metric, series, "_sum", NULL, value);
    put_count(w, metric, series, "_count", NULL, series->count);
    if (w->full)
        w->len = before;
}

static void put_series(writing_t *w, enum metric metric, const series_t *series)
{
    char value[32];
    switch (families[metric].kind) {
    case METRIC_COUNTER:
    case METRIC_GAUGE:
        put_number(value, sizeof value, series->value);
        if (families[metric].kind == METRIC_COUNTER && series->value == 0)
            put_count(w, metric, series, "", NULL, series->count);
        else
            put_sample(w, metric, series, "", NULL, value);
        break;
    case METRIC_HISTOGRAM:
    case METRIC_HISTOGRAM_LONG:
        put_histogram(w, metric, series);
        break;
    }
}

size_t metrics_samples(const metrics_t *m, const char *actor, unsigned instance, char *out,
                       size_t size)
{
    writing_t w = {.out = out, .size = size, .actor = actor, .instance = instance};
    for (size_t i = 0; i < METRIC_COUNT; i++)
        for (size_t k = 0; k < m->of[i].count; k++)
            put_series(&w, (enum metric)i, &m->of[i].series[k]);
    return w.len;
}
