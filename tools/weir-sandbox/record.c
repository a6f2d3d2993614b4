#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sandbox.h"

#define LINE_BYTES_MAX 1024u
#define BUFFER_BYTES (1u << 20)
#define SINCE_MOST 10000u

/* Calls are told apart by a 64-bit hash of their idempotency key (or message and path): how often
 * each took effect, and whether every time after the first was announced as possibly a repetition.
 */
typedef struct call {
    uint64_t hash;
    uint32_t effects;
} call_t;

struct record {
    int fd;     /* -1: no file */
    FILE *ends; /* NULL: no file */
    char *buffer;
    size_t used;
    char **kept;
    size_t keep; /* ring of the last lines, for /_record */
    call_t *calls;
    size_t remember, told_apart; /* open addressing; remember is a power of two */
    uint64_t count, effects, repeated, repeated_unmarked, marked, refused_rate, refused_slots,
        forgotten;
    uint64_t by_class[6]; /* answers by first digit of the status; 0: no answer */
};

static size_t power_of_two(size_t at_least)
{
    size_t n = 1024;
    while (n < at_least * 2)
        n *= 2;
    return n;
}

record_t *record_new(const char *path, const char *ends, size_t keep, size_t remember)
{
    record_t *r = calloc(1, sizeof *r);
    must(r);
    *r = (record_t){.fd = -1, .keep = keep, .remember = power_of_two(remember)};
    r->buffer = malloc(BUFFER_BYTES);
    r->kept = calloc(keep ? keep : 1, sizeof *r->kept);
    r->calls = calloc(r->remember, sizeof *r->calls);
    must(r->buffer && r->kept && r->calls);
    bool none = path && (r->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) < 0;
    if (none || (ends && !(r->ends = fopen(ends, "ae")))) {
        fprintf(stderr, "weir-sandbox: %s: %s\n", none ? path : ends, strerror(errno));
        record_destroy(&r);
    }
    return r;
}

void record_destroy(record_t **record)
{
    record_t *r = *record;
    if (!r)
        return;
    record_flush(r);
    if (r->fd >= 0)
        close(r->fd);
    if (r->ends)
        fclose(r->ends);
    for (size_t i = 0; i < r->keep; i++)
        free(r->kept[i]);
    free(r->kept);
    free(r->calls);
    free(r->buffer);
    free(r);
    *record = NULL;
}

int record_flush(record_t *r)
{
    size_t done = 0;
    while (r->fd >= 0 && done < r->used) {
        ssize_t n = write(r->fd, r->buffer + done, r->used - done);
        if (n < 0 && errno != EINTR)
            return -errno;
        done += n > 0 ? (size_t)n : 0;
    }
    r->used = 0;
    if (r->ends)
        fflush(r->ends);
    return 0;
}

/* FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/). */
static uint64_t hashed(uint64_t h, bytes_t b)
{
    for (size_t i = 0; i < b.len; i++)
        h = (h ^ b.data[i]) * 0x100000001b3u;
    return h * 0x9e3779b97f4a7c15u;
}

static uint64_t call_hash(const request_t *q)
{
    uint64_t h = 0xcbf29ce484222325u;
    h = q->idempotency.len ? hashed(h, q->idempotency) : hashed(hashed(h, q->message), q->path);
    return h ? h : 1;
}

/* How often this call took effect, this time included; 0: too many calls to tell apart. */
static uint32_t effects_of(record_t *r, const request_t *q)
{
    if (q->idempotency.len == 0 && q->message.len == 0)
        return 1;
    uint64_t hash = call_hash(q);
    size_t i = hash & (r->remember - 1);
    while (r->calls[i].hash && r->calls[i].hash != hash)
        i = (i + 1) & (r->remember - 1);
    if (!r->calls[i].hash) {
        if (r->told_apart >= r->remember / 2) {
            r->forgotten++;
            return 0;
        }
        r->told_apart++;
        r->calls[i].hash = hash;
    }
    return ++r->calls[i].effects;
}

/* Text for a JSON string: what is neither printable ASCII nor quoted otherwise becomes '?'. */
static size_t put_text(char *to, size_t room, bytes_t text)
{
    size_t n = text.len < room ? text.len : room;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = text.data[i];
        to[i] = c < 0x20 || c > 0x7e || c == '"' || c == '\\' ? '?' : (char)c;
    }
    return n;
}

static size_t put_field(char *to, const char *name, bytes_t value, size_t most)
{
    size_t n = (size_t)sprintf(to, ",\"%s\":\"", name);
    n += put_text(to + n, most, value);
    to[n++] = '"';
    return n;
}

/* Quotes around an Idempotency-Key are part of its syntax (a structured field), not of its value.
 */
static bytes_t unquoted(bytes_t b)
{
    bool quoted = b.len >= 2 && b.data[0] == '"' && b.data[b.len - 1] == '"';
    return quoted ? bytes_of(b.data + 1, b.len - 2) : b;
}

static size_t line_of(const record_t *r, const seen_t *s, uint32_t times, char line[LINE_BYTES_MAX])
{
    const request_t *q = s->request;
    size_t n = (size_t)sprintf(line, "{\"n\":%llu,\"at_us\":%lld", (unsigned long long)r->count,
                               (long long)s->at_us);
    n += put_field(line + n, "method", q->method, 8);
    n += put_field(line + n, "path", q->path, 256);
    n += put_field(line + n, "message", q->message, 32);
    n += put_field(line + n, "call", unquoted(q->idempotency), 128);
    n += put_field(line + n, "key", q->key, 256);
    n += put_field(line + n, "attempt", q->attempt, 10);
    n += (size_t)sprintf(
        line + n, ",\"maybe\":%d,\"effect\":%d,\"times\":%u,\"status\":%u,\"fault\":\"%s\"}\n",
        q->maybe.len > 0, s->effect, times, s->status, s->fault);
    must(n < LINE_BYTES_MAX);
    return n;
}

static void keep_line(record_t *r, const char *line, size_t len)
{
    if (r->keep == 0)
        return;
    char **slot = &r->kept[r->count % r->keep];
    free(*slot);
    *slot = strndup(line, len);
    must(*slot);
}

uint64_t record_add(record_t *r, const seen_t *s)
{
    char line[LINE_BYTES_MAX];
    uint32_t times = s->effect ? effects_of(r, s->request) : 0;
    bool marked = s->request->maybe.len > 0;
    r->effects += s->effect;
    r->marked += marked;
    r->repeated += times > 1;
    r->repeated_unmarked += times > 1 && !marked;
    r->by_class[s->status / 100 < 6 ? s->status / 100 : 0]++;
    size_t len = line_of(r, s, times, line);
    if (r->fd >= 0 && r->used + len > BUFFER_BYTES)
        record_flush(r);
    if (r->fd >= 0) {
        memcpy(r->buffer + r->used, line, len);
        r->used += len;
    }
    keep_line(r, line, len);
    return r->count++;
}

void record_ended(record_t *r, uint64_t n, int64_t seen_us, int64_t until_us, bool answered)
{
    if (r->ends)
        fprintf(r->ends, "{\"n\":%llu,\"seen_us\":%lld,\"until_us\":%lld,\"answered\":%d}\n",
                (unsigned long long)n, (long long)seen_us, (long long)until_us, answered);
}

void record_refused(record_t *r, bool slots)
{
    *(slots ? &r->refused_slots : &r->refused_rate) += 1;
}

char *record_since(const record_t *r, uint64_t since, size_t *len)
{
    uint64_t oldest = r->count > r->keep ? r->count - r->keep : 0;
    uint64_t from = since > oldest ? since : oldest;
    uint64_t to = r->count - from > SINCE_MOST && r->count > from ? from + SINCE_MOST : r->count;
    size_t room = 1;
    for (uint64_t i = from; i < to; i++)
        room += strlen(r->kept[i % r->keep]);
    char *out = malloc(room), *p = out;
    must(out);
    for (uint64_t i = from; i < to; i++)
        p = stpcpy(p, r->kept[i % r->keep]);
    *p = 0;
    *len = (size_t)(p - out);
    return out;
}

char *record_summary(const record_t *r, unsigned most_at_once)
{
    char *out = NULL;
    int n = asprintf(
        &out,
        "{\"requests\":%llu,\"effects\":%llu,\"calls\":%zu,\"repeated\":%llu,"
        "\"repeated_unmarked\":%llu,\"marked\":%llu,\"violations\":%llu,\"violations_rate\":%llu,"
        "\"violations_slots\":%llu,\"most_at_once\":%u,\"forgotten\":%llu,\"answers\":{\"none\":%"
        "llu,"
        "\"2xx\":%llu,\"3xx\":%llu,\"4xx\":%llu,\"5xx\":%llu}}\n",
        (unsigned long long)r->count, (unsigned long long)r->effects, r->told_apart,
        (unsigned long long)r->repeated, (unsigned long long)r->repeated_unmarked,
        (unsigned long long)r->marked, (unsigned long long)(r->refused_rate + r->refused_slots),
        (unsigned long long)r->refused_rate, (unsigned long long)r->refused_slots, most_at_once,
        (unsigned long long)r->forgotten, (unsigned long long)r->by_class[0],
        (unsigned long long)r->by_class[2], (unsigned long long)r->by_class[3],
        (unsigned long long)r->by_class[4], (unsigned long long)r->by_class[5]);
    must(n > 0);
    return out;
}
