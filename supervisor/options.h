/* options.h: the supervisor's command line. */
#ifndef WEIR_SUPERVISOR_OPTIONS_H
#define WEIR_SUPERVISOR_OPTIONS_H

#include "core/base.h"

#define OPTIONS_CONFIG_DEFAULT "/etc/weir/weir.yaml"

typedef struct options {
    const char *config;
    const char *state_dir, *run_dir; /* NULL: as configured */
    bool foreground;                 /* log to the terminal */
} options_t;

/* -1: go on with `out`; else the exit code: help was shown (0) or the use is wrong (64). */
int options_read(int argc, char **argv, options_t *out);

#endif
