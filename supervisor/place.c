#include "supervisor/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sys/log.h"

#define RETRY_NS 10000000L /* 10 ms */
#define RETRIES_PER_S 100

int place_directory(const char *path, mode_t mode, const jail_user_t *user)
{
    struct stat st;
    bool made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST)
        return -errno;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int error = fstat(fd, &st) < 0 ? -errno : 0;
    bool foreign = user && (st.st_uid != user->uid || st.st_gid != user->gid);
    if (!error && foreign && fchown(fd, user->uid, user->gid) < 0)
        error = -errno;
    if (!error && (made || (st.st_mode & 07777) != mode) && fchmod(fd, mode) < 0)
        error = -errno;
    close(fd);
    return error;
}

static int open_lock(const char *run_dir, const char *name)
{
    char path[512];
    int n = snprintf(path, sizeof path, "%s/%s", run_dir, name);
    if (n < 0 || (size_t)n >= sizeof path)
        return -ENAMETOOLONG;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? -errno : fd;
}

/* Tries for `seconds`, saying each second that it waits. */
static int take(int fd, unsigned seconds, const char *waits_for)
{
    struct timespec pause = {0, RETRY_NS};
    for (unsigned i = 0;; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return fd;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -errno;
        if (i >= seconds * RETRIES_PER_S)
            return -EWOULDBLOCK;
        if (i % RETRIES_PER_S == RETRIES_PER_S - 1)
            log_text(LOG_GENERAL, "waiting for %s, %u s of at most %u", waits_for,
                     i / RETRIES_PER_S + 1, seconds);
        nanosleep(&pause, NULL);
    }
}

static int lock(const char *run_dir, const char *name, unsigned seconds, const char *waits_for)
{
    int fd = open_lock(run_dir, name);
    if (fd < 0)
        return fd;
    int locked = take(fd, seconds, waits_for);
    if (locked < 0)
        close(fd);
    return locked;
}

/* A second, because a supervisor that was just killed may still be on its way out. */
int place_lock_supervisor(const char *run_dir)
{
    int fd = lock(run_dir, "supervisor.lock", 1, "another supervisor in this run directory");
    return fd == -EWOULDBLOCK ? -EBUSY : fd;
}

int place_lock_actors(const char *run_dir)
{
    int fd = lock(run_dir, "weir.lock", PLACE_WAIT_S, "the actors of an earlier supervisor to end");
    return fd == -EWOULDBLOCK ? -ETIMEDOUT : fd;
}
