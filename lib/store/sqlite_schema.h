/* sqlite_schema.h: the tables of the SQLite store, its statements, and the way from older tables.
 * Functions return SQLite's codes unless they say otherwise. */
#ifndef WEIR_STORE_SQLITE_SCHEMA_H
#define WEIR_STORE_SQLITE_SCHEMA_H

#include <sqlite3.h>

#include "core/base.h"

#define STORE_SCHEMA 2

enum meta_row {
    META_SCHEMA = 1,
    META_EPOCH,
    META_EPOCH_COPY,
    META_PARTITION,
    META_BOOT,
    META_CLEAN,
    META_TALLY,
    META_RESTORED /* only from a restore to the next opening */
};

enum write_statement {
    W_BEGIN,
    W_COMMIT,
    W_ROLLBACK,
    W_ENVELOPES,
    W_CONTENTS,
    W_PROGRESSES,
    W_LEASES,
    W_DROP_LEASES,
    W_PACES,
    W_DROP_PACES,
    W_SETTING,
    W_DROP_CONTENT,
    W_DROP_ENVELOPE,
    W_DROP_PROGRESS,
    W_PRINTS,
    W_OLD_PRINTS,
    W_DROP_PRINTS,
    W_META,
    W_QUARANTINE,
    W_COUNT
};
enum read_statement {
    R_BEGIN,
    R_END,
    R_ENVELOPE,
    R_PROGRESS,
    R_CONTENT,
    R_BY_ID,
    R_ENVELOPE_UP,
    R_PROGRESS_UP,
    R_ENVELOPE_DOWN,
    R_PROGRESS_DOWN,
    R_PRINTS,
    R_ID_OF,
    R_COUNT
};

#define ENVELOPE_COLUMNS                                                                           \
    "seq, id, print, body_hash, accepted, class, source, route, key, labels, content_type, trace," \
    " fields_len, content_len, sum"
#define PROGRESS_COLUMNS                                                                           \
    "seq, state, step, attempt, failed, deaths, flags, holder, generation, fence, due, start_by,"  \
    " finished, bytes, reason, results, slots, sum"
#define LEASE_COLUMNS "id, fence, flags, made, expires, ttl, generation, holder, slots, sum"

typedef struct migration { int from; const char *sql; } migration_t;
#define MIGRATION_ROOM (1u << 20) /* bytes on the disk that must be free for one step */
int sqlite_create_schema(sqlite3 *db);
/* SQLITE_OK: the tables are as this schema says, letter by letter; SQLITE_CORRUPT: they are not. */
int sqlite_compare_schema(sqlite3 *db);
/* One step at a time, each in a transaction of its own, until `to`. SQLite's code; SQLITE_SCHEMA:
 * no way there. */
int sqlite_migrate(sqlite3 *db, const migration_t *steps, size_t count, int from, int to);
extern const migration_t sqlite_migrations[];
extern const size_t sqlite_migration_count;
int sqlite_put_meta(sqlite3 *db, enum meta_row row, const char *value);
/* 1: there and whole; 0: not there; -EBADMSG: damaged; else negative errno. */
int sqlite_get_meta(sqlite3 *db, enum meta_row row, char *value, size_t size);
int sqlite_prepare_all(sqlite3 *db, const char *const *sql, sqlite3_stmt **out, size_t count);
extern const char *const sqlite_write_sql[W_COUNT], *const sqlite_read_sql[R_COUNT];

#endif
