/* msgid.c: see msgid.h. */
#include "core/msgid.h"

#include <errno.h>

#define TEXT_CHARS (MSGID_TEXT - 1)
#define WALL_BYTES 6

msgid_t msgid_make(uint64_t wall_ms, const uint8_t chance[MSGID_CHANCE_BYTES])
{
    must(wall_ms >> 48 == 0);
    msgid_t id;
    for (int i = 0; i < WALL_BYTES; i++)
        id.b[i] = (uint8_t)(wall_ms >> (40 - 8 * i));
    memcpy(id.b + WALL_BYTES, chance, MSGID_CHANCE_BYTES);
    return id;
}

uint64_t msgid_wall_ms(const msgid_t *id)
{
    uint64_t ms = 0;
    for (int i = 0; i < WALL_BYTES; i++)
        ms = ms << 8 | id->b[i];
    return ms;
}

bool msgid_is_zero(const msgid_t *id)
{
    static const msgid_t zero;
    return msgid_equal(id, &zero);
}

/* 26 characters hold 130 bits: two zero bits stand before the 128. */
void msgid_text(const msgid_t *id, char out[MSGID_TEXT])
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    unsigned held = 0, bits = 2;
    char *to = out;
    for (size_t i = 0; i < sizeof id->b; i++) {
        held = held << 8 | id->b[i];
        for (bits += 8; bits >= 5; bits -= 5)
            *to++ = alphabet[held >> (bits - 5) & 31];
    }
    *to = '\0';
}

/* A character's five bits, -1 outside the alphabet. */
static int bits_of(uint8_t c)
{
    static const int8_t letters[26] = {10, 11, 12, 13, 14, 15, 16, 17, 1,  18, 19, 1,  20,
                                       21, 0,  22, 23, 24, 25, 26, -1, 27, 28, 29, 30, 31};
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'z' ? letters[c - 'a'] : -1;
}

int msgid_parse(bytes_t text, msgid_t *out)
{
    msgid_t id;
    unsigned held = 0, bits = 0;
    size_t at = 0;
    if (text.len != TEXT_CHARS || bits_of(text.data[0]) > 7)
        return -EINVAL;
    for (size_t i = 0; i < TEXT_CHARS; i++) {
        int value = bits_of(text.data[i]);
        if (value < 0)
            return -EINVAL;
        held = held << 5 | (unsigned)value;
        bits += i == 0 ? 3 : 5; /* the first carries three bits only */
        if (bits >= 8) {
            bits -= 8;
            id.b[at++] = (uint8_t)(held >> bits);
        }
    }
    *out = id;
    return 0;
}
