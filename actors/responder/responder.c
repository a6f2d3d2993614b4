/* responder.c: makes the call steps: one assignment, one HTTP request, one settle. It never
 * retries: the limiter is the only place that does. */
#include <stdio.h>
#include <stdlib.h>

#include "actors/responder/listing.h"
#include "actors/responder/render.h"
#include "core/answer.h"
#include "core/bugs.h"
#include "core/json_text.h"
#include "core/redact.h"
#include "core/seqmap.h"
#include "sys/log_wanted.h"

#define RESULT_BODY_MAX 8192u /* a larger answer's body is not kept in the message's results */
#define REASON_BODY_MAX 200u  /* of a refusal, for a person */
#define HAND_MOST 4096u
#define LIST_TOKEN (1ull << 63) /* of the call for a LIST; below it the limit's place */

typedef struct responder {
    const birth_t *birth;
    work_t work;
    seqmap_t *calls; /* by token: held_t that runs */
    uint64_t last_token;
    work_pool_t *pools; /* one a downstream, in the configuration's order */
    uint64_t *lists;    /* as config->limits: the number of the LIST that runs; 0: none */
    call_text_t call;
    char cancelled_by[REASON_BYTES_MAX + 1]; /* who ordered the latest CANCEL, and why */
} responder_t;

static void *create(const birth_t *birth)
{
    const config_t *config = birth->config;
    responder_t *self = calloc(1, sizeof *self);
    must(self && (self->pools = calloc(config->downstream_count + 1, sizeof *self->pools)) &&
         (self->lists = calloc(config->limit_count + 1, sizeof *self->lists)));
    self->birth = birth;
    self->work = (work_t){.config = config,
                          .hand = hand_new(HAND_MOST),
                          .pools = self->pools,
                          .pool_count = config->downstream_count,
                          .term.standby = birth->standby};
    self->calls = seqmap_new();
    for (size_t i = 0; i < config->downstream_count; i++)
        self->pools[i] = (work_pool_t){.name = config->downstreams[i].name,
                                       .connections = config->downstreams[i].connections};
    return self;
}

static void destroy(void **self)
{
    responder_t *responder = *self;
    if (!responder)
        return;
    call_clear(&responder->call);
    hand_destroy(&responder->work.hand);
    seqmap_destroy(&responder->calls);
    free(responder->pools);
    free(responder->lists);
    free(responder);
    *self = NULL;
}

static size_t pool_of(const responder_t *self, const step_t *step)
{
    return (size_t)(step->downstream - self->birth->config->downstreams);
}

/* ---- a call begins */

static bytes_t secret_of(const responder_t *self, const downstream_t *downstream)
{
    const char *name = downstream->secret;
    return name ? self->birth->secret(self->birth->secret_arg, name) : bytes_of(NULL, 0);
}

static void call(responder_t *self, held_t *held, const step_t *step, instant_t start_by,
                 effects_t *effects)
{
    work_pool_t *pool = &self->pools[pool_of(self, step)];
    must(pool->running < pool->connections);
    pool->running++;
    held->token = ++self->last_token;
    held->pool = pool_of(self, step);
    seqmap_put(self->calls, (int64_t)held->token, held);
    wish_call(effects, &(http_call_t){
                           .token = held->token,
                           .pool = held->pool,
                           .method = step->method,
                           .path = self->call.path,
                           .headers = self->call.headers,
                           .header_count = self->call.header_count,
                           .body = self->call.body,
                           .start_by = BUG(LATE_CALL) ? INSTANT_NEVER : start_by,
                       });
}

/* Why nothing can be sent for this assignment; false: it can. */
static bool is_hopeless(responder_t *self, const msg_assign_t *assign, const step_t *step,
                        now_t now, msg_settle_t *ended)
{
    if (self->work.term.asked)
        *ended = work_failed(assign, OUTCOME_UNBEGUN, "the responder stops");
    else if (work_is_late(assign, now) && !BUG(LATE_CALL))
        *ended = work_failed(assign, OUTCOME_UNBEGUN, "start_by had passed");
    else if (!step)
        *ended = work_failed(assign, OUTCOME_UNBEGUN,
                             "route_changed: no such call step in this configuration");
    else if (step->downstream->secret && !secret_of(self, step->downstream).len)
        *ended = work_failed(assign, OUTCOME_RETRY,
                             "the downstream's secret was not given to this actor");
    else if (call_render(&self->call, step, assign, secret_of(self, step->downstream)) < 0)
        *ended = work_failed(assign, OUTCOME_FAIL, self->call.why); /* lives until call_clear */
    else
        return false;
    return true;
}

static void on_assign(responder_t *self, const msg_assign_t *assign, now_t now, effects_t *effects)
{
    const step_t *step = work_step(self->birth->config, assign, STEP_CALL);
    msg_settle_t ended;
    if (step)
        work_arrived(&self->pools[pool_of(self, step)]);
    if (hand_find(self->work.hand, assign->seq, (uint32_t)assign->attempt, assign->fence))
        return; /* said twice: it runs, or its settle is repeated until SETTLED */
    held_t *held = hand_take(self->work.hand, assign);
    held->is_logged = log_wanted(self->birth->config,
                                 config_route(self->birth->config, assign->route), &assign->id);
    if (is_hopeless(self, assign, step, now, &ended))
        work_settle(&self->work, held, &ended, effects);
    else
        call(self, held, step, (instant_t){(int64_t)assign->start_by_us}, effects);
    call_clear(&self->call);
}

/* ---- a call ends */

static bytes_t answer_header(const http_answer_t *answer, const char *name)
{
    for (size_t i = 0; i < answer->header_count; i++)
        if (bytes_is(answer->headers[i].name, name))
            return answer->headers[i].value;
    return bytes_of(NULL, 0);
}

static answer_judged_t judge(const http_answer_t *answer, wall_t wall)
{
    answer_seen_t seen = {.wrote = answer->wrote, .status = answer->status};
    switch (answer->end) {
    case CALL_ANSWERED:
        seen.end = SEEN_ANSWER;
        break;
    case CALL_FAILED:
        seen.end = SEEN_FAILURE;
        break;
    case CALL_LATE:
        seen.end = SEEN_LATE;
        break;
    case CALL_CANCELLED:
        seen.end = SEEN_CANCELLED;
        break;
    }
    seen.retry_after = answer_header(answer, "retry-after");
    return answer_judge(&seen, wall);
}

/* {"status": 200, "body": ...}, the body where it is JSON, whole and small. The caller frees it. */
static char *result_of(const http_answer_t *answer)
{
    json_t *body = NULL; /* only to know that it is JSON: it is kept as it came */
    if (!answer->truncated && answer->body.len && answer->body.len <= RESULT_BODY_MAX)
        body = json_text_parse(answer->body, NULL);
    size_t size = answer->body.len + 64;
    char *text = malloc(size);
    must(text);
    if (body)
        snprintf(text, size, "{\"status\":%u,\"body\":%.*s}", answer->status, (int)answer->body.len,
                 (const char *)answer->body.data);
    else
        snprintf(text, size, "{\"status\":%u}", answer->status);
    json_decref(body);
    return text;
}

static void say_why(const responder_t *self, const http_answer_t *answer, char *out, size_t size)
{
    char body[REASON_BODY_MAX + 1] = "";
    switch (answer->end) {
    case CALL_ANSWERED:
        text_printable(answer->body, body, sizeof body);
        snprintf(out, size, "HTTP %u%s%s", answer->status, *body ? ": " : "", body);
        break;
    case CALL_FAILED:
        text_printable(bytes_str(answer->error), out, size);
        break;
    case CALL_LATE:
        snprintf(out, size, "start_by had passed before the first byte");
        break;
    case CALL_CANCELLED:
        snprintf(out, size, "the call was cancelled: %s", self->cancelled_by);
        break;
    }
}

static void count_call(const responder_t *self, const held_t *held, const http_answer_t *answer,
                       effects_t *effects)
{
    bytes_t name = bytes_str(self->pools[held->pool].name);
    if (answer->end == CALL_ANSWERED) {
        wish_count(effects, METRIC_CALLS, name, 1);
        wish_observe(effects, METRIC_CALL_SECONDS, name, (double)answer->took_us / US_PER_S);
    } else {
        bool cancelled = answer->end == CALL_CANCELLED;
        wish_count(effects, cancelled ? METRIC_CALLS_CANCELLED : METRIC_CALL_FAILURES, name, 1);
    }
}

static void log_call(const responder_t *self, const held_t *held, const http_answer_t *answer,
                     bytes_t reason, effects_t *effects)
{
    char id[MSGID_TEXT], text[64];
    const double ms = (double)answer->took_us / US_PER_MS;
    if (!held->is_logged)
        return;
    msgid_text(&held->id, id);
    if (answer->end == CALL_ANSWERED)
        snprintf(text, sizeof text, "call ended: HTTP %u in %.1f ms", answer->status, ms);
    else
        snprintf(text, sizeof text, "call ended without an answer in %.1f ms", ms);
    wish_log(effects, &(log_line_t){.event = LOG_CALLED,
                                    .text = text,
                                    .message = bytes_str(id),
                                    .downstream = bytes_str(self->pools[held->pool].name),
                                    .reason = reason,
                                    .chosen = true});
}

static void answered(responder_t *self, held_t *held, const http_answer_t *answer, now_t now,
                     effects_t *effects)
{
    answer_judged_t judged = judge(answer, now.wall);
    char reason[REASON_BYTES_MAX] = "";
    char *result = judged.outcome == OUTCOME_OK ? result_of(answer) : NULL;
    if (judged.outcome != OUTCOME_OK)
        say_why(self, answer, reason, sizeof reason);
    msg_settle_t ended = {
        .outcome = judged.outcome,
        .wrote = answer->wrote,
        .status = answer->end == CALL_ANSWERED ? answer->status : 0,
        .retry_after_ms = judged.retry_after_ms,
        .reason = bytes_str(reason),
        .result = bytes_str(result),
        .took_us = answer->took_us,
        .cancelled = answer->end == CALL_CANCELLED,
    };
    count_call(self, held, answer, effects);
    log_call(self, held, answer, ended.reason, effects);
    work_settle(&self->work, held, &ended, effects);
    free(result);
}

static void call_ended(responder_t *self, const http_answer_t *answer, now_t now,
                       effects_t *effects)
{
    held_t *held = seqmap_find(self->calls, (int64_t)answer->token);
    must(held && !held->is_settled);
    seqmap_remove(self->calls, (int64_t)answer->token);
    self->pools[held->pool].running--;
    const char *secret = self->birth->config->downstreams[held->pool].secret;
    /* The far side may repeat our token in its answer, which must not bring it into the store and
     * the journal. */
    uint8_t *body =
        secret ? redact(answer->body, self->birth->secret(self->birth->secret_arg, secret)) : NULL;
    http_answer_t seen = *answer;
    if (body)
        seen.body = bytes_of(body, answer->body.len);
    answered(self, held, &seen, now, effects);
    free(body);
}

static void cancel_one(void *effects, void *held)
{
    wish_cancel(effects, ((const held_t *)held)->token);
}

/* What has its answer already is settled by that. Whatever the limiter assigned before this order
 * came before it on the link, so all of it is here. */
static void on_cancel(responder_t *self, const msg_cancel_t *cancel, effects_t *effects)
{
    bytes_text(cancel->why, self->cancelled_by, sizeof self->cancelled_by);
    seqmap_each(self->calls, cancel_one, effects);
}

/* ---- the list of a limit's truth */

static void listed(responder_t *self, const msg_list_t *list, unsigned status,
                   const listing_t *listing, effects_t *effects)
{
    wish_send(effects, self->work.limiter, MESSAGE_LISTED,
              &(msg_listed_t){.number = list->number,
                              .limit = list->limit,
                              .status = status,
                              .ids = bytes_str(listing->ids),
                              .whole = listing->ids != NULL,
                              .reason = bytes_str(listing->why)});
}

/* It uses a connection that no assignment can have (config_lists). One at a time a limit: who asks
 * again was born anew, and its leases may be younger than the question that runs. */
static void on_list(responder_t *self, const msg_list_t *list, now_t now, effects_t *effects)
{
    const config_t *config = self->birth->config;
    long limit = config_limit(config, list->limit);
    const downstream_t *d = limit < 0 ? NULL : config->limits[limit].truth.downstream;
    const char *why = NULL;
    if (!d || self->work.term.asked)
        why = d ? "the responder stops" : "no such question in this configuration";
    else if (self->lists[limit])
        why = "an earlier question is not answered yet";
    else if (d->secret && !secret_of(self, d).len)
        why = "the downstream's secret was not given to this actor";
    else if (call_render_get(&self->call, d, config->limits[limit].truth.path, secret_of(self, d)))
        why = self->call.why;
    if (why) {
        listing_t none = {0};
        snprintf(none.why, sizeof none.why, "%s", why);
        listed(self, list, 0, &none, effects);
    } else {
        self->lists[limit] = list->number;
        wish_call(effects, &(http_call_t){.token = LIST_TOKEN | (uint64_t)limit,
                                          .pool = (size_t)(d - config->downstreams),
                                          .method = "GET",
                                          .path = self->call.path,
                                          .headers = self->call.headers,
                                          .header_count = self->call.header_count,
                                          .start_by = instant_after_us(now.at, US_PER_S)});
    }
    call_clear(&self->call);
}

static void list_ended(responder_t *self, const http_answer_t *answer, effects_t *effects)
{
    size_t place = (size_t)(answer->token & ~LIST_TOKEN);
    const limit_t *limit = &self->birth->config->limits[place];
    listing_t listing = listing_read(&limit->truth, answer);
    const msg_list_t list = {.number = self->lists[place], .limit = bytes_str(limit->name)};
    self->lists[place] = 0;
    listed(self, &list, answer->end == CALL_ANSWERED ? answer->status : 0, &listing, effects);
    free(listing.ids);
}

static void on_answer(responder_t *self, const http_answer_t *answer, now_t now, effects_t *effects)
{
    if (answer->token & LIST_TOKEN)
        list_ended(self, answer, effects);
    else
        call_ended(self, answer, now, effects);
}

/* ---- the step */

static void on_message(responder_t *self, const message_t *message, now_t now, effects_t *effects)
{
    for (size_t i = 0; i < message->count; i++)
        if (message->head.type == MESSAGE_ASSIGN)
            on_assign(self, &((const msg_assign_t *)message->items)[i], now, effects);
        else if (message->head.type == MESSAGE_LIST)
            on_list(self, &((const msg_list_t *)message->items)[i], now, effects);
        else if (message->head.type == MESSAGE_CANCEL)
            on_cancel(self, &((const msg_cancel_t *)message->items)[i], effects);
}

static void step(void *arg, const event_t *event, now_t now, effects_t *effects)
{
    responder_t *self = arg;
    if (event->kind == EVENT_START)
        wish_ready(effects, "makes the calls");
    else if (event->kind == EVENT_MESSAGE)
        on_message(self, event->message, now, effects);
    else if (event->kind == EVENT_ANSWER)
        on_answer(self, event->answer, now, effects);
    work_event(&self->work, event, now, effects);
    work_go_on(&self->work, now, effects);
}

static size_t holding(const void *self, msg_holding_t *out, size_t most)
{
    return hand_holding(((const responder_t *)self)->work.hand, out, most);
}

const actor_spec_t responder_spec = {
    .kind = ACTOR_RESPONDER,
    .calls = true,
    .create = create,
    .step = step,
    .destroy = destroy,
    .holding = holding,
};
