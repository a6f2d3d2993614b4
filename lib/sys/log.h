/* log.h: one line to journald (native fields) or, in the foreground, to the terminal. Never waits:
 * a line that would block is dropped and counted. Of lines that say the same within a second (the
 * event and the sentence are equal) the first LOG_SAME_MOST are written, and of those that are
 * equal in all the first; the others are only counted, and the count follows when the second is
 * over: "... (repeated N times)". Secrets never reach it. */
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

#define LOG_SAME_MOST 20u

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
    bool chosen; /* of a journey that is logged whole (log_wanted.h): never only counted */
} log_line_t;

void log_open(const char *actor, unsigned instance, const char *level, bool journal);
void log_write(const log_line_t *line);
void log_text(enum log_event event, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Tells the repeats whose second is over; a process that may be silent for long calls it. */
void log_tick(void);
/* Tells all repeats that were only counted so far; also done at exit, where
 * journald gets a moment to read the last lines. */
void log_flush(void);
uint64_t log_dropped(void);
/* Every line also goes to `tap`, whatever its level, and uncounted; not from within tap. NULL: no
 * more. */
void log_tap(void (*tap)(void *arg, const log_line_t *line), void *arg);

#endif
