/* batch.h: the inside of a batch, for the stores: changes in the order given, their texts in one
 * arena. */
#ifndef WEIR_STORE_BATCH_H
#define WEIR_STORE_BATCH_H

#include "core/arena.h"
#include "store/store.h"

/* A CHANGE_PROGRESS that a later CHANGE_DROP of the same batch made needless. */
#define CHANGE_NOTHING 255

struct store_batch {
    store_batch_t *next;   /* in a store's queue */
    uint64_t number;       /* given at the submit */
    change_t *changes;
    size_t count, room;
    size_t came[CHANGE_KINDS]; /* how many of each kind; of one row, also those it lost again */
    size_t contents;       /* how many enqueues have a content */
    size_t content_bytes;
    uint32_t *slots; /* open addressing: hash of a row's key -> 1 + index of its one change */
    size_t slot_count;     /* a power of two, at least twice room */
    bool has_tally;
    tally_t tally;
    arena_t arena;
};

/* A queue of batches, oldest first. */
typedef struct batch_queue {
    store_batch_t *oldest, *newest;
    size_t count;
} batch_queue_t;
void batch_queue_put(batch_queue_t *queue, store_batch_t *batch);
store_batch_t *batch_queue_take(batch_queue_t *queue); /* NULL: empty */
void batch_queue_clear(batch_queue_t *queue);          /* destroys what is left */

#endif
