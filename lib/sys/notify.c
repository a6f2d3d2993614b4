#include "sys/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

/* The protocol of sd_notify(3): lines in one datagram to $NOTIFY_SOCKET, a path or, with '@', an
 * abstract name. */
static int send_lines(const char *lines)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = path ? strlen(path) : 0;
    if (len == 0 || len >= sizeof address.sun_path || (*path != '/' && *path != '@'))
        return 0;
    memcpy(address.sun_path, path, len);
    if (*path == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -EAGAIN;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    ssize_t n = sendto(fd, lines, strlen(lines), MSG_NOSIGNAL, (struct sockaddr *)&address, size);
    int error = n < 0 && errno == EAGAIN ? -EAGAIN : 0;
    close(fd);
    return error;
}

int notify_ready(const char *status)
{
    char lines[1024];
    snprintf(lines, sizeof lines, "READY=1\nSTATUS=%s", status);
    return send_lines(lines);
}

int notify_status(const char *status)
{
    char lines[1024];
    snprintf(lines, sizeof lines, "STATUS=%s", status);
    return send_lines(lines);
}

int notify_reloading(const char *status)
{
    struct timespec now;
    char lines[1024];
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=%s",
             (long long)now.tv_sec * US_PER_S + now.tv_nsec / 1000, status);
    return send_lines(lines);
}

int notify_stopping(const char *status, int64_t within_us)
{
    char lines[1024];
    snprintf(lines, sizeof lines, "STOPPING=1\nSTATUS=%s\nEXTEND_TIMEOUT_USEC=%lld", status,
             (long long)within_us);
    return send_lines(lines);
}

int64_t notify_alive_every_us(void)
{
    uint64_t us = 0;
    return sd_watchdog_enabled(0, &us) > 0 ? (int64_t)(us / 2) : 0;
}

int notify_alive(void) { return send_lines("WATCHDOG=1"); }

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
