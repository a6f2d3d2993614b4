/* kept.h: what the store keeps: of each message an envelope, written once, and its progress,
 * rewritten at every step; the sum of all of them; leases of work outside, and the paces of rate
 * limits. Texts are lent. */
#ifndef WEIR_STORE_KEPT_H
#define WEIR_STORE_KEPT_H

#include "core/base.h"
#include "core/blob.h"
#include "core/words.h"

/* Written once, at the enqueue. Texts are lent for the call; content is a reference the change
 * owns. */
typedef struct envelope {
    int64_t seq;              /* ascending, given by the limiter; the accept order */
    msgid_t id;
    dedup_print_t print;
    uint64_t body_hash;
    wall_t accepted;
    uint8_t class;
    bytes_t source, route, key, labels, content_type, trace;
    uint32_t fields_len;      /* content = fields (JSON text) followed by the body */
    blob_t *content;          /* NULL when read without content or already purged */
} envelope_t;

/* Rewritten at every step. One row a message, found by seq. */
typedef struct progress {
    int64_t seq;
    uint8_t state;            /* word of the set state */
    uint8_t holder_actor;     /* ASSIGNED: in whose hands */
    uint16_t holder_instance;
    uint32_t attempt;         /* assignments of this message so far */
    uint32_t failed;          /* failed attempts of the current step */
    uint32_t deaths;          /* deaths in hand */
    uint32_t flags;           /* PROGRESS_* */
    uint64_t holder_generation;
    uint64_t fence;           /* epoch of the open assignment */
    int64_t due_us;           /* boot clock: not before; 0: at once */
    int64_t start_by_us;      /* boot clock: of the open assignment */
    wall_t finished;          /* DONE, DEAD: when */
    uint32_t bytes;           /* what it counts against the queue's maximum */
    bytes_t step;             /* by name; empty before the first and after the last */
    bytes_t reason;           /* why DEAD or HELD, or the last failure */
    bytes_t results;          /* JSON object by step */
    bytes_t slots;            /* the slots that it holds, text; at most SLOTS_BYTES_MAX */
} progress_t;
enum {
    PROGRESS_MAYBE_DUPLICATE = 1, /* a write may have happened twice */
    PROGRESS_WROTE = 2,           /* a write of the current step was reported */
    PROGRESS_REDRIVEN = 4,        /* came back from the dead letters */
    PROGRESS_UNKNOWN = 8,         /* the outcome of an attempt of it is unknown */
    PROGRESS_CLASS_SET = 16,      /* its class was set by hand: bits 8 and 9, not the envelope's */
    PROGRESS_CLASS_SHIFT = 8,
};

#define SLOTS_BYTES_MAX (8u << 10) /* of one holder, a message or a lease */
#define LEASE_ID_BYTES_MAX 128u
#define LEASE_HOLDER_BYTES_MAX 256u
#define PACE_NAME_BYTES_MAX 1024u
#define PACE_DATA_BYTES_MAX (64u << 10)

/* Slots held for work outside Weir. One row a lease, found by id. */
typedef struct stored_lease {
    bytes_t id;               /* the holder's choice, 1 to LEASE_ID_BYTES_MAX, any bytes */
    uint64_t fence;
    uint32_t flags;           /* LEASE_* */
    wall_t made;
    int64_t expires_us;       /* boot clock */
    uint64_t ttl_ms;
    uint64_t generation;
    bytes_t holder;           /* for people; at most LEASE_HOLDER_BYTES_MAX */
    bytes_t slots;            /* what it holds, text; at most SLOTS_BYTES_MAX */
} stored_lease_t;
enum {
    LEASE_TOMBSTONE = 1,      /* released before it was acquired: the acquire that comes is void */
    LEASE_PROVISIONAL = 2,    /* granted while nobody could be asked */
    LEASE_OF_MESSAGE = 4,     /* made from the slot of a message's step */
    LEASE_OF_CALL = 8,        /* of a call whose actor died: nobody's work outside */
};

/* How much of a rate was taken, and when. One row a limit and value of its labels. */
typedef struct stored_pace {
    bytes_t name;             /* limit, 0x1f, value; 1 to PACE_NAME_BYTES_MAX */
    bytes_t data;             /* the limiter's own format; at most PACE_DATA_BYTES_MAX */
} stored_pace_t;

/* What the whole store sums up to; kept with every batch so that opening need not count. */
typedef struct tally {
    int64_t next_seq;         /* the next message gets this */
    int64_t first_live;       /* no live message has a smaller seq */
    uint64_t live, live_bytes, done, dead;
} tally_t;

#endif
