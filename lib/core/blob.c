/* blob.c: see blob.h. */
#include "core/blob.h"

#include <stdlib.h>

blob_t *blob_new(bytes_t content) { return blob_join(content, bytes_of(NULL, 0)); }

blob_t *blob_join(bytes_t first, bytes_t second)
{
    must(first.len <= UINT32_MAX / 2 && second.len <= UINT32_MAX / 2);
    blob_t *blob = malloc(sizeof *blob + first.len + second.len);
    must(blob);
    atomic_init(&blob->refs, 1);
    blob->len = (uint32_t)(first.len + second.len);
    if (first.len)
        memcpy(blob->data, first.data, first.len);
    if (second.len)
        memcpy(blob->data + first.len, second.data, second.len);
    return blob;
}

blob_t *blob_ref(blob_t *blob)
{
    if (blob)
        must(atomic_fetch_add_explicit(&blob->refs, 1, memory_order_relaxed) > 0);
    return blob;
}

/* Release so that our reads are done before the count falls; acquire so that the last one sees them
 * done. */
void blob_unref(blob_t **blob)
{
    blob_t *b = *blob;
    *blob = NULL;
    if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
        free(b);
}
