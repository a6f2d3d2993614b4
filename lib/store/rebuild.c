/* The files of a rebuild: the old one under its lock and with all of its log, the new one beside
 * it, and the change of one for the other in one step. */
#include "store/rebuild.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/crash.h"
#include "store/rebuild_copy.h"
#include "store/sqlite_inner.h"

#define ROOM_BESIDE (4u << 20) /* free, beyond the size of the old file */

typedef struct files {
    rebuild_t r;
    char old[STORE_PATH_MAX + 32], made[STORE_PATH_MAX + 32], kept[STORE_PATH_MAX + 32];
    int lock_fd;
    char *why;
    size_t why_size;
} files_t;

__attribute__((format(printf, 3, 4)))
static int refuse(const files_t *f, int error, const char *form, ...)
{
    va_list list;
    va_start(list, form);
    vsnprintf(f->why, f->why_size, form, list);
    va_end(list);
    return error;
}

static int refuse_sqlite(const files_t *f, int code, sqlite3 *db, const char *doing)
{
    return refuse(f, sqlite_errno(code, db), "%s: %s (SQLite %d)", doing,
                  db ? sqlite3_errmsg(db) : sqlite3_errstr(code), code);
}

/* True: both names are of one file: an earlier rebuild ended between its last two steps. */
static bool is_same_file(const char *a, const char *b)
{
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev
           && one.st_ino == other.st_ino;
}

static int enter(files_t *f)
{
    const rebuild_options_t *o = f->r.options;
    int rc = access(f->old, F_OK) < 0 ? -errno : 0;
    if (rc)
        return refuse(f, rc, "%s: %s", f->old, strerror(-rc));
    rc = lock_take(o->directory, o->lock_wait_ms, &f->lock_fd);
    if (rc == -EWOULDBLOCK)
        return refuse(f, rc, "%s is in use by another process: stop Weir first", o->directory);
    if (rc < 0)
        return refuse(f, rc, "cannot lock %s: %s", o->directory, strerror(-rc));
    if (is_same_file(f->old, f->kept))
        unlink(f->kept);
    if (!o->dry_run && access(f->kept, F_OK) == 0)
        return refuse(f, -EEXIST, "%s is there from an earlier rebuild: move it away", f->kept);
    return 0;
}

/* As every opening does: what the log has is in the file before anything is believed. */
static int open_old(files_t *f)
{
    rebuild_t *r = &f->r;
    int in_log, copied;
    char text[16];
    int rc = sqlite_connect(f->old, SQLITE_OPEN_READWRITE, 8 << 10, &r->from);
    if (rc == SQLITE_OK)
        rc = sqlite3_wal_checkpoint_v2(r->from, "main", SQLITE_CHECKPOINT_TRUNCATE, &in_log,
                                       &copied);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(r->from, "PRAGMA query_only=ON", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return refuse_sqlite(f, rc, r->from, "open the old file; restore a backup");
    int found = sqlite_get_meta(r->from, META_SCHEMA, text, sizeof text);
    r->schema = found == 1 ? atoi(text) : STORE_SCHEMA;
    if (r->schema > STORE_SCHEMA)
        return refuse(f, -EPROTO,
                      "%s has schema %d; this program knows up to %d: use the newer program",
                      f->old, r->schema, STORE_SCHEMA);
    return 0;
}

static int64_t file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) < 0 ? 0 : st.st_size;
}

/* Journal and syncs would only cost: it is synced as a whole, and thrown away if anything fails. */
static int open_new(files_t *f)
{
    rebuild_t *r = &f->r;
    uint64_t needed = (uint64_t)file_bytes(f->old) + ROOM_BESIDE;
    uint64_t there = space_free(r->options->directory);
    if (there < needed)
        return refuse(f, -ENOSPC, "the new file needs %llu MiB beside the old one, %llu are free",
                      (unsigned long long)needed >> 20, (unsigned long long)there >> 20);
    unlink(f->made);
    int fd = open(f->made, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return refuse(f, -errno, "cannot create %s: %s", f->made, strerror(errno));
    close(fd);
    int rc = sqlite_connect(f->made, SQLITE_OPEN_READWRITE, 32 << 10, &r->to);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(r->to, "PRAGMA page_size=4096; PRAGMA journal_mode=OFF;"
                                 "PRAGMA synchronous=OFF;", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite_create_schema(r->to);
    return rc == SQLITE_OK ? 0 : refuse_sqlite(f, rc, r->to, "create the new file");
}

/* A new epoch must be greater than every one before: seconds are more than there were openings. */
static uint64_t epoch_of(rebuild_t *r)
{
    char text[32];
    uint64_t epoch = 0;
    bool whole = false;
    for (enum meta_row row = META_EPOCH; row <= META_EPOCH_COPY; row++) {
        if (sqlite_get_meta(r->from, row, text, sizeof text) != 1)
            continue;
        uint64_t said = strtoull(text, NULL, 10);
        epoch = said > epoch ? said : epoch;
        whole = true;
    }
    r->report->epoch_lost = !whole;
    return whole ? epoch : (uint64_t)r->now.us / US_PER_S;
}

static int put_meta(rebuild_t *r)
{
    static const enum meta_row as_they_are[] = {META_PARTITION, META_BOOT, META_CLEAN,
                                               META_RESTORED};
    char text[TALLY_TEXT_BYTES];
    snprintf(text, sizeof text, "%llu", (unsigned long long)epoch_of(r));
    int rc = sqlite_put_meta(r->to, META_EPOCH, text);
    if (rc == SQLITE_OK)
        rc = sqlite_put_meta(r->to, META_EPOCH_COPY, text);
    for (size_t i = 0; i < COUNT_OF(as_they_are) && rc == SQLITE_OK; i++)
        if (sqlite_get_meta(r->from, as_they_are[i], text, sizeof text) == 1)
            rc = sqlite_put_meta(r->to, as_they_are[i], text);
    r->report->said = (tally_t){.next_seq = 1, .first_live = 1};
    r->seq_limit = r->group_limit = INT64_MAX;
    if (sqlite_get_meta(r->from, META_TALLY, text, sizeof text) == 1
        && sqlite_tally_read(text, &r->report->said, &r->group_limit))
        r->seq_limit = r->report->said.next_seq;
    return rc;
}

static int copy(files_t *f)
{
    rebuild_t *r = &f->r;
    sqlite3 *of = r->to;
    int rc = sqlite3_exec(r->to, "BEGIN", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = put_meta(r);
    if (rc == SQLITE_OK)
        rc = rebuild_copy(r, &of);
    if (rc != SQLITE_OK)
        return refuse_sqlite(f, rc, of, of == r->from ? "read the old file; restore a backup"
                                                      : "write the new file");
    rc = rebuild_mend(r);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(r->to, "COMMIT", NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : refuse_sqlite(f, rc, r->to, "write the new file");
}

static void close_both(files_t *f)
{
    sqlite3_close(f->r.from);
    sqlite3_close(f->r.to);
    f->r.from = f->r.to = NULL;
}

static int sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) < 0 ? -errno : 0;
    if (fd >= 0)
        close(fd);
    return rc;
}

static void remove_beside(const char *file)
{
    static const char *const ends[] = {"-wal", "-shm", "-journal"};
    char path[STORE_PATH_MAX + 48];
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        snprintf(path, sizeof path, "%s%s", file, ends[i]);
        unlink(path);
    }
}

/* The old file's log is empty: opening it saw to that. A second name keeps the file, and at every
 * moment there is a whole weir.db. */
static int adopt(files_t *f)
{
    const rebuild_options_t *o = f->r.options;
    close_both(f);
    if (o->dry_run)
        return 0;
    int rc = sync_path(f->made, O_RDWR);
    remove_beside(f->old);
    if (rc == 0 && link(f->old, f->kept) < 0)
        rc = -errno;
    CRASH_POINT("store.before_adopt");
    if (rc == 0 && rename(f->made, f->old) < 0)
        rc = -errno;
    if (rc == 0)
        rc = sync_path(o->directory, O_RDONLY | O_DIRECTORY);
    return rc ? refuse(f, rc, "put the new file in the old one's place: %s", strerror(-rc)) : 0;
}

int store_rebuild(const rebuild_options_t *options, rebuild_report_t *report, char *why,
                  size_t why_size)
{
    static int (*const steps[])(files_t *) = {enter, open_old, open_new, copy, adopt};
    struct timespec now;
    files_t f = {.r = {.options = options, .report = report}, .lock_fd = -1, .why = why,
                 .why_size = why_size};
    *report = (rebuild_report_t){.epoch_lost = false};
    if (strlen(options->directory) >= STORE_PATH_MAX)
        return refuse(&f, -EINVAL, "the store's directory is too long");
    snprintf(f.old, sizeof f.old, "%s/weir.db", options->directory);
    snprintf(f.made, sizeof f.made, "%s/weir.db.rebuilt", options->directory);
    snprintf(f.kept, sizeof f.kept, "%s/weir.db.damaged", options->directory);
    clock_gettime(CLOCK_REALTIME, &now);
    f.r.now.us = now.tv_sec * US_PER_S + now.tv_nsec / 1000;
    int rc = 0;
    for (size_t i = 0; i < COUNT_OF(steps) && rc == 0; i++)
        rc = steps[i](&f);
    close_both(&f);
    if (f.lock_fd >= 0) {
        unlink(f.made);
        remove_beside(f.made);
        close(f.lock_fd);
    }
    return rc;
}
