/* shown.c: a bucket as people read it. */
#include "actors/limiter/parts.h"

#include <stdio.h>

#define SHOWN_BYTES_MAX 300u /* of one name */

void bucket_value(const bucket_t *b, char *out, size_t size)
{
    size_t n = 0;
    for (size_t k = 0; k < b->length && n + 3 < size; k++) {
        if (b->name[k] == '\x1f' || b->name[k] == '\x1e') {
            out[n++] = ',';
            out[n++] = ' ';
        } else {
            out[n++] = b->name[k];
        }
    }
    out[n] = '\0';
}

/* They are written as people see values: "a, b". */
long bucket_override(const bucket_t *b)
{
    char value[BUCKET_NAME_MAX];
    bucket_value(b, value, sizeof value);
    return overrides_find(b->of->overrides, bytes_str(value));
}

/* The value of the nth label of per. */
static bytes_t nth_value(const bucket_t *b, size_t nth)
{
    const char *at = b->name, *end = b->name + b->length;
    for (; nth > 0 && at < end; at++)
        nth -= *at == '\x1f';
    const char *stop = at;
    while (stop < end && *stop != '\x1f' && *stop != '\x1e')
        stop++;
    return bytes_of(at, (size_t)(stop - at));
}

void bucket_shown(const bucket_t *b, char *out, size_t size)
{
    const limit_t *limit = b->of->limit;
    const char *shown = limit->shown ? limit->shown : limit->name;
    size_t n = 0;
    while (*shown && n + 1 < size) {
        const char *close = *shown == '{' ? strchr(shown, '}') : NULL;
        bytes_t value = bytes_of(shown, 1);
        for (size_t k = 0; close && k < limit->per_count; k++)
            if (bytes_is(bytes_of(shown + 1, (size_t)(close - shown - 1)), limit->per[k])) {
                value = nth_value(b, k);
                shown = close;
                break;
            }
        for (size_t k = 0; k < value.len && n + 1 < size; k++)
            out[n++] = (char)value.data[k];
        shown++;
    }
    out[n] = '\0';
}

static size_t limit_row(const limiter_t *l, const need_t *need, char *out, size_t size)
{
    const bucket_t *b = need->bucket;
    char shown[BUCKET_NAME_MAX + 256], quoted[JSON_QUOTED_BYTES(SHOWN_BYTES_MAX)],
        slots[16] = "null";
    bucket_shown(b, shown, sizeof shown);
    json_text_quote(bytes_of(shown, utf8_prefix(bytes_str(shown), SHOWN_BYTES_MAX)), quoted);
    uint32_t most = bucket_slots(l, b, CLASS_CRITICAL);
    if (most != SLOTS_ANY)
        snprintf(slots, sizeof slots, "%u", most);
    return (size_t)snprintf(out, size,
                            "{\"name\":\"%s\",\"shown\":%s,\"cost\":%u,\"in_use\":%u,\"slots\":%s}",
                            b->of->limit->name, quoted, need->cost, b->in_use, slots);
}

void needs_shown(const limiter_t *l, const needs_t *needs, int only,
                 char out[LEASE_LIMITS_BYTES_MAX + 1])
{
    size_t length = 1, size = LEASE_LIMITS_BYTES_MAX; /* and the closing bracket */
    out[0] = '[';
    for (int n = 0; needs && n < needs->count && length < size; n++)
        if ((only < 0 || n == only) && !needs->of[n].bucket->whole) {
            if (length > 1)
                out[length++] = ',';
            length += limit_row(l, &needs->of[n], out + length, size - length);
        }
    strcpy(length < size ? out + length : out + 1, "]");
}
