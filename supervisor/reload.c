#include "supervisor/reload.h"

void reload_begin(reload_t *r, bool with_limiter)
{
    must(r->phase == RELOAD_NOT);
    *r = (reload_t){.phase = RELOAD_ROOM, .with_limiter = with_limiter};
}

static enum reload_wish enter(reload_t *r, enum reload_phase phase, enum reload_wish wish)
{
    r->phase = phase;
    return wish;
}

static enum reload_wish replace_limiter(reload_t *r)
{
    r->touched_limiter = true;
    return enter(r, RELOAD_LIMITER, RELOAD_WISH_LIMITER);
}

static enum reload_wish undo(reload_t *r) { return enter(r, RELOAD_UNDO, RELOAD_WISH_UNDO); }

static enum reload_wish successors_turn(reload_t *r, const reload_seen_t *seen)
{
    if (!seen->all_ready)
        return RELOAD_WISH_NOTHING;
    return r->with_limiter ? replace_limiter(r) : enter(r, RELOAD_SETTLING, RELOAD_WISH_SWITCH);
}

static enum reload_wish limiter_turn(reload_t *r, const reload_seen_t *seen)
{
    switch (seen->limiter) {
    case RELOAD_LIMITER_OLD:
    case RELOAD_LIMITER_TRIES:
        return RELOAD_WISH_NOTHING;
    case RELOAD_LIMITER_DOWN:
        return replace_limiter(r);
    case RELOAD_LIMITER_LOST:
        return undo(r);
    case RELOAD_LIMITER_READY:
        break;
    }
    return seen->all_ready ? enter(r, RELOAD_SETTLING, RELOAD_WISH_SWITCH) : RELOAD_WISH_NOTHING;
}

/* The old limiter that does not come back is the supervisor's matter as ever. */
static enum reload_wish undo_turn(reload_t *r, const reload_seen_t *seen)
{
    bool settled = !r->touched_limiter || seen->limiter == RELOAD_LIMITER_READY ||
                   seen->limiter == RELOAD_LIMITER_LOST || seen->limiter == RELOAD_LIMITER_DOWN;
    return settled ? enter(r, RELOAD_NOT, RELOAD_WISH_FAILED) : RELOAD_WISH_NOTHING;
}

enum reload_wish reload_turn(reload_t *r, const reload_seen_t *seen)
{
    bool can_be_lost = r->phase == RELOAD_SUCCESSORS || r->phase == RELOAD_LIMITER;
    if (can_be_lost && seen->successor_lost)
        return undo(r);
    switch (r->phase) {
    case RELOAD_NOT:
        break;
    case RELOAD_ROOM:
        return seen->has_room ? enter(r, RELOAD_SUCCESSORS, RELOAD_WISH_SUCCESSORS)
                              : RELOAD_WISH_NOTHING;
    case RELOAD_SUCCESSORS:
        return successors_turn(r, seen);
    case RELOAD_LIMITER:
        return limiter_turn(r, seen);
    case RELOAD_SETTLING:
        return seen->all_settled ? enter(r, RELOAD_NOT, RELOAD_WISH_DONE) : RELOAD_WISH_NOTHING;
    case RELOAD_UNDO:
        return undo_turn(r, seen);
    }
    return RELOAD_WISH_NOTHING;
}
