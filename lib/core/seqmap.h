/* seqmap.h: from a sequence number to what stands under it: open addressing, 16 bytes a place,
 * grows, shrinks never. Numbers are positive. Lends and owns nothing. */
#ifndef WEIR_CORE_SEQMAP_H
#define WEIR_CORE_SEQMAP_H

#include "core/base.h"

typedef struct seqmap seqmap_t;
seqmap_t *seqmap_new(void);
void seqmap_destroy(seqmap_t **m);
void *seqmap_find(const seqmap_t *m, int64_t seq);      /* NULL: none */
void seqmap_put(seqmap_t *m, int64_t seq, void *value); /* must not be there */
void seqmap_remove(seqmap_t *m, int64_t seq);           /* must be there */
size_t seqmap_count(const seqmap_t *m);
/* Every value, in no order. */
void seqmap_each(const seqmap_t *m, void (*each)(void *arg, void *value), void *arg);

#endif
