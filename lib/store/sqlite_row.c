#include "store/sqlite_inner.h"

bytes_t sqlite_column(sqlite3_stmt *row, int at)
{
    const void *data = sqlite3_column_blob(row, at);
    return bytes_of(data, data ? (size_t)sqlite3_column_bytes(row, at) : 0);
}

static bool column_16(sqlite3_stmt *row, int at, uint8_t out[16])
{
    bytes_t data = sqlite_column(row, at);
    if (data.len != 16)
        return false;
    memcpy(out, data.data, 16);
    return true;
}

uint64_t sqlite_column_u64(sqlite3_stmt *row, int at)
{
    return (uint64_t)sqlite3_column_int64(row, at);
}

bool sqlite_envelope_row(sqlite3_stmt *row, envelope_t *out, uint32_t *content_len)
{
    *out = (envelope_t){.seq = sqlite3_column_int64(row, 0)};
    bool whole = column_16(row, 1, out->id.b) & column_16(row, 2, out->print.b);
    out->body_hash = sqlite_column_u64(row, 3);
    out->accepted.us = sqlite3_column_int64(row, 4);
    out->class = (uint8_t)sqlite3_column_int64(row, 5);
    bytes_t *texts[] = {&out->source, &out->route, &out->key, &out->labels, &out->content_type,
                        &out->trace};
    for (int i = 0; i < (int)COUNT_OF(texts); i++)
        *texts[i] = sqlite_column(row, 6 + i);
    out->fields_len = (uint32_t)sqlite3_column_int64(row, 12);
    *content_len = (uint32_t)sqlite3_column_int64(row, 13);
    return whole && envelope_sum(out, *content_len) == sqlite_column_u64(row, 14);
}

bool sqlite_progress_row(sqlite3_stmt *row, progress_t *out)
{
    uint32_t holder = (uint32_t)sqlite3_column_int64(row, 7);
    *out = (progress_t){
        .seq = sqlite3_column_int64(row, 0),
        .state = (uint8_t)sqlite3_column_int64(row, 1),
        .attempt = (uint32_t)sqlite3_column_int64(row, 3),
        .failed = (uint32_t)sqlite3_column_int64(row, 4),
        .deaths = (uint32_t)sqlite3_column_int64(row, 5),
        .flags = (uint32_t)sqlite3_column_int64(row, 6),
        .holder_actor = (uint8_t)(holder >> 16),
        .holder_instance = (uint16_t)holder,
        .holder_generation = sqlite_column_u64(row, 8),
        .fence = sqlite_column_u64(row, 9),
        .due_us = sqlite3_column_int64(row, 10),
        .start_by_us = sqlite3_column_int64(row, 11),
        .finished = {sqlite3_column_int64(row, 12)},
        .bytes = (uint32_t)sqlite3_column_int64(row, 13),
        .step = sqlite_column(row, 2),
        .reason = sqlite_column(row, 14),
        .results = sqlite_column(row, 15),
        .slots = sqlite_column(row, 16),
    };
    return progress_sum(out) == sqlite_column_u64(row, 17);
}

bool sqlite_lease_row(sqlite3_stmt *row, stored_lease_t *out)
{
    *out = (stored_lease_t){
        .id = sqlite_column(row, 0),
        .fence = sqlite_column_u64(row, 1),
        .flags = (uint32_t)sqlite3_column_int64(row, 2),
        .made = {sqlite3_column_int64(row, 3)},
        .expires_us = sqlite3_column_int64(row, 4),
        .ttl_ms = sqlite_column_u64(row, 5),
        .generation = sqlite_column_u64(row, 6),
        .holder = sqlite_column(row, 7),
        .slots = sqlite_column(row, 8),
    };
    return lease_sum(out) == sqlite_column_u64(row, 9);
}

static bool named_is_whole(enum row_table table, bytes_t name, sqlite3_stmt *row)
{
    return named_sum(table, name, sqlite_column(row, 1)) == sqlite_column_u64(row, 2);
}

static bool prints_are_whole(sqlite3_stmt *row)
{
    bytes_t entries = sqlite_column(row, 2);
    return entries.len % PRINT_BYTES == 0 &&
           prints_sum(sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1), entries) ==
               sqlite_column_u64(row, 3);
}

bool sqlite_row_is_whole(enum row_table table, sqlite3_stmt *row)
{
    envelope_t e;
    progress_t p;
    stored_lease_t l;
    uint32_t content_len;
    uint8_t number;
    switch (table) {
    case ROW_META:
        number = (uint8_t)sqlite3_column_int64(row, 0);
        return named_is_whole(table, bytes_of(&number, 1), row);
    case ROW_ENVELOPE: return sqlite_envelope_row(row, &e, &content_len);
    case ROW_CONTENT:
        return content_sum(sqlite3_column_int64(row, 0), sqlite_column(row, 2)) ==
               sqlite_column_u64(row, 1);
    case ROW_PROGRESS: return sqlite_progress_row(row, &p);
    case ROW_PRINTS: return prints_are_whole(row);
    case ROW_SETTING:
    case ROW_PACE: return named_is_whole(table, sqlite_column(row, 0), row);
    case ROW_LEASE: return sqlite_lease_row(row, &l);
    }
    return false;
}
