#include "core/calendar.h"

#define HOUR_S 3600
#define DAY_S 86400
#define STEP_US (2 * HOUR_S * US_PER_S) /* clocks step by hours: this is no wrong year */

static int64_t floor_div(int64_t n, int64_t by) { return n / by - (n % by < 0); }

/* Days since 1970-01-01 and back: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
 * Months count from March, so that the leap day is a year's last. */
static int64_t days_of_month(int64_t year, unsigned month)
{
    year -= month <= 2;
    int64_t era = floor_div(year, 400);
    int64_t of_era = year - era * 400,
            of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void month_of_days(int64_t days, int64_t *year, unsigned *month)
{
    days += 719468;
    int64_t era = floor_div(days, 146097), of_era = days - era * 146097;
    int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
    unsigned from_march = (unsigned)((5 * of_year + 2) / 153);
    *month = from_march < 10 ? from_march + 3 : from_march - 9;
    *year = years + era * 400 + (*month <= 2);
}

/* The local day on which the unit that has `day` in it begins, and that of the next one. */
static void unit_days(calendar_unit_t unit, int64_t day, int64_t *begin, int64_t *next)
{
    int64_t year;
    unsigned month;
    switch (unit) {
    case CALENDAR_HOUR: /* not made of days */
    case CALENDAR_DAY:
        *begin = day;
        *next = day + 1;
        return;
    case CALENDAR_WEEK: /* 1970-01-01 was a Thursday */
        *begin = floor_div(day + 3, 7) * 7 - 3;
        *next = *begin + 7;
        return;
    case CALENDAR_MONTH:
        month_of_days(day, &year, &month);
        *begin = days_of_month(year, month);
        *next = month == 12 ? days_of_month(year + 1, 1) : days_of_month(year, month + 1);
        return;
    }
}

static size_t change_at(const zone_t *zone, int64_t at_s)
{
    size_t i = zone->count - 1;
    while (i > 0 && at_s < zone->changes[i].from_s)
        i--;
    return i;
}

/* When the offset after this one begins. */
static int64_t until(const zone_t *zone, size_t i)
{
    return i + 1 < zone->count ? zone->changes[i + 1].from_s : INT64_MAX;
}

/* The first instant at which the clocks there have reached `local_s`. */
static int64_t first_at(const zone_t *zone, int64_t local_s)
{
    for (size_t i = 0;; i++) {
        int64_t at_s = local_s - zone->changes[i].offset_s;
        if (i > 0 && at_s < zone->changes[i].from_s)
            at_s = zone->changes[i].from_s;
        if (at_s < until(zone, i))
            return at_s;
    }
}

static int64_t past_hour(const zone_t *zone, size_t i, int64_t at_s)
{
    int64_t local_s = at_s + zone->changes[i].offset_s;
    return local_s - floor_div(local_s, HOUR_S) * HOUR_S;
}

static int64_t hour_begin(const zone_t *zone, int64_t at_s)
{
    for (size_t i = change_at(zone, at_s);; i--) {
        int64_t begin_s = at_s - past_hour(zone, i, at_s);
        if (i == 0 || begin_s >= zone->changes[i].from_s)
            return begin_s;
        at_s = zone->changes[i].from_s - 1; /* before that change it began */
    }
}

static int64_t hour_end(const zone_t *zone, int64_t at_s)
{
    for (size_t i = change_at(zone, at_s);; i++) {
        int64_t end_s = at_s + HOUR_S - past_hour(zone, i, at_s);
        if (end_s < until(zone, i))
            return end_s;
        at_s = until(zone, i); /* after that change it ends, or with it */
        if (past_hour(zone, i + 1, at_s) == 0)
            return at_s;
    }
}

static void day_period(const zone_t *zone, calendar_unit_t unit, int64_t at_s, int64_t *begin_s,
                       int64_t *end_s)
{
    int64_t day = floor_div(at_s + zone->changes[change_at(zone, at_s)].offset_s, DAY_S);
    int64_t next = day;
    for (;; day = next) { /* on: clocks went back over a midnight that had come */
        unit_days(unit, day, &day, &next);
        *begin_s = first_at(zone, day * DAY_S);
        *end_s = first_at(zone, next * DAY_S);
        if (at_s < *end_s)
            return;
    }
}

calendar_period_t calendar_period(const zone_t *zone, calendar_unit_t unit, wall_t at)
{
    must(zone->count > 0 && zone->count <= ZONE_CHANGES_MAX);
    int64_t at_s = floor_div(at.us, US_PER_S), begin_s, end_s;
    if (unit == CALENDAR_HOUR) {
        begin_s = hour_begin(zone, at_s);
        end_s = hour_end(zone, at_s);
    } else {
        day_period(zone, unit, at_s, &begin_s, &end_s);
    }
    return (calendar_period_t){{begin_s * US_PER_S}, {end_s * US_PER_S}};
}

/* The period that a take of now belongs to, and what is used of it. */
static calendar_period_t latest(const calendar_cap_t *cap, const calendar_use_t *use, wall_t now,
                                uint64_t *used)
{
    calendar_period_t current = calendar_period(cap->zone, cap->unit, now);
    *used = use->period_us < current.begin.us ? 0 : use->used;
    if (use->period_us < current.end.us)
        return current;
    bool near = use->period_us <= current.end.us + STEP_US;
    return calendar_period(cap->zone, cap->unit, near ? (wall_t){use->period_us} : current.end);
}

int64_t calendar_wait_us(const calendar_cap_t *cap, const calendar_use_t *use, wall_t now,
                         uint32_t cost)
{
    if (cost > cap->most)
        return -1;
    uint64_t used;
    calendar_period_t period = latest(cap, use, now, &used);
    return used <= cap->most - cost ? 0 : period.end.us - now.us;
}

int64_t calendar_take(const calendar_cap_t *cap, calendar_use_t *use, wall_t now, uint32_t cost)
{
    must(calendar_wait_us(cap, use, now, cost) == 0);
    uint64_t used;
    use->period_us = latest(cap, use, now, &used).begin.us;
    use->used = used + cost;
    return use->period_us;
}

void calendar_give(calendar_use_t *use, int64_t receipt, uint32_t cost)
{
    if (receipt == use->period_us)
        use->used -= cost < use->used ? cost : use->used;
}

calendar_used_t calendar_used(const calendar_cap_t *cap, const calendar_use_t *use, wall_t now)
{
    calendar_used_t now_used;
    now_used.begin = latest(cap, use, now, &now_used.count).begin;
    return now_used;
}

uint64_t calendar_left(const calendar_cap_t *cap, const calendar_use_t *use, wall_t now)
{
    uint64_t used = calendar_used(cap, use, now).count;
    return used < cap->most ? cap->most - used : 0;
}
