/* hand.h: what people ask of the limiter and order it to do, by verb; which file knows which. */
#ifndef WEIR_LIMITER_HAND_H
#define WEIR_LIMITER_HAND_H

#include "actors/limiter/parts.h"

#define HAND_ROWS_MAX 500 /* in one answer */

/* One order as it came; lent for the call. */
typedef struct hand {
    const struct question *q;
    const char *verb;
    char who[129], why[REASON_BYTES_MAX + 1]; /* "" when not said */
    json_t *args;
} hand_t;

/* Each: false, not one of its verbs; true, it was answered or will be. */
bool change_told(limiter_t *l, const hand_t *h);  /* change.c: limits and switches */
bool message_told(limiter_t *l, const hand_t *h); /* by_hand.c: messages */
bool look_told(limiter_t *l, const hand_t *h);    /* look.c */

/* hand.c. NULL: there is none of the name in the arguments, and that was answered. */
limit_state_t *hand_limit(limiter_t *l, const hand_t *h);
limit_state_t *hand_downstream(limiter_t *l, const hand_t *h);
limit_state_t *hand_route(limiter_t *l, const hand_t *h);
json_t *hand_state(const limiter_t *l, const limit_state_t *s); /* before, after */
/* Journals the change and answers it; takes over `before`. */
void hand_said(limiter_t *l, const hand_t *h, const limit_state_t *s, json_t *before);
/* The same, with an `after` of its own, which it takes over, too. */
void hand_told(limiter_t *l, const hand_t *h, const limit_state_t *s, json_t *before,
               json_t *after);

/* change.c */
void hand_stop(limiter_t *l, const hand_t *h, limit_state_t *s, bool stopped);
json_t *hand_copy(const limit_state_t *s); /* what is set by hand; the caller's */
/* `said`, which was checked and which it takes over, is set by hand from now on; answers. */
void hand_change(limiter_t *l, const hand_t *h, limit_state_t *s, json_t *said);
/* The configured burst comes back within gcra.h's bound at the period said, if one is. */
bool hand_period_fits(const limit_state_t *s, const json_t *said);

/* numbers.c */
/* Those that are less than one message takes by now would fail it: true, there were any. */
bool hand_forget_below(const limiter_t *l, const limit_state_t *s, json_t *said);
void limits_set(limiter_t *l, const hand_t *h);
void limits_reset(limiter_t *l, const hand_t *h);

/* downstream.c */
void downstream_pause(limiter_t *l, const hand_t *h);
void downstream_resume(limiter_t *l, const hand_t *h);
void downstream_probe(limiter_t *l, const hand_t *h);
void limits_resume(limiter_t *l, const hand_t *h);
void slots_reclaim(limiter_t *l, const hand_t *h);
json_t *pause_of(const limiter_t *l, const bucket_t *b); /* what stops it: a JSON object */

/* holds.c: who holds slots */
void slots_ls(limiter_t *l, const hand_t *h);
void bucket_holders(const limiter_t *l, const bucket_t *b, json_t *out, size_t most);

/* explain.c: all that keeps a message, and when it should run. */
json_t *explain_item(limiter_t *l, const item_t *i, const label_values_t *of);

#endif
