/* events.h: what happened lately, for "weirctl events": the last EVENTS_KEPT lines of the
 * supervisor and its actors, numbered. Whoever follows has a place in them and takes what is new;
 * who is slower than what happens misses the oldest, and is told how many. Pure. */
#ifndef WEIR_SUPERVISOR_EVENTS_H
#define WEIR_SUPERVISOR_EVENTS_H

#include <jansson.h>

#include "core/base.h"
#include "protocol/protocol.h"

#define EVENTS_KEPT 2000u
#define EVENTS_PAGE 500u /* in one answer */

typedef struct events events_t;
events_t *events_new(void);
void events_destroy(events_t **events);
void events_put(events_t *events, const char *actor, const msg_event_t *event);

/* Which ones, and from where on. */
typedef struct events_view {
    uint64_t next;   /* the number of the next one to look at; 0: the oldest kept */
    uint64_t missed; /* since it was told: dropped before they were looked at */
    int64_t since_ms; /* wall clock: none older */
    char route[65], message[27], actor[32];
    int kind; /* -1: any */
} events_view_t;
/* The next one of the view, the caller's reference; NULL: none is there now. */
json_t *events_next(const events_t *events, events_view_t *view);

#endif
