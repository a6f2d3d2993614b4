#include "supervisor/stop.h"

/* What is left of the time is shared by the waves to come, so that one that hangs does not take the
 * queue's. */
static enum stop_wish next_wave(stop_t *s, instant_t now)
{
    s->phase = STOP_WAVES;
    s->wave++;
    unsigned left = s->waves - s->wave + 1;
    int64_t time = instant_since_us(s->end_by, now);
    s->wave_until = instant_after_us(now, time > 0 ? time / left : 0);
    return STOP_WISH_WAVE;
}

static enum stop_wish all_now(stop_t *s, instant_t now)
{
    s->phase = STOP_WAVES;
    s->wave = 0;
    s->end_by = s->wave_until = now;
    return STOP_WISH_WAVE;
}

enum stop_wish stop_ordered(stop_t *s, instant_t now, int64_t drain_us, int64_t stop_us,
                            unsigned waves, bool can_drain, int exit_code)
{
    if (s->phase == STOP_OVER)
        return STOP_WISH_NOTHING;
    if (s->phase != STOP_NOT)
        return all_now(s, now);
    *s = (stop_t){.waves = waves,
                  .exit_code = exit_code,
                  .end_by = instant_after_us(now, stop_us),
                  .drain_until = instant_after_us(now, drain_us)};
    if (!can_drain || drain_us == 0)
        return next_wave(s, now);
    s->phase = STOP_DRAIN;
    return STOP_WISH_DRAIN;
}

enum stop_wish stop_drained(stop_t *s, instant_t now)
{
    return s->phase == STOP_DRAIN ? next_wave(s, now) : STOP_WISH_NOTHING;
}

enum stop_wish stop_turn(stop_t *s, instant_t now, bool wave_is_down)
{
    switch (s->phase) {
    case STOP_NOT:
    case STOP_OVER:
        return STOP_WISH_NOTHING;
    case STOP_DRAIN:
        return instant_before(now, s->drain_until) ? STOP_WISH_NOTHING : next_wave(s, now);
    case STOP_WAVES:
        break;
    }
    if (!wave_is_down)
        return STOP_WISH_NOTHING;
    if (s->wave != 0 && s->wave < s->waves)
        return next_wave(s, now);
    s->phase = STOP_OVER;
    return STOP_WISH_END;
}

instant_t stop_due(const stop_t *s)
{
    return s->phase == STOP_DRAIN ? s->drain_until : INSTANT_NEVER;
}
