#include "sys/log_names.h"

#include <ctype.h>

#define NAME_MAX_BYTES 24u

static const struct {
    const char *name;
    int level;
} events[LOG_EVENT_COUNT] = {
#define LOG_EVENT(NAME, id, level, text) [LOG_##NAME] = {#NAME, LOG_LEVEL_##level},
#include "sys/log_events.def"
#undef LOG_EVENT
};

static bool is_named(const char *upper, bytes_t name)
{
    size_t len = strlen(upper);
    for (size_t i = 0; i < len && len == name.len; i++)
        if (tolower((unsigned char)upper[i]) != name.data[i])
            return false;
    return len == name.len;
}

const char *log_event_name(unsigned event)
{
    static char names[LOG_EVENT_COUNT][NAME_MAX_BYTES];
    if (event >= LOG_EVENT_COUNT)
        return "?";
    const char *upper = events[event].name;
    size_t len = strlen(upper);
    must(len < NAME_MAX_BYTES);
    for (size_t i = 0; i < len; i++)
        names[event][i] = (char)tolower((unsigned char)upper[i]);
    return names[event];
}

int log_event_of(bytes_t name)
{
    for (int i = 0; i < LOG_EVENT_COUNT; i++)
        if (is_named(events[i].name, name))
            return i;
    return -1;
}

int log_event_level(unsigned event)
{
    return event < LOG_EVENT_COUNT ? events[event].level : LOG_LEVEL_DEBUG;
}
