/* holder.h: the far ends of the limiter's links: who has assignments, who brings messages. */
#ifndef WEIR_LIMITER_HOLDER_H
#define WEIR_LIMITER_HOLDER_H

#include "actors/actor.h"
#include "core/credit.h"
#include "core/list.h"

#define HOLDERS_MAX 512
#define INTAKES_MAX 64

/* One life of a classifier or responder that has, or may have, assignments in hand. */
typedef struct holder {
    peer_t peer; /* 0: no link now */
    actor_kind_t actor;
    uint16_t instance;
    uint64_t generation;
    bool silent, dead, ordered, welcomed;
    struct item *alone; /* a suspect that killed before: nothing else is given to it (poison.c) */
    int64_t emptied_for; /* seq of a suspect that waits for it to have nothing in hand; 0 */
    list_t items;
    credit_purse_t *purses; /* one a pool, of this link generation */
    msg_holding_t *holding;
    size_t holding_count; /* as said in HELLO, until reconciled */
    bool heard;           /* HELLO came in this life of ours */
} holder_t;

typedef struct intake {
    peer_t peer;
    uint64_t generation;
    bool welcomed;
    credit_giver_t giver;
} intake_t;

#endif
