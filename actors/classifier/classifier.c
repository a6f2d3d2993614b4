/* classifier.c: does the classify steps by the built-in rules: each assignment is settled at once.
 */
#include <jansson.h>
#include <stdlib.h>

#include "actors/work.h"
#include "core/bugs.h"

#define RULES_WINDOW 256u /* assignments on their way or waiting, at most */
#define HAND_MOST 4096u   /* and settles that the limiter has not on disk yet */

typedef struct classifier {
    work_t work;
    work_pool_t rules;
} classifier_t;

static void *create(const birth_t *birth)
{
    classifier_t *self = calloc(1, sizeof *self);
    must(self);
    self->rules = (work_pool_t){.name = birth->config->pools[0], .connections = RULES_WINDOW};
    self->work = (work_t){.config = birth->config,
                          .hand = hand_new(HAND_MOST),
                          .pools = &self->rules,
                          .pool_count = 1,
                          .term.standby = birth->standby};
    return self;
}

static void destroy(void **self)
{
    classifier_t *classifier = *self;
    if (!classifier)
        return;
    hand_destroy(&classifier->work.hand);
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

static void on_assign(classifier_t *self, const msg_assign_t *assign, now_t now, effects_t *effects)
{
    work_arrived(&self->rules);
    if (hand_find(self->work.hand, assign->seq, (uint32_t)assign->attempt, assign->fence))
        return; /* said twice: it is settled already, and that is repeated until SETTLED */
    const step_t *step = work_step(self->work.config, assign, STEP_CLASSIFY);
    msg_settle_t ended = work_failed(assign, OUTCOME_OK, NULL);
    char *result = NULL;
    if (self->work.term.asked)
        ended = work_failed(assign, OUTCOME_UNBEGUN, "the classifier stops");
    else if (work_is_late(assign, now) && !BUG(LATE_CALL))
        ended = work_failed(assign, OUTCOME_UNBEGUN, "start_by had passed");
    else if (!step)
        ended = work_failed(assign, OUTCOME_UNBEGUN,
                            "route_changed: no such classify step in this configuration");
    else if (!(result = result_of(step, assign)))
        ended = work_failed(assign, OUTCOME_FAIL, "no rule matches and the step has no otherwise");
    ended.result = bytes_str(result);
    work_settle(&self->work, hand_take(self->work.hand, assign), &ended, effects);
    free(result);
}

static void step(void *arg, const event_t *event, now_t now, effects_t *effects)
{
    classifier_t *self = arg;
    if (event->kind == EVENT_START)
        wish_ready(effects, "classifies by rules");
    if (event->kind == EVENT_MESSAGE && event->message->head.type == MESSAGE_ASSIGN)
        for (size_t i = 0; i < event->message->count; i++)
            on_assign(self, &((const msg_assign_t *)event->message->items)[i], now, effects);
    work_event(&self->work, event, now, effects);
    work_go_on(&self->work, now, effects);
}

static size_t holding(const void *self, msg_holding_t *out, size_t most)
{
    return hand_holding(((const classifier_t *)self)->work.hand, out, most);
}

const actor_spec_t classifier_spec = {
    .kind = ACTOR_CLASSIFIER,
    .create = create,
    .step = step,
    .destroy = destroy,
    .holding = holding,
};
