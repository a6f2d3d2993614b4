/* text.h: a text put together piece by piece in a room of fixed size, for the places where printf
 * or a tree of JSON shows in a profile. A piece that does not fit is left out whole, and the text
 * is cut from then on: nothing is put behind a hole. Pure. */
#ifndef WEIR_CORE_TEXT_H
#define WEIR_CORE_TEXT_H

#include "core/base.h"

typedef struct text {
    char *begin, *at, *end; /* the room: the caller's; no closing NUL */
    bool cut;
} text_t;

static inline text_t text_in(char *room, size_t size)
{
    return (text_t){.begin = room, .at = room, .end = room + size};
}
static inline bytes_t text_so_far(const text_t *t)
{
    return bytes_of(t->begin, (size_t)(t->at - t->begin));
}

void text_put(text_t *t, bytes_t piece);
void text_put_str(text_t *t, const char *piece);
void text_put_number(text_t *t, uint64_t number);
/* `piece`, valid UTF-8, as a JSON string with its quotes. */
void text_put_quoted(text_t *t, bytes_t piece);
/* A closing NUL, which is not part of the text. False: it was cut; then the text is empty. */
bool text_close(text_t *t);

#endif
