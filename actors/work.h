/* work.h: what the classifier and the responder have in common: an assignment as a document, the
 * credit of a pool they work with, and the term from their begin to their end. Pure. */
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
/* Of a classify step: the first rule that holds names the outcome; where none does, `otherwise`. */
const char *work_outcome(const step_t *step, document_t *document);
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

/* From when to when an actor takes work: not in standby, not once it was told to stop or to retire,
 * and not from a limiter that runs another configuration (it is about to be replaced, or we are).
 * It ends when nothing is in hand any more, or at its deadline. Who retires does so on a link begun
 * anew, on which it offers nothing: once that is welcome no assignment can be on its way to it, and
 * what it never heard of was given to others. */
typedef struct work_term {
    bool standby, foreign, asked, retires, done;
    bool severed; /* retires: the new link is welcome */
    instant_t by;
} work_term_t;

/* What everybody who works has. */
typedef struct work {
    const config_t *config;
    peer_t limiter;
    hand_t *hand;
    work_pool_t *pools;
    size_t pool_count;
    work_term_t term;
} work_t;

/* Takes the end of an assignment: it is said to the limiter, again and again until SETTLED. */
void work_settle(work_t *work, held_t *held, const msg_settle_t *ended, effects_t *effects);
/* What means the same to all of them: SETTLED, ORDER, and the limiter that comes or comes back.
 * Other events change nothing here. */
void work_event(work_t *work, const event_t *event, now_t now, effects_t *effects);
/* At the end of each step: offers the limiter what is free, or stops the process when it is time.
 */
void work_go_on(work_t *work, now_t now, effects_t *effects);

#endif
