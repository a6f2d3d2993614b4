#include "sys/cleared.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>

void cleared_free(void *block)
{
    if (block)
        explicit_bzero(block, malloc_usable_size(block));
    free(block);
}

static void *take(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return malloc(size);
}

static void give(void *block, const char *file, int line)
{
    (void)file, (void)line;
    cleared_free(block);
}

/* Always a move: realloc() would leave the old place as it was. */
static void *take_more(void *block, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    size_t had = block ? malloc_usable_size(block) : 0;
    void *moved = size ? malloc(size) : NULL;
    if (moved && had)
        memcpy(moved, block, had < size ? had : size);
    if (moved || !size)
        cleared_free(block);
    return moved;
}

void cleared_openssl(void) { must(CRYPTO_set_mem_functions(take, take_more, give) == 1); }
