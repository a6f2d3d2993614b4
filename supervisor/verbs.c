/* verbs.c: what people ask. The supervisor answers about itself and its children; the rest is
 * forwarded as a QUERY to who knows. Whatever happens to that actor, the person gets an answer. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "supervisor/supervisor.h"

/* ---- about ourselves -------------------------------------------------------------------- */

static json_t *actor_json(const outside_t *o, instant_t now)
{
    const child_t *c = o->child;
    json_t *j = json_pack("{s:s, s:s, s:s, s:i, s:I, s:I, s:I}", "name", c->name, "actor",
                          actor_name(c->actor), "state", child_state_name(c->state), "pid", c->pid,
                          "generation", (json_int_t)c->generation, "in_state_ms",
                          (json_int_t)(instant_since_us(now, c->since) / US_PER_MS), "restarts",
                          (json_int_t)(c->lives ? c->lives - 1 : 0));
    must(j);
    if (c->state == CHILD_READY)
        must(json_object_set_new(j, "seccomp", json_boolean(o->jailed & JAILED_CALLS)) == 0 &&
             json_object_set_new(j, "landlock", json_boolean(o->jailed & JAILED_FILES)) == 0);
    if (c->last_end[0])
        must(json_object_set_new(j, "last_end", json_string(c->last_end)) == 0);
    bool waits = c->state == CHILD_BACKOFF || c->state == CHILD_FAILED;
    if (waits && !instant_is_never(c->due))
        must(json_object_set_new(j, "again_in_ms",
                                 json_integer(instant_since_us(c->due, now) / US_PER_MS)) == 0);
    return j;
}

static json_t *actors_json(const supervisor_t *s)
{
    json_t *list = json_array();
    instant_t now = loop_now().at;
    for (size_t i = 0; i < s->family.count; i++)
        must(json_array_append_new(list, actor_json(&s->outside[i], now)) == 0);
    return list;
}

static json_t *listen_json(const supervisor_t *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->listeners.count; i++)
        must(json_array_append_new(list, json_string(s->listeners.addresses[i])) == 0);
    return list;
}

/* queue: what the limiter said; NULL: nothing, `why` says why. */
static json_t *status_json(const supervisor_t *s, json_t *queue, const char *why)
{
    static const char *const phases[] = {[STOP_NOT] = "running",
                                         [STOP_DRAIN] = "draining for a stop",
                                         [STOP_WAVES] = "stopping",
                                         [STOP_OVER] = "stopped"};
    char summary[512];
    family_summary(&s->family, summary, sizeof summary);
    json_t *j = json_pack(
        "{s:b, s:s, s:s, s:b, s:s, s:I, s:i, s:o, s:o, s:o?}", "ok", 1, "version", WEIR_VERSION,
        "phase", phases[s->stop.phase], "ready", (int)family_is_ready(&s->family), "summary",
        summary, "uptime_ms", (json_int_t)(instant_since_us(loop_now().at, s->started) / US_PER_MS),
        "pid", (int)getpid(), "listen", listen_json(s), "actors", actors_json(s), "queue", queue);
    must(j);
    if (!queue)
        must(json_object_set_new(j, "queue", json_null()) == 0 &&
             json_object_set_new(j, "queue_error", json_string(why)) == 0);
    return j;
}

static json_t *restart_json(supervisor_t *s, const char *name)
{
    if (s->stop.phase != STOP_NOT)
        return ctl_failure(409, "Weir is stopping", NULL);
    size_t n = supervisor_restart(s, name);
    if (n == 0)
        return ctl_failure(404, "there is no such actor", "see weirctl actors ls for the names");
    json_t *j = json_pack("{s:b, s:I}", "ok", 1, "restarted", (json_int_t)n);
    must(j);
    return j;
}

static json_t *stop_json(supervisor_t *s)
{
    supervisor_stop(s, EXIT_ASKED, "asked to stop (weirctl)");
    json_t *j = json_pack("{s:b, s:s}", "ok", 1, "phase",
                          s->stop.phase == STOP_DRAIN ? "draining" : "stopping");
    must(j);
    return j;
}

static json_t *version_json(void)
{
    json_t *j = json_pack("{s:b, s:s, s:i}", "ok", 1, "version", WEIR_VERSION, "protocol",
                          PROTOCOL_VERSION);
    must(j);
    return j;
}

/* ---- forwarded -------------------------------------------------------------------------- */

static const outside_t *who_knows(const supervisor_t *s, const ctl_verb_t *verb)
{
    bool drainers = verb->answerer == CTL_DRAINER || verb->answerer == CTL_BY_ID;
    unsigned actor = drainers ? ACTOR_DRAINER : ACTOR_LIMITER;
    for (size_t i = 0; i < s->family.count; i++)
        if (s->family.children[i].actor == actor)
            return &s->outside[i];
    must(!"the roster has a limiter and a drainer");
    return NULL;
}

static pending_t *pending_find(supervisor_t *s, uint64_t token)
{
    for (size_t i = 0; i < COUNT_OF(s->pending); i++)
        if (s->pending[i].token == token)
            return &s->pending[i];
    return NULL;
}

/* Ends one question: of status, the own part is an answer all the same. */
static void answer_without(supervisor_t *s, pending_t *p, unsigned status, const char *error,
                           const char *hint)
{
    json_t *answer =
        p->verb == CTL_VERB_STATUS ? status_json(s, NULL, error) : ctl_failure(status, error, hint);
    uint64_t token = p->token;
    *p = (pending_t){0};
    ctl_server_answer(s->ctl, token, answer);
}

static bool send_query(supervisor_t *s, const outside_t *to, const ctl_asked_t *asked,
                       enum ctl_verb_id verb)
{
    char who[64];
    char *text = json_dumps(asked->request->args, JSON_COMPACT);
    must(text);
    snprintf(who, sizeof who, "uid %u pid %d", (unsigned)asked->uid, (int)asked->pid);
    msg_query_t query = {.number = asked->token,
                         .verb = bytes_str(ctl_verbs[verb].name),
                         .args = bytes_str(text),
                         .who = bytes_str(who)};
    bool sent = to->child->state == CHILD_READY && peers_send(s, to, MESSAGE_QUERY, &query);
    free(text);
    return sent;
}

static void forward(supervisor_t *s, const ctl_asked_t *asked, enum ctl_verb_id verb)
{
    const outside_t *to = who_knows(s, &ctl_verbs[verb]);
    pending_t *p = pending_find(s, 0);
    must(p); /* as many places as clients */
    *p = (pending_t){.token = asked->token,
                     .verb = verb,
                     .asked = to,
                     .until = instant_after_us(loop_now().at, QUERY_US)};
    char error[96];
    snprintf(error, sizeof error, "the %s is not ready (%s)", actor_name(to->child->actor),
             child_state_name(to->child->state));
    if (!send_query(s, to, asked, verb))
        answer_without(s, p, 503, error,
                       "try again shortly; weirctl actors ls shows what happened to it");
}

/* {ok, status, ...what the actor said} */
static json_t *answer_json(const msg_answer_t *answer)
{
    json_t *body =
        json_loadb((const char *)answer->body.data, answer->body.len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(body)) {
        json_decref(body);
        return ctl_failure(502, "the actor's answer cannot be read", "this is a bug of Weir");
    }
    bool ok = answer->status >= 200 && answer->status < 300;
    must(json_object_set_new(body, "ok", json_boolean(ok)) == 0);
    if (!ok)
        must(json_object_set_new(body, "status", json_integer((json_int_t)answer->status)) == 0);
    return body;
}

void verbs_answer(supervisor_t *s, const outside_t *from, const msg_answer_t *answer)
{
    pending_t *p = answer->number ? pending_find(s, answer->number) : NULL;
    if (!p || p->asked != from)
        return; /* too late: the person already heard so */
    json_t *body = answer_json(answer);
    uint64_t token = p->token;
    if (p->verb == CTL_VERB_STATUS && json_is_true(json_object_get(body, "ok"))) {
        json_object_del(body, "ok");
        body = status_json(s, body, NULL);
    } else if (p->verb == CTL_VERB_STATUS) {
        json_decref(body);
        body = status_json(s, NULL, "the limiter does not tell");
    }
    *p = (pending_t){0};
    ctl_server_answer(s->ctl, token, body);
}

void verbs_gone(supervisor_t *s, const outside_t *who)
{
    for (size_t i = 0; i < COUNT_OF(s->pending); i++)
        if (s->pending[i].token && s->pending[i].asked == who)
            answer_without(s, &s->pending[i], 503,
                           "the actor that was asked ended before it answered",
                           "try again; what was asked may or may not have happened");
}

instant_t verbs_turn(supervisor_t *s, instant_t now)
{
    instant_t next = INSTANT_NEVER;
    for (size_t i = 0; i < COUNT_OF(s->pending); i++) {
        pending_t *p = &s->pending[i];
        if (p->token && !instant_before(now, p->until))
            answer_without(s, p, 504, "no answer within 10 s",
                           "the actor is busy or hangs; weirctl actors ls shows its state");
        else if (p->token)
            next = instant_min(next, p->until);
    }
    return next;
}

/* ---- the request ------------------------------------------------------------------------ */

static void journal(const ctl_asked_t *asked)
{
    char *args = json_dumps(asked->request->args, JSON_COMPACT);
    log_text(LOG_CTL, "%s %s by uid %u, pid %d", asked->request->verb->name, args ? args : "",
             (unsigned)asked->uid, (int)asked->pid);
    free(args);
}

void verbs_request(void *arg, const ctl_asked_t *asked)
{
    supervisor_t *s = arg;
    enum ctl_verb_id verb = asked->request->verb->id;
    json_t *answer = NULL;
    if (asked->request->verb->changes)
        journal(asked);
    if (verb == CTL_VERB_ACTORS_LS)
        answer = json_pack("{s:b, s:o}", "ok", 1, "actors", actors_json(s));
    else if (verb == CTL_VERB_ACTORS_RESTART)
        answer = restart_json(s, json_string_value(json_object_get(asked->request->args, "name")));
    else if (verb == CTL_VERB_STOP)
        answer = stop_json(s);
    else if (verb == CTL_VERB_VERSION)
        answer = version_json();
    else
        forward(s, asked, verb);
    if (answer)
        ctl_server_answer(s->ctl, asked->token, answer);
}
