/* process.h: what the kernel says about this process. */
#ifndef WEIR_SYS_PROCESS_H
#define WEIR_SYS_PROCESS_H

#include "core/base.h"
#include "sys/metrics.h"

typedef struct process_usage {
    double cpu_seconds; /* user and system */
    uint64_t resident_bytes;
    uint64_t open_fds;
} process_usage_t;
void process_usage(process_usage_t *out); /* what cannot be read is 0 */
/* That, and the lines that were dropped, into the process' own metrics. */
void process_measure(metrics_t *metrics);

/* No core, and no look into its memory or descriptors for others of the same user. */
void process_hide(void);
/* An actor's manners: it hides, dies with its parent, leaves signals to the supervisor. Where
 * memory runs out, the kernel rather ends it than its parent. */
void process_settle(void);
uint64_t process_seed(void); /* 64 bits of chance */
/* How often the kernel has killed for lack of memory, of this host or of a control group, whomever;
 * 0 if it does not tell. */
uint64_t process_memory_kills(void);

#endif
