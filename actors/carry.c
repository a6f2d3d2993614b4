/* carry.c: see carry.h: events in, steps, and what is due. */
#include <stdlib.h>

#include "actors/carry_list.h"
#include "core/bugs.h"
#include "core/crash.h"

/* ---- steps */

/* What was wished for the old generation goes nowhere: both sides repeat what matters. */
static void link_anew(carrier_t *c)
{
    c->effects->link = false;
    if (c->limiter != PEER_NOBODY) {
        carrier_forget_peer(c, c->limiter);
        links_again(c->links, c->limiter, c->now);
        return;
    }
    must(c->standby);
    c->standby = false;
    c->limiter = links_connect(c->links, c->limiter_conn, ACTOR_LIMITER, c->now);
}

void carrier_step(carrier_t *c, const event_t *event)
{
    must(!c->stepping);
    c->stepping = true;
    effects_begin(c->effects);
    c->spec->step(c->self, event, c->now, c->effects);
    c->stepping = false;
    if (c->effects->link)
        link_anew(c);
    if (c->world.store && c->effects->batch && store_batch_count(c->effects->batch) > 0)
        pace_changed(&c->pace, c->now.at);
}

static void limiter_is_new(carrier_t *c, uint64_t life)
{
    bool known = life == c->limiter_life;
    c->limiter_life = life;
    if (known || c->limiter == PEER_NOBODY)
        return;
    carrier_forget_peer(c, c->limiter);
    links_again(c->links, c->limiter, c->now);
}

/* What the supervisor says of lives concerns the links too. */
static void peers_told(carrier_t *c, const event_t *event)
{
    const msg_peers_t *peers = event->message->items;
    for (size_t i = 0; i < event->message->count; i++) {
        if (peers[i].life == LIFE_DEAD)
            links_forget(c->links, links_of_life(c->links, peers[i].generation));
        else if (peers[i].actor == ACTOR_LIMITER)
            limiter_is_new(c, peers[i].generation);
    }
}

/* ---- the links' owner */

static void on_transmit(void *arg, conn_t conn, bytes_t frame)
{
    carrier_t *c = arg;
    c->world.transmit(c->world.arg, conn, frame);
}

static void on_up(void *arg, const event_t *event)
{
    carrier_t *c = arg;
    if (event->from.peer == PEER_SUPERVISOR) {
        c->is_known = true;
        carrier_say_ready(c);
    }
    if (event->from.peer == PEER_SUPERVISOR || event->from.peer == c->limiter)
        carrier_forget_peer(c, event->from.peer);
    carrier_step(c, event);
}

static void on_message(void *arg, const event_t *event)
{
    carrier_t *c = arg;
    carrier_step(c, event);
    if (event->message->head.type == MESSAGE_PEERS && event->from.peer == PEER_SUPERVISOR)
        peers_told(c, event);
}

static void on_silence(void *arg, const event_t *event) { carrier_step(arg, event); }

static void on_refused(void *arg, conn_t conn, enum frame_error why)
{
    carrier_t *c = arg;
    (void)conn;
    wish_count(c->effects, METRIC_FRAMES_REFUSED, bytes_str(""), 1);
    log_line_t line = {.event = LOG_FRAME_REFUSED,
                       .text = "a frame was refused; nothing changed",
                       .reason = bytes_str(frame_error_text(why))};
    wish_log(c->effects, &line);
}

static size_t on_holding(void *arg, msg_holding_t *out, size_t most)
{
    carrier_t *c = arg;
    return c->spec->holding ? c->spec->holding(c->self, out, most) : 0;
}

/* ---- life */

carrier_t *carrier_new(const actor_spec_t *spec, const birth_t *birth, const links_self_t *self,
                       const world_t *world, metrics_t *metrics, now_t now)
{
    carrier_t *c = memory_take(sizeof *c);
    c->spec = spec;
    c->world = *world;
    c->metrics = metrics;
    c->id = *self;
    c->standby = birth->standby;
    if (c->standby)
        CRASH_POINT("carry.standby");
    c->now = now;
    c->pace = (pace_t){
        .pause_us_max = world->commit_pause_us_max, .submitted = now.at, .since = INSTANT_NEVER};
    c->stats_at = metrics ? instant_after_us(now.at, STATS_US) : INSTANT_NEVER;
    c->effects = effects_new(world->store, metrics);
    if (world->wishes_most > 0)
        c->effects->most = world->wishes_most;
    c->effects->log = world->log;
    c->effects->log_arg = world->arg;
    links_owner_t owner = {.arg = c,
                           .transmit = on_transmit,
                           .up = on_up,
                           .message = on_message,
                           .silence = on_silence,
                           .refused = on_refused,
                           .holding = on_holding};
    c->links = links_new(self, &owner);
    c->self = spec->create(birth);
    return c;
}

void carrier_destroy(carrier_t **c)
{
    carrier_t *old = *c;
    *c = NULL;
    if (!old)
        return;
    while (old->oldest) {
        box_t *box = old->oldest;
        old->oldest = box->next;
        box_recycle(old->effects, box);
    }
    old->spec->destroy(&old->self);
    tell_destroy(&old->tell);
    links_destroy(&old->links);
    effects_destroy(&old->effects);
    free(old->stats);
    free(old);
}

peer_t carrier_connect(carrier_t *c, conn_t conn, actor_kind_t to, now_t now)
{
    c->now = now;
    if (to == ACTOR_LIMITER && c->standby) {
        c->limiter_conn = conn;
        return PEER_NOBODY;
    }
    peer_t peer = links_connect(c->links, conn, to, now);
    must((to == ACTOR_SUPERVISOR) == (peer == PEER_SUPERVISOR));
    if (to == ACTOR_LIMITER)
        c->limiter = peer;
    return peer;
}

void *carrier_self(carrier_t *c) { return c->self; }

size_t carrier_waiting(const carrier_t *c)
{
    size_t waiting = c->effects->held->count;
    for (const box_t *box = c->oldest; box; box = box->next)
        waiting += box->count;
    return waiting;
}

/* ---- events */

void carrier_start(carrier_t *c, now_t now)
{
    c->now = now;
    event_t event = {.kind = EVENT_START};
    carrier_step(c, &event);
}

void carrier_frame(carrier_t *c, conn_t conn, bytes_t frame, now_t now)
{
    c->now = now;
    links_frame(c->links, conn, frame, now);
}

void carrier_request(carrier_t *c, const http_request_t *request, now_t now)
{
    c->now = now;
    event_t event = {.kind = EVENT_REQUEST, .request = request};
    carrier_step(c, &event);
}

void carrier_answer(carrier_t *c, const http_answer_t *answer, now_t now)
{
    c->now = now;
    event_t event = {.kind = EVENT_ANSWER, .answer = answer};
    carrier_step(c, &event);
}

void carrier_closed(carrier_t *c, now_t now)
{
    c->now = now;
    event_t event = {.kind = EVENT_CLOSED};
    carrier_step(c, &event);
}

static void store_told(carrier_t *c, const store_event_t *told)
{
    switch ((enum store_event_kind)told->kind) {
    case STORE_COMMITTED:
        wish_count(c->effects, METRIC_COMMITS, bytes_str(""), told->batch - c->committed);
        wish_observe(c->effects, METRIC_COMMIT_SECONDS, bytes_str(""), told->commit_us / 1e6);
        carrier_committed(c, told->batch);
        break;
    case STORE_POISONED:
        c->poisoned = true;
        if (BUG(POISON_IGNORED))
            carrier_committed(c, c->submitted);
        break;
    case STORE_READ:
    case STORE_FULL:
    case STORE_SPACE:
        break;
    }
    event_t event = {.kind = EVENT_STORE, .store = told};
    carrier_step(c, &event);
}

void carrier_store(carrier_t *c, now_t now)
{
    store_event_t told;
    c->now = now;
    while (store_next(c->world.store, &told))
        store_told(c, &told);
}

/* ---- turns */

static void say_stats(carrier_t *c)
{
    if (instant_before(c->now.at, c->stats_at))
        return;
    c->stats_at = instant_after_us(c->now.at, STATS_US);
    if (!c->stats)
        c->stats = memory_take(STATS_BYTES_MAX);
    size_t len = metrics_samples(c->metrics, actor_name(c->id.actor), c->id.instance, c->stats,
                                 STATS_BYTES_MAX);
    msg_stats_t stats = {c->id.actor, c->id.instance, bytes_of(c->stats, len)};
    effects_begin(c->effects);
    wish_send_now(c->effects, PEER_SUPERVISOR, MESSAGE_STATS, &stats);
}

/* A batch that is full and finds no room (a disk that is slow or full) holds back what the actor
 * does of itself. */
static bool is_choked(const carrier_t *c)
{
    const store_batch_t *batch = c->effects->batch;
    return batch && store_batch_full(batch) && store_room(c->world.store) == 0;
}

static void step_due(carrier_t *c)
{
    if (!instant_before(c->now.at, c->effects->timer)) {
        c->effects->timer = INSTANT_NEVER;
        event_t event = {.kind = EVENT_TIMER};
        carrier_step(c, &event);
    }
    if (c->effects->again && !is_choked(c)) {
        c->effects->again = false;
        event_t event = {.kind = EVENT_AGAIN};
        carrier_step(c, &event);
    }
}

instant_t carrier_turn(carrier_t *c, now_t now)
{
    c->now = now;
    instant_t next = links_tick(c->links, now);
    step_due(c);
    if (c->metrics)
        say_stats(c);
    carrier_say_lines(c);
    if (c->world.store)
        carrier_submit(c);
    carrier_flush(c);
    next = instant_min(next, instant_min(c->effects->timer, c->stats_at));
    if (c->world.store)
        next = instant_min(next, carrier_submit_at(c));
    return c->effects->again && !is_choked(c) ? now.at : next;
}
