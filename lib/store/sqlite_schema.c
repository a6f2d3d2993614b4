/* The tables, their statements and the way from older ones. FORMAT.md says what the columns mean.
 */
#include <errno.h>
#include <stdio.h>

#include "store/sqlite_inner.h"

#define LEASE_AND_PACE                                                                             \
    "CREATE TABLE lease(id BLOB PRIMARY KEY, fence INTEGER, flags INTEGER, made INTEGER,"          \
    " expires INTEGER, ttl INTEGER, generation INTEGER, holder TEXT, slots TEXT, sum INTEGER)"     \
    " WITHOUT ROWID;"                                                                              \
    "CREATE TABLE pace(name BLOB PRIMARY KEY, data BLOB, sum INTEGER) WITHOUT ROWID;"

static const char schema_sql[] =
    "CREATE TABLE meta(number INTEGER PRIMARY KEY, value TEXT NOT NULL, sum INTEGER NOT NULL);"
    "CREATE TABLE envelope(seq INTEGER PRIMARY KEY, id BLOB, print BLOB, body_hash INTEGER,"
    " accepted INTEGER, class INTEGER, source TEXT, route TEXT, key TEXT, labels TEXT,"
    " content_type TEXT, trace TEXT, fields_len INTEGER, content_len INTEGER, sum INTEGER);"
    "CREATE INDEX envelope_id ON envelope(id);"
    "CREATE TABLE content(seq INTEGER PRIMARY KEY, sum INTEGER, data BLOB);"
    "CREATE TABLE progress(seq INTEGER PRIMARY KEY, state INTEGER, step TEXT, attempt INTEGER,"
    " failed INTEGER, deaths INTEGER, flags INTEGER, holder INTEGER, generation INTEGER,"
    " fence INTEGER, due INTEGER, start_by INTEGER, finished INTEGER, bytes INTEGER, reason TEXT,"
    " results TEXT, slots TEXT, sum INTEGER);"
    "CREATE TABLE prints(grp INTEGER PRIMARY KEY, newest INTEGER, entries BLOB, sum INTEGER);"
    "CREATE TABLE setting(name TEXT PRIMARY KEY, value BLOB, sum INTEGER) WITHOUT ROWID;"
    "CREATE TABLE quarantine(row_table INTEGER, seq INTEGER, id BLOB, found INTEGER,"
    " PRIMARY KEY(row_table, seq)) WITHOUT ROWID;" LEASE_AND_PACE
    "PRAGMA application_id = 0x57454952;"
    "PRAGMA user_version = 2;";

const char *const sqlite_write_sql[W_COUNT] = {
    [W_BEGIN] = "BEGIN IMMEDIATE",
    [W_COMMIT] = "COMMIT",
    [W_ROLLBACK] = "ROLLBACK",
    [W_ENVELOPES] = "INSERT OR FAIL INTO envelope SELECT * FROM batch_envelope",
    [W_CONTENTS] = "INSERT OR FAIL INTO content SELECT * FROM batch_content",
    [W_PROGRESSES] = "INSERT OR REPLACE INTO progress SELECT * FROM batch_progress",
    [W_LEASES] = "INSERT OR REPLACE INTO lease SELECT * FROM batch_lease",
    [W_DROP_LEASES] = "DELETE FROM lease WHERE id IN (SELECT id FROM batch_lease_drop)",
    [W_PACES] = "INSERT OR REPLACE INTO pace SELECT * FROM batch_pace",
    [W_DROP_PACES] = "DELETE FROM pace WHERE name IN (SELECT name FROM batch_pace_drop)",
    [W_SETTING] = "INSERT OR REPLACE INTO setting VALUES(?,?,?)",
    [W_DROP_CONTENT] = "DELETE FROM content WHERE seq=?",
    [W_DROP_ENVELOPE] = "DELETE FROM envelope WHERE seq=?",
    [W_DROP_PROGRESS] = "DELETE FROM progress WHERE seq=?",
    [W_PRINTS] = "INSERT INTO prints VALUES(?,?,?,?)",
    [W_OLD_PRINTS] = "SELECT grp, newest FROM prints ORDER BY grp LIMIT ?",
    [W_DROP_PRINTS] = "DELETE FROM prints WHERE grp<=?",
    [W_META] = "INSERT OR REPLACE INTO meta VALUES(?,?,?)",
    [W_QUARANTINE] =
        "INSERT OR IGNORE INTO quarantine VALUES(?,?,?,CAST(strftime('%s','now') AS INTEGER))",
};

const char *const sqlite_read_sql[R_COUNT] = {
    [R_BEGIN] = "BEGIN",
    [R_END] = "COMMIT",
    [R_ENVELOPE] = "SELECT " ENVELOPE_COLUMNS " FROM envelope WHERE seq=?",
    [R_PROGRESS] = "SELECT " PROGRESS_COLUMNS " FROM progress WHERE seq=?",
    [R_CONTENT] = "SELECT sum, data FROM content WHERE seq=?",
    [R_BY_ID] =
        "SELECT seq FROM envelope INDEXED BY envelope_id WHERE id=? ORDER BY seq DESC LIMIT 1",
    [R_ENVELOPE_UP] = "SELECT " ENVELOPE_COLUMNS " FROM envelope WHERE seq>=? ORDER BY seq",
    [R_PROGRESS_UP] = "SELECT " PROGRESS_COLUMNS " FROM progress WHERE seq>=? ORDER BY seq",
    [R_ENVELOPE_DOWN] = "SELECT " ENVELOPE_COLUMNS " FROM envelope WHERE seq<=? ORDER BY seq DESC",
    [R_PROGRESS_DOWN] = "SELECT " PROGRESS_COLUMNS " FROM progress WHERE seq<=? ORDER BY seq DESC",
    [R_PRINTS] = "SELECT grp, newest, entries, sum FROM prints WHERE grp>=? ORDER BY grp",
    [R_ID_OF] = "SELECT id FROM envelope INDEXED BY envelope_id WHERE seq=?",
};

int sqlite_prepare_all(sqlite3 *db, const char *const *sql, sqlite3_stmt **out, size_t count)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; i < count && rc == SQLITE_OK; i++)
        rc = sqlite3_prepare_v3(db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &out[i], NULL);
    return rc;
}

static bytes_t meta_name(uint8_t *number) { return bytes_of(number, 1); }

int sqlite_put_meta(sqlite3 *db, enum meta_row row, const char *value)
{
    sqlite3_stmt *put = NULL;
    int rc = sqlite3_prepare_v2(db, sqlite_write_sql[W_META], -1, &put, NULL);
    if (rc != SQLITE_OK)
        return rc;
    uint8_t number = (uint8_t)row;
    sqlite3_bind_int(put, 1, row);
    sqlite3_bind_text(put, 2, value, -1, SQLITE_STATIC);
    sqlite3_bind_int64(put, 3, (int64_t)named_sum(ROW_META, meta_name(&number), bytes_str(value)));
    rc = sqlite3_step(put);
    sqlite3_finalize(put);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int meta_value(sqlite3_stmt *row, uint8_t number, char *value, size_t size)
{
    bytes_t text = sqlite_column(row, 0);
    if (named_sum(ROW_META, meta_name(&number), text) != (uint64_t)sqlite3_column_int64(row, 1)
        || text.len >= size)
        return -EBADMSG;
    if (text.len)
        memcpy(value, text.data, text.len);
    value[text.len] = 0;
    return 1;
}

int sqlite_get_meta(sqlite3 *db, enum meta_row row, char *value, size_t size)
{
    sqlite3_stmt *get = NULL;
    int rc = sqlite3_prepare_v2(db, "SELECT value, sum FROM meta WHERE number=?", -1, &get, NULL);
    if (rc != SQLITE_OK)
        return sqlite_errno(rc, db);
    sqlite3_bind_int(get, 1, row);
    rc = sqlite3_step(get);
    int found = rc == SQLITE_DONE  ? 0
                : rc == SQLITE_ROW ? meta_value(get, (uint8_t)row, value, size)
                                   : sqlite_errno(rc, db);
    sqlite3_finalize(get);
    return found;
}

/* What a store says about itself before its first life: from then on a missing row is damage. */
static int put_first_rows(sqlite3 *db)
{
    int rc = sqlite_put_meta(db, META_EPOCH, "0");
    if (rc == SQLITE_OK)
        rc = sqlite_put_meta(db, META_EPOCH_COPY, "0");
    return rc == SQLITE_OK ? sqlite_put_meta(db, META_TALLY, "1 1 0 0 0 0 1") : rc;
}

/* Runs inside one transaction, or leaves everything as it was. */
static int in_transaction(sqlite3 *db, const char *sql, int version, int (*more)(sqlite3 *))
{
    char number[16];
    snprintf(number, sizeof number, "%d", version);
    int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite_put_meta(db, META_SCHEMA, number);
    if (rc == SQLITE_OK && more)
        rc = more(db);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    if (rc != SQLITE_OK && !sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

int sqlite_create_schema(sqlite3 *db)
{
    return in_transaction(db, schema_sql, STORE_SCHEMA, put_first_rows);
}

static int same_rows(sqlite3_stmt *mine, sqlite3_stmt *theirs)
{
    for (;;) {
        int a = sqlite3_step(mine), b = sqlite3_step(theirs);
        if (b != SQLITE_ROW && b != SQLITE_DONE)
            return b;
        if (a != b)
            return SQLITE_CORRUPT;
        if (a == SQLITE_DONE)
            return SQLITE_OK;
        for (int i = 0; i < sqlite3_column_count(mine); i++)
            if (!bytes_equal(sqlite_column(mine, i), sqlite_column(theirs, i)))
                return SQLITE_CORRUPT;
    }
}

/* A flipped bit in a table's definition would make every row mean something else. */
int sqlite_compare_schema(sqlite3 *db)
{
    static const char tables[] =
        "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name";
    sqlite3 *model = NULL;
    sqlite3_stmt *mine = NULL, *theirs = NULL;
    int rc = sqlite3_open(":memory:", &model);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(model, schema_sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(model, tables, -1, &mine, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(db, tables, -1, &theirs, NULL);
    if (rc == SQLITE_OK)
        rc = same_rows(mine, theirs);
    sqlite3_finalize(mine);
    sqlite3_finalize(theirs);
    sqlite3_close(model);
    return rc;
}

const migration_t sqlite_migrations[] = {
    {1, LEASE_AND_PACE "PRAGMA user_version = 2;"},
};
const size_t sqlite_migration_count = COUNT_OF(sqlite_migrations);

static const migration_t *step_from(const migration_t *steps, size_t count, int from)
{
    for (size_t i = 0; i < count; i++)
        if (steps[i].from == from)
            return &steps[i];
    return NULL;
}

int sqlite_migrate(sqlite3 *db, const migration_t *steps, size_t count, int from, int to)
{
    for (int version = from; version < to; version++) {
        const migration_t *step = step_from(steps, count, version);
        if (!step)
            return SQLITE_SCHEMA;
        int rc = in_transaction(db, step->sql, version + 1, NULL);
        if (rc != SQLITE_OK)
            return rc;
    }
    return SQLITE_OK;
}
