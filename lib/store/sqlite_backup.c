/* On the reader's thread: it has two connections of its own, one that holds the snapshot and one
 * into the new file, which nobody needs to be durable: whoever takes it copies and syncs it. */
#include "store/sqlite_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "store/sqlite_inner.h"

static void path_of(const sqlite_store_t *self, const char *name, char out[STORE_PATH_MAX + 32])
{
    snprintf(out, STORE_PATH_MAX + 32, "%s/%s", self->directory, name);
}

void sqlite_backup_end(sqlite_store_t *self)
{
    char part[STORE_PATH_MAX + 32];
    if (!self->backup.from)
        return;
    sqlite3_backup_finish(self->backup.job);
    sqlite3_close(self->backup.to);
    sqlite3_close(self->backup.from);
    memset(&self->backup, 0, sizeof self->backup);
    atomic_store(&self->backup_runs, false);
    path_of(self, STORE_BACKUP_PART, part);
    unlink(part);
}

/* 0, or negative errno. */
static int make_part(const sqlite_store_t *self, char path[STORE_PATH_MAX + 32])
{
    char old[STORE_PATH_MAX + 32];
    path_of(self, STORE_BACKUP_NAME, old);
    unlink(old); /* nobody took it */
    path_of(self, STORE_BACKUP_PART, path);
    unlink(path); /* of a life that ended */
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

static int begin(sqlite_store_t *self)
{
    char part[STORE_PATH_MAX + 32];
    sqlite_backup_end(self);
    int error = make_part(self, part);
    if (error)
        return error;
    int rc = sqlite_connect(self->file, SQLITE_OPEN_READWRITE, 256, &self->backup.from);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(self->backup.from,
                          "PRAGMA query_only=ON; BEGIN; SELECT count(*) FROM sqlite_master", NULL,
                          NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite_connect(part, SQLITE_OPEN_READWRITE, 1024, &self->backup.to);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(self->backup.to, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", NULL,
                          NULL, NULL);
    if (rc == SQLITE_OK)
        self->backup.job = sqlite3_backup_init(self->backup.to, "main", self->backup.from, "main");
    if (rc != SQLITE_OK || !self->backup.job) {
        error = sqlite_errno(rc == SQLITE_OK ? SQLITE_IOERR : rc, self->backup.to);
        sqlite_backup_end(self);
        return error;
    }
    atomic_store(&self->backup_runs, true);
    return 0;
}

static bool log_is_too_long(const sqlite_store_t *self)
{
    uint64_t bytes = (uint64_t)atomic_load(&self->wal_frames) * (STORE_PAGE_BYTES + 24);
    return bytes > STORE_BACKUP_LOGS * self->wal_bytes_max;
}

/* The file gets its name when it is whole. */
static int finish(sqlite_store_t *self)
{
    char part[STORE_PATH_MAX + 32], whole[STORE_PATH_MAX + 32];
    path_of(self, STORE_BACKUP_PART, part);
    path_of(self, STORE_BACKUP_NAME, whole);
    int rc = sqlite3_backup_finish(self->backup.job);
    self->backup.job = NULL;
    if (rc == SQLITE_OK)
        rc = sqlite3_close(self->backup.to);
    self->backup.to = rc == SQLITE_OK ? NULL : self->backup.to;
    int error = rc != SQLITE_OK ? sqlite_errno(rc, NULL) : rename(part, whole) < 0 ? -errno : 0;
    sqlite_backup_end(self);
    return error;
}

static int step(sqlite_store_t *self, read_result_t *result)
{
    if (log_is_too_long(self))
        return -EBUSY;
    int rc = sqlite3_backup_step(self->backup.job, (int)STORE_BACKUP_PAGES);
    int left = sqlite3_backup_remaining(self->backup.job);
    int all = sqlite3_backup_pagecount(self->backup.job);
    result->file_bytes = (uint64_t)all * STORE_PAGE_BYTES;
    result->next = (int64_t)(all - left) * STORE_PAGE_BYTES;
    result->last = rc == SQLITE_DONE;
    if (rc == SQLITE_DONE)
        return finish(self);
    return rc == SQLITE_OK ? 0 : sqlite_errno(rc, NULL);
}

void sqlite_backup_slice(sqlite_store_t *self, reading_t *a)
{
    read_result_t *result = &a->result;
    enum backup_step wanted = (enum backup_step)result->request.seq;
    if (wanted == BACKUP_GIVE_UP) {
        sqlite_backup_end(self);
        result->last = true;
        return;
    }
    result->error = wanted == BACKUP_BEGIN ? begin(self) : self->backup.job ? 0 : -EBUSY;
    if (result->error == 0)
        result->error = step(self, result);
    if (result->error)
        sqlite_backup_end(self);
}
