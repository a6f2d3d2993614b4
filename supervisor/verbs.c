/* verbs.c: what people ask. What the supervisor knows itself is in verbs_self.c; the rest is
 * forwarded as a QUERY to who knows. Whatever happens to that actor, the person gets an answer. */
#include <stdio.h>
#include <stdlib.h>
#include "core/utf8.h"
#include "supervisor/supervisor.h"

#define ARGS_SHOWN 800 /* bytes in the journal */
#define STATE_SHOWN 400

/* ---- forwarded -------------------------------------------------------------------------- */

static const outside_t *who_knows(supervisor_t *s, const ctl_request_t *request)
{
    const ctl_verb_t *verb = request->verb;
    bool many = verb->answerer == CTL_BY_ID && !json_object_get(request->args, "id");
    unsigned actor = verb->answerer == CTL_DRAINER || many ? ACTOR_DRAINER : ACTOR_LIMITER;
    return office_of(s, actor);
}

static pending_t *pending_find(supervisor_t *s, uint64_t token)
{
    for (size_t i = 0; i < COUNT_OF(s->pending); i++)
        if (s->pending[i].token == token)
            return &s->pending[i];
    return NULL;
}

static int shown_of(const char *json, size_t most)
{
    return (int)utf8_prefix(bytes_str(json), most);
}

/* Of a change, what it came to is journaled, too. */
static void journal_end(const ctl_verb_t *verb, uid_t uid, pid_t pid, const json_t *answer)
{
    const json_t *before = json_object_get(answer, "before"),
                 *after = json_object_get(answer, "after");
    if (!json_is_true(json_object_get(answer, "ok"))) {
        const char *error = json_string_value(json_object_get(answer, "error"));
        log_text(LOG_CTL, "%s by uid %u, pid %d: refused, %s", verb->name, (unsigned)uid, (int)pid,
                 error ? error : "no reason");
        return;
    }
    char *was = before ? json_dumps(before, JSON_COMPACT | JSON_ENCODE_ANY) : strdup("-");
    char *is = after ? json_dumps(after, JSON_COMPACT | JSON_ENCODE_ANY) : strdup("-");
    must(was && is);
    log_text(LOG_CTL, "%s by uid %u, pid %d: done; before %.*s, after %.*s", verb->name,
             (unsigned)uid, (int)pid, shown_of(was, STATE_SHOWN), was, shown_of(is, STATE_SHOWN),
             is);
    free(was);
    free(is);
}

static void conclude(supervisor_t *s, pending_t *p, json_t *answer)
{
    pending_t ended = *p;
    *p = (pending_t){0};
    if (ctl_verbs[ended.verb].changes)
        journal_end(&ctl_verbs[ended.verb], ended.uid, ended.pid, answer);
    ctl_server_answer(s->ctl, ended.token, answer);
}

/* Ends one question: of status, the own part is an answer all the same. */
static void answer_without(supervisor_t *s, pending_t *p, unsigned status, const char *error,
                           const char *hint)
{
    json_t *answer = p->verb == CTL_VERB_STATUS   ? self_status(s, NULL, error)
                     : p->verb == CTL_VERB_HEALTH ? self_health(s, NULL, error)
                                                  : ctl_failure(status, error, hint);
    conclude(s, p, answer);
}

static bool send_query(supervisor_t *s, const outside_t *to, const ctl_asked_t *asked,
                       enum ctl_verb_id verb)
{
    char who[64];
    char *text = json_dumps(asked->request->args, JSON_COMPACT);
    must(text);
    snprintf(who, sizeof who, "uid %u pid %d", (unsigned)asked->uid, (int)asked->pid);
    msg_query_t query = {
        .number = asked->token,
        .verb = bytes_str(ctl_verbs[verb == CTL_VERB_HEALTH ? CTL_VERB_STATUS : verb].name),
        .args = bytes_str(text),
        .who = bytes_str(who)};
    bool sent = to->child->state == CHILD_READY && peers_send(s, to, MESSAGE_QUERY, &query);
    free(text);
    return sent;
}

static void forward(supervisor_t *s, const ctl_asked_t *asked, enum ctl_verb_id verb)
{
    const outside_t *to = who_knows(s, asked->request);
    pending_t *p = pending_find(s, 0);
    must(p); /* as many places as clients */
    *p = (pending_t){.token = asked->token,
                     .verb = verb,
                     .uid = asked->uid,
                     .pid = asked->pid,
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
    if (p->verb == CTL_VERB_STATUS || p->verb == CTL_VERB_HEALTH) {
        bool ok = json_is_true(json_object_get(body, "ok"));
        json_t *queue = ok ? json_incref(body) : NULL;
        json_object_del(body, "ok");
        json_t *whole = p->verb == CTL_VERB_STATUS
                            ? self_status(s, queue, "the limiter does not tell")
                            : self_health(s, queue, "the limiter does not tell");
        if (p->verb == CTL_VERB_HEALTH)
            json_decref(queue);
        json_decref(body);
        body = whole;
    }
    conclude(s, p, body);
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

static void say_who(const ctl_asked_t *asked, char *out, size_t size)
{
    snprintf(out, size, "uid %u, pid %d", (unsigned)asked->uid, (int)asked->pid);
}

static void journal(const ctl_asked_t *asked, const char *who)
{
    char *args = json_dumps(asked->request->args, JSON_COMPACT);
    must(args);
    log_text(LOG_CTL, "%s asked by %s: %.*s", asked->request->verb->name, who,
             shown_of(args, ARGS_SHOWN), args);
    free(args);
}

/* It runs as our own user, who may do everything; a jail cannot keep it from connecting. */
static void refuse_actor(supervisor_t *s, const ctl_asked_t *asked)
{
    log_text(LOG_BUG, "process %d, one of our own, asks for %s on ctl.sock: was it taken over?",
             (int)asked->pid, asked->request->verb->name);
    ctl_server_answer(s->ctl, asked->token,
                      ctl_failure(403, "not permitted", "people ask here, not actors"));
}

void verbs_request(void *arg, const ctl_asked_t *asked)
{
    supervisor_t *s = arg;
    const ctl_verb_t *verb = asked->request->verb;
    char who[64];
    int fd = -1;
    if (family_has_process(&s->family, asked->pid)) {
        refuse_actor(s, asked);
        return;
    }
    say_who(asked, who, sizeof who);
    if (verb->changes)
        journal(asked, who);
    if (verb->id == CTL_VERB_EVENTS) {
        verbs_events(s, asked);
        return;
    }
    if (renew_takes(s, asked->token, who, asked->request))
        return;
    json_t *answer = self_answer(s, asked->request, &fd);
    if (!answer) {
        forward(s, asked, verb->id);
        return;
    }
    if (verb->changes)
        journal_end(verb, asked->uid, asked->pid, answer);
    ctl_server_give(s->ctl, asked->token, answer, fd);
}
