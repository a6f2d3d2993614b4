/* Is this head beyond doubt? libmicrohttpd 0.9.75 forgives much: it joins folded lines, ends a value at a NUL,
 * takes a lone LF for a line end, drops a line with an empty name, and prefers one of two lengths. What two
 * parsers may read differently is refused here (RFC 9112, sections 2.2, 3, 5.2, 6.3 and 11).
 *
 * The library parses in place and leaves each text where it lay, so a strict head has exactly one layout: each
 * text begins where the line before it ended, and the whole is as long as the library says it was. A head that
 * was forgiven anything does not add up. The tests would show at once if a version laid it out otherwise. */
#include <ctype.h>
#include <strings.h>

#include "sys/http_server_inside.h"

struct look {
    struct head_verdict *verdict;
    const char *at; /* where the next line must begin */
    unsigned fields, hosts, lengths, codings;
    bool http11;
};

static bool is_token_char(unsigned char c) { return isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c)); }

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

static bool is_target_text(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f || strchr("#\"<>\\^`{|}", *s))
            return false;
    return true;
}

static bool is_target(const char *s, const char *method)
{
    if (strcmp(s, "*") == 0)
        return strcmp(method, "OPTIONS") == 0;
    if (s[0] != '/' && strncasecmp(s, "http://", 7) != 0 && strncasecmp(s, "https://", 8) != 0)
        return false;
    return is_target_text(s);
}

static bool is_name(const char *name, size_t len, const char *want)
{
    return strlen(want) == len && strncasecmp(name, want, len) == 0;
}

static void doubt(struct look *l, unsigned status)
{
    if (l->verdict->status == 0)
        l->verdict->status = status;
}

/* 1 to 18 digits: fits in 63 bits, and no parser reads it otherwise. */
static void look_at_length(struct look *l, const char *value, size_t len)
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

static void look_at_meaning(struct look *l, const char *name, size_t name_len, const char *value, size_t len)
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

static enum MHD_Result on_field(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                const char *value, size_t len)
{
    struct look *l = arg;
    (void)kind;
    bool in_place = value && name == l->at && value > name + name_len;
    if (!in_place || !is_token(name, name_len) || !is_value(value, len)) {
        doubt(l, 400);
        return MHD_NO;
    }
    l->at = value + len + 2;
    if (++l->fields > HTTP_HEADERS_MAX) {
        doubt(l, 431);
        return MHD_NO;
    }
    look_at_meaning(l, name, name_len, value, len);
    return MHD_YES;
}

static void look_at_line(const http_conn_t *conn, const char *url, const char *method, const char *version,
                         struct look *l)
{
    size_t method_len = strlen(method);
    bool in_place = url == method + method_len + 1 && version == url + conn->uri_len + 1;
    l->http11 = strcmp(version, "HTTP/1.1") == 0;
    if (!in_place || !is_token(method, method_len) || method_len > 16 || !is_target(url, method) ||
        (conn->query && !is_target_text(conn->query)))
        doubt(l, 400);
    l->at = version + strlen(version) + 2;
}

void http_head_check(http_conn_t *conn, const char *url, const char *method, const char *version,
                     struct head_verdict *out)
{
    *out = (struct head_verdict){0};
    struct look l = {.verdict = out};
    const union MHD_ConnectionInfo *size =
        MHD_get_connection_info(conn->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    conn->head_len = size ? size->header_size : 0;
    look_at_line(conn, url, method, version, &l);
    if (conn->head_len > conn->server->options.header_bytes_max)
        doubt(&l, 431);
    if (out->status)
        return;
    MHD_get_connection_values_n(conn->mhd, MHD_HEADER_KIND, on_field, &l);
    bool all_there = l.at + 2 == method + conn->head_len;
    bool framed_once = l.lengths + l.codings <= 1;
    bool hosted = l.http11 ? l.hosts == 1 : l.hosts <= 1;
    if (!all_there || !framed_once || !hosted)
        doubt(&l, 400);
}

/* ---- handing over ----------------------------------------------------------------------------------- */

struct collect { http_server_t *server; size_t count; char *room; };

static enum MHD_Result collect_field(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                     const char *value, size_t len)
{
    struct collect *c = arg;
    (void)kind;
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        len--;
    for (size_t i = 0; i < name_len; i++)
        c->room[i] = (char)tolower((unsigned char)name[i]);
    c->server->fields[c->count++] = (http_field_t){bytes_of(c->room, name_len), bytes_of(value, len)};
    c->room += name_len;
    return c->count < HTTP_HEADERS_MAX ? MHD_YES : MHD_NO;
}

size_t http_head_fields(http_conn_t *conn)
{
    struct collect c = {.server = conn->server, .room = conn->server->names};
    MHD_get_connection_values_n(conn->mhd, MHD_HEADER_KIND, collect_field, &c);
    return c.count;
}
