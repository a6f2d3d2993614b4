/* lease_say.c: what is answered about leases: each by itself, or together as one batch. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/ingress/ingress.h"
#include "actors/ingress/lease.h"
#include "core/json_text.h"
#include "core/retry_after.h"

/* ---- one answer, or a place in a batch */

static void count(const scene_t *s, const char *answer)
{
    wish_count(s->effects, METRIC_LEASE_ANSWERS, bytes_str(answer), 1);
}

static unsigned status_of(const lease_result_t *r)
{
    return r->status ? r->status : problem_status(r->problem.kind);
}

/* An element of a batch says its status inside: a problem has it there anyway. */
static json_t *element_of(lease_result_t *r)
{
    char *text = r->status ? r->body : problem_text(&r->problem);
    json_t *element = text ? json_loads(text, 0, NULL) : NULL;
    element = element ? element : json_object();
    free(text);
    must(element && json_object_set_new(element, "status", json_integer(status_of(r))) == 0);
    if (r->retry_after_ms)
        must(json_object_set_new(
                 element, "retry_after_s",
                 json_integer((json_int_t)retry_after_seconds(r->retry_after_ms))) == 0);
    return element;
}

static void reply_one(const scene_t *s, uint64_t token, lease_result_t *r)
{
    const reply_extra_t extra = {.retry_after_ms = r->retry_after_ms,
                                 .location = *r->location ? r->location : NULL};
    if (!r->status)
        reply_problem(s, token, &r->problem, &extra);
    else if (r->body)
        reply_json(s, token, r->status, bytes_str(r->body), &extra);
    else
        reply_as(s, token, r->status, NULL, bytes_of(NULL, 0));
    free(r->body);
}

static void reply_batch(const scene_t *s, lease_group_t *group)
{
    json_t *body = json_pack("{s:o}", "leases", group->answers);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    must(text);
    reply_json(s, group->token, 200, bytes_str(text), NULL);
    free(text);
    json_decref(body);
}

void lease_say(const scene_t *s, lease_group_t *group, size_t place, lease_result_t *r)
{
    must(group->left > 0);
    group->left--;
    if (!group->answers) {
        reply_one(s, group->token, r);
    } else {
        must(json_array_set_new(group->answers, place, element_of(r)) == 0);
        if (group->left == 0)
            reply_batch(s, group);
    }
    if (group->left == 0)
        free(group);
}

void lease_say_problem(const scene_t *s, lease_group_t *group, size_t place,
                       const problem_t *problem, uint64_t retry_after_ms)
{
    lease_result_t r = {.problem = *problem, .retry_after_ms = retry_after_ms};
    count(s, bytes_is(problem->by, "guard") ? "guard" : "not asked");
    lease_say(s, group, place, &r);
}

/* ---- what is said of a lease */

static void locate(lease_result_t *r, bytes_t id)
{
    static const char prefix[] = "/v1/leases/";
    memcpy(r->location, prefix, sizeof prefix);
    lease_id_to_path(id, r->location + sizeof prefix - 1);
}

/* `limits` is a JSON array, as the limiter wrote it: it is neither taken apart nor put together. */
static char *lease_text(bytes_t id, uint64_t left_ms, bytes_t limits, const char *last)
{
    char quoted[JSON_QUOTED_BYTES(LEASE_NAME_BYTES_MAX)];
    size_t size = sizeof quoted + limits.len + strlen(last) + 64;
    char *text = malloc(size);
    must(text && id.len <= LEASE_NAME_BYTES_MAX);
    json_text_quote(id, quoted);
    int length = snprintf(text, size, "{\"id\":%s,\"expires_in_s\":%llu,\"limits\":%.*s,%s}",
                          quoted, (unsigned long long)(left_ms / 1000), (int)limits.len,
                          (const char *)limits.data, last);
    must(length > 0 && (size_t)length < size);
    return text;
}

static void say_held(const scene_t *s, const lease_ask_t *ask, const msg_leased_t *leased)
{
    bool is_new = ask->order == LEASE_ACQUIRE && !leased->repeated;
    lease_result_t r = {.status = is_new ? 201 : 200};
    char fence[40];
    snprintf(fence, sizeof fence, "\"fence\":%llu", (unsigned long long)leased->fence);
    r.body = lease_text(ask->item.id, leased->left_ms,
                        leased->limits.len ? leased->limits : bytes_str("[]"), fence);
    if (is_new)
        locate(&r, ask->item.id);
    lease_say(s, ask->group, ask->place, &r);
}

static char *id_text(bytes_t id)
{
    json_t *body = json_pack("{s:s%}", "id", (const char *)id.data, id.len);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    must(text);
    json_decref(body);
    return text;
}

void lease_say_gone(const scene_t *s, lease_group_t *group, size_t place, bytes_t id)
{
    lease_result_t r = {.status = 204};
    if (group->answers)
        r.body = id_text(id);
    lease_say(s, group, place, &r);
}

void lease_say_provisional(const scene_t *s, const lease_ask_t *ask, uint64_t left_ms)
{
    json_t *limits = json_array();
    const config_t *config = s->self->birth->config;
    lease_result_t r = {.status = ask->order == LEASE_ACQUIRE ? 201 : 200};
    for (size_t i = 0; i < ask->limit_count; i++)
        json_array_append_new(limits,
                              json_pack("{s:s}", "name", config->limits[ask->limits[i]].name));
    char *text = json_dumps(limits, JSON_COMPACT);
    must(text);
    json_decref(limits);
    r.body = lease_text(ask->item.id, left_ms, bytes_str(text), "\"provisional\":true");
    free(text);
    if (r.status == 201)
        locate(&r, ask->item.id);
    count(s, "provisional");
    lease_say(s, ask->group, ask->place, &r);
}

/* ---- what is said of a refusal */

static json_t *limits_of(const msg_leased_t *leased)
{
    json_t *limits = leased->limits.len ? json_loadb((const char *)leased->limits.data,
                                                     leased->limits.len, 0, NULL)
                                        : NULL;
    if (json_is_array(limits))
        return limits;
    json_decref(limits);
    return json_array();
}

static void say_refused(const scene_t *s, const lease_ask_t *ask, const msg_leased_t *leased)
{
    static const enum problem_kind kinds[GRANT_COUNT] = {
        [GRANT_ABSENT] = PROBLEM_NOT_FOUND,  [GRANT_LIMITED] = PROBLEM_LIMITED,
        [GRANT_CAPPED] = PROBLEM_CAPPED,     [GRANT_REFUSED] = PROBLEM_UNPROCESSABLE,
        [GRANT_DRAINING] = PROBLEM_DRAINING, [GRANT_UNAVAILABLE] = PROBLEM_UNAVAILABLE,
        [GRANT_CONFLICT] = PROBLEM_CONFLICT,
    };
    bool limited = leased->grant == GRANT_LIMITED || leased->grant == GRANT_CAPPED;
    json_t *limits = limits_of(leased), *limit = json_array_get(limits, 0);
    const char *name = json_string_value(json_object_get(limit, "name"));
    lease_result_t r = {
        .retry_after_ms = leased->retry_after_ms,
        .problem = {.kind = kinds[leased->grant], .detail = leased->reason, .id = ask->item.id}};
    char detail[200];
    if (limited) {
        if (json_is_integer(json_object_get(limit, "slots")))
            snprintf(detail, sizeof detail, "limit %.64s is full: %lld of %lld in use", name,
                     (long long)json_integer_value(json_object_get(limit, "in_use")),
                     (long long)json_integer_value(json_object_get(limit, "slots")));
        else if (name)
            snprintf(detail, sizeof detail, "limit %.64s lets nobody pass for now", name);
        if (leased->grant == GRANT_LIMITED && name)
            r.problem.detail = bytes_str(detail);
        r.problem.limit = bytes_str(name);
        r.problem.shown = bytes_str(json_string_value(json_object_get(limit, "shown")));
        r.problem.by = bytes_str("limit");
        r.problem.in_use = (uint64_t)json_integer_value(json_object_get(limit, "in_use"));
        r.problem.slots = (uint64_t)json_integer_value(json_object_get(limit, "slots"));
        r.retry_after_ms = r.retry_after_ms ? r.retry_after_ms : 1000;
    }
    lease_say(s, ask->group, ask->place, &r);
    json_decref(limits);
}

void lease_say_leased(const scene_t *s, const lease_ask_t *ask, const msg_leased_t *leased)
{
    bool gone = ask->order == LEASE_RELEASE;
    count(s, grant_name((unsigned)leased->grant));
    if (leased->grant == GRANT_GRANTED)
        say_held(s, ask, leased);
    else if (leased->grant == GRANT_RELEASED || (leased->grant == GRANT_ABSENT && gone))
        lease_say_gone(s, ask->group, ask->place, ask->item.id);
    else
        say_refused(s, ask, leased);
}
