/* sqlite_inner.h: what the files of the SQLite store share. Three threads beside the owner's: one
 * writes, one reads, one checkpoints, each with a connection of its own. `lock` guards what is
 * marked so and is never held while a file is touched, so the owner never waits for a disk. */
#ifndef WEIR_STORE_SQLITE_INNER_H
#define WEIR_STORE_SQLITE_INNER_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "store/reading.h"
#include "store/batch.h"
#include "store/read_rule.h"
#include "store/row.h"
#include "store/sqlite_schema.h"

#define STORE_EVENTS_MAX (BATCHES_OPEN_MAX + READS_OPEN_MAX + 40)
#define STORE_NOTES_MAX 256u    /* damaged rows waiting to be written down */
#define STORE_SETTINGS_MAX 1024u
#define STORE_PATH_MAX 512u
#define STORE_PAGE_BYTES 4096u
#define NOTED_NAME_BYTES LEASE_ID_BYTES_MAX
#define STORE_RETRY_MS 250u     /* between tries while the disk is full */

typedef struct kept_setting {
    uint8_t *name, *value;
    size_t name_len, value_len;
} kept_setting_t;

/* A row that was found damaged, to be written into the table quarantine. */
typedef struct damage_note {
    enum row_table table;
    int64_t seq;
    msgid_t id;     /* all zero: not known */
    uint8_t name[NOTED_NAME_BYTES]; /* instead of an id: the beginning of the row's name */
    size_t name_len;
} damage_note_t;

/* Leases and paces as opening found them. */
typedef struct kept_rows {
    arena_t texts;
    stored_lease_t *leases;
    stored_pace_t *paces;
    size_t lease_count, lease_room, pace_count, pace_room;
} kept_rows_t;

typedef struct sqlite_store {
    store_t base;
    char directory[STORE_PATH_MAX], file[STORE_PATH_MAX + 16];
    uint64_t reserve_bytes, wal_bytes_max;
    int lock_fd, wake_fd;
    sqlite3 *writer, *reader, *checkpointer;
    sqlite3_stmt *write[W_COUNT], *read[R_COUNT];
    pthread_t threads[3];
    size_t thread_count;

    pthread_mutex_t lock;
    pthread_cond_t to_write, to_read, to_checkpoint;
    /* under lock: */
    batch_queue_t queue;
    size_t unfinished;                    /* submitted and neither committed nor lost */
    reading_t *reads_oldest, *reads_newest;
    size_t reads_open;                    /* asked and the result not yet taken */
    store_event_t events[STORE_EVENTS_MAX]; /* ring */
    size_t event_first, event_count;
    bool closing, poisoned;
    kept_setting_t *settings;
    size_t setting_count;
    damage_note_t notes[STORE_NOTES_MAX];
    size_t note_count;
    bool checkpoint_wanted;

    /* the owner's: */
    uint64_t submitted;
    kept_rows_t kept;                     /* leases and paces that opening read, until a submit */
    reading_t *lent;                       /* the result that was taken last */

    /* the writer's: */
    int64_t next_group;                   /* of the transaction that is open */
    tally_t tally;                        /* the newest written */
    const store_batch_t *applying;        /* what the tables of sqlite_rows.c show */
    bool full, reserve_kept;
    char trouble[256];                    /* text of the poison, written once */
    uint8_t *entries;                     /* a group of prints being packed */
    size_t entries_room;

    /* the reader's: a copy under way */
    struct { sqlite3 *from, *to; sqlite3_backup *job; } backup;
    atomic_bool backup_runs;              /* its snapshot keeps the log from beginning again */

    atomic_uint wal_frames;               /* in the log now */
    atomic_uint wal_copied;               /* of these, already in the database */
    _Atomic int64_t next_seq;             /* of the newest tally */
    _Atomic int64_t group_end;            /* every group below it is on disk */
} sqlite_store_t;

/* sqlite_store.c */
void sqlite_put_event(sqlite_store_t *self, store_event_t event); /* takes the lock */
void sqlite_note_damage(sqlite_store_t *self,
                        damage_note_t note); /* takes the lock; drops over the maximum */
void sqlite_poison(sqlite_store_t *self, int error, const char *text);
int sqlite_store_start(sqlite_store_t *self, store_t **out); /* on failure self is gone */
void sqlite_keep_setting(sqlite_store_t *self, bytes_t name, bytes_t value); /* under the lock */
void sqlite_store_free(sqlite_store_t *self);

/* sqlite_open.c: a connection with our settings. SQLite's code. */
int sqlite_connect(const char *file, int flags, int cache_kib, sqlite3 **out);
int sqlite_errno(int code, sqlite3 *db); /* negative errno for SQLite's code */

/* sqlite_gather.c: the file layer of every connection, registered once by that name. */
#define SQLITE_GATHER "weir"
void sqlite_gather_register(void);

/* sqlite_kept.c: settings, leases and paces, read at opening. SQLite's code; adds to *damaged. */
int sqlite_find_kept(sqlite_store_t *self, uint64_t *damaged);
void sqlite_leases(store_t *store, void (*each)(void *, const stored_lease_t *), void *arg);
void sqlite_paces(store_t *store, void (*each)(void *, const stored_pace_t *), void *arg);
void sqlite_kept_clear(kept_rows_t *kept);

/* sqlite_rows.c: tables batch_envelope, batch_content, batch_progress, batch_lease and so on of the
 * writer's connection. */
int sqlite_rows_register(sqlite_store_t *self);

/* sqlite_write.c: one batch inside an open transaction. SQLite's code. */
int sqlite_apply(sqlite_store_t *self, const store_batch_t *batch);
int sqlite_write_note(sqlite_store_t *self, const damage_note_t *note);
int sqlite_run(sqlite3_stmt *statement); /* steps once and resets; SQLITE_OK when it ended well */
void sqlite_bind_bytes(sqlite3_stmt *statement, int at, bytes_t text);

/* True: the disk is full; what was to be written may be written later. All else is final. */
bool sqlite_is_space(int code, sqlite3 *db);

/* sqlite_commit.c, sqlite_reader.c, sqlite_checkpoint.c: the threads. */
void *sqlite_write_main(void *self);
void *sqlite_read_main(void *self);
void *sqlite_checkpoint_main(void *self);
/* On the writer's own thread, between transactions: brings the log back to its start where it may.
 */
void sqlite_checkpoint_rest(sqlite_store_t *self);
void sqlite_log_grew(sqlite_store_t *self, unsigned frames);

/* sqlite_backup.c */
void sqlite_backup_slice(sqlite_store_t *self, reading_t *a);
void sqlite_backup_end(sqlite_store_t *self); /* gives up what is not finished */

/* sqlite_scan.c */
void sqlite_scan(sqlite_store_t *self, reading_t *a);

/* sqlite_row.c: the columns of a row into a struct; texts are lent until the next step. False:
 * damaged. */
bool sqlite_envelope_row(sqlite3_stmt *row, envelope_t *out, uint32_t *content_len);
bool sqlite_progress_row(sqlite3_stmt *row, progress_t *out);
bool sqlite_lease_row(sqlite3_stmt *row, stored_lease_t *out);
/* Is it what its sum says? The row has all columns of its table. */
bool sqlite_row_is_whole(enum row_table table, sqlite3_stmt *row);
bytes_t sqlite_column(sqlite3_stmt *row, int at); /* lent until the next step */
uint64_t sqlite_column_u64(sqlite3_stmt *row, int at);

/* sqlite_tally.c: as meta keeps it, with the next group of prints; false: it is not one. Counting
 * takes a second for a million messages; SQLite's code. */
#define TALLY_TEXT_BYTES 192u
void sqlite_tally_text(char text[TALLY_TEXT_BYTES], const tally_t *t, int64_t next_group);
bool sqlite_tally_read(const char *text, tally_t *t, int64_t *next_group);
int sqlite_count_tally(sqlite3 *db, tally_t *t);

/* reserve.c: space kept aside in a file, given back when the disk is full. 0 or negative errno. */
int reserve_make(const char *directory, uint64_t bytes);
void reserve_release(const char *directory);
uint64_t space_free(const char *directory);
int lock_take(const char *directory, uint32_t wait_ms, int *fd);

#endif
