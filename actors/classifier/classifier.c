/* classifier.c: does the classify steps by the built-in rules: each assignment is settled at once.
 */
#include <jansson.h>
#include <stdlib.h>

#include "actors/work.h"
#include "core/bugs.h"

#define RULES_WINDOW 256u /* assignments on their way or waiting, at most */
#define HAND_MOST 4096u   /* and settles that the limiter has not on disk yet */

typedef struct classifier {
    const config_t *config;
    peer_t limiter;
    hand_t *hand;
    work_pool_t rules;
    work_term_t term;
} classifier_t;

static void *create(const birth_t *birth)
{
    classifier_t *self = calloc(1, sizeof *self);
    must(self);
    self->config = birth->config;
    self->term.standby = birth->standby;
    self->hand = hand_new(HAND_MOST);
    self->rules = (work_pool_t){.name = birth->config->pools[0], .connections = RULES_WINDOW};
    return self;
}

static void destroy(void **self)
{
    classifier_t *classifier = *self;
    if (!classifier)
        return;
    hand_destroy(&classifier->hand);
    free(classifier);
    *self = NULL;
}

/* The step's result, {"outcome": ...}; the caller frees it. NULL: no rule matches and there is no
 * otherwise. */
static char *result_of(const step_t *step, const msg_assign_t *assign)
{
    char id[MSGID_TEXT], *text = NULL;
    document_t *document = work_document(assign, id);
    const char *outcome = work_outcome(step, document);
    if (outcome) {
        json_t *result = json_pack("{s:s}", "outcome", outcome);
        must(result && (text = json_dumps(result, JSON_COMPACT)));
        json_decref(result);
    }
    document_destroy(&document);
    return text;
}

static void settle(classifier_t *self, const msg_assign_t *assign, const msg_settle_t *settle_with,
                   effects_t *effects)
{
    held_t *held = hand_take(self->hand, assign);
    hand_settle(self->hand, held, settle_with);
    wish_send(effects, self->limiter, MESSAGE_SETTLE, &held->settle);
}

static void on_assign(classifier_t *self, const msg_assign_t *assign, now_t now, effects_t *effects)
{
    work_arrived(&self->rules);
    if (hand_find(self->hand, assign->seq, (uint32_t)assign->attempt, assign->fence))
        return; /* said twice: it is settled already, and that is repeated until SETTLED */
    const step_t *step = work_step(self->config, assign, STEP_CLASSIFY);
    msg_settle_t ended = work_failed(assign, OUTCOME_OK, NULL);
    char *result = NULL;
    if (self->term.asked)
        ended = work_failed(assign, OUTCOME_UNBEGUN, "the classifier stops");
    else if (work_is_late(assign, now) && !BUG(LATE_CALL))
        ended = work_failed(assign, OUTCOME_UNBEGUN, "start_by had passed");
    else if (!step)
        ended = work_failed(assign, OUTCOME_UNBEGUN,
                            "route_changed: no such classify step in this configuration");
    else if (!(result = result_of(step, assign)))
        ended = work_failed(assign, OUTCOME_FAIL, "no rule matches and the step has no otherwise");
    ended.result = bytes_str(result);
    settle(self, assign, &ended, effects);
    free(result);
}

static void on_message(classifier_t *self, const message_t *message, now_t now, effects_t *effects)
{
    for (size_t i = 0; i < message->count; i++)
        switch (message->head.type) {
        case MESSAGE_ASSIGN:
            on_assign(self, &((const msg_assign_t *)message->items)[i], now, effects);
            break;
        case MESSAGE_SETTLED:
            hand_settled(self->hand, &((const msg_settled_t *)message->items)[i]);
            break;
        case MESSAGE_ORDER:
            work_term_order(&self->term, &((const msg_order_t *)message->items)[i], now, effects);
            break;
        default:
            break; /* PEERS is the runtime's; others are not for us */
        }
}

static void on_limiter_up(classifier_t *self, const event_t *event, effects_t *effects)
{
    self->limiter = event->from.peer;
    work_term_welcome(&self->term, self->config, event->up.welcome);
    self->rules.giver = (credit_giver_t){0};
    if (!BUG(SETTLE_NOT_REPEATED))
        hand_repeat(self->hand, effects, self->limiter);
}

static void step(void *arg, const event_t *event, now_t now, effects_t *effects)
{
    classifier_t *self = arg;
    bool of_limiter = event->from.actor == ACTOR_LIMITER;
    if (event->kind == EVENT_START)
        wish_ready(effects, "classifies by rules");
    else if (event->kind == EVENT_MESSAGE)
        on_message(self, event->message, now, effects);
    else if (event->kind == EVENT_PEER_UP && of_limiter)
        on_limiter_up(self, event, effects);
    else if (event->kind == EVENT_PEER_BACK && of_limiter && !BUG(SETTLE_NOT_REPEATED))
        hand_repeat(self->hand, effects, self->limiter);
    if (self->limiter && work_term_takes(&self->term))
        work_offer(&self->rules, 1, self->hand, effects, self->limiter);
    work_term_end_when_due(&self->term, self->hand, now, effects);
}

static size_t holding(const void *self, msg_holding_t *out, size_t most)
{
    return hand_holding(((const classifier_t *)self)->hand, out, most);
}

const actor_spec_t classifier_spec = {
    .kind = ACTOR_CLASSIFIER,
    .create = create,
    .step = step,
    .destroy = destroy,
    .holding = holding,
};
