/* rebuild.h: a store whose file has pages that cannot be read is made anew: every row that can be
 * read, and whose sum is right, goes into a new file; what is left out is told, row by row where
 * its name is known. For when Weir is stopped; never logs. */
#ifndef WEIR_STORE_REBUILD_H
#define WEIR_STORE_REBUILD_H

#include "store/store.h"

#define REBUILD_TABLES 7u

enum rebuild_loss_kind {
    REBUILD_ROW,      /* a row that was not copied: its sum is wrong, or it is of no message */
    REBUILD_STRETCH,  /* a page could not be read: what lay behind seq (or name) is unknown */
    REBUILD_NO_PROGRESS, /* the message became a dead letter: nobody knows how far it had come */
    REBUILD_NO_CONTENT, /* a live message without its content: it will become a dead letter */
};
typedef struct rebuild_loss {
    uint8_t kind;
    const char *table;
    int64_t seq;       /* of messages and prints (their group) */
    msgid_t id;        /* all zero: not known */
    bytes_t name;      /* of settings, leases and paces */
} rebuild_loss_t;

typedef struct rebuild_options {
    const char *directory; /* of the store */
    uint32_t lock_wait_ms; /* how long to wait for its owner to let go */
    bool dry_run;          /* only look: the new file is thrown away */
    void (*lost)(void *, const rebuild_loss_t *); /* texts are lent; may be NULL */
    void *arg;
} rebuild_options_t;
typedef struct rebuild_report {
    struct { const char *table; uint64_t copied, left_out, unreadable; } tables[REBUILD_TABLES];
    uint64_t without_progress, without_content; /* messages, as above */
    uint64_t prints_again; /* dedup prints lost with their group, made again from envelopes */
    bool epoch_lost;       /* both copies were damaged: a new one, greater than any before */
    tally_t said, now;     /* what the old file said its sum was, and what the new one has */
} rebuild_report_t;

/* On success weir.db is the new file, and weir.db.damaged the old one. Needs as much free space as
 * the file has. 0; -EWOULDBLOCK: in use; -EPROTO: a newer schema; -EBADMSG: not even its tables can
 * be read; -EEXIST: weir.db.damaged is there already; -ENOSPC; else negative errno. Until the last
 * step the old file stays as it is. `why` gets one line for a person. */
int store_rebuild(const rebuild_options_t *options, rebuild_report_t *report, char *why,
                  size_t why_size);

#endif
