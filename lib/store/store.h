/* store.h: the durable side of the queue, as one asynchronous interface with several
 * implementations: SQLite (sqlite_store.c, the default) and memory (memory_store.c, for the
 * simulator: it loses what was not synced and shows the same pipelined states).
 *
 * The owner (the limiter's runtime, one thread) submits batches of changes and asks for reads; both
 * end as events taken with store_next(). Batches become durable in the order submitted, whole or
 * not at all. After a failed sync the store is poisoned: no batch ever commits again in this life.
 * The store never logs and knows no policy. Times inside are the caller's. */
#ifndef WEIR_STORE_H
#define WEIR_STORE_H

#include "store/kept.h"

/* ---- changes ---- */

enum change_kind {
    CHANGE_ENQUEUE,   /* envelope: insert it (with its content and its dedup print) */
    CHANGE_PROGRESS,  /* progress: insert or replace */
    CHANGE_SETTING,   /* name, value: insert or replace (modes, switches) */
    CHANGE_DROP_BODY, /* seq: its content goes */
    CHANGE_DROP, /* seq: envelope, content and progress go; nothing more about it in this batch */
    CHANGE_DROP_PRINTS, /* before: dedup prints accepted before it may go (whole groups only) */
    CHANGE_LEASE,       /* lease: insert or replace */
    CHANGE_LEASE_DROP,  /* id: the lease goes; none of that id is fine */
    CHANGE_PACE,        /* pace: insert or replace */
    CHANGE_PACE_DROP,   /* name: the pace goes; none of that name is fine */
    CHANGE_KINDS
};
typedef struct change {
    uint8_t kind;
    union {
        envelope_t envelope;
        progress_t progress;
        struct { bytes_t name, value; } setting;
        stored_lease_t lease;
        stored_pace_t pace;
        bytes_t id, name;
        int64_t seq;
        wall_t before;
    };
} change_t;

/* A batch being filled. It copies every text and takes over envelope.content's reference. All
 * changes to one progress row, one lease or one pace in one batch become one write: the last.
 * Bounded: store_batch_full() says when to submit. */
typedef struct store_batch store_batch_t;
store_batch_t *store_batch_new(void);
void store_batch_destroy(store_batch_t **batch);
void store_batch_add(store_batch_t *batch, const change_t *change);
void store_batch_tally(store_batch_t *batch, const tally_t *tally); /* the sum after this batch */
size_t store_batch_count(const store_batch_t *batch);
size_t store_batch_bytes(const store_batch_t *batch);
bool store_batch_full(const store_batch_t *batch); /* submit it now; one step's changes still fit */
#define STORE_BATCH_CHANGES 4096u       /* full from here on */
#define STORE_BATCH_BYTES (8u << 20)    /* or from here on */
#define STORE_BATCH_CHANGES_MAX 32768u  /* more is our bug */

/* ---- reads ---- */

enum read_kind {
    READ_CONTENT, /* seq -> envelope with content, progress */
    READ_BY_ID,   /* id -> envelope (with content if want_content) and progress */
    READ_BY_SEQ,  /* seq -> the same */
    READ_LIVE,   /* from_seq, most -> live messages ascending: envelope without content, progress */
    READ_LIST,   /* from_seq (newest_first: descending below it, 0: from the end), most, state (-1:
                  * any), route -> the same; looks at 20,000 rows at most, so it may bring none and
                  * not be last */
    READ_PRINTS, /* from_seq (a group), most -> dedup prints in whole groups, at least one group */
    READ_FINISHED, /* from_seq, most, state (-1: DONE and DEAD), finished_before -> envelope.seq and
                    * progress of those whose retention is over; bounded as READ_LIST */
    READ_SPACE,    /* -> disk_free, file_bytes, memory */
    READ_BACKUP,   /* seq: a word of backup_step; copies a slice (sqlite_backup.h) -> next: bytes
                    * copied, file_bytes: of all, last: the copy is whole; -EBUSY: none runs, or it
                    * had to be given up; -EOPNOTSUPP: not this store */
};
enum backup_step { BACKUP_GO_ON, BACKUP_BEGIN, BACKUP_GIVE_UP };
typedef struct read_request {
    uint8_t kind;
    uint64_t token;      /* the asker's; the result repeats it */
    msgid_t id;
    int64_t seq, from_seq;
    uint32_t most;       /* rows at most, 1..4096 */
    int state;           /* READ_LIST, READ_FINISHED: word of the set state, or -1 */
    char route[65];      /* READ_LIST: only this one; "" any */
    bool newest_first, want_content;
    bool after_changes;  /* the runtime asks when every change wished so far is on disk */
    wall_t finished_before;
} read_request_t;

typedef struct stored_print {
    dedup_print_t print;
    int64_t seq;
    uint64_t body_hash;
    wall_t accepted;
} stored_print_t;
typedef struct stored_message {
    envelope_t envelope;
    progress_t progress;
    bool damaged; /* a checksum did not match, or the content of a live message is gone: what could
                   * be read is here (envelope.seq always), nothing else is to be trusted */
} stored_message_t;

typedef struct read_result {
    read_request_t request;
    int error;                      /* 0, or negative errno (-ENOENT: no such; -EBADMSG: damaged) */
    size_t count;                   /* rows in messages or prints */
    size_t damaged; /* rows flagged damaged or, where nothing could be read, left out */
    const stored_message_t *messages;
    const stored_print_t *prints;
    bool last;                      /* nothing after these rows */
    int64_t next;                   /* from_seq (or from_group) of the next slice */
    uint64_t disk_free, file_bytes; /* READ_SPACE, READ_BACKUP */
    uint64_t memory;                /* READ_SPACE: resident bytes of the process */
} read_result_t;

/* ---- the store itself ---- */

enum store_event_kind {
    STORE_COMMITTED,  /* batches up to and including `batch` are on disk */
    STORE_READ,       /* `read` is there; valid until the next store_next() */
    STORE_FULL,       /* no space: batch waits; commits resume by themselves */
    STORE_SPACE,      /* space is back after STORE_FULL */
    STORE_POISONED,   /* a sync failed: nothing commits any more; `error` says how */
};
typedef struct store_event {
    uint8_t kind;
    uint64_t batch;
    int error;               /* negative errno */
    const char *error_text;  /* for the log; may be NULL */
    uint32_t commit_us;      /* COMMITTED: how long the transaction and its sync took */
    const read_result_t *read;
} store_event_t;

/* What opening found. */
typedef struct store_opened {
    uint64_t epoch;          /* this opening's, greater than every one before; already durable */
    tally_t tally;
    uint64_t damaged;        /* rows found damaged while opening */
    bool recovered;          /* the last life ended without closing */
    bool new_boot;           /* the boot id differs: boot-clock times inside are of another boot */
    wall_t restored;         /* when a backup took its place, since the last opening; 0: not */
} store_opened_t;
typedef struct store_setting { bytes_t name, value; } store_setting_t;

typedef struct store_ops store_ops_t;
typedef struct store { const store_ops_t *ops; } store_t;
struct store_ops {
    /* Hands a batch over; returns its number (1, 2, ...). At most `store_room()` batches are
     * unfinished. */
    uint64_t (*submit)(store_t *, store_batch_t *batch);
    int (*read)(store_t *, const read_request_t *); /* 0; -EAGAIN: too many reads open (256) */
    bool (*next)(store_t *, store_event_t *out);    /* false: no event now */
    int (*wait_fd)(store_t *); /* readable when next() has something; -1: none */
    size_t (*room)(store_t *);                      /* batches that may be submitted now */
    /* Calls back for every setting kept. */
    void (*settings)(store_t *, void (*each)(void *, const store_setting_t *), void *);
    /* Call back for everything kept at the opening, ascending by id or name; only before the first
     * submit, which lets go of what opening read. Texts are lent for the call. */
    void (*leases)(store_t *, void (*each)(void *, const stored_lease_t *), void *);
    void (*paces)(store_t *, void (*each)(void *, const stored_pace_t *), void *);
    void (*close)(store_t **);                      /* finishes what was submitted, then closes */
};
static inline uint64_t store_submit(store_t *s, store_batch_t *b) { return s->ops->submit(s, b); }
static inline int store_read(store_t *s, const read_request_t *r) { return s->ops->read(s, r); }
static inline bool store_next(store_t *s, store_event_t *e) { return s->ops->next(s, e); }
static inline int store_wait_fd(store_t *s) { return s->ops->wait_fd(s); }
static inline size_t store_room(store_t *s) { return s->ops->room(s); }
static inline void store_settings(store_t *s, void (*each)(void *, const store_setting_t *),
                                  void *arg)
{
    s->ops->settings(s, each, arg);
}
static inline void store_leases(store_t *s, void (*each)(void *, const stored_lease_t *),
                                void *arg)
{
    s->ops->leases(s, each, arg);
}
static inline void store_paces(store_t *s, void (*each)(void *, const stored_pace_t *), void *arg)
{
    s->ops->paces(s, each, arg);
}
static inline void store_close(store_t **s) { if (*s) (*s)->ops->close(s); }

#include "store/memory_store.h"
#include "store/sqlite_store.h"

#endif
