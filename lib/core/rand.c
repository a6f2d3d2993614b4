/* rand.c: see rand.h. */
#include "core/rand.h"

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t rotated(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

/* splitmix64 is a bijection of its counter, so the four words are never all zero, the one state
 * from which xoshiro does not move. */
rand_t rand_seeded(uint64_t seed)
{
    rand_t r;
    for (size_t i = 0; i < COUNT_OF(r.s); i++)
        r.s[i] = splitmix64(&seed);
    return r;
}

uint64_t rand_next(rand_t *r)
{
    uint64_t *s = r->s, result = rotated(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotated(s[3], 45);
    return result;
}

uint64_t rand_below(rand_t *r, uint64_t bound)
{
    if (bound == 0)
        return 0;
    /* The lowest 2^64 mod bound numbers would make small results likelier: drawn again. */
    uint64_t refused = (0 - bound) % bound, x;
    do
        x = rand_next(r);
    while (x < refused);
    return x % bound;
}
