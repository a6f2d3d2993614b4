/* What is read whole at opening: settings, leases and paces. Each table is walked upwards; where a
 * page cannot be read the rest is walked from the other end, so that a broken page costs only what
 * lay in it. */
#include <stdlib.h>
#include <xxhash.h>

#include "store/sqlite_inner.h"

#define FIRST_ROOM 64u

typedef struct kept_table {
    enum row_table table;
    const char *up, *down; /* all rows; those beyond ?1 from the end on. Column 0 is the name */
    bool (*keep)(sqlite_store_t *self, sqlite3_stmt *row); /* false: damaged */
} kept_table_t;

static bool keep_setting(sqlite_store_t *self, sqlite3_stmt *row)
{
    bytes_t name = sqlite_column(row, 0), value = sqlite_column(row, 1);
    bool whole = named_sum(ROW_SETTING, name, value) == (uint64_t)sqlite3_column_int64(row, 2);
    if (whole)
        sqlite_keep_setting(self, name, value);
    return whole;
}

/* Room for one more. */
static void *grown(void *rows, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return rows;
    *room = *room ? *room * 2 : FIRST_ROOM;
    return memory_grow(rows, *room * size);
}

static bool keep_lease(sqlite_store_t *self, sqlite3_stmt *row)
{
    kept_rows_t *k = &self->kept;
    stored_lease_t l;
    if (!sqlite_lease_row(row, &l))
        return false;
    bytes_t *texts[] = {&l.id, &l.holder, &l.slots};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        *texts[i] = arena_copy(&k->texts, *texts[i]);
    k->leases = grown(k->leases, k->lease_count, &k->lease_room, sizeof l);
    k->leases[k->lease_count++] = l;
    return true;
}

static bool keep_pace(sqlite_store_t *self, sqlite3_stmt *row)
{
    kept_rows_t *k = &self->kept;
    stored_pace_t p = {sqlite_column(row, 0), sqlite_column(row, 1)};
    if (named_sum(ROW_PACE, p.name, p.data) != (uint64_t)sqlite3_column_int64(row, 2))
        return false;
    p = (stored_pace_t){arena_copy(&k->texts, p.name), arena_copy(&k->texts, p.data)};
    k->paces = grown(k->paces, k->pace_count, &k->pace_room, sizeof p);
    k->paces[k->pace_count++] = p;
    return true;
}

static const kept_table_t tables[] = {
    {ROW_SETTING, "SELECT name, value, sum FROM setting ORDER BY name",
     "SELECT name, value, sum FROM setting WHERE name>CAST(?1 AS TEXT) ORDER BY name DESC",
     keep_setting},
    {ROW_LEASE, "SELECT " LEASE_COLUMNS " FROM lease ORDER BY id",
     "SELECT " LEASE_COLUMNS " FROM lease WHERE id>?1 ORDER BY id DESC", keep_lease},
    {ROW_PACE, "SELECT name, data, sum FROM pace ORDER BY name",
     "SELECT name, data, sum FROM pace WHERE name>?1 ORDER BY name DESC", keep_pace},
};

/* How far a walk came. A name longer than any of ours is a lie and may be cut. */
typedef struct place {
    uint8_t name[PACE_NAME_BYTES_MAX];
    size_t len;
} place_t;

static void stand_on(place_t *place, bytes_t name)
{
    place->len = name.len < sizeof place->name ? name.len : sizeof place->name;
    if (place->len)
        memcpy(place->name, name.data, place->len);
}

/* A damaged row is named in the quarantine by what it says of itself. */
static void note_row(sqlite_store_t *self, enum row_table table, const place_t *place)
{
    damage_note_t note = {.table = table, .seq = (int64_t)XXH3_64bits(place->name, place->len)};
    note.name_len = place->len < sizeof note.name ? place->len : sizeof note.name;
    memcpy(note.name, place->name, note.name_len);
    sqlite_note_damage(self, note);
}

/* SQLITE_DONE, or why it ended; *place is then the last row. */
static int walk(sqlite_store_t *self, const kept_table_t *t, const char *sql, place_t *place,
                uint64_t *damaged)
{
    sqlite3_stmt *rows = NULL;
    int rc = sqlite3_prepare_v2(self->writer, sql, -1, &rows, NULL);
    if (rc == SQLITE_OK && sqlite3_bind_parameter_count(rows))
        rc = sqlite3_bind_blob(rows, 1, place->name, (int)place->len, SQLITE_TRANSIENT);
    while (rc == SQLITE_OK && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
        stand_on(place, sqlite_column(rows, 0));
        if (!t->keep(self, rows)) {
            note_row(self, t->table, place);
            ++*damaged;
        }
        rc = SQLITE_OK;
    }
    sqlite3_finalize(rows);
    return rc;
}

static bool is_damage(int rc) { return (rc & 0xff) == SQLITE_CORRUPT; }

static int find_rows(sqlite_store_t *self, const kept_table_t *t, uint64_t *damaged)
{
    place_t place = {.len = 0};
    int rc = walk(self, t, t->up, &place, damaged);
    if (is_damage(rc)) {
        ++*damaged;
        note_row(self, t->table, &place);
        rc = walk(self, t, t->down, &place, damaged);
    }
    return rc == SQLITE_DONE || is_damage(rc) ? SQLITE_OK : rc;
}

int sqlite_find_kept(sqlite_store_t *self, uint64_t *damaged)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; i < COUNT_OF(tables) && rc == SQLITE_OK; i++)
        rc = find_rows(self, &tables[i], damaged);
    return rc;
}

void sqlite_leases(store_t *store, void (*each)(void *, const stored_lease_t *), void *arg)
{
    const sqlite_store_t *self = (const sqlite_store_t *)store;
    must(self->submitted == 0);
    for (size_t i = 0; i < self->kept.lease_count; i++)
        each(arg, &self->kept.leases[i]);
}

void sqlite_paces(store_t *store, void (*each)(void *, const stored_pace_t *), void *arg)
{
    const sqlite_store_t *self = (const sqlite_store_t *)store;
    must(self->submitted == 0);
    for (size_t i = 0; i < self->kept.pace_count; i++)
        each(arg, &self->kept.paces[i]);
}

void sqlite_kept_clear(kept_rows_t *kept)
{
    arena_clear(&kept->texts);
    free(kept->leases);
    free(kept->paces);
    *kept = (kept_rows_t){0};
}
