#include "core/template.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- pieces ---- */

static bytes_t from(bytes_t text, size_t at) { return bytes_of(text.data + at, text.len - at); }

static bool starts(bytes_t text, const char *with)
{
    size_t len = strlen(with);
    return text.len >= len && memcmp(text.data, with, len) == 0;
}

static int next_place(bytes_t *rest, template_part_t *part, const char **error)
{
    bytes_t text = from(*rest, 2);
    const uint8_t *end = memchr(text.data, '}', text.len);
    if (!end) {
        *error = "a place ${ is not closed by }";
        return -EINVAL;
    }
    text.len = (size_t)(end - text.data);
    part->is_place = true;
    part->text = text;
    for (size_t i = 0; i + 1 < text.len && !part->has_fallback; i++) {
        if (!starts(from(text, i), ":-"))
            continue;
        part->has_fallback = true;
        part->fallback = from(text, i + 2);
        part->text.len = i;
    }
    if (part->text.len < 2 || !pointer_is_valid(part->text)) {
        *error = "a place must hold a JSON pointer, as in ${/message/id}";
        return -EINVAL;
    }
    *rest = bytes_of(end + 1, rest->len - (size_t)(end + 1 - rest->data));
    return 1;
}

int template_next(bytes_t *rest, template_part_t *part, const char **error)
{
    *part = (template_part_t){0};
    if (rest->len == 0)
        return 0;
    if (starts(*rest, "${"))
        return next_place(rest, part, error);
    bool escaped = starts(*rest, "$${");
    bytes_t text = escaped ? from(*rest, 1) : *rest;
    size_t n = escaped ? 2 : 1;
    while (n < text.len && !starts(from(text, n), "${") && !starts(from(text, n), "$${"))
        n++;
    part->text = bytes_of(text.data, n);
    *rest = from(text, n);
    return 1;
}

int template_check(bytes_t text, const char **error)
{
    template_part_t part;
    int got;
    while ((got = template_next(&text, &part, error)) > 0)
        ;
    return got;
}

void template_each(bytes_t text, void (*each)(void *arg, bytes_t pointer), void *arg)
{
    template_part_t part;
    const char *error;
    while (template_next(&text, &part, &error) > 0)
        if (part.is_place)
            each(arg, part.text);
}

static bytes_t string_bytes(const json_t *json)
{
    return bytes_of(json_string_value(json), json_string_length(json));
}

void template_json_each(const json_t *json, void (*each)(void *arg, bytes_t pointer), void *arg)
{
    if (json_is_string(json))
        template_each(string_bytes(json), each, arg);
    for (size_t i = 0; i < json_array_size(json); i++)
        template_json_each(json_array_get(json, i), each, arg);
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)json, name, value) template_json_each(value, each, arg);
}

/* ---- text ---- */

typedef struct render {
    document_t *document;
    enum template_escape escape;
    char *out;
    size_t size, len;
    bool in_query;
    char *why;
    size_t why_size;
} render_t;

static int fail(render_t *r, int error, bytes_t pointer, const char *what)
{
    snprintf(r->why, r->why_size, "%.*s %s", (int)pointer.len, (const char *)pointer.data, what);
    return error;
}

static int put(render_t *r, bytes_t text)
{
    if (text.len >= r->size - r->len) {
        snprintf(r->why, r->why_size, "the text is longer than %zu bytes", r->size - 1);
        return -ENOSPC;
    }
    if (text.len)
        memcpy(r->out + r->len, text.data, text.len);
    r->len += text.len;
    return 0;
}

static bool is_unreserved(uint8_t c) /* RFC 3986 section 2.3 */
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static int put_encoded(render_t *r, bytes_t text)
{
    static const char hex[] = "0123456789ABCDEF";
    int error = 0;
    for (size_t i = 0; i < text.len && !error; i++) {
        uint8_t c = text.data[i];
        char code[3] = {'%', hex[c >> 4], hex[c & 15]};
        error = is_unreserved(c) ? put(r, bytes_of(&c, 1)) : put(r, bytes_of(code, 3));
    }
    return error;
}

static int put_value(render_t *r, const template_part_t *part, bytes_t value)
{
    if (r->escape != TEMPLATE_PATH)
        return put(r, value);
    if (value.len == 0 && !r->in_query)
        return fail(r, -EINVAL, part->text, "is empty, which a path cannot have");
    return put_encoded(r, value);
}

static int put_scalar(render_t *r, const template_part_t *part, const json_t *value)
{
    if (json_is_string(value))
        return put_value(r, part, string_bytes(value));
    if ((json_is_object(value) || json_is_array(value)) && r->escape != TEMPLATE_PLAIN)
        return fail(r, -EINVAL, part->text, "is an object or a list, not a text");
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    if (!text)
        return fail(r, -EINVAL, part->text, "cannot be written as text");
    int error = put_value(r, part, bytes_str(text));
    free(text);
    return error;
}

static int put_part(render_t *r, const template_part_t *part)
{
    if (!part->is_place) {
        r->in_query =
            r->in_query || (part->text.len && memchr(part->text.data, '?', part->text.len));
        return put(r, part->text);
    }
    const json_t *value = document_get(r->document, part->text);
    if (value)
        return put_scalar(r, part, value);
    if (part->has_fallback)
        return put_value(r, part, part->fallback);
    return fail(r, -ENOENT, part->text, "is absent and the template has no fallback for it");
}

/* "." and ".." segments are resolved by clients and servers (RFC 3986 5.2.4); templates have none
 * of their own (the configuration is checked), so one here came from a value. */
static bool has_dot_segment(const char *path)
{
    for (const char *at = path; *at && *at != '?';) {
        size_t n = strcspn(at, "/?");
        if ((n == 1 && at[0] == '.') || (n == 2 && at[0] == '.' && at[1] == '.'))
            return true;
        at += n;
        at += *at == '/';
    }
    return false;
}

static int check_rendered(render_t *r)
{
    if (r->escape == TEMPLATE_PATH && has_dot_segment(r->out)) {
        snprintf(r->why, r->why_size, "the path would have a segment . or ..");
        return -EINVAL;
    }
    for (size_t i = 0; r->escape == TEMPLATE_HEADER && i < r->len; i++) {
        uint8_t c = (uint8_t)r->out[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            snprintf(r->why, r->why_size, "a header's value would have a control character");
            return -EINVAL;
        }
    }
    return 0;
}

long template_text(bytes_t text, document_t *document, enum template_escape escape, char *out,
                   size_t size, char *why, size_t why_size)
{
    must(size > 0 && why_size > 0);
    render_t r = {.document = document,
                  .escape = escape,
                  .out = out,
                  .size = size,
                  .why = why,
                  .why_size = why_size};
    template_part_t part;
    const char *wrong = "";
    int got, error = 0;
    while ((got = template_next(&text, &part, &wrong)) > 0 && !error)
        error = put_part(&r, &part);
    if (got < 0) {
        snprintf(why, why_size, "%s", wrong);
        return got;
    }
    out[r.len] = '\0';
    if (!error)
        error = check_rendered(&r);
    return error ? error : (long)r.len;
}

/* ---- JSON ---- */

static bool is_one_place(bytes_t text, template_part_t *part)
{
    const char *error;
    return starts(text, "${") && template_next(&text, part, &error) > 0 && text.len == 0;
}

static json_t *render_typed(const template_part_t *part, document_t *document, char *why,
                            size_t why_size)
{
    json_t *value = document_get(document, part->text);
    if (value)
        return json_incref(value);
    if (part->has_fallback)
        return json_stringn((const char *)part->fallback.data, part->fallback.len);
    render_t r = {.why = why, .why_size = why_size};
    fail(&r, -ENOENT, part->text, "is absent and the template has no fallback for it");
    return NULL;
}

static json_t *render_string(const json_t *json, document_t *document, char *why, size_t why_size)
{
    bytes_t text = string_bytes(json);
    template_part_t part;
    if (!text.len || !memchr(text.data, '$', text.len))
        return json_incref((json_t *)json);
    if (is_one_place(text, &part))
        return render_typed(&part, document, why, why_size);
    char small[512], *out = small;
    long len = template_text(text, document, TEMPLATE_PLAIN, small, sizeof small, why, why_size);
    if (len == -ENOSPC) {
        out = malloc(TEMPLATE_TEXT_MAX);
        must(out);
        len = template_text(text, document, TEMPLATE_PLAIN, out, TEMPLATE_TEXT_MAX, why, why_size);
    }
    json_t *made = len < 0 ? NULL : json_stringn(out, (size_t)len);
    if (out != small)
        free(out);
    return made;
}

static json_t *render_array(const json_t *json, document_t *document, char *why, size_t why_size)
{
    json_t *made = json_array();
    for (size_t i = 0; i < json_array_size(json); i++) {
        json_t *item = template_json(json_array_get(json, i), document, why, why_size);
        if (json_array_append_new(made, item)) {
            json_decref(made);
            return NULL;
        }
    }
    return made;
}

static json_t *render_object(const json_t *json, document_t *document, char *why, size_t why_size)
{
    json_t *made = json_object(), *value;
    const char *name;
    json_object_foreach((json_t *)json, name, value)
    {
        if (json_object_set_new(made, name, template_json(value, document, why, why_size))) {
            json_decref(made);
            return NULL;
        }
    }
    return made;
}

json_t *template_json(const json_t *json, document_t *document, char *why, size_t why_size)
{
    if (json_is_string(json))
        return render_string(json, document, why, why_size);
    if (json_is_array(json))
        return render_array(json, document, why, why_size);
    if (json_is_object(json))
        return render_object(json, document, why, why_size);
    return json_incref((json_t *)json);
}
