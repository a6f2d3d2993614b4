#include "core/backoff.h"

/* A value in [0, most): the high bits of chance * most. */
static int64_t below(int64_t most, uint64_t chance)
{
    return (int64_t)(((chance >> 32) * (uint64_t)most) >> 32);
}

int64_t backoff_us(int64_t base_us, int64_t cap_us, unsigned failed, int64_t floor_us,
                   uint64_t chance)
{
    int64_t most = base_us;
    for (unsigned i = 1; i < failed && most < cap_us; i++)
        most *= 2;
    if (most > cap_us)
        most = cap_us;
    int64_t spread = below(most < (1LL << 31) ? most : (1LL << 31) - 1, chance);
    /* A floor is kept whole and spread upwards: everybody was given the same one. */
    return floor_us > 0 ? floor_us + spread / 4 : spread;
}
