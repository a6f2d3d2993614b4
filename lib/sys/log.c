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

#define REPEAT_US US_PER_S
#define KINDS_MAX 8u

/* Lines that say the same, within a second of the first of them. */
typedef struct kind {
    enum log_event event;
    uint64_t print, last; /* of what they say; of all of the last one */
    int64_t since_us;     /* 0: none */
    unsigned lines;       /* written */
    uint64_t times;       /* only counted */
    char text[512];
} kind_t;

static struct {
    char actor[32];
    unsigned instance;
    int level;
    log_sink_t sink;
    uint64_t dropped;
    bool opened;
    kind_t kinds[KINDS_MAX];
    void (*tap)(void *, const log_line_t *);
    void *tap_arg;
    bool tapping;
} state = {.level = LOG_LEVEL_INFO, .sink = {.journal = -1, .terminal = -1}};

static int level_of(const char *word)
{
    static const char *const words[] = {"error", "warning", "notice", "info", "debug"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (word && strcmp(word, words[i]) == 0)
            return LOG_LEVEL_ERROR + (int)i;
    return LOG_LEVEL_INFO;
}

static void last_words(void)
{
    log_flush();
    log_sink_settle(&state.sink);
}

void log_open(const char *actor, unsigned instance, const char *level, bool journal)
{
    snprintf(state.actor, sizeof state.actor, "%s", actor);
    state.instance = instance;
    state.level = level_of(level);
    if (!state.opened)
        atexit(last_words);
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

static void emit_repeats(kind_t *kind)
{
    char text[600];
    uint64_t times = kind->times;
    kind->times = 0;
    if (times == 0)
        return;
    snprintf(text, sizeof text, "%s (repeated %llu times)", kind->text, (unsigned long long)times);
    emit(&(log_line_t){.event = kind->event, .text = text});
}

/* Of everything that tells one line from another. */
static uint64_t print_of(const log_line_t *l, uint64_t print)
{
    const bytes_t parts[] = {l->message, l->route, l->key, l->downstream, l->limit, l->reason};
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        print = XXH3_64bits_withSeed(parts[i].len ? parts[i].data : (const uint8_t *)"",
                                     parts[i].len, print * 31 + parts[i].len);
    return print;
}

/* The kind that says this, or the oldest one's place. */
static kind_t *kind_of(uint64_t print)
{
    kind_t *oldest = &state.kinds[0];
    for (size_t i = 0; i < KINDS_MAX; i++) {
        if (state.kinds[i].since_us && state.kinds[i].print == print)
            return &state.kinds[i];
        if (state.kinds[i].since_us < oldest->since_us)
            oldest = &state.kinds[i];
    }
    emit_repeats(oldest);
    *oldest = (kind_t){0};
    return oldest;
}

/* True: this line says what others said in this second, and was only counted. */
static bool is_repeat(const log_line_t *line, int64_t now_us)
{
    uint64_t print = XXH3_64bits_withSeed(line->text, strlen(line->text), line->event);
    uint64_t whole = print_of(line, print);
    kind_t *kind = kind_of(print);
    if (now_us - kind->since_us >= REPEAT_US) {
        emit_repeats(kind);
        *kind = (kind_t){.event = line->event, .print = print, .since_us = now_us};
        snprintf(kind->text, sizeof kind->text, "%s", line->text);
    } else if (kind->last == whole || kind->lines == LOG_SAME_MOST) {
        kind->times++;
        return true;
    }
    kind->last = whole;
    kind->lines++;
    return false;
}

static void tell_repeats(int64_t before_us)
{
    for (size_t i = 0; i < KINDS_MAX; i++)
        if (state.kinds[i].since_us <= before_us)
            emit_repeats(&state.kinds[i]);
}

void log_tap(void (*tap)(void *arg, const log_line_t *line), void *arg)
{
    state.tap = tap;
    state.tap_arg = arg;
}

static void tell_tap(const log_line_t *line)
{
    if (!state.tap || state.tapping)
        return;
    state.tapping = true;
    state.tap(state.tap_arg, line);
    state.tapping = false;
}

void log_write(const log_line_t *line)
{
    must(line->event < LOG_EVENT_COUNT);
    tell_tap(line);
    if (events[line->event].level > state.level)
        return;
    log_line_t whole = *line;
    whole.text = line->text ? line->text : "";
    int64_t now_us = clock_us(CLOCK_MONOTONIC);
    tell_repeats(now_us - REPEAT_US);
    if (line->chosen || !is_repeat(&whole, now_us))
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

void log_tick(void) { tell_repeats(clock_us(CLOCK_MONOTONIC) - REPEAT_US); }

void log_flush(void) { tell_repeats(INT64_MAX); }

uint64_t log_dropped(void) { return state.dropped; }
