/* Any text as Retry-After: it is bounded, or refused and nothing changed; a date that was read is
 * the date of the calendar. Input: a byte that shifts the clock, then the value. */
#include "core/retry_after.h"

#include <stdio.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read, written as an IMF-fixdate by the C library, is read as the same. */
static void check_date(int64_t seconds, wall_t now)
{
    char text[64];
    struct tm parts;
    time_t at = (time_t)seconds;
    int64_t again;
    must(gmtime_r(&at, &parts));
    must(strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts) > 0);
    if (parts.tm_year + 1900 < 1000 || parts.tm_year + 1900 > 9999)
        return; /* not four digits: the leap second at the end of 9999, the first years */
    must(http_date_parse(bytes_str(text), now, &again) && again == seconds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const wall_t now = {(int64_t)data[0] * 86400 * 365 * US_PER_S};
    bytes_t value = bytes_of(data + 1, size - 1);
    uint64_t ms = UINT64_MAX;
    int64_t seconds;
    bool good = retry_after_parse(value, now, &ms);
    must(good ? ms <= RETRY_AFTER_MS_MAX : ms == UINT64_MAX);
    if (http_date_parse(value, now, &seconds)) {
        must(good);
        check_date(seconds, now);
    }
    return 0;
}
