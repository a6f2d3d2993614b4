/* Any bytes as a chunked body: the same data and the same end in one piece and byte by byte, and
 * never more than there is room for. */
#include <stdlib.h>

#include "core/http_chunks.h"

#define ROOM 512u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_by(const uint8_t *data, size_t size, size_t step, uint8_t *body, size_t *len)
{
    http_chunks_t c = {0};
    size_t at = 0, used = 0;
    *len = 0;
    for (size_t end = step; c.state < CHUNK_DONE; end = end + step < size ? end + step : size) {
        *len += http_chunks_read(&c, body + *len, ROOM - *len, data + at, end - at, &used);
        must(*len <= ROOM && used <= end - at);
        at += used;
        if (end == size)
            break;
    }
    return (int)c.state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t whole[ROOM], pieces[ROOM];
    size_t whole_len, pieces_len;
    if (size == 0 || size > 16384)
        return 0;
    int state = read_by(data, size, size, whole, &whole_len);
    must(state == read_by(data, size, 1, pieces, &pieces_len));
    must(whole_len == pieces_len && memcmp(whole, pieces, whole_len) == 0);
    return 0;
}
