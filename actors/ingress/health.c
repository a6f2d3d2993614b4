/* health.c: what probes and monitoring ask. Answered from memory, whatever else is wrong. */
#include <jansson.h>
#include <stdlib.h>

#include "actors/ingress/ingress.h"
#include "core/accept.h"
#include "sys/metrics_read.h"

#define EXPOSITION_HEAD (64u << 10) /* HELP and TYPE of every family */

/* ---- is it ready? */

/* Credit of 0 for a moment is load; for longer it is a queue that takes nothing. */
static bool is_dry(const scene_t *s)
{
    return !instant_is_never(s->self->dry_since) &&
           instant_since_us(s->now.at, s->self->dry_since) >= CREDIT_WAIT_US;
}

static bool is_open(const ingress_t *self)
{
    return !self->mode.stopping &&
           (self->mode.mode == MODE_NORMAL || self->mode.mode == MODE_DEGRADED);
}

/* A limiter that is replaced or comes back at once is not seen outside: so it is not here. */
static bool is_missed(const scene_t *s)
{
    const ingress_t *self = s->self;
    return !self->is_up && (self->limiter == PEER_NOBODY ||
                            instant_since_us(s->now.at, self->lost_at) >= MISSED_US);
}

/* Why not; an empty array when it is ready. */
static json_t *reasons(const scene_t *s)
{
    const ingress_t *self = s->self;
    json_t *why = json_array();
    must(why);
    if (self->stop.asked)
        json_array_append_new(why, json_string("the ingress stops"));
    if (is_missed(s))
        json_array_append_new(why, json_string("the limiter is away"));
    else if (self->is_up && self->is_silent)
        json_array_append_new(why, json_string("the limiter is silent"));
    else if (self->is_up && is_dry(s))
        json_array_append_new(why, json_string("the queue takes nothing"));
    if (!is_open(self))
        json_array_append_new(why, json_sprintf("mode %s", mode_name(self->mode.mode)));
    return why;
}

static void reply_and_free(const scene_t *s, const http_request_t *request, unsigned status,
                           const char *type, json_t *body)
{
    must(body);
    char *text = json_dumps(body, JSON_COMPACT);
    must(text);
    json_decref(body);
    reply_as(s, request->token, status, type, bytes_str(text));
    free(text);
}

void health_live(const scene_t *s, const http_request_t *request)
{
    reply_as(s, request->token, 200, "application/json", bytes_str("{\"status\":\"pass\"}\n"));
}

void health_ready(const scene_t *s, const http_request_t *request)
{
    json_t *why = reasons(s);
    bool ready = json_array_size(why) == 0;
    reply_and_free(s, request, ready ? 200 : 503, "application/json",
                   json_pack("{s:b, s:o}", "ready", ready, "reasons", why));
}

/* ---- health+json */

static json_t *check(const char *status, json_int_t value, const char *unit)
{
    return json_pack("[{s:s, s:s, s:I, s:s}]", "componentType", "component", "status", status,
                     "observedValue", value, "observedUnit", unit);
}

static json_t *checks(const scene_t *s)
{
    const ingress_t *self = s->self;
    bool gone = is_missed(s) || (self->is_up && self->is_silent);
    const char *link = limiter_is_usable(self) ? "pass" : gone ? "fail" : "warn";
    const char *mode = !is_open(self) ? "fail" : self->mode.mode == MODE_DEGRADED ? "warn" : "pass";
    json_t *all =
        json_pack("{s:[{s:s, s:s}], s:[{s:s, s:s, s:s}]}", "limiter:link", "componentType",
                  "component", "status", link, "service:mode", "componentType", "system", "status",
                  mode, "observedValue", mode_name(self->mode.mode));
    must(all);
    json_object_set_new(all, "limiter:credit",
                        check(is_dry(s) ? "fail" : "pass",
                              (json_int_t)credit_left(&self->purse).messages, "messages"));
    json_object_set_new(all, "submissions:waiting",
                        check(self->waiting.count > WAITING_MAX / 2 ? "warn" : "pass",
                              (json_int_t)(self->waiting.count + self->again.count),
                              "submissions"));
    return all;
}

void health_report(const scene_t *s, const http_request_t *request)
{
    json_t *why = reasons(s);
    bool fails = json_array_size(why) > 0;
    bool warns = s->self->mode.mode == MODE_DEGRADED || s->self->waiting.count > WAITING_MAX / 2;
    json_t *body = json_pack("{s:s, s:s, s:s, s:o}", "status",
                             fails   ? "fail"
                             : warns ? "warn"
                                     : "pass",
                             "serviceId", "weir", "version", WEIR_VERSION, "checks", checks(s));
    must(body);
    if (fails)
        json_object_set(body, "notes", why);
    json_decref(why);
    reply_and_free(s, request, fails ? 503 : 200, "application/health+json", body);
}

/* ---- metrics */

static stats_text_t *stats_of(ingress_t *self, uint8_t actor, uint16_t instance)
{
    for (size_t i = 0; i < self->stats_count; i++)
        if (self->stats[i].actor == actor && self->stats[i].instance == instance)
            return &self->stats[i];
    if (self->stats_count == STATS_TEXTS_MAX)
        return NULL;
    stats_text_t *place = &self->stats[self->stats_count++];
    *place = (stats_text_t){.actor = actor, .instance = instance};
    return place;
}

void health_stats(const scene_t *s, const msg_stats_t *stats)
{
    const birth_t *birth = s->self->birth;
    if (stats->actor == birth->actor && stats->instance == birth->instance)
        return; /* our own, older than what we have */
    stats_text_t *place = stats_of(s->self, (uint8_t)stats->actor, (uint16_t)stats->instance);
    if (!place)
        return;
    free(place->text);
    must((place->text = malloc(stats->text.len + 1)));
    memcpy(place->text, stats->text.len ? (const void *)stats->text.data : "", stats->text.len);
    place->len = stats->text.len;
    place->at = s->now.at;
}

/* What an actor said long ago is not what is: a dead one disappears. */
static size_t fresh_texts(const scene_t *s, bytes_t *texts)
{
    size_t count = 0;
    for (size_t i = 0; i < s->self->stats_count; i++) {
        const stats_text_t *stats = &s->self->stats[i];
        if (instant_since_us(s->now.at, stats->at) <= STATS_FRESH_US)
            texts[count++] = bytes_of(stats->text, stats->len);
    }
    return count;
}

/* What all actors said lately. The supervisor passes on what the others said; its own numbers the
 * ingress knows best itself. */
typedef struct telling {
    bytes_t texts[STATS_TEXTS_MAX + 1];
    size_t count;
    char *own;
} telling_t;

static void telling_begin(const scene_t *s, telling_t *t)
{
    const birth_t *birth = s->self->birth;
    t->count = fresh_texts(s, t->texts);
    t->own = malloc(STATS_BYTES_MAX);
    must(t->own);
    if (birth->metrics) {
        const char *name = actor_name(birth->actor);
        size_t length =
            metrics_samples(birth->metrics, name, birth->instance, t->own, STATS_BYTES_MAX);
        t->texts[t->count++] = bytes_of(t->own, length);
    }
}

static char *text_of(const telling_t *t, enum metrics_format format)
{
    size_t room = EXPOSITION_HEAD;
    for (size_t i = 0; i < t->count; i++)
        room += t->texts[i].len;
    char *out = malloc(room + 1);
    must(out);
    out[metrics_exposition(format, t->texts, t->count, out, room)] = '\0';
    return out;
}

static char *json_of(json_t *json)
{
    char *out = json_dumps(json, JSON_COMPACT);
    must(out);
    json_decref(json);
    return out;
}

static char *render(const scene_t *s, enum metrics_page which)
{
    telling_t t;
    char *out = NULL;
    telling_begin(s, &t);
    switch (which) {
    case PAGE_TEXT:
        out = text_of(&t, METRICS_PROMETHEUS);
        break;
    case PAGE_OPEN:
        out = text_of(&t, METRICS_OPEN);
        break;
    case PAGE_JSON:
        out = json_of(metrics_json(t.texts, t.count));
        break;
    case PAGE_SUMMARY:
        out = json_of(metrics_summary(t.texts, t.count));
        break;
    case PAGE_COUNT:
        break;
    }
    free(t.own);
    return out;
}

/* A page costs about a millisecond and its numbers come once a second: whoever asks more often gets
 * the same page, so that asking cannot keep submissions waiting. */
static void reply_page(const scene_t *s, const http_request_t *request, enum metrics_page which)
{
    static const char *const types[PAGE_COUNT] = {
        [PAGE_TEXT] = "text/plain; version=0.0.4; charset=utf-8",
        [PAGE_OPEN] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
        [PAGE_JSON] = "application/json",
        [PAGE_SUMMARY] = "application/json",
    };
    page_t *page = &s->self->pages[which];
    if (!page->body || instant_since_us(s->now.at, page->at) >= PAGE_FRESH_US) {
        free(page->body);
        page->body = render(s, which);
        page->at = s->now.at;
    }
    reply_as(s, request->token, 200, types[which], bytes_str(page->body));
}

void health_metrics(const scene_t *s, const http_request_t *request)
{
    bytes_t accept = http_header(request, "accept");
    if (accept_prefers(accept, "application/json", "text/plain"))
        reply_page(s, request, PAGE_JSON);
    else if (accept_prefers(accept, "application/openmetrics-text", "text/plain"))
        reply_page(s, request, PAGE_OPEN);
    else
        reply_page(s, request, PAGE_TEXT);
}

void health_summary(const scene_t *s, const http_request_t *request)
{
    reply_page(s, request, PAGE_SUMMARY);
}

void health_destroy(ingress_t *self)
{
    for (size_t i = 0; i < self->stats_count; i++)
        free(self->stats[i].text);
    self->stats_count = 0;
    for (size_t i = 0; i < PAGE_COUNT; i++)
        free(self->pages[i].body);
}
