/* log.h: one line to journald (native fields) or, in the foreground, to the terminal. Never waits:
 * a line that would block is dropped and counted. A line that repeats the last one within a second
 * is only counted; the count follows as "... (repeated N times)". Secrets never reach it. */
#ifndef WEIR_SYS_LOG_H
#define WEIR_SYS_LOG_H

#include "core/base.h"

enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_NOTICE = 5,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

/* Which kind of line: MESSAGE_ID, text and level of each are in log_events.def. */
enum log_event {
#define LOG_EVENT(NAME, id, level, text) LOG_##NAME,
#include "sys/log_events.def"
#undef LOG_EVENT
    LOG_EVENT_COUNT
};

typedef struct log_line {
    enum log_event event;
    const char *text; /* the sentence; says whether work goes on */
    bytes_t message, route, key, downstream, limit, reason,
        trace; /* WEIR_* fields; empty: left out */
    int error; /* negative errno, 0: none */
} log_line_t;

void log_open(const char *actor, unsigned instance, const char *level, bool journal);
void log_write(const log_line_t *line);
void log_text(enum log_event event, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Tells the repeats that were only counted so far; also done at exit. */
void log_flush(void);
uint64_t log_dropped(void);

#endif
