#include "sys/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "sys/log_sink.h"

/* The level of an event is its journald priority. */
typedef struct event_spec {
    const char *id;
    int level;
} event_spec_t;
#define LEVEL_ERROR LOG_LEVEL_ERROR
#define LEVEL_WARNING LOG_LEVEL_WARNING
#define LEVEL_NOTICE LOG_LEVEL_NOTICE
#define LEVEL_INFO LOG_LEVEL_INFO
static const event_spec_t events[LOG_EVENT_COUNT] = {
#define LOG_EVENT(NAME, id, level, text) [LOG_##NAME] = {id, LEVEL_##level},
#include "sys/log_events.def"
#undef LOG_EVENT
};

/* Lines that were the same within a second are one. */
#define REPEAT_US US_PER_S

static struct {
    char actor[32];
    unsigned instance;
    int level;
    log_sink_t sink;
    uint64_t dropped;
    bool opened;
    struct {
        enum log_event event;
        uint64_t print;
        char text[512];
        int64_t since_us;
        uint64_t times;
    } last;
} state = {.level = LOG_LEVEL_INFO, .sink = {.journal = -1, .terminal = -1}};

static int level_of(const char *word)
{
    static const char *const words[] = {"error", "warning", "notice", "info", "debug"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (word && strcmp(word, words[i]) == 0)
            return LOG_LEVEL_ERROR + (int)i;
    return LOG_LEVEL_INFO;
}

void log_open(const char *actor, unsigned instance, const char *level, bool journal)
{
    snprintf(state.actor, sizeof state.actor, "%s", actor);
    state.instance = instance;
    state.level = level_of(level);
    if (!state.opened)
        atexit(log_flush);
    state.opened = true;
    log_sink_close(&state.sink);
    log_sink_open(&state.sink, journal ? LOG_JOURNAL_PATH : NULL);
}

static int64_t clock_us(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

static void emit(const log_line_t *line)
{
    log_entry_t entry = {
        .line = line,
        .actor = state.actor,
        .instance = state.instance,
        .level = events[line->event].level,
        .message_id = events[line->event].id,
        .wall = {clock_us(CLOCK_REALTIME)},
    };
    if (!log_sink_write(&state.sink, &entry))
        state.dropped++;
}

static void emit_repeats(void)
{
    char text[600];
    uint64_t times = state.last.times;
    state.last.times = 0;
    if (times == 0)
        return;
    snprintf(text, sizeof text, "%s (repeated %llu times)", state.last.text,
             (unsigned long long)times);
    emit(&(log_line_t){.event = state.last.event, .text = text});
}

/* Of everything that tells one line from another: a line about another message is another line. */
static uint64_t print_of(const log_line_t *l)
{
    const bytes_t parts[] = {bytes_str(l->text), l->message, l->route, l->key,
                             l->downstream,      l->limit,   l->reason};
    uint64_t print = (uint64_t)l->event;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        print = XXH3_64bits_withSeed(parts[i].len ? parts[i].data : (const uint8_t *)"",
                                     parts[i].len, print * 31 + parts[i].len);
    return print;
}

/* True: this line repeats the last one and was only counted. The count is told by the first other
 * line, or by the first repeat after the second is over. */
static bool is_repeat(const log_line_t *line, int64_t now_us)
{
    uint64_t print = print_of(line);
    if (state.last.since_us && state.last.print == print &&
        now_us - state.last.since_us < REPEAT_US) {
        state.last.times++;
        return true;
    }
    emit_repeats();
    state.last.event = line->event;
    state.last.print = print;
    state.last.since_us = now_us;
    snprintf(state.last.text, sizeof state.last.text, "%s", line->text);
    return false;
}

void log_write(const log_line_t *line)
{
    must(line->event < LOG_EVENT_COUNT);
    if (events[line->event].level > state.level)
        return;
    log_line_t whole = *line;
    whole.text = line->text ? line->text : "";
    if (!is_repeat(&whole, clock_us(CLOCK_MONOTONIC)))
        emit(&whole);
}

void log_text(enum log_event event, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_write(&(log_line_t){.event = event, .text = text});
}

void log_flush(void) { emit_repeats(); }

uint64_t log_dropped(void) { return state.dropped; }
