/* ingress.c: HTTP in. Believes, reads and asks the limiter; answers only what the limiter said. */
#include "actors/ingress/ingress.h"

#include <stdlib.h>

#include "actors/work.h"
#include "sys/crypto.h"

bytes_t ingress_secret(const ingress_t *self, const char *name)
{
    return name ? self->birth->secret(self->birth->secret_arg, name) : bytes_of(NULL, 0);
}

static void *create(const birth_t *birth)
{
    ingress_t *self = calloc(1, sizeof *self);
    must(self);
    self->birth = birth;
    self->opening.standby = birth->standby;
    const uint64_t life[] = {birth->seed, birth->generation, birth->instance};
    bytes_t parts[] = {bytes_of(life, sizeof life)};
    sha256_t key = sha256_of(parts, COUNT_OF(parts));
    memcpy(self->id_key, key.b, sizeof self->id_key);
    permit_begin(self);
    lease_begin(self);
    list_init(&self->waiting);
    list_init(&self->again);
    list_init(&self->sent);
    list_init(&self->answered);
    self->dry_since = INSTANT_NEVER;
    return self;
}

static void destroy(void **self)
{
    ingress_t *ingress = *self;
    if (!ingress)
        return;
    submit_destroy(ingress);
    health_destroy(ingress);
    permit_destroy(ingress);
    lease_destroy(ingress);
    free(ingress);
    *self = NULL;
}

/* ---- the limiter's link */

/* A new link: credit begins again, and what has no verdict is said again as soon as there is some.
 * The mode is told after it, where it is not normal. */
static void on_limiter_up(const scene_t *s, peer_t limiter)
{
    ingress_t *self = s->self;
    self->limiter = limiter;
    self->is_up = true;
    self->is_silent = false;
    self->usable_since = s->now.at;
    self->purse = (credit_purse_t){0};
    self->dry_since = s->now.at;
    self->mode.mode = MODE_NORMAL;
    self->mode.stopping = self->mode.by_store = self->mode.drained = false;
    submit_link_began(s);
    question_link_began(s);
    lease_link_began(s);
}

/* Beats missed: nothing new is sent to it, nothing is taken back. */
static void on_limiter_silence(const scene_t *s, bool silent)
{
    if (s->self->is_silent && !silent)
        s->self->usable_since = s->now.at;
    s->self->is_silent = silent;
    lease_limiter_changed(s->self);
}

/* Its death is known sooner from the supervisor than by missed beats; its next life says WELCOME.
 */
static void on_peers(const scene_t *s, const msg_peers_t *peers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (peers[i].actor == ACTOR_LIMITER && peers[i].life == LIFE_DEAD) {
            if (s->self->is_up)
                s->self->lost_at = s->now.at;
            s->self->is_up = false;
            lease_limiter_changed(s->self);
        }
}

static void on_credit(const scene_t *s, const msg_credit_t *credit)
{
    if (credit->pool.len)
        return;
    credit_granted(&s->self->purse, (credit_t){credit->messages, credit->bytes});
    wish_gauge(s->effects, METRIC_CREDIT, bytes_str("intake"),
               (double)credit_left(&s->self->purse).messages);
}

static void on_mode(const scene_t *s, const msg_mode_t *mode)
{
    if (mode->mode >= MODE_COUNT)
        return;
    if (!mode->stopping || !s->self->mode.stopping)
        s->self->mode.drained = (mode->stopping ? s->self->mode.mode : mode->mode) == MODE_DRAINING;
    s->self->mode.mode = (work_mode_t)mode->mode;
    s->self->mode.stopping = mode->stopping;
    s->self->mode.by_store = bytes_is(mode->who, "store");
}

/* ---- from the birth to the first request */

/* READY is said, or the successor's door opened, when the limiter is there, so that nobody is sent
 * here to be told that it is away. Where it stays away that is what there is to tell. */
static void begin(const scene_t *s)
{
    ingress_t *self = s->self;
    self->opening.begun = true;
    self->opening.by = instant_after_us(s->now.at, OPENING_WAIT_US);
}

static void on_start(const scene_t *s)
{
    if (s->self->opening.standby)
        wish_ready(s->effects, "stands by");
    else
        begin(s);
}

static void open_when_due(const scene_t *s)
{
    ingress_t *self = s->self;
    if (!self->opening.begun || self->opening.done)
        return;
    if (!self->is_up && instant_before(s->now.at, self->opening.by))
        return;
    self->opening.done = true;
    if (self->opening.standby)
        wish_door(s->effects, DOOR_OPEN);
    wish_ready(s->effects, "takes messages");
}

/* ---- an orderly stop */

/* Verdicts on their way get a moment to come. Where the listening sockets outlive this process,
 * nothing is refused: who sends on a kept connection is served and told that it closes. Otherwise
 * all that is not on its way is answered at once. */
static void stop(const scene_t *s, const msg_order_t *order)
{
    ingress_t *self = s->self;
    int64_t wait_us = (int64_t)order->deadline_ms * US_PER_MS / 2;
    self->stop.asked = true;
    self->stop.seamless = self->birth->door_kept || !self->mode.stopping;
    self->stop.from = s->now.at;
    self->stop.by = instant_after_us(s->now.at, wait_us < STOP_WAIT_US ? wait_us : STOP_WAIT_US);
    wish_door(s->effects, DOOR_SHUT);
    if (self->stop.seamless) {
        self->stop.from = instant_min(self->stop.by, instant_after_us(s->now.at, FAREWELL_US));
        return;
    }
    submit_stop(s);
    lease_stop(s);
    question_answer_all(s);
    admin_answer_all(s);
}

/* A successor accepts. Who is connected here is served as ever, and leaves with the next answer. */
static void retire(const scene_t *s, const msg_order_t *order)
{
    ingress_t *self = s->self;
    self->stop.retires = true;
    self->stop.from = s->now.at;
    self->stop.by = instant_after_us(s->now.at, (int64_t)order->deadline_ms * 900);
    wish_door(s->effects, DOOR_CLOSING);
    wish_ready(s->effects, "retires");
}

static void on_order(const scene_t *s, const msg_order_t *order)
{
    ingress_t *self = s->self;
    if (order->order == ORDER_STOP && !self->stop.asked) {
        stop(s, order);
    } else if (order->order == ORDER_RETIRE && !self->stop.asked && !self->stop.retires) {
        retire(s, order);
    } else if (order->order == ORDER_BEGIN && !self->opening.begun) {
        wish_link(s->effects);
        begin(s);
    }
}

static bool has_to_wait(const ingress_t *self, now_t now)
{
    if (instant_before(now.at, self->stop.from))
        return true;
    if (!instant_before(now.at, self->stop.by))
        return false;
    size_t open =
        self->again.count + self->sent.count + self->leases.sent.count + self->admin.count;
    bool is_busy = self->stop.asked ? open > 0 : !self->stop.closed;
    return is_busy || lease_is_registering(self);
}

static void stop_when_due(const scene_t *s)
{
    ingress_t *self = s->self;
    if (!(self->stop.asked || self->stop.retires) || self->stop.done || has_to_wait(self, s->now))
        return;
    submit_stop(s);
    lease_stop(s);
    question_answer_all(s);
    admin_answer_all(s);
    lease_answer_all(s);
    self->stop.done = submit_answer_all(s);
    if (self->stop.done)
        wish_stop(s->effects, 0,
                  self->stop.asked ? "the supervisor said stop" : "a successor works");
}

/* ---- the step */

static void on_item(const scene_t *s, const message_t *message, size_t i)
{
    switch (message->head.type) {
    case MESSAGE_VERDICT:
        submit_verdict(s, &((const msg_verdict_t *)message->items)[i]);
        break;
    case MESSAGE_CREDIT:
        on_credit(s, &((const msg_credit_t *)message->items)[i]);
        break;
    case MESSAGE_ANSWER:
        question_answered(s, &((const msg_answer_t *)message->items)[i]);
        admin_answered(s, &((const msg_answer_t *)message->items)[i]);
        break;
    case MESSAGE_LEASED:
        lease_told(s, &((const msg_leased_t *)message->items)[i]);
        break;
    case MESSAGE_MODE:
        on_mode(s, &((const msg_mode_t *)message->items)[i]);
        break;
    case MESSAGE_ORDER:
        on_order(s, &((const msg_order_t *)message->items)[i]);
        break;
    case MESSAGE_STATS:
        health_stats(s, &((const msg_stats_t *)message->items)[i]);
        break;
    default:
        break; /* not for an ingress */
    }
}

/* A word from a limiter that was believed dead is the first of its next life. */
static void on_message(const scene_t *s, const event_t *event)
{
    if (event->from.actor == ACTOR_LIMITER && !s->self->is_up) {
        s->self->is_up = true;
        s->self->usable_since = s->now.at;
        lease_limiter_changed(s->self);
    }
    if (event->message->head.type == MESSAGE_PEERS)
        on_peers(s, event->message->items, event->message->count);
    else if (event->message->head.type == MESSAGE_ENDED)
        lease_ended(s, event->message->items, event->message->count);
    else
        for (size_t i = 0; i < event->message->count; i++)
            on_item(s, event->message, i);
}

static void on_event(const scene_t *s, const event_t *event)
{
    bool of_limiter = event->from.actor == ACTOR_LIMITER;
    switch (event->kind) {
    case EVENT_START:
        on_start(s);
        break;
    case EVENT_CLOSED:
        s->self->stop.closed = true;
        break;
    case EVENT_MESSAGE:
        on_message(s, event);
        break;
    case EVENT_REQUEST:
        request_arrived(s, event->request);
        break;
    case EVENT_PEER_UP:
        if (of_limiter)
            on_limiter_up(s, event->from.peer);
        break;
    case EVENT_PEER_SILENT:
    case EVENT_PEER_BACK:
        if (of_limiter)
            on_limiter_silence(s, event->kind == EVENT_PEER_SILENT);
        break;
    case EVENT_TIMER:
    case EVENT_AGAIN:
    case EVENT_STORE:
    case EVENT_ANSWER:
        break; /* what is due is looked at after every event */
    }
}

static void step(void *arg, const event_t *event, now_t now, effects_t *effects)
{
    const scene_t s = {.self = arg, .now = now, .effects = effects};
    on_event(&s, event);
    submit_send(&s);
    lease_send(&s);
    instant_t due = instant_min(submit_look_at_times(&s), question_look_at_times(&s));
    due = instant_min(due, admin_look_at_times(&s));
    due = instant_min(due, lease_look_at_times(&s));
    open_when_due(&s);
    stop_when_due(&s);
    if (s.self->opening.begun && !s.self->opening.done)
        due = instant_min(due, s.self->opening.by);
    if ((s.self->stop.asked || s.self->stop.retires) && !s.self->stop.done)
        due = instant_min(due, instant_before(now.at, s.self->stop.from) ? s.self->stop.from
                                                                         : s.self->stop.by);
    wish_timer(effects, due);
}

const actor_spec_t ingress_spec = {
    .kind = ACTOR_INGRESS,
    .listens = true,
    .create = create,
    .step = step,
    .destroy = destroy,
};
