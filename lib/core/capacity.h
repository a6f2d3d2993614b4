/* capacity.h: how much work so many slots bear. Little's law (J. D. C. Little, "A Proof for the
 * Queuing Formula: L = lambda W", Operations Research 9(3), 1961): in use on average is what starts
 * in a time, times the mean time that each holds its slots, however these times are spread. */
#ifndef WEIR_CORE_CAPACITY_H
#define WEIR_CORE_CAPACITY_H

#include "core/base.h"

/* What to plan for, of these starts: the rest is for the hours in which more come. */
#define CAPACITY_TARGET_LOW 0.7
#define CAPACITY_TARGET_HIGH 0.8

/* Starts a minute that keep all of them in use; hold_s above 0. */
double capacity_starts(double slots, double hold_s);
/* And how many are in use at so many starts a minute. */
double capacity_in_use(double starts, double hold_s);
/* Starts a minute of a rate: so many in a period above 0. */
double capacity_pace(uint64_t count, int64_t period_us);

/* The part that holds longer than `age_s`; of what is held at one moment, the part that is older.
 * Holding times are taken to be exponential, as Erlang (1917) took those of telephone calls: then
 * both are the same. */
double capacity_older(double age_s, double hold_s);

/* So many percent of the slots, rounded down; of any slots never less than one. */
static inline uint32_t capacity_part(uint32_t slots, unsigned percent)
{
    uint32_t part = (uint32_t)((uint64_t)slots * percent / 100);
    return part == 0 && slots > 0 ? 1 : part;
}
/* The fewest that are `percent` of the slots in use or more: where a rule begins; at most all. */
uint32_t capacity_until(uint32_t slots, uint64_t percent);

#endif
