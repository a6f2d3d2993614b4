/* pointer.h: JSON Pointer (RFC 6901) over jansson. Pure; lends what the document owns. */
#ifndef WEIR_CORE_POINTER_H
#define WEIR_CORE_POINTER_H

#include <jansson.h>

#include "core/base.h"

#define POINTER_BYTES_MAX 512
#define POINTER_TOKENS_MAX 32

/* Syntax of RFC 6901 section 3, within the maxima above. The empty pointer is valid: the whole
 * document. */
bool pointer_is_valid(bytes_t pointer);
/* The value at `pointer`, borrowed; NULL when there is none or the pointer is not valid. The index
 * "-" (the place after the last element) never exists. A JSON null is returned as such. */
json_t *pointer_get(json_t *root, bytes_t pointer);
/* Takes the first token off `*pointer` into out (decoded, NUL-terminated, room for
 * POINTER_BYTES_MAX + 1 bytes). False when there is none left. The pointer must be valid. */
bool pointer_token(bytes_t *pointer, char *out, size_t *length);

#endif
