#include "store/memory_disk.h"

#include <stdlib.h>

#include "store/read_rule.h"

memory_disk_t *memory_disk_new(void)
{
    memory_disk_t *disk = memory_take(sizeof *disk);
    disk->tally = (tally_t){.next_seq = 1, .first_live = 1};
    disk->next_group = 1;
    disk->bucket_count = 256;
    disk->buckets = memory_take(disk->bucket_count * sizeof(disk_message_t *));
    return disk;
}

static void message_free(disk_message_t *m)
{
    blob_unref(&m->message.envelope.content);
    free(m->envelope_texts);
    free(m->progress_texts);
    free(m);
}

void memory_disk_destroy(memory_disk_t **disk)
{
    memory_disk_t *d = *disk;
    *disk = NULL;
    if (!d)
        return;
    for (size_t i = 0; i < d->count; i++)
        message_free(d->messages[i]);
    for (size_t i = 0; i < d->group_count; i++)
        free(d->groups[i].prints);
    for (size_t i = 0; i < d->setting_count; i++) {
        free(d->settings[i].name);
        free(d->settings[i].value);
    }
    memory_rows_clear(&d->leases);
    memory_rows_clear(&d->paces);
    free(d->messages);
    free(d->buckets);
    free(d->groups);
    free(d->settings);
    free(d);
}

size_t memory_disk_from(const memory_disk_t *disk, int64_t seq)
{
    size_t low = 0, high = disk->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (disk->messages[middle]->message.envelope.seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

disk_message_t *memory_disk_by_seq(const memory_disk_t *disk, int64_t seq)
{
    size_t at = memory_disk_from(disk, seq);
    return at < disk->count && disk->messages[at]->message.envelope.seq == seq ? disk->messages[at]
                                                                               : NULL;
}

static disk_message_t **bucket_of(const memory_disk_t *disk, const msgid_t *id)
{
    uint64_t hash;
    memcpy(&hash, id->b + 8, sizeof hash); /* the half of an id that is chance */
    return &disk->buckets[(hash * 0x9E3779B97F4A7C15u >> 32) & (disk->bucket_count - 1)];
}

static void link_id(memory_disk_t *disk, disk_message_t *m)
{
    disk_message_t **bucket = bucket_of(disk, &m->message.envelope.id);
    m->next_of_id = *bucket;
    *bucket = m;
}

static void unlink_id(memory_disk_t *disk, disk_message_t *m)
{
    disk_message_t **at = bucket_of(disk, &m->message.envelope.id);
    while (*at != m)
        at = &(*at)->next_of_id;
    *at = m->next_of_id;
}

static void buckets_grow(memory_disk_t *disk)
{
    free(disk->buckets);
    disk->bucket_count *= 4;
    disk->buckets = memory_take(disk->bucket_count * sizeof(disk_message_t *));
    for (size_t i = 0; i < disk->count; i++)
        if (disk->messages[i]->has_envelope)
            link_id(disk, disk->messages[i]);
}

static disk_message_t *message_at(memory_disk_t *disk, int64_t seq)
{
    size_t at = memory_disk_from(disk, seq);
    if (at < disk->count && disk->messages[at]->message.envelope.seq == seq)
        return disk->messages[at];
    if (disk->count == disk->room) {
        disk->room = disk->room ? disk->room * 2 : 64;
        disk->messages = memory_grow(disk->messages, disk->room * sizeof *disk->messages);
    }
    if (disk->count >= disk->bucket_count * 2)
        buckets_grow(disk);
    memmove(disk->messages + at + 1, disk->messages + at,
            (disk->count - at) * sizeof *disk->messages);
    disk->count++;
    disk_message_t *m = disk->messages[at] = memory_take(sizeof *m);
    m->message.envelope.seq = m->message.progress.seq = seq;
    return m;
}

static void put_envelope(memory_disk_t *disk, const envelope_t *from)
{
    disk_message_t *m = message_at(disk, from->seq);
    must(!m->has_envelope);
    envelope_t *e = &m->message.envelope;
    *e = *from;
    e->content = blob_ref(from->content);
    bytes_t *texts[] = {&e->source, &e->route, &e->key, &e->labels, &e->content_type, &e->trace};
    m->envelope_texts = memory_texts_pack(texts, COUNT_OF(texts));
    m->has_envelope = true;
    link_id(disk, m);
}

static void put_progress(memory_disk_t *disk, const progress_t *from)
{
    disk_message_t *m = message_at(disk, from->seq);
    free(m->progress_texts);
    progress_t *p = &m->message.progress;
    *p = *from;
    bytes_t *texts[] = {&p->step, &p->reason, &p->results, &p->slots};
    m->progress_texts = memory_texts_pack(texts, COUNT_OF(texts));
    m->has_progress = true;
}

static void drop_message(memory_disk_t *disk, int64_t seq)
{
    size_t at = memory_disk_from(disk, seq);
    disk_message_t *m = memory_disk_by_seq(disk, seq);
    if (!m)
        return;
    if (m->has_envelope)
        unlink_id(disk, m);
    message_free(m);
    disk->count--;
    memmove(disk->messages + at, disk->messages + at + 1,
            (disk->count - at) * sizeof *disk->messages);
}

static void drop_body(memory_disk_t *disk, int64_t seq)
{
    disk_message_t *m = memory_disk_by_seq(disk, seq);
    if (m)
        blob_unref(&m->message.envelope.content);
}

static bool text_is(const uint8_t *text, size_t len, bytes_t other)
{
    return bytes_equal(bytes_of(text, len), other);
}

static uint8_t *text_copy(bytes_t text)
{
    uint8_t *copy = memory_take(text.len);
    if (text.len)
        memcpy(copy, text.data, text.len);
    return copy;
}

static void put_setting(memory_disk_t *disk, bytes_t name, bytes_t value)
{
    size_t at = 0;
    while (at < disk->setting_count
           && !text_is(disk->settings[at].name, disk->settings[at].name_len, name))
        at++;
    if (at == disk->setting_count) {
        disk->settings =
            memory_grow(disk->settings, ++disk->setting_count * sizeof *disk->settings);
        disk->settings[at] = (disk_setting_t){.name = text_copy(name), .name_len = name.len};
    }
    free(disk->settings[at].value);
    disk->settings[at].value = text_copy(value);
    disk->settings[at].value_len = value.len;
}

static void put_prints(memory_disk_t *disk, const store_batch_t *batch)
{
    if (disk->group_count == disk->group_room) {
        disk->group_room = disk->group_room ? disk->group_room * 2 : 64;
        disk->groups = memory_grow(disk->groups, disk->group_room * sizeof *disk->groups);
    }
    disk_group_t *group = &disk->groups[disk->group_count++];
    size_t count = batch->came[CHANGE_ENQUEUE];
    *group = (disk_group_t){.number = disk->next_group++,
                            .prints = memory_take(count * sizeof(stored_print_t))};
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->changes[i].kind != CHANGE_ENQUEUE)
            continue;
        const envelope_t *e = &batch->changes[i].envelope;
        group->prints[group->count++] = (stored_print_t){
            .print = e->print, .seq = e->seq, .body_hash = e->body_hash, .accepted = e->accepted};
        if (e->accepted.us > group->newest.us)
            group->newest = e->accepted;
    }
}

static void drop_prints(memory_disk_t *disk, wall_t before)
{
    size_t gone = 0;
    while (gone < disk->group_count && gone < PRINT_GROUPS_DROPPED
           && disk->groups[gone].newest.us < before.us)
        free(disk->groups[gone++].prints);
    disk->group_count -= gone;
    memmove(disk->groups, disk->groups + gone, disk->group_count * sizeof *disk->groups);
}

static void apply_change(memory_disk_t *disk, const change_t *change)
{
    switch (change->kind) {
    case CHANGE_ENQUEUE: put_envelope(disk, &change->envelope); break;
    case CHANGE_PROGRESS: put_progress(disk, &change->progress); break;
    case CHANGE_SETTING: put_setting(disk, change->setting.name, change->setting.value); break;
    case CHANGE_DROP_BODY: drop_body(disk, change->seq); break;
    case CHANGE_DROP: drop_message(disk, change->seq); break;
    case CHANGE_DROP_PRINTS: drop_prints(disk, change->before); break;
    case CHANGE_LEASE: memory_rows_put_lease(&disk->leases, &change->lease); break;
    case CHANGE_LEASE_DROP: memory_rows_drop(&disk->leases, change->id); break;
    case CHANGE_PACE: memory_rows_put_pace(&disk->paces, &change->pace); break;
    case CHANGE_PACE_DROP: memory_rows_drop(&disk->paces, change->name); break;
    }
}

static bool is_message(const change_t *change)
{
    return change->kind == CHANGE_ENQUEUE || change->kind == CHANGE_PROGRESS;
}

/* Messages first, then what goes: as the other stores do. */
void memory_disk_apply(memory_disk_t *disk, const store_batch_t *batch)
{
    for (int messages = 1; messages >= 0; messages--)
        for (size_t i = 0; i < batch->count; i++)
            if (is_message(&batch->changes[i]) == messages)
                apply_change(disk, &batch->changes[i]);
    if (batch->came[CHANGE_ENQUEUE])
        put_prints(disk, batch);
    if (batch->has_tally)
        disk->tally = batch->tally;
}

const stored_message_t *memory_disk_find(const memory_disk_t *disk, const msgid_t *id)
{
    for (disk_message_t *m = *bucket_of(disk, id); m; m = m->next_of_id)
        if (msgid_equal(&m->message.envelope.id, id))
            return &m->message;
    return NULL;
}

void memory_disk_each(const memory_disk_t *disk, void (*each)(void *, const stored_message_t *),
                      void *arg)
{
    for (size_t i = 0; i < disk->count; i++)
        each(arg, &disk->messages[i]->message);
}

void memory_disk_leases(const memory_disk_t *disk, void (*each)(void *, const stored_lease_t *),
                        void *arg)
{
    for (size_t i = 0; i < disk->leases.count; i++)
        each(arg, &disk->leases.rows[i]->lease);
}

void memory_disk_paces(const memory_disk_t *disk, void (*each)(void *, const stored_pace_t *),
                       void *arg)
{
    for (size_t i = 0; i < disk->paces.count; i++)
        each(arg, &disk->paces.rows[i]->pace);
}
