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

void work_offer(work_pool_t *pools, size_t count, const hand_t *hand, effects_t *effects,
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

void work_term_order(work_term_t *term, const msg_order_t *order, now_t now, effects_t *effects)
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
void work_term_welcome(work_term_t *term, const config_t *config, const msg_welcome_t *welcome)
{
    term->foreign = welcome->config_epoch && welcome->config_epoch != config->epoch;
    term->severed = term->retires;
}

bool work_term_takes(const work_term_t *term)
{
    return !term->standby && !term->foreign && !term->asked;
}

void work_term_end_when_due(work_term_t *term, const hand_t *hand, now_t now, effects_t *effects)
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
