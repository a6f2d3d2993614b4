/* scan.h: msgpack bytes, one token at a time, and the check that comes before everything else.
 * Private to the codec. Allocates nothing, recurses nowhere, reads only the bytes given. */
#ifndef WEIR_PROTOCOL_SCAN_H
#define WEIR_PROTOCOL_SCAN_H

#include "protocol/protocol.h"

enum token_kind {
    TOKEN_UINT, /* any width, and the signed forms when not negative */
    TOKEN_STR, TOKEN_BIN, TOKEN_ARRAY, TOKEN_MAP,
    TOKEN_OTHER, /* well formed, but in no field of ours: nil, bool, negative, float, ext */
    TOKEN_NEVER  /* 0xc1 */
};

typedef struct token {
    enum token_kind kind;
    uint64_t number; /* UINT: the value; ARRAY, MAP: values that follow (a map's keys too) */
    bytes_t content; /* STR, BIN: lent by the frame */
} token_t;

typedef struct reader { const uint8_t *at, *end; } reader_t;

/* Takes one token: of an array or a map only the head. On a refusal the reader stands anywhere. */
enum frame_error reader_token(reader_t *r, token_t *out);

/* Passes over one whole value: nesting at most FRAME_NESTING_MAX, and never more values promised
 * than bytes remain. Time in proportion to the tokens present, whatever they declare. */
enum frame_error reader_skip(reader_t *r);

#endif
