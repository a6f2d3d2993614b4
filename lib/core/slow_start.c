#include "core/slow_start.h"

void slow_start_begin(slow_start_t *s, instant_t now, uint32_t target)
{
    must(target > 0);
    bool within = s->window > 0;
    *s = (slow_start_t){1, 0, within && s->target > target ? s->target : target, now.us};
}

uint32_t slow_start_room(const slow_start_t *s)
{
    if (s->window == 0)
        return UINT32_MAX;
    return s->window > s->out ? s->window - s->out : 0;
}

void slow_start_began(slow_start_t *s)
{
    must(slow_start_room(s) > 0);
    if (s->window > 0)
        s->out++;
}

static bool grow(slow_start_t *s)
{
    s->window = s->window == 1 ? SLOW_START_WINDOW : s->window + 1;
    if (s->window < s->target)
        return false;
    *s = (slow_start_t){0};
    return true;
}

bool slow_start_ended(slow_start_t *s, instant_t started, instant_t now, slow_start_end_t end)
{
    if (s->window == 0 || started.us < s->began_us || s->out == 0)
        return false;
    s->out--;
    switch (end) {
    case SLOW_START_OK:
        return grow(s);
    case SLOW_START_DEFERRED:
        slow_start_begin(s, now, s->target);
        return false;
    case SLOW_START_FAILED:
    case SLOW_START_LOST:
        return false;
    }
    return false;
}
