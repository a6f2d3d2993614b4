/* hand.c: which limit, downstream or route is meant, and how a change of it is told. */
#include "actors/limiter/hand.h"

#include <stdlib.h>

#include "core/slip.h"

#define SHOWN_MOST 300 /* bytes of old and new in the journal */

/* The limit `prefix` + typed; NULL: there is none, and that was answered. */
static limit_state_t *named(limiter_t *l, const hand_t *h, const char *prefix, size_t from,
                            size_t to, const char *what)
{
    char error[160], hint[200], wanted[NAME_BYTES_MAX + 16];
    const char *near = NULL, *typed = json_string_value(json_object_get(h->args, "name"));
    size_t least = 0, skip = strlen(prefix);
    if (!typed) {
        snprintf(error, sizeof error, "which %s? \"name\" is missing", what);
        query_refuse(l, h->q, 400, error, "weirctl names lists what there is");
        return NULL;
    }
    snprintf(wanted, sizeof wanted, "%s%.64s", prefix, typed);
    least = strlen(typed) / 3 + 2;
    for (size_t n = from; n < to; n++) {
        const char *name = l->limits[n].limit->name;
        if (strcmp(name, wanted) == 0)
            return &l->limits[n];
        size_t distance = word_distance(typed, name + skip);
        if (distance < least) {
            least = distance;
            near = name + skip;
        }
    }
    snprintf(error, sizeof error, "there is no %s %.64s", what, typed);
    if (near)
        snprintf(hint, sizeof hint, "did you mean %s?", near);
    else
        snprintf(hint, sizeof hint, "weirctl names lists those there are");
    query_refuse(l, h->q, 404, error, hint);
    return NULL;
}

limit_state_t *hand_limit(limiter_t *l, const hand_t *h)
{
    return named(l, h, "", 0, l->config->named_limits, "limit");
}

limit_state_t *hand_downstream(limiter_t *l, const hand_t *h)
{
    size_t from = l->config->named_limits;
    return named(l, h, "downstream:", from, from + l->config->downstream_count, "downstream");
}

limit_state_t *hand_route(limiter_t *l, const hand_t *h)
{
    size_t from = l->config->named_limits + l->config->downstream_count;
    return named(l, h, "route:", from, from + l->config->route_count, "route");
}

json_t *hand_state(const limiter_t *l, const limit_state_t *s)
{
    json_t *said = json_object_get(s->by_hand, "values");
    json_t *state = json_pack("{s:s,s:b,s:b,s:b}", "name", s->limit->name, "observe", s->observe,
                              "disabled", s->disabled, "pinned", s->pinned);
    if (s->limit->own)
        json_object_update_new(state, pause_of(l, s->only));
    json_object_set_new(state, "slots",
                        s->slots == SLOTS_ANY ? json_null() : json_integer(s->slots));
    if (s->limit->rate.shape != RATE_NONE) {
        json_object_set_new(state, "rate", json_integer(s->count));
        json_object_set_new(state, "per_ms", json_integer(s->period_us / US_PER_MS));
    }
    if (s->limit->cap.zone)
        json_object_set_new(state, "cap", json_integer(s->cap));
    if (said)
        json_object_set_new(state, "values", json_deep_copy(said));
    return state;
}

void hand_said(limiter_t *l, const hand_t *h, const limit_state_t *s, json_t *before)
{
    hand_told(l, h, s, before, hand_state(l, s));
}

void hand_told(limiter_t *l, const hand_t *h, const limit_state_t *s, json_t *before, json_t *after)
{
    char text[2 * SHOWN_MOST + 200];
    char *old = json_dumps(before, JSON_COMPACT), *new = json_dumps(after, JSON_COMPACT);
    must(old && new);
    snprintf(text, sizeof text, "%s by %s: %.*s -> %.*s", h->verb, h->who,
             (int)utf8_prefix(bytes_str(old), SHOWN_MOST), old,
             (int)utf8_prefix(bytes_str(new), SHOWN_MOST), new);
    log_line_t line = limit_line(LOG_LIMIT_CHANGED, s->limit->name, text);
    line.reason = bytes_str(h->why);
    wish_log(l->e, &line);
    free(old);
    free(new);
    query_reply(l, h->q, 200, json_pack("{s:o,s:o}", "before", before, "after", after));
}
