/* calendar.h: a cap per calendar hour, day, week or month in a time zone ("1,000 a day in Berlin").
 *
 * An hour begins when the clocks there show a whole hour; one in which they are moved by a part of
 * an hour lasts until they show the next. A day, week (Monday first, ISO 8601) or month begins at
 * the first instant at which the clocks there have reached its midnight: days last 23 to 25 hours
 * when clocks change, and a midnight that comes twice begins nothing twice.
 *
 * What is used belongs to the latest period that has begun. A wall clock that steps back into an
 * earlier one does not bring its allowance back, and what is taken meanwhile counts on; after a
 * step back by more than a period and two hours, only the next one is taken to have begun, so that
 * a clock that was years wrong does not block for years. A step forward does begin a period: nobody
 * can tell. */
#ifndef WEIR_CORE_CALENDAR_H
#define WEIR_CORE_CALENDAR_H

#include "core/base.h"

typedef enum calendar_unit {
    CALENDAR_HOUR,
    CALENDAR_DAY,
    CALENDAR_WEEK,
    CALENDAR_MONTH
} calendar_unit_t;

/* The offsets of a zone over some years: changes ascend; the first offset also holds before, the
 * last also after. lib/sys/zone.h makes it from the system's tables. */
#define ZONE_CHANGES_MAX 128
typedef struct zone_change {
    int64_t from_s;   /* seconds of UTC since 1970 */
    int32_t offset_s; /* local time minus UTC, from then on */
} zone_change_t;
typedef struct zone {
    size_t count; /* at least 1 */
    zone_change_t changes[ZONE_CHANGES_MAX];
} zone_t;

typedef struct calendar_period {
    wall_t begin, end;
} calendar_period_t; /* end: the next begin */
calendar_period_t calendar_period(const zone_t *zone, calendar_unit_t unit, wall_t at);

typedef struct calendar_cap {
    const zone_t *zone; /* lent */
    calendar_unit_t unit;
    uint64_t most;
} calendar_cap_t;

/* Both are kept as they are over restarts and reboots. Zeroed: nothing was ever used. */
typedef struct calendar_use {
    int64_t period_us; /* the begin of the latest period that has begun */
    uint64_t used;
} calendar_use_t;

/* When `cost` may be taken if nobody else takes before: 0 now, else in so many us of the wall clock
 * (ask again then: it may have stepped). -1: never, the cost is over the cap. */
int64_t calendar_wait_us(const calendar_cap_t *cap, const calendar_use_t *use, wall_t now,
                         uint32_t cost);
/* Only when the wait is 0. The period that it is taken from: its receipt. */
int64_t calendar_take(const calendar_cap_t *cap, calendar_use_t *use, wall_t now, uint32_t cost);
/* Gives back a take that came to nothing, once; of a period that has ended, nothing. */
void calendar_give(calendar_use_t *use, int64_t receipt, uint32_t cost);
/* Of the latest period that has begun, as a take of now would find it. */
typedef struct calendar_used {
    wall_t begin;
    uint64_t count;
} calendar_used_t;
calendar_used_t calendar_used(const calendar_cap_t *cap, const calendar_use_t *use, wall_t now);
uint64_t calendar_left(const calendar_cap_t *cap, const calendar_use_t *use, wall_t now);

#endif
