#include "core/retry_after.h"

/* What is left of the value to read. */
typedef struct cursor {
    const uint8_t *at, *end;
} cursor_t;

typedef struct date {
    int64_t year;
    int month, day, hour, minute, second;
} date_t;

static bool literal(cursor_t *c, const char *text)
{
    size_t length = strlen(text);
    if ((size_t)(c->end - c->at) < length || memcmp(c->at, text, length) != 0)
        return false;
    c->at += length;
    return true;
}

/* Exactly `digits` digits. */
static bool number(cursor_t *c, int digits, int *out)
{
    int value = 0;
    for (int i = 0; i < digits; i++, c->at++) {
        if (c->at == c->end || *c->at < '0' || *c->at > '9')
            return false;
        value = value * 10 + (*c->at - '0');
    }
    *out = value;
    return true;
}

/* One of `count` names; *out its index. */
static bool name_of(cursor_t *c, const char *const *names, int count, int *out)
{
    for (int i = 0; i < count; i++)
        if (literal(c, names[i])) {
            *out = i;
            return true;
        }
    return false;
}

static bool month(cursor_t *c, int *out)
{
    static const char *const names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    if (!name_of(c, names, 12, out))
        return false;
    *out += 1;
    return true;
}

static bool time_of_day(cursor_t *c, date_t *d)
{
    return number(c, 2, &d->hour) && literal(c, ":") && number(c, 2, &d->minute) &&
           literal(c, ":") && number(c, 2, &d->second);
}

static bool four_digit_year(cursor_t *c, date_t *d)
{
    int year;
    if (!number(c, 4, &year))
        return false;
    d->year = year;
    return true;
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static bool imf_fixdate(cursor_t c, date_t *d)
{
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    int day;
    return name_of(&c, days, 7, &day) && literal(&c, ", ") && number(&c, 2, &d->day) &&
           literal(&c, " ") && month(&c, &d->month) && literal(&c, " ") && four_digit_year(&c, d) &&
           literal(&c, " ") && time_of_day(&c, d) && literal(&c, " GMT") && c.at == c.end;
}

/* Sunday, 06-Nov-94 08:49:37 GMT; d->year is of the century */
static bool rfc850_date(cursor_t c, date_t *d)
{
    static const char *const days[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                       "Friday", "Saturday", "Sunday"};
    int day, year;
    if (!(name_of(&c, days, 7, &day) && literal(&c, ", ") && number(&c, 2, &d->day) &&
          literal(&c, "-") && month(&c, &d->month) && literal(&c, "-") && number(&c, 2, &year) &&
          literal(&c, " ") && time_of_day(&c, d) && literal(&c, " GMT") && c.at == c.end))
        return false;
    d->year = year;
    return true;
}

/* Sun Nov  6 08:49:37 1994 */
static bool asctime_date(cursor_t c, date_t *d)
{
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    int day;
    return name_of(&c, days, 7, &day) && literal(&c, " ") && month(&c, &d->month) &&
           literal(&c, " ") &&
           (literal(&c, " ") ? number(&c, 1, &d->day) : number(&c, 2, &d->day)) &&
           literal(&c, " ") && time_of_day(&c, d) && literal(&c, " ") && four_digit_year(&c, d) &&
           c.at == c.end;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar (the civil calendar's 400-year eras).
 */
static int64_t days_since_1970(int64_t year, int month_number, int day)
{
    year -= month_number <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month_number + (month_number > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

/* Seconds of a date with all its parts in range; 60 is a leap second. */
static bool in_range(const date_t *d)
{
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return d->day >= 1 && d->day <= days[d->month - 1] && d->hour <= 23 && d->minute <= 59 &&
           d->second <= 60;
}

static int64_t seconds_of(const date_t *d)
{
    return days_since_1970(d->year, d->month, d->day) * 86400 + d->hour * 3600 + d->minute * 60 +
           d->second;
}

#define FIFTY_YEARS_S (50LL * 36525 * 864)

/* RFC 9110: a two-digit year more than 50 years ahead is the last one with these digits that has
 * passed. */
static void choose_century(date_t *d, wall_t now)
{
    int64_t seconds_now = now.us / US_PER_S;
    d->year += (1970 + seconds_now / (36525 * 864)) / 100 * 100;
    if (seconds_of(d) - seconds_now > FIFTY_YEARS_S)
        d->year -= 100;
}

bool http_date_parse(bytes_t value, wall_t now, int64_t *seconds)
{
    cursor_t c = {value.data, value.data + value.len};
    date_t d;
    if (!value.len)
        return false;
    bool two_digits = false;
    if (!imf_fixdate(c, &d) && !asctime_date(c, &d) && !(two_digits = rfc850_date(c, &d)))
        return false;
    if (!in_range(&d))
        return false;
    if (two_digits)
        choose_century(&d, now);
    *seconds = seconds_of(&d);
    return true;
}

static bool delay_seconds(bytes_t value, uint64_t *ms)
{
    uint64_t total = 0, unit = 1000;
    bool fraction = false;
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.data[i];
        if (c == '.' && !fraction && i > 0 && i + 1 < value.len)
            fraction = true;
        else if (c < '0' || c > '9')
            return false;
        else if (fraction)
            total += (c - '0') * (unit /= 10);
        else
            total = total >= RETRY_AFTER_MS_MAX ? total : total * 10 + (c - '0') * 1000u;
    }
    *ms = total;
    return value.len > 0;
}

static bool is_blank(uint8_t c) { return c == ' ' || c == '\t'; }

bool retry_after_parse(bytes_t value, wall_t now, uint64_t *ms)
{
    while (value.len && is_blank(value.data[0]))
        value = bytes_of(value.data + 1, value.len - 1);
    while (value.len && is_blank(value.data[value.len - 1]))
        value.len--;
    uint64_t wait_ms = 0;
    int64_t seconds;
    if (!delay_seconds(value, &wait_ms)) {
        if (!http_date_parse(value, now, &seconds))
            return false;
        int64_t ahead_us = seconds * US_PER_S - now.us;
        wait_ms = ahead_us > 0 ? (uint64_t)((ahead_us + US_PER_MS - 1) / US_PER_MS) : 0;
    }
    *ms = wait_ms < RETRY_AFTER_MS_MAX ? wait_ms : RETRY_AFTER_MS_MAX;
    return true;
}

uint64_t retry_after_seconds(uint64_t ms) { return ms <= 1000 ? 1 : (ms + 999) / 1000; }
