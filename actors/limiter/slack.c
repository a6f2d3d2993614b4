/* slack.c: how much later than its turn the far side may feel what was taken of a window. A take is
 * logged as felt at the end of its slack, and its call is not begun after that (start_by): a longer
 * slack costs a little of the allowance, so it begins with a fiftieth of the period. The commit,
 * the way to the responder and a new connection must fit in it. Where they do not, the call is not
 * begun, and would not be the next time either: so the slack doubles, at most to what the steps say
 * anyway (start_within_ms), and halves after each minute in which nothing was late. */
#include "actors/limiter/parts.h"

#define PART 50
#define QUIET_US (60 * US_PER_S)

static int64_t start_within_most_us(const config_t *c)
{
    unsigned most_ms = 0;
    for (size_t r = 0; r < c->route_count; r++)
        for (size_t n = 0; n < c->routes[r].step_count; n++)
            if (c->routes[r].steps[n].start_within_ms > most_ms)
                most_ms = (unsigned)c->routes[r].steps[n].start_within_ms;
    return most_ms * US_PER_MS;
}

void slack_set(limiter_t *l, limit_state_t *s)
{
    int64_t part = s->period_us / PART;
    s->slack_most_us = start_within_most_us(l->config);
    s->slack_least_us = part < s->slack_most_us ? part : s->slack_most_us;
    if (s->slack_us < s->slack_least_us)
        s->slack_us = s->slack_least_us;
}

static void grow(limiter_t *l, limit_state_t *s)
{
    char text[200];
    int64_t before = s->slack_us;
    s->slack_us = 2 * before < s->slack_most_us ? 2 * before : s->slack_most_us;
    snprintf(
        text, sizeof text,
        "calls of this window begin later than %lld ms after their turn; they may take %lld ms "
        "now, and each keeps its place in the window so much longer",
        (long long)(before / US_PER_MS), (long long)(s->slack_us / US_PER_MS));
    log_line_t line = limit_line(LOG_LIMIT_ADAPTED, s->limit->name, text);
    wish_log(l->e, &line);
}

/* Of those that were late with one slack the first lengthens it. */
void slack_late(limiter_t *l, const needs_t *needs, int64_t start_by_us)
{
    for (size_t n = 0; needs && n < needs->count; n++) {
        const need_t *need = &needs->of[n];
        limit_state_t *s = need->bucket->of;
        if (need->felt_us == 0 || start_by_us - need->taken_us < s->slack_us)
            continue;
        s->slack_at = l->now.at;
        if (s->slack_us < s->slack_most_us)
            grow(l, s);
    }
}

void slacks_shrink(limiter_t *l)
{
    for (size_t n = 0; n < l->config->limit_count; n++) {
        limit_state_t *s = &l->limits[n];
        if (s->slack_us <= s->slack_least_us || instant_since_us(l->now.at, s->slack_at) < QUIET_US)
            continue;
        s->slack_us = s->slack_us / 2 > s->slack_least_us ? s->slack_us / 2 : s->slack_least_us;
        s->slack_at = l->now.at;
    }
}
