/* Opening: lock, make durable what is there, verify, migrate, raise the epoch, start the threads.
 * After a failed sync in an earlier life the page cache may hold what the disk does not: nothing is
 * believed before the log was synced and copied into the database and that was synced (checkpoint
 * with truncation). */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/crash.h"
#include "store/sqlite_inner.h"

#define QUICK_CHECK_BYTES (64u << 20) /* larger files are not read through at opening */

/* What opening carries from step to step. */
typedef struct opening {
    const sqlite_store_options_t *options;
    sqlite_store_t *self;
    store_opened_t found;
    bool fresh;      /* its tables were made just now */
    char *why;
    size_t why_size;
} opening_t;

__attribute__((format(printf, 3, 4)))
static int refuse(const opening_t *o, int error, const char *form, ...)
{
    va_list list;
    va_start(list, form);
    vsnprintf(o->why, o->why_size, form, list);
    va_end(list);
    return error;
}

int sqlite_errno(int code, sqlite3 *db)
{
    switch (code & 0xff) {
    case SQLITE_OK: return 0;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return -EBADMSG;
    case SQLITE_FULL: return -ENOSPC;
    case SQLITE_NOMEM: return -ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return -EBUSY;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
        return db && sqlite3_system_errno(db) ? -sqlite3_system_errno(db) : -EACCES;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISUSE: return -EINVAL;
    default: return sqlite_is_space(code, db) ? -ENOSPC : -EIO;
    }
}

static int refuse_sqlite(const opening_t *o, int code, sqlite3 *db, const char *doing)
{
    int error = sqlite_errno(code, db);
    const char *hint = error == -EBADMSG ? "; restore a backup"
                       : error == -EIO   ? "; look at the disk"
                       : error == -ENOSPC ? "; make room on the disk"
                                         : "";
    return refuse(o, error, "%s: %s (SQLite %d)%s", doing,
                  db ? sqlite3_errmsg(db) : sqlite3_errstr(code), code, hint);
}

static pthread_once_t library_set = PTHREAD_ONCE_INIT;

/* Statistics of SQLite's heap would cost a lock at every allocation of every thread. */
static void set_library(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite_gather_register();
}

int sqlite_connect(const char *file, int flags, int cache_kib, sqlite3 **out)
{
    char sql[320];
    pthread_once(&library_set, set_library);
    int rc = sqlite3_open_v2(file, out, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                             SQLITE_GATHER);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_busy_timeout(*out, 5000);
    sqlite3_db_config(*out, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(*out, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    snprintf(sql, sizeof sql,
             "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA mmap_size=0;"
             "PRAGMA cache_size=-%d; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;"
             "PRAGMA cell_size_check=ON; PRAGMA secure_delete=FAST;", cache_kib);
    return sqlite3_exec(*out, sql, NULL, NULL, NULL);
}

static int on_log(void *arg, sqlite3 *db, const char *name, int frames)
{
    (void)db, (void)name;
    sqlite_log_grew(arg, (unsigned)frames);
    return SQLITE_OK;
}

/* A new file is made by us, so that its mode is ours, and its name is made durable. */
static int make_file(const opening_t *o)
{
    const sqlite_store_t *self = o->self;
    if (access(self->file, F_OK) == 0)
        return 0;
    int fd = open(self->file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int directory = open(self->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = fd < 0 || directory < 0 || fsync(directory) < 0 ? -errno : 0;
    if (fd >= 0)
        close(fd);
    if (directory >= 0)
        close(directory);
    return error ? refuse(o, error, "cannot create %s: %s", self->file, strerror(-error)) : 0;
}

static int enter(opening_t *o)
{
    sqlite_store_t *self = o->self;
    struct stat st;
    if (stat(self->directory, &st) < 0)
        return refuse(o, -errno, "%s: %s", self->directory, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return refuse(o, -ENOTDIR, "%s is not a directory", self->directory);
    if ((st.st_mode & 077) && chmod(self->directory, 0700) < 0)
        return refuse(o, -errno, "%s is open to others: %s", self->directory, strerror(errno));
    int rc = lock_take(self->directory, o->options->lock_wait_ms, &self->lock_fd);
    if (rc == -EWOULDBLOCK)
        return refuse(o, rc, "%s is in use by another process", self->directory);
    if (rc < 0)
        return refuse(o, rc, "cannot lock %s: %s", self->directory, strerror(-rc));
    return make_file(o);
}

static int make_durable(opening_t *o)
{
    sqlite_store_t *self = o->self;
    int in_log = 0, copied = 0;
    sqlite3_close(self->writer); /* of a try before */
    int rc = sqlite_connect(self->file, SQLITE_OPEN_READWRITE, 32 << 10, &self->writer);
    if (rc != SQLITE_OK)
        return refuse_sqlite(o, rc, self->writer, "open");
    rc = sqlite3_exec(self->writer, "PRAGMA page_size=4096; PRAGMA journal_mode=WAL;", NULL, NULL,
                      NULL);
    if (rc != SQLITE_OK)
        return refuse_sqlite(o, rc, self->writer, "open the log");
    CRASH_POINT("store.before_checkpoint");
    rc = sqlite3_wal_checkpoint_v2(self->writer, "main", SQLITE_CHECKPOINT_TRUNCATE, &in_log,
                                   &copied);
    CRASH_POINT("store.after_checkpoint");
    return rc == SQLITE_OK ? 0 : refuse_sqlite(o, rc, self->writer, "make durable what is there");
}

static int64_t number_of(sqlite3 *db, const char *sql, int *rc)
{
    sqlite3_stmt *ask = NULL;
    *rc = sqlite3_prepare_v2(db, sql, -1, &ask, NULL);
    if (*rc == SQLITE_OK)
        *rc = sqlite3_step(ask);
    int64_t number = *rc == SQLITE_ROW ? sqlite3_column_int64(ask, 0) : 0;
    *rc = *rc == SQLITE_ROW || *rc == SQLITE_DONE ? SQLITE_OK : *rc;
    sqlite3_finalize(ask);
    return number;
}

/* Before anything changes. */
static int migration_room(const opening_t *o, int version)
{
    const char *directory = o->self->directory;
    uint64_t needed = (uint64_t)(STORE_SCHEMA - version) * MIGRATION_ROOM;
    if (space_free(directory) >= needed)
        return 0;
    return refuse(o, -ENOSPC,
                  "bringing %s from schema %d to %d needs %llu KiB of free disk, %llu are there: "
                  "make room; nothing was changed", o->self->file, version, STORE_SCHEMA,
                  (unsigned long long)needed >> 10,
                  (unsigned long long)space_free(directory) >> 10);
}

static int schema_now(opening_t *o)
{
    sqlite3 *db = o->self->writer;
    char text[16];
    int rc, found = sqlite_get_meta(db, META_SCHEMA, text, sizeof text);
    if (found <= 0)
        return refuse(o, found ? found : -EBADMSG,
                      "the schema's number is damaged; restore a backup");
    int version = atoi(text);
    if (version > STORE_SCHEMA)
        return refuse(o, -EPROTO,
                      "%s has schema %d; this program knows up to %d: use the newer program",
                      o->self->file, version, STORE_SCHEMA);
    if (version < STORE_SCHEMA && (rc = migration_room(o, version)) < 0)
        return rc;
    rc = sqlite_migrate(db, sqlite_migrations, sqlite_migration_count, version, STORE_SCHEMA);
    if (rc == SQLITE_SCHEMA)
        return refuse(o, -EPROTO, "%s has schema %d; no way leads from it to %d", o->self->file,
                      version, STORE_SCHEMA);
    if (rc != SQLITE_OK)
        return refuse_sqlite(o, rc, db, "migrate");
    rc = sqlite_compare_schema(db);
    if (rc == SQLITE_CORRUPT)
        return refuse(o, -EBADMSG, "the tables of %s are not as they were made; restore a backup",
                      o->self->file);
    return rc == SQLITE_OK ? 0 : refuse_sqlite(o, rc, db, "read the schema");
}

static int schema_check(opening_t *o)
{
    sqlite3 *db = o->self->writer;
    int rc;
    int64_t tables = number_of(db, "SELECT count(*) FROM sqlite_master", &rc);
    if (rc != SQLITE_OK)
        return refuse_sqlite(o, rc, db, "read the schema");
    if (tables)
        return schema_now(o);
    o->fresh = true;
    CRASH_POINT("store.before_schema");
    rc = sqlite_create_schema(db);
    return rc == SQLITE_OK ? 0 : refuse_sqlite(o, rc, db, "create the tables");
}

static int64_t file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) < 0 ? 0 : st.st_size;
}

/* Only after a life that did not end in order, and only where it takes no time that is missed. */
static int quick_check(opening_t *o)
{
    sqlite3 *db = o->self->writer;
    sqlite3_stmt *check = NULL;
    if (!o->found.recovered || file_bytes(o->self->file) > QUICK_CHECK_BYTES)
        return 0;
    int rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(100)", -1, &check, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(check)) == SQLITE_ROW) {
        o->found.damaged += !bytes_is(sqlite_column(check, 0), "ok");
        rc = SQLITE_OK;
    }
    sqlite3_finalize(check);
    return rc == SQLITE_DONE || (rc & 0xff) == SQLITE_CORRUPT ? 0
                                                              : refuse_sqlite(o, rc, db, "check");
}

static void boot_id(char out[40])
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (!file || !fgets(out, 40, file))
        snprintf(out, 40, "unknown");
    if (file)
        fclose(file);
    out[strcspn(out, "\n")] = 0;
}

/* Two copies: one damaged row must not make an epoch come twice. */
static int find_epoch(opening_t *o)
{
    sqlite3 *db = o->self->writer;
    char text[32];
    int whole = 0;
    uint64_t epoch = 0;
    for (enum meta_row row = META_EPOCH; row <= META_EPOCH_COPY; row++) {
        int found = sqlite_get_meta(db, row, text, sizeof text);
        uint64_t said = found == 1 ? strtoull(text, NULL, 10) : 0;
        epoch = said > epoch ? said : epoch;
        whole += found == 1;
        o->found.damaged += found != 1;
    }
    o->found.epoch = epoch + 1;
    return whole ? 0
                 : refuse(o, -EBADMSG, "both copies of the epoch are damaged; restore a backup");
}

static int find_partition(opening_t *o)
{
    char text[32];
    int found = sqlite_get_meta(o->self->writer, META_PARTITION, text, sizeof text);
    o->found.damaged += found == -EBADMSG;
    if (found == 1 && atoi(text) != o->options->partition)
        return refuse(o, -EINVAL, "%s is of partition %s, not %u", o->self->file, text,
                      (unsigned)o->options->partition);
    return 0;
}

static int find_last_life(opening_t *o)
{
    char said[64], now[40];
    boot_id(now);
    int boot = sqlite_get_meta(o->self->writer, META_BOOT, said, sizeof said);
    o->found.new_boot = !o->fresh && (boot != 1 || strcmp(said, now) != 0);
    int clean = sqlite_get_meta(o->self->writer, META_CLEAN, said, sizeof said);
    o->found.recovered = !o->fresh && (clean != 1 || strcmp(said, "1") != 0);
    int restored = sqlite_get_meta(o->self->writer, META_RESTORED, said, sizeof said);
    o->found.restored.us = restored == 1 ? strtoll(said, NULL, 10) : 0;
    o->found.damaged += (boot == -EBADMSG) + (clean == -EBADMSG) + (restored == -EBADMSG);
    return 0;
}

/* The sum is damaged. */
static int count_again(opening_t *o)
{
    int rc = sqlite_count_tally(o->self->writer, &o->found.tally);
    o->found.damaged++;
    return rc == SQLITE_OK ? 0 : refuse_sqlite(o, rc, o->self->writer, "count the messages");
}

static int last_group(opening_t *o, int64_t *end)
{
    int rc;
    *end = number_of(o->self->writer, "SELECT max(grp) FROM prints", &rc) + 1;
    return rc == SQLITE_OK ? 0 : refuse_sqlite(o, rc, o->self->writer, "read the dedup prints");
}

static int find_tally(opening_t *o)
{
    char text[TALLY_TEXT_BYTES];
    int64_t end, said = 1;
    o->found.tally = (tally_t){.next_seq = 1, .first_live = 1};
    bool found = sqlite_get_meta(o->self->writer, META_TALLY, text, sizeof text) == 1
                 && sqlite_tally_read(text, &o->found.tally, &said);
    int rc = last_group(o, &end);
    if (rc == 0 && !found)
        rc = count_again(o);
    o->self->tally = o->found.tally;
    atomic_store(&o->self->group_end, said > end ? said : end);
    return rc;
}

static int find_kept(opening_t *o)
{
    int rc = sqlite_find_kept(o->self, &o->found.damaged);
    return rc == SQLITE_OK
               ? 0
               : refuse_sqlite(o, rc, o->self->writer, "read settings, leases and paces");
}

static int put_life(opening_t *o)
{
    sqlite3 *db = o->self->writer;
    char epoch[32], partition[16], boot[40];
    snprintf(epoch, sizeof epoch, "%llu", (unsigned long long)o->found.epoch);
    snprintf(partition, sizeof partition, "%u", (unsigned)o->options->partition);
    boot_id(boot);
    const struct { enum meta_row row; const char *value;
    } rows[] = {{META_EPOCH, epoch},
                {META_EPOCH_COPY, epoch},
                {META_PARTITION, partition},
                {META_BOOT, boot},
                {META_CLEAN, "0"}};
    int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(rows) && rc == SQLITE_OK; i++)
        rc = sqlite_put_meta(db, rows[i].row, rows[i].value);
    if (rc == SQLITE_OK && o->found.restored.us) /* it is said once */
        rc = sqlite3_exec(db, "DELETE FROM meta WHERE number=8", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    if (rc != SQLITE_OK && !sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

static int raise_epoch(opening_t *o)
{
    CRASH_POINT("store.before_epoch");
    int rc = put_life(o);
    CRASH_POINT("store.after_epoch");
    return rc == SQLITE_OK ? 0 : refuse_sqlite(o, rc, o->self->writer, "raise the epoch");
}

static int prepare(opening_t *o)
{
    sqlite_store_t *self = o->self;
    sqlite3 *bad = self->writer;
    int rc = sqlite_rows_register(self);
    if (rc == SQLITE_OK)
        rc = sqlite_prepare_all(self->writer, sqlite_write_sql, self->write, W_COUNT);
    if (rc == SQLITE_OK)
        rc = sqlite_connect(self->file, SQLITE_OPEN_READWRITE, 8 << 10, &self->reader),
        bad = self->reader;
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(self->reader, "PRAGMA query_only=ON", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite_prepare_all(self->reader, sqlite_read_sql, self->read, R_COUNT);
    if (rc == SQLITE_OK)
        rc = sqlite_connect(self->file, SQLITE_OPEN_READWRITE, 64, &self->checkpointer),
        bad = self->checkpointer;
    if (rc != SQLITE_OK)
        return refuse_sqlite(o, rc, bad, "prepare");
    sqlite3_wal_hook(self->writer, on_log, self);
    return 0;
}

/* Without room for the reserve it opens all the same, as full: what is queued can still be read and
 * ended. */
static int take_reserve(opening_t *o)
{
    sqlite_store_t *self = o->self;
    int rc = reserve_make(self->directory, self->reserve_bytes);
    self->reserve_kept = rc == 0;
    if (rc == -ENOSPC || rc == -EDQUOT) {
        self->full = true;
        sqlite_put_event(self, (store_event_t){.kind = STORE_FULL,
                                               .error = rc,
                                               .error_text = "no room for the reserve"});
        return 0;
    }
    return rc ? refuse(o, rc, "cannot keep the reserve: %s", strerror(-rc)) : 0;
}

static sqlite_store_t *self_new(const sqlite_store_options_t *options)
{
    sqlite_store_t *self = memory_take(sizeof *self);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->to_write, &monotonic);
    pthread_cond_init(&self->to_read, &monotonic);
    pthread_cond_init(&self->to_checkpoint, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&self->lock, NULL);
    snprintf(self->directory, sizeof self->directory, "%s", options->directory);
    snprintf(self->file, sizeof self->file, "%s/weir.db", self->directory);
    self->reserve_bytes = options->reserve_bytes;
    self->wal_bytes_max = options->wal_bytes_max;
    self->lock_fd = -1;
    self->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return self;
}

int sqlite_store_open(const sqlite_store_options_t *options, store_t **out, store_opened_t *opened,
                      char *why, size_t why_size)
{
    opening_t o = {.options = options, .why = why, .why_size = why_size};
    if (strlen(options->directory) >= STORE_PATH_MAX || options->wal_bytes_max < (1u << 20))
        return refuse(&o, -EINVAL,
                      "the store's directory is too long or its log's maximum below 1 MiB");
    o.self = self_new(options);
    static int (*const steps[])(opening_t *) = {
        enter,       make_durable, schema_check,  find_epoch,  find_partition, find_last_life,
        quick_check, find_tally,   find_kept,     raise_epoch, prepare,        take_reserve};
    int rc = o.self->wake_fd < 0 ? refuse(&o, -errno, "eventfd: %s", strerror(errno)) : 0;
    for (size_t i = 0; i < COUNT_OF(steps) && rc == 0; i++)
        if ((rc = steps[i](&o)) == -ENOSPC) {
            reserve_release(o.self->directory); /* what is queued must be reached on a full disk */
            rc = steps[i](&o);
        }
    if (rc) {
        sqlite_store_free(o.self);
        return rc;
    }
    atomic_store(&o.self->next_seq, o.found.tally.next_seq);
    rc = sqlite_store_start(o.self, out);
    if (rc == 0)
        *opened = o.found;
    return rc ? refuse(&o, rc, "cannot start a thread: %s", strerror(-rc)) : 0;
}
