/* by_hand.c: what people do to messages: hold, release, cancel, another class; to one, or to all of
 * a route in slices. What runs is never touched: only what waits. */
#include "actors/limiter/hand.h"

#include "core/msgid.h"

#define BULK_LOOKS 4096 /* messages looked at in one step */
#define BULK_CHANGES 512

static const char *verb_of(const struct question *q)
{
    return q->act == ACT_HOLD      ? "held"
           : q->act == ACT_RELEASE ? "released"
           : q->act == ACT_CANCEL  ? "cancelled"
                                   : "given another class";
}

/* ---- one ---- */

/* NULL: it can be done; else why not, and what to do in *hint. */
static const char *why_not(const item_t *i, const struct question *q, const char **hint)
{
    if (item_is_newcomer(i)) {
        *hint = "try again in a moment";
        return "it waits behind those that are loaded or let go";
    }
    if (i->state == STATE_ASSIGNED && q->act != ACT_CLASS) {
        *hint = "it ends by itself; weirctl route stop keeps the others of its route";
        return "a step of it runs now";
    }
    if (q->act == ACT_HOLD && i->state == STATE_HELD) {
        *hint = "weirctl release lets it go on";
        return "it is held already";
    }
    if (q->act == ACT_RELEASE && i->state != STATE_HELD) {
        *hint = "weirctl why says what it waits for";
        return "it is not held";
    }
    if (q->act == ACT_RELEASE && i->parked) {
        *hint = "weirctl undrain lets it go on";
        return "it waits for the end of the drain";
    }
    if (q->act == ACT_RELEASE && i->lost) {
        *hint = "a reload that brings them back releases it; weirctl cancel gives it up";
        return "its route or step is not in the configuration";
    }
    return NULL;
}

static void hold_one(limiter_t *l, item_t *i, const struct question *q)
{
    char reason[REASON_BYTES_MAX + 1];
    snprintf(reason, sizeof reason, "by hand (%.128s): %.*s", q->who,
             (int)utf8_prefix(bytes_str(q->why), REASON_BYTES_MAX - 160), q->why);
    item_unplace(l, i);
    hold(l, i, reason);
}

/* What was tried and may have happened is tried again, and says so. */
static void release_one(limiter_t *l, item_t *i)
{
    item_unplace(l, i);
    i->state = STATE_QUEUED;
    i->failed = 0;
    i->due.due.us = 0; /* whoever lets it go on means now, whatever it waited for before */
    if (i->flags & (PROGRESS_UNKNOWN | PROGRESS_WROTE))
        i->flags |= PROGRESS_MAYBE_DUPLICATE;
    item_set_reason(i, NULL, 0);
    item_touch(l, i);
    if (i->has_turn)
        offer(l, i);
    else
        item_waits(l, i, BLOCKER_KEY);
}

static void cancel_one(limiter_t *l, item_t *i, const struct question *q)
{
    char reason[REASON_BYTES_MAX + 1];
    snprintf(reason, sizeof reason, "cancelled: by %.128s%s%.*s", q->who, q->why[0] ? ", " : "",
             (int)utf8_prefix(bytes_str(q->why), REASON_BYTES_MAX - 160), q->why);
    item_unplace(l, i);
    item_die(l, i, reason);
}

/* It may be gone afterwards. */
static void do_one(limiter_t *l, item_t *i, const struct question *q)
{
    if (q->act == ACT_HOLD)
        hold_one(l, i, q);
    else if (q->act == ACT_RELEASE)
        release_one(l, i);
    else if (q->act == ACT_CANCEL)
        cancel_one(l, i, q);
    else
        item_set_class(l, i, q->class);
}

static json_t *item_state(const item_t *i)
{
    return json_pack("{s:s,s:s}", "state", state_name(i->state), "class", class_name(i->class));
}

/* id: "" for many. */
static void done_log(limiter_t *l, const struct question *q, const char *id, const route_t *route,
                     const char *text)
{
    char line[400];
    snprintf(line, sizeof line, "%s %s by %s", text, verb_of(q), q->who);
    wish_log(l->e, &(log_line_t){.event = LOG_MESSAGE_CHANGED,
                                 .text = line,
                                 .message = bytes_str(id),
                                 .route = bytes_str(route ? route->name : ""),
                                 .reason = bytes_str(q->why)});
}

/* The message as the store has it; memory knows better where it stands. */
void message_read(limiter_t *l, const struct question *q, const stored_message_t *m)
{
    char id[MSGID_TEXT], text[64];
    const char *hint = NULL;
    item_t *i = seqmap_find(l->live, m->progress.seq);
    const char *refused = i ? why_not(i, q, &hint) : NULL;
    if (!i || refused) {
        query_refuse(l, q, 409, i ? refused : "it is finished",
                     i ? hint : "weirctl show says how; weirctl dead redrive puts a dead one back");
        return;
    }
    int64_t seq = i->seq;
    const route_t *route = item_route(l, i);
    json_t *before = item_state(i);
    do_one(l, i, q);
    i = seqmap_find(l->live, seq);
    msgid_text(&m->envelope.id, id);
    snprintf(text, sizeof text, "message %s", id);
    done_log(l, q, id, route, text);
    query_reply(l, q, 200,
                json_pack("{s:s,s:o,s:o}", "id", id, "before", before, "after",
                          i ? item_state(i) : json_pack("{s:s}", "state", "dead")));
}

/* ---- all of a route ---- */

static void bulk_ends(limiter_t *l)
{
    char text[200];
    const route_t *route = &l->config->routes[l->bulk.route];
    snprintf(text, sizeof text, "%llu messages of %s", (unsigned long long)l->bulk.changed,
             route->name);
    done_log(l, &l->bulk.q, "", route, text);
    query_reply(l, &l->bulk.q, 200,
                json_pack("{s:I,s:I,s:n,s:{s:I}}", "changed", (json_int_t)l->bulk.changed,
                          "left_alone", (json_int_t)l->bulk.left, "before", "after", "changed",
                          (json_int_t)l->bulk.changed));
    l->bulk.q.used = false;
}

void bulk_go_on(limiter_t *l)
{
    size_t looks = 0, changes = 0;
    const char *hint;
    if (!l->bulk.q.used)
        return;
    for (; l->bulk.next < l->bulk.end && looks < BULK_LOOKS && changes < BULK_CHANGES &&
           step_has_room(l);
         l->bulk.next++, looks++) {
        item_t *i = seqmap_find(l->live, l->bulk.next);
        if (!i || i->route != l->bulk.route)
            continue;
        if (why_not(i, &l->bulk.q, &hint)) {
            l->bulk.left++;
            continue;
        }
        do_one(l, i, &l->bulk.q);
        l->bulk.changed++;
        changes++;
    }
    if (l->bulk.next >= l->bulk.end)
        bulk_ends(l);
    else
        wish_again(l->e);
}

static void bulk_begin(limiter_t *l, const hand_t *h, const struct question *q)
{
    const char *name = json_string_value(json_object_get(h->args, "route"));
    const route_t *r = config_route(l->config, bytes_str(name));
    if (!r) {
        query_refuse(l, q, 404, "no such route", "weirctl names lists the routes");
        return;
    }
    if (l->bulk.q.used) {
        query_refuse(l, q, 409, "another route's messages are being held or released",
                     "try again in a moment");
        return;
    }
    l->bulk.q = *q;
    l->bulk.q.used = true;
    l->bulk.route = (uint16_t)(r - l->config->routes);
    l->bulk.next = l->tally.first_live;
    l->bulk.end = l->tally.next_seq;
    l->bulk.changed = l->bulk.left = 0;
}

/* ---- orders ---- */

static bool class_asked(const json_t *args, struct question *q)
{
    const char *word = json_string_value(json_object_get(args, "class"));
    int class = word ? class_of(bytes_str(word)) : -1;
    if (class >= 0)
        q->class = (uint8_t) class;
    return class >= 0;
}

bool message_told(limiter_t *l, const hand_t *h)
{
    static const struct {
        const char *verb;
        int act;
        bool bulk;
    } verbs[] = {{"hold", ACT_HOLD, true},
                 {"release", ACT_RELEASE, true},
                 {"cancel", ACT_CANCEL, false},
                 {"prioritise", ACT_CLASS, false}};
    size_t n = 0;
    while (n < COUNT_OF(verbs) && strcmp(verbs[n].verb, h->verb) != 0)
        n++;
    if (n == COUNT_OF(verbs))
        return false;
    struct question q = *h->q;
    q.act = verbs[n].act;
    q.dead_only = false;
    snprintf(q.who, sizeof q.who, "%s", h->who);
    snprintf(q.why, sizeof q.why, "%s", h->why);
    bool route = json_object_get(h->args, "route") != NULL,
         id = json_object_get(h->args, "id") != NULL;
    if (l->phase != LOADED)
        query_refuse(l, &q, 503, "the queue is still being read after the start",
                     "try again in a moment");
    else if (q.act == ACT_CLASS && !class_asked(h->args, &q))
        query_refuse(l, &q, 400, "no such class", "critical, high, normal or low");
    else if (verbs[n].bulk && route == id)
        query_refuse(l, &q, 400, "say which: a message's id, or a route",
                     "weirctl hold ID, or weirctl hold --route NAME");
    else if (route && verbs[n].bulk)
        bulk_begin(l, h, &q);
    else
        ask_one(l, &q, h->args);
    return true;
}
