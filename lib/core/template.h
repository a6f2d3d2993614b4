/* template.h: texts and JSON with places, ${/pointer} or ${/pointer:-text for when it is absent}.
 * $${ stands for ${ itself. No code runs. A place whose value is absent and that has no fallback
 * makes the rendering fail with a reason that names the pointer: a wrong request is never sent
 * instead. Pure. */
#ifndef WEIR_CORE_TEMPLATE_H
#define WEIR_CORE_TEMPLATE_H

#include "core/document.h"

/* One piece of a template: literal text or a place. Lies in the template's text. */
typedef struct template_part {
    bool is_place, has_fallback;
    bytes_t text; /* the literal, or the place's pointer */
    bytes_t fallback;
} template_part_t;
/* Takes the next piece off *rest. 1: there is one; 0: the end; -EINVAL: not a template, *error
 * (static) says why. */
int template_next(bytes_t *rest, template_part_t *part, const char **error);
/* Syntax only. 0, or -EINVAL and *error. */
int template_check(bytes_t text, const char **error);
/* Calls back with the pointer of every place of a text, or of every string inside a JSON value. */
void template_each(bytes_t text, void (*each)(void *arg, bytes_t pointer), void *arg);
void template_json_each(const json_t *json, void (*each)(void *arg, bytes_t pointer), void *arg);

enum template_escape {
    TEMPLATE_PLAIN,  /* values as they are; objects and arrays as compact JSON */
    TEMPLATE_PATH,   /* values percent-encoded but for RFC 3986 unreserved; no empty, "." or ".."
                        segment   can come from a value, so a value cannot climb out of its place */
    TEMPLATE_HEADER, /* no control bytes in the result (RFC 9110 5.5) */
};
/* Renders into out (NUL-terminated). Its length; -ENOENT: absent; -EINVAL: not fit for its use;
 * -ENOSPC: longer than size. On an error `why` (of why_size) gets one line. */
long template_text(bytes_t text, document_t *document, enum template_escape escape, char *out,
                   size_t size, char *why, size_t why_size);

#define TEMPLATE_TEXT_MAX (1u << 20) /* one rendered string inside a JSON template */
/* The template with every place filled; a string that is one place alone becomes the typed value.
 * The caller's; parts of it may be shared with the document: read only. NULL on an error, `why`
 * says which. */
json_t *template_json(const json_t *json, document_t *document, char *why, size_t why_size);

#endif
