/* work_mode.c: the mode of work as the drainer wants it: what people ordered, what the rules say,
 * and how far a drain is. */
#include <stdio.h>
#include <stdlib.h>

#include "actors/drainer/drainer.h"

/* ---- telling the limiter */

static void send(drainer_t *self, bool lasting, bool stopping, effects_t *effects)
{
    const wanted_t *w = &self->wanted;
    msg_mode_t order = {
        .mode = stopping ? MODE_DRAINING : w->mode,
        .who = bytes_str(stopping ? "supervisor" : w->who),
        .why = bytes_str(stopping ? "the service stops" : w->why),
        .lasting = lasting,
        .stopping = stopping,
        .safe = w->safe,
        .safe_why = bytes_str(w->safe_why),
        .pace_percent = w->pace_percent,
        .refuse = w->refuse,
        .by_hand = w->by_hand,
        .cancel = !stopping && w->cancel,
    };
    if (!self->is_up)
        return;
    self->unanswered++;
    wish_send(effects, self->limiter, MESSAGE_MODE, &order);
}

void drainer_wish(drainer_t *self, effects_t *effects) { send(self, true, false, effects); }

/* Not lasting: after the start the mode is what it was. */
void drainer_wish_stopping(drainer_t *self, bool stopping, effects_t *effects)
{
    self->stop.confirmed = false;
    send(self, false, stopping, effects);
}

void drainer_want(drainer_t *self, work_mode_t mode, bool by_hand, bytes_t who, bytes_t why)
{
    self->wanted.mode = mode;
    self->wanted.by_hand = by_hand;
    self->wanted.cancel = false;
    bytes_text(who, self->wanted.who, sizeof self->wanted.who);
    bytes_text(why, self->wanted.why, sizeof self->wanted.why);
}

void drainer_want_safe(drainer_t *self, bool safe, bytes_t who, bytes_t why)
{
    wanted_t *w = &self->wanted;
    w->safe = safe;
    snprintf(w->safe_why, sizeof w->safe_why, "%.*s%s%.*s", (int)who.len, (const char *)who.data,
             why.len ? ": " : "", (int)why.len, why.len ? (const char *)why.data : "");
}

/* ---- what the limiter says */

static void take_over(drainer_t *self, const msg_mode_t *mode, now_t now)
{
    drainer_want(self, (work_mode_t)mode->mode, mode->by_hand != 0, mode->who, mode->why);
    self->wanted.cancel = mode->cancel != 0;
    self->wanted.safe = mode->safe != 0;
    self->wanted.refuse = mode->refuse != 0;
    self->wanted.pace_percent = mode->pace_percent ? (unsigned)mode->pace_percent : 100;
    bytes_text(mode->safe_why, self->wanted.safe_why, sizeof self->wanted.safe_why);
    if (self->resumed)
        return;
    self->resumed = true;
    if (mode->mode == MODE_DEGRADED && !mode->by_hand)
        modes_resume(&self->modes, ACT_DEGRADED, now.at);
    if (self->wanted.pace_percent < 100)
        modes_resume(&self->modes, ACT_SLOW_DOWN, now.at);
    if (mode->refuse)
        modes_resume(&self->modes, ACT_REFUSE, now.at);
}

/* Since when the limiter drains: a new drainer knows it by the wall clock. */
static void drain_follow(drainer_t *self, const msg_mode_t *mode, now_t now)
{
    bool drains = mode->mode == MODE_DRAINING && !mode->stopping;
    int64_t ago = mode->since_us ? now.wall.us - (int64_t)mode->since_us : 0;
    if (drains && !self->drain.active)
        self->drain = (drain_t){.active = true,
                                .since = {now.at.us - (ago > 0 ? ago : 0)},
                                .last_us = self->drain.last_us};
    else if (!drains)
        self->drain.active = false;
}

static void route_said(drainer_t *self, const msg_mode_t *mode)
{
    const route_t *route = config_route(self->config, mode->route);
    if (route)
        self->routes[route - self->config->routes] = mode->mode == MODE_DRAINING;
}

/* Somebody waits for what they ordered for all. */
static bool is_asked(const drainer_t *self)
{
    for (size_t i = 0; i < self->asker_count; i++)
        if (!*self->askers[i].route)
            return true;
    return false;
}

void drainer_on_mode(drainer_t *self, const msg_mode_t *mode, now_t now, effects_t *effects)
{
    if (mode->mode >= MODE_COUNT)
        return;
    if (mode->route.len) {
        route_said(self, mode);
        drainer_answer_askers(self, mode->route, effects);
        return;
    }
    self->unanswered -= self->unanswered > 0;
    self->mode.known = true;
    self->mode.stopping = mode->stopping != 0;
    self->mode.mode = (work_mode_t)mode->mode;
    self->mode.safe = mode->safe != 0;
    self->mode.cancel = mode->cancel != 0;
    self->mode.cancelling = mode->cancelling != 0;
    self->mode.cancelled = mode->cancelled;
    self->mode.unknown = mode->unknown;
    if (mode->cancel && !mode->cancelling)
        self->pressure.assigned = 0; /* younger than the last report */
    self->mode.since_us = (int64_t)mode->since_us;
    bytes_text(mode->who, self->mode.who, sizeof self->mode.who);
    bytes_text(mode->why, self->mode.why, sizeof self->mode.why);
    if (mode->stopping)
        self->stop.confirmed = true;
    else if (!self->stop.active && self->unanswered == 0 && !is_asked(self))
        take_over(self, mode, now);
    drain_follow(self, mode, now);
    drainer_answer_askers(self, bytes_of(NULL, 0), effects);
}

/* ---- what the rules say */

static void log_act(drainer_t *self, enum mode_act act, bool on, effects_t *effects)
{
    char text[96], reason[200];
    modes_reason(&self->modes, act, reason, sizeof reason);
    snprintf(text, sizeof text, "the rules of modes: %s %s", mode_act_name(act),
             on ? "begins" : "ends");
    wish_log(effects, &(log_line_t){.event = LOG_MODE, .text = text, .reason = bytes_str(reason)});
}

/* What a person chose stays: degraded, draining, maintenance. */
void drainer_apply_rules(drainer_t *self, now_t now, effects_t *effects)
{
    wanted_t *w = &self->wanted;
    modes_t *m = &self->modes;
    if (!self->mode.known || drainer_stops(self) || self->unanswered > 0)
        return;
    modes_update(m, now.at);
    bool degraded = modes_on(m, ACT_DEGRADED), slow = modes_on(m, ACT_SLOW_DOWN),
         refuse = modes_on(m, ACT_REFUSE), may = !w->by_hand && w->mode <= MODE_DEGRADED;
    unsigned pace = slow ? m->config->slow_down_percent : 100;
    bool other_mode = may && degraded != (w->mode == MODE_DEGRADED),
         other_pace = pace != w->pace_percent, other_refuse = refuse != w->refuse;
    if (!other_mode && !other_pace && !other_refuse)
        return;
    if (other_mode) {
        char reason[200];
        modes_reason(m, ACT_DEGRADED, reason, sizeof reason);
        drainer_want(self, degraded ? MODE_DEGRADED : MODE_NORMAL, false, bytes_str("rules"),
                     bytes_str(reason));
        log_act(self, ACT_DEGRADED, degraded, effects);
    }
    if (other_pace)
        log_act(self, ACT_SLOW_DOWN, slow, effects);
    if (other_refuse)
        log_act(self, ACT_REFUSE, refuse, effects);
    w->pace_percent = pace;
    w->refuse = refuse;
    drainer_wish(self, effects);
}

/* ---- how far a drain is */

static void drain_gauges(const drainer_t *self, now_t now, effects_t *effects)
{
    const drain_t *d = &self->drain;
    sureness_t sure;
    bool runs = d->active && !d->done;
    int64_t left = estimate_us(&self->pace, now.at, self->pressure.queued, 0, &sure);
    wish_gauge(effects, METRIC_DRAIN_SECONDS, bytes_str("running"),
               runs ? (double)instant_since_us(now.at, d->since) / 1e6 : 0);
    wish_gauge(effects, METRIC_DRAIN_SECONDS, bytes_str("last"), (double)d->last_us / 1e6);
    wish_gauge(effects, METRIC_DRAIN_LEFT, bytes_of(NULL, 0), runs ? (double)left / 1e6 : 0);
}

void drainer_follow_pace(drainer_t *self, const msg_pressure_t *before,
                         const msg_pressure_t *pressure, now_t now, effects_t *effects)
{
    drain_t *d = &self->drain;
    if (before && pressure->ended > before->ended)
        estimate_left(&self->pace, now.at, (uint32_t)(pressure->ended - before->ended));
    if (pressure->queued > 0)
        estimate_waits(&self->pace, now.at);
    else
        estimate_empty(&self->pace);
    if (d->active && !d->done && pressure->queued == 0) {
        char text[96];
        d->done = true;
        d->last_us = instant_since_us(now.at, d->since);
        snprintf(text, sizeof text, "drained after %.1f s: all that was accepted is finished",
                 (double)d->last_us / 1e6);
        wish_log(effects, &(log_line_t){.event = LOG_MODE, .text = text});
    }
    drain_gauges(self, now, effects);
}

/* ---- for people */

static json_t *drain_shown(const drainer_t *self, now_t now)
{
    const drain_t *d = &self->drain;
    sureness_t sure;
    int64_t left = estimate_us(&self->pace, now.at, self->pressure.queued, 0, &sure);
    bool runs = d->active && !d->done;
    json_t *shown =
        json_pack("{s:b, s:b, s:I, s:f, s:f, s:s}", "active", d->active, "done",
                  d->active && d->done, "parked", (json_int_t)self->pressure.parked, "running_s",
                  runs ? (double)instant_since_us(now.at, d->since) / 1e6 : 0.0, "last_s",
                  (double)d->last_us / 1e6, "sure", sureness_name(sure));
    must(shown);
    json_object_set_new(shown, "left_s",
                        self->pressure.queued == 0 ? json_real(0)
                        : sure == SURE_UNKNOWN     ? json_null()
                                                   : json_real((double)left / 1e6));
    return shown;
}

static json_t *number_or_null(double value)
{
    return value >= 0 ? json_integer((json_int_t)value) : json_null();
}

static json_t *rules_shown(const modes_t *m)
{
    json_t *rules = json_array();
    for (size_t i = 0; i < m->config->rule_count; i++) {
        const mode_rule_t *rule = &m->config->rules[i];
        json_t *shown =
            json_pack("{s:s, s:s, s:I, s:I, s:s, s:b}", "signal", signal_name(rule->signal), "of",
                      rule->of, "enter", (json_int_t)rule->enter, "leave", (json_int_t)rule->leave,
                      "does", mode_act_name(rule->does), "on", m->rules[i].on);
        must(shown);
        json_object_set_new(shown, "value", number_or_null(m->values[i]));
        json_array_append_new(rules, shown);
    }
    return rules;
}

json_t *drainer_mode_shown(const drainer_t *self, now_t now)
{
    const wanted_t *w = &self->wanted;
    json_t *signals = json_object(), *routes = json_array();
    json_t *body = json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:s, s:i, s:b}", "mode",
                             mode_name(self->mode.mode), "who", self->mode.who, "why",
                             self->mode.why, "by_hand", w->by_hand, "cancel", self->mode.cancel,
                             "safe", self->mode.safe, "safe_why", w->safe_why, "pace_percent",
                             (int)w->pace_percent, "refuse", w->refuse);
    must(body && signals && routes);
    if (self->mode.since_us)
        json_object_set_new(body, "since_s",
                            json_integer((now.wall.us - self->mode.since_us) / US_PER_S));
    if (self->mode.cancel)
        json_object_set_new(body, "cancelling", json_boolean(self->mode.cancelling));
    for (unsigned n = 0; n < SIGNAL_COUNT; n++)
        json_object_set_new(signals, signal_name(n), number_or_null(self->modes.signals[n]));
    for (size_t n = 0; n < self->config->route_count; n++)
        if (self->routes[n])
            json_array_append_new(routes, json_string(self->config->routes[n].name));
    json_object_set_new(body, "routes_drained", routes);
    json_object_set_new(body, "rules", rules_shown(&self->modes));
    json_object_set_new(body, "signals", signals);
    if (self->has_pressure) {
        json_object_set_new(body, "queued", json_integer((json_int_t)self->pressure.queued));
        json_object_set_new(body, "assigned", json_integer((json_int_t)self->pressure.assigned));
        json_object_set_new(body, "drain", drain_shown(self, now));
    }
    return body;
}
