/* Pointer, a newline, then the document. A valid pointer is its own tokens, encoded again. */
#include <stdlib.h>

#include "core/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t encode(const char *token, size_t length, char *out)
{
    size_t n = 0;
    out[n++] = '/';
    for (size_t i = 0; i < length; i++) {
        if (token[i] == '~' || token[i] == '/')
            out[n++] = '~';
        out[n++] = token[i] == '~' ? '0' : token[i] == '/' ? '1' : token[i];
    }
    return n;
}

static void check_tokens(bytes_t pointer)
{
    char token[POINTER_BYTES_MAX + 1], again[2 * POINTER_BYTES_MAX + 2];
    size_t length, len = 0;
    bytes_t rest = pointer;
    while (pointer_token(&rest, token, &length))
        len += encode(token, length, again + len);
    must(bytes_equal(bytes_of(again, len), pointer));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *cut = size ? memchr(data, '\n', size) : NULL;
    bytes_t pointer = bytes_of(data, cut ? (size_t)(cut - data) : size);
    bytes_t body = cut ? bytes_of(cut + 1, size - pointer.len - 1) : bytes_of(NULL, 0), rest;
    json_t *root =
        body.len ? json_loadb((const char *)body.data, body.len, DOCUMENT_JSON_FLAGS, NULL) : NULL;
    json_t *found = pointer_get(root, pointer);
    if (pointer_is_valid(pointer))
        check_tokens(pointer);
    else
        must(!found && document_root_of(pointer, &rest) == ROOT_NONE);
    document_t *document =
        document_new(&(document_parts_t){.body = body, .fields = body, .results = body});
    document_get(document, pointer);
    document_destroy(&document);
    json_decref(root);
    return 0;
}
