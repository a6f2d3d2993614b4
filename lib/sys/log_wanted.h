/* log_wanted.h: whose journeys are logged whole, each step of them: those of the routes with log:
 * full, and of all others every log.sample-th. Pure, and of the id alone, so that every actor comes
 * to the same answer, in every life. */
#ifndef WEIR_SYS_LOG_WANTED_H
#define WEIR_SYS_LOG_WANTED_H

#include "sys/config.h"

/* route: NULL where it is not known (any more). */
bool log_wanted(const config_t *config, const route_t *route, const msgid_t *id);

#endif
