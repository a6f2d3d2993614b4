/* cancel.c: maintenance that ends the calls in flight. The order goes to every responder that has
 * something in hand, and again to one whose link is new; it cuts and settles, and only that settle
 * gives slots back. Nothing starts in maintenance, so the order is carried out when nothing is
 * assigned any more. It is kept with the mode: a new life of the limiter goes on with it. */
#include "actors/limiter/parts.h"

#include <stdio.h>

#define WHY_MOST 400u /* bytes: the responder says more with it */

/* Who ordered it, and why. */
static bytes_t by_whom(const limiter_t *l, char *text, size_t size)
{
    snprintf(text, size, "maintenance by %s%s%s", l->mode_who, *l->mode_why ? ": " : "",
             l->mode_why);
    return bytes_of(text, utf8_prefix(bytes_str(text), WHY_MOST));
}

void cancel_holder(limiter_t *l, const holder_t *h)
{
    char text[WHY_MOST + 1];
    if (l->cancel.ordered && h->actor == ACTOR_RESPONDER && h->welcomed && h->items.count > 0)
        wish_send(l->e, h->peer, MESSAGE_CANCEL,
                  &(msg_cancel_t){.why = by_whom(l, text, sizeof text)});
}

void cancel_begin(limiter_t *l)
{
    l->cancel.runs = l->cancel.ordered && (l->assigned > 0 || l->phase != LOADED);
    for (size_t n = 0; n < l->holder_count; n++)
        if (l->holders[n]->peer != PEER_NOBODY)
            cancel_holder(l, l->holders[n]);
}

void cancel_look(limiter_t *l)
{
    char text[160], why[WHY_MOST + 1];
    if (!l->cancel.runs || l->phase != LOADED || l->assigned > 0)
        return;
    l->cancel.runs = false;
    snprintf(text, sizeof text, "no call is in flight: %llu were cancelled since the order",
             (unsigned long long)(l->cancel.calls - l->cancel.told));
    l->cancel.told = l->cancel.calls;
    wish_log(l->e,
             &(log_line_t){.event = LOG_MODE, .text = text, .reason = by_whom(l, why, sizeof why)});
    if (l->drainer != PEER_NOBODY)
        mode_announce(l, l->drainer);
}
