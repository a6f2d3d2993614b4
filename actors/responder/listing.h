/* listing.h: the list of a limit's truth: the ids in what the far side answered. Pure. */
#ifndef WEIR_RESPONDER_LISTING_H
#define WEIR_RESPONDER_LISTING_H

#include "actors/actor.h"

/* What became of a question. ids: JSON array of texts, the caller's to free; NULL: `why` says why
 * there is no whole list, for a person. */
typedef struct listing {
    char *ids;
    char why[200];
} listing_t;

/* All or nothing: an answer that is cut off, goes on on another page, or has an element without an
 * id must not let a lease seem missing. Ids longer than a lease's can be are left out. */
listing_t listing_read(const truth_t *truth, const http_answer_t *answer);

#endif
