/* jail_files.h: which files a process may open from now on, by Landlock, where the kernel has it:
 * those named here, nothing else. A kernel that knows more also forbids TCP, and signals and
 * abstract sockets out of the jail. What is open stays open; names may be looked up (stat). */
#ifndef WEIR_SYS_JAIL_FILES_H
#define WEIR_SYS_JAIL_FILES_H

#include "core/base.h"

#define JAIL_READ 1u  /* files, and listing */
#define JAIL_WRITE 2u /* also make and remove files and directories */
#define JAIL_BIND 4u  /* make and remove sockets */

typedef struct jail_path {
    const char *path; /* a file, or a directory with all below it; not there: skipped */
    unsigned how;
} jail_path_t;

/* For this thread and those that it makes. The version of Landlock, 1 or more; 0: this kernel has
 * none, nothing changed; or a negative errno. */
int jail_files(const jail_path_t *paths, size_t count, bool may_call);

#endif
