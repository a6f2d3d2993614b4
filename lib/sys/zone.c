#include "sys/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ZONE_FOLDER "/usr/share/zoneinfo"
#define DAY_S 86400
#define YEAR_S (365 * DAY_S + DAY_S / 4)

static bool name_is_safe(const char *name)
{
    size_t length = strlen(name);
    return length > 0 && length <= ZONE_NAME_MAX && name[0] != '/' && !strstr(name, "..") &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") ==
               length;
}

/* RFC 8536: such a file begins so. */
static bool file_is_zone(const char *path)
{
    char magic[4];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    bool is = read(fd, magic, sizeof magic) == sizeof magic && !memcmp(magic, "TZif", sizeof magic);
    close(fd);
    return is;
}

static int32_t offset_at(int64_t at_s)
{
    struct tm local;
    time_t at = (time_t)at_s;
    must(localtime_r(&at, &local));
    return (int32_t)local.tm_gmtoff;
}

/* In (from, to], where the offset is another than at `from`: the first second of it. */
static int64_t change_between(int64_t from_s, int64_t to_s)
{
    int32_t before = offset_at(from_s);
    while (to_s - from_s > 1) {
        int64_t middle_s = from_s + (to_s - from_s) / 2;
        if (offset_at(middle_s) == before)
            from_s = middle_s;
        else
            to_s = middle_s;
    }
    return to_s;
}

/* Day by day: nowhere do clocks change twice in one. */
static int read_changes(int64_t from_s, int64_t to_s, zone_t *zone)
{
    *zone = (zone_t){1, {{from_s, offset_at(from_s)}}};
    for (int64_t at_s = from_s; at_s < to_s; at_s += DAY_S) {
        if (offset_at(at_s + DAY_S) == zone->changes[zone->count - 1].offset_s)
            continue;
        if (zone->count == ZONE_CHANGES_MAX)
            return -E2BIG;
        int64_t change_s = change_between(at_s, at_s + DAY_S);
        zone->changes[zone->count++] = (zone_change_t){change_s, offset_at(change_s)};
    }
    return 0;
}

static void set_tz(const char *value)
{
    must((value ? setenv("TZ", value, 1) : unsetenv("TZ")) == 0);
    tzset();
}

int zone_read(const char *name, wall_t now, zone_t *zone)
{
    int64_t now_s = now.us / US_PER_S;
    if (strcmp(name, "UTC") == 0) { /* also where no tables are installed */
        *zone = (zone_t){1, {{0, 0}}};
        return 0;
    }
    char path[sizeof ":" ZONE_FOLDER "/" + ZONE_NAME_MAX];
    if (!name_is_safe(name))
        return -EINVAL;
    snprintf(path, sizeof path, ":%s/%s", ZONE_FOLDER, name);
    if (!file_is_zone(path + 1))
        return -EINVAL;
    const char *present = getenv("TZ");
    char *before = present ? strdup(present) : NULL;
    must(before || !present);
    set_tz(path);
    zone_t read;
    int r = read_changes(now_s - YEAR_S, now_s + 20LL * YEAR_S, &read);
    set_tz(before);
    free(before);
    if (r == 0)
        *zone = read;
    return r;
}
