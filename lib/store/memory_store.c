/* The memory store: the same pipeline as SQLite's, moved by the simulator's hand instead of
 * threads. */
#include <errno.h>
#include <stdlib.h>

#include "store/reading.h"
#include "store/memory_disk.h"
#include "store/read_rule.h"

#define EVENTS_MAX (BATCHES_OPEN_MAX + READS_OPEN_MAX + 8)

typedef struct memory_store {
    store_t base;
    memory_disk_t *disk;
    batch_queue_t queue;
    uint64_t submitted;
    read_request_t reads[READS_OPEN_MAX]; /* ring */
    size_t read_first, read_count, reads_open; /* open: asked and the result not yet taken */
    store_event_t events[EVENTS_MAX];     /* ring */
    size_t event_first, event_count;
    bool full, poisoned;
    reading_t *lent;                       /* of the last STORE_READ taken */
} memory_store_t;

static memory_store_t *self_of(store_t *store) { return (memory_store_t *)store; }

static void put_event(memory_store_t *self, store_event_t event)
{
    store_event_t *last =
        &self->events[(self->event_first + self->event_count + EVENTS_MAX - 1) % EVENTS_MAX];
    if (event.kind == STORE_COMMITTED && self->event_count && last->kind == STORE_COMMITTED) {
        last->batch = event.batch; /* so that events not taken stay bounded */
        return;
    }
    must(self->event_count < EVENTS_MAX);
    self->events[(self->event_first + self->event_count++) % EVENTS_MAX] = event;
}

static stored_message_t lend(reading_t *a, const disk_message_t *from, bool content)
{
    stored_message_t m = from->message;
    reading_keep_envelope(a, &m.envelope);
    reading_keep_progress(a, &m.progress);
    m.envelope.content = content ? blob_ref(m.envelope.content) : NULL;
    m.damaged = !from->has_envelope || !from->has_progress;
    a->result.damaged += m.damaged;
    return m;
}

static void read_one(reading_t *a, const memory_disk_t *disk, const read_request_t *r)
{
    const disk_message_t *found = memory_disk_by_seq(disk, r->seq);
    if (r->kind == READ_BY_ID) {
        const stored_message_t *m = memory_disk_find(disk, &r->id);
        found = m ? memory_disk_by_seq(disk, m->envelope.seq) : NULL;
    }
    a->result.last = true;
    if (!found) {
        a->result.error = -ENOENT;
        return;
    }
    stored_message_t *one = arena_take(&a->arena, sizeof *one);
    *one = lend(a, found, r->kind == READ_CONTENT || r->want_content);
    a->result.messages = one;
    a->result.count = 1;
    a->result.error = one->damaged ? -EBADMSG : 0;
}

static bool wanted(const read_request_t *r, const disk_message_t *m)
{
    if (!m->has_envelope || !m->has_progress)
        return r->kind != READ_FINISHED;
    return read_wants(r, &m->message.progress, m->message.envelope.route);
}

static stored_message_t lend_for(reading_t *a, const read_request_t *r, const disk_message_t *m)
{
    stored_message_t row = lend(a, m, false);
    if (r->kind == READ_FINISHED)
        row.envelope = (envelope_t){.seq = row.envelope.seq};
    return row;
}

static void read_up(reading_t *a, const memory_disk_t *disk, const read_request_t *r,
                    stored_message_t *rows)
{
    size_t at = memory_disk_from(disk, r->from_seq), looked = 0;
    for (; at < disk->count && a->result.count < r->most && looked < READ_EXAMINED; at++, looked++)
        if (wanted(r, disk->messages[at]))
            rows[a->result.count++] = lend_for(a, r, disk->messages[at]);
    a->result.last = at == disk->count;
    a->result.next = at ? disk->messages[at - 1]->message.envelope.seq + 1 : r->from_seq;
    if (a->result.next < r->from_seq)
        a->result.next = r->from_seq;
}

static void read_down(reading_t *a, const memory_disk_t *disk, const read_request_t *r,
                      stored_message_t *rows)
{
    size_t at = r->from_seq > 0 ? memory_disk_from(disk, r->from_seq) : disk->count, looked = 0;
    a->result.next = r->from_seq;
    for (; at > 0 && a->result.count < r->most && looked < READ_EXAMINED; at--, looked++) {
        const disk_message_t *m = disk->messages[at - 1];
        if (wanted(r, m))
            rows[a->result.count++] = lend_for(a, r, m);
        a->result.next = m->message.envelope.seq;
    }
    a->result.last = at == 0;
}

static void read_many(reading_t *a, const memory_disk_t *disk, const read_request_t *r)
{
    stored_message_t *rows = arena_take(&a->arena, r->most * sizeof *rows);
    a->result.messages = rows;
    if (r->kind == READ_LIST && r->newest_first)
        read_down(a, disk, r, rows);
    else
        read_up(a, disk, r, rows);
}

static size_t group_from(const memory_disk_t *disk, int64_t number)
{
    size_t at = 0;
    while (at < disk->group_count && disk->groups[at].number < number)
        at++;
    return at;
}

static void read_prints(reading_t *a, const memory_disk_t *disk, const read_request_t *r)
{
    size_t first = group_from(disk, r->from_seq), end = first, count = 0;
    while (end < disk->group_count && (end == first || count + disk->groups[end].count <= r->most))
        count += disk->groups[end++].count;
    stored_print_t *prints = arena_take(&a->arena, count * sizeof *prints);
    for (size_t i = first; i < end; i++) {
        memcpy(prints + a->result.count, disk->groups[i].prints,
               disk->groups[i].count * sizeof *prints);
        a->result.count += disk->groups[i].count;
    }
    a->result.prints = prints;
    a->result.next = end > first ? disk->groups[end - 1].number + 1 : r->from_seq;
    a->result.last = end == disk->group_count;
}

static reading_t *answer_now(const memory_store_t *self, const read_request_t *r)
{
    const memory_disk_t *disk = self->disk;
    reading_t *a = reading_new(r);
    a->result.error = self->poisoned ? -EIO : 0;
    if (self->poisoned)
        return a;
    switch ((enum read_kind)r->kind) {
    case READ_CONTENT:
    case READ_BY_ID:
    case READ_BY_SEQ: read_one(a, disk, r); break;
    case READ_LIVE:
    case READ_LIST:
    case READ_FINISHED: read_many(a, disk, r); break;
    case READ_PRINTS: read_prints(a, disk, r); break;
    case READ_SPACE:
        a->result.disk_free = UINT64_MAX >> 1;
        a->result.last = true;
        break;
    case READ_BACKUP:
        a->result.error = -EOPNOTSUPP; /* there is no file */
        a->result.last = true;
        break;
    }
    return a;
}

static uint64_t memory_submit(store_t *store, store_batch_t *batch)
{
    memory_store_t *self = self_of(store);
    must(self->queue.count < BATCHES_OPEN_MAX);
    batch->number = ++self->submitted;
    batch_queue_put(&self->queue, batch);
    return batch->number;
}

static int memory_read(store_t *store, const read_request_t *request)
{
    memory_store_t *self = self_of(store);
    must(request_is_sane(request));
    if (self->reads_open == READS_OPEN_MAX)
        return -EAGAIN;
    self->reads_open++;
    self->reads[(self->read_first + self->read_count++) % READS_OPEN_MAX] = *request;
    return 0;
}

static bool memory_next(store_t *store, store_event_t *out)
{
    memory_store_t *self = self_of(store);
    reading_destroy(&self->lent);
    if (self->event_count == 0)
        return false;
    *out = self->events[self->event_first];
    self->event_first = (self->event_first + 1) % EVENTS_MAX;
    self->event_count--;
    if (out->kind != STORE_READ)
        return true;
    self->reads_open--;
    self->lent = reading_of(out->read);
    return true;
}

static int memory_wait_fd(store_t *store)
{
    (void)store;
    return -1;
}

static size_t memory_room(store_t *store)
{
    const memory_store_t *self = self_of(store);
    return self->poisoned ? 0 : BATCHES_OPEN_MAX - self->queue.count;
}

static void memory_settings(store_t *store, void (*each)(void *, const store_setting_t *),
                            void *arg)
{
    const memory_disk_t *disk = self_of(store)->disk;
    for (size_t i = 0; i < disk->setting_count; i++) {
        const disk_setting_t *s = &disk->settings[i];
        each(arg,
             &(store_setting_t){bytes_of(s->name, s->name_len), bytes_of(s->value, s->value_len)});
    }
}

static void memory_leases(store_t *store, void (*each)(void *, const stored_lease_t *), void *arg)
{
    const memory_store_t *self = self_of(store);
    must(self->submitted == 0);
    memory_disk_leases(self->disk, each, arg);
}

static void memory_paces(store_t *store, void (*each)(void *, const stored_pace_t *), void *arg)
{
    const memory_store_t *self = self_of(store);
    must(self->submitted == 0);
    memory_disk_paces(self->disk, each, arg);
}

static void store_end(memory_store_t *self)
{
    batch_queue_clear(&self->queue);
    reading_destroy(&self->lent);
    for (store_event_t event; self->event_count && memory_next(&self->base, &event);)
        continue;
    reading_destroy(&self->lent);
    free(self);
}

static void memory_close(store_t **store)
{
    memory_store_t *self = self_of(*store);
    while (!self->poisoned && self->queue.count) {
        store_batch_t *batch = batch_queue_take(&self->queue);
        memory_disk_apply(self->disk, batch);
        store_batch_destroy(&batch);
    }
    self->disk->closed = !self->poisoned;
    store_end(self);
    *store = NULL;
}

static const store_ops_t memory_ops = {
    .submit = memory_submit,
    .read = memory_read,
    .next = memory_next,
    .wait_fd = memory_wait_fd,
    .room = memory_room,
    .settings = memory_settings,
    .leases = memory_leases,
    .paces = memory_paces,
    .close = memory_close,
};

int memory_store_open(memory_disk_t *disk, store_t **out, store_opened_t *opened)
{
    memory_store_t *self = memory_take(sizeof *self);
    self->base.ops = &memory_ops;
    self->disk = disk;
    *opened = (store_opened_t){.epoch = ++disk->epoch, .tally = disk->tally,
                               .recovered = disk->used && !disk->closed};
    disk->used = true;
    disk->closed = false;
    *out = &self->base;
    return 0;
}

static void fail(memory_store_t *self, int error)
{
    if (error == -ENOSPC) {
        if (!self->full)
            put_event(self, (store_event_t){
                                .kind = STORE_FULL, .error = error, .error_text = "no space"});
        self->full = true;
        return;
    }
    self->poisoned = true;
    put_event(self, (store_event_t){
                        .kind = STORE_POISONED, .error = error, .error_text = "a sync failed"});
}

bool memory_store_commit(store_t *store, int error)
{
    memory_store_t *self = self_of(store);
    if (self->queue.count == 0 || self->poisoned)
        return false;
    if (error) {
        fail(self, error);
        return true;
    }
    store_batch_t *batch = batch_queue_take(&self->queue);
    memory_disk_apply(self->disk, batch);
    put_event(self, (store_event_t){.kind = STORE_COMMITTED, .batch = batch->number});
    store_batch_destroy(&batch);
    if (self->full)
        put_event(self, (store_event_t){.kind = STORE_SPACE});
    self->full = false;
    return true;
}

bool memory_store_answer(store_t *store)
{
    memory_store_t *self = self_of(store);
    if (self->read_count == 0)
        return false;
    reading_t *a = answer_now(self, &self->reads[self->read_first]);
    self->read_first = (self->read_first + 1) % READS_OPEN_MAX;
    self->read_count--;
    put_event(self, (store_event_t){.kind = STORE_READ, .read = &a->result});
    return true;
}

size_t memory_store_pending(store_t *store) { return self_of(store)->queue.count; }
size_t memory_store_reading(store_t *store) { return self_of(store)->read_count; }

void memory_store_crash(store_t **store)
{
    store_end(self_of(*store));
    *store = NULL;
}
