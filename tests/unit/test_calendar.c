/* Caps of calendar periods: they begin when the clocks there say so, follow each other without gap
 * or overlap, and a clock that steps never gives one twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "core/calendar.h"
#include "core/rand.h"

/* "2026-03-29 01:00" of UTC */
static wall_t utc(const char *text)
{
    struct tm tm = {0};
    assert_non_null(strptime(text, "%Y-%m-%d %H:%M", &tm));
    return (wall_t){timegm(&tm) * US_PER_S};
}
static const zone_t UTC = {1, {{0, 0}}};
static const zone_t KATHMANDU = {1, {{0, 20700}}};
static zone_t zone_of(int32_t first, const char *text, int32_t then, const char *text2)
{
    return (zone_t){
        3, {{0, first}, {utc(text).us / US_PER_S, then}, {utc(text2).us / US_PER_S, first}}};
}

static void periods_begin_when_the_clocks_there_say_so(void **state)
{
    (void)state;
    zone_t berlin = zone_of(3600, "2026-03-29 01:00", 7200, "2026-10-25 01:00");
    /* until 2011 clocks there were moved a minute after midnight */
    zone_t st_johns = zone_of(-12600, "2011-03-13 03:31", -9000, "2011-11-06 02:31");
    zone_t lord_howe = zone_of(37800, "2026-10-03 15:30", 39600, "2027-04-03 15:00");
    zone_t beirut = zone_of(7200, "2026-03-28 22:00", 10800, "2026-10-24 21:00");
    const struct {
        const char *label;
        const zone_t *zone;
        calendar_unit_t unit;
        const char *at, *begin, *end;
    } rows[] = {
        {"hour", &UTC, CALENDAR_HOUR, "2026-11-21 11:59", "2026-11-21 11:00", "2026-11-21 12:00"},
        {"hour of a quarter", &KATHMANDU, CALENDAR_HOUR, "2026-11-21 11:16", "2026-11-21 11:15",
         "2026-11-21 12:15"},
        {"hour after clocks went back", &berlin, CALENDAR_HOUR, "2026-10-25 01:30",
         "2026-10-25 01:00", "2026-10-25 02:00"},
        {"half an hour forward", &lord_howe, CALENDAR_HOUR, "2026-10-03 15:45", "2026-10-03 14:30",
         "2026-10-03 16:00"},
        {"half an hour back", &lord_howe, CALENDAR_HOUR, "2027-04-03 15:15", "2027-04-03 14:00",
         "2027-04-03 15:30"},
        {"day", &UTC, CALENDAR_DAY, "2026-11-21 11:59", "2026-11-21 00:00", "2026-11-22 00:00"},
        {"day east", &KATHMANDU, CALENDAR_DAY, "2026-11-21 18:20", "2026-11-21 18:15",
         "2026-11-22 18:15"},
        {"day of 23 hours", &berlin, CALENDAR_DAY, "2026-03-29 12:00", "2026-03-28 23:00",
         "2026-03-29 22:00"},
        {"day of 25 hours", &berlin, CALENDAR_DAY, "2026-10-25 00:30", "2026-10-24 22:00",
         "2026-10-25 23:00"},
        {"midnight that does not come", &beirut, CALENDAR_DAY, "2026-03-28 22:00",
         "2026-03-28 22:00", "2026-03-29 21:00"},
        {"midnight that comes twice", &st_johns, CALENDAR_DAY, "2011-11-06 02:45",
         "2011-11-06 02:30", "2011-11-07 03:30"},
        {"week", &UTC, CALENDAR_WEEK, "2026-11-22 23:59", "2026-11-16 00:00", "2026-11-23 00:00"},
        {"week's Monday", &UTC, CALENDAR_WEEK, "2026-11-23 00:00", "2026-11-23 00:00",
         "2026-11-30 00:00"},
        {"week with a change", &berlin, CALENDAR_WEEK, "2026-03-25 00:00", "2026-03-22 23:00",
         "2026-03-29 22:00"},
        {"leap February", &UTC, CALENDAR_MONTH, "2028-02-29 23:59", "2028-02-01 00:00",
         "2028-03-01 00:00"},
        {"February", &UTC, CALENDAR_MONTH, "2026-02-28 23:59", "2026-02-01 00:00",
         "2026-03-01 00:00"},
        {"no leap year", &UTC, CALENDAR_MONTH, "2100-02-28 12:00", "2100-02-01 00:00",
         "2100-03-01 00:00"},
        {"leap century", &UTC, CALENDAR_MONTH, "2000-02-29 12:00", "2000-02-01 00:00",
         "2000-03-01 00:00"},
        {"December", &berlin, CALENDAR_MONTH, "2026-12-31 22:59", "2026-11-30 23:00",
         "2026-12-31 23:00"},
        {"October with its hour", &berlin, CALENDAR_MONTH, "2026-10-31 22:59", "2026-09-30 22:00",
         "2026-10-31 23:00"},
    };
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        calendar_period_t p = calendar_period(rows[n].zone, rows[n].unit, utc(rows[n].at));
        if (p.begin.us != utc(rows[n].begin).us || p.end.us != utc(rows[n].end).us)
            fail_msg("%s: %lld to %lld", rows[n].label, (long long)p.begin.us / 1000000,
                     (long long)p.end.us / 1000000);
    }
}

/* Zones wilder than any: whatever they do, periods cover time without gap or overlap. */
static void periods_follow_each_other_in_any_zone(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        rand_t r = rand_seeded(seed);
        zone_t zone = {.count = 1 + rand_below(&r, 20)};
        int64_t at_s = (seed % 3 ? 1111112 : -222222) * 900LL; /* before 1970, too */
        for (size_t i = 0; i < zone.count; i++) {
            int32_t offset_s = ((int32_t)rand_below(&r, 105) - 52) * 900;
            zone.changes[i] = (zone_change_t){at_s, offset_s};
            at_s += 1800 * (1 + (int64_t)rand_below(&r, seed % 2 ? 100 : 5000));
        }
        for (calendar_unit_t unit = CALENDAR_HOUR; unit <= CALENDAR_MONTH; unit++)
            for (int n = 0; n < 100; n++) {
                int64_t from_s = zone.changes[0].from_s - 4000000;
                wall_t at = {
                    (from_s + (int64_t)rand_below(&r, (uint64_t)(at_s - from_s) + 4000000)) *
                        US_PER_S +
                    (int64_t)rand_below(&r, US_PER_S)};
                calendar_period_t p = calendar_period(&zone, unit, at);
                assert_true(p.begin.us <= at.us && at.us < p.end.us);
                wall_t last = {p.end.us - 1}, before = {p.begin.us - 1};
                assert_int_equal(calendar_period(&zone, unit, p.begin).begin.us, p.begin.us);
                assert_int_equal(calendar_period(&zone, unit, last).begin.us, p.begin.us);
                assert_int_equal(calendar_period(&zone, unit, p.end).begin.us, p.end.us);
                assert_int_equal(calendar_period(&zone, unit, before).end.us, p.begin.us);
            }
    }
}

static void a_cap_is_used_up_and_comes_back_with_the_next_period(void **state)
{
    (void)state;
    calendar_cap_t cap = {&UTC, CALENDAR_DAY, 10};
    calendar_use_t use = {0};
    wall_t now = utc("2026-11-21 18:00");
    assert_int_equal(calendar_wait_us(&cap, &use, now, 11), -1);
    assert_int_equal(calendar_wait_us(&cap, &use, now, 10), 0);
    calendar_take(&cap, &use, now, 7);
    assert_int_equal(calendar_left(&cap, &use, now), 3);
    assert_int_equal(calendar_wait_us(&cap, &use, now, 4), 6 * 3600 * US_PER_S);
    int64_t receipt = calendar_take(&cap, &use, now, 3);
    assert_int_equal(calendar_left(&cap, &use, now), 0);
    calendar_give(&use, receipt, 2);
    assert_int_equal(calendar_left(&cap, &use, now), 2);
    cap.most = 5; /* lowered below what is used */
    assert_int_equal(calendar_left(&cap, &use, now), 0);
    assert_int_equal(calendar_wait_us(&cap, &use, now, 1), 6 * 3600 * US_PER_S);
    now = utc("2026-11-22 00:00");
    assert_int_equal(calendar_left(&cap, &use, now), 5);
    calendar_take(&cap, &use, now, 5);
    calendar_give(&use, receipt, 1); /* of yesterday */
    assert_int_equal(calendar_left(&cap, &use, now), 0);
}

static void a_wall_clock_that_steps_back_gives_no_second_allowance(void **state)
{
    (void)state;
    calendar_cap_t cap = {&UTC, CALENDAR_DAY, 10};
    calendar_use_t use = {0};
    calendar_take(&cap, &use, utc("2026-11-21 12:00"), 10);
    /* an hour forward over midnight begins the next day; an hour back keeps that one's use */
    calendar_take(&cap, &use, utc("2026-11-22 00:30"), 10);
    wall_t back = utc("2026-11-21 23:30");
    assert_int_equal(calendar_left(&cap, &use, back), 0);
    assert_int_equal(calendar_wait_us(&cap, &use, back, 1), (24 * 60 + 30) * 60 * US_PER_S);
    assert_int_equal(calendar_left(&cap, &use, utc("2026-11-22 00:30")), 0);
    assert_int_equal(calendar_left(&cap, &use, utc("2026-11-23 00:00")), 10);
}

static void a_clock_that_was_years_wrong_does_not_block_for_years(void **state)
{
    (void)state;
    calendar_cap_t cap = {&UTC, CALENDAR_DAY, 10};
    calendar_use_t use = {0};
    calendar_take(&cap, &use, utc("2038-01-19 03:14"), 10);
    wall_t now = utc("2026-11-21 12:00");
    assert_int_equal(calendar_left(&cap, &use, now), 0);
    assert_int_equal(calendar_wait_us(&cap, &use, now, 1), 36 * 3600 * US_PER_S);
    calendar_give(&use, use.period_us, 1);
    calendar_take(&cap, &use, now, 1); /* now it belongs to tomorrow */
    assert_int_equal(calendar_left(&cap, &use, utc("2026-11-22 23:00")), 0);
    assert_int_equal(calendar_left(&cap, &use, utc("2026-11-23 00:00")), 10);
}

/* However the clock steps, back by two hours at most: as many caps as periods began, no more. */
static void steps_of_the_clock_never_give_more_caps_than_periods_begun(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        rand_t r = rand_seeded(seed);
        calendar_cap_t cap = {&KATHMANDU, CALENDAR_HOUR, 1 + rand_below(&r, 9)};
        calendar_use_t use = {0};
        wall_t now = utc("2026-11-21 12:00");
        int64_t begun = 0, latest_us = 0, taken = 0, furthest_us = 0;
        for (int n = 0; n < 5000; n++) {
            now.us += (int64_t)rand_below(&r, 600 * US_PER_S);
            if (rand_below(&r, 20) == 0)
                now.us += (int64_t)rand_below(&r, 3600 * US_PER_S);
            furthest_us = furthest_us > now.us ? furthest_us : now.us;
            if (rand_below(&r, 20) == 0)
                now.us = furthest_us - (int64_t)rand_below(&r, 7200 * US_PER_S);
            int64_t begin_us = calendar_period(cap.zone, cap.unit, now).begin.us;
            if (begin_us > latest_us) {
                latest_us = begin_us;
                begun++;
            }
            if (calendar_wait_us(&cap, &use, now, 1) == 0) {
                calendar_take(&cap, &use, now, 1);
                taken++;
            }
            assert_true(taken <= begun * (int64_t)cap.most);
        }
        assert_true(taken > begun / 2);
    }
}

static void a_look_tells_what_is_used_and_since_when(void **state)
{
    (void)state;
    const calendar_cap_t cap = {&UTC, CALENDAR_DAY, 5};
    calendar_use_t use = {0};
    wall_t now = utc("2026-11-21 11:59"), begin = utc("2026-11-21 00:00");
    calendar_used_t seen = calendar_used(&cap, &use, now);
    assert_true(seen.begin.us == begin.us && seen.count == 0);
    calendar_take(&cap, &use, now, 3);
    seen = calendar_used(&cap, &use, now);
    assert_true(seen.begin.us == begin.us && seen.count == 3);
    now = utc("2026-11-22 00:00");
    seen = calendar_used(&cap, &use, now);
    assert_true(seen.begin.us == now.us && seen.count == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(periods_begin_when_the_clocks_there_say_so),
        cmocka_unit_test(periods_follow_each_other_in_any_zone),
        cmocka_unit_test(a_cap_is_used_up_and_comes_back_with_the_next_period),
        cmocka_unit_test(a_look_tells_what_is_used_and_since_when),
        cmocka_unit_test(a_wall_clock_that_steps_back_gives_no_second_allowance),
        cmocka_unit_test(a_clock_that_was_years_wrong_does_not_block_for_years),
        cmocka_unit_test(steps_of_the_clock_never_give_more_caps_than_periods_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
