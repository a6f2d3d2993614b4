/* crash.c: the named places at which a test build kills itself (core/crash.h). SIGKILL, so that
 * nothing of the process gets to tidy up. Points are passed in more than one thread (the store has
 * its own). */
#include "core/crash.h"

#ifdef WEIR_CRASH_POINTS

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void crash_point(const char *name)
{
    static atomic_uint passed;
    const char *wanted = getenv("WEIR_CRASH_AT");
    if (!wanted)
        return;
    size_t len = strcspn(wanted, ":");
    if (strncmp(wanted, name, len) != 0 || name[len] != '\0')
        return;
    unsigned long at = wanted[len] == ':' ? strtoul(wanted + len + 1, NULL, 10) : 1;
    if (atomic_fetch_add(&passed, 1) + 1 == at)
        raise(SIGKILL); /* a jailed actor may signal only itself */
}

#else
typedef int crash_points_are_not_in_this_build;
#endif
