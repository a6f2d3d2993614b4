/* credit.h: the right to send, on both ends of a link. Totals are cumulative since the link's
 * generation began, so a lost, repeated or late CREDIT does no harm: the greatest total counts.
 * Pure: no clock, no socket.
 *
 * The giver counts what arrived and says how much room there is now; what it told never goes back,
 * so room that shrank is felt only once what was granted has arrived. A new link generation begins
 * both accounts again: what was in transit in the old one may still arrive, so a giver that must
 * never hold more than a window keeps that in `room` (tests/spin/credit.pml shows the bound). */
#ifndef WEIR_CORE_CREDIT_H
#define WEIR_CORE_CREDIT_H

#include "core/base.h"

typedef struct credit { uint64_t messages, bytes; } credit_t;

/* The sender's account. Zeroed: a new link generation, nothing granted. */
typedef struct credit_purse { credit_t granted, taken; } credit_purse_t;

/* A CREDIT came. False: it granted nothing new (late or repeated). */
bool credit_granted(credit_purse_t *purse, credit_t total);
/* Takes `messages` and `bytes` together or, returning false, nothing. */
bool credit_take(credit_purse_t *purse, credit_t amount);
credit_t credit_left(const credit_purse_t *purse);

/* The receiver's account. Zeroed: a new link generation. */
typedef struct credit_giver { credit_t told, arrived; } credit_giver_t;

/* Something arrived; it is counted. False: more than was ever granted, so the sender is wrong. */
bool credit_arrived(credit_giver_t *giver, credit_t amount);
/* Room now, for what is not yet here. True: *total is greater than what was told: send it. */
bool credit_offer(credit_giver_t *giver, credit_t room, credit_t *total);

#endif
