/* log_names.h: the kinds of line by name, as people type and read them: "dead", "child_died". */
#ifndef WEIR_SYS_LOG_NAMES_H
#define WEIR_SYS_LOG_NAMES_H

#include "sys/log.h"

/* Static storage; "?" for a number that is none. */
const char *log_event_name(unsigned event);
int log_event_of(bytes_t name); /* -1: there is none of that name */
int log_event_level(unsigned event);

#endif
