/* lease_say.c: what is answered about leases: each by itself, or together as one batch. */
#include <jansson.h>
#include <stdlib.h>

#include "actors/ingress/ingress.h"
#include "actors/ingress/lease.h"
#include "core/retry_after.h"
#include "core/text.h"

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

/* `limits` is a JSON array, as the limiter wrote it: it is neither taken apart nor put together.
 * `fence` 0: granted provisionally, it has none yet. */
static char *lease_text(bytes_t id, uint64_t left_ms, bytes_t limits, uint64_t fence)
{
    size_t size = 6 * id.len + limits.len + 128;
    char *body = malloc(size);
    must(body);
    text_t t = text_in(body, size);
    text_put_str(&t, "{\"id\":");
    text_put_quoted(&t, id);
    text_put_str(&t, ",\"expires_in_s\":");
    text_put_number(&t, left_ms / 1000);
    text_put_str(&t, ",\"limits\":");
    text_put(&t, limits.len ? limits : bytes_str("[]"));
    text_put_str(&t, fence ? ",\"fence\":" : ",\"provisional\":true");
    if (fence)
        text_put_number(&t, fence);
    text_put_str(&t, "}");
    must(text_close(&t));
    return body;
}

static void say_held(const scene_t *s, const lease_ask_t *ask, const msg_leased_t *leased)
{
    bool is_new = ask->order == LEASE_ACQUIRE && !leased->repeated;
    lease_result_t r = {.status = is_new ? 201 : 200};
    r.body = lease_text(ask->item.id, leased->left_ms, leased->limits, leased->fence);
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
    r.body = lease_text(ask->item.id, left_ms, bytes_str(text), 0);
    free(text);
    if (r.status == 201)
        locate(&r, ask->item.id);
    count(s, "provisional");
    lease_say(s, ask->group, ask->place, &r);
}

/* ---- what is said of a refusal */

static bytes_t why_limited(const msg_leased_t *leased, char *out, size_t size)
{
    text_t t = text_in(out, size);
    text_put_str(&t, "limit ");
    text_put(&t, leased->limit);
    if (!leased->slots) {
        text_put_str(&t, " lets nobody pass for now");
        return text_so_far(&t);
    }
    text_put_str(&t, " is full: ");
    text_put_number(&t, leased->in_use);
    text_put_str(&t, " of ");
    text_put_number(&t, leased->slots);
    text_put_str(&t, " in use");
    return text_so_far(&t);
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
    lease_result_t r = {
        .retry_after_ms = leased->retry_after_ms,
        .problem = {.kind = kinds[leased->grant], .detail = leased->reason, .id = ask->item.id}};
    char detail[200];
    if (limited) {
        if (leased->grant == GRANT_LIMITED && leased->limit.len)
            r.problem.detail = why_limited(leased, detail, sizeof detail);
        r.problem.limit = leased->limit;
        r.problem.shown = leased->shown;
        r.problem.by = bytes_str("limit");
        r.problem.in_use = leased->in_use;
        r.problem.slots = leased->slots;
        r.retry_after_ms = r.retry_after_ms ? r.retry_after_ms : 1000;
    }
    lease_say(s, ask->group, ask->place, &r);
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
