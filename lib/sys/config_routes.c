#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/template.h"
#include "protocol/limits.h"
#include "sys/config.h"
#include "sys/config_check.h"

/* An ASSIGN carries body, fields, results, labels and key in one frame, with names and overhead. */
#define FRAME_MARGIN 8192u
_Static_assert(BODY_BYTES_MAX + FIELDS_BYTES_MAX + RESULTS_BYTES_MAX + LABELS_BYTES_MAX +
                       KEY_BYTES_MAX + FRAME_MARGIN <=
                   FRAME_BYTES_MAX,
               "the largest body fits a frame");

typedef struct walk {
    config_tree_t *tree;
    json_t *json, *route, *step;
    const char *name; /* of the route */
    size_t index;     /* of the step */
    char place[160];  /* below the step, for the error: "call/path" */
    size_t pointers;  /* of the route, so far */
} walk_t;

static const char *text_of(json_t *object, const char *leaf)
{
    return json_string_value(json_object_get(object, leaf));
}

static const node_t *step_node(const walk_t *w, const char *below)
{
    return node_at(w->tree, "routes/%s/steps/%zu/%s", w->name, w->index, below);
}

/* ---- pointers ---- */

/* The index of an earlier step of this name; SIZE_MAX when there is none. */
static size_t earlier_step(const walk_t *w, bytes_t name)
{
    json_t *steps = json_object_get(w->route, "steps");
    for (size_t i = 0; i < w->index; i++)
        if (bytes_is(name, text_of(json_array_get(steps, i), "name")))
            return i;
    return SIZE_MAX;
}

static void check_result(walk_t *w, const node_t *at, bytes_t pointer, bytes_t rest)
{
    char token[POINTER_BYTES_MAX + 1];
    size_t length;
    json_t *steps = json_object_get(w->route, "steps");
    if (!pointer_token(&rest, token, &length)) {
        config_complain(w->tree, at, "/results needs the name of a step: /results/<step>/...");
        return;
    }
    size_t index = earlier_step(w, bytes_of(token, length));
    if (index == SIZE_MAX) {
        config_complain(w->tree, at,
                        "%.*s: no earlier step is called %.64s; results come only from steps "
                        "before this one",
                        (int)pointer.len, (const char *)pointer.data, token);
        return;
    }
    bool classify = json_object_get(json_array_get(steps, index), "classify") != NULL;
    if (!pointer_token(&rest, token, &length))
        return;
    if (classify ? strcmp(token, "outcome") != 0 || rest.len > 0
                 : strcmp(token, "body") != 0 && (strcmp(token, "status") != 0 || rest.len > 0))
        config_complain(w->tree, at, "%.*s: the result of a %s step has only %s", (int)pointer.len,
                        (const char *)pointer.data, classify ? "classify" : "call",
                        classify ? "/outcome" : "/status and /body");
}

static void check_header_pointer(walk_t *w, const node_t *at, bytes_t pointer, bytes_t rest)
{
    char token[POINTER_BYTES_MAX + 1];
    size_t length;
    if (!pointer_token(&rest, token, &length) || rest.len > 0) {
        config_complain(w->tree, at, "%.*s: name one header: /headers/x-github-event",
                        (int)pointer.len, (const char *)pointer.data);
        return;
    }
    for (char *c = token; *c; c++)
        if (isupper((unsigned char)*c)) {
            config_complain(w->tree, at, "%.*s: names of headers are in lower case here",
                            (int)pointer.len, (const char *)pointer.data);
            return;
        }
}

static void check_label_pointer(walk_t *w, const node_t *at, bytes_t pointer, bytes_t rest)
{
    char token[POINTER_BYTES_MAX + 1];
    size_t length;
    if (!pointer_token(&rest, token, &length) || rest.len > 0 ||
        !json_object_get(json_object_get(w->route, "labels"), token))
        config_complain(w->tree, at, "%.*s: this route has no such label; add it to labels",
                        (int)pointer.len, (const char *)pointer.data);
}

static void check_pointer(walk_t *w, const node_t *at, bytes_t pointer)
{
    bytes_t rest = {0};
    document_root_t root = document_root_of(pointer, &rest);
    if (root == ROOT_NONE)
        config_complain(w->tree, at,
                        "%.*s: a pointer starts with /message, /headers, /results, /labels, "
                        "/id, /key, /route, /source or /attempt",
                        (int)pointer.len, (const char *)pointer.data);
    else if (root == ROOT_RESULTS)
        check_result(w, at, pointer, rest);
    else if (root == ROOT_HEADERS)
        check_header_pointer(w, at, pointer, rest);
    else if (root == ROOT_LABELS)
        check_label_pointer(w, at, pointer, rest);
    else if (root > ROOT_LABELS && rest.len > 0)
        config_complain(w->tree, at, "%.*s: there is nothing below it", (int)pointer.len,
                        (const char *)pointer.data);
    if ((root == ROOT_MESSAGE || root == ROOT_HEADERS) && w->pointers++ == ROUTE_POINTERS_MAX)
        config_complain(w->tree, at, "more than %d places of the message are used in one route",
                        ROUTE_POINTERS_MAX);
}

static void each_place(void *arg, bytes_t pointer)
{
    walk_t *w = arg;
    check_pointer(w, step_node(w, w->place), pointer);
}

static void check_conditions(walk_t *w, const char *place, json_t *conditions)
{
    const char *pointer;
    json_t *patterns;
    (void)patterns;
    json_object_foreach(conditions, pointer, patterns)
        check_pointer(w, step_node(w, place), bytes_str(pointer));
}

/* Route key, id and labels are taken by the ingress, which knows only what came in. */
static void check_intake_pointer(walk_t *w, const char *leaf, const char *pointer)
{
    bytes_t rest;
    document_root_t root = pointer ? document_root_of(bytes_str(pointer), &rest) : ROOT_MESSAGE;
    const node_t *at = node_at(w->tree, "routes/%s/%s", w->name, leaf);
    if (root != ROOT_MESSAGE && root != ROOT_HEADERS)
        config_complain(w->tree, at,
                        "%s: when a message comes in there are only /message and /headers",
                        pointer);
    else if (pointer && root == ROOT_HEADERS)
        check_header_pointer(w, at, bytes_str(pointer), rest);
}

/* ---- steps ---- */

/* what: "downstream", of the table "downstreams". */
static void check_exists(walk_t *w, const node_t *at, const char *what, const char *name)
{
    char section[32];
    snprintf(section, sizeof section, "%ss", what);
    json_t *table = json_object_get(w->json, section);
    if (!json_object_get(table, name))
        config_complain_name(w->tree, at, what, name, table);
}

static void check_call(walk_t *w, json_t *call)
{
    const char *downstream = text_of(call, "downstream"), *method = text_of(call, "method"),
               *header;
    json_t *value;
    check_exists(w, step_node(w, "call/downstream"), "downstream", downstream);
    if (json_object_get(call, "body") &&
        (strcmp(method, "GET") == 0 || strcmp(method, "DELETE") == 0))
        config_complain(w->tree, step_node(w, "call/body"), "a %s has no body; leave it out",
                        method);
    snprintf(w->place, sizeof w->place, "call/path");
    template_each(bytes_str(text_of(call, "path")), each_place, w);
    snprintf(w->place, sizeof w->place, "call/body");
    template_json_each(json_object_get(call, "body"), each_place, w);
    json_object_foreach(json_object_get(call, "headers"), header, value)
    {
        snprintf(w->place, sizeof w->place, "call/headers/%s", header);
        template_each(bytes_str(json_string_value(value)), each_place, w);
    }
}

static void check_classify(walk_t *w, json_t *classify)
{
    json_t *rules = json_object_get(classify, "rules");
    for (size_t i = 0; i < json_array_size(rules); i++) {
        char place[64];
        snprintf(place, sizeof place, "classify/rules/%zu/when", i);
        check_conditions(w, place, json_object_get(json_array_get(rules, i), "when"));
    }
}

/* What the limiter does by itself draws from nothing but its limits, and makes a lease. */
static void check_lease(walk_t *w)
{
    static const char *const kinds[] = {"lease", "acquire", "release"};
    size_t limits = json_array_size(json_object_get(w->step, "limits"));
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        json_t *of = json_object_get(w->step, kinds[i]);
        char place[16];
        if (!of)
            continue;
        snprintf(place, sizeof place, "%s", kinds[i]);
        if (i == 0 && !json_object_get(w->step, "call"))
            config_complain(w->tree, step_node(w, place), "lease goes with call only");
        if (i < 2 && limits == 0)
            config_complain(w->tree, step_node(w, place), "%s needs limits: what it holds", place);
        if (i == 2 && limits > 0)
            config_complain(w->tree, step_node(w, "limits"),
                            "a release waits for no limit; leave limits out");
        snprintf(w->place, sizeof w->place, "%s/id", kinds[i]);
        template_each(bytes_str(text_of(of, "id")), each_place, w);
    }
    if (w->index == 0 && json_object_get(w->step, "release") && text_of(w->route, "key"))
        config_complain(w->tree, node_at(w->tree, "routes/%s/key", w->name),
                        "a route that begins with release waits for no key; leave key out");
}

static void check_step(walk_t *w)
{
    const char *name = text_of(w->step, "name");
    json_t *classify = json_object_get(w->step, "classify"),
           *call = json_object_get(w->step, "call");
    size_t kinds = (classify != NULL) + (call != NULL) +
                   (json_object_get(w->step, "acquire") != NULL) +
                   (json_object_get(w->step, "release") != NULL);
    char place[160];
    if (earlier_step(w, bytes_str(name)) != SIZE_MAX)
        config_complain(w->tree, step_node(w, "name"),
                        "a step before it is called %s too; give each a name of its own", name);
    if (kinds != 1)
        config_complain(w->tree, step_node(w, ""),
                        "step %s must have one of classify, call, acquire and release, and has %s",
                        name, kinds == 0 ? "none" : "more");
    if (json_integer_value(json_object_get(w->step, "backoff_base_ms")) >
        json_integer_value(json_object_get(w->step, "backoff_cap_ms")))
        config_complain(w->tree, step_node(w, "backoff_base_ms"),
                        "backoff_base_ms must be at most backoff_cap_ms");
    snprintf(place, sizeof place, "routes/%s/steps/%zu", w->name, w->index);
    config_check_draws(w->tree, w->json, w->step, place);
    const node_t *limits = step_node(w, "limits"), *whom = step_node(w, "call/downstream");
    json_t *downstream = json_object_get(json_object_get(w->json, "downstreams"),
                                         call ? text_of(call, "downstream") : "");
    config_check_labels(w->tree, w->json, w->step, w->route, limits);
    config_check_labels(w->tree, w->json, downstream, w->route, whom);
    config_check_drawn_once(w->tree, w->step, w->route, "its route", limits);
    config_check_drawn_once(w->tree, w->step, downstream, "its downstream", limits);
    config_check_drawn_once(w->tree, w->route, downstream, "a step's downstream", whom);
    check_lease(w);
    check_conditions(w, "when", json_object_get(w->step, "when"));
    if (classify)
        check_classify(w, classify);
    if (call)
        check_call(w, call);
}

/* ---- routes ---- */

static void check_path(walk_t *w)
{
    static const char *const own[] = {"/v1", "/health", "/livez", "/readyz", "/metrics", "/admin"};
    const char *path = text_of(w->route, "path"), *other;
    const node_t *at = node_at(w->tree, "routes/%s/path", w->name);
    json_t *route;
    for (size_t i = 0; i < COUNT_OF(own); i++) {
        size_t len = strlen(own[i]);
        if (strncmp(path, own[i], len) == 0 && (path[len] == '/' || !path[len]))
            config_complain(w->tree, at, "%s belongs to Weir itself; choose another path", own[i]);
    }
    json_object_foreach(json_object_get(w->json, "routes"), other, route)
    {
        if (strcmp(other, w->name) == 0)
            return; /* only those before: each pair is told once */
        if (strcmp(path, text_of(route, "path")) == 0)
            config_complain(w->tree, at,
                            "route %s has the path %s too; give each a path of its own", other,
                            path);
    }
}

/* A form needs no leave of the browser: any page that somebody on this host has open could send
 * one. */
static void check_body(walk_t *w)
{
    json_t *source =
        json_object_get(json_object_get(w->json, "sources"), text_of(w->route, "source"));
    if (strcmp(text_of(w->route, "body"), "form") == 0 && source &&
        strcmp(text_of(source, "auth"), "none-on-loopback") == 0)
        config_complain(
            w->tree, node_at(w->tree, "routes/%s/body", w->name),
            "body form with auth none-on-loopback: any web page open on this host could "
            "send; give the source a secret");
}

static void check_label(walk_t *w, const char *leaf)
{
    const char *name = text_of(w->route, leaf);
    if (name && !json_object_get(json_object_get(w->route, "labels"), name))
        config_complain(w->tree, node_at(w->tree, "routes/%s/%s", w->name, leaf),
                        "%s: this route has no such label; add it to labels", name);
}

/* Limits of the route, its classes, who takes turns. */
static void check_admission(walk_t *w)
{
    json_t *classes = json_object_get(w->route, "classes"), *patterns;
    const char *pointer;
    char place[96], leaf[32];
    snprintf(place, sizeof place, "routes/%s", w->name);
    config_check_draws(w->tree, w->json, w->route, place);
    config_check_labels(w->tree, w->json, w->route, w->route, node_at(w->tree, "%s/limits", place));
    check_label(w, "fair_by");
    if (json_object_size(json_object_get(w->route, "weights")) > 0 && !text_of(w->route, "fair_by"))
        config_complain(w->tree, node_at(w->tree, "routes/%s/weights", w->name),
                        "weights are by the values of fair_by: say which label");
    if (json_integer_value(json_object_get(w->route, "loop_per_minute")) > 0 &&
        !text_of(w->route, "key"))
        config_complain(w->tree, node_at(w->tree, "routes/%s/loop_per_minute", w->name),
                        "a loop is seen by its key, and this route has no key; add one");
    if (json_is_true(json_object_get(w->route, "merge")) && !text_of(w->route, "key"))
        config_complain(w->tree, node_at(w->tree, "routes/%s/merge", w->name),
                        "merge is by the key, and this route has no key");
    for (size_t i = 0; i < json_array_size(classes); i++) {
        snprintf(leaf, sizeof leaf, "classes/%zu/when", i);
        json_object_foreach(json_object_get(json_array_get(classes, i), "when"), pointer, patterns)
            check_intake_pointer(w, leaf, pointer);
    }
}

static void check_route(walk_t *w)
{
    const char *source = text_of(w->route, "source"), *label;
    json_t *pointer, *steps = json_object_get(w->route, "steps");
    check_path(w);
    check_exists(w, node_at(w->tree, "routes/%s/source", w->name), "source", source);
    check_body(w);
    if (json_integer_value(json_object_get(w->route, "parallel")) > 1 && !text_of(w->route, "key"))
        config_complain(w->tree, node_at(w->tree, "routes/%s/parallel", w->name),
                        "parallel counts messages of one key, and this route has no key; add one");
    if (json_integer_value(json_object_get(w->route, "body_bytes_max")) >
        json_integer_value(json_object_get(json_object_get(w->json, "queue"), "bytes_max")))
        config_complain(w->tree, node_at(w->tree, "routes/%s/body_bytes_max", w->name),
                        "body_bytes_max must be at most queue.bytes_max");
    check_intake_pointer(w, "key", text_of(w->route, "key"));
    check_intake_pointer(w, "id", text_of(w->route, "id"));
    json_object_foreach(json_object_get(w->route, "labels"), label, pointer)
    {
        char leaf[80];
        snprintf(leaf, sizeof leaf, "labels/%s", label);
        check_intake_pointer(w, leaf, json_string_value(pointer));
    }
    check_admission(w);
    for (w->index = 0; w->index < json_array_size(steps); w->index++) {
        w->step = json_array_get(steps, w->index);
        check_step(w);
    }
}

void config_check_routes(config_tree_t *tree, json_t *json)
{
    const char *name;
    json_t *route;
    json_object_foreach(json_object_get(json, "routes"), name, route)
    {
        walk_t w = {.tree = tree, .json = json, .route = route, .name = name};
        check_route(&w);
    }
}
