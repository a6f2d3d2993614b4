/* lease_ends.c: an ingress counts by itself what it has granted of limits with a guard, and hears
 * of a lease's end only where its DELETE came to it. The others are told: ends by a release step,
 * by another ingress, by a truth, by hand, by time. Told once, behind the step that ended it; who
 * misses it (its link is down, we died, more than ENDS_MOST wait) counts the lease until its time
 * is up. */
#include "actors/limiter/parts.h"

#include <stdlib.h>

#define ENDS_MOST 65536u

typedef struct lease_gone {
    list_node_t node;
    uint16_t length;
    char id[];
} lease_gone_t;

static bool is_guarded(const lease_t *lease)
{
    for (size_t n = 0; lease->needs && n < lease->needs->count; n++)
        if (lease->needs->of[n].bucket->of->limit->guard)
            return true;
    return false;
}

void lease_has_ended(limiter_t *l, const lease_t *lease)
{
    if (!lease->may_be_counted || !is_guarded(lease) || l->lease_ends.count == ENDS_MOST)
        return;
    lease_gone_t *gone = calloc(1, sizeof *gone + lease->length);
    must(gone);
    gone->length = lease->length;
    memcpy(gone->id, lease->id, lease->length);
    list_push(&l->lease_ends, &gone->node);
}

/* Not where the id is held again: that was answered already, and must not be forgotten for it. */
static void tell(limiter_t *l, bytes_t id)
{
    const lease_t *held = lease_find(l, id);
    if (held && held->needs)
        return;
    for (size_t n = 0; n < l->intake_count; n++)
        if (l->intakes[n].welcomed)
            wish_send(l->e, l->intakes[n].peer, MESSAGE_ENDED, &(msg_ended_t){.id = id});
}

void lease_ends_tell(limiter_t *l)
{
    while (l->lease_ends.count && effects_room(l->e) > INTAKES_MAX) {
        lease_gone_t *gone = list_of(list_pop(&l->lease_ends), lease_gone_t, node);
        tell(l, bytes_of(gone->id, gone->length));
        free(gone);
    }
    if (l->lease_ends.count)
        wish_again(l->e);
}

void lease_ends_free(limiter_t *l)
{
    while (l->lease_ends.count)
        free(list_of(list_pop(&l->lease_ends), lease_gone_t, node));
}
