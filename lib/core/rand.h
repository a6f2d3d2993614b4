/* rand.h: small numbers of chance for jitter, sampling and simulation. Not for secrets or ids.
 * xoshiro256** 1.0 seeded by splitmix64 (Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators", 2018; https://prng.di.unimi.it). Pure: the same seed gives the same numbers for
 * ever. */
#ifndef WEIR_CORE_RAND_H
#define WEIR_CORE_RAND_H

#include "core/base.h"

typedef struct rand { uint64_t s[4]; } rand_t;

rand_t rand_seeded(uint64_t seed); /* any seed, 0 too */
uint64_t rand_next(rand_t *r);     /* all 64 bits */
/* 0 to bound-1, each equally likely; 0 when bound is 0. */
uint64_t rand_below(rand_t *r, uint64_t bound);

#endif
