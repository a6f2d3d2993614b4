#include <strings.h>

#include "sandbox.h"

#define HEAD_BYTES_MAX 65536u
#define BODY_BYTES_MAX (16u << 20)

static bytes_t until(const char **p, const char *end, char stop)
{
    const char *from = *p, *at = memchr(from, stop, (size_t)(end - from));
    if (!at)
        at = end;
    *p = at < end ? at + 1 : end;
    return bytes_of(from, (size_t)(at - from));
}

static bytes_t trimmed(const char *from, const char *to)
{
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r'))
        to--;
    return bytes_of(from, (size_t)(to - from));
}

static bool named(bytes_t name, const char *wanted)
{
    return name.len == strlen(wanted) &&
           strncasecmp((const char *)name.data, wanted, name.len) == 0;
}

/* -1: not a number within the bound. */
static long body_length(bytes_t value)
{
    long n = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9' || n > (long)BODY_BYTES_MAX)
            return -1;
        n = n * 10 + (value.data[i] - '0');
    }
    return value.len && n <= (long)BODY_BYTES_MAX ? n : -1;
}

/* The body's length, or -1. Chunked bodies are refused: Weir knows its lengths. */
static long read_headers(const char *p, const char *end, request_t *r)
{
    long length = 0;
    while (p < end) {
        const char *line = p;
        bytes_t all = until(&p, end, '\n');
        const char *colon = memchr(line, ':', all.len), *stop = line + all.len;
        if (!colon)
            continue;
        bytes_t name = bytes_of(line, (size_t)(colon - line)), value = trimmed(colon + 1, stop);
        if (named(name, "content-length"))
            length = body_length(value);
        else if (named(name, "transfer-encoding"))
            length = -1;
        else if (named(name, "weir-message"))
            r->message = value;
        else if (named(name, "idempotency-key"))
            r->idempotency = value;
        else if (named(name, "weir-key"))
            r->key = value;
        else if (named(name, "weir-attempt"))
            r->attempt = value;
        else if (named(name, "weir-maybe-duplicate"))
            r->maybe = value;
        else if (named(name, "connection"))
            r->close = named(value, "close");
        if (length < 0)
            return -1;
    }
    return length;
}

int request_parse(const char *data, size_t len, request_t *out, size_t *head_end)
{
    *out = (request_t){0};
    *head_end = 0;
    const char *end = memmem(data, len, "\r\n\r\n", 4);
    if (!end)
        return len > HEAD_BYTES_MAX ? -1 : 0;
    const char *p = data;
    bytes_t line = until(&p, end, '\n');
    const char *q = data, *line_end = data + line.len;
    out->method = until(&q, line_end, ' ');
    out->path = until(&q, line_end, ' ');
    if (out->method.len == 0 || out->path.len == 0 || out->path.data[0] != '/')
        return -1;
    long length = read_headers(p, end, out);
    if (length < 0)
        return -1;
    *head_end = (size_t)(end + 4 - data);
    out->length = *head_end + (size_t)length;
    out->body = bytes_of(data + *head_end, (size_t)length);
    return len >= out->length ? 1 : 0;
}
