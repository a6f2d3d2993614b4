/* answer.h: one read on its way: the request, then the result and everything it points at. */
#ifndef WEIR_STORE_ANSWER_H
#define WEIR_STORE_ANSWER_H

#include "store/arena.h"
#include "store/store.h"

typedef struct answer answer_t;
struct answer {
    answer_t *next; /* in a store's queue */
    arena_t arena;
    read_result_t result;
    size_t room;    /* rows or prints that fit at result.messages or result.prints */
};
answer_t *answer_new(const read_request_t *request);
void answer_destroy(answer_t **answer); /* with its references to contents */
/* Copies the message's texts, which are lent, into the answer. */
void answer_keep_envelope(answer_t *a, envelope_t *e);
void answer_keep_progress(answer_t *a, progress_t *p);
answer_t *answer_of(const read_result_t *result);

#endif
