/* notify.h: what systemd is told, and what it hands over. Without systemd everything here does
 * nothing, well. Never waits: sd_notify() would, for ever, when the other end has stopped reading
 * (seen with a full datagram queue), and with it everybody who waits for us. */
#ifndef WEIR_SYS_NOTIFY_H
#define WEIR_SYS_NOTIFY_H

#include "core/base.h"

/* READY=1 with a line for `systemctl status`. 0, also without systemd; -EAGAIN: it does not read
 * now, say it again. What else may be wrong is not mended by repeating it: 0. */
int notify_ready(const char *status);
int notify_status(const char *status);
/* RELOADING=1; notify_ready() ends it. */
int notify_reloading(const char *status);
/* STOPPING=1; the stop may take `within_us` from now, which systemd then waits for. */
int notify_stopping(const char *status, int64_t within_us);
/* How often systemd wants notify_alive(), halved to be on the safe side; 0: it does not. */
int64_t notify_alive_every_us(void);
int notify_alive(void);

/* Listening stream sockets from systemd (socket activation), close-on-exec and non-blocking. How
 * many; a descriptor that is no listening stream socket gives -EINVAL, more than `most` -EMSGSIZE.
 */
int notify_listeners(int *out, size_t most);

#endif
