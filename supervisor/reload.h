/* reload.h: replacing actors by successors, all of those meant or none. Pure: it is shown what is
 * so and says what to do next; replace.c does it.
 *
 *   ROOM        too many who retired earlier still end their work: wait
 *   SUCCESSORS  they are started beside those in office, and stand by: they touch nothing
 *   LIMITER     all are ready; the limiter, of whom there can be one only, is stopped and started
 *               (only where it is meant: a new configuration, its own restart)
 *   SETTLING    switched: the successors begin, those in office retire; it cannot fail any more,
 * and is over when all of them have said that they do, so that what is asked afterwards is answered
 * by the new ones UNDO        a successor or the new limiter ended or was too late: the successors
 * are stopped, the limiter is started as it was
 *
 * Nothing of what successors are was in force before the switch, so that undoing it loses nothing.
 */
#ifndef WEIR_SUPERVISOR_RELOAD_H
#define WEIR_SUPERVISOR_RELOAD_H

#include "core/base.h"

enum reload_phase {
    RELOAD_NOT,
    RELOAD_ROOM,
    RELOAD_SUCCESSORS,
    RELOAD_LIMITER,
    RELOAD_SETTLING,
    RELOAD_UNDO
};

typedef struct reload {
    enum reload_phase phase;
    bool with_limiter, touched_limiter;
} reload_t;

enum reload_limiter {
    RELOAD_LIMITER_OLD,   /* its life is the one from before the last wish about it */
    RELOAD_LIMITER_DOWN,  /* that life has ended, none follows by itself now */
    RELOAD_LIMITER_TRIES, /* a new life has begun and is not ready yet */
    RELOAD_LIMITER_READY, /* and is ready */
    RELOAD_LIMITER_LOST,  /* and has ended or is given up */
};
typedef struct reload_seen {
    bool has_room;       /* for as many retirees as there will be */
    bool all_ready;      /* every successor */
    bool successor_lost; /* one has ended or is given up */
    bool all_settled;    /* who begins has begun, who retires has shut its door, or time is up */
    enum reload_limiter limiter;
} reload_seen_t;

enum reload_wish {
    RELOAD_WISH_NOTHING,
    RELOAD_WISH_SUCCESSORS, /* start them */
    RELOAD_WISH_LIMITER,    /* end the limiter in order, start it as the successors are */
    RELOAD_WISH_SWITCH,     /* the successors begin, those in office retire */
    RELOAD_WISH_DONE,       /* it is over, well */
    RELOAD_WISH_UNDO,       /* stop the successors; start the limiter as it was, if it is another */
    RELOAD_WISH_FAILED,     /* it is over, and nothing has changed */
};
void reload_begin(reload_t *r, bool with_limiter);
/* To be called again, with what is so then, until nothing is wished for. */
enum reload_wish reload_turn(reload_t *r, const reload_seen_t *seen);

#endif
