/* http_chunks.h: a chunked body (RFC 9112, section 7.1), read strictly: every line ends with CR LF,
 * a size has at most 15 hexadecimal digits, extensions and trailers are read over and have a
 * maximum. Pure. */
#ifndef WEIR_CORE_HTTP_CHUNKS_H
#define WEIR_CORE_HTTP_CHUNKS_H

#include "core/http_head.h"

#define HTTP_TRAILER_BYTES_MAX 4096u

/* Begins as zeros. */
typedef struct http_chunks {
    enum {
        CHUNK_SIZE,
        CHUNK_DATA,
        CHUNK_END,
        CHUNK_TRAILER,
        CHUNK_DONE, /* the three ends: the body is whole, */
        CHUNK_BAD,  /* malformed, */
        CHUNK_LARGE /* a chunk that does not fit in the room */
    } state;
    uint64_t left; /* of the chunk's data */
    size_t trailer_bytes;
} http_chunks_t;

/* Reads `len` bytes of framing and data at `from`, writes the data to `to` (which may be the same
 * place), at most `room` of it. *used: so many bytes of `from` are done with; the rest is to come
 * again, with more behind it. Returns how much data was written. */
size_t http_chunks_read(http_chunks_t *chunks, uint8_t *to, size_t room, const uint8_t *from,
                        size_t len, size_t *used);

#endif
