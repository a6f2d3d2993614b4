#include "store/sqlite_inner.h"

int sqlite_run(sqlite3_stmt *statement)
{
    int rc = sqlite3_step(statement);
    int end = sqlite3_reset(statement);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : end;
}

void sqlite_bind_bytes(sqlite3_stmt *statement, int at, bytes_t text)
{
    sqlite3_bind_text(statement, at, text.len ? (const char *)text.data : "", (int)text.len,
                      SQLITE_STATIC);
}

static void bind_blob(sqlite3_stmt *statement, int at, const void *data, size_t len)
{
    sqlite3_bind_blob(statement, at, len ? data : "", (int)len, SQLITE_STATIC);
}

static int put_setting(sqlite_store_t *self, bytes_t name, bytes_t value)
{
    sqlite3_stmt *put = self->write[W_SETTING];
    sqlite_bind_bytes(put, 1, name);
    bind_blob(put, 2, value.data, value.len);
    sqlite3_bind_int64(put, 3, (int64_t)named_sum(ROW_SETTING, name, value));
    return sqlite_run(put);
}

static int drop_row(sqlite_store_t *self, enum write_statement which, int64_t seq)
{
    sqlite3_bind_int64(self->write[which], 1, seq);
    return sqlite_run(self->write[which]);
}

static int drop_message(sqlite_store_t *self, int64_t seq)
{
    int rc = drop_row(self, W_DROP_CONTENT, seq);
    if (rc == SQLITE_OK)
        rc = drop_row(self, W_DROP_ENVELOPE, seq);
    return rc == SQLITE_OK ? drop_row(self, W_DROP_PROGRESS, seq) : rc;
}

/* Groups go from the oldest on, up to the first that is not old enough: a bounded slice. */
static int drop_prints(sqlite_store_t *self, wall_t before)
{
    sqlite3_stmt *old = self->write[W_OLD_PRINTS];
    int64_t last = 0;
    int rc;
    sqlite3_bind_int(old, 1, PRINT_GROUPS_DROPPED);
    while ((rc = sqlite3_step(old)) == SQLITE_ROW && sqlite3_column_int64(old, 1) < before.us)
        last = sqlite3_column_int64(old, 0);
    sqlite3_reset(old);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return rc;
    return last ? drop_row(self, W_DROP_PRINTS, last) : SQLITE_OK;
}

/* What put_rows() does went before, all at once. */
static int apply_change(sqlite_store_t *self, const change_t *change)
{
    switch (change->kind) {
    case CHANGE_SETTING: return put_setting(self, change->setting.name, change->setting.value);
    case CHANGE_DROP_BODY: return drop_row(self, W_DROP_CONTENT, change->seq);
    case CHANGE_DROP: return drop_message(self, change->seq);
    case CHANGE_DROP_PRINTS: return drop_prints(self, change->before);
    }
    return SQLITE_OK;
}

/* One row for all prints of the batch: dedup costs a row a batch, not a row a message. */
static int put_prints(sqlite_store_t *self, const store_batch_t *batch)
{
    size_t size = batch->came[CHANGE_ENQUEUE] * PRINT_BYTES;
    if (size > self->entries_room) {
        self->entries = memory_grow(self->entries, size);
        self->entries_room = size;
    }
    uint8_t *at = self->entries;
    int64_t newest = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->changes[i].kind != CHANGE_ENQUEUE)
            continue;
        const envelope_t *e = &batch->changes[i].envelope;
        print_pack(at, e);
        at += PRINT_BYTES;
        newest = e->accepted.us > newest ? e->accepted.us : newest;
    }
    sqlite3_stmt *put = self->write[W_PRINTS];
    bytes_t entries = bytes_of(self->entries, size);
    sqlite3_bind_int64(put, 1, self->next_group);
    sqlite3_bind_int64(put, 2, newest);
    bind_blob(put, 3, entries.data, entries.len);
    sqlite3_bind_int64(put, 4, (int64_t)prints_sum(self->next_group++, newest, entries));
    return sqlite_run(put);
}

/* Always with the end of the groups: so a lost group is missed. */
static int put_tally(sqlite_store_t *self)
{
    char text[TALLY_TEXT_BYTES];
    uint8_t number = META_TALLY;
    sqlite_tally_text(text, &self->tally, self->next_group);
    sqlite3_stmt *put = self->write[W_META];
    sqlite3_bind_int(put, 1, META_TALLY);
    sqlite_bind_bytes(put, 2, bytes_str(text));
    sqlite3_bind_int64(put, 3, (int64_t)named_sum(ROW_META, bytes_of(&number, 1), bytes_str(text)));
    return sqlite_run(put);
}

int sqlite_write_note(sqlite_store_t *self, const damage_note_t *note)
{
    sqlite3_stmt *put = self->write[W_QUARANTINE];
    sqlite3_bind_int(put, 1, note->table);
    sqlite3_bind_int64(put, 2, note->seq);
    if (note->name_len)
        bind_blob(put, 3, note->name, note->name_len);
    else
        bind_blob(put, 3, note->id.b, 16);
    return sqlite_run(put);
}

/* Rows of the batch, through sqlite_rows.c. */
static int put_rows(sqlite_store_t *self, const store_batch_t *batch)
{
    const struct { size_t count; enum write_statement all;
    } tables[] = {{batch->came[CHANGE_ENQUEUE], W_ENVELOPES},
                  {batch->contents, W_CONTENTS},
                  {batch->came[CHANGE_PROGRESS], W_PROGRESSES},
                  {batch->came[CHANGE_LEASE], W_LEASES},
                  {batch->came[CHANGE_LEASE_DROP], W_DROP_LEASES},
                  {batch->came[CHANGE_PACE], W_PACES},
                  {batch->came[CHANGE_PACE_DROP], W_DROP_PACES}};
    int rc = SQLITE_OK;
    self->applying = batch;
    for (size_t i = 0; i < COUNT_OF(tables) && rc == SQLITE_OK; i++)
        if (tables[i].count)
            rc = sqlite_run(self->write[tables[i].all]);
    self->applying = NULL;
    return rc;
}

int sqlite_apply(sqlite_store_t *self, const store_batch_t *batch)
{
    int rc = put_rows(self, batch);
    for (size_t i = 0; i < batch->count && rc == SQLITE_OK; i++)
        rc = apply_change(self, &batch->changes[i]);
    bool enqueues = batch->came[CHANGE_ENQUEUE] > 0;
    if (rc == SQLITE_OK && enqueues)
        rc = put_prints(self, batch);
    if (batch->has_tally)
        self->tally = batch->tally;
    return rc == SQLITE_OK && (batch->has_tally || enqueues) ? put_tally(self) : rc;
}
