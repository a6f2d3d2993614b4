/* work.h: what the classifier and the responder have in common: an assignment as a document, the
 * credit of a pool they work with, and an orderly stop. Pure. */
#ifndef WEIR_ACTORS_WORK_H
#define WEIR_ACTORS_WORK_H

#include "actors/actor.h"
#include "actors/hand.h"
#include "core/credit.h"
#include "core/document.h"
#include "core/msgid.h"

/* The step that is assigned; NULL: this configuration has no such route or step of that kind. */
const step_t *work_step(const config_t *config, const msg_assign_t *assign, enum step_kind kind);
/* Reads from the assignment and from id_text as long as the document lives. */
document_t *work_document(const msg_assign_t *assign, char id_text[MSGID_TEXT]);
/* Has the time to begin it passed? */
bool work_is_late(const msg_assign_t *assign, now_t now);
/* The settle of an assignment that failed before anything was sent. */
msg_settle_t work_failed(const msg_assign_t *assign, outcome_t outcome, const char *reason);

/* The connections of one pool, given to the limiter as credit: what is free, and never more than
 * the hand will have room for. */
typedef struct work_pool {
    const char *name;
    size_t connections, running;
    credit_giver_t giver;
    size_t credit_told; /* as a number, to whoever scrapes */
} work_pool_t;
/* One ASSIGN of the pool came: uses one of its credit. More than was granted is a bug of ours. */
void work_arrived(work_pool_t *pool);
/* Tells the limiter of each pool that has more room than it knows. */
void work_offer(work_pool_t *pools, size_t count, const hand_t *hand, effects_t *effects,
                peer_t limiter);

/* An orderly stop: nothing new is offered; ends when nothing is in hand any more, or at its
 * deadline. */
typedef struct work_stop {
    bool asked, done;
    instant_t by;
} work_stop_t;
void work_stop_order(work_stop_t *stop, const msg_order_t *order, now_t now, effects_t *effects);
/* At the end of each step: stops the process when it is time. */
void work_stop_when_due(work_stop_t *stop, const hand_t *hand, now_t now, effects_t *effects);

#define ORDER_STOP 1u
#define ORDER_DRAIN_FOR_STOP 2u
#define ORDER_DRAIN_OVER 3u

#endif
