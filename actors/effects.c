/* effects.c: see effects.h and effects_list.h. */
#include <stdlib.h>

#include "actors/effects_list.h"
#include "core/bugs.h"

effects_t *effects_new(store_t *store, metrics_t *metrics)
{
    effects_t *e = memory_take(sizeof *e);
    e->store = store;
    e->metrics = metrics;
    e->most = EFFECTS_ROOM;
    e->timer = INSTANT_NEVER;
    e->now = box_new(e);
    e->held = box_new(e);
    return e;
}

void effects_destroy(effects_t **e)
{
    effects_t *old = *e;
    *e = NULL;
    if (!old)
        return;
    box_recycle(old, old->now);
    box_recycle(old, old->held);
    while (old->free_boxes) {
        box_t *box = old->free_boxes;
        old->free_boxes = box->next;
        free(box->entries);
        free(box);
    }
    while (old->builder_count > 0)
        frame_builder_destroy(&old->builders[--old->builder_count]);
    store_batch_destroy(&old->batch);
    free(old);
}

void effects_begin(effects_t *e) { e->wishes = 0; }

size_t effects_room(const effects_t *e) { return e->wishes < e->most ? e->most - e->wishes : 0; }

size_t effects_most(const effects_t *e) { return e->most; }

static void take_room(effects_t *e)
{
    must(e->wishes < e->most);
    e->wishes++;
}

/* ---- boxes */

box_t *box_new(effects_t *e)
{
    box_t *box = e->free_boxes;
    if (!box)
        return memory_take(sizeof *box);
    e->free_boxes = box->next;
    box->next = NULL;
    return box;
}

static frame_builder_t *builder_take(effects_t *e)
{
    return e->builder_count > 0 ? e->builders[--e->builder_count] : frame_builder_new();
}

static void builder_keep(effects_t *e, frame_builder_t *builder)
{
    if (e->builder_count < BUILDERS_KEPT_MAX && frame_size(builder) <= BUILDER_BYTES_KEPT)
        e->builders[e->builder_count++] = builder;
    else
        frame_builder_destroy(&builder);
}

void box_recycle(effects_t *e, box_t *box)
{
    for (size_t i = 0; i < box->count; i++)
        if (box->entries[i].kind == ENTRY_FRAME)
            builder_keep(e, box->entries[i].builder);
    box->count = box->open_count = 0;
    arena_clear(&box->arena);
    box->next = e->free_boxes;
    e->free_boxes = box;
}

static box_entry_t *box_add(box_t *box, uint8_t kind)
{
    if (box->count == box->room) {
        box->room = box->room ? box->room * 2 : 64;
        box->entries = memory_grow(box->entries, box->room * sizeof *box->entries);
    }
    box_entry_t *entry = &box->entries[box->count++];
    *entry = (box_entry_t){.kind = kind};
    return entry;
}

void box_forget_peer(box_t *box, peer_t peer)
{
    for (size_t i = 0; i < box->count; i++)
        if (box->entries[i].peer == peer)
            box->entries[i].peer = PEER_NOBODY;
}

void box_append(box_t *to, box_t *from)
{
    for (size_t i = 0; i < from->count; i++)
        *box_add(to, ENTRY_FRAME) = from->entries[i];
    from->count = from->open_count = 0;
    to->open_count = 0;
    arena_join(&to->arena, &from->arena); /* the copies stay where they are */
}

/* ---- sends */

/* The frame of this peer and type that still takes items; else a new one. */
static box_entry_t *frame_of(effects_t *e, box_t *box, peer_t peer, uint8_t type)
{
    for (size_t i = 0; i < box->open_count; i++) {
        box_entry_t *entry = &box->entries[box->open[i]];
        if (entry->peer == peer && entry->type == type)
            return entry;
    }
    box_entry_t *entry = box_add(box, ENTRY_FRAME);
    entry->type = type;
    entry->peer = peer;
    entry->builder = builder_take(e);
    frame_begin(entry->builder, type);
    /* Where too many are open the first is closed: what follows for it begins a new frame. */
    if (box->open_count == BOX_OPEN_MAX)
        memmove(box->open, box->open + 1, --box->open_count * sizeof *box->open);
    box->open[box->open_count++] = (uint32_t)(box->count - 1);
    return entry;
}

static void frame_close(box_t *box, const box_entry_t *entry)
{
    uint32_t place = (uint32_t)(entry - box->entries);
    size_t i = 0;
    while (box->open[i] != place)
        i++;
    memmove(box->open + i, box->open + i + 1, (--box->open_count - i) * sizeof *box->open);
}

static void frame_put(effects_t *e, box_t *box, peer_t peer, uint8_t type, const void *item)
{
    box_entry_t *entry = frame_of(e, box, peer, type);
    if (frame_count(entry->builder) > 0) {
        bool full = frame_count(entry->builder) == (message_spec(type)->many ? BATCH_ITEMS_MAX : 1);
        if (!full && frame_add(entry->builder, item) == 0)
            return;
        frame_close(box, entry);
        entry = frame_of(e, box, peer, type);
    }
    must(frame_add(entry->builder, item) == 0); /* the actor keeps the table's limits */
}

static void send_item(effects_t *e, box_t *box, peer_t to, enum message_type type, const void *item)
{
    take_room(e);
    if (to == PEER_NOBODY)
        return;
    if (type != MESSAGE_WELCOME) {
        frame_put(e, box, to, (uint8_t)type, item);
        return;
    }
    box_entry_t *entry = box_add(box, ENTRY_WELCOME); /* links.h writes the frame */
    entry->peer = to;
    entry->number = ((const msg_welcome_t *)item)->epoch;
}

void wish_send(effects_t *e, peer_t to, enum message_type type, const void *item)
{
    bool early = (BUG(ANSWER_BEFORE_COMMIT) && type == MESSAGE_VERDICT) ||
                 (BUG(ASSIGN_BEFORE_COMMIT) && type == MESSAGE_ASSIGN);
    send_item(e, early ? e->now : e->held, to, type, item);
}

void wish_send_now(effects_t *e, peer_t to, enum message_type type, const void *item)
{
    send_item(e, e->now, to, type, item);
}

/* ---- the store */

void wish_change(effects_t *e, const change_t *change)
{
    take_room(e);
    must(e->store);
    if (!e->batch)
        e->batch = store_batch_new();
    store_batch_add(e->batch, change);
}

void wish_tally(effects_t *e, const tally_t *tally)
{
    must(e->store);
    if (!e->batch)
        e->batch = store_batch_new();
    store_batch_tally(e->batch, tally);
}

void wish_read(effects_t *e, const read_request_t *request)
{
    take_room(e);
    must(e->store);
    bool waits = request->after_changes || request->kind == READ_CONTENT;
    if (!waits && request->kind != READ_FINISHED) {
        must(store_read(e->store, request) == 0); /* the actor counts its open reads */
        return;
    }
    /* A message may be picked up before its enqueue is on disk: its content is there after that;
     * and what is past its retention is listed once only, when the last slice is gone. Other reads
     * must not wait, because on a full disk nothing commits and people still ask. */
    read_request_t *copy = arena_take(&e->held->arena, sizeof *copy);
    *copy = *request;
    box_add(e->held, ENTRY_READ)->read = copy;
}

/* ---- time */

void wish_timer(effects_t *e, instant_t due) { e->timer = due; }
void wish_again(effects_t *e) { e->again = true; }

/* ---- HTTP */

static const char *copy_text(arena_t *arena, const char *text)
{
    return text ? (const char *)arena_copy(arena, bytes_of(text, strlen(text) + 1)).data : NULL;
}

static const http_field_t *copy_fields(arena_t *arena, const http_field_t *fields, size_t count)
{
    http_field_t *copy = count ? arena_take(arena, count * sizeof *copy) : NULL;
    for (size_t i = 0; i < count; i++)
        copy[i] =
            (http_field_t){arena_copy(arena, fields[i].name), arena_copy(arena, fields[i].value)};
    return copy;
}

void wish_call(effects_t *e, const http_call_t *call)
{
    take_room(e);
    arena_t *arena = &e->held->arena;
    http_call_t *copy = arena_take(arena, sizeof *copy);
    *copy = *call;
    copy->method = copy_text(arena, call->method);
    copy->path = arena_copy(arena, call->path);
    copy->headers = copy_fields(arena, call->headers, call->header_count);
    copy->body = arena_copy(arena, call->body);
    box_add(e->held, ENTRY_CALL)->call = copy;
}

void wish_cancel(effects_t *e, uint64_t token)
{
    take_room(e);
    box_add(e->held, ENTRY_CANCEL)->number = token;
}

void wish_reply(effects_t *e, uint64_t token, const http_reply_t *reply)
{
    take_room(e);
    arena_t *arena = &e->held->arena;
    reply_order_t *copy = arena_take(arena, sizeof *copy);
    *copy = (reply_order_t){token, *reply};
    copy->reply.content_type = copy_text(arena, reply->content_type);
    copy->reply.headers = copy_fields(arena, reply->headers, reply->header_count);
    copy->reply.body = arena_copy(arena, reply->body);
    box_add(e->held, ENTRY_REPLY)->reply = copy;
}

/* ---- what is seen */

void wish_count(effects_t *e, enum metric metric, bytes_t label, uint64_t n)
{
    if (e->metrics)
        metrics_add(e->metrics, metric, label, n);
}

void wish_gauge(effects_t *e, enum metric metric, bytes_t label, double value)
{
    if (e->metrics)
        metrics_set(e->metrics, metric, label, value);
}

void wish_observe(effects_t *e, enum metric metric, bytes_t label, double seconds)
{
    if (e->metrics)
        metrics_observe(e->metrics, metric, label, seconds);
}

void wish_log(effects_t *e, const log_line_t *line)
{
    if (e->log)
        e->log(e->log_arg, line);
}

/* ---- life */

void wish_link(effects_t *e) { e->link = true; }

void wish_door(effects_t *e, enum door door)
{
    take_room(e);
    box_add(e->held, ENTRY_DOOR)->number = door;
}

void wish_ready(effects_t *e, const char *status)
{
    take_room(e);
    size_t len = status ? strnlen(status, sizeof e->ready - 1) : 0;
    if (len > 0)
        memcpy(e->ready, status, len);
    e->ready[len] = '\0';
    box_add(e->held, ENTRY_READY);
}

void wish_stop(effects_t *e, int exit_code, const char *why)
{
    take_room(e);
    arena_t *arena = &e->held->arena;
    stop_order_t *stop = arena_take(arena, sizeof *stop);
    *stop = (stop_order_t){exit_code, copy_text(arena, why ? why : "")};
    box_add(e->held, ENTRY_STOP)->stop = stop;
}
