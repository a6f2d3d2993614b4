/* effects_list.h: the inside of effects, shared with the carrier. What a step wishes to send lies
 * in boxes: a box is what goes out together, in the order of first use. Sends are encoded at once
 * into the box's frames; calls and answers are copied into its arena. Everything else (changes,
 * reads, metrics, lines) is carried out at once: none of it can be seen outside before its time.
 * Builders and boxes are used again. */
#ifndef WEIR_ACTORS_EFFECTS_LIST_H
#define WEIR_ACTORS_EFFECTS_LIST_H

#include "actors/effects.h"
#include "core/arena.h"

#define BOX_OPEN_MAX 64u              /* frames of one box that still take items */
#define BUILDERS_KEPT_MAX 256u        /* kept for use again */
#define BUILDER_BYTES_KEPT (1u << 20) /* one that grew over it is not kept */

enum entry_kind {
    ENTRY_FRAME,
    ENTRY_WELCOME,
    ENTRY_REPLY,
    ENTRY_CALL,
    ENTRY_CANCEL,
    ENTRY_READ,
    ENTRY_READY,
    ENTRY_DOOR,
    ENTRY_STOP
};
typedef struct stop_order {
    int exit_code;
    const char *why;
} stop_order_t;
typedef struct reply_order {
    uint64_t token;
    http_reply_t reply;
} reply_order_t;
typedef struct box_entry {
    uint8_t kind, type; /* type: of a frame's message */
    peer_t peer;        /* FRAME, WELCOME; PEER_NOBODY: dropped */
    union {
        frame_builder_t *builder;
        uint64_t number; /* WELCOME: the epoch; CANCEL: the token; DOOR: enum door */
        const reply_order_t *reply;
        const http_call_t *call;
        const read_request_t *read;
        const stop_order_t *stop;
    };
} box_entry_t;

typedef struct box {
    struct box *next; /* among the boxes that wait for the disk, or that are free */
    uint64_t batch;   /* the batch it waits for */
    box_entry_t *entries;
    size_t count, room;
    uint32_t open[BOX_OPEN_MAX]; /* places of frames that still take items */
    size_t open_count;
    arena_t arena;
} box_t;

struct effects {
    box_t *now, *held;    /* what overtakes the disk; what waits for it */
    size_t wishes, most;  /* of this step; that it may have */
    store_t *store;       /* NULL: none */
    store_batch_t *batch; /* NULL: nothing changed since the last submit */
    metrics_t *metrics;   /* NULL: nobody counts */
    void (*log)(void *arg, const log_line_t *line);
    void *log_arg;
    instant_t timer;
    bool again, link;
    char ready[REASON_BYTES_MAX + 1]; /* the last status wished for */
    box_t *free_boxes;
    frame_builder_t *builders[BUILDERS_KEPT_MAX];
    size_t builder_count;
};

effects_t *effects_new(store_t *store, metrics_t *metrics);
void effects_destroy(effects_t **e);
void effects_begin(effects_t *e); /* a step begins: its room is whole */

box_t *box_new(effects_t *e);
/* Forgets what is in it; its builders and itself are kept for later. */
void box_recycle(effects_t *e, box_t *box);
/* What was wished for an earlier link generation of the peer must not go out in the next one: the
 * far end has begun to count anew. */
void box_forget_peer(box_t *box, peer_t peer);
/* Moves every entry of `from` behind those of `to`; `from` is empty then. */
void box_append(box_t *to, box_t *from);

#endif
