#include "load.h"

static size_t bucket_of(uint64_t us)
{
    if (us < 32)
        return (size_t)us;
    unsigned doubling = 63u - (unsigned)__builtin_clzll(us);
    size_t at = (doubling - 4) * 32u + ((us >> (doubling - 5)) & 31u);
    return at < HISTOGRAM_BUCKETS ? at : HISTOGRAM_BUCKETS - 1;
}

static double upper_edge_us(size_t bucket)
{
    if (bucket < 32)
        return (double)bucket + 1;
    unsigned doubling = (unsigned)(bucket / 32) + 4;
    return (double)((bucket % 32 + 33) << (doubling - 5));
}

void histogram_add(histogram_t *h, int64_t us)
{
    uint64_t v = us > 0 ? (uint64_t)us : 0;
    h->bucket[bucket_of(v)]++;
    h->count++;
    if (v > h->most_us)
        h->most_us = v;
}

double histogram_ms(const histogram_t *h, double part)
{
    double wanted = part * (double)h->count, sum = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS && h->count; i++) {
        sum += (double)h->bucket[i];
        double edge = upper_edge_us(i) < (double)h->most_us ? upper_edge_us(i) : (double)h->most_us;
        if (sum >= wanted && sum > 0)
            return edge / 1e3;
    }
    return 0;
}
