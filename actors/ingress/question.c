/* question.c: GET /v1/messages/{id}: the limiter knows; its answer is passed on. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/ingress/ingress.h"
#include "core/msgid.h"

static void say(const scene_t *s, const question_t *question)
{
    char id[MSGID_TEXT], args[64], who[WHO_BYTES];
    msgid_text(&question->id, id);
    int length = snprintf(args, sizeof args, "{\"id\":\"%s\"}", id);
    msg_query_t query = {.number = question->number,
                         .verb = bytes_str("show"),
                         .args = bytes_of(args, (size_t)length),
                         .who = permit_who(question->key, who)};
    wish_send_now(s->effects, s->self->limiter, MESSAGE_QUERY, &query);
}

void question_ask(const scene_t *s, const http_request_t *request, const api_key_t *key, bytes_t id)
{
    ingress_t *self = s->self;
    msgid_t parsed;
    if (msgid_parse(id, &parsed) < 0) {
        reply_refusal(s, request->token, PROBLEM_NOT_FOUND, "this is no message id");
    } else if (self->question_count == QUESTIONS_MAX) {
        reply_refusal(s, request->token, PROBLEM_UNAVAILABLE, "too many questions wait already");
    } else {
        question_t *question = &self->questions[self->question_count++];
        *question = (question_t){.number = ++self->last_question,
                                 .token = request->token,
                                 .id = parsed,
                                 .key = key,
                                 .until = instant_after_us(s->now.at, ANSWER_WAIT_US)};
        if (limiter_is_usable(self))
            say(s, question);
    }
}

/* The order of the table does not matter: the last fills the gap. */
static void forget(ingress_t *self, size_t place)
{
    self->questions[place] = self->questions[--self->question_count];
}

static enum problem_kind kind_of(uint64_t status)
{
    switch (status) {
    case 400:
        return PROBLEM_MALFORMED;
    case 404:
        return PROBLEM_NOT_FOUND;
    case 409:
        return PROBLEM_CONFLICT;
    case 503:
        return PROBLEM_UNAVAILABLE;
    default:
        return PROBLEM_INTERNAL;
    }
}

static void reply_failure(const scene_t *s, const question_t *question, const msg_answer_t *answer)
{
    json_t *body = json_loadb((const char *)answer->body.data, answer->body.len, 0, NULL);
    problem_t problem = {.kind = kind_of(answer->status),
                         .detail = bytes_str(json_string_value(json_object_get(body, "error")))};
    reply_problem(s, question->token, &problem, NULL);
    json_decref(body);
}

/* Without the scope read:bodies: what calls were answered is left out. */
static void reply_bare(const scene_t *s, const question_t *question, const msg_answer_t *answer)
{
    size_t i;
    json_t *step, *body = json_loadb((const char *)answer->body.data, answer->body.len, 0, NULL);
    json_array_foreach(json_object_get(body, "steps"), i, step)
        json_object_del(json_object_get(step, "result"), "body");
    char *text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
    must(text);
    reply_json(s, question->token, 200, bytes_str(text), NULL);
    free(text);
    json_decref(body);
}

static bool sees_bodies(const question_t *question)
{
    return !question->key || api_key_may(question->key, SCOPE_READ_BODIES, bytes_of(NULL, 0));
}

void question_answered(const scene_t *s, const msg_answer_t *answer)
{
    ingress_t *self = s->self;
    for (size_t i = 0; i < self->question_count; i++) {
        const question_t question = self->questions[i];
        if (question.number != answer->number)
            continue;
        if (answer->status == 200 && !sees_bodies(&question))
            reply_bare(s, &question, answer);
        else if (answer->status == 200)
            reply_json(s, question.token, 200, answer->body, NULL);
        else
            reply_failure(s, &question, answer);
        forget(self, i);
        return;
    }
}

/* Asking twice is harmless; an answer to the first asking is dropped with its number. */
void question_link_began(const scene_t *s)
{
    for (size_t i = 0; i < s->self->question_count; i++)
        say(s, &s->self->questions[i]);
}

instant_t question_look_at_times(const scene_t *s)
{
    ingress_t *self = s->self;
    instant_t due = INSTANT_NEVER;
    for (size_t i = self->question_count; i-- > 0;) {
        const question_t question = self->questions[i];
        if (instant_before(s->now.at, question.until)) {
            due = instant_min(due, question.until);
            continue;
        }
        forget(self, i);
        reply_refusal(s, question.token, PROBLEM_UNAVAILABLE, "the limiter did not answer in time");
    }
    return due;
}

void question_answer_all(const scene_t *s)
{
    while (s->self->question_count) {
        const question_t question = s->self->questions[--s->self->question_count];
        reply_refusal(s, question.token, PROBLEM_UNAVAILABLE, "the service stops");
    }
}
