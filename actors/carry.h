/* carry.h: the carrier: takes events, calls the actor's step and carries out its wishes in the
 * order written once (effects.h). The same code runs in every process and in the simulator; only
 * the world differs. */
#ifndef WEIR_ACTORS_CARRY_H
#define WEIR_ACTORS_CARRY_H

#include "actors/links.h"

/* What the carrier asks of the world around it. All never block. */
typedef struct world {
    void *arg;
    void (*transmit)(void *arg, conn_t conn, bytes_t frame);
    void (*call)(void *arg, const http_call_t *call);
    void (*cancel)(void *arg, uint64_t token);
    void (*reply)(void *arg, uint64_t token, const http_reply_t *reply);
    void (*door)(void *arg, enum door door);
    void (*log)(void *arg, const log_line_t *line);
    void (*stop)(void *arg, int exit_code, const char *why);
    store_t *store;               /* NULL: the actor has none */
    uint32_t commit_pause_us_max; /* adaptive pause: none when idle, up to this under load */
    size_t wishes_most;           /* of one step, for tests; 0: EFFECTS_ROOM */
} world_t;

typedef struct carrier carrier_t;
carrier_t *carrier_new(const actor_spec_t *spec, const birth_t *birth, const links_self_t *self,
                       const world_t *world, metrics_t *metrics, now_t now);
void carrier_destroy(carrier_t **c);

/* A line of the log: the supervisor is told of it, bounded (tell.h), with the next turn. */
void carrier_tell(carrier_t *c, const log_line_t *line, now_t now);

/* Connections of the connecting end; the supervisor's first (it becomes PEER_SUPERVISOR). Born in
 * standby an actor says nothing to the limiter before wish_link(): PEER_NOBODY until then. */
peer_t carrier_connect(carrier_t *c, conn_t conn, actor_kind_t to, now_t now);
void carrier_start(carrier_t *c, now_t now); /* EVENT_START */

void carrier_frame(carrier_t *c, conn_t conn, bytes_t frame, now_t now);
void carrier_request(carrier_t *c, const http_request_t *request, now_t now);
void carrier_answer(carrier_t *c, const http_answer_t *answer, now_t now);
void carrier_closed(carrier_t *c, now_t now); /* the last HTTP connection is gone */
/* Takes what the store has ready (store_next until false). */
void carrier_store(carrier_t *c, now_t now);
/* Everything due by now: the actor's timer, beats, wish_again, the pause before a commit; then
 * hands a full or due batch to the store and flushes frames. Call it after each round of events;
 * returns when to call again at the latest (INSTANT_NEVER: only after events). */
instant_t carrier_turn(carrier_t *c, now_t now);
/* Wishes not yet carried out because their changes are not on disk (for an orderly stop and the
 * simulator). */
size_t carrier_waiting(const carrier_t *c);
void *carrier_self(carrier_t *c); /* the actor, for the simulator's invariants */

#endif
