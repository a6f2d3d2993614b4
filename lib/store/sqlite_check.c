#include "store/sqlite_check.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite_inner.h"

#define APPLICATION_ID 0x57454952

/* ---- rows ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum row_table table;
    int since; /* schema */
    bool numbered;
} tables[CHECK_TABLES] = {{"meta", ROW_META, 1, true},       {"envelope", ROW_ENVELOPE, 1, true},
                          {"content", ROW_CONTENT, 1, true}, {"progress", ROW_PROGRESS, 1, true},
                          {"prints", ROW_PRINTS, 1, true},   {"setting", ROW_SETTING, 1, false},
                          {"lease", ROW_LEASE, 2, false},    {"pace", ROW_PACE, 2, false}};

/* ---- looking ---------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void damaged(store_check_t *c, const char *form, ...)
{
    va_list list;
    c->damaged++;
    if (c->said_count == CHECK_SAID_MAX)
        return;
    va_start(list, form);
    vsnprintf(c->said[c->said_count++], sizeof c->said[0], form, list);
    va_end(list);
}

static int check_table(sqlite3 *db, store_check_t *c, size_t n)
{
    char sql[64];
    sqlite3_stmt *rows = NULL;
    c->tables[n].table = tables[n].name;
    if (c->schema < tables[n].since)
        return SQLITE_OK;
    snprintf(sql, sizeof sql, "SELECT * FROM %s", tables[n].name);
    int rc = sqlite3_prepare_v2(db, sql, -1, &rows, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
        c->tables[n].rows++;
        if (!sqlite_row_is_whole(tables[n].table, rows)) {
            c->tables[n].damaged++;
            if (tables[n].numbered)
                damaged(c, "%s: the row of number %lld", tables[n].name,
                        (long long)sqlite3_column_int64(rows, 0));
            else
                damaged(c, "%s: a row", tables[n].name);
        }
        rc = SQLITE_OK;
    }
    sqlite3_finalize(rows);
    if ((rc & 0xff) == SQLITE_CORRUPT) {
        c->tables[n].cut_short = true;
        damaged(c, "%s: a page cannot be read; rows behind it were not seen", tables[n].name);
        rc = SQLITE_DONE;
    }
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int check_pages(sqlite3 *db, store_check_t *c)
{
    sqlite3_stmt *check = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(100)", -1, &check, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(check)) == SQLITE_ROW) {
        bytes_t text = sqlite_column(check, 0);
        if (!bytes_is(text, "ok")) {
            c->page_problems++;
            damaged(c, "pages: %.*s", (int)(text.len < 120 ? text.len : 120),
                    (const char *)text.data);
        }
        rc = SQLITE_OK;
    }
    sqlite3_finalize(check);
    if ((rc & 0xff) == SQLITE_CORRUPT && c->page_problems++ == 0)
        damaged(c, "pages: the tables' tree cannot be followed");
    return rc == SQLITE_DONE || (rc & 0xff) == SQLITE_CORRUPT ? SQLITE_OK : rc;
}

static void read_sums(sqlite3 *db, store_check_t *c)
{
    char text[TALLY_TEXT_BYTES];
    int64_t group;
    for (enum meta_row row = META_EPOCH; row <= META_EPOCH_COPY; row++)
        if (sqlite_get_meta(db, row, text, sizeof text) == 1) {
            uint64_t said = strtoull(text, NULL, 10);
            c->epoch = said > c->epoch ? said : c->epoch;
        }
    if (sqlite_get_meta(db, META_TALLY, text, sizeof text) != 1 ||
        !sqlite_tally_read(text, &c->tally, &group))
        damaged(c, "meta: the sum of all messages");
}

static int number_of(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *ask = NULL;
    int number = -1;
    if (sqlite3_prepare_v2(db, sql, -1, &ask, NULL) == SQLITE_OK && sqlite3_step(ask) == SQLITE_ROW)
        number = sqlite3_column_int(ask, 0);
    sqlite3_finalize(ask);
    return number;
}

static int refuse(char *why, size_t size, int error, const char *path, const char *said)
{
    snprintf(why, size, "%s: %s", path, said);
    return error;
}

static int look(sqlite3 *db, const char *path, store_check_t *c, char *why, size_t size)
{
    if (number_of(db, "PRAGMA application_id") != APPLICATION_ID)
        return refuse(why, size, -EBADMSG, path,
                      "this is no store of Weir, or so damaged that it does not show");
    c->schema = number_of(db, "PRAGMA user_version");
    if (c->schema > STORE_SCHEMA)
        return refuse(why, size, -EPROTO, path, "it is of a newer version of Weir");
    int rc = check_pages(db, c);
    for (size_t n = 0; n < CHECK_TABLES && rc == SQLITE_OK; n++)
        rc = check_table(db, c, n);
    if (rc == SQLITE_OK && c->schema == STORE_SCHEMA && sqlite_compare_schema(db) != SQLITE_OK)
        damaged(c, "the tables are not as they were made");
    read_sums(db, c);
    return rc == SQLITE_OK ? 0 : refuse(why, size, sqlite_errno(rc, db), path, sqlite3_errmsg(db));
}

/* ---- opening ---------------------------------------------------------------------------- */

/* A file that nobody writes: nothing is made beside it, and no lock is needed. */
static void frozen_uri(const char *path, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "file:");
    for (const char *c = path; *c && used + 24 < size; c++)
        if (isalnum((unsigned char)*c) || strchr("/._-", *c))
            out[used++] = *c;
        else
            used += (size_t)snprintf(out + used, size - used, "%%%02X", (unsigned char)*c);
    snprintf(out + used, size - used, "?immutable=1");
}

static int check_frozen(const char *path, store_check_t *out, char *why, size_t size)
{
    char uri[STORE_PATH_MAX * 3 + 32], log[STORE_PATH_MAX + 16];
    sqlite3 *db = NULL;
    struct stat st;
    snprintf(log, sizeof log, "%s-wal", path);
    if (stat(log, &st) == 0 && st.st_size > 0)
        return refuse(why, size, -EBUSY, path,
                      "it has a log beside it, so it is no backup: give its directory");
    frozen_uri(path, uri, sizeof uri);
    int rc = sqlite_connect(uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, 8 << 10, &db);
    int error = rc == SQLITE_OK ? look(db, path, out, why, size)
                                : refuse(why, size, sqlite_errno(rc, db), path,
                                         (rc & 0xff) == SQLITE_NOTADB ? "this is no store of Weir"
                                                                      : sqlite3_errstr(rc));
    sqlite3_close(db);
    return error;
}

static int check_directory(const char *path, store_check_t *out, char *why, size_t size)
{
    char file[STORE_PATH_MAX + 16];
    sqlite3 *db = NULL;
    int lock;
    snprintf(file, sizeof file, "%s/weir.db", path);
    if (access(file, R_OK) < 0)
        return refuse(why, size, -errno, file, strerror(errno));
    int error = lock_take(path, 0, &lock);
    if (error)
        return refuse(why, size, error, path,
                      error == -EWOULDBLOCK ? "Weir works with it; weirctl store check without a "
                                              "path looks at a running one"
                                            : strerror(-error));
    int rc = sqlite_connect(file, SQLITE_OPEN_READWRITE, 8 << 10, &db);
    error = rc == SQLITE_OK ? look(db, file, out, why, size)
                            : refuse(why, size, sqlite_errno(rc, db), file, sqlite3_errstr(rc));
    sqlite3_close(db);
    close(lock);
    return error;
}

int store_check(const char *path, store_check_t *out, char *why, size_t size)
{
    struct stat st;
    *out = (store_check_t){0};
    if (strlen(path) >= STORE_PATH_MAX)
        return refuse(why, size, -ENAMETOOLONG, path, "the path is too long");
    if (stat(path, &st) < 0)
        return refuse(why, size, -errno, path, strerror(errno));
    out->bytes = (uint64_t)st.st_size;
    return S_ISDIR(st.st_mode) ? check_directory(path, out, why, size)
                               : check_frozen(path, out, why, size);
}
