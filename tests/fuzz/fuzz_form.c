/* Any body as a form: what is taken is text within its bounds, and written as a form again it reads
 * the same; what is refused says why. */
#include "core/form.h"

#include <stdlib.h>

#include "core/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct writing {
    char *text;
    size_t length;
} writing_t;

/* Percent-encodes every byte, so that nothing in it can mean something. */
static void put(writing_t *w, const char *text, size_t length, char end)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < length; i++) {
        w->text[w->length++] = '%';
        w->text[w->length++] = digits[(uint8_t)text[i] >> 4];
        w->text[w->length++] = digits[text[i] & 15];
    }
    w->text[w->length++] = end;
}

static void put_field(writing_t *w, const char *name, size_t name_len, const json_t *value)
{
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);
    must(json_is_string(value) && length <= FORM_VALUE_BYTES_MAX);
    must(utf8_valid(bytes_of(text, length)) && utf8_valid(bytes_of(name, name_len)));
    must(name_len <= FORM_NAME_BYTES_MAX);
    put(w, name, name_len, '=');
    put(w, text, length, '&');
}

/* The fields of one name in their order; its size is at most three times the data and two bytes a
 * repeated name. */
static void write_again(writing_t *w, json_t *form)
{
    const char *name;
    size_t name_len, index;
    json_t *value, *one;
    json_object_keylen_foreach(form, name, name_len, value)
    {
        if (json_is_string(value))
            put_field(w, name, name_len, value);
        else
            must(json_array_size(value) >= 2);
        json_array_foreach(value, index, one) put_field(w, name, name_len, one);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    form_error_t why = {0};
    json_t *form = form_parse(bytes_of(data, size), &why);
    if (!form) {
        must(why.text && why.field > 0 && why.field <= FORM_FIELDS_MAX + 1);
        return 0;
    }
    writing_t w = {.text = malloc(3 * size + 2 * FORM_FIELDS_MAX + 1)};
    must(w.text);
    write_again(&w, form);
    json_t *again = form_parse(bytes_of(w.text, w.length), &why);
    must(again && json_equal(form, again));
    free(w.text);
    json_decref(again);
    json_decref(form);
    return 0;
}
