/* agenda.h: what is due when: a binary min-heap of entries that know their place, so that any can
 * be taken out. Equal times leave in the order of their entering. The entry lives in the thing that
 * waits. */
#ifndef WEIR_CORE_AGENDA_H
#define WEIR_CORE_AGENDA_H

#include "core/base.h"

typedef struct agenda_entry {
    instant_t due;
    uint64_t order; /* set by the agenda */
    size_t place;   /* 1-based place in the heap; 0: not in it */
} agenda_entry_t;

typedef struct agenda agenda_t;
agenda_t *agenda_new(size_t entries_max);
void agenda_destroy(agenda_t **a);
/* Must not be in it yet; more than entries_max is our bug. */
void agenda_add(agenda_t *a, agenda_entry_t *e, instant_t due);
void agenda_remove(agenda_t *a, agenda_entry_t *e);          /* not in it: nothing happens */
agenda_entry_t *agenda_first(const agenda_t *a);             /* NULL: empty */
agenda_entry_t *agenda_take_due(agenda_t *a, instant_t now); /* NULL: nothing due */
size_t agenda_count(const agenda_t *a);

#endif
