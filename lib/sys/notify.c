#include "sys/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

void notify_ready(const char *status) { sd_notifyf(0, "READY=1\nSTATUS=%s", status); }

void notify_status(const char *status) { sd_notifyf(0, "STATUS=%s", status); }

void notify_stopping(const char *status, int64_t within_us)
{
    sd_notifyf(0, "STOPPING=1\nSTATUS=%s\nEXTEND_TIMEOUT_USEC=%lld", status, (long long)within_us);
}

int notify_listeners(int *out, size_t most)
{
    int count = sd_listen_fds(1);
    if (count <= 0)
        return count;
    if ((size_t)count > most)
        return -EMSGSIZE;
    for (int i = 0; i < count; i++) {
        int fd = SD_LISTEN_FDS_START + i;
        if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
            return -EINVAL;
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
            return -errno;
        out[i] = fd;
    }
    return count;
}
