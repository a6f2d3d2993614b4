#include "supervisor/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sys/log_names.h"

typedef struct kept {
    json_t *shown;
    int64_t at_ms;
    unsigned kind;
} kept_t;

struct events {
    kept_t ring[EVENTS_KEPT];
    uint64_t oldest, next; /* numbers, from 1; oldest == next: none */
};

events_t *events_new(void)
{
    events_t *e = calloc(1, sizeof *e);
    must(e);
    e->oldest = e->next = 1;
    return e;
}

void events_destroy(events_t **events)
{
    events_t *e = *events;
    *events = NULL;
    for (size_t i = 0; e && i < EVENTS_KEPT; i++)
        json_decref(e->ring[i].shown);
    free(e);
}

static void put_text(json_t *object, const char *name, bytes_t text)
{
    if (text.len)
        must(json_object_set_new(object, name,
                                 json_stringn_nocheck((const char *)text.data, text.len)) == 0);
}

static void time_text(int64_t ms, char out[40])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm at;
    must(gmtime_r(&seconds, &at));
    snprintf(out, 40, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", at.tm_year + 1900, at.tm_mon + 1,
             at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec, (int)(ms % 1000)); /* RFC 3339 */
}

static json_t *event_json(uint64_t number, const char *actor, const msg_event_t *m)
{
    static const char *const levels[] = {"error", "warning", "notice", "info", "debug"};
    char at[40];
    int64_t ms = (int64_t)(m->at_us / US_PER_MS);
    int level = log_event_level((unsigned)m->kind) - LOG_LEVEL_ERROR;
    time_text(ms, at);
    json_t *j = json_pack("{s:s, s:I, s:I, s:s, s:s, s:s, s:s}", "schema", "weir.event/1", "number",
                          (json_int_t)number, "at_ms", (json_int_t)ms, "at", at, "actor", actor,
                          "kind", log_event_name((unsigned)m->kind), "level", levels[level]);
    must(j);
    put_text(j, "text", m->text);
    put_text(j, "message", m->message);
    put_text(j, "route", m->route);
    put_text(j, "key", m->key);
    put_text(j, "downstream", m->downstream);
    put_text(j, "limit", m->limit);
    put_text(j, "reason", m->reason);
    put_text(j, "trace", m->trace);
    if (m->left_out)
        must(json_object_set_new(j, "left_out", json_integer((json_int_t)m->left_out)) == 0);
    return j;
}

void events_put(events_t *e, const char *actor, const msg_event_t *m)
{
    if (m->kind >= LOG_EVENT_COUNT)
        return; /* of a younger version */
    if (e->next - e->oldest == EVENTS_KEPT)
        e->oldest++;
    kept_t *place = &e->ring[e->next % EVENTS_KEPT];
    json_decref(place->shown);
    *place = (kept_t){.shown = event_json(e->next, actor, m),
                      .at_ms = (int64_t)(m->at_us / US_PER_MS),
                      .kind = (unsigned)m->kind};
    e->next++;
}

static bool says(const json_t *shown, const char *name, const char *wanted)
{
    const char *text = json_string_value(json_object_get(shown, name));
    return !*wanted || (text && strcmp(text, wanted) == 0);
}

static bool is_wanted(const kept_t *k, const events_view_t *v)
{
    return (v->kind < 0 || k->kind == (unsigned)v->kind) && k->at_ms >= v->since_ms &&
           says(k->shown, "route", v->route) && says(k->shown, "message", v->message) &&
           says(k->shown, "actor", v->actor);
}

json_t *events_next(const events_t *e, events_view_t *v)
{
    if (v->next == 0)
        v->next = e->oldest;
    if (v->next < e->oldest) {
        v->missed += e->oldest - v->next;
        v->next = e->oldest;
    }
    while (v->next < e->next) {
        const kept_t *k = &e->ring[v->next++ % EVENTS_KEPT];
        if (is_wanted(k, v))
            return json_incref(k->shown);
    }
    return NULL;
}
