#include "core/form.h"

#include <stdlib.h>

#include "core/utf8.h"

typedef struct form {
    json_t *object;
    size_t fields;
    uint8_t *room; /* as large as the body: decoding never makes anything longer */
    const char *wrong;
} form_t;

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "%41" is one byte; -1: no two hex digits follow. */
static int percent(bytes_t text, size_t at)
{
    if (text.len - at < 3)
        return -1;
    int high = hex_digit(text.data[at + 1]), low = hex_digit(text.data[at + 2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Decodes into `out`, room for all of `text`; false and the form says why. */
static bool decode(form_t *form, bytes_t text, uint8_t *out, bytes_t *decoded)
{
    size_t length = 0;
    for (size_t i = 0; i < text.len; i++) {
        int c = text.data[i] == '+' ? ' ' : text.data[i];
        if (c == '%') {
            c = percent(text, i);
            i += 2;
        }
        if (c < 0) {
            form->wrong = "a % must be followed by two hexadecimal digits";
            return false;
        }
        out[length++] = (uint8_t)c;
    }
    *decoded = bytes_of(out, length);
    if (utf8_valid(*decoded))
        return true;
    form->wrong = "it is not UTF-8 text, or contains U+0000";
    return false;
}

/* A second value of the same name makes a list of both. */
static void add(form_t *form, bytes_t name, bytes_t text)
{
    const char *key = (const char *)name.data;
    json_t *before = json_object_getn(form->object, key, name.len);
    json_t *value = json_stringn((const char *)text.data, text.len);
    must(value);
    if (json_is_array(before)) {
        must(json_array_append_new(before, value) == 0);
    } else if (before) {
        json_t *both = json_pack("[O, o]", before, value);
        must(both && json_object_setn_new(form->object, key, name.len, both) == 0);
    } else {
        must(json_object_setn_new(form->object, key, name.len, value) == 0);
    }
}

static bool take_field(form_t *form, bytes_t field)
{
    const uint8_t *equals = memchr(field.data, '=', field.len);
    size_t name_len = equals ? (size_t)(equals - field.data) : field.len;
    size_t value_at = equals ? name_len + 1 : field.len;
    bytes_t name, value;
    if (++form->fields > FORM_FIELDS_MAX) {
        form->wrong = "there are more than 1024 fields";
        return false;
    }
    if (!decode(form, bytes_of(field.data, name_len), form->room, &name) ||
        !decode(form, bytes_of(field.data + value_at, field.len - value_at), form->room + name_len,
                &value))
        return false;
    if (name.len > FORM_NAME_BYTES_MAX)
        form->wrong = "its name is longer than 256 bytes";
    else if (value.len > FORM_VALUE_BYTES_MAX)
        form->wrong = "its value is longer than 1 MiB";
    else
        add(form, name, value);
    return !form->wrong;
}

/* Empty fields, as in "a=1&&b=2", count for nothing. */
static bool take_fields(form_t *form, bytes_t body)
{
    size_t at = 0;
    while (at < body.len) {
        const uint8_t *end = memchr(body.data + at, '&', body.len - at);
        size_t length = end ? (size_t)(end - body.data) - at : body.len - at;
        if (length && !take_field(form, bytes_of(body.data + at, length)))
            return false;
        at += length + 1;
    }
    return true;
}

json_t *form_parse(bytes_t body, form_error_t *why)
{
    form_t form = {.object = json_object(), .room = malloc(body.len + 1)};
    must(form.object && form.room);
    if (!take_fields(&form, body)) {
        *why = (form_error_t){form.fields, form.wrong};
        json_decref(form.object);
        form.object = NULL;
    }
    free(form.room);
    return form.object;
}
