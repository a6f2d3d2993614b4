/* spawn.h: fork and exec at once, and what a new process is given: descriptors, one environment
 * line, a title. Between the two only async-signal-safe calls are made (this process has ZeroMQ's
 * threads). */
#ifndef WEIR_SUPERVISOR_SPAWN_H
#define WEIR_SUPERVISOR_SPAWN_H

#include "core/base.h"
#include "sys/jail.h"

typedef struct spawn {
    const char *path;  /* of the program */
    const char *title; /* argv[0]: what ps shows */
    const char *birth; /* "WEIR_BIRTH=..." */
    const int *kept;   /* descriptors that stay open, under their numbers */
    size_t kept_count;
    unsigned descriptors;    /* how many it may have open */
    const jail_user_t *user; /* NULL: as we are */
} spawn_t;
/* The process id once the program runs, or why it does not (negative errno of the step that
 * failed). Takes as long as the exec. */
int spawn(const spawn_t *what);

/* A sealed memory file with these bytes; close-on-exec, at its beginning. */
int memory_file(const char *name, bytes_t content);

#endif
