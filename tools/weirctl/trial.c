#include "trial.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/form.h"
#include "core/json_text.h"
#include "core/template.h"

static void set(json_t *object, const char *name, json_t *value)
{
    must(value && json_object_set_new(object, name, value) == 0);
}

/* What a message holds may be any text: never NULL. */
static json_t *text_json(bytes_t text)
{
    json_t *made = json_stringn((const char *)text.data, text.len);
    return made ? made : json_string("(not UTF-8)");
}

static bytes_t text_of(const char *text) { return text ? bytes_str(text) : bytes_of(NULL, 0); }

bool trial_begin(trial_t *t, refusal_t *why)
{
    t->request.headers = t->headers;
    t->results = json_object();
    return extract(t->route, &t->request, &t->extracted, why);
}

void trial_end(trial_t *t)
{
    extracted_clear(&t->extracted);
    json_decref(t->results);
    json_decref(t->answers);
}

/* ---- the message ------------------------------------------------------------------------ */

/* As the ingress has it: before the queue, with all of body and headers. */
static document_t *whole_document(const trial_t *t, json_t **message, json_t **headers)
{
    form_error_t form;
    json_text_error_t error;
    *headers = json_object();
    *message = t->route->body == BODY_FORM ? form_parse(t->request.body, &form)
                                           : json_text_parse(t->request.body, &error);
    for (size_t i = 0; i < t->request.header_count; i++) {
        const http_field_t *field = &t->headers[i];
        json_t *value = text_json(field->value);
        must(json_object_setn_new(*headers, (const char *)field->name.data, field->name.len,
                                  value) == 0);
    }
    return document_new(&(document_parts_t){
        .message = *message, .headers = *headers, .labels = text_of(t->extracted.labels)});
}

static const char *class_by_rules(const trial_t *t, document_t *document)
{
    for (size_t i = 0; i < t->route->class_count; i++)
        if (match_holds(&t->route->classes[i].when, document))
            return class_name(t->route->classes[i].class);
    return class_name(t->route->class);
}

/* The label's value that a limit counts by; key, route and source are labels too. */
static json_t *counted_by(const trial_t *t, const char *label)
{
    json_t *labels = t->extracted.labels ? json_loads(t->extracted.labels, 0, NULL) : NULL;
    json_t *value = json_incref(json_object_get(labels, label));
    json_decref(labels);
    if (value)
        return value;
    if (strcmp(label, "key") == 0)
        return text_json(bytes_of(t->extracted.key, t->extracted.key_len));
    const char *own = strcmp(label, "route") == 0    ? t->route->name
                      : strcmp(label, "source") == 0 ? t->route->source->name
                                                     : NULL;
    return own ? json_string(own) : json_null();
}

static json_t *draw_json(const trial_t *t, const draw_t *draw)
{
    const limit_t *limit = &t->config->limits[draw->limit];
    json_t *json = json_pack("{s:s, s:i}", "limit", limit->name, "cost", (int)draw->cost);
    must(json);
    if (limit->slots)
        set(json, "slots", json_integer(limit->slots));
    if (limit->rate.shape != RATE_NONE) {
        set(json, "rate", json_integer(limit->rate.count));
        set(json, "rate_per_ms", json_integer(limit->rate.period_us / 1000));
    }
    if (limit->per_count)
        set(json, "per", json_object());
    for (size_t i = 0; i < limit->per_count; i++)
        set(json_object_get(json, "per"), limit->per[i], counted_by(t, limit->per[i]));
    return json;
}

static json_t *draws_json(const trial_t *t, const draw_t *draws, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        if (!t->config->limits[draws[i].limit].own)
            must(json_array_append_new(list, draw_json(t, &draws[i])) == 0);
    return list;
}

json_t *trial_message(trial_t *t)
{
    const route_t *r = t->route;
    json_t *message, *headers, *id = NULL;
    document_t *document = whole_document(t, &message, &headers);
    json_t *json = json_pack("{s:s, s:s, s:s, s:s}", "what", "message", "route", r->name, "source",
                             r->source->name, "class", class_by_rules(t, document));
    must(json);
    if (r->id && (id = document_get(document, bytes_str(r->id))))
        set(json, "id", json_incref(id));
    if (r->key)
        set(json, "key", text_json(bytes_of(t->extracted.key, t->extracted.key_len)));
    if (t->extracted.labels)
        set(json, "labels", json_loads(t->extracted.labels, 0, NULL));
    set(json, "limits", draws_json(t, r->draws, r->draw_count));
    document_destroy(&document);
    json_decref(message);
    json_decref(headers);
    return json;
}

/* ---- the steps -------------------------------------------------------------------------- */

/* One step as it would be assigned. */
typedef struct assigned {
    msg_assign_t assign;
    char *results, id[MSGID_TEXT];
    document_t *document;
} assigned_t;

static void assign(const trial_t *t, const step_t *step, assigned_t *a)
{
    a->results = json_dumps(t->results, JSON_COMPACT);
    must(a->results);
    a->assign = (msg_assign_t){.attempt = 1,
                               .route = bytes_str(t->route->name),
                               .step = bytes_str(step->name),
                               .source = bytes_str(t->route->source->name),
                               .key = bytes_of(t->extracted.key, t->extracted.key_len),
                               .labels = text_of(t->extracted.labels),
                               .fields = text_of(t->extracted.fields),
                               .results = bytes_str(a->results),
                               .content_type = t->extracted.content_type,
                               .trace = t->extracted.trace};
    if (step->needs_body)
        a->assign.body = t->request.body;
    a->document = work_document(&a->assign, a->id);
}

static void assigned_clear(assigned_t *a)
{
    document_destroy(&a->document);
    free(a->results);
}

/* A secret stands there by its name only. */
static void show_headers(json_t *json, const step_t *step, const call_text_t *call)
{
    json_t *headers = json_object();
    if (step->downstream->secret)
        set(headers, "Authorization", json_sprintf("Bearer (secret %s)", step->downstream->secret));
    for (size_t i = 0; i < call->header_count; i++) {
        const http_field_t *field = &call->headers[i];
        must(json_object_setn_new(headers, (const char *)field->name.data, field->name.len,
                                  text_json(field->value)) == 0);
    }
    set(json, "headers", headers);
}

static void show_call(json_t *json, const step_t *step, const assigned_t *a)
{
    static call_text_t call; /* it is large */
    set(json, "downstream", json_string(step->downstream->name));
    if (call_render(&call, step, &a->assign, bytes_of(NULL, 0)) < 0) {
        set(json, "fails", text_json(bytes_str(call.why)));
    } else {
        set(json, "method", json_string(step->method));
        set(json, "url",
            json_sprintf("%s%.*s", step->downstream->url, (int)call.path.len,
                         (const char *)call.path.data));
        show_headers(json, step, &call);
        if (call.body.len)
            set(json, "body", text_json(call.body));
    }
    call_clear(&call);
}

static void show_lease(json_t *json, const step_t *step, assigned_t *a)
{
    char id[512], why[256] = "";
    if (!step->lease_id)
        return;
    long len = template_text(bytes_str(step->lease_id), a->document, TEMPLATE_PLAIN, id, sizeof id,
                             why, sizeof why);
    if (len < 0)
        set(json, "fails", text_json(bytes_str(*why ? why : "the lease's id is too long")));
    else
        set(json, "lease", text_json(bytes_of(id, (size_t)len)));
}

/* What the step leaves for later ones; NULL: nothing. */
static json_t *result_of(const trial_t *t, const step_t *step, const char *outcome)
{
    json_t *given = json_object_get(t->answers, step->name);
    if (given)
        return json_incref(given);
    if (outcome)
        return json_pack("{s:s}", "outcome", outcome);
    return step->kind == STEP_CALL ? json_pack("{s:i}", "status", 200) : NULL;
}

static const char *kind_name(enum step_kind kind)
{
    static const char *const names[] = {[STEP_CLASSIFY] = "classify",
                                        [STEP_CALL] = "call",
                                        [STEP_ACQUIRE] = "acquire",
                                        [STEP_RELEASE] = "release"};
    return names[kind];
}

static json_t *step_json(const trial_t *t, const step_t *step, assigned_t *a, const char *outcome)
{
    json_t *json = json_pack("{s:s, s:s, s:s, s:b}", "what", "step", "step", step->name, "kind",
                             kind_name(step->kind), "runs", 1);
    must(json);
    set(json, "limits", draws_json(t, step->draws, step->draw_count));
    if (outcome)
        set(json, "outcome", json_string(outcome));
    if (step->kind == STEP_CALL) {
        set(json, "attempts", json_integer(step->attempts));
        show_call(json, step, a);
    }
    show_lease(json, step, a);
    return json;
}

/* Goes through all steps. said: what the classify step `of` is to choose; NULL: what it chooses. */
static void go_through(trial_t *t, const char *of, const char *said,
                       void (*each)(void *arg, const json_t *step), void *arg)
{
    json_object_clear(t->results);
    for (size_t i = 0; i < t->route->step_count; i++) {
        const step_t *step = &t->route->steps[i];
        assigned_t a = {0};
        assign(t, step, &a);
        bool runs = match_holds(&step->when, a.document),
             is_said = of && strcmp(of, step->name) == 0;
        const char *outcome = step->kind != STEP_CLASSIFY ? NULL
                              : is_said                   ? said
                                                          : work_outcome(step, a.document);
        json_t *json = runs ? step_json(t, step, &a, outcome)
                            : json_pack("{s:s, s:s, s:s, s:b}", "what", "step", "step", step->name,
                                        "kind", kind_name(step->kind), "runs", 0);
        json_t *result = runs ? result_of(t, step, outcome) : NULL;
        must(json);
        if (result)
            set(t->results, step->name, result);
        each(arg, json);
        json_decref(json);
        assigned_clear(&a);
    }
}

void trial_steps(trial_t *t, void (*each)(void *arg, const json_t *step), void *arg)
{
    go_through(t, NULL, NULL, each, arg);
}

/* ---- what if ---------------------------------------------------------------------------- */

static void add_running(void *list, const json_t *step)
{
    if (json_is_true(json_object_get(step, "runs")))
        must(json_array_append(list, json_object_get(step, "step")) == 0);
}

static void tell_outcome(trial_t *t, const step_t *step, const char *outcome, const char *own,
                         void (*each)(void *arg, const json_t *outcome), void *arg)
{
    json_t *steps = json_array();
    go_through(t, step->name, outcome, add_running, steps);
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:b, s:o}", "what", "outcome", "step", step->name, "outcome",
                  outcome, "so", own && strcmp(own, outcome) == 0, "steps", steps);
    must(json);
    each(arg, json);
    json_decref(json);
}

static bool is_earlier(const step_t *step, size_t rule)
{
    for (size_t i = 0; i < rule; i++)
        if (strcmp(step->rules[i].outcome, step->rules[rule].outcome) == 0)
            return true;
    return false;
}

static void keep_step(void *kept, const json_t *step)
{
    set(kept, json_string_value(json_object_get(step, "step")), json_incref((json_t *)step));
}

void trial_outcomes(trial_t *t, void (*each)(void *arg, const json_t *outcome), void *arg)
{
    json_t *now = json_object();
    go_through(t, NULL, NULL, keep_step, now);
    for (size_t i = 0; i < t->route->step_count; i++) {
        const step_t *step = &t->route->steps[i];
        const json_t *own = json_object_get(now, step->name);
        const char *outcome = json_string_value(json_object_get(own, "outcome"));
        bool otherwise = true;
        if (step->kind != STEP_CLASSIFY || !json_is_true(json_object_get(own, "runs")))
            continue;
        for (size_t k = 0; k < step->rule_count; k++) {
            otherwise = otherwise && strcmp(step->rules[k].outcome, step->otherwise) != 0;
            if (!is_earlier(step, k))
                tell_outcome(t, step, step->rules[k].outcome, outcome, each, arg);
        }
        if (otherwise)
            tell_outcome(t, step, step->otherwise, outcome, each, arg);
    }
    json_decref(now);
}
