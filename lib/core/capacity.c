#include "core/capacity.h"

#include <math.h>

#define US_PER_MINUTE (60 * US_PER_S)

double capacity_starts(double slots, double hold_s) { return slots * 60 / hold_s; }

double capacity_in_use(double starts, double hold_s) { return starts * hold_s / 60; }

double capacity_pace(uint64_t count, int64_t period_us)
{
    return (double)count * (double)US_PER_MINUTE / (double)period_us;
}

double capacity_older(double age_s, double hold_s) { return exp(-age_s / hold_s); }

uint32_t capacity_until(uint32_t slots, uint64_t percent)
{
    return percent >= 100 ? slots : (uint32_t)((slots * percent + 99) / 100);
}
