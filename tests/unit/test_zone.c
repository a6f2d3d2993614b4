/* A zone's table says what libc says at every moment of its years; unknown names are refused, and
 * the process's own zone is what it was. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "core/rand.h"
#include "sys/zone.h"

static const wall_t NOW = {1795260000LL * US_PER_S}; /* 2026-11-21 11:20 UTC */

static int32_t table_offset(const zone_t *zone, int64_t at_s)
{
    int32_t offset_s = zone->changes[0].offset_s;
    for (size_t i = 0; i < zone->count; i++)
        if (at_s >= zone->changes[i].from_s)
            offset_s = zone->changes[i].offset_s;
    return offset_s;
}

static void the_table_says_what_libc_says(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"UTC",
                                        "Europe/Berlin",
                                        "America/St_Johns",
                                        "Asia/Kathmandu",
                                        "Australia/Lord_Howe",
                                        "Africa/Casablanca",
                                        "Africa/Cairo",
                                        "America/New_York",
                                        "Etc/GMT+5"};
    rand_t r = rand_seeded(1);
    for (size_t n = 0; n < COUNT_OF(NAMES); n++) {
        zone_t zone;
        assert_int_equal(zone_read(NAMES[n], NOW, &zone), 0);
        setenv("TZ", NAMES[n], 1);
        tzset();
        for (int i = 0; i < 5000; i++) {
            time_t at = NOW.us / US_PER_S + (time_t)rand_below(&r, 19 * 365 * 86400LL);
            if (i < (int)zone.count * 2) /* just before and at each change */
                at = (time_t)zone.changes[i / 2].from_s - i % 2 * (i > 1);
            struct tm local;
            localtime_r(&at, &local);
            assert_int_equal(table_offset(&zone, at), local.tm_gmtoff);
        }
    }
}

static void days_in_berlin_are_as_long_as_there(void **state)
{
    (void)state;
    zone_t zone;
    assert_int_equal(zone_read("Europe/Berlin", NOW, &zone), 0);
    static const struct {
        const char *label;
        int64_t noon_s, hours;
    } rows[] = {
        {"29 March 2026", 1774780200, 23},
        {"30 March 2026", 1774866600, 24},
        {"25 October 2026", 1792924200, 25},
    };
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        calendar_period_t p =
            calendar_period(&zone, CALENDAR_DAY, (wall_t){rows[n].noon_s * US_PER_S});
        assert_int_equal((p.end.us - p.begin.us) / US_PER_S / 3600, rows[n].hours);
    }
}

static void unknown_names_are_refused(void **state)
{
    (void)state;
    static const char *const NAMES[] = {
        "",
        "Europe/Atlantis",
        "europe/berlin",
        "/etc/localtime",
        "../zoneinfo/Europe/Berlin",
        "Europe",
        "zone.tab",
        ":UTC",
        "CET-1CEST",
        "Europe/Berlin ",
        "Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t n = 0; n < COUNT_OF(NAMES); n++) {
        zone_t zone = {.count = 99};
        assert_int_equal(zone_read(NAMES[n], NOW, &zone), -EINVAL);
        assert_int_equal(zone.count, 99);
    }
}

static void the_zone_of_the_process_stays_what_it_was(void **state)
{
    (void)state;
    zone_t zone;
    struct tm local;
    time_t at = NOW.us / US_PER_S;
    setenv("TZ", "Asia/Kathmandu", 1);
    tzset();
    assert_int_equal(zone_read("Europe/Berlin", NOW, &zone), 0);
    assert_string_equal(getenv("TZ"), "Asia/Kathmandu");
    localtime_r(&at, &local);
    assert_int_equal(local.tm_gmtoff, 20700);
    unsetenv("TZ");
    assert_int_equal(zone_read("Europe/Berlin", NOW, &zone), 0);
    assert_null(getenv("TZ"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_says_what_libc_says),
        cmocka_unit_test(days_in_berlin_are_as_long_as_there),
        cmocka_unit_test(unknown_names_are_refused),
        cmocka_unit_test(the_zone_of_the_process_stays_what_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
