/* reading.h: one read on its way: the request, then the result and everything it points at. */
#ifndef WEIR_STORE_READING_H
#define WEIR_STORE_READING_H

#include "core/arena.h"
#include "store/store.h"

typedef struct reading reading_t;
struct reading {
    reading_t *next; /* in a store's queue */
    arena_t arena;
    read_result_t result;
    size_t room;    /* rows or prints that fit at result.messages or result.prints */
};
reading_t *reading_new(const read_request_t *request);
void reading_destroy(reading_t **reading); /* with its references to contents */
/* Copies the message's texts, which are lent, into the reading. */
void reading_keep_envelope(reading_t *a, envelope_t *e);
void reading_keep_progress(reading_t *a, progress_t *p);
reading_t *reading_of(const read_result_t *result);

#endif
