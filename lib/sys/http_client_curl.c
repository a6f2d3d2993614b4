/* One call as libcurl sees it. What libcurl would do by itself is switched off: it must not send
 * twice, follow, go through a proxy of the environment, or ask for names. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sys/http_client_inside.h"

#define KEPT_BODY_ROOM                                                                             \
    65536u /* an answer's buffer larger than this is not kept for the next call */

/* ---- out */

static bool is_clean(bytes_t text, bool blanks)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < (blanks ? 0x20 : 0x21) || text.data[i] == 0x7f) {
            if (blanks && text.data[i] == '\t')
                continue;
            return false;
        }
    return true;
}

static bool is_name(bytes_t name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!isalnum(name.data[i]) && !(name.data[i] && strchr("!#$%&'*+-.^_`|~", name.data[i])))
            return false;
    return name.len > 0;
}

static void make_room(char **at, size_t *room, size_t need)
{
    if (need <= *room)
        return;
    *room = need + need / 2;
    free(*at);
    *at = malloc(*room);
    must(*at);
}

static const char *set_url(call_t *c, bytes_t path)
{
    size_t base = strlen(c->pool->url), need = base + path.len + 1;
    if (path.len == 0 || path.data[0] != '/' || !is_clean(path, false) ||
        memchr(path.data, '#', path.len))
        return "the path is not fit for a request line";
    make_room(&c->url, &c->url_room, need);
    memcpy(c->url, c->pool->url, base);
    memcpy(c->url + base, path.data, path.len);
    c->url[need - 1] = '\0';
    return NULL;
}

struct lines {
    call_t *call;
    char *at;
    size_t count;
};

/* "name: value"; libcurl wants "name;" for an empty value, and reads "name:" for "do not send". */
static void add_line(struct lines *l, bytes_t name, bytes_t value, bool send)
{
    struct curl_slist *node = &l->call->list[l->count];
    must(l->count < COUNT_OF(l->call->list));
    *node = (struct curl_slist){.data = l->at};
    if (l->count++ > 0)
        node[-1].next = node;
    memcpy(l->at, name.data, name.len);
    l->at += name.len;
    l->at += sprintf(l->at, "%s", !send ? ":" : value.len ? ": " : ";");
    if (value.len)
        memcpy(l->at, value.data, value.len);
    l->at += value.len;
    *l->at++ = '\0';
}

static const char *set_headers(call_t *c, const http_call_t *from)
{
    size_t need = 64;
    bool typed = false;
    if (from->header_count > CALL_HEADERS_MAX)
        return "too many headers";
    for (size_t i = 0; i < from->header_count; i++) {
        const http_field_t *f = &from->headers[i];
        if (!is_name(f->name) || !is_clean(f->value, true))
            return "a header is not fit to be sent";
        need += f->name.len + f->value.len + 4;
        typed |=
            f->name.len == 12 && strncasecmp((const char *)f->name.data, "content-type", 12) == 0;
    }
    make_room(&c->fields, &c->fields_room, need);
    struct lines l = {.call = c, .at = c->fields};
    add_line(&l, bytes_str("Expect"), (bytes_t){0}, false); /* would wait a second for a 100 */
    if (!typed)
        add_line(&l, bytes_str("Content-Type"), (bytes_t){0}, false);
    for (size_t i = 0; i < from->header_count; i++)
        add_line(&l, from->headers[i].name, from->headers[i].value, true);
    return NULL;
}

static const char *set_method(call_t *c, const char *method)
{
    if (!is_name(bytes_str(method)) || strlen(method) >= sizeof c->method)
        return "the method is not one";
    strcpy(c->method, method);
    return NULL;
}

int call_prepare(call_t *c, const http_call_t *from)
{
    const char *wrong = set_method(c, from->method);
    if (!wrong)
        wrong = set_url(c, from->path);
    if (!wrong)
        wrong = set_headers(c, from);
    if (wrong) {
        snprintf(c->error, sizeof c->error, "nothing was sent: %s", wrong);
        return -EINVAL;
    }
    free(c->body);
    c->body = NULL;
    c->body_len = from->body.len;
    if (from->body.len) {
        c->body = malloc(from->body.len);
        must(c->body);
        memcpy(c->body, from->body.data, from->body.len);
    }
    return 0;
}

/* The last moment before the first byte. A second one for the same call would be libcurl sending it
 * again, on a new connection after a kept one broke: the first may have arrived, so that is not
 * ours to repeat. */
static int on_before_request(void *arg, char *ip, char *local_ip, int port, int local_port)
{
    call_t *c = arg;
    (void)ip, (void)local_ip, (void)port, (void)local_port;
    if (c->begun) {
        c->again = true;
        return CURL_PREREQFUNC_ABORT;
    }
    if (!instant_before(loop_now().at, c->start_by) && !instant_is_never(c->start_by)) {
        c->late = true;
        return CURL_PREREQFUNC_ABORT;
    }
    c->begun = true;
    return CURL_PREREQFUNC_OK;
}

/* Whatever asks for the body from its beginning again is told no. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
    call_t *c = arg;
    (void)offset, (void)origin;
    return c->begun ? CURL_SEEKFUNC_FAIL : CURL_SEEKFUNC_OK;
}

/* ---- in */

/* Header lines of the last answer: an interim one (1xx) is forgotten when the next status line
 * comes. What comes after the body (trailers) is passed over. */
static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
    call_t *c = arg;
    size_t len = size * n;
    if (c->in_body)
        return len;
    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
        c->head_len = 0;
    if (!c->head) {
        c->head = malloc(ANSWER_HEAD_BYTES_MAX);
        must(c->head);
    }
    if (c->head_len + len > ANSWER_HEAD_BYTES_MAX)
        return 0; /* libcurl ends the call */
    memcpy(c->head + c->head_len, line, len);
    c->head_len += len;
    return len;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    call_t *c = arg;
    size_t len = size * n, most = c->pool->answer_bytes_max;
    c->in_body = true;
    if (len > most - c->answer_len) {
        len = most - c->answer_len;
        c->truncated = true;
    }
    if (c->answer_len + len > c->answer_room) {
        size_t room = c->answer_room ? c->answer_room * 2 : 4096;
        room = room < c->answer_len + len ? c->answer_len + len : room;
        c->answer = realloc(c->answer, room);
        must(c->answer);
        c->answer_room = room;
    }
    if (len)
        memcpy(c->answer + c->answer_len, data, len);
    c->answer_len += len;
    return c->truncated ? 0 : size * n; /* 0 ends the transfer */
}

static void take_line(call_t *c, char *line, size_t len)
{
    char *colon = memchr(line, ':', len), *value = colon ? colon + 1 : NULL, *end = line + len;
    if (!colon || colon == line || c->header_count == ANSWER_HEADERS_MAX)
        return;
    for (char *s = line; s < colon; s++)
        *s = (char)tolower((unsigned char)*s);
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && strchr(" \t\r\n", end[-1]))
        end--;
    c->headers[c->header_count++] = (http_field_t){bytes_of(line, (size_t)(colon - line)),
                                                   bytes_of(value, (size_t)(end - value))};
}

void call_take_headers(call_t *c)
{
    c->header_count = 0;
    for (char *at = c->head, *end = c->head + c->head_len; at && at < end;) {
        char *next = memchr(at, '\n', (size_t)(end - at));
        next = next ? next + 1 : end;
        take_line(c, at, (size_t)(next - at));
        at = next;
    }
}

/* ---- options */

static void configure_once(call_t *c)
{
    CURL *e = c->easy;
    http_pool_t *p = c->pool;
    curl_easy_setopt(e, CURLOPT_PRIVATE, c);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "weir/" WEIR_VERSION);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->error);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)p->connect_ms);
    curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_before_request);
    curl_easy_setopt(e, CURLOPT_PREREQDATA, c);
    curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(e, CURLOPT_SEEKDATA, c);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, p);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, p);
    poll_configure(p->client, e);
}

/* A body goes with POST's mechanics under the name of the call's method; without one, GET's.
 * libcurl sends a small body together with the head that way: half the packets of a body by
 * callback. */
static void configure_method(call_t *c)
{
    CURL *e = c->easy;
    bool head = strcmp(c->method, "HEAD") == 0;
    bool carries = c->body_len > 0 || strcmp(c->method, "POST") == 0 ||
                   strcmp(c->method, "PUT") == 0 || strcmp(c->method, "PATCH") == 0;
    if (carries) {
        curl_easy_setopt(e, CURLOPT_POST, 1L);
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->body_len);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, c->body ? (const char *)c->body : "");
    } else {
        curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(e, CURLOPT_NOBODY, head ? 1L : 0L);
    if (!head && !carries)
        curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, c->method);
}

CURLcode call_configure(call_t *c)
{
    if (!c->easy) {
        c->easy = curl_easy_init();
        must(c->easy);
        configure_once(c);
    }
    c->begun = c->late = c->again = c->truncated = c->in_body = false;
    c->head_len = c->answer_len = 0;
    if (c->answer_room > KEPT_BODY_ROOM) {
        free(c->answer);
        c->answer = NULL;
        c->answer_room = 0;
    }
    configure_method(c);
    c->pin = (struct curl_slist){.data = c->pool->pin};
    curl_easy_setopt(c->easy, CURLOPT_RESOLVE, c->pool->pin ? &c->pin : NULL);
    curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, &c->list[0]);
    curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)call_time_left_ms(c));
    return curl_easy_setopt(c->easy, CURLOPT_URL, c->url);
}
