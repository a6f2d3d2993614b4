/* Is this head beyond doubt? What two parsers may read differently is refused (RFC 9112, sections
 * 2.2, 3, 5.2, 6.3 and 11): folded lines, a lone LF or CR, NUL, two lengths, length and coding,
 * blanks before a colon. Pure. */
#include <ctype.h>
#include <strings.h>

#include "core/http_head.h"

#define METHOD_BYTES_MAX 16u

/* What the looks at a head's parts have found so far. */
struct head_look {
    http_head_t *head;
    unsigned hosts, lengths, codings;
};

static bool is_token_char(unsigned char c)
{
    return isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(bytes_t s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_token_char(s.data[i]))
            return false;
    return s.len > 0;
}

/* Visible characters, blanks, tabs, and bytes above ASCII (obs-text). */
static bool is_value(bytes_t s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((s.data[i] < 0x20 && s.data[i] != '\t') || s.data[i] == 0x7f)
            return false;
    return true;
}

static bool is_target_text(bytes_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = s.data[i];
        if (c <= 0x20 || c >= 0x7f || strchr("#\"<>\\^`{|}", c))
            return false;
    }
    return true;
}

static bool is_name(bytes_t name, const char *want)
{
    return strlen(want) == name.len && strncasecmp((const char *)name.data, want, name.len) == 0;
}

static bool starts(bytes_t s, const char *with)
{
    return s.len >= strlen(with) && strncasecmp((const char *)s.data, with, strlen(with)) == 0;
}

static bool is_target(bytes_t s, bool options)
{
    if (bytes_is(s, "*"))
        return options;
    return (starts(s, "/") || starts(s, "http://") || starts(s, "https://")) && is_target_text(s);
}

static void doubt(struct head_look *l, unsigned status)
{
    if (l->head->status == 0)
        l->head->status = status;
}

/* 1 to 18 digits: fits in 63 bits, and no parser reads it otherwise. */
static void look_at_length(struct head_look *l, bytes_t value)
{
    uint64_t n = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (!isdigit(value.data[i]) || i >= 18) {
            doubt(l, 400);
            return;
        }
        n = n * 10 + (uint64_t)(value.data[i] - '0');
    }
    if (value.len == 0 || l->lengths++ > 0)
        doubt(l, 400);
    l->head->content_length = n;
}

/* A list of words, of which two mean something here. */
static void look_at_connection(http_head_t *head, bytes_t value)
{
    for (size_t at = 0; at < value.len;) {
        size_t end = at;
        while (end < value.len && value.data[end] != ',')
            end++;
        size_t from = at, to = end;
        while (from < to && (value.data[from] == ' ' || value.data[from] == '\t'))
            from++;
        while (to > from && (value.data[to - 1] == ' ' || value.data[to - 1] == '\t'))
            to--;
        bytes_t word = bytes_of(value.data + from, to - from);
        head->closes |= is_name(word, "close");
        head->keeps |= is_name(word, "keep-alive");
        at = end + 1;
    }
}

/* A name or address, perhaps with a port: no blank, and nothing that ends it in a URL. */
static bool is_host(bytes_t value)
{
    return is_target_text(value) && !memchr(value.data, '/', value.len) &&
           !memchr(value.data, '@', value.len) && !memchr(value.data, ',', value.len);
}

static void look_at_meaning(struct head_look *l, bytes_t name, bytes_t value)
{
    http_head_t *head = l->head;
    switch (name.len) { /* of the few that mean something, no two are of one length but two */
    case 4:
        if (is_name(name, "host") && (l->hosts++ > 0 || !is_host(value)))
            doubt(l, 400);
        break;
    case 6:
        if (is_name(name, "expect")) {
            head->expects = true;
            if (head->http11 && !is_name(value, "100-continue"))
                doubt(l, 417);
        }
        break;
    case 10:
        if (is_name(name, "connection"))
            look_at_connection(head, value);
        break;
    case 14:
        if (is_name(name, "content-length"))
            look_at_length(l, value);
        break;
    case 17:
        if (is_name(name, "transfer-encoding")) {
            head->chunked = true;
            if (l->codings++ > 0 || !head->http11 || !is_name(value, "chunked"))
                doubt(l, 400);
        }
        break;
    default:
        break;
    }
}

static void look_at_version(struct head_look *l, bytes_t v)
{
    bool shaped = v.len == 8 && memcmp(v.data, "HTTP/", 5) == 0 && isdigit(v.data[5]) &&
                  v.data[6] == '.' && isdigit(v.data[7]);
    l->head->http11 = shaped && bytes_is(v, "HTTP/1.1");
    if (!shaped)
        doubt(l, 400);
    else if (!l->head->http11 && !bytes_is(v, "HTTP/1.0"))
        doubt(l, 505);
}

static void look_at_whole(struct head_look *l)
{
    bool framed_once = l->lengths + l->codings <= 1;
    bool hosted = l->head->http11 ? l->hosts == 1 : l->hosts <= 1;
    if (!framed_once || !hosted)
        doubt(l, 400);
}

/* ---- lines */

/* The line at *at without its CR LF; moves behind it. 1: one; 0: not whole yet; -1: a lone LF. */
static int next_line(const uint8_t **at, const uint8_t *end, bytes_t *line)
{
    const uint8_t *lf = memchr(*at, '\n', (size_t)(end - *at));
    if (!lf)
        return 0;
    if (lf == *at || lf[-1] != '\r')
        return -1;
    *line = bytes_of(*at, (size_t)(lf - 1 - *at));
    *at = lf + 1;
    return 1;
}

static void scan_request_line(struct head_look *l, bytes_t line)
{
    http_head_t *head = l->head;
    const uint8_t *end = line.data + line.len, *first = memchr(line.data, ' ', line.len);
    const uint8_t *second = first ? memchr(first + 1, ' ', (size_t)(end - first - 1)) : NULL;
    if (!second) {
        doubt(l, 400);
        return;
    }
    head->method = bytes_of(line.data, (size_t)(first - line.data));
    head->target = bytes_of(first + 1, (size_t)(second - first - 1));
    if (!is_token(head->method) || head->method.len > METHOD_BYTES_MAX)
        doubt(l, 400);
    look_at_version(l, bytes_of(second + 1, (size_t)(end - second - 1)));
    if (!is_target(head->target, is_name(head->method, "options")))
        doubt(l, 400);
}

static bool split_field(bytes_t line, http_field_t *out)
{
    const uint8_t *colon = memchr(line.data, ':', line.len);
    if (!colon)
        return false;
    const uint8_t *value = colon + 1, *end = line.data + line.len;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *out = (http_field_t){bytes_of(line.data, (size_t)(colon - line.data)),
                          bytes_of(value, (size_t)(end - value))};
    return is_token(out->name) && is_value(out->value);
}

bool http_field_is_sound(bytes_t line)
{
    http_field_t field;
    return split_field(line, &field);
}

static void scan_field(struct head_look *l, bytes_t line)
{
    http_head_t *head = l->head;
    http_field_t field;
    if (!split_field(line, &field)) {
        doubt(l, 400);
        return;
    }
    if (head->field_count == HTTP_HEADERS_MAX) {
        doubt(l, 431);
        return;
    }
    head->fields[head->field_count++] = field;
    look_at_meaning(l, field.name, field.value);
}

enum head_scan http_head_scan(bytes_t bytes, http_head_t *head)
{
    head->status = 0;
    head->method = head->target = (bytes_t){0};
    head->http11 = head->chunked = head->keeps = head->closes = head->expects = false;
    head->content_length = head->field_count = 0;
    struct head_look l = {.head = head};
    const uint8_t *at = bytes.data, *end = at + bytes.len;
    bytes_t line;
    unsigned empty = 0;
    for (bool requested = false; head->status == 0;) {
        int r = at < end ? next_line(&at, end, &line) : 0;
        if (r == 0 && !requested && at < end && *at != '\r' && !is_token_char(*at))
            r = -1; /* no request begins so: say it now */
        if (r == 0)
            return HEAD_MORE;
        if (r < 0 || (!requested && line.len == 0 && ++empty > 2))
            doubt(&l, 400);
        else if (!requested && line.len > 0) {
            scan_request_line(&l, line);
            requested = true;
        } else if (requested && line.len > 0)
            scan_field(&l, line);
        else if (requested) {
            look_at_whole(&l);
            head->len = (size_t)(at - bytes.data);
            return head->status ? HEAD_BAD : HEAD_WHOLE;
        }
    }
    return HEAD_BAD;
}
