#include "actors/tell.h"

#include <stdlib.h>

#include "core/utf8.h"

struct tell {
    frame_builder_t *frame;
    uint64_t left_out;
    int64_t tokens_us; /* a line costs a second / TELL_A_SECOND */
    instant_t at;
};

#define LINE_US (US_PER_S / TELL_A_SECOND)

tell_t *tell_new(void)
{
    tell_t *t = calloc(1, sizeof *t);
    must(t);
    t->frame = frame_builder_new();
    t->tokens_us = TELL_BURST * LINE_US;
    frame_begin(t->frame, MESSAGE_EVENT);
    return t;
}

void tell_destroy(tell_t **tell)
{
    tell_t *t = *tell;
    *tell = NULL;
    if (!t)
        return;
    frame_builder_destroy(&t->frame);
    free(t);
}

static bytes_t cut(bytes_t text, size_t most)
{
    return bytes_of(text.data, text.len ? utf8_prefix(text, most) : 0);
}

msg_event_t tell_event(const log_line_t *l, wall_t at)
{
    return (msg_event_t){.at_us = at.us > 0 ? (uint64_t)at.us : 0,
                         .kind = (uint64_t)l->event,
                         .text = cut(bytes_str(l->text ? l->text : ""), REASON_BYTES_MAX),
                         .message = cut(l->message, 32),
                         .route = cut(l->route, NAME_BYTES_MAX),
                         .key = cut(l->key, KEY_BYTES_MAX),
                         .downstream = cut(l->downstream, NAME_BYTES_MAX),
                         .limit = cut(l->limit, NAME_BYTES_MAX),
                         .reason = cut(l->reason, REASON_BYTES_MAX),
                         .trace = cut(l->trace, TRACE_BYTES_MAX)};
}

/* A token bucket. */
static bool may_tell(tell_t *t, instant_t now)
{
    if (t->at.us)
        t->tokens_us += instant_since_us(now, t->at);
    if (t->tokens_us > (int64_t)TELL_BURST * LINE_US)
        t->tokens_us = (int64_t)TELL_BURST * LINE_US;
    t->at = now;
    if (t->tokens_us < LINE_US || frame_count(t->frame) >= TELL_FRAME)
        return false;
    t->tokens_us -= LINE_US;
    return true;
}

void tell_line(tell_t *t, const log_line_t *line, now_t now)
{
    t->left_out++;
    if (!may_tell(t, now.at))
        return;
    msg_event_t event = tell_event(line, now.wall);
    event.left_out = t->left_out - 1;
    if (frame_add(t->frame, &event) == 0)
        t->left_out = 0;
}

frame_builder_t *tell_waiting(tell_t *t) { return frame_count(t->frame) ? t->frame : NULL; }

void tell_sent(tell_t *t) { frame_begin(t->frame, MESSAGE_EVENT); }
