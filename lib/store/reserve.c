/* What lies beside the database: the lock of its owner, and space kept aside for a full disk. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "store/sqlite_inner.h"

#define LOCK_POLL_MS 20

static int open_beside(const char *directory, const char *name)
{
    char path[STORE_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? -errno : fd;
}

int reserve_make(const char *directory, uint64_t bytes)
{
    int fd = open_beside(directory, "weir.reserve");
    if (fd < 0)
        return fd;
    int rc = bytes ? -posix_fallocate(fd, 0, (off_t)bytes) : 0;
    if (rc && ftruncate(fd, 0) < 0)
        rc = -errno;
    close(fd);
    return rc;
}

void reserve_release(const char *directory)
{
    int fd = open_beside(directory, "weir.reserve");
    if (fd < 0)
        return;
    if (ftruncate(fd, 0) == 0)
        fsync(fd); /* some file systems give the blocks back only then */
    close(fd);
}

uint64_t space_free(const char *directory)
{
    struct statvfs space;
    return statvfs(directory, &space) < 0 ? 0 : (uint64_t)space.f_bavail * space.f_frsize;
}

/* A lock on a file of its own, held by the open descriptor: it ends with the process that has it,
 * however. */
int lock_take(const char *directory, uint32_t wait_ms, int *fd)
{
    int lock = open_beside(directory, "weir.lock");
    if (lock < 0)
        return lock;
    for (uint32_t waited = 0; flock(lock, LOCK_EX | LOCK_NB) < 0; waited += LOCK_POLL_MS) {
        int error = errno;
        if (error != EINTR && (error != EWOULDBLOCK || waited >= wait_ms)) {
            close(lock);
            return -error;
        }
        nanosleep(&(struct timespec){.tv_nsec = LOCK_POLL_MS * 1000000L}, NULL);
    }
    *fd = lock;
    return 0;
}
