#include "core/arena.h"

#include <stdalign.h>
#include <stdlib.h>

#define CHUNK_BYTES (32u << 10)

struct arena_chunk {
    arena_chunk_t *older;
    size_t used, size;
    alignas(16) uint8_t data[];
};

void *memory_take(size_t size)
{
    void *memory = calloc(1, size ? size : 1);
    must(memory);
    return memory;
}

void *memory_grow(void *old, size_t size)
{
    void *memory = realloc(old, size);
    must(memory);
    return memory;
}

static arena_chunk_t *chunk_new(arena_chunk_t *older, size_t least)
{
    size_t size = least > CHUNK_BYTES ? least : CHUNK_BYTES;
    arena_chunk_t *chunk = malloc(sizeof *chunk + size);
    must(chunk);
    *chunk = (arena_chunk_t){.older = older, .size = size};
    return chunk;
}

void *arena_take(arena_t *arena, size_t size)
{
    size_t room = (size + 15) & ~(size_t)15;
    arena_chunk_t *chunk = arena->newest;
    if (!chunk || chunk->size - chunk->used < room)
        chunk = arena->newest = chunk_new(chunk, room);
    void *given = chunk->data + chunk->used;
    chunk->used += room;
    arena->bytes += room;
    return given;
}

bytes_t arena_copy(arena_t *arena, bytes_t text)
{
    if (text.len == 0)
        return bytes_of(NULL, 0);
    void *copy = arena_take(arena, text.len);
    memcpy(copy, text.data, text.len);
    return bytes_of(copy, text.len);
}

void arena_join(arena_t *to, arena_t *from)
{
    arena_chunk_t *oldest = from->newest;
    if (!oldest)
        return;
    while (oldest->older)
        oldest = oldest->older;
    oldest->older = to->newest;
    *to = (arena_t){from->newest, to->bytes + from->bytes};
    *from = (arena_t){0};
}

void arena_clear(arena_t *arena)
{
    while (arena->newest) {
        arena_chunk_t *older = arena->newest->older;
        free(arena->newest);
        arena->newest = older;
    }
    arena->bytes = 0;
}
