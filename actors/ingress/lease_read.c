#include "actors/ingress/lease_read.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/text.h"
#include "core/utf8.h"

/* What is being read, handed down instead of four parameters. */
typedef struct reading {
    const config_t *config;
    lease_wanted_t *out;
    lease_doubt_t *why;
    const json_t *shared; /* labels for all limits; NULL: none */
    int place;            /* of the limit that is being read; -1: none */
    text_t limits;        /* as LEASE will say them */
} reading_t;

/* `member` of the whole, or of the limit that is being read: as a JSON pointer. */
static bool refuse(const reading_t *r, const char *member, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool refuse(const reading_t *r, const char *member, const char *format, ...)
{
    lease_doubt_t *why = r->why;
    va_list args;
    va_start(args, format);
    vsnprintf(why->detail, sizeof why->detail, format, args);
    va_end(args);
    if (r->place < 0)
        snprintf(why->pointer, sizeof why->pointer, "%s", member);
    else
        snprintf(why->pointer, sizeof why->pointer, "/limits/%d%s", r->place, member);
    why->problem = (problem_t){.kind = PROBLEM_UNPROCESSABLE,
                               .detail = bytes_str(why->detail),
                               .pointer = bytes_str(why->pointer)};
    return false;
}

/* ---- texts and numbers */

static bool is_printable(bytes_t text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < ' ' || text.data[i] == 0x7f)
            return false;
    return true;
}

static bytes_t text_of(const json_t *value)
{
    return bytes_of(json_string_value(value), json_string_length(value));
}

/* A text of 1 to `most` bytes, or nothing when it is absent. */
static bool take_text(const reading_t *r, const json_t *object, const char *name, size_t most,
                      char *out, size_t *length)
{
    const json_t *value = json_object_get(object, name);
    *length = 0;
    if (!value)
        return true;
    bytes_t text = text_of(value);
    if (!json_is_string(value) || !text.len || text.len > most || !is_printable(text)) {
        char member[32];
        snprintf(member, sizeof member, "/%s", name);
        return refuse(r, member, "%s is a text of 1 to %zu bytes without control characters", name,
                      most);
    }
    memcpy(out, text.data, text.len);
    *length = text.len;
    return true;
}

static bool take_ttl(const reading_t *r, const json_t *object)
{
    const json_t *value = json_object_get(object, "ttl_s");
    if (!value)
        return true;
    json_int_t seconds = json_integer_value(value);
    if (!json_is_integer(value) || seconds < 1 || seconds > LEASE_TTL_S_MAX)
        return refuse(r, "/ttl_s", "ttl_s is a whole number from 1 to %d", LEASE_TTL_S_MAX);
    r->out->ttl_ms = (uint32_t)seconds * 1000u;
    return true;
}

/* A member that nobody knows is a mistake that would otherwise show late. */
static bool only(const reading_t *r, const json_t *object, const char *const *names, size_t count)
{
    char member[80];
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        size_t i = 0;
        while (i < count && strcmp(names[i], name) != 0)
            i++;
        if (i < count)
            continue;
        snprintf(member, sizeof member, "/%.64s", name);
        return refuse(r, member, "%.64s is not known here", name);
    }
    return true;
}

/* ---- limits */

static long index_of(const config_t *c, const char *name)
{
    for (size_t i = 0; i < c->limit_count; i++)
        if (!c->limits[i].own && strcmp(c->limits[i].name, name) == 0)
            return (long)i;
    return -1;
}

/* `own` before the shared ones. */
static bool say_label(reading_t *r, const limit_t *limit, const char *name, const json_t *own)
{
    const json_t *value = json_object_get(own, name);
    value = value ? value : json_object_get(r->shared, name);
    bytes_t text = text_of(value);
    if (!json_is_string(value) || !text.len || text.len > KEY_BYTES_MAX || !is_printable(text)) {
        char member[120];
        snprintf(member, sizeof member, "/labels/%s", name);
        return refuse(r, member, "limit %s counts by %s: say it in labels, a text of 1 to %u bytes",
                      limit->name, name, KEY_BYTES_MAX);
    }
    text_put_str(&r->limits, r->limits.at[-1] == '{' ? "" : ",");
    text_put_quoted(&r->limits, bytes_str(name));
    text_put_str(&r->limits, ":");
    text_put_quoted(&r->limits, text);
    return true;
}

static bool counts_by(const limit_t *limit, const char *name)
{
    for (size_t i = 0; i < limit->per_count; i++)
        if (strcmp(limit->per[i], name) == 0)
            return true;
    return false;
}

/* The labels that the limit counts by, and the one that it is shared by. */
static bool say_labels(reading_t *r, const limit_t *limit, const json_t *own)
{
    for (size_t i = 0; i < limit->per_count; i++)
        if (!say_label(r, limit, limit->per[i], own))
            return false;
    return !limit->share_by || counts_by(limit, limit->share_by) ||
           say_label(r, limit, limit->share_by, own);
}

static bool are_labels(const reading_t *r, const json_t *labels)
{
    return !labels || json_is_object(labels) || refuse(r, "/labels", "labels is {name: text}");
}

static bool say_limit(reading_t *r, const limit_t *limit, const json_t *own, json_int_t units)
{
    text_put_str(&r->limits, r->out->limit_count > 0 ? ",{\"name\":" : "{\"name\":");
    text_put_quoted(&r->limits, bytes_str(limit->name));
    text_put_str(&r->limits, ",\"labels\":{");
    if (!say_labels(r, limit, own))
        return false;
    text_put_str(&r->limits, "},\"cost\":");
    text_put_number(&r->limits, (uint64_t)units);
    text_put_str(&r->limits, "}");
    return true;
}

static bool add_limit(reading_t *r, const char *name, const json_t *json)
{
    const json_t *own = json_object_get(json, "labels"), *cost = json_object_get(json, "cost");
    json_int_t units = cost ? json_integer_value(cost) : 1;
    long index = index_of(r->config, name);
    if (index < 0)
        return refuse(r, "", "there is no limit %.64s", name);
    for (size_t i = 0; i < r->out->limit_count; i++)
        if (r->out->limits[i] == (uint16_t)index)
            return refuse(r, "", "limit %.64s is named twice; say cost instead", name);
    if ((cost && !json_is_integer(cost)) || units < 1 || units > UINT16_MAX)
        return refuse(r, "", "cost is a whole number from 1 to %d", UINT16_MAX);
    if (!are_labels(r, own) || !say_limit(r, &r->config->limits[index], own, units))
        return false;
    r->out->limits[r->out->limit_count++] = (uint16_t)index;
    return true;
}

static bool take_limit(reading_t *r, const json_t *item)
{
    static const char *const names[] = {"name", "labels", "cost"};
    const json_t *name = json_is_object(item) ? json_object_get(item, "name") : item;
    if (!json_is_string(name))
        return refuse(r, "", "a limit is its name, or {name, labels, cost}");
    if (json_is_object(item) && !only(r, item, names, COUNT_OF(names)))
        return false;
    return add_limit(r, json_string_value(name), json_is_object(item) ? item : NULL);
}

static bool take_limits(reading_t *r, const json_t *body)
{
    const json_t *list = json_object_get(body, "limits");
    size_t count = json_array_size(list);
    r->shared = json_object_get(body, "labels");
    if (!json_is_array(list) || count < 1 || count > LEASE_DRAWS_MAX)
        return refuse(r, "/limits", "limits is a list of 1 to %u limits", LEASE_DRAWS_MAX);
    if (!are_labels(r, r->shared))
        return false;
    r->limits = text_in(r->out->text, sizeof r->out->text);
    text_put_str(&r->limits, "[");
    for (r->place = 0; (size_t)r->place < count; r->place++)
        if (!take_limit(r, json_array_get(list, (size_t)r->place)))
            return false;
    r->place = -1;
    text_put_str(&r->limits, "]");
    if (r->limits.cut)
        return refuse(r, "/limits", "the limits and their labels are too long together");
    r->out->text_len = text_so_far(&r->limits).len;
    return true;
}

/* ---- the whole */

/* Of an order, after `order` and `id`: how many of these it knows. */
static const char *const members[] = {"order", "id", "holder", "ttl_s", "limits", "labels"};

static size_t members_of(lease_order_t order)
{
    switch (order) {
    case LEASE_ACQUIRE:
        return 4;
    case LEASE_RENEW:
        return 2;
    case LEASE_RELEASE:
        return 1;
    case LEASE_LOOK:
        return 0;
    }
    must(false);
}

static bool read_order(reading_t *r, const json_t *body)
{
    lease_wanted_t *out = r->out;
    bool acquires = out->order == LEASE_ACQUIRE;
    if (!take_ttl(r, body) ||
        !take_text(r, body, "holder", sizeof out->holder, out->holder, &out->holder_len))
        return false;
    return !acquires || (take_text(r, body, "id", sizeof out->id, out->id, &out->id_len) &&
                         take_limits(r, body));
}

static void begin(lease_wanted_t *out, lease_order_t order)
{
    out->order = order;
    out->id_len = out->limit_count = out->holder_len = out->text_len = 0;
    out->ttl_ms = 0;
}

bool lease_read(const config_t *config, const json_t *body, lease_order_t order,
                lease_wanted_t *out, lease_doubt_t *why)
{
    bool names_it = order == LEASE_ACQUIRE; /* elsewhere its path does */
    reading_t r = {.config = config, .out = out, .why = why, .place = -1};
    begin(out, order);
    if (!body && order != LEASE_ACQUIRE)
        return true;
    if (!json_is_object(body))
        return refuse(&r, "", "it is no JSON object");
    return only(&r, body, members + (names_it ? 1 : 2), names_it + members_of(order)) &&
           read_order(&r, body);
}

static int order_of(const json_t *element)
{
    const json_t *value = json_object_get(element, "order");
    return value ? lease_order_of(text_of(value)) : LEASE_ACQUIRE;
}

bool lease_read_element(const config_t *config, const json_t *element, lease_wanted_t *out,
                        lease_doubt_t *why)
{
    reading_t r = {.config = config, .out = out, .why = why, .place = -1};
    int order = order_of(element);
    begin(out, LEASE_ACQUIRE);
    if (!json_is_object(element))
        return refuse(&r, "", "it is no JSON object");
    if (order < 0)
        return refuse(&r, "/order", "order is acquire, renew, release or look");
    out->order = (lease_order_t)order;
    if (!only(&r, element, members, 2 + members_of(out->order)))
        return false;
    if (order != LEASE_ACQUIRE && !json_object_get(element, "id"))
        return refuse(&r, "/id", "say which lease: id");
    return take_text(&r, element, "id", sizeof out->id, out->id, &out->id_len) &&
           read_order(&r, element);
}

/* ---- ids in paths (RFC 3986 section 2.1) */

static int hex_of(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool lease_id_of_path(bytes_t path, lease_wanted_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < path.len; i++) {
        int c = path.data[i];
        if (c == '/' || n == sizeof out->id)
            return false;
        if (c == '%') {
            int high = path.len - i > 2 ? hex_of(path.data[i + 1]) : -1;
            int low = high >= 0 ? hex_of(path.data[i + 2]) : -1;
            if (low < 0)
                return false;
            c = high << 4 | low;
            i += 2;
        }
        out->id[n++] = (char)c;
    }
    out->id_len = n;
    return n > 0 && is_printable(bytes_of(out->id, n)) && utf8_valid(bytes_of(out->id, n));
}

static bool is_unreserved(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && strchr("-._~", c));
}

void lease_id_to_path(bytes_t id, char *out)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < id.len; i++) {
        uint8_t c = id.data[i];
        if (is_unreserved(c)) {
            *out++ = (char)c;
            continue;
        }
        *out++ = '%';
        *out++ = hex[c >> 4];
        *out++ = hex[c & 15];
    }
    *out = '\0';
}
