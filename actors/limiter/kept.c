/* kept.c: rates, caps and pauses over restarts: written in the commit of what used them up, on the
 * boot clock; after another boot a rate starts as if one period were spent, and the wall clock says
 * what is left of a pause. A row: version (2 was never released), rate, pause (boot clock, what is
 * left, wall clock), cap's period and use, the rate and its pace, the breaker, window. A row of a
 * limit that the configuration no longer has stays as long as it would count if the next reload
 * brought the limit back. */
#include "actors/limiter/parts.h"

#include <stdlib.h>

#define START_WITHIN_LONGEST_US (600 * US_PER_S) /* that start_within_ms may say */
#define PACE_VERSION 3
#define PAUSE_REMEMBERED_US (60 * US_PER_S)
#define SWEEP_SLICE 4096
#define RATE_LONGEST_US (2 * 86400 * US_PER_S)
#define CAP_LONGEST_US (32 * 86400 * US_PER_S)

void bucket_changed(limiter_t *l, bucket_t *b)
{
    if (b->dirty)
        return;
    if (l->dirty_count == l->dirty_room) {
        l->dirty_room = l->dirty_room ? l->dirty_room * 2 : 64;
        l->dirty = realloc(l->dirty, l->dirty_room * sizeof(bucket_t *));
        must(l->dirty);
    }
    b->dirty = true;
    l->dirty[l->dirty_count++] = b;
}

void bucket_changed_late(limiter_t *l, bucket_t *b)
{
    if (!b->dirty && !b->late.next)
        list_push(&l->late, &b->late);
}

/* "limit", 0x1f, the values */
static bytes_t pace_name(const bucket_t *b, char *out)
{
    size_t name = strlen(b->of->limit->name);
    memcpy(out, b->of->limit->name, name);
    out[name] = '\x1f';
    memcpy(out + name + 1, b->name, b->length);
    return bytes_of(out, name + 1 + b->length);
}

typedef struct kept_rate {
    gcra_rate_t rate; /* count 0: not known */
    unsigned pace;    /* percent of it */
} kept_rate_t;

static void put(uint8_t **at, int64_t value)
{
    for (int n = 0; n < 8; n++)
        *(*at)++ = (uint8_t)((uint64_t)value >> (8 * n));
}

static int64_t get(const uint8_t **at)
{
    uint64_t value = 0;
    for (int n = 0; n < 8; n++)
        value |= (uint64_t) * (*at)++ << (8 * n);
    return (int64_t)value;
}

#define PACE_FIXED (1 + 13 * 8)
#define PACE_FIXED_V1 (1 + 6 * 8) /* without the rate that it is of and the breaker */

static void put_breaker(uint8_t **at, const breaker_t *b)
{
    put(at, b->state);
    put(at, b->opened);
    put(at, b->open_until_us);
    put(at, b->open_for_us);
}

static void pace_save(limiter_t *l, bucket_t *b)
{
    char name[BUCKET_NAME_MAX + NAME_BYTES_MAX + 16];
    uint8_t *data = l->pace_room, *at = data;
    *at++ = PACE_VERSION;
    put(&at, BUG(PACE_NOT_KEPT) ? 0 : gcra_kept_us(&b->gcra));
    put(&at, BUG(PAUSE_NOT_KEPT) ? 0 : b->paused_until_us);
    put(&at, b->paused_until_us - l->now.at.us);
    put(&at, b->paused_until_us - l->now.at.us + l->now.wall.us);
    put(&at, b->used.period_us);
    put(&at, (int64_t)b->used.used);
    put(&at, b->rate.count);
    put(&at, b->rate.period_us);
    put(&at, limit_pace(l, b->of));
    put_breaker(&at, b->breaker && !BUG(PAUSE_NOT_KEPT) ? &b->breaker->now : &(breaker_t){0});
    if (b->window)
        at += window_to_bytes(b->window, l->now.at, at);
    wish_change(l->e, &(change_t){.kind = CHANGE_PACE,
                                  .pace = {.name = pace_name(b, name),
                                           .data = bytes_of(data, (size_t)(at - data))}});
}

/* Those of this step first: what it sends may have used them up. */
void paces_save(limiter_t *l)
{
    size_t count = l->dirty_count;
    l->dirty_count = 0;
    for (size_t n = 0; n < count; n++) {
        bucket_t *b = l->dirty[n];
        b->dirty = false;
        if (b->late.next)
            list_remove(&l->late, &b->late);
        pace_save(l, b);
    }
    for (list_node_t *n; step_has_room(l) && (n = list_pop(&l->late));)
        pace_save(l, list_of(n, bucket_t, late));
    if (l->late.count > 0)
        wish_again(l->e);
}

/* Over or not, who waited for it begins with one. After another boot the wall clock says how much
 * of it is left; if that was moved, no more than was left when it was kept. */
static void pause_kept(limiter_t *l, bucket_t *b, int64_t until, int64_t left, int64_t until_wall)
{
    if (l->new_boot) {
        int64_t by_wall = until_wall - l->now.wall.us;
        until = l->now.at.us + (by_wall < left ? by_wall : left);
    }
    if (!l->new_boot && until <= l->now.at.us - PAUSE_REMEMBERED_US)
        return;
    b->paused_until_us = until;
    bucket_start_slowly(l, b);
    snprintf(b->pause_why, sizeof b->pause_why, "learned before a restart");
}

/* When what was taken of a window before is felt at the latest. */
static instant_t felt_most(const limiter_t *l)
{
    return instant_after_us(l->now.at, START_WITHIN_LONGEST_US);
}

/* Whether there is nothing to remember of it, whatever its rate and its cap were. The boot clock's
 * instants mean nothing after another boot. */
static bool pace_is_over(const limiter_t *l, const uint8_t *at, bytes_t takes)
{
    int64_t kept = get(&at), paused = get(&at);
    get(&at);
    int64_t paused_wall = get(&at), period = get(&at), used = get(&at);
    if (paused > 0 && paused_wall > l->now.wall.us)
        return false;
    if (used > 0 && llabs(l->now.wall.us - period) < CAP_LONGEST_US)
        return false;
    window_t *window = window_new(1, RATE_LONGEST_US);
    bool is_over = window_from_bytes(window, takes, felt_most(l)) != 0 ||
                   window_wait_us(window, l->now.at, 1) == 0;
    window_destroy(&window);
    return l->new_boot || (is_over && kept <= l->now.at.us);
}

static bool is_paced(const limit_t *limit)
{
    return limit->rate.shape != RATE_NONE || limit->cap.zone || limit->learns || limit->own;
}

/* Of the rate and the pace that it was kept at: what was taken stays taken, call for call. */
static gcra_t rate_kept(const limiter_t *l, const bucket_t *b, int64_t kept, const kept_rate_t *of)
{
    const gcra_rate_t rate = bucket_rate(l, b);
    unsigned pace = limit_pace(l, b->of);
    if (l->new_boot)
        return gcra_new_boot(&rate, l->now.at);
    gcra_t g = {.full_us = kept};
    if (of->rate.count > 0) {
        gcra_repace(&g, l->now.at, of->pace, pace);
        gcra_rate_set(&g, l->now.at, &of->rate, &b->rate, pace);
    }
    return gcra_restored(&rate, l->now.at, gcra_kept_us(&g));
}

static kept_rate_t get_rate(const uint8_t **at, uint32_t burst)
{
    kept_rate_t of = {.rate = {.burst = burst}};
    of.rate.count = (uint32_t)get(at);
    of.rate.period_us = get(at);
    of.pace = (unsigned)get(at);
    return of;
}

static breaker_t get_breaker(const uint8_t **at)
{
    breaker_t b = {.state = get(at) != BREAKER_CLOSED ? BREAKER_OPEN : BREAKER_CLOSED};
    b.opened = (unsigned)get(at);
    b.open_until_us = get(at);
    b.open_for_us = get(at);
    return b;
}

/* Open for no longer than it would have been; who went to see is lost, and another one goes. After
 * another boot nobody knows how long: one goes at once. */
static void breaker_kept(limiter_t *l, bucket_t *b, const breaker_t *kept)
{
    int64_t most = l->now.at.us + kept->open_for_us;
    if (!b->breaker || kept->state == BREAKER_CLOSED)
        return;
    b->breaker->now = *kept;
    b->breaker->now.changed_us = l->now.at.us;
    if (l->new_boot)
        b->breaker->now.open_until_us = l->now.at.us;
    else if (kept->open_until_us > most)
        b->breaker->now.open_until_us = most;
    bucket_start_slowly(l, b);
}

/* Where the window begins; 0: not one of ours. */
static size_t pace_fixed(bytes_t data)
{
    size_t fixed = data.len == 0                  ? 0
                   : data.data[0] == PACE_VERSION ? PACE_FIXED
                   : data.data[0] == 1            ? PACE_FIXED_V1
                                                  : 0;
    return fixed <= data.len ? fixed : 0;
}

static void pace_kept(void *arg, const stored_pace_t *pace)
{
    limiter_t *l = arg;
    const uint8_t *mark = pace->name.len ? memchr(pace->name.data, '\x1f', pace->name.len) : NULL;
    size_t fixed = pace_fixed(pace->data);
    if (!mark || fixed == 0)
        return;
    long limit =
        config_limit(l->config, bytes_of(pace->name.data, (size_t)(mark - pace->name.data)));
    bytes_t name = bytes_of(mark + 1, pace->name.len - (size_t)(mark + 1 - pace->name.data));
    bytes_t share, values = bucket_name_parse(name, &share);
    const uint8_t *at = pace->data.data + 1;
    bytes_t takes = bytes_of(pace->data.data + fixed, pace->data.len - fixed);
    if (limit < 0 || !is_paced(l->limits[limit].limit)) {
        if (pace_is_over(l, at, takes))
            json_array_append_new(
                l->paces_over, json_stringn_nocheck((const char *)pace->name.data, pace->name.len));
        return;
    }
    bucket_t *b = bucket_get(l, &l->limits[limit], values, share);
    if (!b)
        return;
    int64_t kept = get(&at), paused = get(&at), left = get(&at), paused_wall = get(&at);
    b->used.period_us = get(&at);
    b->used.used = (uint64_t)get(&at);
    kept_rate_t of = fixed == PACE_FIXED ? get_rate(&at, b->rate.burst) : (kept_rate_t){0};
    breaker_t breaker = fixed == PACE_FIXED ? get_breaker(&at) : (breaker_t){0};
    if (b->of->limit->rate.shape != RATE_NONE && b->count > 0)
        b->gcra = rate_kept(l, b, kept, &of);
    if (b->window && (l->new_boot || window_from_bytes(b->window, takes, felt_most(l)) != 0))
        window_new_boot(b->window, l->now.at);
    if (paused > 0)
        pause_kept(l, b, paused, left, paused_wall);
    breaker_kept(l, b, &breaker);
    bucket_release(l, b);
}

/* At birth, when there is no step yet: the instant is that of the opening. */
void paces_load(limiter_t *l, store_t *store)
{
    l->paces_over = json_array();
    if (store)
        store_paces(store, pace_kept, l);
}

/* Its pause is over and nobody was tried since: who comes soon begins with one all the same. */
static bool is_untried(const limiter_t *l, const bucket_t *b)
{
    return b->slow.window == 1 && !BUG(PAUSE_SWEPT) &&
           b->paused_until_us > l->now.at.us - PAUSE_REMEMBERED_US;
}

static void sweep_one(limiter_t *l, bucket_t *b, void *arg)
{
    size_t *left = arg;
    char name[BUCKET_NAME_MAX + NAME_BYTES_MAX + 16];
    if (*left == 0 || b == b->of->only || b->dirty || !step_has_room(l) || !bucket_is_idle(l, b))
        return;
    if (is_untried(l, b))
        return;
    (*left)--;
    if (is_paced(b->of->limit))
        wish_change(l->e, &(change_t){.kind = CHANGE_PACE_DROP, .name = pace_name(b, name)});
    bucket_end(l, b);
}

void paces_sweep(limiter_t *l)
{
    size_t left = SWEEP_SLICE;
    for (size_t last; (last = json_array_size(l->paces_over)) > 0 && left > 0 && step_has_room(l);
         left--) {
        const json_t *name = json_array_get(l->paces_over, last - 1);
        bytes_t over = bytes_of(json_string_value(name), json_string_length(name));
        wish_change(l->e, &(change_t){.kind = CHANGE_PACE_DROP, .name = over});
        json_array_remove(l->paces_over, last - 1);
    }
    buckets_each(l, sweep_one, &left);
}
