/* A chunked body (RFC 9112, section 7.1), read strictly: every line ends with CR LF, a size is at
 * most 15 hexadecimal digits, extensions and trailers are read over, and have a maximum. Pure. */
#include "core/http_chunks.h"

#define SIZE_LINE_MAX 256u
#define SIZE_DIGITS_MAX 15u

static int digit_of(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Nothing or, behind ';', visible characters, blanks and tabs. */
static bool is_extension(const uint8_t *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7f)
            return false;
    return len == 0 || (len > 1 && s[0] == ';');
}

static bool read_size(const uint8_t *line, size_t len, uint64_t *size)
{
    size_t n = 0;
    for (*size = 0; n < len && digit_of(line[n]) >= 0; n++) {
        if (n == SIZE_DIGITS_MAX)
            return false;
        *size = *size << 4 | (uint64_t)digit_of(line[n]);
    }
    return n > 0 && is_extension(line + n, len - n);
}

/* The line's length without CR LF; -1: not whole yet; -2: none, or too long. */
static long line_at(const uint8_t *s, size_t len, size_t most)
{
    const uint8_t *lf = memchr(s, '\n', len < most ? len : most);
    if (!lf)
        return len < most ? -1 : -2;
    return lf > s && lf[-1] == '\r' ? (long)(lf - s - 1) : -2;
}

/* One line of framing; how many bytes it took, 0: it is not whole yet, or this was the end. */
static size_t take_line(http_chunks_t *c, const uint8_t *s, size_t len, size_t room)
{
    size_t most = c->state == CHUNK_SIZE  ? SIZE_LINE_MAX
                  : c->state == CHUNK_END ? 2u
                                          : HTTP_TRAILER_BYTES_MAX - c->trailer_bytes;
    long n = line_at(s, len, most);
    if (n == -1)
        return 0;
    bool sound = n >= 0;
    if (sound && c->state == CHUNK_SIZE) {
        sound = read_size(s, (size_t)n, &c->left);
        c->state = c->left ? CHUNK_DATA : CHUNK_TRAILER;
        if (sound && c->left > room) {
            c->state = CHUNK_LARGE;
            return 0;
        }
    } else if (sound && c->state == CHUNK_END) {
        c->state = CHUNK_SIZE;
    } else if (sound) {
        c->trailer_bytes += (size_t)n + 2;
        sound = n == 0 || http_field_is_sound(bytes_of(s, (size_t)n));
        c->state = n == 0 ? CHUNK_DONE : CHUNK_TRAILER;
    }
    if (!sound)
        c->state = CHUNK_BAD;
    return sound ? (size_t)n + 2 : 0;
}

size_t http_chunks_read(http_chunks_t *c, uint8_t *to, size_t room, const uint8_t *from, size_t len,
                        size_t *used)
{
    size_t at = 0, written = 0;
    while (at < len && c->state < CHUNK_DONE) {
        size_t n;
        if (c->state == CHUNK_DATA) {
            n = c->left < len - at ? (size_t)c->left : len - at;
            memmove(to + written, from + at, n);
            written += n;
            c->left -= n;
            if (c->left == 0)
                c->state = CHUNK_END;
        } else {
            n = take_line(c, from + at, len - at, room - written);
            if (n == 0)
                break;
        }
        at += n;
    }
    *used = at;
    return written;
}
