#include "core/breaker.h"

/* From state by event; what is not listed cannot happen there. */
static const struct cell {
    bool can;
    breaker_state_t next;
} TABLE[BREAKER_STATE_COUNT][BREAKER_EVENT_COUNT] = {
    [BREAKER_CLOSED] = {[BREAKER_SHARE_FAILED] = {true, BREAKER_OPEN},
                        [BREAKER_ROW_FAILED] = {true, BREAKER_OPEN}},
    [BREAKER_OPEN] = {[BREAKER_TIME_UP] = {true, BREAKER_HALF_OPEN}},
    [BREAKER_HALF_OPEN] = {[BREAKER_PROBE_OK] = {true, BREAKER_CLOSED},
                           [BREAKER_PROBE_FAILED] = {true, BREAKER_OPEN}},
};

static const char *const STATE_NAMES[BREAKER_STATE_COUNT] = {
    [BREAKER_CLOSED] = "closed", [BREAKER_OPEN] = "open", [BREAKER_HALF_OPEN] = "half-open"};
static const char *const EVENT_TEXTS[BREAKER_EVENT_COUNT] = {
    [BREAKER_UNCHANGED] = "nothing",
    [BREAKER_SHARE_FAILED] = "too great a share of its calls failed",
    [BREAKER_ROW_FAILED] = "too many of its calls in a row failed",
    [BREAKER_TIME_UP] = "its pause is over: one call goes to see",
    [BREAKER_PROBE_OK] = "the call that went to see succeeded",
    [BREAKER_PROBE_FAILED] = "the call that went to see failed",
};

const char *breaker_state_name(breaker_state_t state)
{
    must(state < BREAKER_STATE_COUNT);
    return STATE_NAMES[state];
}

const char *breaker_event_text(breaker_event_t event)
{
    must(event < BREAKER_EVENT_COUNT);
    return EVENT_TEXTS[event];
}

/* The one door through which the state changes. */
static breaker_event_t change(breaker_t *b, breaker_event_t event, instant_t now)
{
    must(TABLE[b->state][event].can);
    b->state = TABLE[b->state][event].next;
    b->changed_us = now.us;
    b->probing = false;
    b->in_row = 0;
    memset(b->slices, 0, sizeof b->slices);
    return event;
}

static breaker_event_t open_now(breaker_t *b, const breaker_rules_t *rules, breaker_event_t event,
                                instant_t now, uint64_t chance)
{
    if (b->state == BREAKER_CLOSED && now.us - b->changed_us >= b->open_for_us)
        b->opened = 0;
    int64_t open_us = rules->open_us;
    for (unsigned i = 0; i < b->opened && open_us < rules->open_us_max; i++)
        open_us *= 2;
    if (open_us > rules->open_us_max)
        open_us = rules->open_us_max;
    b->opened++;
    b->open_for_us = open_us + (int64_t)((chance >> 32) * (uint64_t)(open_us / 4) >> 32);
    b->open_until_us = now.us + b->open_for_us;
    return change(b, event, now);
}

bool breaker_allows(const breaker_t *b, instant_t now)
{
    return b->state == BREAKER_CLOSED || (b->state == BREAKER_OPEN && now.us >= b->open_until_us) ||
           (b->state == BREAKER_HALF_OPEN && !b->probing);
}

breaker_event_t breaker_began(breaker_t *b, instant_t now)
{
    must(breaker_allows(b, now));
    breaker_event_t event = BREAKER_UNCHANGED;
    if (b->state == BREAKER_OPEN)
        event = change(b, BREAKER_TIME_UP, now);
    b->probing = b->state == BREAKER_HALF_OPEN;
    return event;
}

/* The slice of now; those that have left the window are emptied. */
static size_t slice_at(breaker_t *b, int64_t window_us, instant_t now)
{
    int64_t slice = now.us / (window_us / BREAKER_SLICES);
    if (slice < b->slice || slice - b->slice >= BREAKER_SLICES) { /* or another window now */
        memset(b->slices, 0, sizeof b->slices);
        b->slice = slice;
    }
    while (b->slice < slice) {
        b->slice++;
        memset(&b->slices[b->slice % BREAKER_SLICES], 0, sizeof b->slices[0]);
    }
    return (size_t)(slice % BREAKER_SLICES);
}

static breaker_event_t count(breaker_t *b, const breaker_rules_t *rules, instant_t now, bool ok)
{
    size_t at = slice_at(b, rules->window_us, now);
    b->slices[at].calls++;
    b->slices[at].failed += !ok;
    b->in_row = ok ? 0 : b->in_row + 1;
    if (rules->consecutive && b->in_row >= rules->consecutive)
        return BREAKER_ROW_FAILED;
    uint64_t calls = 0, failed = 0;
    for (size_t i = 0; i < BREAKER_SLICES; i++) {
        calls += b->slices[i].calls;
        failed += b->slices[i].failed;
    }
    if (!ok && rules->percent && calls >= rules->calls_min &&
        failed * 100 >= calls * rules->percent)
        return BREAKER_SHARE_FAILED;
    return BREAKER_UNCHANGED;
}

breaker_event_t breaker_ended(breaker_t *b, const breaker_rules_t *rules, instant_t started,
                              instant_t now, bool ok, uint64_t chance)
{
    must(rules->window_us >= BREAKER_SLICES && rules->open_us > 0);
    if (started.us < b->changed_us)
        return BREAKER_UNCHANGED;
    switch ((breaker_state_t)b->state) {
    case BREAKER_CLOSED: {
        breaker_event_t event = count(b, rules, now, ok);
        return event ? open_now(b, rules, event, now, chance) : event;
    }
    case BREAKER_HALF_OPEN:
        if (!b->probing)
            return BREAKER_UNCHANGED;
        return ok ? change(b, BREAKER_PROBE_OK, now)
                  : open_now(b, rules, BREAKER_PROBE_FAILED, now, chance);
    case BREAKER_OPEN: /* began in the instant in which it opened */
    case BREAKER_STATE_COUNT:
        break;
    }
    return BREAKER_UNCHANGED;
}

void breaker_lost(breaker_t *b, instant_t started)
{
    if (b->state == BREAKER_HALF_OPEN && started.us >= b->changed_us)
        b->probing = false;
}

instant_t breaker_due(const breaker_t *b)
{
    return b->state == BREAKER_OPEN ? (instant_t){b->open_until_us} : INSTANT_NEVER;
}
