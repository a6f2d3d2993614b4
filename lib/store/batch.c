#include "store/batch.h"

#include <stdlib.h>
#include <xxhash.h>

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

/* One row of the disk is written once a batch: its table (the kind of change that puts a row there)
 * and its key. */
typedef struct row_name {
    uint8_t table;
    bytes_t key;
} row_name_t;
#define NO_TABLE CHANGE_NOTHING

static row_name_t row_of(const change_t *c)
{
    switch (c->kind) {
    case CHANGE_PROGRESS:
        return (row_name_t){CHANGE_PROGRESS, bytes_of(&c->progress.seq, sizeof c->progress.seq)};
    case CHANGE_LEASE: return (row_name_t){CHANGE_LEASE, c->lease.id};
    case CHANGE_LEASE_DROP: return (row_name_t){CHANGE_LEASE, c->id};
    case CHANGE_PACE: return (row_name_t){CHANGE_PACE, c->pace.name};
    case CHANGE_PACE_DROP: return (row_name_t){CHANGE_PACE, c->name};
    }
    return (row_name_t){NO_TABLE, bytes_of(NULL, 0)};
}

static bool is_row(const change_t *c, row_name_t row)
{
    row_name_t own = row_of(c);
    return own.table == row.table && bytes_equal(own.key, row.key);
}

/* The slot of the row, or the empty one where it would go. Every slot points at a change of a row.
 */
static uint32_t *slot_of(store_batch_t *b, row_name_t row)
{
    size_t at = XXH3_64bits(row.key.data, row.key.len) & (b->slot_count - 1);
    while (b->slots[at] && !is_row(&b->changes[b->slots[at] - 1], row))
        at = (at + 1) & (b->slot_count - 1);
    return &b->slots[at];
}

static void slots_rebuild(store_batch_t *b)
{
    memset(b->slots, 0, b->slot_count * sizeof *b->slots);
    for (size_t i = 0; i < b->count; i++) {
        row_name_t row = row_of(&b->changes[i]);
        if (row.table != NO_TABLE)
            *slot_of(b, row) = (uint32_t)i + 1;
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

static void keep_texts(store_batch_t *b, bytes_t *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        *texts[i] = arena_copy(&b->arena, *texts[i]);
}

static void keep_envelope(store_batch_t *b, envelope_t *e)
{
    bytes_t *texts[] = {&e->source, &e->route, &e->key, &e->labels, &e->content_type, &e->trace};
    keep_texts(b, texts, COUNT_OF(texts));
    b->contents += e->content != NULL;
    b->content_bytes += blob_bytes(e->content).len;
}

static void keep_progress(store_batch_t *b, progress_t *p)
{
    must(p->slots.len <= SLOTS_BYTES_MAX);
    keep_texts(b, (bytes_t *[]){&p->step, &p->reason, &p->results, &p->slots}, 4);
}

static void keep_lease(store_batch_t *b, stored_lease_t *l)
{
    must(l->holder.len <= LEASE_HOLDER_BYTES_MAX && l->slots.len <= SLOTS_BYTES_MAX);
    keep_texts(b, (bytes_t *[]){&l->id, &l->holder, &l->slots}, 3);
}

static void keep_pace(store_batch_t *b, stored_pace_t *p)
{
    must(p->data.len <= PACE_DATA_BYTES_MAX);
    keep_texts(b, (bytes_t *[]){&p->name, &p->data}, 2);
}

/* What it points at becomes the batch's own. */
static void keep(store_batch_t *b, change_t *c)
{
    switch ((enum change_kind)c->kind) {
    case CHANGE_ENQUEUE: keep_envelope(b, &c->envelope); break;
    case CHANGE_PROGRESS: keep_progress(b, &c->progress); break;
    case CHANGE_SETTING:
        keep_texts(b, (bytes_t *[]){&c->setting.name, &c->setting.value}, 2);
        break;
    case CHANGE_LEASE: keep_lease(b, &c->lease); break;
    case CHANGE_LEASE_DROP: keep_texts(b, (bytes_t *[]){&c->id}, 1); break;
    case CHANGE_PACE: keep_pace(b, &c->pace); break;
    case CHANGE_PACE_DROP: keep_texts(b, (bytes_t *[]){&c->name}, 1); break;
    case CHANGE_DROP_BODY:
    case CHANGE_DROP:
    case CHANGE_DROP_PRINTS:
    case CHANGE_KINDS: break;
    }
}

static void check_name(row_name_t row)
{
    must(row.table != CHANGE_LEASE || (row.key.len && row.key.len <= LEASE_ID_BYTES_MAX));
    must(row.table != CHANGE_PACE || (row.key.len && row.key.len <= PACE_NAME_BYTES_MAX));
}

/* The row is written once a batch: the last word of the batch is what the disk says. */
static void add_row(store_batch_t *b, const change_t *change, row_name_t row)
{
    check_name(row);
    uint32_t *slot = slot_of(b, row);
    if (!*slot) {
        change_room(b); /* may make the slots anew */
        slot = slot_of(b, row);
        *slot = (uint32_t)b->count;
    }
    change_t *kept = &b->changes[*slot - 1];
    *kept = *change;
    keep(b, kept);
}

static void forget_progress(store_batch_t *b, int64_t seq)
{
    uint32_t *slot = slot_of(b, (row_name_t){CHANGE_PROGRESS, bytes_of(&seq, sizeof seq)});
    if (*slot) {
        b->changes[*slot - 1].kind = CHANGE_NOTHING;
        slots_rebuild(b);
    }
}

void store_batch_add(store_batch_t *batch, const change_t *change)
{
    row_name_t row = row_of(change);
    must(change->kind < CHANGE_KINDS);
    batch->came[change->kind]++;
    if (row.table != NO_TABLE) {
        add_row(batch, change, row);
        return;
    }
    if (change->kind == CHANGE_DROP)
        forget_progress(batch, change->seq);
    change_t *kept = change_room(batch);
    *kept = *change;
    keep(batch, kept);
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
