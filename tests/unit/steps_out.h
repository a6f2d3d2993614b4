/* steps_out.h: what a step wished for, as a list that a test looks through (see steps.h). */
#ifndef WEIR_TESTS_STEPS_OUT_H
#define WEIR_TESTS_STEPS_OUT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "actors/actor.h"
#include "actors/effects_list.h"
#include "core/msgid.h"

#define PEER_LIMITER 2u
#define WISHES_KEPT 8192u

typedef struct wish {
    uint8_t kind, type; /* enum entry_kind; of a frame its message type */
    peer_t peer;
    uint64_t token;  /* of a reply or a call; of a door its enum door */
    unsigned status; /* of a reply; of a stop its exit code */
    size_t pool;     /* of a call */
    instant_t start_by;
    char *text; /* of a reply or a call: head, headers, an empty line, body */
    void *item; /* of a frame: this one; each item is a wish of its own */
    uint8_t *frame;
} wish_t;

typedef struct steps {
    const actor_spec_t *spec;
    config_t *config;
    birth_t birth;
    void *self;
    effects_t *effects;
    metrics_t *metrics;
    now_t now;
    wish_t wishes[WISHES_KEPT];
    size_t count;
    char lines[4096]; /* texts and reasons that it logged */
    const char *secrets[8][2];
} steps_t;

static inline wish_t *steps_add(steps_t *s, uint8_t kind)
{
    must(s->count < WISHES_KEPT);
    wish_t *w = &s->wishes[s->count++];
    *w = (wish_t){.kind = kind};
    return w;
}

static inline void steps_take_frame(steps_t *s, const box_entry_t *entry)
{
    static _Alignas(16) uint8_t items[FRAME_ITEMS_ROOM];
    bytes_t frame = frame_finish(entry->builder, 0, 1, 1);
    message_t m;
    uint8_t *copy = malloc(frame.len);
    must(copy);
    memcpy(copy, frame.data, frame.len);
    must(frame_decode(bytes_of(copy, frame.len), items, sizeof items, &m) == FRAME_OK);
    for (size_t i = 0; i < m.count; i++) {
        wish_t *w = steps_add(s, ENTRY_FRAME);
        w->type = entry->type;
        w->peer = entry->peer;
        w->frame = i == 0 ? copy : NULL; /* what the items point at lives in it */
        w->item = malloc(m.spec->size);
        must(w->item);
        memcpy(w->item, (const uint8_t *)m.items + i * m.spec->size, m.spec->size);
    }
}

static inline char *steps_text(const char *head, const http_field_t *fields, size_t count,
                               bytes_t body)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    must(f);
    fprintf(f, "%s\n", head);
    for (size_t i = 0; i < count; i++)
        fprintf(f, "%.*s: %.*s\n", (int)fields[i].name.len, (const char *)fields[i].name.data,
                (int)fields[i].value.len,
                fields[i].value.len ? (const char *)fields[i].value.data : "");
    fprintf(f, "\n%.*s", (int)body.len, body.len ? (const char *)body.data : "");
    fclose(f);
    return text;
}

static inline void steps_take_reply(steps_t *s, const reply_order_t *order)
{
    char head[256];
    wish_t *w = steps_add(s, ENTRY_REPLY);
    w->token = order->token;
    w->status = order->reply.status;
    snprintf(head, sizeof head, "%u %s%s", order->reply.status, order->reply.content_type,
             order->reply.close ? "\nConnection: close" : "");
    w->text = steps_text(head, order->reply.headers, order->reply.header_count, order->reply.body);
}

static inline void steps_take_call(steps_t *s, const http_call_t *call)
{
    char head[8300];
    wish_t *w = steps_add(s, ENTRY_CALL);
    w->token = call->token;
    w->pool = call->pool;
    w->start_by = call->start_by;
    snprintf(head, sizeof head, "%s %.*s", call->method, (int)call->path.len,
             (const char *)call->path.data);
    w->text = steps_text(head, call->headers, call->header_count, call->body);
}

static inline void steps_take_box(steps_t *s, box_t *box)
{
    for (size_t i = 0; i < box->count; i++) {
        const box_entry_t *entry = &box->entries[i];
        switch ((enum entry_kind)entry->kind) {
        case ENTRY_FRAME:
            steps_take_frame(s, entry);
            break;
        case ENTRY_REPLY:
            steps_take_reply(s, entry->reply);
            break;
        case ENTRY_CALL:
            steps_take_call(s, entry->call);
            break;
        case ENTRY_CANCEL:
        case ENTRY_DOOR:
            steps_add(s, entry->kind)->token = entry->number;
            break;
        case ENTRY_STOP:
            steps_add(s, ENTRY_STOP)->status = (unsigned)entry->stop->exit_code;
            break;
        case ENTRY_READ:
        case ENTRY_READY:
        case ENTRY_WELCOME:
            steps_add(s, entry->kind);
            break;
        }
    }
}

/* What the step wished for is added to the list; forget it first to see only one step's. */
static inline void steps_event(steps_t *s, const event_t *event)
{
    effects_begin(s->effects);
    s->spec->step(s->self, event, s->now, s->effects);
    steps_take_box(s, s->effects->now);
    steps_take_box(s, s->effects->held);
    box_recycle(s->effects, s->effects->now);
    s->effects->now = box_new(s->effects);
    box_recycle(s->effects, s->effects->held);
    s->effects->held = box_new(s->effects);
}

/* The n-th (from 0) wish of a kind; NULL: there are fewer. */
static inline const wish_t *steps_find(const steps_t *s, uint8_t kind, size_t n)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->wishes[i].kind == kind && n-- == 0)
            return &s->wishes[i];
    return NULL;
}

/* The n-th item of a message type that was sent; NULL: there are fewer. */
static inline const void *steps_sent(const steps_t *s, enum message_type type, size_t n)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->wishes[i].kind == ENTRY_FRAME && s->wishes[i].type == type && n-- == 0)
            return s->wishes[i].item;
    return NULL;
}

static inline size_t steps_sent_count(const steps_t *s, enum message_type type)
{
    size_t n = 0;
    while (steps_sent(s, type, n))
        n++;
    return n;
}

static inline const wish_t *steps_reply(const steps_t *s, uint64_t token)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->wishes[i].kind == ENTRY_REPLY && s->wishes[i].token == token)
            return &s->wishes[i];
    return NULL;
}

#endif
