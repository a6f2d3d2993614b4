/* form.h: application/x-www-form-urlencoded (WHATWG URL standard, section 5.1) into a JSON object:
 * {name: text}, a name sent more than once as a list of its texts in order. Stricter than browsers
 * are: a stray '%' and what is no UTF-8 text are refused rather than passed on. Pure. */
#ifndef WEIR_CORE_FORM_H
#define WEIR_CORE_FORM_H

#include <jansson.h>

#include "core/base.h"

#define FORM_FIELDS_MAX 1024u
#define FORM_NAME_BYTES_MAX 256u
#define FORM_VALUE_BYTES_MAX (1u << 20) /* decoded */

/* The object, the caller's; NULL, and *why says what is wrong with which field, counted from 1. */
typedef struct form_error {
    size_t field;
    const char *text;
} form_error_t;
json_t *form_parse(bytes_t body, form_error_t *why);

#endif
