/* request.c: which request is what, and who may ask it. The signature is checked on the raw body
 * before anything reads it. */
#include "actors/ingress/ingress.h"
#include "sys/signature.h"

/* ---- submissions */

static void refuse_sender(const scene_t *s, const http_request_t *request)
{
    reply_refusal(s, request->token, PROBLEM_UNAUTHORIZED,
                  "the signature or token is missing or wrong");
}

/* Says why not. The times are the senders', so it is the wall clock that counts. */
static bool is_believed(const scene_t *s, const http_request_t *request, const route_t *route)
{
    const source_t *source = route->source;
    const signature_keys_t keys = {ingress_secret(s->self, source->secret),
                                   ingress_secret(s->self, source->secret_next)};
    const api_key_t *key;
    if (source->auth == AUTH_API_KEY && (key = permit_key(s->self, request)) != NULL)
        return permit_name(s, request->token, key, SCOPE_SUBMIT, bytes_str(source->name));
    switch (signature_belief(source, request, keys, s->now.wall)) {
    case BELIEF_FULL:
        return true;
    case BELIEF_STALE:
        log_refusal(s, route, "the signed time is more than five minutes away from ours");
        reply_refusal(s, request->token, PROBLEM_STALE,
                      "the signed time is more than five minutes away from ours");
        return false;
    case BELIEF_NONE:
        break;
    }
    log_refusal(s, route, "the signature or token is missing or wrong");
    refuse_sender(s, request);
    return false;
}

/* In a drain, senders who come again are sent away at the door; the others are queued by the
 * limiter. So it is when Weir stops, unless what connects meanwhile waits for its next life. Of a
 * route that begins with a release the limiter says which message gives a slot back. */
static bool is_closed(const scene_t *s, const route_t *route, enum problem_kind *kind)
{
    const ingress_t *self = s->self;
    bool retries = route->source->at_drain == AT_DRAIN_REFUSE,
         releases = route->steps[0].kind == STEP_RELEASE;
    bool ends = self->stop.asked ? !self->stop.seamless || self->stop.done
                                 : retries && self->mode.stopping && !self->birth->door_kept;
    if (ends || (retries && !releases && self->mode.drained))
        *kind = PROBLEM_DRAINING;
    else if (retries && self->mode.mode == MODE_MAINTENANCE && (!releases || self->mode.by_store))
        *kind = self->mode.by_store ? PROBLEM_UNAVAILABLE : PROBLEM_MAINTENANCE;
    else
        return false;
    return true;
}

static void submission(const scene_t *s, const http_request_t *request, const route_t *route)
{
    enum problem_kind kind;
    refusal_t why;
    extracted_t extracted;
    if (!is_believed(s, request, route) || challenge_answered(s, request, route))
        return;
    if (is_closed(s, route, &kind)) {
        reply_problem(s, request->token, &(problem_t){.kind = kind},
                      &(reply_extra_t){.retry_after_ms = 10000, .close = s->self->stop.asked});
    } else if (!extract(route, request, &extracted, &why)) {
        log_refusal(s, route, why.detail);
        reply_problem(s, request->token, &why.problem, NULL);
    } else {
        submit_request(s, request, route, &extracted);
        extracted_clear(&extracted);
    }
}

/* The value of route= in the query; names of routes need no decoding. */
static bytes_t route_in_query(bytes_t query)
{
    static const char name[] = "route=";
    const size_t name_len = sizeof name - 1;
    while (query.len) {
        const uint8_t *end = memchr(query.data, '&', query.len);
        size_t length = end ? (size_t)(end - query.data) : query.len;
        if (length > name_len && memcmp(query.data, name, name_len) == 0)
            return bytes_of(query.data + name_len, length - name_len);
        query = end ? bytes_of(end + 1, query.len - length - 1) : bytes_of(NULL, 0);
    }
    return query;
}

/* From elsewhere a route that does not exist looks like one whose secret is not known. */
static void submit_by_name(const scene_t *s, const http_request_t *request)
{
    const route_t *route = config_route(s->self->birth->config, route_in_query(request->query));
    if (route)
        submission(s, request, route);
    else if (request->loopback)
        reply_refusal(s, request->token, PROBLEM_NOT_FOUND, "no such route; say ?route=NAME");
    else
        refuse_sender(s, request);
}

/* ---- questions */

static void ask(const scene_t *s, const http_request_t *request, bytes_t id)
{
    const api_key_t *key;
    if (permit_look(s, request, SCOPE_READ, &key))
        question_ask(s, request, key, id);
}

/* ---- routing */

#define MESSAGES "/v1/messages"

/* Metrics are open until a key of the configuration has their scope. */
static bool may_scrape(const scene_t *s, const http_request_t *request)
{
    const config_t *config = s->self->birth->config;
    const api_key_t *key;
    return !api_keys_have(config->api_keys, config->api_key_count, SCOPE_METRICS) ||
           permit_look(s, request, SCOPE_METRICS, &key);
}

static void metrics(const scene_t *s, const http_request_t *request)
{
    if (may_scrape(s, request))
        health_metrics(s, request);
}

static void summary(const scene_t *s, const http_request_t *request)
{
    if (may_scrape(s, request))
        health_summary(s, request);
}

static const struct probe {
    const char *path;
    void (*answer)(const scene_t *s, const http_request_t *request);
} probes[] = {
    {"/livez", health_live}, {"/readyz", health_ready},     {"/health", health_report},
    {"/metrics", metrics},   {"/metrics/summary", summary},
};

static const struct probe *probe_at(bytes_t path)
{
    for (size_t i = 0; i < COUNT_OF(probes); i++)
        if (bytes_is(path, probes[i].path))
            return &probes[i];
    return NULL;
}

/* Behind "/v1/messages/"; false: the path is another. */
static bool id_in_path(bytes_t path, bytes_t *id)
{
    static const char prefix[] = MESSAGES "/";
    if (path.len < sizeof prefix - 1 || memcmp(path.data, prefix, sizeof prefix - 1) != 0)
        return false;
    *id = bytes_of(path.data + sizeof prefix - 1, path.len - (sizeof prefix - 1));
    return true;
}

static bool method_is(const scene_t *s, const http_request_t *request, const char *method,
                      const char *allow)
{
    bool is = bytes_is(request->method, method) ||
              (strcmp(method, "GET") == 0 && bytes_is(request->method, "HEAD"));
    if (!is)
        reply_problem(s, request->token, &(problem_t){.kind = PROBLEM_METHOD},
                      &(reply_extra_t){.allow = allow});
    return is;
}

void request_arrived(const scene_t *s, const http_request_t *request)
{
    const struct probe *probe = probe_at(request->path);
    const route_t *route;
    bytes_t id;
    if (probe) {
        if (method_is(s, request, "GET", "GET, HEAD"))
            probe->answer(s, request);
    } else if (admin_is_path(request->path)) {
        admin_arrived(s, request);
    } else if (lease_is_path(request->path)) {
        lease_arrived(s, request);
    } else if (bytes_is(request->path, MESSAGES)) {
        if (method_is(s, request, "POST", "POST"))
            submit_by_name(s, request);
    } else if (id_in_path(request->path, &id)) {
        if (method_is(s, request, "GET", "GET, HEAD"))
            ask(s, request, id);
    } else if ((route = config_route_at(s->self->birth->config, request->path)) != NULL) {
        if (method_is(s, request, "POST", "POST"))
            submission(s, request, route);
    } else {
        reply_refusal(s, request->token, PROBLEM_NOT_FOUND, NULL);
    }
}
