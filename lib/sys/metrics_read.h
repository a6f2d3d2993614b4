/* metrics_read.h: sample texts (metrics_samples) read again: as values, as JSON, and as the short
 * story of how Weir is. What is no sample of metrics.def is passed over. Pure. */
#ifndef WEIR_SYS_METRICS_READ_H
#define WEIR_SYS_METRICS_READ_H

#include <jansson.h>

#include "sys/metrics.h"

#define METRIC_LABEL_TEXT 160 /* an unescaped label value and its closing NUL */

/* One line; everything lies in the text. */
typedef struct metric_sample {
    bytes_t name;   /* with _bucket, _sum or _count of a histogram */
    bytes_t labels; /* inside the braces, escaped */
    double value;
} metric_sample_t;

/* Calls `each` for every sample of the metric, in the order of the texts. */
void metrics_each(const bytes_t *texts, size_t count, enum metric metric,
                  void (*each)(void *arg, const metric_sample_t *sample), void *arg);
/* Takes the first label off `labels`: its name, lent, and its value without escapes. False: there
 * is none. */
bool metric_label_next(bytes_t *labels, bytes_t *name, char value[METRIC_LABEL_TEXT]);

/* Everything: {"<family>": {"type", "help", "samples": [{"name", "labels": {}, "value"}]}}. Values
 * that JSON cannot say are null. The caller's. */
json_t *metrics_json(const bytes_t *texts, size_t count);
/* The short story, over all actors: {"requests": {"202": 7}, "verdicts": {}, "queue": {"queued":
 * 0}, "waiting": {}, "oldest_age_seconds", "queue_bytes", "dead_letters", "dead": {reason: n},
 * "limits": {name: {"in_use", "slots"}}, "restarts", "disk_free_bytes", "mode", "loading"}. What no
 * actor has told lately is null. The caller's. */
json_t *metrics_summary(const bytes_t *texts, size_t count);

#endif
