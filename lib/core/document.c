#include "core/document.h"

#include <stdlib.h>

struct document {
    document_parts_t parts;
    json_t *fields;            /* parsed when first asked for */
    json_t *roots[ROOT_COUNT]; /* owned; parsed when first asked for */
    bool fields_tried, tried[ROOT_COUNT];
};

static const char *const root_names[ROOT_COUNT] = {
    [ROOT_MESSAGE] = "message", [ROOT_HEADERS] = "headers", [ROOT_RESULTS] = "results",
    [ROOT_LABELS] = "labels",   [ROOT_ID] = "id",           [ROOT_KEY] = "key",
    [ROOT_ROUTE] = "route",     [ROOT_SOURCE] = "source",   [ROOT_ATTEMPT] = "attempt",
};

document_t *document_new(const document_parts_t *parts)
{
    document_t *document = calloc(1, sizeof *document);
    must(document);
    document->parts = *parts;
    return document;
}

void document_destroy(document_t **document)
{
    if (!*document)
        return;
    json_decref((*document)->fields);
    for (size_t i = 0; i < ROOT_COUNT; i++)
        json_decref((*document)->roots[i]);
    free(*document);
    *document = NULL;
}

document_root_t document_root_of(bytes_t pointer, bytes_t *rest)
{
    char token[POINTER_BYTES_MAX + 1];
    size_t length;
    if (!pointer_is_valid(pointer) || !pointer_token(&pointer, token, &length))
        return ROOT_NONE;
    *rest = pointer;
    for (document_root_t i = 0; i < ROOT_COUNT; i++)
        if (bytes_is(bytes_of(token, length), root_names[i]))
            return i;
    return ROOT_NONE;
}

static json_t *parsed(bytes_t text)
{
    return text.len ? json_loadb((const char *)text.data, text.len, DOCUMENT_JSON_FLAGS, NULL)
                    : NULL;
}

static json_t *text_value(bytes_t text)
{
    return text.len ? json_stringn((const char *)text.data, text.len) : NULL;
}

static json_t *build_root(const document_parts_t *parts, document_root_t root)
{
    switch (root) {
    case ROOT_MESSAGE:
        return parts->message ? json_incref(parts->message) : parsed(parts->body);
    case ROOT_HEADERS:
        return json_incref(parts->headers);
    case ROOT_RESULTS:
        return parsed(parts->results);
    case ROOT_LABELS:
        return parsed(parts->labels);
    case ROOT_ID:
        return text_value(parts->id);
    case ROOT_KEY:
        return text_value(parts->key);
    case ROOT_ROUTE:
        return text_value(parts->route);
    case ROOT_SOURCE:
        return text_value(parts->source);
    case ROOT_ATTEMPT:
        return parts->attempt ? json_integer(parts->attempt) : NULL;
    case ROOT_NONE:
        break;
    }
    return NULL;
}

static json_t *root_value(document_t *document, document_root_t root)
{
    if (!document->tried[root]) {
        document->tried[root] = true;
        document->roots[root] = build_root(&document->parts, root);
    }
    return document->roots[root];
}

/* A pointer that the ingress looked up is in fields, as null when it was absent: then the body has
 * nothing to add. NULL: not looked up. */
static json_t *extracted(document_t *document, bytes_t pointer)
{
    if (!document->fields_tried) {
        document->fields_tried = true;
        document->fields = parsed(document->parts.fields);
    }
    return json_object_getn(document->fields, (const char *)pointer.data, pointer.len);
}

json_t *document_get(document_t *document, bytes_t pointer)
{
    bytes_t rest;
    document_root_t root = document_root_of(pointer, &rest);
    if (root == ROOT_NONE)
        return NULL;
    json_t *value = NULL;
    if (root == ROOT_MESSAGE || root == ROOT_HEADERS)
        value = extracted(document, pointer);
    if (!value)
        value = pointer_get(root_value(document, root), rest);
    return json_is_null(value) ? NULL : value;
}

json_t *document_extract(document_t *document, const char *const *pointers, size_t count)
{
    json_t *fields = json_object();
    must(fields);
    for (size_t i = 0; i < count; i++) {
        json_t *value = document_get(document, bytes_str(pointers[i]));
        must(json_object_set_new(fields, pointers[i], value ? json_incref(value) : json_null()) ==
             0);
    }
    return fields;
}
