/* scan.c: see scan.h. The formats are those of
 * https://github.com/msgpack/msgpack/blob/master/spec.md */
#include "protocol/scan.h"

/* The 32 formats from 0xc0 on: `wide` bytes of big-endian number (a value, a length or a count),
 * then `fixed` bytes and, where the number is a length, that many more. */
enum meaning {
    NUMBER_NONE, NUMBER_VALUE, NUMBER_SIGNED, NUMBER_LENGTH, NUMBER_COUNT, NUMBER_PAIRS
};
static const struct format {
    uint8_t kind, meaning, wide, fixed;
} formats[32] = {
    {TOKEN_OTHER, NUMBER_NONE, 0, 0},   /* nil */
    {TOKEN_NEVER, NUMBER_NONE, 0, 0},
    {TOKEN_OTHER, NUMBER_NONE, 0, 0},   /* false, true */
    {TOKEN_OTHER, NUMBER_NONE, 0, 0},
    {TOKEN_BIN, NUMBER_LENGTH, 1, 0},   /* bin 8, 16, 32 */
    {TOKEN_BIN, NUMBER_LENGTH, 2, 0},
    {TOKEN_BIN, NUMBER_LENGTH, 4, 0},
    {TOKEN_OTHER, NUMBER_LENGTH, 1, 1}, /* ext 8, 16, 32: a type byte too */
    {TOKEN_OTHER, NUMBER_LENGTH, 2, 1},
    {TOKEN_OTHER, NUMBER_LENGTH, 4, 1},
    {TOKEN_OTHER, NUMBER_NONE, 0, 4},   /* float 32, 64 */
    {TOKEN_OTHER, NUMBER_NONE, 0, 8},
    {TOKEN_UINT, NUMBER_VALUE, 1, 0},   /* uint 8 to 64 */
    {TOKEN_UINT, NUMBER_VALUE, 2, 0},
    {TOKEN_UINT, NUMBER_VALUE, 4, 0},
    {TOKEN_UINT, NUMBER_VALUE, 8, 0},
    {TOKEN_UINT, NUMBER_SIGNED, 1, 0},  /* int 8 to 64 */
    {TOKEN_UINT, NUMBER_SIGNED, 2, 0},
    {TOKEN_UINT, NUMBER_SIGNED, 4, 0},
    {TOKEN_UINT, NUMBER_SIGNED, 8, 0},
    {TOKEN_OTHER, NUMBER_NONE, 0, 2},   /* fixext 1 to 16 */
    {TOKEN_OTHER, NUMBER_NONE, 0, 3},
    {TOKEN_OTHER, NUMBER_NONE, 0, 5},
    {TOKEN_OTHER, NUMBER_NONE, 0, 9},
    {TOKEN_OTHER, NUMBER_NONE, 0, 17},
    {TOKEN_STR, NUMBER_LENGTH, 1, 0},   /* str 8, 16, 32 */
    {TOKEN_STR, NUMBER_LENGTH, 2, 0},
    {TOKEN_STR, NUMBER_LENGTH, 4, 0},
    {TOKEN_ARRAY, NUMBER_COUNT, 2, 0},  /* array 16, 32 */
    {TOKEN_ARRAY, NUMBER_COUNT, 4, 0},
    {TOKEN_MAP, NUMBER_PAIRS, 2, 0},    /* map 16, 32 */
    {TOKEN_MAP, NUMBER_PAIRS, 4, 0},
};

static enum frame_error take_content(reader_t *r, uint64_t len, token_t *out)
{
    if (len > (uint64_t)(r->end - r->at))
        return FRAME_COUNT;
    out->content = bytes_of(r->at, (size_t)len);
    r->at += len;
    return FRAME_OK;
}

static enum frame_error take_format(reader_t *r, const struct format *f, token_t *out)
{
    if (f->kind == TOKEN_NEVER || f->wide > r->end - r->at)
        return FRAME_NOT_MSGPACK;
    uint64_t number = 0;
    for (int i = 0; i < f->wide; i++)
        number = number << 8 | *r->at++;
    out->kind = f->kind;
    out->number = number;
    switch ((enum meaning)f->meaning) {
    case NUMBER_SIGNED:
        if (number >> (8 * f->wide - 1))
            out->kind = TOKEN_OTHER;
        return FRAME_OK;
    case NUMBER_PAIRS:
        out->number = 2 * number;
        return FRAME_OK;
    case NUMBER_NONE:
    case NUMBER_LENGTH:
        return take_content(r, number + f->fixed, out);
    case NUMBER_VALUE:
    case NUMBER_COUNT:
        return FRAME_OK;
    }
    return FRAME_NOT_MSGPACK;
}

enum frame_error reader_token(reader_t *r, token_t *out)
{
    if (r->at == r->end)
        return FRAME_NOT_MSGPACK;
    uint8_t c = *r->at++;
    if (c < 0x80) {
        *out = (token_t){.kind = TOKEN_UINT, .number = c};
        return FRAME_OK;
    }
    if (c >= 0xe0) { /* -32 to -1 */
        *out = (token_t){.kind = TOKEN_OTHER};
        return FRAME_OK;
    }
    if (c >= 0xc0)
        return take_format(r, &formats[c - 0xc0], out);
    if (c >= 0xa0) {
        out->kind = TOKEN_STR;
        return take_content(r, c & 31, out);
    }
    *out = c < 0x90 ? (token_t){.kind = TOKEN_MAP, .number = 2 * (c & 15)}
                    : (token_t){.kind = TOKEN_ARRAY, .number = c & 15};
    return FRAME_OK;
}

enum frame_error reader_skip(reader_t *r)
{
    uint64_t open[FRAME_NESTING_MAX]; /* values still to come at each depth */
    uint64_t promised = 1;            /* over all depths: each needs a byte at least */
    size_t depth = 0;
    while (promised > 0) {
        token_t token;
        enum frame_error e = reader_token(r, &token);
        if (e != FRAME_OK)
            return e;
        promised--;
        if (depth > 0)
            open[depth - 1]--;
        if (token.kind == TOKEN_ARRAY || token.kind == TOKEN_MAP) {
            if (depth == FRAME_NESTING_MAX)
                return FRAME_NESTING;
            promised += token.number;
            if (promised > (uint64_t)(r->end - r->at))
                return FRAME_COUNT;
            open[depth++] = token.number;
        }
        while (depth > 0 && open[depth - 1] == 0)
            depth--;
    }
    return FRAME_OK;
}
