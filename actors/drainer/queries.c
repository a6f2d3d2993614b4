/* queries.c: what people ask of the drainer: modes, drains, redrives. Each change is told to the
 * limiter; the answer to a mode waits for the limiter's word that it is in force. */
#include <stdio.h>
#include <stdlib.h>

#include "actors/drainer/drainer.h"

typedef struct question {
    drainer_t *self;
    peer_t from;
    const msg_query_t *query;
    json_t *args; /* an object, may be empty */
    now_t now;
    effects_t *effects;
} question_t;

static void answer(effects_t *effects, peer_t to, uint64_t number, unsigned status, json_t *body)
{
    must(body);
    char *text = json_dumps(body, JSON_COMPACT);
    must(text);
    json_decref(body);
    msg_answer_t said = {.number = number, .status = status, .body = bytes_str(text)};
    wish_send_now(effects, to, MESSAGE_ANSWER, &said);
    free(text);
}

static void say(const question_t *q, unsigned status, json_t *body)
{
    answer(q->effects, q->from, q->query->number, status, body);
}

static void refuse(const question_t *q, unsigned status, const char *error, const char *hint)
{
    say(q, status, json_pack("{s:s, s:s}", "error", error, "hint", hint));
}

/* A text among the arguments; empty when absent. False: it is there and no text, or too long. */
static bool text_arg(const question_t *q, const char *name, size_t most, bytes_t *out)
{
    const json_t *value = json_object_get(q->args, name);
    *out = bytes_of(NULL, 0);
    if (!value || json_is_null(value))
        return true;
    if (!json_is_string(value) || json_string_length(value) > most)
        return false;
    *out = bytes_of(json_string_value(value), json_string_length(value));
    return true;
}

/* ---- modes */

/* Since the order. A new life of the limiter counts from 0. */
static json_t *more(uint64_t now, uint64_t before)
{
    return json_integer((json_int_t)(now >= before ? now - before : now));
}

/* Before or after: of the route alone when only that was asked for. */
static json_t *mode_at(const asker_t *asker, work_mode_t mode, bool safe)
{
    json_t *at = *asker->route
                     ? json_pack("{s:s, s:s}", "route", asker->route, "mode", mode_name(mode))
                     : json_pack("{s:s, s:b}", "mode", mode_name(mode), "safe", safe);
    must(at);
    return at;
}

static json_t *mode_changed(const drainer_t *self, const asker_t *asker)
{
    work_mode_t now = *asker->route ? asker->mode : self->mode.mode;
    json_t *body = json_pack("{s:s, s:s, s:s, s:b, s:o, s:o}", "mode", mode_name(self->mode.mode),
                             "who", self->mode.who, "why", self->mode.why, "safe", self->mode.safe,
                             "before", mode_at(asker, asker->before, asker->was_safe), "after",
                             mode_at(asker, now, self->mode.safe));
    must(body);
    if (*asker->route)
        json_object_set_new(body, "route", json_string(asker->route));
    if (self->has_pressure) {
        json_object_set_new(body, "queued", json_integer((json_int_t)self->pressure.queued));
        json_object_set_new(body, "assigned", json_integer((json_int_t)self->pressure.assigned));
    }
    if (asker->cancel) {
        json_object_set_new(body, "cancelling", json_boolean(self->mode.cancelling));
        json_object_set_new(body, "cancelled", more(self->mode.cancelled, asker->cancelled));
        json_object_set_new(body, "unknown", more(self->mode.unknown, asker->unknown));
    }
    return body;
}

static bool is_so(const drainer_t *self, const asker_t *asker, bytes_t route)
{
    if (!bytes_is(route, asker->route))
        return false;
    if (route.len == 0)
        return asker->mode == self->mode.mode && asker->safe == self->mode.safe &&
               (!asker->cancel || self->mode.cancel);
    const route_t *r = config_route(self->config, route);
    return r && self->routes[r - self->config->routes] == (asker->mode == MODE_DRAINING);
}

void drainer_answer_askers(drainer_t *self, bytes_t route, effects_t *effects)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->asker_count; i++) {
        asker_t asker = self->askers[i];
        if (is_so(self, &asker, route) && !(asker.cancel && self->mode.cancelling))
            answer(effects, asker.peer, asker.number, 200, mode_changed(self, &asker));
        else
            self->askers[kept++] = asker;
    }
    self->asker_count = kept;
}

void drainer_expire_askers(drainer_t *self, now_t now, effects_t *effects)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->asker_count; i++) {
        asker_t asker = self->askers[i];
        if (instant_before(now.at, asker.until))
            self->askers[kept++] = asker;
        else if (asker.cancel && is_so(self, &asker, bytes_of(NULL, 0)))
            answer(effects, asker.peer, asker.number, 200, mode_changed(self, &asker));
        else
            answer(effects, asker.peer, asker.number, 503,
                   json_pack("{s:s, s:s}", "error", "the limiter did not confirm the mode in time",
                             "hint", "look at `weirctl status`, then ask for the mode again"));
    }
    self->asker_count = kept;
}

/* Whether the mode may be changed now; else it was answered. */
static bool may_change(const question_t *q, bytes_t *why)
{
    drainer_t *self = q->self;
    if (!text_arg(q, "why", REASON_BYTES_MAX, why))
        refuse(q, 400, "why is no text, or too long", "at most 512 bytes");
    else if (drainer_stops(self))
        refuse(q, 409, "Weir is stopping", "the mode can be changed after the start");
    else if (!self->is_up || !self->mode.known)
        refuse(q, 503, "the limiter is away", "try again in a second");
    else if (self->asker_count == ASKERS_MAX)
        refuse(q, 503, "too many mode changes wait already", "try again in a few seconds");
    else
        return true;
    return false;
}

static bytes_t who_asks(const question_t *q)
{
    return q->query->who.len ? q->query->who : bytes_str("somebody");
}

static asker_t *wait_for_it(const question_t *q, work_mode_t mode)
{
    drainer_t *self = q->self;
    asker_t *asker = &self->askers[self->asker_count++];
    *asker = (asker_t){.peer = q->from,
                       .number = q->query->number,
                       .mode = mode,
                       .before = self->mode.mode,
                       .safe = self->wanted.safe,
                       .was_safe = self->mode.safe,
                       .until = instant_after_us(q->now.at, MODE_WAIT_US)};
    return asker;
}

static void order_route(drainer_t *self, const asker_t *asker, effects_t *effects)
{
    wish_send(effects, self->limiter, MESSAGE_MODE,
              &(msg_mode_t){.mode = asker->mode,
                            .who = bytes_str(asker->who),
                            .why = bytes_str(asker->why),
                            .route = bytes_str(asker->route)});
}

void drainer_order_again(drainer_t *self, effects_t *effects)
{
    bool of_all = false;
    for (size_t i = 0; i < self->asker_count; i++) {
        const asker_t *asker = &self->askers[i];
        if (*asker->route)
            order_route(self, asker, effects);
        else
            of_all = true;
    }
    if (of_all)
        drainer_wish(self, effects);
}

/* by_hand: the rules leave it alone from now on. Normal is theirs, after a stay. */
static void change_mode(const question_t *q, work_mode_t mode, bool by_hand)
{
    drainer_t *self = q->self;
    bytes_t why;
    if (!may_change(q, &why))
        return;
    drainer_want(self, mode, by_hand, who_asks(q), why);
    wait_for_it(q, mode);
    drainer_wish(self, q->effects);
}

static void back_to_normal(const question_t *q)
{
    drainer_t *self = q->self;
    bytes_t why;
    if (!may_change(q, &why))
        return;
    modes_calm(&self->modes, q->now.at);
    self->wanted.pace_percent = 100;
    self->wanted.refuse = false;
    change_mode(q, MODE_NORMAL, false);
}

/* The answer waits for the end of all calls, or tells how far it is. */
static void cancel_calls(const question_t *q)
{
    drainer_t *self = q->self;
    bytes_t why;
    if (!may_change(q, &why))
        return;
    drainer_want(self, MODE_MAINTENANCE, true, who_asks(q), why);
    self->wanted.cancel = true;
    asker_t *asker = wait_for_it(q, MODE_MAINTENANCE);
    asker->cancel = true;
    asker->cancelled = self->mode.cancelled;
    asker->unknown = self->mode.unknown;
    asker->until = instant_after_us(q->now.at, CANCEL_WAIT_US);
    drainer_wish(self, q->effects);
}

static void ask_mode(const question_t *q)
{
    bytes_t name;
    bool is_text = text_arg(q, "mode", NAME_BYTES_MAX, &name);
    const json_t *cancel = json_object_get(q->args, "cancel");
    bool cancels = json_is_true(cancel);
    if ((cancel && !json_is_boolean(cancel)) ||
        (cancels && !(is_text && bytes_is(name, "maintenance"))))
        refuse(q, 400, "only maintenance can cancel the calls in flight",
               "weirctl mode maintenance --cancel --why \"the far side is being replaced\"");
    else if (cancels)
        cancel_calls(q);
    else if (is_text && bytes_is(name, "auto"))
        change_mode(q, modes_on(&q->self->modes, ACT_DEGRADED) ? MODE_DEGRADED : MODE_NORMAL,
                    false);
    else if (!is_text || (name.len && mode_of(name) < 0))
        refuse(q, 400, "no such mode", "one of normal, degraded, draining, maintenance, auto");
    else if (name.len && mode_of(name) == MODE_NORMAL)
        back_to_normal(q);
    else if (name.len)
        change_mode(q, (work_mode_t)mode_of(name), true);
    else if (!q->self->mode.known)
        refuse(q, 503, "the limiter has not said its mode yet", "try again in a second");
    else
        say(q, 200, drainer_mode_shown(q->self, q->now));
}

static void drain_route(const question_t *q, bytes_t route, work_mode_t mode)
{
    bytes_t why;
    const route_t *r = config_route(q->self->config, route);
    if (!r) {
        refuse(q, 404, "no such route", "`weirctl names` lists the routes");
        return;
    }
    if (!may_change(q, &why))
        return;
    asker_t *asker = wait_for_it(q, mode);
    asker->before = q->self->routes[r - q->self->config->routes] ? MODE_DRAINING : MODE_NORMAL;
    bytes_text(route, asker->route, sizeof asker->route);
    bytes_text(who_asks(q), asker->who, sizeof asker->who);
    bytes_text(why, asker->why, sizeof asker->why);
    order_route(q->self, asker, q->effects);
}

static void drain(const question_t *q, bool drains)
{
    bytes_t route;
    if (!text_arg(q, "route", NAME_BYTES_MAX, &route))
        refuse(q, 400, "route is no text, or too long", "the name of a route");
    else if (route.len)
        drain_route(q, route, drains ? MODE_DRAINING : MODE_NORMAL);
    else if (drains)
        change_mode(q, MODE_DRAINING, true);
    else
        back_to_normal(q);
}

static void ask_drain(const question_t *q) { drain(q, true); }
static void ask_undrain(const question_t *q) { drain(q, false); }

static void ask_safe(const question_t *q)
{
    drainer_t *self = q->self;
    bytes_t state, why;
    if (!text_arg(q, "state", NAME_BYTES_MAX, &state) ||
        !(bytes_is(state, "on") || bytes_is(state, "off"))) {
        refuse(q, 400, "safe mode is on or off", "weirctl safe on --why \"wrong replies\"");
        return;
    }
    if (!may_change(q, &why))
        return;
    drainer_want_safe(self, bytes_is(state, "on"), who_asks(q), why);
    wait_for_it(q, self->wanted.mode);
    drainer_wish(self, q->effects);
}

/* ---- redrives */

static json_t *redrive_now(const drainer_t *self)
{
    const redrive_t *job = &self->redrive;
    return json_pack("{s:s, s:b, s:b, s:b, s:I, s:I, s:I, s:s, s:i}", "doing",
                     job->drops ? "drop" : "redrive", "active", job->active, "gave_up",
                     job->gave_up, "cancelled", job->cancelled, "asked", (json_int_t)job->asked,
                     "left", (json_int_t)job->left, "dead", (json_int_t)self->pressure.dead,
                     "route", job->route, "rate", (int)job->rate);
}

static bool rate_arg(const question_t *q, unsigned *rate)
{
    const json_t *value = json_object_get(q->args, "rate");
    *rate = REDRIVE_RATE_DEFAULT;
    if (!value || json_is_null(value))
        return true;
    if (!json_is_integer(value) || json_integer_value(value) < 1 ||
        json_integer_value(value) > REDRIVE_RATE_MAX)
        return false;
    *rate = (unsigned)json_integer_value(value);
    return true;
}

static void begin_many(const question_t *q, bytes_t route, bool drops)
{
    drainer_t *self = q->self;
    unsigned rate;
    if (route.len && !config_route(self->config, route)) {
        refuse(q, 404, "no such route", "`weirctl names` lists the routes");
        return;
    }
    if (!rate_arg(q, &rate)) {
        refuse(q, 400, "rate is not a number from 1 to 5000", "messages a second");
        return;
    }
    if (self->redrive.active) {
        refuse(q, 409, "dead letters are being put back or dropped already",
               "`weirctl redrive status` shows it, `weirctl redrive cancel` ends it");
        return;
    }
    json_t *before = redrive_now(self);
    redrive_begin(&self->redrive, route, q->query->who, rate, self->pressure.dead, q->now);
    self->redrive.drops = drops;
    say(q, 200,
        json_pack("{s:I, s:i, s:o, s:o}", "begun", (json_int_t)self->pressure.dead, "rate",
                  (int)rate, "before", before, "after", redrive_now(self)));
}

/* One letter is the limiter's to answer for: what comes here is many. */
static void ask_many(const question_t *q, bool drops)
{
    bytes_t route;
    bool all = json_is_true(json_object_get(q->args, "all"));
    if (!text_arg(q, "route", NAME_BYTES_MAX, &route) || (route.len > 0) + all != 1)
        refuse(q, 400, "say which dead letters", "one of route or all: true");
    else if (!q->self->is_up || !q->self->has_pressure)
        refuse(q, 503, "the limiter is away", "try again in a second");
    else if (drainer_stops(q->self))
        refuse(q, 409, "Weir is stopping", "try again after the start");
    else
        begin_many(q, route, drops);
}

static void ask_redrive(const question_t *q) { ask_many(q, false); }
static void ask_drop(const question_t *q) { ask_many(q, true); }

static void ask_redrive_cancel(const question_t *q)
{
    drainer_t *self = q->self;
    if (!self->redrive.active) {
        refuse(q, 409, "no dead letters are being put back or dropped",
               "`weirctl redrive status` shows the last time");
        return;
    }
    json_t *before = redrive_now(self);
    redrive_cancel(&self->redrive);
    say(q, 200, json_pack("{s:o, s:o}", "before", before, "after", redrive_now(self)));
}

static void ask_redrive_status(const question_t *q) { say(q, 200, redrive_now(q->self)); }

/* ---- the table */

static const struct verb {
    const char *name;
    void (*ask)(const question_t *q);
} verbs[] = {
    {"mode", ask_mode},
    {"mode.show", ask_mode},
    {"drain", ask_drain},
    {"undrain", ask_undrain},
    {"safe", ask_safe},
    {"dead.redrive", ask_redrive},
    {"dead.drop", ask_drop},
    {"redrive.status", ask_redrive_status},
    {"redrive.cancel", ask_redrive_cancel},
};

void drainer_query(drainer_t *self, peer_t from, const msg_query_t *query, now_t now,
                   effects_t *effects)
{
    bytes_t text = query->args.len ? query->args : bytes_str("{}");
    question_t q = {.self = self, .from = from, .query = query, .now = now, .effects = effects};
    q.args = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    const struct verb *verb = NULL;
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        if (bytes_is(query->verb, verbs[i].name))
            verb = &verbs[i];
    if (!verb)
        refuse(
            &q, 404, "the drainer knows no such verb",
            "mode, drain, undrain, safe, dead.redrive, dead.drop, redrive.status, redrive.cancel");
    else if (!json_is_object(q.args))
        refuse(&q, 400, "the arguments are no JSON object", "for instance {}");
    else
        verb->ask(&q);
    json_decref(q.args);
}
