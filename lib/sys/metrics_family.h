/* metrics_family.h: metrics.def as data, for metrics.c (one process) and metrics_exposition.c (all
 * of them). */
#ifndef WEIR_SYS_METRICS_FAMILY_H
#define WEIR_SYS_METRICS_FAMILY_H

#include "sys/metrics.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
typedef struct metric_family {
    enum metric_kind kind;
    const char *name, *label, *help; /* label "": none */
} metric_family_t;
const metric_family_t *metric_family(size_t index);

#endif
