#include "actors/ingress/lease_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/utf8.h"

/* What is being read, handed down instead of four parameters. */
typedef struct reading {
    const config_t *config;
    lease_wanted_t *out;
    lease_doubt_t *why;
    const json_t *shared; /* labels for all limits; NULL: none */
    json_t *limits;       /* as LEASE will say them */
} reading_t;

static bool refuse(lease_doubt_t *why, const char *pointer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool refuse(lease_doubt_t *why, const char *pointer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why->detail, sizeof why->detail, format, args);
    va_end(args);
    if (pointer != why->pointer)
        snprintf(why->pointer, sizeof why->pointer, "%s", pointer);
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
    char pointer[32];
    *length = 0;
    if (!value)
        return true;
    snprintf(pointer, sizeof pointer, "/%s", name);
    bytes_t text = text_of(value);
    if (!json_is_string(value) || !text.len || text.len > most || !is_printable(text))
        return refuse(r->why, pointer, "%s is a text of 1 to %zu bytes without control characters",
                      name, most);
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
        return refuse(r->why, "/ttl_s", "ttl_s is a whole number from 1 to %d", LEASE_TTL_S_MAX);
    r->out->ttl_ms = (uint32_t)seconds * 1000u;
    return true;
}

/* A member that nobody knows is a mistake that would otherwise show late. */
static bool only(const reading_t *r, const json_t *object, const char *const *names, size_t count,
                 const char *at)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        size_t i = 0;
        while (i < count && strcmp(names[i], name) != 0)
            i++;
        if (i < count)
            continue;
        snprintf(r->why->pointer, sizeof r->why->pointer, "%s/%.64s", at, name);
        return refuse(r->why, r->why->pointer, "%.64s is not known here", name);
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

/* The labels that the limit counts by; `own` before the shared ones. The caller's; NULL: refused.
 */
static json_t *labels_of(const reading_t *r, const limit_t *limit, const json_t *own,
                         const char *at)
{
    json_t *labels = json_object();
    must(labels);
    for (size_t i = 0; i < limit->per_count; i++) {
        json_t *value = json_object_get(own, limit->per[i]);
        value = value ? value : json_object_get(r->shared, limit->per[i]);
        bytes_t text = text_of(value);
        if (!json_is_string(value) || !text.len || text.len > KEY_BYTES_MAX ||
            !is_printable(text)) {
            snprintf(r->why->pointer, sizeof r->why->pointer, "%s/labels/%s", at, limit->per[i]);
            refuse(r->why, r->why->pointer,
                   "limit %s counts by %s: say it in labels, a text of 1 to %u bytes", limit->name,
                   limit->per[i], KEY_BYTES_MAX);
            json_decref(labels);
            return NULL;
        }
        must(json_object_set(labels, limit->per[i], value) == 0);
    }
    return labels;
}

static bool are_labels(const reading_t *r, const json_t *labels, const char *at)
{
    return !labels || json_is_object(labels) || refuse(r->why, at, "labels is {name: text}");
}

static bool add_limit(const reading_t *r, const char *name, const json_t *json, const char *at)
{
    char labels_at[64];
    const json_t *own = json_object_get(json, "labels"), *cost = json_object_get(json, "cost");
    json_int_t units = cost ? json_integer_value(cost) : 1;
    long index = index_of(r->config, name);
    snprintf(labels_at, sizeof labels_at, "%s/labels", at);
    if (index < 0)
        return refuse(r->why, at, "there is no limit %.64s", name);
    for (size_t i = 0; i < r->out->limit_count; i++)
        if (r->out->limits[i] == (uint16_t)index)
            return refuse(r->why, at, "limit %.64s is named twice; say cost instead", name);
    if ((cost && !json_is_integer(cost)) || units < 1 || units > UINT16_MAX)
        return refuse(r->why, at, "cost is a whole number from 1 to %d", UINT16_MAX);
    if (!are_labels(r, own, labels_at))
        return false;
    json_t *labels = labels_of(r, &r->config->limits[index], own, at);
    if (!labels)
        return false;
    json_t *said = json_pack("{s:s, s:o, s:I}", "name", name, "labels", labels, "cost", units);
    must(said && json_array_append_new(r->limits, said) == 0);
    r->out->limits[r->out->limit_count++] = (uint16_t)index;
    return true;
}

static bool take_limit(const reading_t *r, const json_t *item, size_t place)
{
    static const char *const names[] = {"name", "labels", "cost"};
    char at[32];
    const json_t *name = json_is_object(item) ? json_object_get(item, "name") : item;
    snprintf(at, sizeof at, "/limits/%zu", place);
    if (!json_is_string(name))
        return refuse(r->why, at, "a limit is its name, or {name, labels, cost}");
    if (json_is_object(item) && !only(r, item, names, COUNT_OF(names), at))
        return false;
    return add_limit(r, json_string_value(name), json_is_object(item) ? item : NULL, at);
}

static bool take_limits(reading_t *r, const json_t *body)
{
    const json_t *list = json_object_get(body, "limits");
    size_t count = json_array_size(list);
    r->shared = json_object_get(body, "labels");
    if (!json_is_array(list) || count < 1 || count > LEASE_DRAWS_MAX)
        return refuse(r->why, "/limits", "limits is a list of 1 to %u limits", LEASE_DRAWS_MAX);
    if (!are_labels(r, r->shared, "/labels"))
        return false;
    r->limits = json_array();
    must(r->limits);
    bool good = true;
    for (size_t i = 0; i < count && good; i++)
        good = take_limit(r, json_array_get(list, i), i);
    char *text = good ? json_dumps(r->limits, JSON_COMPACT) : NULL;
    json_decref(r->limits);
    if (text && strlen(text) > LEASE_LIMITS_BYTES_MAX) {
        free(text);
        return refuse(r->why, "/limits", "the limits and their labels are too long together");
    }
    r->out->text = text;
    return good;
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
    out->id_len = out->limit_count = out->holder_len = 0;
    out->text = NULL;
    out->ttl_ms = 0;
}

bool lease_read(const config_t *config, const json_t *body, lease_order_t order,
                lease_wanted_t *out, lease_doubt_t *why)
{
    bool names_it = order == LEASE_ACQUIRE; /* elsewhere its path does */
    reading_t r = {.config = config, .out = out, .why = why};
    begin(out, order);
    if (!body && order != LEASE_ACQUIRE)
        return true;
    if (!json_is_object(body))
        return refuse(why, "", "it is no JSON object");
    return only(&r, body, members + (names_it ? 1 : 2), names_it + members_of(order), "") &&
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
    reading_t r = {.config = config, .out = out, .why = why};
    int order = order_of(element);
    begin(out, LEASE_ACQUIRE);
    if (!json_is_object(element))
        return refuse(why, "", "it is no JSON object");
    if (order < 0)
        return refuse(why, "/order", "order is acquire, renew, release or look");
    out->order = (lease_order_t)order;
    if (!only(&r, element, members, 2 + members_of(out->order), ""))
        return false;
    if (order != LEASE_ACQUIRE && !json_object_get(element, "id"))
        return refuse(why, "/id", "say which lease: id");
    return take_text(&r, element, "id", sizeof out->id, out->id, &out->id_len) &&
           read_order(&r, element);
}

void lease_wanted_clear(lease_wanted_t *w)
{
    free(w->text);
    w->text = NULL;
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
    for (size_t i = 0; i < id.len; i++)
        out += snprintf(out, 4, is_unreserved(id.data[i]) ? "%c" : "%%%02X", id.data[i]);
    *out = '\0';
}
