/* must.c: the end of a process that broke a promise of its own. Exit through abort: a core where
 * allowed, and the supervisor starts the next life. Nothing here allocates or locks: the heap may
 * be what is broken. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base.h"

_Noreturn void must_failed(const char *what, const char *file, int line)
{
    char text[512];
    int n =
        snprintf(text, sizeof text, "weir: our bug: %s does not hold (%s:%d); the process ends\n",
                 what, file, line);
    if (n > 0) {
        size_t len = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
        if (write(STDERR_FILENO, text, len) < 0)
            _exit(70);
    }
    abort();
}
