/* zone.h: the offsets of a time zone by its name, from the system's tables (tzdata), as the values
 * that lib/core/calendar.h decides with. Uses the process's TZ for a moment and puts it back: only
 * while there is one thread, when the configuration is read. */
#ifndef WEIR_SYS_ZONE_H
#define WEIR_SYS_ZONE_H

#include "core/calendar.h"

#define ZONE_NAME_MAX 64
/* From a year before `now` to 20 years after it. -EINVAL: no such zone ("Europe/Berlin", "UTC");
 * libc would silently take UTC. -E2BIG: it changes more than ZONE_CHANGES_MAX times. */
int zone_read(const char *name, wall_t now, zone_t *zone);

#endif
