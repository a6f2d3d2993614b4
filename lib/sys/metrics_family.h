/* metrics_family.h: metrics.def as data, for metrics.c (one process), those who read what all of
 * them say, and the page. */
#ifndef WEIR_SYS_METRICS_FAMILY_H
#define WEIR_SYS_METRICS_FAMILY_H

#include <stdio.h>

#include "sys/metrics.h"

/* A histogram counts what takes milliseconds to a minute, a long one what may take a day. */
enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_HISTOGRAM_LONG };
typedef struct metric_family {
    enum metric_kind kind;
    const char *name, *label, *help; /* label "": none */
} metric_family_t;
const metric_family_t *metric_family(size_t index);
bool metric_is_histogram(const metric_family_t *family);
const char *metric_kind_name(enum metric_kind kind);
/* docs/METRICS.md. */
void metrics_write_reference(FILE *to);

#endif
