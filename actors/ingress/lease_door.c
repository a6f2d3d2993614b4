/* lease_door.c: which request about leases is what, and may it? */
#include <jansson.h>
#include <stdlib.h>

#include "actors/ingress/ingress.h"
#include "actors/ingress/lease.h"
#include "core/json_text.h"

#define LEASES "/v1/leases"

static bool is_of(bytes_t path, size_t from) { return path.len > from && path.data[from] == '/'; }

bool lease_is_path(bytes_t path)
{
    size_t length = sizeof LEASES - 1;
    return path.len >= length && memcmp(path.data, LEASES, length) == 0 &&
           (path.len == length || is_of(path, length));
}

static lease_group_t *group_new(uint64_t token, const api_key_t *key, size_t count, bool batch)
{
    lease_group_t *group = calloc(1, sizeof *group);
    must(group);
    *group = (lease_group_t){.token = token, .key = key, .left = count};
    if (!batch)
        return group;
    group->answers = json_array();
    must(group->answers);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(group->answers, json_null());
    return group;
}

/* A large order or batch must not hold up a heartbeat: it is refused before it is read. */
static bool read_body(const scene_t *s, const http_request_t *request, json_t **out)
{
    json_text_error_t error;
    *out = NULL;
    if (request->body.len > LEASE_BODY_MAX) {
        reply_refusal(s, request->token, PROBLEM_TOO_LARGE, "at most 256 KiB are taken here");
        return false;
    }
    if (!request->body.len)
        return true;
    if ((*out = json_text_parse(request->body, &error)) != NULL)
        return true;
    reply_problem(s, request->token,
                  &(problem_t){.kind = PROBLEM_MALFORMED,
                               .detail = bytes_str(error.text),
                               .line = error.line,
                               .column = error.column},
                  NULL);
    return false;
}

/* ---- one */

static void one(const scene_t *s, const http_request_t *request, const api_key_t *key,
                const lease_wanted_t *wanted, bool readable, const lease_doubt_t *why)
{
    lease_group_t *group = group_new(request->token, key, 1, false);
    if (readable)
        lease_order(s, group, 0, wanted);
    else
        lease_say_problem(s, group, 0, &why->problem, 0);
}

static void of_id(const scene_t *s, const http_request_t *request, bytes_t id, lease_order_t order)
{
    const config_t *config = s->self->birth->config;
    const api_key_t *key;
    lease_wanted_t wanted, named;
    lease_doubt_t why;
    json_t *body = NULL;
    bool looks = order == LEASE_LOOK;
    if (!(looks ? permit_look : permit_change)(s, request, SCOPE_LEASES, &key))
        return;
    if (!lease_id_of_path(id, &named)) {
        reply_refusal(s, request->token, PROBLEM_NOT_FOUND, "this is no id of a lease");
        return;
    }
    if (order == LEASE_RENEW && !read_body(s, request, &body))
        return;
    bool readable = lease_read(config, body, order, &wanted, &why);
    memcpy(wanted.id, named.id, named.id_len);
    wanted.id_len = named.id_len;
    one(s, request, key, &wanted, readable, &why);
    json_decref(body);
}

/* ---- several */

static void batch(const scene_t *s, const http_request_t *request, const api_key_t *key,
                  const json_t *list)
{
    size_t count = json_array_size(list);
    if (count < 1 || count > LEASE_BATCH_MAX) {
        reply_refusal(s, request->token, PROBLEM_UNPROCESSABLE,
                      "leases is a list of 1 to 64 orders");
        return;
    }
    lease_group_t *group = group_new(request->token, key, count, true);
    for (size_t i = 0; i < count; i++) {
        lease_wanted_t wanted;
        lease_doubt_t why;
        if (lease_read_element(s->self->birth->config, json_array_get(list, i), &wanted, &why))
            lease_order(s, group, i, &wanted);
        else
            lease_say_problem(s, group, i, &why.problem, 0);
    }
}

static void post(const scene_t *s, const http_request_t *request)
{
    const api_key_t *key;
    lease_wanted_t wanted;
    lease_doubt_t why;
    json_t *body;
    if (!permit_change(s, request, SCOPE_LEASES, &key) || !read_body(s, request, &body))
        return;
    json_t *list = json_object_get(body, "leases");
    if (list && json_object_size(body) == 1) {
        batch(s, request, key, list);
    } else {
        bool readable = lease_read(s->self->birth->config, body, LEASE_ACQUIRE, &wanted, &why);
        one(s, request, key, &wanted, readable, &why);
    }
    json_decref(body);
}

/* ---- which is it? */

static void wrong_method(const scene_t *s, uint64_t token, const char *allow)
{
    reply_problem(s, token, &(problem_t){.kind = PROBLEM_METHOD}, &(reply_extra_t){.allow = allow});
}

void lease_arrived(const scene_t *s, const http_request_t *request)
{
    static const struct {
        const char *method;
        lease_order_t order;
    } orders[] = {{"GET", LEASE_LOOK}, {"PUT", LEASE_RENEW}, {"DELETE", LEASE_RELEASE}};
    size_t length = sizeof LEASES - 1;
    if (request->path.len == length) {
        if (bytes_is(request->method, "POST"))
            post(s, request);
        else
            wrong_method(s, request->token, "POST");
        return;
    }
    bytes_t id = bytes_of(request->path.data + length + 1, request->path.len - length - 1);
    for (size_t i = 0; i < COUNT_OF(orders); i++)
        if (bytes_is(request->method, orders[i].method)) {
            of_id(s, request, id, orders[i].order);
            return;
        }
    wrong_method(s, request->token, "GET, HEAD, PUT, DELETE");
}
