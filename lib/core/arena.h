/* arena.h: memory that ends all at once: the texts of one batch, the rows of one read.
 * Never moves what it gave. Aborts when memory is gone: what goes in was bounded before. */
#ifndef WEIR_CORE_ARENA_H
#define WEIR_CORE_ARENA_H

#include "core/base.h"

typedef struct arena_chunk arena_chunk_t;
typedef struct arena {
    arena_chunk_t *newest;
    size_t bytes; /* given so far */
} arena_t;

void *arena_take(arena_t *arena, size_t size); /* aligned to 16, not cleared */
bytes_t arena_copy(arena_t *arena, bytes_t text);
/* Everything of `from` ends with `to`; `from` is empty then. */
void arena_join(arena_t *to, arena_t *from);
void arena_clear(arena_t *arena);

/* malloc and realloc that abort instead of returning NULL. */
void *memory_take(size_t size); /* cleared */
void *memory_grow(void *old, size_t size);

#endif
