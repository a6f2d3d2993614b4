/* Retry-After in all its spellings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/retry_after.h"

/* Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110. */
#define EXAMPLE_S 784111777LL
static const wall_t minute_before = {(EXAMPLE_S - 60) * US_PER_S};

static void seconds_and_dates_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
    } rows[] = {
        {"0", 0},
        {"1", 1000},
        {"120", 120000},
        {" 7\t", 7000},
        {"1.5", 1500},
        {"0.0305", 30},
        {"86400", 86400000},
        {"86401", 86400000},
        {"99999999999999999999999999", RETRY_AFTER_MS_MAX},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 60000},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 60000},
        {"Sun Nov  6 08:49:37 1994", 60000},
        {"Sun, 06 Nov 1994 08:48:37 GMT", 0},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Fri, 31 Dec 9999 23:59:60 GMT", RETRY_AFTER_MS_MAX},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t ms = 1;
        if (!retry_after_parse(bytes_str(rows[i].text), minute_before, &ms) || ms != rows[i].ms)
            fail_msg("\"%s\" gave %llu", rows[i].text, (unsigned long long)ms);
    }
}

static void what_is_neither_changes_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        " ",
                                        "-1",
                                        "+1",
                                        "1 2",
                                        "1.",
                                        ".5",
                                        "1.2.3",
                                        "0x10",
                                        "soon",
                                        "1s",
                                        "Sun, 06 Nov 1994 08:49:37",
                                        "Sun, 06 Nov 1994 08:49:37 UTC",
                                        "Sun, 6 Nov 1994 08:49:37 GMT",
                                        "Sun, 31 Feb 1994 24:00:00 GMT",
                                        "Sun, 32 Jan 1994 00:00:00 GMT",
                                        "Sun, 00 Jan 1994 00:00:00 GMT",
                                        "Sun, 06 Nov 1994 08:60:37 GMT",
                                        "Xyz, 06 Nov 1994 08:49:37 GMT",
                                        "Sun, 06 Nov 1994 08:49:37 GMT ,"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        uint64_t ms = 4711;
        if (retry_after_parse(bytes_str(texts[i]), minute_before, &ms) || ms != 4711)
            fail_msg("\"%s\" was read", texts[i]);
    }
}

static void dates_over_the_ages_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
    } rows[] = {
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Tue, 29 Feb 2000 12:00:00 GMT", 951825600},
        {"Wed, 01 Mar 2000 00:00:00 GMT", 951868800},
        {"Tue, 19 Jan 2038 03:14:08 GMT", 2147483648},
        {"Mon, 01 Mar 2100 00:00:00 GMT", 4107542400},
        {"Wed, 31 Dec 1969 23:59:59 GMT", -1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t seconds;
        assert_true(http_date_parse(bytes_str(rows[i].text), minute_before, &seconds));
        assert_int_equal(seconds, rows[i].seconds);
    }
}

static void two_digits_of_a_year_are_never_more_than_fifty_years_ahead(void **state)
{
    (void)state;
    const wall_t in_2026 = {1782000000LL * US_PER_S};
    static const struct {
        const char *text;
        int64_t seconds;
    } rows[] = {
        {"Sunday, 06-Nov-94 08:49:37 GMT", EXAMPLE_S},
        {"Tuesday, 19-Jan-38 03:14:08 GMT", 2147483648},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t seconds;
        assert_true(http_date_parse(bytes_str(rows[i].text), in_2026, &seconds));
        assert_int_equal(seconds, rows[i].seconds);
    }
}

static void our_own_is_whole_seconds_and_never_zero(void **state)
{
    (void)state;
    assert_int_equal(retry_after_seconds(0), 1);
    assert_int_equal(retry_after_seconds(1000), 1);
    assert_int_equal(retry_after_seconds(1001), 2);
    assert_int_equal(retry_after_seconds(60000), 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seconds_and_dates_are_read),
        cmocka_unit_test(what_is_neither_changes_nothing),
        cmocka_unit_test(dates_over_the_ages_are_exact),
        cmocka_unit_test(two_digits_of_a_year_are_never_more_than_fifty_years_ahead),
        cmocka_unit_test(our_own_is_whole_seconds_and_never_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
