/* blob.h: immutable bytes with a reference count, so that a body is copied once on its way from the
 * wire to the store, the cache and the next frame. The count is atomic: the store's thread holds
 * one too. */
#ifndef WEIR_CORE_BLOB_H
#define WEIR_CORE_BLOB_H

#include <stdatomic.h>

#include "core/base.h"

typedef struct blob {
    atomic_uint refs;
    uint32_t len;
    uint8_t data[];
} blob_t;

/* Copies; one reference, the caller's. Aborts when memory is gone: sizes were bounded before. */
blob_t *blob_new(bytes_t content);
blob_t *blob_join(bytes_t first, bytes_t second); /* the two, one after the other */
blob_t *blob_ref(blob_t *blob); /* NULL stays NULL */
void blob_unref(blob_t **blob);   /* clears the caller's pointer */
static inline bytes_t blob_bytes(const blob_t *b)
{
    return b ? bytes_of(b->data, b->len) : bytes_of(NULL, 0);
}

#endif
