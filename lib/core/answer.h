/* answer.h: how the answer to a call is judged: what it means for the step. The default table;
 * every status has exactly one meaning. Pure. */
#ifndef WEIR_CORE_ANSWER_H
#define WEIR_CORE_ANSWER_H

#include "core/base.h"
#include "core/words.h"

/* How a call ended, without what it carried. */
typedef struct answer_seen {
    enum { SEEN_ANSWER, SEEN_FAILURE, SEEN_LATE, SEEN_CANCELLED } end;
    bool wrote;          /* the socket accepted a byte of the request */
    unsigned status;     /* SEEN_ANSWER */
    bytes_t retry_after; /* its field's value; empty: none */
} answer_seen_t;

typedef struct answer_judged {
    outcome_t outcome;
    uint32_t retry_after_ms; /* floor of the next try; 0: none */
} answer_judged_t;

/* An answer: 2xx ok; 408, 425 and 5xx retry; 429 retry, 429 and 503 with a usable Retry-After
 * defer; everything else fails (a redirect too: none is followed). No answer: late or never written
 * is unbegun or retry, written is unknown. */
answer_judged_t answer_judge(const answer_seen_t *seen, wall_t now);

#endif
