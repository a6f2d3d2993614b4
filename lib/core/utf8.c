/* utf8.c: see utf8.h. */
#include "core/utf8.h"

static bool within(uint8_t c, uint8_t low, uint8_t high) { return c >= low && c <= high; }

/* Length of the character that begins at p, 0 if none does (RFC 3629, section 4). */
static size_t character(const uint8_t *p, size_t left)
{
    uint8_t c = p[0], low = 0x80, high = 0xbf;
    size_t len = 0;
    if (within(c, 0xc2, 0xdf))
        len = 2;
    else if (within(c, 0xe0, 0xef))
        len = 3;
    else if (within(c, 0xf0, 0xf4))
        len = 4;
    if (within(c, 0x01, 0x7f))
        return 1;
    if (len == 0 || len > left)
        return 0;
    switch (c) { /* where the second byte must be narrower: overlong forms, surrogates, the end */
    case 0xe0:
        low = 0xa0;
        break;
    case 0xed:
        high = 0x9f;
        break;
    case 0xf0:
        low = 0x90;
        break;
    case 0xf4:
        high = 0x8f;
        break;
    }
    if (!within(p[1], low, high))
        return 0;
    for (size_t i = 2; i < len; i++)
        if (!within(p[i], 0x80, 0xbf))
            return 0;
    return len;
}

/* Eight bytes at once: none is zero, none has its high bit. */
static bool eight_plain(const uint8_t *p)
{
    uint64_t eight;
    memcpy(&eight, p, sizeof eight);
    return ((eight | (eight - 0x0101010101010101u)) & 0x8080808080808080u) == 0;
}

size_t utf8_prefix(bytes_t text, size_t most)
{
    size_t end = text.len < most ? text.len : most, at = 0;
    while (at < end) {
        if (end - at >= 8 && eight_plain(text.data + at)) {
            at += 8;
            continue;
        }
        size_t len = character(text.data + at, end - at);
        if (len == 0)
            break;
        at += len;
    }
    return at;
}

static bool is_control(const uint8_t *p)
{
    return p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0);
}

void utf8_shown(bytes_t text, char *out)
{
    for (size_t at = 0, len; at < text.len; at += len) {
        len = character(text.data + at, text.len - at);
        bool shown = len > 0 && !is_control(text.data + at);
        len = len ? len : 1;
        if (shown)
            memmove(out + at, text.data + at, len);
        else
            memset(out + at, '?', len);
    }
}
