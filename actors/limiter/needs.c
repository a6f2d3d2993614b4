/* needs.c: what one level takes together, all of it or nothing. */
#include "actors/limiter/parts.h"

#include "core/text.h"

#include <stdlib.h>

#define NEEDS_BYTES_MAX 3900 /* two levels fit one row */

/* NULL: there are none. */
static json_t *labels_parsed(const label_values_t *of)
{
    return of->labels.len ? json_loadb((const char *)of->labels.data, of->labels.len, 0, NULL)
                          : NULL;
}

void label_value(const label_values_t *of, const char *name, char *out)
{
    json_t *own = NULL;
    bytes_t value = bytes_of(NULL, 0);
    if (strcmp(name, "key") == 0)
        value = of->key;
    else if (strcmp(name, "route") == 0)
        value = of->route;
    else if (strcmp(name, "source") == 0)
        value = of->source;
    else {
        const json_t *labels = of->parsed ? of->parsed : (own = labels_parsed(of));
        const json_t *found = json_object_get(labels, name);
        value = bytes_of(json_string_value(found), json_string_length(found));
    }
    size_t n = 0,
           length = value.len > LABEL_VALUE_MAX ? utf8_prefix(value, LABEL_VALUE_MAX) : value.len;
    for (; n < length; n++) /* control characters part values in names */
        out[n] = value.data[n] < 0x20 ? ' ' : (char)value.data[n];
    out[n] = '\0';
    json_decref(own);
}

static size_t values_of(const limit_t *limit, const label_values_t *of, char *out)
{
    size_t n = 0;
    for (size_t k = 0; k < limit->per_count; k++) {
        if (k > 0)
            out[n++] = '\x1f';
        label_value(of, limit->per[k], out + n);
        n += strlen(out + n);
    }
    return n;
}

needs_t *needs_room(size_t count)
{
    needs_t *needs = calloc(1, sizeof *needs + count * sizeof(need_t));
    must(needs);
    return needs;
}

/* Of a line in the row, where our own limits have none: else a retry, which draws from one more,
 * might not fit where its first try did. */
static size_t text_bytes(const limit_t *limit, size_t values)
{
    return limit->own ? 0 : values + strlen(limit->name) + 16;
}

static bool need_add(limiter_t *l, needs_t *needs, limit_state_t *s, uint32_t cost, bytes_t values,
                     bytes_t share)
{
    bucket_t *b = s->only && share.len == 0 ? s->only : bucket_get(l, s, values, share);
    if (!b)
        return false;
    if (b == s->only)
        b->users++;
    needs->of[needs->count++] = (need_t){.bucket = b, .cost = cost};
    needs->bytes += (uint16_t)text_bytes(s->limit, b->length);
    return needs->bytes <= NEEDS_BYTES_MAX;
}

#define VALUES_ROOM (4 * (LABEL_VALUE_MAX + 1))
#define SHARE_ROOM (LABEL_VALUE_MAX + 2)

/* The values of per, and of share_by where the limit has it. */
static bytes_t names_of(const limit_state_t *s, const label_values_t *of, char values[VALUES_ROOM],
                        char share[SHARE_ROOM])
{
    share[0] = '=';
    if (s->limit->share_by)
        label_value(of, s->limit->share_by, share + 1);
    return bytes_of(values, s->only ? 0 : values_of(s->limit, of, values));
}

bool needs_add(limiter_t *l, needs_t *needs, const draw_t *draw, const label_values_t *of)
{
    limit_state_t *s = &l->limits[draw->limit];
    char values[VALUES_ROOM], share[SHARE_ROOM];
    bytes_t per = names_of(s, of, values, share);
    return need_add(l, needs, s, draw->cost, per, bytes_of(NULL, 0)) &&
           (!s->limit->share_by || need_add(l, needs, s, draw->cost, per, bytes_str(share)));
}

size_t needs_lack(const limiter_t *l, const draw_t *draws, size_t count, const label_values_t *of)
{
    size_t lack = 0;
    for (size_t n = 0; n < count; n++) {
        const limit_state_t *s = &l->limits[draws[n].limit];
        char values[VALUES_ROOM], share[SHARE_ROOM];
        bytes_t per = names_of(s, of, values, share);
        lack += !s->only && !bucket_is_there(l, s, per, bytes_of(NULL, 0));
        lack += s->limit->share_by && !bucket_is_there(l, s, per, bytes_str(share));
    }
    return lack;
}

bool needs_too_long(const limiter_t *l, const draw_t *draws, size_t count, const label_values_t *of)
{
    size_t bytes = 0;
    for (size_t n = 0; n < count; n++) {
        const limit_t *limit = l->limits[draws[n].limit].limit;
        char values[4 * (LABEL_VALUE_MAX + 1)], share[LABEL_VALUE_MAX + 1];
        size_t length = values_of(limit, of, values);
        bytes += text_bytes(limit, length);
        if (!limit->share_by)
            continue;
        label_value(of, limit->share_by, share);
        bytes += text_bytes(limit, length + strlen("\x1e=") + strlen(share));
    }
    return bytes > NEEDS_BYTES_MAX;
}

needs_t *needs_new(limiter_t *l, const draw_t *draws, size_t count, const label_values_t *of)
{
    needs_t *needs = needs_room(2 * count);
    label_values_t values = *of;
    bool counts_labels = false; /* parsed once for all of them, and only then */
    for (size_t n = 0; n < count; n++)
        counts_labels |=
            l->limits[draws[n].limit].limit->per_count || l->limits[draws[n].limit].limit->share_by;
    json_t *parsed = counts_labels && !of->parsed ? labels_parsed(of) : NULL;
    if (parsed)
        values.parsed = parsed;
    for (size_t n = 0; n < count && needs; n++)
        if (!needs_add(l, needs, &draws[n], &values))
            needs_free(l, &needs);
    json_decref(parsed);
    return needs;
}

/* Of slots alone nothing is left to remember; rates, caps and pauses are forgotten in their time
 * (kept.c). */
static void end_if_over(limiter_t *l, bucket_t *b)
{
    const limit_t *limit = b->of->limit;
    bucket_t *whole = b->whole;
    if (limit->rate.shape != RATE_NONE || limit->cap.zone || limit->learns || b->adaptive ||
        b->breaker || b == b->of->only || b->dirty || !bucket_is_idle(l, b))
        return;
    bucket_end(l, b);
    if (whole)
        end_if_over(l, whole);
}

void needs_free(limiter_t *l, needs_t **needs)
{
    for (size_t n = 0; *needs && n < (*needs)->count; n++) {
        bucket_release(l, (*needs)->of[n].bucket);
        end_if_over(l, (*needs)->of[n].bucket);
    }
    if (*needs) {
        lease_asked_end(l, *needs);
        free((*needs)->lease_id);
    }
    free(*needs);
    *needs = NULL;
}

/* Who was woken goes before those who wait for the limit that woke it. At another limit it may go
 * before them too, but not before a first one that waits for more room than is left: that one would
 * be passed without end. So that neither is it, its age counts from the second time on. */
static bool stands_behind(const limiter_t *l, const bucket_t *b, claim_t claim, const item_t *woken)
{
    if (!bucket_has_line(l, b, claim))
        return false;
    if (!woken)
        return true;
    const item_t *first = list_of(fair_first(&b->waiters), item_t, place);
    return item_waker(l, woken) != b && !(woken->in_vain && item_is_before(l, woken, first)) &&
           bucket_can(l, b, 0, item_claim(first)).can == CAN_FULL;
}

int needs_keep(const limiter_t *l, const needs_t *needs, uint8_t class, const item_t *woken,
               answer_can_t *why)
{
    for (int n = 0; needs && n < needs->count; n++) {
        const bucket_t *b = needs->of[n].bucket;
        claim_t claim = need_claim(&needs->of[n], class);
        *why = bucket_can(l, b, 0, claim);
        if (why->can != CAN_NOW)
            return n;
        if (stands_behind(l, b, claim, woken)) {
            why->can = CAN_FULL;
            return n;
        }
        if (BUG(FIRST_LEVEL_ONLY))
            break;
    }
    return -1;
}

bool needs_reject(const needs_t *needs)
{
    bool rejects = false;
    for (size_t n = 0; needs && n < needs->count; n++)
        rejects |= needs->of[n].bucket->of->limit->reject;
    return rejects;
}

void needs_take(limiter_t *l, needs_t *needs)
{
    for (size_t n = 0; needs && n < needs->count; n++)
        bucket_take(l, &needs->of[n]);
}

void need_ended(need_t *need, slow_start_end_t end)
{
    slow_start_ended(&need->bucket->slow, need->slow_turn, end);
    need->slow_turn = 0;
}

void needs_ended(needs_t *needs, slow_start_end_t end)
{
    for (size_t n = 0; needs && n < needs->count; n++)
        need_ended(&needs->of[n], end);
}

void needs_give(limiter_t *l, needs_t *needs)
{
    needs_ended(needs, SLOW_START_LOST); /* those whose end nobody told */
    for (size_t n = 0; needs && n < needs->count; n++)
        bucket_give(l, &needs->of[n]);
}

void needs_refund(limiter_t *l, const needs_t *needs)
{
    for (size_t n = 0; needs && n < needs->count; n++)
        bucket_refund(l, &needs->of[n]);
}

bool needs_equal(const needs_t *a, const needs_t *b)
{
    for (size_t n = 0, k = 0; n < a->count; n++, k = 0) {
        while (k < b->count &&
               (b->of[k].bucket != a->of[n].bucket || b->of[k].cost != a->of[n].cost))
            k++;
        if (k == b->count)
            return false;
    }
    return a->count == b->count;
}

const need_t *needs_too_large(const needs_t *needs, uint8_t class)
{
    for (size_t n = 0; needs && n < needs->count; n++)
        if (needs->of[n].cost == 0 || needs->of[n].cost > bucket_most(needs->of[n].bucket, class))
            return &needs->of[n];
    return NULL;
}

int64_t needs_start_within_us(const needs_t *needs, int64_t within)
{
    for (size_t n = 0; needs && n < needs->count; n++) {
        const bucket_t *b = needs->of[n].bucket;
        if (needs->of[n].felt_us && b->of->slack_us < within && !BUG(START_BY_UNCUT))
            within = b->of->slack_us;
    }
    return within;
}

uint64_t needs_ttl_ms(const needs_t *needs)
{
    uint64_t held = UINT64_MAX, any = UINT64_MAX;
    for (size_t n = 0; n < needs->count; n++) {
        const limit_t *limit = needs->of[n].bucket->of->limit;
        if (!limit->own && limit->ttl_ms < any)
            any = limit->ttl_ms;
        if (!limit->own && limit->slots > 0 && limit->ttl_ms < held)
            held = limit->ttl_ms;
    }
    return held < UINT64_MAX ? held : any;
}

/* ---- in the row ---- */

size_t needs_text(const needs_t *needs, char level, char *out, size_t size)
{
    text_t t = text_in(out, size);
    for (size_t n = 0; needs && n < needs->count; n++) {
        const bucket_t *b = needs->of[n].bucket;
        if (b->of->limit->own)
            continue; /* it follows from the step */
        if (t.at != t.begin)
            text_put_str(&t, "\n");
        text_put(&t, bytes_of(&level, 1));
        text_put_str(&t, "\t");
        text_put_str(&t, b->of->limit->name);
        text_put_str(&t, "\t");
        text_put_number(&t, needs->of[n].cost);
        text_put_str(&t, "\t");
        text_put(&t, bytes_of(b->name, b->length));
    }
    must(!t.cut);
    return text_so_far(&t).len;
}

bytes_t part_to(bytes_t *rest, char end)
{
    const uint8_t *at = rest->len ? memchr(rest->data, end, rest->len) : NULL;
    bytes_t part = at ? bytes_of(rest->data, (size_t)(at - rest->data)) : *rest;
    *rest = at ? bytes_of(at + 1, rest->len - part.len - 1) : bytes_of(NULL, 0);
    return part;
}

bytes_t bucket_name_parse(bytes_t name, bytes_t *share)
{
    const uint8_t *mark = name.len ? memchr(name.data, '\x1e', name.len) : NULL;
    bytes_t values = mark ? bytes_of(name.data, (size_t)(mark - name.data)) : name;
    *share = mark ? bytes_of(mark + 1, name.len - values.len - 1) : bytes_of(NULL, 0);
    return values;
}

static void need_parse(limiter_t *l, needs_t *needs, bytes_t line)
{
    part_to(&line, '\t'); /* the level */
    long limit = config_limit(l->config, part_to(&line, '\t'));
    bytes_t cost = part_to(&line, '\t');
    uint32_t number = 0;
    for (size_t n = 0; n < cost.len && n < 6; n++)
        number = number * 10 + (uint32_t)(cost.data[n] - '0');
    if (limit < 0 || number == 0)
        return;
    bytes_t share, values = bucket_name_parse(line, &share);
    need_add(l, needs, &l->limits[limit], number, values, share);
}

needs_t *needs_parse(limiter_t *l, bytes_t text, char level)
{
    needs_t *needs = NULL;
    while (text.len > 0) {
        bytes_t line = part_to(&text, '\n');
        if (line.len < 2 || line.data[0] != (uint8_t)level)
            continue;
        if (!needs)
            needs = needs_room(2 * DRAWS_MAX + 2);
        if (needs->count < 2 * DRAWS_MAX)
            need_parse(l, needs, line);
    }
    return needs;
}

static void add_own(limiter_t *l, needs_t *needs, draw_t own)
{
    need_add(l, needs, &l->limits[own.limit], own.cost, bytes_of(NULL, 0), bytes_of(NULL, 0));
}

/* The slots of its downstream's own limits follow from the step, and are not in the row. */
void needs_add_own(limiter_t *l, needs_t **needs, const step_t *step, bool is_retry)
{
    const downstream_t *d = step->downstream;
    if (!d)
        return;
    if (!*needs)
        *needs = needs_room(2);
    add_own(l, *needs, d->draws[d->draw_count - 1]);
    if (is_retry && d->retry.cost > 0)
        add_own(l, *needs, d->retry);
}
