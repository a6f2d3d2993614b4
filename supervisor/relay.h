/* relay.h: orders that came through the door with an API key (/admin), passed on to who knows as
 * the people's are. Each ends with one answer: that of who was asked, or that there was none. */
#ifndef WEIR_SUPERVISOR_RELAY_H
#define WEIR_SUPERVISOR_RELAY_H

#include "protocol/protocol.h"

struct supervisor;
struct outside;

#define RELAYS_MAX 64u

typedef struct relayed {
    uint64_t number;            /* ours, of the QUERY; 0: free */
    uint64_t asked, generation; /* the ingress's number, and which life of it */
    const struct outside *from, *to;
    instant_t until;
} relayed_t;

typedef struct relay {
    relayed_t relayed[RELAYS_MAX];
    uint64_t last;
} relay_t;

void relay_query(struct supervisor *s, const struct outside *from, const msg_query_t *query);
void relay_answer(struct supervisor *s, const struct outside *from, const msg_answer_t *answer);
/* Its process is gone: who asked it is told so. */
void relay_gone(struct supervisor *s, const struct outside *who);
/* When it wants to be called again. */
instant_t relay_turn(struct supervisor *s, instant_t now);

#endif
