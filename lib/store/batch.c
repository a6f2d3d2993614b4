#include "store/batch.h"

#include <stdlib.h>

#define FIRST_ROOM 64u

store_batch_t *store_batch_new(void)
{
    store_batch_t *batch = memory_take(sizeof *batch);
    batch->room = FIRST_ROOM;
    batch->changes = memory_grow(NULL, FIRST_ROOM * sizeof *batch->changes);
    batch->slot_count = FIRST_ROOM * 2;
    batch->slots = memory_take(batch->slot_count * sizeof *batch->slots);
    return batch;
}

void store_batch_destroy(store_batch_t **batch)
{
    store_batch_t *b = *batch;
    *batch = NULL;
    if (!b)
        return;
    for (size_t i = 0; i < b->count; i++)
        if (b->changes[i].kind == CHANGE_ENQUEUE)
            blob_unref(&b->changes[i].envelope.content);
    arena_clear(&b->arena);
    free(b->changes);
    free(b->slots);
    free(b);
}

size_t store_batch_count(const store_batch_t *batch) { return batch->count; }
size_t store_batch_bytes(const store_batch_t *batch)
{
    return batch->arena.bytes + batch->content_bytes;
}

bool store_batch_full(const store_batch_t *batch)
{
    return batch->count >= STORE_BATCH_CHANGES || store_batch_bytes(batch) >= STORE_BATCH_BYTES;
}

static size_t home_of(const store_batch_t *b, int64_t seq)
{
    return (size_t)(((uint64_t)seq * 0x9E3779B97F4A7C15u) >> 32) & (b->slot_count - 1);
}

static bool slot_is_of(const store_batch_t *b, uint32_t slot, int64_t seq)
{
    return b->changes[slot - 1].progress.seq == seq;
}

/* The slot of seq, or the empty one where it would go. Every slot points at a CHANGE_PROGRESS. */
static uint32_t *slot_of(store_batch_t *b, int64_t seq)
{
    size_t at = home_of(b, seq);
    while (b->slots[at] && !slot_is_of(b, b->slots[at], seq))
        at = (at + 1) & (b->slot_count - 1);
    return &b->slots[at];
}

static void slots_rebuild(store_batch_t *b)
{
    memset(b->slots, 0, b->slot_count * sizeof *b->slots);
    for (size_t i = 0; i < b->count; i++) {
        if (b->changes[i].kind == CHANGE_PROGRESS)
            *slot_of(b, b->changes[i].progress.seq) = (uint32_t)i + 1;
    }
}

static change_t *change_room(store_batch_t *b)
{
    must(b->count < STORE_BATCH_CHANGES_MAX);
    if (b->count == b->room) {
        b->room *= 2;
        b->changes = memory_grow(b->changes, b->room * sizeof *b->changes);
        free(b->slots);
        b->slot_count = b->room * 2;
        b->slots = memory_take(b->slot_count * sizeof *b->slots);
        slots_rebuild(b);
    }
    return &b->changes[b->count++];
}

static void keep_envelope(store_batch_t *b, envelope_t *e)
{
    bytes_t *texts[] = {&e->source, &e->route, &e->key, &e->labels, &e->content_type, &e->trace};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        *texts[i] = arena_copy(&b->arena, *texts[i]);
    b->enqueues++;
    b->contents += e->content != NULL;
    b->content_bytes += blob_bytes(e->content).len;
}

static void keep_progress(store_batch_t *b, progress_t *p)
{
    bytes_t *texts[] = {&p->step, &p->reason, &p->results, &p->slots};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        *texts[i] = arena_copy(&b->arena, *texts[i]);
}

/* The row is rewritten once a batch: the last word of the batch is what the disk says. */
static void add_progress(store_batch_t *b, const change_t *change)
{
    uint32_t *slot = slot_of(b, change->progress.seq);
    if (*slot) {
        b->changes[*slot - 1] = *change;
        keep_progress(b, &b->changes[*slot - 1].progress);
        return;
    }
    change_t *kept = change_room(b);
    b->progresses++;
    *kept = *change;
    keep_progress(b, &kept->progress);
    *slot_of(b, change->progress.seq) = (uint32_t)b->count;
}

static void forget_progress(store_batch_t *b, int64_t seq)
{
    uint32_t *slot = slot_of(b, seq);
    if (*slot) {
        b->changes[*slot - 1].kind = CHANGE_NOTHING;
        slots_rebuild(b);
    }
}

void store_batch_add(store_batch_t *batch, const change_t *change)
{
    if (change->kind == CHANGE_PROGRESS) {
        add_progress(batch, change);
        return;
    }
    if (change->kind == CHANGE_DROP)
        forget_progress(batch, change->seq);
    change_t *kept = change_room(batch);
    *kept = *change;
    if (kept->kind == CHANGE_ENQUEUE)
        keep_envelope(batch, &kept->envelope);
    if (kept->kind == CHANGE_SETTING) {
        kept->setting.name = arena_copy(&batch->arena, kept->setting.name);
        kept->setting.value = arena_copy(&batch->arena, kept->setting.value);
    }
}

void store_batch_tally(store_batch_t *batch, const tally_t *tally)
{
    batch->has_tally = true;
    batch->tally = *tally;
}

void batch_queue_put(batch_queue_t *queue, store_batch_t *batch)
{
    batch->next = NULL;
    if (queue->newest)
        queue->newest->next = batch;
    else
        queue->oldest = batch;
    queue->newest = batch;
    queue->count++;
}

store_batch_t *batch_queue_take(batch_queue_t *queue)
{
    store_batch_t *batch = queue->oldest;
    if (!batch)
        return NULL;
    queue->oldest = batch->next;
    if (!queue->oldest)
        queue->newest = NULL;
    queue->count--;
    batch->next = NULL;
    return batch;
}

void batch_queue_clear(batch_queue_t *queue)
{
    for (store_batch_t *batch; (batch = batch_queue_take(queue));)
        store_batch_destroy(&batch);
}
