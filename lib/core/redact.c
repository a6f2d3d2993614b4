#include "core/redact.h"

#include <ctype.h>
#include <stdlib.h>

static int hex_digit(uint8_t c)
{
    return isdigit(c) ? c - '0' : isxdigit(c) ? tolower(c) - 'a' + 10 : -1;
}

/* Does \uXXXX stand for this byte? */
static bool is_coded(const uint8_t *at, size_t left, uint8_t wanted)
{
    int code = 0;
    if (left < 6 || at[1] != 'u')
        return false;
    for (size_t i = 2; i < 6; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return false;
        code = code * 16 + digit;
    }
    return code == wanted;
}

/* How many bytes stand for this one of the secret; 0: others are there. */
static size_t byte_at(const uint8_t *at, size_t left, uint8_t wanted)
{
    if (left && *at == '\\' && is_coded(at, left, wanted))
        return 6;
    if (left > 1 && *at == '\\' && at[1] == wanted)
        return 2;
    return left && *at == wanted ? 1 : 0;
}

static size_t secret_at(const uint8_t *at, size_t left, bytes_t secret)
{
    size_t used = 0;
    if (secret.len && left >= secret.len && memcmp(at, secret.data, secret.len) == 0)
        return secret.len;
    for (size_t i = 0; i < secret.len; i++) {
        size_t n = byte_at(at + used, left - used, secret.data[i]);
        if (n == 0)
            return 0;
        used += n;
    }
    return used;
}

uint8_t *redact(bytes_t text, bytes_t secret)
{
    uint8_t *copy = NULL;
    for (size_t at = 0, n; at < text.len; at += n ? n : 1) {
        n = secret_at(text.data + at, text.len - at, secret);
        if (n && !copy) {
            must((copy = malloc(text.len)));
            memcpy(copy, text.data, text.len);
        }
        if (n)
            memset(copy + at, '*', n);
    }
    return copy;
}
