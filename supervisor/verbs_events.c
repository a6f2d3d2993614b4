/* verbs_events.c: what happened lately, to whom it is told: lines of our own and of the actors go
 * in, questions and followers take them out. */
#include <stdio.h>
#include <stdlib.h>

#include "actors/tell.h"
#include "supervisor/supervisor.h"
#include "sys/log_names.h"

typedef struct follower {
    const events_t *events;
    events_view_t view;
} follower_t;

/* ---- in --------------------------------------------------------------------------------- */

static void on_own_line(void *arg, const log_line_t *line)
{
    supervisor_t *s = arg;
    const msg_event_t event = tell_event(line, loop_now().wall);
    events_put(s->events, actor_name(ACTOR_SUPERVISOR), &event);
}

void verbs_listen(supervisor_t *s)
{
    s->events = events_new();
    log_tap(on_own_line, s);
}

void verbs_deaf(supervisor_t *s)
{
    log_tap(NULL, NULL);
    events_destroy(&s->events);
}

void verbs_event(supervisor_t *s, const outside_t *from, const msg_event_t *events, size_t count)
{
    for (size_t i = 0; i < count; i++)
        events_put(s->events, from->child->name, &events[i]);
}

/* ---- out -------------------------------------------------------------------------------- */

static void take_text(const json_t *args, const char *name, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(args, name));
    snprintf(out, size, "%s", text ? text : "");
}

static bool has_actor(supervisor_t *s, const char *name)
{
    bool found = !*name || strcmp(name, "supervisor") == 0;
    for (size_t i = 0; i < s->family.count && !found; i++)
        found = strcmp(s->family.children[i].name, name) == 0;
    return found;
}

/* The refusal, or NULL. */
static json_t *read_view(supervisor_t *s, const json_t *args, events_view_t *out)
{
    const char *kind = json_string_value(json_object_get(args, "kind"));
    const json_t *since = json_object_get(args, "since");
    *out = (events_view_t){.next = (uint64_t)json_integer_value(json_object_get(args, "after")),
                           .kind = kind ? log_event_of(bytes_str(kind)) : -1};
    if (out->next)
        out->next++;
    if (since)
        out->since_ms = (loop_now().wall.us - json_integer_value(since) * US_PER_S) / US_PER_MS;
    take_text(args, "route", out->route, sizeof out->route);
    take_text(args, "message", out->message, sizeof out->message);
    take_text(args, "actor", out->actor, sizeof out->actor);
    if (kind && out->kind < 0)
        return ctl_failure(400, "there is no such kind of event",
                           "weirctl events shows the kinds of what happened; weirctl complete -- "
                           "events --kind '' lists all");
    return has_actor(s, out->actor)
               ? NULL
               : ctl_failure(404, "there is no such actor",
                             "limiter/0, say, or supervisor; weirctl actors ls shows the names");
}

static json_t *one_answer(const supervisor_t *s, events_view_t *view)
{
    json_t *list = json_array(), *event;
    while (json_array_size(list) < EVENTS_PAGE && (event = events_next(s->events, view)))
        must(json_array_append_new(list, event) == 0);
    json_t *j = json_pack("{s:b, s:o, s:I, s:I}", "ok", 1, "events", list, "after",
                          (json_int_t)view->next - 1, "missed", (json_int_t)view->missed);
    must(j);
    return j;
}

static json_t *next_line(void *arg)
{
    follower_t *f = arg;
    json_t *event = events_next(f->events, &f->view);
    if (f->view.missed == 0)
        return event;
    if (event) {
        json_decref(event);
        f->view.next--; /* it comes behind the word of those that were missed */
    }
    json_t *missed = json_pack("{s:s, s:b, s:I}", "schema", "weir.events.missed/1", "ok", 1,
                               "missed", (json_int_t)f->view.missed);
    f->view.missed = 0;
    return missed;
}

void verbs_events(supervisor_t *s, const ctl_asked_t *asked)
{
    const json_t *args = asked->request->args;
    events_view_t view;
    json_t *answer = read_view(s, args, &view);
    bool follows = json_is_true(json_object_get(args, "follow"));
    if (!answer && !follows)
        answer = one_answer(s, &view);
    if (!answer) {
        follower_t *f = malloc(sizeof *f);
        must(f);
        *f = (follower_t){s->events, view};
        if (ctl_server_follow(s->ctl, asked->token,
                              json_pack("{s:b, s:b}", "ok", 1, "following", 1),
                              &(ctl_follow_t){next_line, free, f}))
            return;
        free(f);
        answer = ctl_failure(503, "too many follow the events already", "try again later");
    }
    ctl_server_answer(s->ctl, asked->token, answer);
}
