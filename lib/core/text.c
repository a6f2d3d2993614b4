#include "core/text.h"

static char *room_for(text_t *t, size_t length)
{
    t->cut = t->cut || length > (size_t)(t->end - t->at);
    if (t->cut)
        return NULL;
    char *at = t->at;
    t->at += length;
    return at;
}

void text_put(text_t *t, bytes_t piece)
{
    char *at = room_for(t, piece.len);
    if (at && piece.len)
        memcpy(at, piece.data, piece.len);
}

void text_put_str(text_t *t, const char *piece) { text_put(t, bytes_str(piece)); }

void text_put_number(text_t *t, uint64_t number)
{
    char digits[20], *first = digits + sizeof digits;
    do
        *--first = (char)('0' + number % 10);
    while (number /= 10);
    text_put(t, bytes_of(first, (size_t)(digits + sizeof digits - first)));
}

static size_t quoted_length(bytes_t piece)
{
    size_t length = piece.len + 2;
    for (size_t i = 0; i < piece.len; i++) {
        uint8_t c = piece.data[i];
        length += c < ' ' ? 5 : c == '"' || c == '\\';
    }
    return length;
}

void text_put_quoted(text_t *t, bytes_t piece)
{
    static const char hex[] = "0123456789abcdef";
    char *at = room_for(t, quoted_length(piece));
    if (!at)
        return;
    *at++ = '"';
    for (size_t i = 0; i < piece.len; i++) {
        uint8_t c = piece.data[i];
        if (c < ' ') {
            memcpy(at, "\\u00", 4);
            at[4] = hex[c >> 4];
            at[5] = hex[c & 15];
            at += 6;
            continue;
        }
        if (c == '"' || c == '\\')
            *at++ = '\\';
        *at++ = (char)c;
    }
    *at = '"';
}

bool text_close(text_t *t)
{
    char *at = room_for(t, 1);
    if (at)
        t->at--;
    else if (t->begin < t->end)
        at = t->at = t->begin;
    if (at)
        *at = '\0';
    return !t->cut;
}
