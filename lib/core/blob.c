/* blob.c: see blob.h. */
#include "core/blob.h"

#include <stdlib.h>

blob_t *blob_new(bytes_t content)
{
    must(content.len <= UINT32_MAX);
    blob_t *blob = malloc(sizeof *blob + content.len);
    must(blob);
    atomic_init(&blob->refs, 1);
    blob->len = (uint32_t)content.len;
    if (content.len)
        memcpy(blob->data, content.data, content.len);
    return blob;
}

blob_t *blob_ref(blob_t *blob)
{
    if (blob)
        must(atomic_fetch_add_explicit(&blob->refs, 1, memory_order_relaxed) > 0);
    return blob;
}

/* Release so that our reads are done before the count falls; acquire so that the last one sees them done. */
void blob_unref(blob_t **blob)
{
    blob_t *b = *blob;
    *blob = NULL;
    if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
        free(b);
}
