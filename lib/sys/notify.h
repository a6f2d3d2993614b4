/* notify.h: what systemd is told, and what it hands over. Without systemd everything here does
 * nothing, well. */
#ifndef WEIR_SYS_NOTIFY_H
#define WEIR_SYS_NOTIFY_H

#include "core/base.h"

/* READY=1 with a line for `systemctl status`. */
void notify_ready(const char *status);
void notify_status(const char *status);
/* STOPPING=1; the stop may take `within_us` from now, which systemd then waits for. */
void notify_stopping(const char *status, int64_t within_us);

/* Listening stream sockets from systemd (socket activation), close-on-exec and non-blocking. How
 * many; a descriptor that is no listening stream socket gives -EINVAL, more than `most` -EMSGSIZE.
 */
int notify_listeners(int *out, size_t most);

#endif
