/* shown.c: a bucket as people read it. */
#include "actors/limiter/parts.h"

#include "core/text.h"

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
uint32_t bucket_number(const bucket_t *b, enum limit_number of, uint32_t otherwise)
{
    const limit_state_t *s = b->of;
    char value[BUCKET_NAME_MAX];
    if (!s->overrides[of] || b->whole || BUG(OVERRIDE_IGNORED))
        return otherwise;
    bucket_value(b, value, sizeof value);
    long place = overrides_find(s->overrides[of], bytes_str(value));
    return place < 0 ? otherwise : s->values[of][place].value;
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

/* No limit of the configuration has a colon in its name. */
log_line_t limit_line(enum log_event event, const char *limit, const char *text)
{
    static const char route[] = "route:", downstream[] = "downstream:";
    log_line_t line = {.event = event, .limit = bytes_str(limit), .text = text};
    if (strncmp(limit, route, sizeof route - 1) == 0)
        line.route = bytes_str(limit + sizeof route - 1);
    else if (strncmp(limit, downstream, sizeof downstream - 1) == 0)
        line.downstream = bytes_str(limit + sizeof downstream - 1);
    return line;
}

bytes_t bucket_shown_short(const bucket_t *b, char out[BUCKET_SHOWN_ROOM])
{
    bucket_shown(b, out, BUCKET_SHOWN_ROOM);
    return bytes_of(out, utf8_prefix(bytes_str(out), SHOWN_BYTES_MAX));
}

static void put_row(const limiter_t *l, const need_t *need, text_t *t)
{
    const bucket_t *b = need->bucket;
    char shown[BUCKET_SHOWN_ROOM];
    uint32_t most = bucket_slots(l, b, CLASS_CRITICAL);
    text_put_str(t, "{\"name\":");
    text_put_quoted(t, bytes_str(b->of->limit->name));
    text_put_str(t, ",\"shown\":");
    text_put_quoted(t, bucket_shown_short(b, shown));
    text_put_str(t, ",\"cost\":");
    text_put_number(t, need->cost);
    text_put_str(t, ",\"in_use\":");
    text_put_number(t, b->in_use);
    text_put_str(t, ",\"slots\":");
    if (most == SLOTS_ANY)
        text_put_str(t, "null");
    else
        text_put_number(t, most);
    text_put_str(t, "}");
}

size_t needs_shown(const limiter_t *l, const needs_t *needs, char out[LEASE_LIMITS_BYTES_MAX])
{
    text_t t = text_in(out, LEASE_LIMITS_BYTES_MAX);
    text_put_str(&t, "[");
    for (int n = 0; needs && n < needs->count; n++)
        if (!needs->of[n].bucket->whole) {
            text_put_str(&t, t.at - t.begin > 1 ? "," : "");
            put_row(l, &needs->of[n], &t);
        }
    text_put_str(&t, "]");
    if (!t.cut)
        return text_so_far(&t).len;
    memcpy(out, "[]", 2);
    return 2;
}
