/* hand.h: the assignments that an actor has in hand: from ASSIGN until its SETTLE is on the
 * limiter's disk (SETTLED). What was settled is kept, so that it can be said again after a
 * reconnect. Pure; bounded at birth. */
#ifndef WEIR_ACTORS_HAND_H
#define WEIR_ACTORS_HAND_H

#include "actors/effects.h"
#include "core/list.h"

typedef struct held {
    list_node_t node;  /* running or settled */
    struct held *next; /* of its bucket */
    uint64_t seq, fence;
    uint32_t attempt;
    msgid_t id;
    bool is_settled, is_logged; /* is_logged: its journey is logged whole */
    uint64_t token;      /* of its call; 0: none */
    size_t pool;         /* whose connection it uses while it runs */
    msg_settle_t settle; /* once settled; its texts lie in `texts` */
    uint8_t *texts;
} held_t;

typedef struct hand hand_t;
hand_t *hand_new(size_t most);
void hand_destroy(hand_t **hand);
size_t hand_count(const hand_t *hand); /* running and settled */
size_t hand_running(const hand_t *hand);
size_t hand_room(const hand_t *hand); /* how many more it takes */

held_t *hand_find(const hand_t *hand, uint64_t seq, uint32_t attempt,
                  uint64_t fence); /* NULL: not here */
/* Must not be in it, must have room. Lent until its SETTLED. */
held_t *hand_take(hand_t *hand, const msg_assign_t *assign);
/* The end of a running one: keeps a copy of how it ended (seq, attempt and fence are filled in). */
void hand_settle(hand_t *hand, held_t *held, const msg_settle_t *settle);
/* The limiter has it on disk: forgets it. False: was not in hand, nothing happened. */
bool hand_settled(hand_t *hand, const msg_settled_t *settled);
/* Says every SETTLE that has no SETTLED yet, in the order of their ends. */
void hand_repeat(const hand_t *hand, effects_t *effects, peer_t limiter);
/* For HELLO: fills at most `most`, returns how many there are. */
size_t hand_holding(const hand_t *hand, msg_holding_t *out, size_t most);

#endif
