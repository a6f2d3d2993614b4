/* json_text.h: JSON text from outside, read once and strictly: nesting within a bound before the
 * parser recurses, no member twice, errors with line and column. Pure. */
#ifndef WEIR_CORE_JSON_TEXT_H
#define WEIR_CORE_JSON_TEXT_H

#include <jansson.h>

#include "core/base.h"

#define JSON_DEPTH_MAX                                                                             \
    128u /* far under the parser's own, so that what was read here can be nested again */

typedef struct json_text_error {
    size_t line, column; /* from 1; column in characters */
    char text[200];      /* one line, printable ASCII */
} json_text_error_t;

/* The value, the caller's; NULL and *error (may be NULL) when the text is not one JSON value. */
json_t *json_text_parse(bytes_t text, json_text_error_t *error);
/* Copies `from` as printable ASCII on one line, '?' for the rest, cut to size with a closing NUL.
 * Returns the length. */
size_t text_printable(bytes_t from, char *out, size_t size);

#endif
