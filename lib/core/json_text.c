#include "core/json_text.h"

#include <stdio.h>

#include "core/document.h"

/* Depth is counted by bytes alone: in valid JSON brackets stand for nesting unless inside a string,
 * and for invalid text the parser has the last word. False: deeper than the bound, *place says
 * where. */
static bool depth_within(bytes_t text, size_t *place)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '[') && ++depth > JSON_DEPTH_MAX) {
            *place = i;
            return false;
        } else if (!in_string && (c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return true;
}

static void too_deep(bytes_t text, size_t place, json_text_error_t *error)
{
    error->line = error->column = 1;
    for (size_t i = 0; i < place; i++) {
        bool newline = text.data[i] == '\n';
        error->line += newline;
        error->column = newline ? 1 : error->column + 1;
    }
    snprintf(error->text, sizeof error->text, "nested deeper than %u", JSON_DEPTH_MAX);
}

json_t *json_text_parse(bytes_t text, json_text_error_t *error)
{
    json_text_error_t ignored;
    size_t place;
    if (!error)
        error = &ignored;
    if (!depth_within(text, &place)) {
        too_deep(text, place, error);
        return NULL;
    }
    json_error_t why;
    const char *data = text.len ? (const char *)text.data : "";
    json_t *json = json_loadb(data, text.len, DOCUMENT_JSON_FLAGS | JSON_REJECT_DUPLICATES, &why);
    if (!json) {
        error->line = why.line > 0 ? (size_t)why.line : 1;
        error->column = why.column > 0 ? (size_t)why.column : 1;
        text_printable(bytes_str(why.text), error->text, sizeof error->text);
    }
    return json;
}

size_t text_printable(bytes_t from, char *out, size_t size)
{
    must(size > 0);
    size_t length = from.len < size - 1 ? from.len : size - 1;
    for (size_t i = 0; i < length; i++)
        out[i] = from.data[i] >= ' ' && from.data[i] < 0x7f ? (char)from.data[i] : '?';
    out[length] = '\0';
    return length;
}
