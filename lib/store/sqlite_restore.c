/* A backup made the store of a directory: copied beside what is there, marked, made durable, and
 * only then given its name. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/sqlite_check.h"
#include "store/sqlite_inner.h"

#define EPOCHS_SINCE (1u << 20) /* openings that may have been since the backup */
#define COPY_BYTES (1u << 20)

typedef struct restoring {
    const store_restore_t *what;
    store_restored_t *out;
    char store[STORE_PATH_MAX + 32], made[STORE_PATH_MAX + 32];
    int lock;
    char *why;
    size_t why_size;
} restoring_t;

static int refuse(const restoring_t *r, int error, const char *path, const char *said)
{
    snprintf(r->why, r->why_size, "%s: %s", path, said ? said : strerror(-error));
    return error;
}

/* ---- the copy --------------------------------------------------------------------------- */

static int copy_bytes(int from, int to)
{
    char *block = malloc(COPY_BYTES);
    ssize_t n = 0;
    int error = 0;
    must(block);
    while (error == 0 && (n = read(from, block, COPY_BYTES)) > 0)
        for (ssize_t done = 0, w = 0; done < n && error == 0; done += w)
            if ((w = write(to, block + done, (size_t)(n - done))) < 0)
                error = -errno;
    if (n < 0)
        error = -errno;
    free(block);
    return error;
}

static int copy_file(const restoring_t *r)
{
    unlink(r->made); /* of a restore that did not end */
    int from = open(r->what->file, O_RDONLY | O_CLOEXEC);
    int to = open(r->made, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int error = from < 0 || to < 0 ? -errno : copy_bytes(from, to);
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    return error ? refuse(r, error, r->made, NULL) : 0;
}

/* ---- the marks -------------------------------------------------------------------------- */

/* The next message after *seq that is not finished, marked. SQLITE_DONE: there is none. */
static int mark_next(sqlite3_stmt *next, sqlite3_stmt *put, int64_t *seq)
{
    progress_t p;
    sqlite3_bind_int64(next, 1, *seq);
    int rc = sqlite3_step(next);
    if (rc == SQLITE_ROW) {
        bool whole = sqlite_progress_row(next, &p);
        *seq = p.seq;
        p.flags |= PROGRESS_MAYBE_DUPLICATE;
        sqlite3_bind_int64(put, 1, p.flags);
        sqlite3_bind_int64(put, 2, (int64_t)progress_sum(&p));
        sqlite3_bind_int64(put, 3, p.seq);
        rc = whole ? sqlite_run(put) : SQLITE_CORRUPT;
    }
    sqlite3_reset(next);
    return rc;
}

static int mark_messages(sqlite3 *db, uint64_t *marked)
{
    sqlite3_stmt *next = NULL, *put = NULL;
    int64_t seq = 0;
    int rc = sqlite3_prepare_v2(
        db, "SELECT * FROM progress WHERE seq>? AND state<3 ORDER BY seq LIMIT 1", -1, &next, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(db, "UPDATE progress SET flags=?, sum=? WHERE seq=?", -1, &put,
                                NULL);
    while (rc == SQLITE_OK && (rc = mark_next(next, put, &seq)) == SQLITE_OK)
        ++*marked;
    sqlite3_finalize(next);
    sqlite3_finalize(put);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int mark_life(const restoring_t *r, sqlite3 *db)
{
    char epoch[32], now[32];
    snprintf(epoch, sizeof epoch, "%llu", (unsigned long long)(r->out->check.epoch + EPOCHS_SINCE));
    snprintf(now, sizeof now, "%lld", (long long)r->what->now.us);
    int rc = sqlite_put_meta(db, META_EPOCH, epoch);
    if (rc == SQLITE_OK)
        rc = sqlite_put_meta(db, META_EPOCH_COPY, epoch);
    if (rc == SQLITE_OK)
        rc = sqlite_put_meta(db, META_RESTORED, now);
    return rc;
}

/* In one transaction, synced; the log begins with the next opening. */
static int mark(const restoring_t *r)
{
    sqlite3 *db = NULL;
    int rc = sqlite_connect(r->made, SQLITE_OPEN_READWRITE, 32 << 10, &db);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, "PRAGMA journal_mode=DELETE; BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = mark_messages(db, &r->out->marked);
    if (rc == SQLITE_OK)
        rc = mark_life(r, db);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    int error = rc == SQLITE_OK ? 0 : refuse(r, sqlite_errno(rc, db), r->made, sqlite3_errmsg(db));
    sqlite3_close(db);
    return error;
}

/* ---- its place -------------------------------------------------------------------------- */

static int sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    int error = fd < 0 || fsync(fd) < 0 ? -errno : 0;
    if (fd >= 0)
        close(fd);
    return error;
}

/* The store that was there, with what lies beside it. */
static int set_aside(const restoring_t *r)
{
    static const char *const tails[] = {"", "-wal", "-shm"};
    char from[STORE_PATH_MAX + 48], to[700], when[32];
    time_t seconds = (time_t)(r->what->now.us / US_PER_S);
    struct tm at;
    if (access(r->store, F_OK) < 0)
        return 0;
    must(gmtime_r(&seconds, &at));
    strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &at);
    snprintf(r->out->set_aside, sizeof r->out->set_aside, "%s.before-%s", r->store, when);
    for (size_t i = 0; i < COUNT_OF(tails); i++) {
        snprintf(from, sizeof from, "%s%s", r->store, tails[i]);
        snprintf(to, sizeof to, "%s%s", r->out->set_aside, tails[i]);
        if (rename(from, to) < 0 && errno != ENOENT)
            return refuse(r, -errno, from, "it cannot be set aside");
    }
    return 0;
}

/* Who restores as root must leave what the service can open. */
static int give_to_owner(const restoring_t *r)
{
    char lock[STORE_PATH_MAX + 16];
    struct stat st;
    snprintf(lock, sizeof lock, "%s/weir.lock", r->what->directory);
    if (stat(r->what->directory, &st) < 0)
        return refuse(r, -errno, r->what->directory, NULL);
    if (geteuid() != 0)
        return 0;
    if (chown(r->made, st.st_uid, st.st_gid) < 0 || chown(lock, st.st_uid, st.st_gid) < 0)
        return refuse(r, -errno, r->made, "it cannot be given to the directory's owner");
    return 0;
}

static int put_in_place(const restoring_t *r)
{
    int error = sync_path(r->made, O_RDWR);
    if (error)
        return refuse(r, error, r->made, NULL);
    error = give_to_owner(r);
    if (error == 0)
        error = set_aside(r);
    if (error)
        return error;
    if (rename(r->made, r->store) < 0)
        return refuse(r, -errno, r->store, NULL);
    error = sync_path(r->what->directory, O_RDONLY | O_DIRECTORY);
    return error ? refuse(r, error, r->what->directory, NULL) : 0;
}

static int enter(restoring_t *r)
{
    const char *directory = r->what->directory;
    if (mkdir(directory, 0700) < 0 && errno != EEXIST)
        return refuse(r, -errno, directory, NULL);
    int error = lock_take(directory, 0, &r->lock);
    if (error)
        return refuse(r, error, directory,
                      error == -EWOULDBLOCK ? "Weir works with it; stop it first" : NULL);
    if (!r->what->force && access(r->store, F_OK) == 0)
        return refuse(r, -EEXIST, r->store,
                      "there is a store already; with --force it is set aside");
    return 0;
}

int store_restore(const store_restore_t *what, store_restored_t *out, char *why, size_t why_size)
{
    restoring_t r = {.what = what, .out = out, .lock = -1, .why = why, .why_size = why_size};
    *out = (store_restored_t){0};
    int error = store_check(what->file, &out->check, why, why_size);
    if (error)
        return error;
    if (out->check.damaged)
        return refuse(&r, -EBADMSG, what->file, "it has damaged rows; take another backup");
    if (strlen(what->directory) >= STORE_PATH_MAX)
        return refuse(&r, -ENAMETOOLONG, what->directory, NULL);
    snprintf(r.store, sizeof r.store, "%s/weir.db", what->directory);
    snprintf(r.made, sizeof r.made, "%s/weir.db.restoring", what->directory);
    error = enter(&r);
    if (error == 0)
        error = copy_file(&r);
    if (error == 0)
        error = mark(&r);
    if (error == 0)
        error = put_in_place(&r);
    if (error)
        unlink(r.made);
    if (r.lock >= 0)
        close(r.lock);
    return error;
}
