#include "actors/ingress/admin.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/ingress/ingress.h"
#include "core/json_text.h"

#define PREFIX "/admin/"
#define ADMIN_BODY_MAX 16384u
#define ADMIN_WAIT_US (5 * US_PER_S) /* a mode is in force, or not, within 3 s */

static const struct row {
    const char *path, *verb;
    bool changes;
} rows[] = {
#define LOOKS false
#define CHANGES true
#define ADMIN(at, what, word, answerer) {.path = PREFIX at, .verb = (word), .changes = (what)},
#include "actors/ingress/admin.def"
#undef ADMIN
#undef CHANGES
#undef LOOKS
};

/* ---- which order is it? */

static const struct row *row_of(bytes_t path, bool changes, const char *verb)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (bytes_is(path, rows[i].path) && rows[i].changes == changes &&
            (!verb || strcmp(verb, rows[i].verb) == 0))
            return &rows[i];
    return NULL;
}

bool admin_is_path(bytes_t path)
{
    return bytes_is(path, "/admin") ||
           (path.len >= sizeof PREFIX - 1 && memcmp(path.data, PREFIX, sizeof PREFIX - 1) == 0);
}

static bool refuse(const scene_t *s, uint64_t token, const char *pointer, const char *detail)
{
    reply_problem(s, token,
                  &(problem_t){.kind = PROBLEM_UNPROCESSABLE,
                               .pointer = bytes_str(pointer),
                               .detail = bytes_str(detail)},
                  NULL);
    return false;
}

/* {"draining": true} and {"mode": "maintenance"}: which verb, and its arguments. */
static bool read_draining(const scene_t *s, uint64_t token, json_t *args, const char **verb)
{
    json_t *draining = json_object_get(args, "draining"), *mode = json_object_get(args, "mode"),
           *cancel = json_object_get(args, "cancel");
    const char *name;
    json_t *value;
    json_object_foreach(args, name, value)
    {
        if (strcmp(name, "draining") != 0 && strcmp(name, "mode") != 0 &&
            strcmp(name, "why") != 0 && strcmp(name, "cancel") != 0)
            return refuse(s, token, "", "only draining or mode, why and cancel are known here");
    }
    if (!draining == !mode)
        return refuse(s, token, "", "say either {\"draining\": true} or {\"mode\": \"normal\"}");
    if (draining && !json_is_boolean(draining))
        return refuse(s, token, "/draining", "draining is true or false");
    if (draining && cancel)
        return refuse(s, token, "/cancel", "cancel goes with {\"mode\": \"maintenance\"}");
    *verb = mode ? "mode" : json_is_true(draining) ? "drain" : "undrain";
    json_object_del(args, "draining");
    return true;
}

/* A limit that was changed by hand is asked about later: whoever has a key has no other name. */
static bool says_why(const scene_t *s, uint64_t token, const json_t *args)
{
    const char *why = json_string_value(json_object_get(args, "why"));
    return (why && *why) ||
           refuse(s, token, "/why", "\"why\" must be a text: it is kept with the change");
}

/* The arguments, the caller's; NULL: it was answered. */
static json_t *read_body(const scene_t *s, const http_request_t *request)
{
    json_text_error_t error;
    problem_t problem = {.kind = PROBLEM_TOO_LARGE,
                         .detail = bytes_str("at most 16384 bytes are taken here")};
    if (request->body.len > ADMIN_BODY_MAX) {
        reply_problem(s, request->token, &problem, NULL);
        return NULL;
    }
    json_t *args = json_text_parse(request->body, &error);
    if (json_is_object(args))
        return args;
    if (args)
        refuse(s, request->token, "", "the body is no JSON object");
    else
        reply_problem(s, request->token,
                      &(problem_t){.kind = PROBLEM_MALFORMED,
                                   .detail = bytes_str(error.text),
                                   .line = error.line,
                                   .column = error.column},
                      NULL);
    json_decref(args);
    return NULL;
}

/* ---- asking */

static void send(const scene_t *s, uint64_t token, const struct row *row, const json_t *args,
                 const api_key_t *key)
{
    ingress_t *self = s->self;
    char who[WHO_BYTES];
    if (self->admin.count == ADMIN_ASKED_MAX) {
        reply_refusal(s, token, PROBLEM_UNAVAILABLE, "too many orders wait already");
        return;
    }
    char *text = json_dumps(args, JSON_COMPACT);
    must(text);
    admin_asked_t *asked = &self->admin.asked[self->admin.count++];
    *asked = (admin_asked_t){.number = ++self->last_question,
                             .token = token,
                             .until = instant_after_us(s->now.at, ADMIN_WAIT_US)};
    wish_send_now(s->effects, PEER_SUPERVISOR, MESSAGE_QUERY,
                  &(msg_query_t){.number = asked->number,
                                 .verb = bytes_str(row->verb),
                                 .args = bytes_str(text),
                                 .who = permit_who(key, who)});
    free(text);
}

static void look(const scene_t *s, const http_request_t *request)
{
    const api_key_t *key;
    const struct row *row = row_of(request->path, false, NULL);
    json_t *none = json_object();
    if (permit_look(s, request, SCOPE_ADMIN, &key))
        send(s, request->token, row, none, key);
    json_decref(none);
}

static void change(const scene_t *s, const http_request_t *request)
{
    const api_key_t *key;
    const char *verb = NULL;
    json_t *args;
    if (!permit_change(s, request, SCOPE_ADMIN, &key) || !(args = read_body(s, request)))
        return;
    if (bytes_is(request->path, PREFIX "draining") ? read_draining(s, request->token, args, &verb)
                                                   : says_why(s, request->token, args))
        send(s, request->token, row_of(request->path, true, verb), args, key);
    json_decref(args);
}

static bool is_change(bytes_t method)
{
    return bytes_is(method, "POST") || bytes_is(method, "PUT") || bytes_is(method, "PATCH");
}

void admin_arrived(const scene_t *s, const http_request_t *request)
{
    bool looks = row_of(request->path, false, NULL) != NULL,
         changes = row_of(request->path, true, NULL) != NULL;
    if (!looks && !changes)
        reply_refusal(s, request->token, PROBLEM_NOT_FOUND, "/admin/draining and /admin/limits");
    else if (looks && bytes_is(request->method, "GET"))
        look(s, request);
    else if (changes && is_change(request->method))
        change(s, request);
    else
        reply_problem(s, request->token, &(problem_t){.kind = PROBLEM_METHOD},
                      &(reply_extra_t){.allow = !changes ? "GET, HEAD"
                                                : looks  ? "GET, HEAD, POST, PUT, PATCH"
                                                         : "POST, PUT, PATCH"});
}

/* ---- the answer */

static enum problem_kind kind_of(uint64_t status)
{
    switch (status) {
    case 400:
    case 422:
        return PROBLEM_UNPROCESSABLE;
    case 404:
        return PROBLEM_NOT_FOUND;
    case 409:
        return PROBLEM_NOT_NOW;
    case 413:
        return PROBLEM_TOO_LARGE;
    case 503:
    case 504:
        return PROBLEM_UNAVAILABLE;
    default:
        return PROBLEM_INTERNAL;
    }
}

/* {error, hint} of an actor as one sentence for a person. */
static void reply_failure(const scene_t *s, uint64_t token, const msg_answer_t *answer)
{
    json_t *body = json_loadb((const char *)answer->body.data, answer->body.len, 0, NULL);
    const char *error = json_string_value(json_object_get(body, "error")),
               *hint = json_string_value(json_object_get(body, "hint"));
    char detail[600];
    snprintf(detail, sizeof detail, "%s%s%s", error ? error : "",
             error && hint && *hint ? "; " : "", hint ? hint : "");
    reply_refusal(s, token, kind_of(answer->status), detail);
    json_decref(body);
}

static void forget(ingress_t *self, size_t i)
{
    self->admin.asked[i] = self->admin.asked[--self->admin.count];
}

void admin_answered(const scene_t *s, const msg_answer_t *answer)
{
    ingress_t *self = s->self;
    for (size_t i = 0; i < self->admin.count; i++) {
        if (self->admin.asked[i].number != answer->number)
            continue;
        uint64_t token = self->admin.asked[i].token;
        forget(self, i);
        if (answer->status >= 200 && answer->status < 300)
            reply_json(s, token, (unsigned)answer->status, answer->body, NULL);
        else
            reply_failure(s, token, answer);
        return;
    }
}

instant_t admin_look_at_times(const scene_t *s)
{
    ingress_t *self = s->self;
    instant_t due = INSTANT_NEVER;
    for (size_t i = self->admin.count; i-- > 0;) {
        const admin_asked_t asked = self->admin.asked[i];
        if (instant_before(s->now.at, asked.until)) {
            due = instant_min(due, asked.until);
            continue;
        }
        forget(self, i);
        reply_refusal(s, asked.token, PROBLEM_UNAVAILABLE,
                      "no answer in time: it may have happened; look before asking again");
    }
    return due;
}

void admin_answer_all(const scene_t *s)
{
    while (s->self->admin.count)
        reply_refusal(s, s->self->admin.asked[--s->self->admin.count].token, PROBLEM_UNAVAILABLE,
                      "the ingress stops; it may have happened: look before asking again");
}
