#include <stdlib.h>
#include <strings.h>

#include "run.h"

/* The value of a header within the head; NULL when absent. */
static const char *header(const char *head, const char *end, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = head; p < end;) {
        const char *line = memchr(p, '\n', (size_t)(end - p));
        if (!line)
            break;
        p = line + 1;
        if ((size_t)(end - p) > len && strncasecmp(p, name, len) == 0 && p[len] == ':')
            return p + len + 1 + strspn(p + len + 1, " ");
    }
    return NULL;
}

static void read_body(const char *body, size_t len, reply_t *out)
{
    out->duplicate = memmem(body, len, "\"duplicate\"", 11) != NULL;
    const char *at = memmem(body, len, "\"id\":", 5), *end = body + len;
    if (!at)
        return;
    at += 5;
    while (at < end && (*at == ' ' || *at == '"'))
        at++;
    size_t n = 0;
    while (at < end && *at != '"' && *at != ',' && *at != '}' && n + 1 < sizeof out->message)
        out->message[n++] = *at++;
    out->message[n] = 0;
}

int reply_parse(const char *data, size_t len, reply_t *out)
{
    *out = (reply_t){.ending = ENDED_ANSWERED};
    if (len >= 5 && memcmp(data, "HTTP/", 5) != 0)
        return -1;
    const char *end = memmem(data, len, "\r\n\r\n", 4);
    if (!end)
        return 0;
    out->status = (unsigned)atoi(data + 9);
    if (out->status < 100 || out->status > 599)
        return -1;
    const char *length = header(data, end + 2, "content-length"),
               *retry = header(data, end + 2, "retry-after");
    const char *close = header(data, end + 2, "connection");
    size_t body = length ? strtoul(length, NULL, 10) : 0, head = (size_t)(end + 4 - data);
    out->retry_after_s = retry ? (unsigned)strtoul(retry, NULL, 10) : 0;
    out->close = close && strncasecmp(close, "close", 5) == 0;
    out->length = head + body;
    if (len < out->length)
        return 0;
    out->body = bytes_of(data + head, body);
    read_body(data + head, body, out);
    return 1;
}

bool reply_lease(enum dialect dialect, const reply_t *reply, char *out, size_t size)
{
    bytes_t name = dialect == DIALECT_WEIR ? bytes_str(reply->message) : reply->body;
    if (reply->ending != ENDED_ANSWERED || reply->status >= 300 || name.len == 0 ||
        name.len >= size)
        return false;
    for (size_t i = 0; i < name.len; i++) /* it will stand in a path, or in a JSON text */
        if (name.data[i] <= ' ' || name.data[i] > '~' || strchr("\"\\/%?#", name.data[i]))
            return false;
    memcpy(out, name.data, name.len);
    out[name.len] = '\0';
    return true;
}
