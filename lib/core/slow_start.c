#include "core/slow_start.h"

void slow_start_begin(slow_start_t *s, uint32_t target)
{
    must(target > 0);
    bool within = s->window > 0;
    *s = (slow_start_t){.window = 1,
                        .target = within && s->target > target ? s->target : target,
                        .turn = s->turn == UINT32_MAX ? 1 : s->turn + 1};
}

uint32_t slow_start_room(const slow_start_t *s)
{
    if (s->window == 0)
        return UINT32_MAX;
    return s->window > s->out ? s->window - s->out : 0;
}

uint32_t slow_start_began(slow_start_t *s)
{
    must(slow_start_room(s) > 0);
    if (s->window == 0)
        return 0;
    s->out++;
    return s->turn;
}

static bool grow(slow_start_t *s)
{
    s->window = s->window == 1 ? SLOW_START_WINDOW : s->window + 1;
    if (s->window < s->target)
        return false;
    *s = (slow_start_t){.turn = s->turn};
    return true;
}

bool slow_start_ended(slow_start_t *s, uint32_t turn, slow_start_end_t end)
{
    if (s->window == 0 || turn != s->turn)
        return false;
    must(s->out > 0);
    s->out--;
    switch (end) {
    case SLOW_START_OK:
        return grow(s);
    case SLOW_START_DEFERRED:
        slow_start_begin(s, s->target);
        return false;
    case SLOW_START_FAILED:
    case SLOW_START_LOST:
        return false;
    }
    return false;
}
