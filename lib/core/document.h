/* document.h: the message document, the root of every pointer in the configuration:
 *   {"message": <parsed body>, "headers": {...}, "results": {step: result}, "labels": {...},
 *    "id", "key", "route", "source", "attempt"}
 * It is never built as a whole: a pointer is looked up in what the ingress extracted (`fields`),
 * and only if it is not there is the body parsed. JSON null and absent are the same here. Pure. */
#ifndef WEIR_CORE_DOCUMENT_H
#define WEIR_CORE_DOCUMENT_H

#include "core/pointer.h"

/* How every part of Weir reads a message's JSON. */
#define DOCUMENT_JSON_FLAGS (JSON_DECODE_ANY | JSON_ALLOW_NUL)

/* Everything is lent for the life of the document. */
typedef struct document_parts {
    bytes_t fields, labels, results; /* JSON objects as text; empty: none */
    bytes_t body;                    /* as it came; empty: not at hand */
    json_t *message, *headers;       /* where they are parsed already (the ingress); else NULL */
    bytes_t id, key, route, source;  /* texts; empty: absent */
    unsigned attempt;                /* 0: absent */
} document_parts_t;

typedef struct document document_t;
document_t *document_new(const document_parts_t *parts);
void document_destroy(document_t **document);

/* The value at `pointer`, borrowed until the document ends; NULL when absent, null, or not
 * readable. */
json_t *document_get(document_t *document, bytes_t pointer);
/* {pointer: value or null} of these pointers: what the ingress sends as `fields`. The caller's. */
json_t *document_extract(document_t *document, const char *const *pointers, size_t count);

/* What a pointer is rooted in, for the checks of the configuration; rest: what follows the root's
 * name. */
typedef enum document_root {
    ROOT_MESSAGE,
    ROOT_HEADERS,
    ROOT_RESULTS,
    ROOT_LABELS,
    ROOT_ID,
    ROOT_KEY,
    ROOT_ROUTE,
    ROOT_SOURCE,
    ROOT_ATTEMPT,
    ROOT_COUNT,
    ROOT_NONE = ROOT_COUNT
} document_root_t;
document_root_t document_root_of(bytes_t pointer, bytes_t *rest);

#endif
