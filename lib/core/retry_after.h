/* retry_after.h: the Retry-After field (RFC 9110 section 10.2.3) and HTTP dates (section 5.6.7, all
 * three forms). Pure: the wall clock is given. */
#ifndef WEIR_CORE_RETRY_AFTER_H
#define WEIR_CORE_RETRY_AFTER_H

#include "core/base.h"

#define RETRY_AFTER_MS_MAX                                                                         \
    (24u * 3600u * 1000u) /* longer is cut to it: nobody parks work for years by typing error */

/* Milliseconds from now, 0 for a date that has passed. Delay-seconds may have a fraction, which
 * some APIs send. False and *ms untouched: not a Retry-After. */
bool retry_after_parse(bytes_t value, wall_t now, uint64_t *ms);
/* Seconds since 1970. `now` decides the century of two-digit years. False: not an HTTP date. */
bool http_date_parse(bytes_t value, wall_t now, int64_t *seconds);
/* Whole seconds to say in a Retry-After of our own: rounded up, at least 1. */
uint64_t retry_after_seconds(uint64_t ms);

#endif
