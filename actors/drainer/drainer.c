/* drainer.c: watches the pressure, runs drains, redrives dead letters at a rate, purges what is
 * past retention. */
#include "actors/drainer/drainer.h"

#include <stdio.h>
#include <stdlib.h>

#include "actors/work.h"

static void *create(const birth_t *birth)
{
    drainer_t *self = calloc(1, sizeof *self);
    must(self);
    self->config = birth->config;
    self->standby = birth->standby;
    self->wanted.pace_percent = 100;
    self->routes = calloc(birth->config->route_count + 1, sizeof *self->routes);
    must(self->routes);
    modes_begin(&self->modes, &birth->config->modes);
    return self;
}

static void destroy(void **self)
{
    drainer_t *drainer = *self;
    if (drainer)
        free(drainer->routes);
    free(drainer);
    *self = NULL;
}

/* ---- the drain for a stop */

static void say_drained(drainer_t *self, effects_t *effects)
{
    if (self->stop.told)
        return;
    self->stop.told = true;
    msg_drained_t drained = {.left = self->pressure.queued};
    wish_send(effects, PEER_SUPERVISOR, MESSAGE_DRAINED, &drained);
}

static void drain_for_stop(drainer_t *self, const msg_order_t *order, now_t now, effects_t *effects)
{
    if (!self->stop.active) {
        self->stop.active = true;
        self->redrive.active = false;
    }
    self->stop.told = false;
    self->stop.until = instant_after_us(now.at, (int64_t)order->deadline_ms * US_PER_MS);
    drainer_wish_stopping(self, true, effects);
}

static void drain_is_over(drainer_t *self, effects_t *effects)
{
    if (!self->stop.active)
        return;
    self->stop.active = self->mode.stopping = false;
    drainer_wish_stopping(self, false, effects);
}

/* A redrive is a person's wish that lives in this process only: whoever asked must hear of its end.
 */
static void retire(drainer_t *self, effects_t *effects)
{
    if (self->redrive.active) {
        char text[160];
        snprintf(text, sizeof text,
                 "the redrive ends with %llu dead letters not put back: the drainer was replaced; "
                 "weirctl dead redrive goes on with them",
                 (unsigned long long)self->redrive.left);
        wish_log(effects, &(log_line_t){.event = LOG_REDRIVEN, .text = text});
    }
    wish_stop(effects, 0, "a successor works");
}

static void begin(drainer_t *self, now_t now)
{
    self->opening.begun = true;
    self->opening.by = instant_after_us(now.at, OPENING_WAIT_US);
}

static void open_when_due(drainer_t *self, now_t now, effects_t *effects)
{
    bool waits = !self->is_up && instant_before(now.at, self->opening.by);
    if (!self->opening.begun || self->opening.done || waits)
        return;
    self->opening.done = true;
    wish_ready(effects, "watches the pressure");
}

static void on_order(drainer_t *self, const msg_order_t *order, now_t now, effects_t *effects)
{
    switch (order->order) {
    case ORDER_STOP:
        wish_stop(effects, 0, "the supervisor said stop");
        break;
    case ORDER_BEGIN:
        if (self->standby)
            wish_link(effects);
        self->standby = false;
        begin(self, now);
        break;
    case ORDER_RETIRE:
        retire(self, effects);
        break;
    case ORDER_DRAIN_FOR_STOP:
        drain_for_stop(self, order, now, effects);
        break;
    case ORDER_DRAIN_OVER:
        drain_is_over(self, effects);
        break;
    default:
        break;
    }
}

/* The limiter reports on the same link on which it confirmed the mode: what it says after that
 * holds. */
static void on_pressure(drainer_t *self, const msg_pressure_t *pressure, now_t now,
                        effects_t *effects)
{
    msg_pressure_t before = self->pressure;
    self->pressure = *pressure;
    drainer_follow_pace(self, self->has_pressure ? &before : NULL, pressure, now, effects);
    self->has_pressure = true;
    drainer_apply_rules(self, now, effects);
    redrive_report(&self->redrive, pressure->dead);
    if (self->stop.active && self->stop.confirmed && pressure->assigned == 0)
        say_drained(self, effects);
}

/* ---- retention */

/* A slice that came back full leaves at least so much fewer: then the next one does not wait. */
static bool slice_was_full(const drainer_t *self)
{
    return self->purge.asked && self->has_pressure &&
           (self->pressure.done + PURGE_ROWS / 2 <= self->purge.done ||
            self->pressure.dead + PURGE_ROWS / 2 <= self->purge.dead);
}

static int64_t kept_since(wall_t now, uint64_t keep_s)
{
    int64_t since = now.us - (int64_t)keep_s * US_PER_S;
    return since > 0 ? since : 0;
}

static void purge(drainer_t *self, now_t now, effects_t *effects)
{
    if (!self->is_up || instant_before(now.at, self->purge.due))
        return;
    msg_purge_t slice = {
        .done_before_us = (uint64_t)kept_since(now.wall, self->config->store.keep_done_s),
        .dead_before_us = (uint64_t)kept_since(now.wall, self->config->store.keep_dead_s),
        .prints_before_us = (uint64_t)kept_since(now.wall, self->config->store.keep_prints_s),
        .most = PURGE_ROWS,
    };
    self->purge.asked = true;
    self->purge.done = self->pressure.done;
    self->purge.dead = self->pressure.dead;
    self->purge.due = instant_after_us(now.at, PURGE_EVERY_US);
    wish_send(effects, self->limiter, MESSAGE_PURGE, &slice);
}

/* The reports come every half second: a full slice shows before the long wait is over. */
static void purge_sooner(drainer_t *self, now_t now)
{
    if (slice_was_full(self))
        self->purge.due = instant_min(self->purge.due, instant_after_us(now.at, PURGE_AGAIN_US));
}

/* ---- the step */

static void redrive(drainer_t *self, now_t now, effects_t *effects)
{
    uint64_t most = self->is_up ? redrive_slice(&self->redrive, now) : 0;
    if (most == 0)
        return;
    bytes_t route = bytes_str(self->redrive.route), who = bytes_str(self->redrive.who);
    if (self->redrive.drops)
        wish_send(effects, self->limiter, MESSAGE_DROP,
                  &(msg_drop_t){.route = route, .most = most, .who = who});
    else
        wish_send(effects, self->limiter, MESSAGE_REDRIVE,
                  &(msg_redrive_t){.route = route, .most = most, .who = who});
}

static void on_readings(drainer_t *self, const message_t *message)
{
    const msg_reading_t *readings = message->items;
    for (size_t i = 0; i < message->count; i++)
        modes_read(&self->modes, &readings[i]);
}

static void on_message(drainer_t *self, const event_t *event, now_t now, effects_t *effects)
{
    const message_t *message = event->message;
    switch (message->head.type) {
    case MESSAGE_MODE:
        drainer_on_mode(self, message->items, now, effects);
        break;
    case MESSAGE_PRESSURE:
        on_pressure(self, message->items, now, effects);
        purge_sooner(self, now);
        break;
    case MESSAGE_READING:
        on_readings(self, message);
        break;
    case MESSAGE_ORDER:
        on_order(self, message->items, now, effects);
        break;
    case MESSAGE_QUERY:
        drainer_query(self, event->from.peer, message->items, now, effects);
        break;
    default:
        break; /* PEERS is the runtime's; others are not for us */
    }
}

static void on_limiter(drainer_t *self, const event_t *event, now_t now, effects_t *effects)
{
    switch (event->kind) {
    case EVENT_PEER_UP:
        self->limiter = event->from.peer;
        self->is_up = true;
        self->unanswered = 1; /* its first word is of before any order on this link */
        self->mode.cancelled = self->mode.unknown = 0;
        self->has_pressure = false;
        memset(self->routes, 0, self->config->route_count * sizeof *self->routes);
        self->purge.due = instant_after_us(now.at, PURGE_EVERY_US);
        drainer_order_again(self, effects); /* before the stop's word, which does not last */
        if (self->stop.active)
            drainer_wish_stopping(self, true, effects);
        break;
    case EVENT_PEER_SILENT:
        self->is_up = false;
        break;
    case EVENT_PEER_BACK:
        self->is_up = true;
        break;
    default:
        break;
    }
}

static void look_at_times(drainer_t *self, now_t now, effects_t *effects)
{
    if (self->stop.active && !instant_before(now.at, self->stop.until))
        say_drained(self, effects);
    open_when_due(self, now, effects);
    drainer_expire_askers(self, now, effects);
    purge(self, now, effects);
    redrive(self, now, effects);
    instant_t due = self->is_up ? self->purge.due : INSTANT_NEVER;
    if (self->is_up && self->redrive.active)
        due = instant_min(due, self->redrive.due);
    if (self->stop.active && !self->stop.told)
        due = instant_min(due, self->stop.until);
    if (self->opening.begun && !self->opening.done)
        due = instant_min(due, self->opening.by);
    for (size_t i = 0; i < self->asker_count; i++)
        due = instant_min(due, self->askers[i].until);
    wish_timer(effects, due);
}

static void step(void *arg, const event_t *event, now_t now, effects_t *effects)
{
    drainer_t *self = arg;
    if (event->kind == EVENT_START && self->standby)
        wish_ready(effects, "stands by");
    else if (event->kind == EVENT_START)
        begin(self, now);
    else if (event->kind == EVENT_MESSAGE)
        on_message(self, event, now, effects);
    else if (event->from.actor == ACTOR_LIMITER)
        on_limiter(self, event, now, effects);
    look_at_times(self, now, effects);
}

const actor_spec_t drainer_spec = {
    .kind = ACTOR_DRAINER,
    .create = create,
    .step = step,
    .destroy = destroy,
};
