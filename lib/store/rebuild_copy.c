/* The tables of a broken store are walked row by row. Where a page cannot be read the walk goes on
 * behind it: by number, the nearest that can be read again; by name, from the other end. */
#include "store/rebuild_copy.h"

#include "store/sqlite_inner.h"

typedef struct copied_table {
    const char *name;
    int since;            /* the schema that brought it */
    bool by_name;
    const char *up;       /* rows from ?1 on (by number), or all of them (by name) */
    const char *down;     /* by name: rows behind ?1, from the end on */
    const char *put;
    enum row_table table;
} copied_table_t;

static const copied_table_t tables[REBUILD_TABLES] = {
    {"envelope", 1, false, "SELECT " ENVELOPE_COLUMNS " FROM envelope WHERE seq>=?1 ORDER BY seq",
     NULL, "INSERT OR IGNORE INTO envelope VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", ROW_ENVELOPE},
    {"progress", 1, false, "SELECT " PROGRESS_COLUMNS " FROM progress WHERE seq>=?1 ORDER BY seq",
     NULL, "INSERT OR IGNORE INTO progress VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
     ROW_PROGRESS},
    {"content", 1, false, "SELECT seq, sum, data FROM content WHERE seq>=?1 ORDER BY seq", NULL,
     "INSERT OR IGNORE INTO content VALUES(?,?,?)", ROW_CONTENT},
    {"prints", 1, false,
     "SELECT grp, newest, entries, sum FROM prints WHERE grp>=?1 ORDER BY grp", NULL,
     "INSERT OR IGNORE INTO prints VALUES(?,?,?,?)", ROW_PRINTS},
    {"setting", 1, true, "SELECT name, value, sum FROM setting ORDER BY name",
     "SELECT name, value, sum FROM setting WHERE name>CAST(?1 AS TEXT) ORDER BY name DESC",
     "INSERT OR IGNORE INTO setting VALUES(?,?,?)", ROW_SETTING},
    {"lease", 2, true, "SELECT " LEASE_COLUMNS " FROM lease ORDER BY id",
     "SELECT " LEASE_COLUMNS " FROM lease WHERE id>?1 ORDER BY id DESC",
     "INSERT OR IGNORE INTO lease VALUES(?,?,?,?,?,?,?,?,?,?)", ROW_LEASE},
    {"pace", 2, true, "SELECT name, data, sum FROM pace ORDER BY name",
     "SELECT name, data, sum FROM pace WHERE name>?1 ORDER BY name DESC",
     "INSERT OR IGNORE INTO pace VALUES(?,?,?)", ROW_PACE},
};

/* One table on its way. */
typedef struct copying {
    rebuild_t *r;
    const copied_table_t *t;
    size_t at;            /* in the report */
    sqlite3_stmt *rows, *put;
    int64_t seq;          /* as far as it came */
    int64_t seq_limit;    /* a row that lies about its number is not followed beyond */
    uint8_t name[PACE_NAME_BYTES_MAX]; /* of the last row */
    size_t name_len;
    bool write_failed;
} copying_t;

/* A page that lies, or one that the disk does not give. */
static bool is_unreadable(int rc)
{
    return (rc & 0xff) == SQLITE_CORRUPT || rc == SQLITE_IOERR_READ
           || rc == SQLITE_IOERR_SHORT_READ || rc == SQLITE_IOERR_CORRUPTFS;
}

void rebuild_lose(rebuild_t *r, const rebuild_loss_t *loss)
{
    if (r->options->lost)
        r->options->lost(r->options->arg, loss);
}

static void lose(copying_t *c, enum rebuild_loss_kind kind)
{
    rebuild_loss_t loss = {.kind = (uint8_t)kind, .table = c->t->name};
    if (c->t->by_name)
        loss.name = bytes_of(c->name, c->name_len);
    else
        loss.seq = c->seq;
    rebuild_lose(c->r, &loss);
}

static void stand_on_row(copying_t *c, bool whole)
{
    if (!c->t->by_name) {
        int64_t seq = sqlite3_column_int64(c->rows, 0);
        if (seq > c->seq && (whole || seq < c->seq_limit))
            c->seq = seq;
        return;
    }
    bytes_t name = sqlite_column(c->rows, 0);
    c->name_len = name.len < sizeof c->name ? name.len : sizeof c->name;
    if (c->name_len)
        memcpy(c->name, name.data, c->name_len);
}

static int put_row(copying_t *c)
{
    for (int i = 0; i < sqlite3_column_count(c->rows); i++)
        sqlite3_bind_value(c->put, i + 1, sqlite3_column_value(c->rows, i));
    int rc = sqlite_run(c->put);
    c->write_failed = rc != SQLITE_OK;
    c->r->report->tables[c->at].copied += (uint64_t)sqlite3_changes(c->r->to);
    return rc;
}

static int take_row(copying_t *c)
{
    bool whole = sqlite_row_is_whole(c->t->table, c->rows);
    stand_on_row(c, whole);
    if (whole)
        return put_row(c);
    c->r->report->tables[c->at].left_out++;
    lose(c, REBUILD_ROW);
    return SQLITE_OK;
}

/* SQLITE_DONE, or why it ended. `rc` is of the first step. */
static int take_rows(copying_t *c, int rc)
{
    while (rc == SQLITE_ROW && (rc = take_row(c)) == SQLITE_OK)
        rc = sqlite3_step(c->rows);
    return rc;
}

static int seek(copying_t *c, int64_t seq)
{
    sqlite3_reset(c->rows);
    sqlite3_bind_int64(c->rows, 1, seq);
    return sqlite3_step(c->rows);
}

/* The first step of the nearest row behind c->seq that can be read: doubling outwards, then halving
 * back. SQLITE_DONE: there is none. */
static int step_over(copying_t *c)
{
    int64_t bad = c->seq, near = 0, far = 1;
    while (is_unreadable(seek(c, bad + far))) {
        near = far;
        if (far > (INT64_MAX - bad) / 2)
            return SQLITE_DONE;
        far *= 2;
    }
    while (far - near > 1) {
        int64_t middle = near + (far - near) / 2;
        if (is_unreadable(seek(c, bad + middle)))
            near = middle;
        else
            far = middle;
    }
    c->seq = bad + far; /* so each further step goes further */
    return seek(c, c->seq);
}

static void miss(copying_t *c)
{
    c->r->report->tables[c->at].unreadable++;
    lose(c, REBUILD_STRETCH);
}

static int copy_by_number(copying_t *c)
{
    int rc = take_rows(c, seek(c, INT64_MIN));
    while (is_unreadable(rc) && !c->write_failed) {
        miss(c);
        rc = take_rows(c, step_over(c));
    }
    return rc;
}

static int copy_by_name(copying_t *c)
{
    int rc = take_rows(c, sqlite3_step(c->rows));
    if (!is_unreadable(rc) || c->write_failed)
        return rc;
    miss(c);
    sqlite3_finalize(c->rows);
    c->rows = NULL;
    rc = sqlite3_prepare_v2(c->r->from, c->t->down, -1, &c->rows, NULL);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_blob(c->rows, 1, c->name, (int)c->name_len, SQLITE_TRANSIENT);
    rc = take_rows(c, sqlite3_step(c->rows));
    return is_unreadable(rc) && !c->write_failed ? SQLITE_DONE : rc;
}

static int copy_table(copying_t *c)
{
    int rc = sqlite3_prepare_v2(c->r->to, c->t->put, -1, &c->put, NULL);
    c->write_failed = rc != SQLITE_OK;
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(c->r->from, c->t->up, -1, &c->rows, NULL);
    if (rc == SQLITE_OK)
        rc = c->t->by_name ? copy_by_name(c) : copy_by_number(c);
    sqlite3_finalize(c->rows);
    sqlite3_finalize(c->put);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int rebuild_copy(rebuild_t *r, sqlite3 **failed)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; i < COUNT_OF(tables) && rc == SQLITE_OK; i++) {
        bool groups = i == REBUILD_PRINTS;
        copying_t c = {.r = r, .t = &tables[i], .at = i,
                       .seq_limit = groups ? r->group_limit : r->seq_limit};
        r->report->tables[i].table = tables[i].name;
        if (tables[i].since > r->schema)
            continue;
        rc = copy_table(&c);
        *failed = c.write_failed ? r->to : r->from;
        if (!groups && c.seq >= r->seq_end)
            r->seq_end = c.seq + 1;
    }
    return rc;
}
