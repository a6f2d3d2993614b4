#include "core/window.h"

#include <errno.h>
#include <stdlib.h>

#define WINDOW_VERSION 1

/* A ring of the latest `used` takes, one place a unit of cost: when each is felt at the latest, in
 * that order. What has left the span stays until it is overwritten: only its instant says that it
 * is out. */
struct window {
    int64_t span_us, *at_us;
    uint32_t count, used;
    uint32_t room, newest; /* of at_us; room is more than the count after that was lowered */
};

window_t *window_new(uint32_t count, int64_t span_us)
{
    window_t *w = calloc(1, sizeof *w);
    must(w);
    window_change(w, count, span_us);
    return w;
}

void window_destroy(window_t **w)
{
    if (*w) {
        free((*w)->at_us);
        free(*w);
        *w = NULL;
    }
}

/* The n-th latest take, from 0; n < used. */
static int64_t *take_at(window_t *w, uint32_t n)
{
    return &w->at_us[(w->newest + w->room - n) % w->room];
}
static int64_t taken_us(const window_t *w, uint32_t n)
{
    return w->at_us[(w->newest + w->room - n) % w->room];
}

static void push(window_t *w, int64_t at_us)
{
    w->newest = (w->newest + 1) % w->room;
    w->at_us[w->newest] = at_us;
    if (w->used < w->room)
        w->used++;
}

/* Room for `room` takes; those that are there are kept. */
static void make_room(window_t *w, uint32_t room)
{
    window_t old = *w;
    w->at_us = calloc(room, sizeof *w->at_us);
    must(w->at_us);
    w->room = room;
    w->used = 0;
    for (uint32_t n = old.used; n-- > 0;)
        push(w, taken_us(&old, n));
    free(old.at_us);
}

void window_change(window_t *w, uint32_t count, int64_t span_us)
{
    must(count > 0 && count <= WINDOW_COUNT_MAX && span_us > 0);
    w->count = count;
    w->span_us = span_us;
    if (count != w->room)
        make_room(w, count > w->used ? count : w->used);
}

int64_t window_wait_us(const window_t *w, instant_t now, uint32_t cost)
{
    if (cost > w->count)
        return -1;
    uint32_t may_stay = w->count - cost; /* this many of the latest may still be in the span */
    if (cost == 0 || may_stay >= w->used)
        return 0;
    int64_t wait =
        instant_since_us(instant_after_us((instant_t){taken_us(w, may_stay)}, w->span_us), now);
    return wait > 0 ? wait : 0;
}

instant_t window_take(window_t *w, instant_t now, instant_t felt, uint32_t cost)
{
    must(window_wait_us(w, now, cost) == 0 && felt.us >= now.us);
    if (w->used > 0 && taken_us(w, 0) > felt.us)
        felt.us = taken_us(w, 0);
    for (uint32_t n = 0; n < cost; n++)
        push(w, felt.us);
    return felt;
}

void window_give(window_t *w, instant_t felt, uint32_t cost)
{
    uint32_t first = 0; /* the latest one that is not after it */
    while (first < w->used && taken_us(w, first) > felt.us)
        first++;
    uint32_t given = 0;
    while (given < cost && first + given < w->used && taken_us(w, first + given) == felt.us)
        given++;
    if (given == 0)
        return;
    for (uint32_t n = first; n-- > 0;) /* the later ones move back over the gap */
        *take_at(w, n + given) = taken_us(w, n);
    w->newest = (w->newest + w->room - given) % w->room;
    w->used -= given;
}

static uint32_t in_span(const window_t *w, instant_t now)
{
    uint32_t low = 0, high = w->used; /* those below low are in the span, from high on are out */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (now.us - taken_us(w, middle) < w->span_us)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t window_left(const window_t *w, instant_t now)
{
    uint32_t in = in_span(w, now);
    return in < w->count ? w->count - in : 0;
}

static uint8_t *put_number(uint8_t *out, uint64_t n)
{
    for (; n >= 0x80; n >>= 7)
        *out++ = (uint8_t)(n | 0x80);
    *out++ = (uint8_t)n;
    return out;
}

/* -EBADMSG: there is none, or one that has no place in 63 bits. Cuts it off *from. */
static int get_number(bytes_t *from, int64_t *n)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 63 && from->len > 0; shift += 7) {
        uint8_t byte = *from->data;
        from->data++;
        from->len--;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *n = (int64_t)value;
            return 0;
        }
    }
    return -EBADMSG;
}

size_t window_to_bytes(const window_t *w, instant_t now, uint8_t *out)
{
    uint32_t count = in_span(w, now);
    uint8_t *p = out;
    *p++ = WINDOW_VERSION;
    p = put_number(p, count);
    for (uint32_t n = 0; n < count; n++)
        p = put_number(p,
                       (uint64_t)(n == 0 ? taken_us(w, 0) : taken_us(w, n - 1) - taken_us(w, n)));
    must(p - out <= WINDOW_BYTES_MAX);
    return (size_t)(p - out);
}

/* Into `at_us`, the latest first; how many, or -EBADMSG. */
static int read_takes(bytes_t kept, instant_t latest, int64_t at_us[WINDOW_COUNT_MAX])
{
    int64_t count = 0, number = 0;
    if (kept.len == 0 || kept.data[0] != WINDOW_VERSION)
        return -EBADMSG;
    kept = bytes_of(kept.data + 1, kept.len - 1);
    if (get_number(&kept, &count) < 0 || count > WINDOW_COUNT_MAX)
        return -EBADMSG;
    for (int64_t n = 0; n < count; n++) {
        if (get_number(&kept, &number) < 0 || number > (n == 0 ? latest.us : at_us[n - 1]))
            return -EBADMSG;
        at_us[n] = n == 0 ? number : at_us[n - 1] - number;
    }
    return kept.len == 0 ? (int)count : -EBADMSG;
}

int window_from_bytes(window_t *w, bytes_t kept, instant_t latest)
{
    must(w->used == 0);
    int64_t at_us[WINDOW_COUNT_MAX];
    int count = read_takes(kept, latest, at_us);
    if (count < 0)
        return count;
    if ((uint32_t)count > w->room)
        make_room(w, (uint32_t)count);
    while (count-- > 0)
        push(w, at_us[count]);
    return 0;
}

void window_new_boot(window_t *w, instant_t now)
{
    for (uint32_t n = 0; n < w->count; n++)
        push(w, now.us);
}
