/* Is this head beyond doubt? Asked twice: of the first head of a connection as it came on the wire,
 * before the library has it (http_server_gate.c), and of every head as the library parsed it.
 * libmicrohttpd 0.9.75 forgives much: it joins folded lines, ends a value at a NUL, takes a lone LF
 * for a line end, drops a line with an empty name, and prefers one of two lengths. What two parsers
 * may read differently is refused here (RFC 9112, sections 2.2, 3, 5.2, 6.3 and 11).
 *
 * The library parses in place and leaves each text where it lay, so a strict head has exactly one
 * layout: each text begins where the line before it ended, and the whole is as long as the library
 * says it was. A head that was forgiven anything does not add up. The tests would show at once if a
 * version laid it out otherwise. */
#include <ctype.h>
#include <strings.h>

#include "sys/http_server_inside.h"

#define METHOD_BYTES_MAX 16u

static bool is_token_char(unsigned char c)
{
    return isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_token_char((unsigned char)s[i]))
            return false;
    return len > 0;
}

/* Visible characters, blanks, tabs, and bytes above ASCII (obs-text). */
static bool is_value(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool is_target_text(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c <= 0x20 || c >= 0x7f || strchr("#\"<>\\^`{|}", c))
            return false;
    }
    return true;
}

static bool starts(const char *s, size_t len, const char *with)
{
    return len >= strlen(with) && strncasecmp(s, with, strlen(with)) == 0;
}

static bool is_target(const char *s, size_t len, bool options)
{
    if (len == 1 && s[0] == '*')
        return options;
    if (!starts(s, len, "/") && !starts(s, len, "http://") && !starts(s, len, "https://"))
        return false;
    return is_target_text(s, len);
}

static bool is_name(const char *name, size_t len, const char *want)
{
    return strlen(want) == len && strncasecmp(name, want, len) == 0;
}

static void doubt(struct head_look *l, unsigned status)
{
    if (l->verdict->status == 0)
        l->verdict->status = status;
}

/* 1 to 18 digits: fits in 63 bits, and no parser reads it otherwise. */
static void look_at_length(struct head_look *l, const char *value, size_t len)
{
    uint64_t n = 0;
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        len--;
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)value[i]) || i >= 18) {
            doubt(l, 400);
            return;
        }
        n = n * 10 + (uint64_t)(value[i] - '0');
    }
    if (len == 0 || l->lengths++ > 0)
        doubt(l, 400);
    l->verdict->content_length = n;
}

static void look_at_meaning(struct head_look *l, const char *name, size_t name_len,
                            const char *value, size_t len)
{
    if (is_name(name, name_len, "content-length"))
        look_at_length(l, value, len);
    else if (is_name(name, name_len, "host"))
        l->hosts++;
    else if (is_name(name, name_len, "transfer-encoding")) {
        l->verdict->chunked = true;
        if (l->codings++ > 0 || !l->http11 || !is_name(value, len, "chunked"))
            doubt(l, 400);
    } else if (is_name(name, name_len, "expect") && !is_name(value, len, "100-continue"))
        doubt(l, 417);
}

static void look_at_field(struct head_look *l, const char *name, size_t name_len, const char *value,
                          size_t len)
{
    if (!is_token(name, name_len) || !is_value(value, len))
        doubt(l, 400);
    if (++l->fields > HTTP_HEADERS_MAX)
        doubt(l, 431);
    if (l->verdict->status == 0)
        look_at_meaning(l, name, name_len, value, len);
}

static void look_at_method(struct head_look *l, const char *method, size_t len)
{
    if (!is_token(method, len) || len > METHOD_BYTES_MAX)
        doubt(l, 400);
}

static void look_at_version(struct head_look *l, const char *version, size_t len)
{
    bool shaped = len == 8 && memcmp(version, "HTTP/", 5) == 0 &&
                  isdigit((unsigned char)version[5]) && version[6] == '.' &&
                  isdigit((unsigned char)version[7]);
    l->http11 = shaped && memcmp(version, "HTTP/1.1", 8) == 0;
    if (!shaped)
        doubt(l, 400);
    else if (!l->http11 && memcmp(version, "HTTP/1.0", 8) != 0)
        doubt(l, 505);
}

static void look_at_whole(struct head_look *l)
{
    bool framed_once = l->lengths + l->codings <= 1;
    bool hosted = l->http11 ? l->hosts == 1 : l->hosts <= 1;
    if (!framed_once || !hosted)
        doubt(l, 400);
}

/* ---- as the library parsed it */

static enum MHD_Result on_field(void *arg, enum MHD_ValueKind kind, const char *name,
                                size_t name_len, const char *value, size_t len)
{
    struct head_look *l = arg;
    (void)kind;
    if (!value || name != l->at || value <= name + name_len)
        doubt(l, 400);
    else
        look_at_field(l, name, name_len, value, len);
    l->at = value + len + 2;
    return l->verdict->status ? MHD_NO : MHD_YES;
}

void http_head_check(http_conn_t *conn, const char *url, const char *method, const char *version,
                     struct head_verdict *out)
{
    *out = (struct head_verdict){0};
    struct head_look l = {.verdict = out};
    const union MHD_ConnectionInfo *size =
        MHD_get_connection_info(conn->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    size_t method_len = strlen(method), query_len = conn->query ? strlen(conn->query) : 0;
    conn->head_len = size ? size->header_size : 0;
    look_at_method(&l, method, method_len);
    look_at_version(&l, version, strlen(version));
    if (!is_target(url, strlen(url), strcmp(method, "OPTIONS") == 0) ||
        !is_target_text(conn->query, query_len) || url != method + method_len + 1 ||
        version != url + conn->uri_len + 1)
        doubt(&l, 400);
    if (conn->head_len > conn->server->options.header_bytes_max)
        doubt(&l, 431);
    if (out->status)
        return;
    l.at = version + strlen(version) + 2;
    MHD_get_connection_values_n(conn->mhd, MHD_HEADER_KIND, on_field, &l);
    if (l.at + 2 != method + conn->head_len)
        doubt(&l, 400);
    look_at_whole(&l);
}

/* ---- as it came on the wire */

/* The line at *at without its CR LF; moves behind it. 1: one; 0: not whole yet; -1: a lone LF. */
static int next_line(const char **at, const char *end, const char **line, size_t *len)
{
    const char *lf = memchr(*at, '\n', (size_t)(end - *at));
    if (!lf)
        return 0;
    if (lf == *at || lf[-1] != '\r')
        return -1;
    *line = *at;
    *len = (size_t)(lf - 1 - *at);
    *at = lf + 1;
    return 1;
}

static void scan_request_line(struct head_look *l, const char *line, size_t len)
{
    const char *first = memchr(line, ' ', len);
    const char *target = first ? first + 1 : line + len;
    const char *second = memchr(target, ' ', (size_t)(line + len - target));
    if (!first || !second) {
        doubt(l, 400);
        return;
    }
    size_t method_len = (size_t)(first - line), target_len = (size_t)(second - target);
    look_at_method(l, line, method_len);
    look_at_version(l, second + 1, (size_t)(line + len - second - 1));
    if (!is_target(target, target_len, is_name(line, method_len, "options")))
        doubt(l, 400);
}

static void scan_field(struct head_look *l, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len), *value = colon ? colon + 1 : NULL,
               *end = line + len;
    if (!colon) {
        doubt(l, 400);
        return;
    }
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    look_at_field(l, line, (size_t)(colon - line), value, (size_t)(end - value));
}

enum head_scan http_head_scan(bytes_t bytes, struct head_verdict *out)
{
    *out = (struct head_verdict){0};
    struct head_look l = {.verdict = out};
    const char *at = (const char *)bytes.data, *end = at + bytes.len, *line;
    size_t len, empty = 0;
    for (bool requested = false; out->status == 0;) {
        int r = next_line(&at, end, &line, &len);
        if (r == 0 && !requested && at < end && *at != '\r' && !is_token_char((unsigned char)*at))
            r = -1; /* no request begins so: say it now */
        if (r == 0)
            return HEAD_MORE;
        if (r < 0 || (!requested && len == 0 && ++empty > 2))
            doubt(&l, 400);
        else if (!requested && len > 0) {
            scan_request_line(&l, line, len);
            requested = true;
        } else if (requested && len > 0)
            scan_field(&l, line, len);
        else if (requested) {
            look_at_whole(&l);
            return out->status ? HEAD_BAD : HEAD_WHOLE;
        }
    }
    return HEAD_BAD;
}

/* ---- handing over */

struct collect {
    http_server_t *server;
    size_t count;
    char *room;
};

static enum MHD_Result collect_field(void *arg, enum MHD_ValueKind kind, const char *name,
                                     size_t name_len, const char *value, size_t len)
{
    struct collect *c = arg;
    (void)kind;
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        len--;
    for (size_t i = 0; i < name_len; i++)
        c->room[i] = (char)tolower((unsigned char)name[i]);
    c->server->fields[c->count++] =
        (http_field_t){bytes_of(c->room, name_len), bytes_of(value, len)};
    c->room += name_len;
    return c->count < HTTP_HEADERS_MAX ? MHD_YES : MHD_NO;
}

size_t http_head_fields(http_conn_t *conn)
{
    struct collect c = {.server = conn->server, .room = conn->server->names};
    MHD_get_connection_values_n(conn->mhd, MHD_HEADER_KIND, collect_field, &c);
    return c.count;
}
