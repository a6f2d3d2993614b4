/* metrics_family.h: metrics.def as data, for metrics.c (one process), those who read what all of
 * them say, and the page. */
#ifndef WEIR_SYS_METRICS_FAMILY_H
#define WEIR_SYS_METRICS_FAMILY_H

#include <stdio.h>

#include "sys/metrics.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
typedef struct metric_family {
    enum metric_kind kind;
    const char *name, *label, *help; /* label "": none */
} metric_family_t;
const metric_family_t *metric_family(size_t index);
const char *metric_kind_name(enum metric_kind kind);
/* docs/METRICS.md. */
void metrics_write_reference(FILE *to);

#endif
