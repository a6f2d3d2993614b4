/* submit.c: a submission's way: waiting (no credit, no limiter) -> sent -> answered by its VERDICT.
 * After a new link every one without a verdict is said again with the same id, which is harmless to
 * the limiter. */
#include "actors/ingress/ingress.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/bugs.h"
#include "core/msgid.h"
#include "sys/crypto.h"
#include "sys/log_wanted.h"

/* ---- the table */

/* The last bytes of an id are chance. */
static submission_t **place_of(ingress_t *self, const msgid_t *id)
{
    size_t bucket = (id->b[15] | (size_t)id->b[14] << 8) % BUCKETS;
    submission_t **place = &self->buckets[bucket];
    while (*place && !msgid_equal(&(*place)->item.id, id))
        place = &(*place)->next;
    return place;
}

static void forget(ingress_t *self, submission_t *submission)
{
    submission_t **place = place_of(self, &submission->item.id);
    must(*place == submission);
    *place = submission->next;
    list_remove(submission->in, &submission->node);
    self->bytes -= submission->bytes;
    free(submission);
}

static void move(submission_t *submission, list_t *to)
{
    list_remove(submission->in, &submission->node);
    submission->in = to;
    list_push(to, &submission->node);
}

static size_t count(const ingress_t *self)
{
    return self->waiting.count + self->again.count + self->sent.count + self->answered.count;
}

static submission_t *first(const list_t *list)
{
    list_node_t *node = list_first(list);
    return node ? list_of(node, submission_t, node) : NULL;
}

void submit_destroy(ingress_t *self)
{
    list_t *lists[] = {&self->waiting, &self->again, &self->sent, &self->answered};
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        while (lists[i]->count)
            forget(self, first(lists[i]));
}

/* ---- a request becomes a submission */

/* Chance for ids: SHA-256 of this life's key and a counter, so that no two lives draw the same. */
msgid_t ingress_mint(ingress_t *self, wall_t wall)
{
    uint64_t number = ++self->ids;
    bytes_t parts[] = {bytes_of(self->id_key, sizeof self->id_key),
                       bytes_of(&number, sizeof number)};
    sha256_t chance = sha256_of(parts, COUNT_OF(parts));
    return msgid_make((uint64_t)(wall.us / US_PER_MS), chance.b);
}

static bytes_t keep(uint8_t **at, bytes_t text)
{
    bytes_t kept = {*at, text.len};
    if (text.len)
        memcpy(*at, text.data, text.len);
    *at += text.len;
    return text.len ? kept : bytes_of(NULL, 0);
}

static void fill(submission_t *submission, const http_request_t *request,
                 const extracted_t *extracted)
{
    uint8_t *at = submission->text;
    msg_submit_t *item = &submission->item;
    item->source = bytes_str(submission->route->source->name);
    item->route = bytes_str(submission->route->name);
    item->class = extracted->class;
    item->print = extracted->print;
    item->body_hash = extracted->body_hash;
    item->key = keep(&at, bytes_of(extracted->key, extracted->key_len));
    item->labels = keep(&at, bytes_str(extracted->labels));
    item->fields = keep(&at, bytes_str(extracted->fields));
    item->content_type = keep(&at, extracted->content_type);
    item->trace = keep(&at, extracted->trace);
    item->body = keep(&at, request->body);
    submission->cost = (credit_t){1, item->body.len + item->fields.len + FRAME_ITEM_OVERHEAD};
}

static submission_t *submission_new(const scene_t *s, const http_request_t *request,
                                    const route_t *route, const extracted_t *extracted)
{
    size_t text = extracted->key_len + bytes_str(extracted->labels).len +
                  bytes_str(extracted->fields).len + extracted->content_type.len +
                  extracted->trace.len + request->body.len;
    submission_t *submission = malloc(sizeof *submission + text);
    must(submission);
    *submission = (submission_t){.token = request->token,
                                 .route = route,
                                 .arrived = s->now.at,
                                 .bytes = sizeof *submission + text};
    submission->item.id = ingress_mint(s->self, s->now.wall);
    submission->item.received_us = (uint64_t)(s->now.wall.us > 0 ? s->now.wall.us : 0);
    fill(submission, request, extracted);
    return submission;
}

void submit_request(const scene_t *s, const http_request_t *request, const route_t *route,
                    const extracted_t *extracted)
{
    ingress_t *self = s->self;
    if (count(self) >= SUBMISSIONS_MAX || self->waiting.count >= WAITING_MAX ||
        self->bytes >= SUBMISSION_BYTES_MAX) {
        reply_refusal(s, request->token, PROBLEM_OVERLOADED, "too many submissions wait already");
        return;
    }
    submission_t *submission = submission_new(s, request, route, extracted);
    submission_t **place = place_of(self, &submission->item.id);
    must(!*place);
    *place = submission;
    self->bytes += submission->bytes;
    submission->in = &self->waiting;
    list_push(&self->waiting, &submission->node);
    submit_send(s);
}

/* Room for one more answer in this step? Else the step goes on later. */
static bool has_room(const scene_t *s)
{
    if (effects_room(s->effects) >= 16)
        return true;
    wish_again(s->effects);
    return false;
}

/* ---- on its way */

bool limiter_is_usable(const ingress_t *self) { return self->is_up && !self->is_silent; }

/* False: the credit is used up. */
static bool send_from(const scene_t *s, list_t *list)
{
    ingress_t *self = s->self;
    for (submission_t *next; (next = first(list)) != NULL;) {
        if (!has_room(s) || !credit_take(&self->purse, next->cost))
            return false;
        move(next, &self->sent);
        wish_send(s->effects, self->limiter, MESSAGE_SUBMIT, &next->item);
    }
    return true;
}

void submit_send(const scene_t *s)
{
    ingress_t *self = s->self;
    if (limiter_is_usable(self) && send_from(s, &self->again))
        send_from(s, &self->waiting);
    if (credit_left(&self->purse).messages > 0)
        self->dry_since = INSTANT_NEVER;
    else if (instant_is_never(self->dry_since))
        self->dry_since = s->now.at;
}

/* Whom nobody waits for any more is not said again: if it was accepted it is done, else its sender
 * repeats it. */
void submit_link_began(const scene_t *s)
{
    ingress_t *self = s->self;
    while (self->answered.count)
        forget(self, first(&self->answered));
    if (BUG(SUBMIT_NOT_REPEATED))
        return;
    while (
        self->sent.count) { /* from the last, so that all are in the order of their arrival again */
        submission_t *last = list_of(self->sent.head.prev, submission_t, node);
        list_remove(&self->sent, &last->node);
        last->in = &self->again;
        list_push_front(&self->again, &last->node);
    }
}

/* ---- verdicts */

static void log_journey(const scene_t *s, const submission_t *submission, const char *id,
                        const char *text)
{
    wish_log(s->effects, &(log_line_t){.event = LOG_ACCEPTED,
                                       .text = text,
                                       .message = bytes_str(id),
                                       .route = submission->item.route,
                                       .key = submission->item.key,
                                       .trace = submission->item.trace,
                                       .chosen = true});
}

/* As JSON; what is not known is null. */
static const char *number_or_null(bool known, uint64_t number, char out[24])
{
    snprintf(out, 24, "%llu", (unsigned long long)number);
    return known ? out : "null";
}

/* How many wait before it, and when it should start, as the limiter sees it; for senders that show
 * it to people. */
static void reply_accepted(const scene_t *s, const submission_t *submission,
                           const msg_verdict_t *verdict)
{
    char id[MSGID_TEXT], location[64], body[192], ahead[24], start[24];
    msgid_text(&submission->item.id, id);
    if (log_wanted(s->self->birth->config, submission->route, &submission->item.id))
        log_journey(s, submission, id, "message accepted");
    snprintf(location, sizeof location, "/v1/messages/%s", id);
    int length =
        snprintf(body, sizeof body,
                 "{\"id\":\"%s\",\"status\":\"accepted\",\"ahead\":%s,\"start_in_ms\":%s}\n", id,
                 number_or_null(verdict->known & TOLD_AHEAD, verdict->ahead, ahead),
                 number_or_null(verdict->known & TOLD_START, verdict->start_in_ms, start));
    reply_json(s, submission->token, submission->route->accepted_status,
               bytes_of(body, (size_t)length), &(reply_extra_t){.location = location});
}

/* The first one's id and where it stands: for the sender it is accepted all the same. */
static void reply_duplicate(const scene_t *s, const submission_t *submission,
                            const msg_verdict_t *verdict)
{
    char id[MSGID_TEXT], location[64], body[128];
    msgid_text(&verdict->original, id);
    if (log_wanted(s->self->birth->config, submission->route, &verdict->original))
        log_journey(s, submission, id, "message sent again by its sender; it counts once");
    snprintf(location, sizeof location, "/v1/messages/%s", id);
    int length =
        snprintf(body, sizeof body, "{\"id\":\"%s\",\"status\":\"duplicate\",\"state\":\"%s\"}\n",
                 id, state_name((unsigned)verdict->state));
    reply_json(s, submission->token, 200, bytes_of(body, (size_t)length),
               &(reply_extra_t){.location = location});
}

static void reply_refused(const scene_t *s, const submission_t *submission,
                          const msg_verdict_t *verdict, enum problem_kind kind)
{
    char id[MSGID_TEXT] = "", detail[128];
    if (kind == PROBLEM_CONFLICT && !msgid_is_zero(&verdict->original))
        msgid_text(&verdict->original, id);
    problem_t problem = {.kind = kind, .detail = verdict->reason, .id = bytes_str(id)};
    if (verdict->limit.len) {
        bool capped = verdict->capped;
        snprintf(detail, sizeof detail, "limit %.*s %s", (int)verdict->limit.len,
                 (const char *)verdict->limit.data,
                 capped ? "is used up until its calendar's next period" : "lets nobody pass now");
        problem.kind = capped ? PROBLEM_CAPPED : kind;
        problem.detail = bytes_str(detail);
        problem.limit = verdict->limit;
        problem.by = bytes_str("limit");
    }
    reply_problem(s, submission->token, &problem,
                  &(reply_extra_t){.retry_after_ms = verdict->retry_after_ms});
}

static void reply_verdict(const scene_t *s, const submission_t *submission,
                          const msg_verdict_t *verdict)
{
    static const enum problem_kind kinds[VERDICT_COUNT] = {
        [VERDICT_CONFLICT] = PROBLEM_CONFLICT,       [VERDICT_LIMITED] = PROBLEM_LIMITED,
        [VERDICT_OVERLOADED] = PROBLEM_OVERLOADED,   [VERDICT_DRAINING] = PROBLEM_DRAINING,
        [VERDICT_MAINTENANCE] = PROBLEM_MAINTENANCE, [VERDICT_UNAVAILABLE] = PROBLEM_UNAVAILABLE,
        [VERDICT_REFUSED] = PROBLEM_UNPROCESSABLE,
    };
    wish_observe(s->effects, METRIC_ACK_SECONDS, bytes_of(NULL, 0),
                 (double)instant_since_us(s->now.at, submission->arrived) / US_PER_S);
    if (verdict->verdict == VERDICT_ACCEPTED)
        reply_accepted(s, submission, verdict);
    else if (verdict->verdict == VERDICT_DUPLICATE)
        reply_duplicate(s, submission, verdict);
    else
        reply_refused(s, submission, verdict, kinds[verdict->verdict]);
}

void submit_verdict(const scene_t *s, const msg_verdict_t *verdict)
{
    submission_t *submission = *place_of(s->self, &verdict->id);
    if (!submission || verdict->verdict >= VERDICT_COUNT)
        return; /* answered before, by an earlier copy of the same submission */
    if (submission->token)
        reply_verdict(s, submission, verdict);
    forget(s->self, submission);
}

/* ---- time */

static instant_t patience_of(const ingress_t *self, const submission_t *submission)
{
    if (!limiter_is_usable(self))
        return instant_after_us(submission->arrived, LIMITER_WAIT_US);
    instant_t since = instant_before(submission->arrived, self->usable_since) ? self->usable_since
                                                                              : submission->arrived;
    return instant_after_us(since, CREDIT_WAIT_US);
}

static void give_up_waiting(const scene_t *s, submission_t *submission)
{
    if (limiter_is_usable(s->self))
        reply_refusal(s, submission->token, PROBLEM_OVERLOADED,
                      "the queue takes nothing at the moment");
    else
        reply_refusal(s, submission->token, PROBLEM_UNAVAILABLE, "the queue is away for a moment");
    forget(s->self, submission);
}

static void give_up_verdict(const scene_t *s, submission_t *submission)
{
    char id[MSGID_TEXT];
    msgid_text(&submission->item.id, id);
    problem_t problem = {
        .kind = PROBLEM_UNAVAILABLE,
        .detail =
            bytes_str("no verdict yet: it may have been accepted; send it again with the same id, "
                      "which changes nothing if it was"),
        .id = bytes_str(id)};
    reply_problem(s, submission->token, &problem, NULL);
    submission->token = 0;
}

static instant_t look_at_waiting(const scene_t *s)
{
    for (submission_t *next; (next = first(&s->self->waiting)) != NULL;) {
        instant_t until = patience_of(s->self, next);
        if (instant_before(s->now.at, until) || !has_room(s))
            return until;
        give_up_waiting(s, next);
    }
    return INSTANT_NEVER;
}

/* `keep`: it is on its way, its verdict may still come. Else it is only waiting to be said again.
 */
static instant_t look_at_verdicts(const scene_t *s, list_t *list, bool keep_it)
{
    for (submission_t *next; (next = first(list)) != NULL;) {
        bool usable = limiter_is_usable(s->self);
        instant_t until =
            instant_after_us(next->arrived, usable ? VERDICT_WAIT_US : VERDICT_WAIT_AWAY_US);
        if (instant_before(s->now.at, until) || !has_room(s))
            return until;
        give_up_verdict(s, next);
        if (keep_it)
            move(next, &s->self->answered);
        else
            forget(s->self, next);
    }
    return INSTANT_NEVER;
}

instant_t submit_look_at_times(const scene_t *s)
{
    instant_t due = look_at_waiting(s);
    due = instant_min(due, look_at_verdicts(s, &s->self->again, false));
    return instant_min(due, look_at_verdicts(s, &s->self->sent, true));
}

/* ---- the end */

void submit_stop(const scene_t *s)
{
    ingress_t *self = s->self;
    for (submission_t *next; (next = first(&self->waiting)) != NULL;) {
        reply_refusal(s, next->token, PROBLEM_DRAINING, "the service stops");
        forget(self, next);
    }
}

bool submit_answer_all(const scene_t *s)
{
    list_t *lists[] = {&s->self->again, &s->self->sent};
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        for (submission_t *next; (next = first(lists[i])) != NULL;) {
            if (!has_room(s))
                return false;
            give_up_verdict(s, next);
            forget(s->self, next);
        }
    return true;
}
