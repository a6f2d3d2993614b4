/* explain.c: all that keeps a message, not only what it waits for first: its hold, its time, who is
 * before it in its key, the switch of its route, each limit of its route and step with who holds
 * it; and when it should start, as far as that can be told. */
#include "actors/limiter/hand.h"

#include <stdlib.h>

#include "core/msgid.h"

#define HOLDERS_SHOWN 5
#define KEY_LOOKS_MOST 10000

typedef struct story {
    limiter_t *l;
    const item_t *i;
    json_t *keeps, *limits; /* what keeps it; every limit */
    int64_t start_us;       /* the latest of what is known */
    sureness_t sure;        /* the least of them */
    char first[400];        /* what keeps it first, for people */
} story_t;

static void keeps(story_t *s, const char *kind, const char *name, const char *detail, int64_t in_us,
                  sureness_t sure)
{
    json_t *one =
        json_pack("{s:s,s:s%,s:s%}", "kind", kind, "name", name, utf8_prefix(bytes_str(name), 512),
                  "detail", detail, utf8_prefix(bytes_str(detail), 512));
    must(one);
    if (sure != SURE_UNKNOWN)
        json_object_set_new(one, "in_ms", json_integer(in_us / US_PER_MS));
    json_array_append_new(s->keeps, one);
    if (in_us > s->start_us)
        s->start_us = in_us;
    if (sure < s->sure)
        s->sure = sure;
    if (!s->first[0])
        snprintf(s->first, sizeof s->first, "%.300s", detail);
}

/* ---- one limit ---- */

static const char *kept_because(const limiter_t *l, const bucket_t *b, enum can can)
{
    if (b->stopped)
        return "stopped by an operator";
    if (b->paused_until_us > l->now.at.us)
        return "paused";
    if (can == CAN_NOW)
        return "";
    if (slow_start_room(&b->slow) == 0)
        return "after a pause one call is tried first";
    if (b->breaker && !breaker_allows(&b->breaker->now, l->now.at))
        return "too many of its calls failed: its breaker is open";
    return can == CAN_CAPPED    ? "its calendar's cap is used up"
           : can == CAN_LATER   ? "its rate"
           : can == CAN_STOPPED ? "nothing of it is allowed for now"
           : b->calls           ? "a part of its calls in flight may be retries"
                                : "all of it is in use";
}

static void limit_keeps(story_t *s, const need_t *need, const char *shown, const char *because,
                        answer_can_t can)
{
    const limiter_t *l = s->l;
    const bucket_t *b = need->bucket;
    char detail[400];
    sureness_t sure;
    const fair_node_t *first = fair_first(&b->waiters);
    uint64_t nth = first && first != &s->i->place ? fair_count(&b->waiters) : 1;
    int64_t in_us = bucket_estimate_us(l, b, can, nth, &sure);
    uint32_t slots = bucket_slots(l, b, item_class(s->i));
    if (nth > 1 && sure == SURE_MEASURED)
        sure = SURE_GUESSED; /* its place among those who wait is not known exactly */
    if (slots == SLOTS_ANY)
        snprintf(detail, sizeof detail, "limit %.200s keeps it: %s", shown, because);
    else
        snprintf(detail, sizeof detail, "limit %.200s keeps it: %s (%u of %u in use, %zu wait)",
                 shown, because, b->in_use, slots, fair_count(&b->waiters));
    keeps(s, b->of->limit->own ? "downstream" : "limit", shown, detail, in_us, sure);
}

static void limit_told(story_t *s, const need_t *need, const char *level, bool taken)
{
    const limiter_t *l = s->l;
    const bucket_t *b = need->bucket;
    char shown[BUCKET_NAME_MAX + 256], value[BUCKET_NAME_MAX];
    answer_can_t can = {CAN_NOW, {0}};
    claim_t claim = need_claim(need, item_class(s->i));
    if (!taken)
        can = bucket_can(l, b, 0, claim);
    if (can.can == CAN_NOW && !taken && !s->i->woken && bucket_has_line(l, b, claim))
        can.can = CAN_FULL; /* behind who waits there */
    uint32_t slots = bucket_slots(l, b, item_class(s->i));
    const char *because = taken ? "" : kept_because(l, b, can.can);
    bucket_shown(b, shown, sizeof shown);
    bucket_value(b, value, sizeof value);
    json_t *row = json_pack(
        "{s:s,s:s%,s:s%,s:s,s:I,s:I,s:o,s:I,s:b,s:s}", "name", b->of->limit->name, "shown", shown,
        utf8_prefix(bytes_str(shown), 300), "value", value, utf8_prefix(bytes_str(value), 300),
        "level", level, "cost", (json_int_t)need->cost, "in_use", (json_int_t)b->in_use, "slots",
        slots == SLOTS_ANY ? json_null() : json_integer(slots), "waiting",
        (json_int_t)fair_count(&b->waiters), "keeps", can.can != CAN_NOW, "because", because);
    must(row);
    if (can.can == CAN_LATER || can.can == CAN_CAPPED)
        json_object_set_new(row, "passes_in_ms",
                            json_integer((can.at.us - l->now.at.us) / US_PER_MS + 1));
    if (can.can != CAN_NOW) {
        json_t *holders = json_array();
        bucket_holders(l, b, holders, HOLDERS_SHOWN);
        json_object_set_new(row, "holders", holders);
        limit_keeps(s, need, shown, because, can);
    }
    json_array_append_new(s->limits, row);
}

/* Of the message, or, when it has not looked for them, as it would find them. */
static void level_told(story_t *s, const needs_t *has, needs_t *made, const char *level, bool taken)
{
    const needs_t *needs = has ? has : made;
    for (size_t n = 0; needs && n < needs->count; n++)
        limit_told(s, &needs->of[n], level, taken);
    needs_free(s->l, &made);
}

static void limits_told(story_t *s, const label_values_t *of)
{
    const item_t *i = s->i;
    const route_t *r = item_route(s->l, i);
    const step_t *step = item_step(s->l, i);
    if (i->lost || !r)
        return;
    level_told(s, i->job, i->job || r->draw_count == 0 ? NULL : job_needs(s->l, i, of), "route",
               i->job_held);
    if (step)
        level_told(s, i->needs,
                   i->needs || step->draw_count == 0
                       ? NULL
                       : needs_new(s->l, step->draws, step->draw_count, of),
                   "step", i->state == STATE_ASSIGNED);
}

/* ---- the rest ---- */

static void key_told(story_t *s)
{
    const item_t *i = s->i, *first = NULL;
    const key_queue_t *k = i->key;
    char id[MSGID_TEXT], detail[300];
    size_t before = 0;
    if (!k || i->has_turn || !i->turn.next)
        return;
    for (list_node_t *n = list_first(&k->items); n && n != &i->turn && before < KEY_LOOKS_MOST;
         n = list_next(&k->items, n), before++)
        first = first ? first : list_of(n, item_t, turn);
    if (!first)
        return;
    msgid_text(&first->id, id);
    snprintf(detail, sizeof detail,
             "%zu earlier message%s of its key %s not finished; the first, %s, is %s%s%s", before,
             before == 1 ? "" : "s", before == 1 ? "is" : "are", id, state_name(first->state),
             first->state == STATE_QUEUED ? " and waits for: " : "",
             first->state == STATE_QUEUED ? blocker_name(first->blocker) : "");
    keeps(s, "key", id, detail, 0, SURE_UNKNOWN);
}

static void time_told(story_t *s)
{
    const item_t *i = s->i;
    char detail[200];
    int64_t left = i->due.due.us - s->l->now.at.us;
    if (i->state == STATE_ASSIGNED || left <= 0)
        return;
    snprintf(detail, sizeof detail, "its time comes in %.1f s%s%.100s", (double)left / US_PER_S,
             i->reason ? ": " : "", i->reason ? i->reason : "");
    keeps(s, "due", "", detail, left, SURE_MEASURED);
}

static void place_told(story_t *s)
{
    const limiter_t *l = s->l;
    const item_t *i = s->i;
    const step_t *step = item_step(l, i);
    if (i->state == STATE_HELD)
        keeps(s, "hold", "", i->reason ? i->reason : "held", 0, SURE_UNKNOWN);
    if (!mode_starts_work(l))
        keeps(s, "mode", mode_name(l->mode), "no work is started in this mode", 0, SURE_UNKNOWN);
    if (i->route != NO_ROUTE && route_stops(l, i, step))
        keeps(s, "route", item_route(l, i)->name,
              "its route is stopped by an operator (weirctl route start)", 0, SURE_UNKNOWN);
    if (i->blocker == BLOCKER_VALUES)
        keeps(s, "values", "",
              "as many label values as there may be are in use (queue.buckets_max)", 0,
              SURE_UNKNOWN);
    key_told(s);
    time_told(s);
    if (step && i->blocker == BLOCKER_CONNECTION && step->pool != own_pool(l) &&
        pool_free(l, step->pool) == 0)
        keeps(s, "connection", l->config->pools[step->pool],
              "no connection to where it goes is free", 0, SURE_UNKNOWN);
}

static void sentence(const story_t *s, char *out, size_t size)
{
    if (s->i->state == STATE_ASSIGNED)
        snprintf(out, size, "a step of it runs now");
    else if (json_array_size(s->keeps) == 0)
        snprintf(out, size, "nothing keeps it: it starts at once");
    else if (s->sure == SURE_UNKNOWN)
        snprintf(out, size, "%s; when it starts cannot be told", s->first);
    else
        snprintf(out, size, "%s; it should start in about %.1f s (%s)", s->first,
                 (double)s->start_us / US_PER_S, sureness_name(s->sure));
}

json_t *explain_item(limiter_t *l, const item_t *i, const label_values_t *of)
{
    char text[700];
    story_t s = {
        .l = l, .i = i, .keeps = json_array(), .limits = json_array(), .sure = SURE_MEASURED};
    bool runs = i->state == STATE_ASSIGNED;
    if (!runs)
        place_told(&s);
    limits_told(&s, of);
    sentence(&s, text, sizeof text);
    bool known = !runs && s.sure != SURE_UNKNOWN;
    return json_pack("{s:o,s:o,s:o,s:s,s:s%}", "keeps", s.keeps, "limits", s.limits,
                     "should_start_in_ms",
                     known ? json_integer(s.start_us / US_PER_MS) : json_null(), "sure",
                     sureness_name(runs ? SURE_MEASURED : s.sure), "sentence", text,
                     utf8_prefix(bytes_str(text), sizeof text));
}
