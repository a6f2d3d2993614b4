/* metrics.h: counters, gauges and histograms of this process, all born from metrics.def. Each has
 * at most one label of its own; its values are bounded (METRIC_LABELS_MAX a metric, the rest go to
 * "other"). The registry is plain memory: no clock, no lock (one thread). */
#ifndef WEIR_SYS_METRICS_H
#define WEIR_SYS_METRICS_H

#include "core/base.h"

#define METRIC_LABELS_MAX 64u

enum metric {
#define METRIC(NAME, kind, name, label, help) METRIC_##NAME,
#include "sys/metrics.def"
#undef METRIC
    METRIC_COUNT
};

typedef struct metrics metrics_t;
metrics_t *metrics_new(void);
void metrics_destroy(metrics_t **m);
void metrics_add(metrics_t *m, enum metric metric, bytes_t label, uint64_t n);
void metrics_set(metrics_t *m, enum metric metric, bytes_t label, double value);
void metrics_observe(metrics_t *m, enum metric metric, bytes_t label, double seconds);
uint64_t metrics_count(const metrics_t *m, enum metric metric, bytes_t label);
/* Sample lines (Prometheus text without HELP and TYPE), each with actor="..." and instance="..."
 * added. Returns the length written; never more than size, whole lines only. */
size_t metrics_samples(const metrics_t *m, const char *actor, unsigned instance, char *out,
                       size_t size);
/* Merges the sample texts of several actors into one exposition with HELP and TYPE, families in
 * order: Prometheus' text format 0.0.4, or OpenMetrics 1.0.0, where a counter's family is named
 * without _total and the end is said. */
enum metrics_format { METRICS_PROMETHEUS, METRICS_OPEN };
size_t metrics_exposition(enum metrics_format format, const bytes_t *texts, size_t count, char *out,
                          size_t size);

#endif
