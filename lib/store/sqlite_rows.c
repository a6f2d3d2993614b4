/* The rows of a batch as tables that SQL can select from: one statement then inserts all of them,
 * which costs half of a statement a row (nothing is bound, the cursor stays at the end of the
 * table). Texts are lent, not copied. Each table is a virtual table (https://sqlite.org/vtab.html)
 * over self->applying, walked once from its start. */
#include "store/sqlite_inner.h"

#include <stdlib.h>

typedef struct rows_kind {
    const char *name, *columns;
    uint8_t change;
    bool with_content;           /* only changes that have one */
    void (*column)(sqlite3_context *, const change_t *, int at);
} rows_kind_t;

typedef struct rows_table {
    sqlite3_vtab base;
    const sqlite_store_t *self;
    const rows_kind_t *kind;
} rows_table_t;

typedef struct rows_cursor {
    sqlite3_vtab_cursor base;
    size_t at;
} rows_cursor_t;

static void give_text(sqlite3_context *to, bytes_t text)
{
    sqlite3_result_text(to, text.len ? (const char *)text.data : "", (int)text.len, SQLITE_STATIC);
}

static void give_blob(sqlite3_context *to, const void *data, size_t len)
{
    sqlite3_result_blob(to, len ? data : "", (int)len, SQLITE_STATIC);
}

static void give_number(sqlite3_context *to, uint64_t number)
{
    sqlite3_result_int64(to, (int64_t)number);
}

static uint32_t content_len(const envelope_t *e) { return (uint32_t)blob_bytes(e->content).len; }

static void envelope_column(sqlite3_context *to, const change_t *change, int at)
{
    const envelope_t *e = &change->envelope;
    switch (at) {
    case 0: give_number(to, (uint64_t)e->seq); break;
    case 1: give_blob(to, e->id.b, 16); break;
    case 2: give_blob(to, e->print.b, 16); break;
    case 3: give_number(to, e->body_hash); break;
    case 4: give_number(to, (uint64_t)e->accepted.us); break;
    case 5: give_number(to, e->class); break;
    case 6: give_text(to, e->source); break;
    case 7: give_text(to, e->route); break;
    case 8: give_text(to, e->key); break;
    case 9: give_text(to, e->labels); break;
    case 10: give_text(to, e->content_type); break;
    case 11: give_text(to, e->trace); break;
    case 12: give_number(to, e->fields_len); break;
    case 13: give_number(to, content_len(e)); break;
    case 14: give_number(to, envelope_sum(e, content_len(e))); break;
    }
}

static void content_column(sqlite3_context *to, const change_t *change, int at)
{
    const envelope_t *e = &change->envelope;
    bytes_t data = blob_bytes(e->content);
    switch (at) {
    case 0: give_number(to, (uint64_t)e->seq); break;
    case 1: give_number(to, content_sum(e->seq, data)); break;
    case 2: give_blob(to, data.data, data.len); break;
    }
}

static void progress_column(sqlite3_context *to, const change_t *change, int at)
{
    const progress_t *p = &change->progress;
    switch (at) {
    case 0: give_number(to, (uint64_t)p->seq); break;
    case 1: give_number(to, p->state); break;
    case 2: give_text(to, p->step); break;
    case 3: give_number(to, p->attempt); break;
    case 4: give_number(to, p->failed); break;
    case 5: give_number(to, p->deaths); break;
    case 6: give_number(to, p->flags); break;
    case 7: give_number(to, (uint64_t)p->holder_actor << 16 | p->holder_instance); break;
    case 8: give_number(to, p->holder_generation); break;
    case 9: give_number(to, p->fence); break;
    case 10: give_number(to, (uint64_t)p->due_us); break;
    case 11: give_number(to, (uint64_t)p->start_by_us); break;
    case 12: give_number(to, (uint64_t)p->finished.us); break;
    case 13: give_number(to, p->bytes); break;
    case 14: give_text(to, p->reason); break;
    case 15: give_text(to, p->results); break;
    case 16: give_text(to, p->slots); break;
    case 17: give_number(to, progress_sum(p)); break;
    }
}

static void lease_column(sqlite3_context *to, const change_t *change, int at)
{
    const stored_lease_t *l = &change->lease;
    switch (at) {
    case 0: give_blob(to, l->id.data, l->id.len); break;
    case 1: give_number(to, l->fence); break;
    case 2: give_number(to, l->flags); break;
    case 3: give_number(to, (uint64_t)l->made.us); break;
    case 4: give_number(to, (uint64_t)l->expires_us); break;
    case 5: give_number(to, l->ttl_ms); break;
    case 6: give_number(to, l->generation); break;
    case 7: give_text(to, l->holder); break;
    case 8: give_text(to, l->slots); break;
    case 9: give_number(to, lease_sum(l)); break;
    }
}

static void pace_column(sqlite3_context *to, const change_t *change, int at)
{
    const stored_pace_t *p = &change->pace;
    switch (at) {
    case 0: give_blob(to, p->name.data, p->name.len); break;
    case 1: give_blob(to, p->data.data, p->data.len); break;
    case 2: give_number(to, named_sum(ROW_PACE, p->name, p->data)); break;
    }
}

static void lease_drop_column(sqlite3_context *to, const change_t *change, int at)
{
    (void)at;
    give_blob(to, change->id.data, change->id.len);
}

static void pace_drop_column(sqlite3_context *to, const change_t *change, int at)
{
    (void)at;
    give_blob(to, change->name.data, change->name.len);
}

static const rows_kind_t kinds[] = {
    {"batch_envelope", "CREATE TABLE x(a,b,c,d,e,f,g,h,i,j,k,l,m,n,o)", CHANGE_ENQUEUE, false,
     envelope_column},
    {"batch_content", "CREATE TABLE x(a,b,c)", CHANGE_ENQUEUE, true, content_column},
    {"batch_progress", "CREATE TABLE x(a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r)", CHANGE_PROGRESS,
     false, progress_column},
    {"batch_lease", "CREATE TABLE x(a,b,c,d,e,f,g,h,i,j)", CHANGE_LEASE, false, lease_column},
    {"batch_lease_drop", "CREATE TABLE x(id)", CHANGE_LEASE_DROP, false, lease_drop_column},
    {"batch_pace", "CREATE TABLE x(a,b,c)", CHANGE_PACE, false, pace_column},
    {"batch_pace_drop", "CREATE TABLE x(name)", CHANGE_PACE_DROP, false, pace_drop_column},
};

/* What a table is made with: its kind and whose batch it shows. */
typedef struct rows_origin {
    const rows_kind_t *kind;
    const sqlite_store_t *self;
} rows_origin_t;

static int rows_connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
                        sqlite3_vtab **out, char **error)
{
    (void)argc, (void)argv, (void)error;
    const rows_origin_t *origin = aux;
    int rc = sqlite3_declare_vtab(db, origin->kind->columns);
    if (rc != SQLITE_OK)
        return rc;
    rows_table_t *table = memory_take(sizeof *table);
    table->self = origin->self;
    table->kind = origin->kind;
    *out = &table->base;
    return SQLITE_OK;
}

static int rows_disconnect(sqlite3_vtab *table)
{
    free(table);
    return SQLITE_OK;
}

static int rows_best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    (void)table;
    info->estimatedCost = 1;
    return SQLITE_OK;
}

static int rows_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    (void)table;
    rows_cursor_t *cursor = memory_take(sizeof *cursor);
    *out = &cursor->base;
    return SQLITE_OK;
}

static int rows_close(sqlite3_vtab_cursor *cursor)
{
    free(cursor);
    return SQLITE_OK;
}

static const rows_table_t *table_of(const sqlite3_vtab_cursor *cursor)
{
    return (const rows_table_t *)cursor->pVtab;
}

static bool is_row(const rows_table_t *table, size_t at)
{
    const change_t *change = &table->self->applying->changes[at];
    return change->kind == table->kind->change
           && (!table->kind->with_content || change->envelope.content);
}

static void land(rows_cursor_t *cursor)
{
    const rows_table_t *table = table_of(&cursor->base);
    while (cursor->at < table->self->applying->count && !is_row(table, cursor->at))
        cursor->at++;
}

static int rows_filter(sqlite3_vtab_cursor *cursor, int number, const char *text, int argc,
                       sqlite3_value **argv)
{
    (void)number, (void)text, (void)argc, (void)argv;
    rows_cursor_t *c = (rows_cursor_t *)cursor;
    c->at = 0;
    land(c);
    return SQLITE_OK;
}

static int rows_next(sqlite3_vtab_cursor *cursor)
{
    rows_cursor_t *c = (rows_cursor_t *)cursor;
    c->at++;
    land(c);
    return SQLITE_OK;
}

static int rows_eof(sqlite3_vtab_cursor *cursor)
{
    return ((rows_cursor_t *)cursor)->at >= table_of(cursor)->self->applying->count;
}

static int rows_column(sqlite3_vtab_cursor *cursor, sqlite3_context *to, int at)
{
    const rows_table_t *table = table_of(cursor);
    const change_t *change = &table->self->applying->changes[((rows_cursor_t *)cursor)->at];
    table->kind->column(to, change, at);
    return SQLITE_OK;
}

static int rows_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)((rows_cursor_t *)cursor)->at;
    return SQLITE_OK;
}

static const sqlite3_module rows_module = {
    .xConnect = rows_connect,
    .xBestIndex = rows_best_index,
    .xDisconnect = rows_disconnect,
    .xDestroy = rows_disconnect,
    .xOpen = rows_open,
    .xClose = rows_close,
    .xFilter = rows_filter,
    .xNext = rows_next,
    .xEof = rows_eof,
    .xColumn = rows_column,
    .xRowid = rows_rowid,
};

int sqlite_rows_register(sqlite_store_t *self)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; i < COUNT_OF(kinds) && rc == SQLITE_OK; i++) {
        rows_origin_t *origin = memory_take(sizeof *origin);
        *origin = (rows_origin_t){&kinds[i], self};
        rc = sqlite3_create_module_v2(self->writer, kinds[i].name, &rows_module, origin, free);
    }
    return rc;
}
