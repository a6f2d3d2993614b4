#include <stdlib.h>

#include "core/template.h"
#include "sys/config_load.h"

/* ---- the pointers of a route's steps, which the ingress takes out of the message ---- */

typedef struct gathering {
    loading_t *loading;
    route_t *route;
    step_t *step;
} gathering_t;

static void gather(void *arg, bytes_t pointer)
{
    gathering_t *g = arg;
    route_t *route = g->route;
    bytes_t rest;
    document_root_t root = document_root_of(pointer, &rest);
    bool whole = root == ROOT_MESSAGE && rest.len == 0;
    if (whole && route->body == BODY_JSON)
        g->step->needs_body = true; /* the body is that already */
    if ((root != ROOT_MESSAGE && root != ROOT_HEADERS) ||
        (rest.len == 0 && !(whole && route->body == BODY_FORM)))
        return;
    for (size_t i = 0; i < route->pointer_count; i++)
        if (bytes_is(pointer, route->pointers[i]))
            return;
    must(route->pointer_count < ROUTE_POINTERS_MAX);
    char *copy = config_hold(g->loading, pointer.len + 1, 1);
    memcpy(copy, pointer.data, pointer.len);
    route->pointers[route->pointer_count++] = copy;
}

static void gather_match(gathering_t *g, const match_t *match)
{
    for (size_t i = 0; i < match->count; i++)
        gather(g, bytes_str(match->conditions[i].pointer));
}

static void gather_step(gathering_t *g)
{
    const step_t *step = g->step;
    gather_match(g, &step->when);
    for (size_t i = 0; i < step->rule_count; i++)
        gather_match(g, &step->rules[i].when);
    if (step->lease_id)
        template_each(bytes_str(step->lease_id), gather, g);
    if (step->path)
        template_each(bytes_str(step->path), gather, g);
    template_json_each(step->body, gather, g);
    for (size_t i = 0; i < step->header_count; i++)
        template_each(bytes_str(step->headers[i].value), gather, g);
}

/* ---- steps ---- */

static match_t load_match(loading_t *l, json_t *json)
{
    match_t match = {.count = json_object_size(json)};
    condition_t *at = match.conditions = config_hold(l, match.count, sizeof *at);
    const char *pointer;
    json_t *patterns;
    json_object_foreach(json, pointer, patterns) *at++ = (condition_t){pointer, patterns};
    return match;
}

static unknown_policy_t unknown_policy(const char *word)
{
    return *word == 'r' ? UNKNOWN_RETRY : *word == 'd' ? UNKNOWN_DEAD : UNKNOWN_HOLD;
}

static void load_classify(loading_t *l, step_t *step, json_t *json)
{
    json_t *rules = json_object_get(json, "rules");
    step->kind = STEP_CLASSIFY;
    step->pool = 0;
    step->otherwise = leaf_word(json, "otherwise");
    step->rule_count = json_array_size(rules);
    step->rules = config_hold(l, step->rule_count, sizeof *step->rules);
    for (size_t i = 0; i < step->rule_count; i++) {
        json_t *rule = json_array_get(rules, i);
        step->rules[i].when = load_match(l, json_object_get(rule, "when"));
        step->rules[i].outcome = leaf_word(rule, "outcome");
    }
}

static bool has_body(const char *method)
{
    return strcmp(method, "GET") != 0 && strcmp(method, "DELETE") != 0;
}

static void load_call(loading_t *l, step_t *step, json_t *json)
{
    long pool = config_pool(l->config, bytes_str(leaf_word(json, "downstream")));
    must(pool > 0);
    step->kind = STEP_CALL;
    step->pool = (size_t)pool;
    step->downstream = &l->config->downstreams[pool - 1];
    step->method = leaf_word(json, "method");
    step->path = leaf_word(json, "path");
    step->body = json_object_get(json, "body");
    step->headers = load_headers(l, json_object_get(json, "headers"), &step->header_count);
    step->needs_body = !step->body && has_body(step->method);
    memcpy(step->draws + step->draw_count, step->downstream->draws,
           step->downstream->draw_count * sizeof *step->draws);
    step->draw_count += step->downstream->draw_count;
}

static enum in_mode in_mode(const char *word)
{
    return *word == 'r' ? IN_MODE_RUN : *word == 's' ? IN_MODE_SKIP : IN_MODE_ONLY;
}

/* acquire, release, or the lease that a call's slots become */
static void load_lease(step_t *step, json_t *json)
{
    json_t *ttl = json_object_get(json, "ttl_s");
    step->lease_id = leaf_word(json, "id");
    step->lease_ttl_ms = (uint64_t)json_integer_value(ttl) * 1000;
}

static void load_own(loading_t *l, step_t *step, enum step_kind kind, json_t *json)
{
    step->kind = kind;
    step->pool = l->config->pool_count - 1;
    load_lease(step, json);
}

static void load_step(loading_t *l, step_t *step, json_t *json)
{
    json_t *call = json_object_get(json, "call"), *acquire = json_object_get(json, "acquire"),
           *release = json_object_get(json, "release");
    step->name = leaf_word(json, "name");
    step->when = load_match(l, json_object_get(json, "when"));
    NUMBER(step, json, attempts);
    NUMBER(step, json, backoff_base_ms);
    NUMBER(step, json, backoff_cap_ms);
    NUMBER(step, json, start_within_ms);
    step->on_unknown = unknown_policy(leaf_word(json, "on_unknown"));
    step->draw_count = load_draws(l, json_object_get(json, "limits"),
                                  json_object_get(json, "costs"), step->draws, 8);
    step->degraded = in_mode(leaf_word(json, "degraded"));
    step->safe = in_mode(leaf_word(json, "safe"));
    if (json_object_get(json, "lease"))
        load_lease(step, json_object_get(json, "lease"));
    if (call)
        load_call(l, step, call);
    else if (acquire)
        load_own(l, step, STEP_ACQUIRE, acquire);
    else if (release)
        load_own(l, step, STEP_RELEASE, release);
    else
        load_classify(l, step, json_object_get(json, "classify"));
}

/* ---- routes ---- */

static const source_t *source_of(const config_t *c, const char *name)
{
    for (size_t i = 0; i < c->source_count; i++)
        if (strcmp(c->sources[i].name, name) == 0)
            return &c->sources[i];
    must(!"a route's source exists");
    return NULL;
}

static void load_classes(loading_t *l, route_t *route, json_t *json)
{
    route->class_count = json_array_size(json);
    struct class_rule *at = config_hold(l, route->class_count, sizeof *at);
    route->classes = at;
    for (size_t i = 0; i < route->class_count; i++, at++) {
        json_t *rule = json_array_get(json, i);
        at->when = load_match(l, json_object_get(rule, "when"));
        at->class = (uint8_t)class_of(bytes_str(leaf_word(rule, "class")));
    }
}

static void load_route_keys(loading_t *l, route_t *route, json_t *json)
{
    int class = class_of(bytes_str(leaf_word(json, "class")));
    const char *failure = leaf_word(json, "on_failure");
    must(class >= 0);
    route->path = leaf_word(json, "path");
    route->body = *leaf_word(json, "body") == 'f' ? BODY_FORM : BODY_JSON;
    route->source = source_of(l->config, leaf_word(json, "source"));
    route->key = leaf_text(json, "key");
    route->id = leaf_text(json, "id");
    route->labels = load_headers(l, json_object_get(json, "labels"), &route->label_count);
    route->class = (uint8_t) class;
    load_classes(l, route, json_object_get(json, "classes"));
    route->draw_count = load_draws(l, json_object_get(json, "limits"),
                                   json_object_get(json, "costs"), route->draws,
                                   COUNT_OF(route->draws));
    route->keep_slots_in_backoff = leaf_bool(json, "keep_slots_in_backoff");
    route->fair_by = leaf_text(json, "fair_by");
    route->weights = load_numbers(l, json_object_get(json, "weights"), &route->weight_count);
    NUMBER(route, json, loop_per_minute);
    route->merge = leaf_bool(json, "merge");
    NUMBER(route, json, parallel);
    route->accepted_status = (unsigned)strtoul(leaf_word(json, "accepted_status"), NULL, 10);
    NUMBER(route, json, body_bytes_max);
    NUMBER(route, json, max_age_ms);
    route->log_full = *leaf_word(json, "log") == 'f';
    route->on_failure = *failure == 'b'   ? ON_FAILURE_BLOCK
                        : *failure == 's' ? ON_FAILURE_SKIP
                                          : ON_FAILURE_DEAD;
}

static void load_route(loading_t *l, route_t *route, const char *name, json_t *json)
{
    json_t *steps = json_object_get(json, "steps");
    route->name = name;
    load_route_keys(l, route, json);
    route->step_count = json_array_size(steps);
    route->steps = config_hold(l, route->step_count, sizeof *route->steps);
    route->pointers = config_hold(l, ROUTE_POINTERS_MAX, sizeof *route->pointers);
    for (size_t i = 0; i < route->step_count; i++) {
        gathering_t g = {l, route, &route->steps[i]};
        load_step(l, &route->steps[i], json_array_get(steps, i));
        gather_step(&g);
    }
}

void load_routes(loading_t *l, json_t *json)
{
    const char *name;
    json_t *route;
    l->config->route_count = json_object_size(json);
    route_t *at = l->config->routes = config_hold(l, l->config->route_count, sizeof *at);
    json_object_foreach(json, name, route) load_route(l, at++, name, route);
}
