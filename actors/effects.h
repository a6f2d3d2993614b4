/* effects.h: what an actor's step wishes for. A step reads no clock, opens nothing, blocks never:
 * it appends wishes, and the carrier (carry.h) carries them out in an order written once: make
 * durable, sync, send and answer, only then return credit. A wish_send or wish_reply of a step goes
 * out only after every change wished so far is on disk; where nothing is on its way to the disk, at
 * once. The list is bounded: a step that may wish for much asks effects_room() and continues later
 * by wish_again(). All arguments are copied or encoded before return. */
#ifndef WEIR_ACTORS_EFFECTS_H
#define WEIR_ACTORS_EFFECTS_H

#include "core/base.h"
#include "protocol/protocol.h"
#include "store/store.h"
#include "sys/http.h"
#include "sys/log.h"
#include "sys/metrics.h"

typedef struct effects effects_t;

/* A peer as the runtime names it: one link generation of one actor. 0: nobody. What is sent to a
 * peer that is gone is dropped (it will say HELLO again and both sides repeat what matters). */
typedef uint32_t peer_t;
#define PEER_NOBODY 0u
#define PEER_SUPERVISOR 1u /* always there; before its first WELCOME only wish_ready waits */

#define EFFECTS_ROOM 8192u /* wishes in one step, at most */
size_t effects_room(const effects_t *e); /* that this step has left */
size_t effects_most(const effects_t *e); /* that a step has: EFFECTS_ROOM, in a test fewer */

/* Sends one item; items of one type to one peer share frames. */
void wish_send(effects_t *e, peer_t to, enum message_type type, const void *item);
/* The same, not waiting for the disk: control (WHO, WELCOME before work, BEAT, QUERY, PRESSURE). */
void wish_send_now(effects_t *e, peer_t to, enum message_type type, const void *item);

void wish_change(effects_t *e, const change_t *change); /* needs a store */
void wish_tally(effects_t *e, const tally_t *tally);    /* the sums after the changes so far */
void wish_read(effects_t *e,
               const read_request_t *request); /* content: as it is after the changes so far */

void wish_timer(effects_t *e, instant_t due); /* the actor's one timer; replaces; NEVER disarms */
void wish_again(effects_t *e); /* step again (EVENT_AGAIN), after other events had their turn */

void wish_call(effects_t *e, const http_call_t *call);
void wish_cancel(effects_t *e, uint64_t token);
void wish_reply(effects_t *e, uint64_t token, const http_reply_t *reply);

void wish_count(effects_t *e, enum metric metric, bytes_t label, uint64_t n); /* counters: add */
void wish_gauge(effects_t *e, enum metric metric, bytes_t label, double value);
void wish_observe(effects_t *e, enum metric metric, bytes_t label, double seconds); /* histograms */
void wish_log(effects_t *e, const log_line_t *line);

/* Begins with the limiter anew, or at all when the actor was born in standby: HELLO with what is in
 * hand. Carried out behind the step. What the HELLO does not list the limiter gives to others, and
 * what was given before does not arrive any more. Not for the limiter. */
void wish_link(effects_t *e);

/* The HTTP server accepts; or it accepts nothing more: what connects waits for another life.
 * CLOSING also ends each connection with its next answer or once it is idle, and says EVENT_CLOSED
 * when the last one is gone. */
enum door { DOOR_OPEN, DOOR_SHUT, DOOR_CLOSING };
void wish_door(effects_t *e, enum door door);

void wish_ready(effects_t *e, const char *status); /* say READY to the supervisor */
void wish_stop(effects_t *e, int exit_code,
               const char *why); /* after everything wished so far was carried out */

#endif
