#include "actors/work.h"

#include "core/bugs.h"

const step_t *work_step(const config_t *config, const msg_assign_t *assign, enum step_kind kind)
{
    const route_t *route = config_route(config, assign->route);
    const step_t *step = route ? route_step(route, assign->step) : NULL;
    return step && step->kind == kind ? step : NULL;
}

document_t *work_document(const msg_assign_t *assign, char id_text[MSGID_TEXT])
{
    msgid_text(&assign->id, id_text);
    return document_new(&(document_parts_t){
        .fields = assign->fields,
        .labels = assign->labels,
        .results = assign->results,
        .body = assign->body,
        .id = bytes_str(id_text),
        .key = assign->key,
        .route = assign->route,
        .source = assign->source,
        .attempt = (unsigned)assign->attempt,
    });
}

const char *work_outcome(const step_t *step, document_t *document)
{
    for (size_t i = 0; i < step->rule_count; i++)
        if (match_holds(&step->rules[i].when, document))
            return step->rules[i].outcome;
    return step->otherwise;
}

bool work_is_late(const msg_assign_t *assign, now_t now)
{
    return instant_before((instant_t){(int64_t)assign->start_by_us}, now.at);
}

msg_settle_t work_failed(const msg_assign_t *assign, outcome_t outcome, const char *reason)
{
    return (msg_settle_t){
        .seq = assign->seq,
        .attempt = assign->attempt,
        .fence = assign->fence,
        .outcome = outcome,
        .reason = bytes_str(reason),
    };
}

void work_arrived(work_pool_t *pool)
{
    must(credit_arrived(&pool->giver, (credit_t){.messages = 1}));
}

static size_t outstanding(const work_pool_t *pool)
{
    return (size_t)(pool->giver.told.messages - pool->giver.arrived.messages);
}

/* Tells the limiter of each pool that has more room than it knows. */
static void offer(work_pool_t *pools, size_t count, const hand_t *hand, effects_t *effects,
                  peer_t limiter)
{
    size_t promised = 0, room = hand_room(hand);
    for (size_t i = 0; i < count; i++)
        promised += outstanding(&pools[i]);
    if (promised > room)
        promised =
            room; /* assignments of steps that we do not know use room, but no pool's credit */
    for (size_t i = 0; i < count; i++) {
        work_pool_t *pool = &pools[i];
        must(pool->running <= pool->connections);
        size_t before = outstanding(pool);
        size_t wanted = pool->connections - pool->running;
        if (wanted > before + (room - promised))
            wanted = before + (room - promised);
        if (wanted != pool->credit_told)
            wish_gauge(effects, METRIC_CREDIT, bytes_str(pool->name), (double)wanted);
        pool->credit_told = wanted;
        credit_t total;
        if (!credit_offer(&pool->giver, (credit_t){.messages = wanted}, &total))
            continue;
        promised += outstanding(pool) - before;
        msg_credit_t credit = {.pool = bytes_str(pool->name), .messages = total.messages};
        wish_send(effects, limiter, MESSAGE_CREDIT, &credit);
    }
}

/* A tenth of the time is kept for the way out. */
static void end_by(work_term_t *term, const msg_order_t *order, now_t now, effects_t *effects)
{
    term->asked = true;
    term->by = instant_after_us(now.at, (int64_t)(order->deadline_ms * 900));
    wish_timer(effects, term->by);
}

static void term_order(work_term_t *term, const msg_order_t *order, now_t now, effects_t *effects)
{
    switch (order->order) {
    case ORDER_BEGIN:
        if (term->standby)
            wish_link(effects);
        term->standby = false;
        wish_ready(effects, "works");
        break;
    case ORDER_RETIRE:
        if (term->asked)
            break;
        end_by(term, order, now, effects);
        term->retires = true;
        if (!BUG(RETIRED_UNHEARD))
            wish_link(effects);
        wish_ready(effects, "retires");
        break;
    case ORDER_STOP:
        if (!term->asked || term->retires)
            end_by(term, order, now, effects);
        term->retires = false;
        break;
    default:
        break; /* not for who works */
    }
}

/* 0: it does not tell. */
static void term_welcome(work_term_t *term, const config_t *config, const msg_welcome_t *welcome)
{
    term->foreign = welcome->config_epoch && welcome->config_epoch != config->epoch;
    term->severed = term->retires;
}

static bool term_takes(const work_term_t *term)
{
    return !term->standby && !term->foreign && !term->asked;
}

static void term_end_when_due(work_term_t *term, const hand_t *hand, now_t now, effects_t *effects)
{
    if (!term->asked || term->done)
        return;
    bool severed = !term->retires || term->severed || BUG(RETIRED_UNHEARD);
    bool empty = hand_count(hand) == 0 && severed;
    if (!empty && instant_before(now.at, term->by))
        return;
    term->done = true;
    wish_stop(effects, 0, term->retires ? "a successor works" : "the supervisor said stop");
}

/* ---- what comes to whoever works */

void work_settle(work_t *work, held_t *held, const msg_settle_t *ended, effects_t *effects)
{
    hand_settle(work->hand, held, ended);
    wish_send(effects, work->limiter, MESSAGE_SETTLE, &held->settle);
}

static void on_message(work_t *work, const message_t *message, now_t now, effects_t *effects)
{
    for (size_t i = 0; i < message->count; i++)
        if (message->head.type == MESSAGE_SETTLED)
            hand_settled(work->hand, &((const msg_settled_t *)message->items)[i]);
        else if (message->head.type == MESSAGE_ORDER)
            term_order(&work->term, &((const msg_order_t *)message->items)[i], now, effects);
}

/* Its new life, or a new link to it, knows of no credit. */
static void on_limiter_up(work_t *work, const event_t *event)
{
    work->limiter = event->from.peer;
    term_welcome(&work->term, work->config, event->up.welcome);
    for (size_t i = 0; i < work->pool_count; i++)
        work->pools[i].giver = (credit_giver_t){0};
}

void work_event(work_t *work, const event_t *event, now_t now, effects_t *effects)
{
    bool up = event->kind == EVENT_PEER_UP && event->from.actor == ACTOR_LIMITER;
    bool back = event->kind == EVENT_PEER_BACK && event->from.actor == ACTOR_LIMITER;
    if (event->kind == EVENT_MESSAGE)
        on_message(work, event->message, now, effects);
    if (up)
        on_limiter_up(work, event);
    if ((up || back) && !BUG(SETTLE_NOT_REPEATED))
        hand_repeat(work->hand, effects, work->limiter);
}

void work_go_on(work_t *work, now_t now, effects_t *effects)
{
    if (work->limiter && term_takes(&work->term))
        offer(work->pools, work->pool_count, work->hand, effects, work->limiter);
    term_end_when_due(&work->term, work->hand, now, effects);
}
