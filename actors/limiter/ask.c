/* ask.c: questions of people and programs: what is there, where it stands, what blocks it. Rows
 * come from the store; what memory knows better (what a message waits for) is laid over them.
 * Answers leave only after what they tell is on disk. */
#include "actors/limiter/parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/limiter/hand.h"
#include "core/msgid.h"

#define ROWS_MAX 500

json_t *text_of(bytes_t b)
{
    return json_stringn_nocheck(b.len ? (const char *)b.data : "", b.len);
}

void query_reply(limiter_t *l, const struct question *q, unsigned status, json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
    must(text);
    size_t length = strlen(text);
    const char *too_large =
        "{\"error\":\"the answer is too large\",\"hint\":\"ask for fewer rows\"}";
    wish_send(l->e, q->asker, MESSAGE_ANSWER,
              &(msg_answer_t){.number = q->number,
                              .status = length > JSON_BYTES_MAX ? 413 : status,
                              .body = length > JSON_BYTES_MAX ? bytes_str(too_large)
                                                              : bytes_of(text, length)});
    free(text);
    json_decref(body);
}

void query_refuse(limiter_t *l, const struct question *q, unsigned status, const char *error,
                  const char *hint)
{
    query_reply(l, q, status, json_pack("{s:s,s:s}", "error", error, "hint", hint));
}

/* ---- what memory knows ---- */

static const item_t *turn_before(const item_t *i)
{
    const list_node_t *n = i->key && i->turn.next ? list_first(&i->key->items) : NULL;
    return n ? list_of(n, item_t, turn) : NULL;
}

static json_t *blocker_of(const limiter_t *l, const item_t *i)
{
    char holder[MSGID_TEXT] = "";
    const char *name = "", *detail = "";
    char shown[BUCKET_NAME_MAX + 256];
    const item_t *first = turn_before(i);
    const step_t *step = item_step(l, i);
    switch (i->blocker) {
    case BLOCKER_KEY:
        if (first)
            msgid_text(&first->id, holder);
        detail = "an earlier message of the same key is not finished";
        break;
    case BLOCKER_LIMIT:
        bucket_shown(item_blocker(l, i), shown, sizeof shown);
        name = shown;
        detail = "the limit lets nobody more pass now";
        break;
    case BLOCKER_DUE:
        detail = "its time has not come (see due_in_ms)";
        break;
    case BLOCKER_CONNECTION:
        name = step ? step->downstream ? step->downstream->name : "rules" : "";
        detail = mode_starts_work(l) ? "no free connection of its downstream"
                                     : "no work is started in this mode";
        break;
    case BLOCKER_BODY:
        detail = "its body is being read from the store";
        break;
    case BLOCKER_VALUES:
        detail = "as many label values as there may be are in use (queue.buckets_max)";
        break;
    case BLOCKER_HOLD:
        detail = i->reason ? i->reason : "held";
        break;
    default:
        detail = i->state == STATE_ASSIGNED ? "it runs" : "it waits for the start to end";
        break;
    }
    return json_pack("{s:s,s:s,s:s,s:s}", "kind", blocker_name(i->blocker), "name", name, "holder",
                     holder, "detail", detail);
}

static uint8_t state_now(const limiter_t *l, const stored_message_t *m)
{
    const item_t *i = seqmap_find(l->live, m->progress.seq);
    return i ? i->state : m->progress.state;
}

static json_t *row_of(const limiter_t *l, const stored_message_t *m)
{
    char id[MSGID_TEXT];
    const item_t *i = seqmap_find(l->live, m->progress.seq);
    msgid_text(&m->envelope.id, id);
    json_t *row = json_pack("{s:s,s:I,s:s,s:I,s:I,s:I,s:b}", "id", id, "seq",
                            (json_int_t)m->progress.seq, "state", state_name(state_now(l, m)),
                            "attempt", (json_int_t)(i ? i->attempt : m->progress.attempt), "failed",
                            (json_int_t)(i ? i->failed : m->progress.failed), "age_ms",
                            (json_int_t)((l->now.wall.us - m->envelope.accepted.us) / US_PER_MS),
                            "maybe_duplicate", (m->progress.flags & PROGRESS_MAYBE_DUPLICATE) != 0);
    const step_t *step = i ? item_step(l, i) : NULL;
    json_object_set_new(row, "route", text_of(m->envelope.route));
    json_object_set_new(row, "source", text_of(m->envelope.source));
    json_object_set_new(row, "key", text_of(m->envelope.key));
    json_object_set_new(row, "step", step ? json_string(step->name) : text_of(m->progress.step));
    json_object_set_new(row, "reason",
                        i && i->reason ? json_string(i->reason) : text_of(m->progress.reason));
    json_object_set_new(row, "blocker", json_string(i ? blocker_name(i->blocker) : "none"));
    if (m->damaged)
        json_object_set_new(row, "damaged", json_true());
    return row;
}

static json_t *steps_of(const limiter_t *l, const stored_message_t *m)
{
    const route_t *r = config_route(l->config, m->envelope.route);
    const item_t *i = seqmap_find(l->live, m->progress.seq);
    bytes_t text = i ? bytes_of(i->results, i->results_len) : m->progress.results;
    json_t *results = text.len ? json_loadb((const char *)text.data, text.len, 0, NULL) : NULL;
    const step_t *now = i ? item_step(l, i) : r ? route_step(r, m->progress.step) : NULL;
    bool passed = true;
    json_t *steps = json_array();
    for (size_t n = 0; r && n < r->step_count; n++) {
        const step_t *s = &r->steps[n];
        json_t *result = results ? json_object_get(results, s->name) : NULL;
        if (s == now)
            passed = false;
        const char *state = result     ? "done"
                            : s == now ? state_name(state_now(l, m))
                            : passed   ? "skipped"
                                       : "waiting";
        json_array_append_new(
            steps, json_pack("{s:s,s:s,s:O?}", "name", s->name, "state", state, "result", result));
    }
    json_decref(results);
    return steps;
}

static json_t *whole_of(limiter_t *l, const stored_message_t *m)
{
    json_t *row = row_of(l, m);
    const item_t *i = seqmap_find(l->live, m->progress.seq);
    json_object_set_new(row, "steps", steps_of(l, m));
    json_object_set_new(
        row, "labels",
        json_loadb((const char *)m->envelope.labels.data, m->envelope.labels.len, 0, NULL));
    json_object_set_new(row, "accepted_at_ms", json_integer(m->envelope.accepted.us / US_PER_MS));
    json_object_set_new(row, "deaths", json_integer(i ? i->deaths : m->progress.deaths));
    json_object_set_new(row, "unknown",
                        json_boolean(((i ? i->flags : m->progress.flags) & PROGRESS_UNKNOWN) != 0));
    if (m->progress.finished.us)
        json_object_set_new(row, "finished_at_ms",
                            json_integer(m->progress.finished.us / US_PER_MS));
    if (i) {
        int64_t due = i->blocker == BLOCKER_DUE ? i->due.due.us - l->now.at.us : 0;
        json_object_set_new(row, "due_in_ms", json_integer(due > 0 ? due / US_PER_MS : 0));
        if (item_age_left_us(l, i) != INT64_MAX)
            json_object_set_new(row, "expires_in_ms",
                                json_integer(item_age_left_us(l, i) / US_PER_MS));
        json_object_set_new(row, "blocker", blocker_of(l, i));
        json_object_set_new(row, "why",
                            explain_item(l, i,
                                         &(label_values_t){.labels = m->envelope.labels,
                                                           .key = m->envelope.key,
                                                           .route = m->envelope.route,
                                                           .source = m->envelope.source}));
    }
    return row;
}

/* ---- questions answered from memory ---- */

static void limit_row(limiter_t *l, bucket_t *b, void *arg)
{
    char value[BUCKET_NAME_MAX];
    uint32_t slots = bucket_slots(l, b, CLASS_CRITICAL);
    if (b->of->limit->own || b->whole || json_array_size(arg) >= ROWS_MAX)
        return;
    bucket_value(b, value, sizeof value);
    json_array_append_new(
        arg, json_pack("{s:s,s:s,s:o,s:I,s:I}", "name", b->of->limit->name, "value", value, "slots",
                       slots == SLOTS_ANY ? json_null() : json_integer(slots), "in_use",
                       (json_int_t)b->in_use, "waiting", (json_int_t)fair_count(&b->waiters)));
}

static json_t *limits_of(const limiter_t *l)
{
    json_t *all = json_array();
    buckets_each((limiter_t *)l, limit_row, all);
    return all;
}

static json_t *pools_of(const limiter_t *l)
{
    json_t *all = json_array();
    for (size_t n = 0; n < l->config->pool_count; n++) {
        json_int_t credit = 0, ready = (json_int_t)(fair_count(&l->pools[n].ready) +
                                                    l->pools[n].woken.count + l->pools[n].standing);
        for (size_t h = 0; h < l->holder_count; h++)
            credit += (json_int_t)credit_left(&l->holders[h]->purses[n]).messages;
        json_array_append_new(all, json_pack("{s:s,s:I,s:I}", "name", l->config->pools[n], "credit",
                                             credit, "ready", ready));
    }
    return all;
}

/* Of those with messages that are not finished. */
static json_t *routes_of(const limiter_t *l)
{
    json_t *all = json_array();
    for (size_t n = 0; n < l->config->route_count; n++) {
        const struct of_route *of = &l->of_route[n];
        if (of->live > 0)
            json_array_append_new(
                all, json_pack("{s:s,s:I,s:I,s:I}", "name", l->config->routes[n].name, "queued",
                               (json_int_t)(of->live - of->assigned - of->held), "assigned",
                               (json_int_t)of->assigned, "held", (json_int_t)of->held));
    }
    return all;
}

static json_t *status_of(const limiter_t *l)
{
    const item_t *oldest = l->phase == LOADED ? seqmap_find(l->live, l->tally.first_live) : NULL;
    int64_t age = oldest ? (l->now.wall.us - oldest->accepted.us) / US_PER_MS : 0;
    json_t *s =
        json_pack("{s:I,s:s,s:b,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "epoch",
                  (json_int_t)l->epoch, "mode", mode_name(l->mode), "loading", l->phase != LOADED,
                  "disk_low", l->disk_low || l->disk_full, "queued",
                  (json_int_t)(l->tally.live - l->assigned - l->held.count), "assigned",
                  (json_int_t)l->assigned, "held", (json_int_t)l->held.count, "dead",
                  (json_int_t)l->tally.dead, "done", (json_int_t)l->tally.done, "bytes",
                  (json_int_t)l->tally.live_bytes, "oldest_ms", (json_int_t)(age > 0 ? age : 0),
                  "disk_free", (json_int_t)l->disk_free, "damaged", (json_int_t)l->damaged);
    json_object_set_new(s, "work", mode_shown(l));
    json_object_set_new(s, "limits", limits_of(l));
    json_object_set_new(s, "pools", pools_of(l));
    json_object_set_new(s, "routes", routes_of(l));
    json_object_set_new(s, "memory",
                        json_pack("{s:I,s:I,s:I}", "messages", (json_int_t)seqmap_count(l->live),
                                  "keys", (json_int_t)l->key_count, "dedup_ids",
                                  (json_int_t)prints_count(l->prints)));
    return s;
}

/* ---- questions answered from the store ---- */

static struct question *question_open(limiter_t *l, size_t *place)
{
    for (size_t n = 0; n < QUERIES_MAX; n++)
        if (!l->questions[n].used) {
            *place = n;
            return &l->questions[n];
        }
    return NULL;
}

static void ask_store(limiter_t *l, const struct question *q, read_request_t *r)
{
    size_t place = 0;
    struct question *open = question_open(l, &place);
    r->token = READ_TOKEN(READ_FOR_QUERY, place);
    if (!open || !read_ask(l, r)) {
        query_refuse(l, q, 503, "too many questions at once", "ask again in a moment");
        return;
    }
    *open = *q;
    open->used = true;
}

void ask_one(limiter_t *l, const struct question *q, const json_t *args)
{
    read_request_t r = {.kind = READ_BY_ID,
                        .most = 1,
                        .state = -1,
                        .want_content = q->act == ACT_REDRIVE,
                        .after_changes = q->act != ACT_LOOK};
    const char *id = json_string_value(json_object_get(args, "id"));
    if (!id || msgid_parse(bytes_str(id), &r.id) != 0) {
        query_refuse(l, q, 400, "not a message id",
                     "an id has 26 characters, as `weirctl ls` shows them");
        return;
    }
    if (q->dead_only && q->act != ACT_LOOK && !act_is_possible(l)) {
        query_refuse(l, q, 503, "other dead letters are being put back or dropped",
                     "try again in a moment");
        return;
    }
    ask_store(l, q, &r);
}

static void ask_list(limiter_t *l, const struct question *q, const json_t *args, int state)
{
    const char *route = json_string_value(json_object_get(args, "route"));
    const char *wanted = json_string_value(json_object_get(args, "state"));
    json_int_t most = json_integer_value(json_object_get(args, "most"));
    read_request_t r = {.kind = READ_LIST,
                        .state = state,
                        .most = most > 0 && most <= ROWS_MAX ? (uint32_t)most : 100,
                        .newest_first = json_is_true(json_object_get(args, "newest")),
                        .from_seq = json_integer_value(json_object_get(args, "after"))};
    if (wanted && (r.state = state_of(bytes_str(wanted))) < 0) {
        query_refuse(l, q, 400, "no such state", "queued, assigned, held, done or dead");
        return;
    }
    if (route && !config_route(l->config, bytes_str(route))) {
        query_refuse(l, q, 404, "no such route",
                     "`weirctl names` lists those there are");
        return;
    }
    if (route)
        snprintf(r.route, sizeof r.route, "%s", route);
    ask_store(l, q, &r);
}

static bool by_hand(limiter_t *l, const struct question *q, const msg_query_t *m, json_t *args)
{
    char verb[65];
    const char *why = json_string_value(json_object_get(args, "why"));
    hand_t h = {.q = q, .verb = verb, .args = args};
    snprintf(verb, sizeof verb, "%.*s", (int)m->verb.len, (const char *)m->verb.data);
    snprintf(h.who, sizeof h.who, "%.*s", (int)m->who.len,
             m->who.len ? (const char *)m->who.data : "");
    snprintf(h.why, sizeof h.why, "%.*s", (int)utf8_prefix(bytes_str(why), REASON_BYTES_MAX),
             why ? why : "");
    return look_told(l, &h) || change_told(l, &h) || message_told(l, &h);
}

void query_told(limiter_t *l, const event_t *event)
{
    const msg_query_t *m = event->message->items;
    struct question q = {.asker = event->from.peer,
                         .number = m->number,
                         .act = bytes_is(m->verb, "dead.redrive") ? ACT_REDRIVE
                                : bytes_is(m->verb, "dead.drop")  ? ACT_DROP
                                                                  : ACT_LOOK};
    q.dead_only = q.act != ACT_LOOK || bytes_is(m->verb, "dead.show");
    json_t *args =
        m->args.len ? json_loadb((const char *)m->args.data, m->args.len, 0, NULL) : json_object();
    if (!json_is_object(args))
        query_refuse(l, &q, 400, "arguments are not a JSON object", "see `weirctl help`");
    else if (bytes_is(m->verb, "status"))
        query_reply(l, &q, 200, status_of(l));
    else if (by_hand(l, &q, m, args))
        ; /* answered, or will be */
    else if (bytes_is(m->verb, "show") || bytes_is(m->verb, "why") || q.dead_only)
        ask_one(l, &q, args);
    else if (m->verb.len > 7 && memcmp(m->verb.data, "backup.", 7) == 0)
        backup_query(l, &q, m->verb);
    else if (bytes_is(m->verb, "ls"))
        ask_list(l, &q, args, -1);
    else if (bytes_is(m->verb, "dead.ls"))
        ask_list(l, &q, args, STATE_DEAD);
    else
        query_refuse(l, &q, 404, "the limiter knows no such verb", "see `weirctl help`");
    json_decref(args);
}

static json_t *rows_of(const limiter_t *l, const read_result_t *read)
{
    json_t *rows = json_array();
    for (size_t n = 0; n < read->count; n++)
        json_array_append_new(rows, row_of(l, &read->messages[n]));
    return json_pack("{s:o,s:o}", "messages", rows, "next",
                     read->last ? json_null() : json_integer(read->next));
}

void query_arrived(limiter_t *l, const read_result_t *read)
{
    struct question *q = &l->questions[READ_WHOSE(read->request.token) % QUERIES_MAX];
    if (!q->used)
        return;
    q->used = false;
    if (read->request.kind == READ_LIST && read->error == 0)
        query_reply(l, q, 200, rows_of(l, read));
    else if (read->error == -ENOENT || (read->error == 0 && read->count == 0))
        query_refuse(l, q, 404, "no such message",
                     "it was never accepted, or is past its retention");
    else if (read->error == 0 && q->dead_only && state_now(l, &read->messages[0]) != STATE_DEAD)
        query_refuse(l, q, 409, "it is no dead letter", "`weirctl show` says where it stands");
    else if (read->error == 0 && q->act >= ACT_HOLD)
        message_read(l, q, &read->messages[0]);
    else if (read->error == 0 && q->act != ACT_LOOK)
        act_arrived(l, q, &read->messages[0]);
    else if (read->error == 0)
        query_reply(l, q, 200, whole_of(l, &read->messages[0]));
    else
        query_refuse(l, q, 500, "the stored message is damaged", "see the journal for its number");
}
