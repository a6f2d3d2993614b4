#include <errno.h>
#include <stdlib.h>

#include <jansson.h>

#include "load.h"
#include "sys/crypto.h"

#define REQUEST_BYTES_MAX ((16u << 20) + 65536u)
#define LINES_MAX 1000000u

typedef struct line {
    char *text;
    size_t len;
    char id[ID_BYTES], key[ID_BYTES];
} line_t;
struct plan {
    const options_t *options;
    char *secret;
    size_t secret_len;
    char *bearer;
    size_t bearer_len;
    line_t *lines;
    size_t count;
    char *body;
    size_t body_len, body_room;
    char *request;
    size_t request_len, request_room;
};

static const char default_body[] = "{\"id\":\"${id}\",\"conversation\":\"${key}\",\"key\":\"${key}"
                                   "\",\"lang\":\"en\",\"name\":\"A. Person\","
                                   "\"subject\":\"Question ${n}\",\"text\":\"${pad}\"}";

/* ---- growing text ---- */

static void put(char **to, size_t *len, size_t *room, const char *from, size_t n)
{
    must(*len + n <= REQUEST_BYTES_MAX);
    if (*len + n > *room) {
        *room = (*len + n) * 2;
        *to = realloc(*to, *room);
        must(*to);
    }
    memcpy(*to + *len, from, n);
    *len += n;
}
static void put_body(plan_t *p, const char *s, size_t n)
{
    put(&p->body, &p->body_len, &p->body_room, s, n);
}
static void put_request(plan_t *p, const char *s, size_t n)
{
    put(&p->request, &p->request_len, &p->request_room, s, n);
}

/* ---- files ---- */

static char *file_read(const char *path, size_t most, size_t *len)
{
    FILE *f = fopen(path, "re");
    char *text = f ? malloc(most + 1) : NULL;
    if (!text) {
        fprintf(stderr, "weir-load: %s: %s\n", path, strerror(errno));
        if (f)
            fclose(f);
        return NULL;
    }
    *len = fread(text, 1, most, f);
    text[*len] = 0;
    fclose(f);
    return text;
}

/* The secret is what is in the file, without the line's end. */
static bool secret_read(const char *path, char **out, size_t *len)
{
    *out = file_read(path, 4096, len);
    while (*out && *len && ((*out)[*len - 1] == '\n' || (*out)[*len - 1] == '\r'))
        (*out)[--*len] = 0;
    return *out != NULL;
}

static void field_of(const json_t *json, const char *name, char out[ID_BYTES])
{
    const json_t *value = json_object_get(json, name);
    if (json_is_integer(value))
        snprintf(out, ID_BYTES, "%lld", (long long)json_integer_value(value));
    else
        snprintf(out, ID_BYTES, "%s", json_is_string(value) ? json_string_value(value) : "");
}

static bool line_add(plan_t *p, const char *text, ssize_t len)
{
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    if (len == 0)
        return true;
    if (p->count == LINES_MAX)
        return false;
    p->lines = realloc(p->lines, (p->count + 1) * sizeof *p->lines);
    must(p->lines);
    line_t *line = &p->lines[p->count++];
    *line = (line_t){.text = strndup(text, (size_t)len), .len = (size_t)len};
    json_t *json = json_loadb(text, (size_t)len, 0, NULL);
    field_of(json, p->options->id_field, line->id);
    field_of(json, p->options->key_field, line->key);
    json_decref(json);
    return line->text != NULL;
}

static bool lines_read(plan_t *p, const char *path)
{
    FILE *f = fopen(path, "re");
    if (!f) {
        fprintf(stderr, "weir-load: %s: %s\n", path, strerror(errno));
        return false;
    }
    char *text = NULL;
    size_t room = 0;
    ssize_t len;
    bool fits = true;
    while (fits && (len = getline(&text, &room, f)) >= 0)
        fits = line_add(p, text, len);
    free(text);
    fclose(f);
    if (!fits || p->count == 0)
        fprintf(stderr, "weir-load: %s: from 1 to %u lines are needed, one message each\n", path,
                LINES_MAX);
    return fits && p->count > 0;
}

/* ---- the plan ---- */

plan_t *plan_new(const options_t *o)
{
    plan_t *p = calloc(1, sizeof *p);
    must(p);
    p->options = o;
    if ((o->secret_file && !secret_read(o->secret_file, &p->secret, &p->secret_len)) ||
        (o->bearer_file && !secret_read(o->bearer_file, &p->bearer, &p->bearer_len)) ||
        (o->lines && !lines_read(p, o->lines)))
        plan_destroy(&p);
    return p;
}

void plan_destroy(plan_t **plan)
{
    plan_t *p = *plan;
    for (size_t i = 0; i < p->count; i++)
        free(p->lines[i].text);
    free(p->lines);
    free(p->secret);
    free(p->bearer);
    free(p->body);
    free(p->request);
    free(p);
    *plan = NULL;
}

uint64_t plan_count(const plan_t *p) { return p->count; }

void plan_id(const plan_t *p, uint64_t n, char out[ID_BYTES])
{
    if (p->count)
        snprintf(out, ID_BYTES, "%s", p->lines[n % p->count].id);
    else
        snprintf(out, ID_BYTES, "%s%010llu", p->options->prefix, (unsigned long long)n);
}

/* Keys are spread by a multiplicative hash, so that neighbours differ and each key gets about as
 * many. */
void plan_key(const plan_t *p, uint64_t n, char out[ID_BYTES])
{
    if (p->count)
        snprintf(out, ID_BYTES, "%s", p->lines[n % p->count].key);
    else
        snprintf(out, ID_BYTES, "k%u", (unsigned)((n * 2654435761u >> 8) % p->options->keys));
}

static void put_pad(plan_t *p, size_t rest)
{
    static const char words[] = "all work stands in line and each is called in its turn ";
    size_t so_far = p->body_len + rest, size = p->options->size;
    for (size_t i = 0; so_far + i < size; i++)
        put_body(p, &words[i % (sizeof words - 1)], 1);
}

static void put_place(plan_t *p, const char *name, size_t len, uint64_t n, const char *rest)
{
    char text[ID_BYTES] = "";
    if (len == 2 && memcmp(name, "id", 2) == 0)
        plan_id(p, n, text);
    else if (len == 3 && memcmp(name, "key", 3) == 0)
        plan_key(p, n, text);
    else if (len == 1 && *name == 'n')
        snprintf(text, sizeof text, "%llu", (unsigned long long)n);
    else if (len == 3 && memcmp(name, "pad", 3) == 0)
        put_pad(p, strlen(rest));
    put_body(p, text, strlen(text));
}

static void make_body(plan_t *p, uint64_t n)
{
    const char *from = p->options->body ? p->options->body : default_body, *place;
    p->body_len = 0;
    if (p->count) {
        put_body(p, p->lines[n % p->count].text, p->lines[n % p->count].len);
        return;
    }
    while ((place = strstr(from, "${"))) {
        const char *end = strchr(place, '}');
        if (!end)
            break;
        put_body(p, from, (size_t)(place - from));
        put_place(p, place + 2, (size_t)(end - place - 2), n, end + 1);
        from = end + 1;
    }
    put_body(p, from, strlen(from));
}

static void put_line(plan_t *p, const char *name, const char *value, size_t len)
{
    put_request(p, name, strlen(name));
    put_request(p, value, len);
    put_request(p, "\r\n", 2);
}

static void put_signature(plan_t *p, const char *id)
{
    sha256_t mac = hmac_sha256(bytes_of(p->secret, p->secret_len), bytes_of(p->body, p->body_len));
    char hex[SHA256_HEX];
    sha256_hex(&mac, hex);
    put_line(p, "X-Hub-Signature-256: sha256=", hex, strlen(hex));
    put_line(p, "X-GitHub-Delivery: ", id, strlen(id));
    put_line(p, "X-GitHub-Event: ", p->options->event, strlen(p->options->event));
}

/* Around the body that was made; `id` is for the signature. */
static bytes_t request_of(plan_t *p, const char *method, const char *path, const char *id)
{
    const options_t *o = p->options;
    char text[800];
    p->request_len = 0;
    int len = snprintf(text, sizeof text,
                       "%s %s HTTP/1.1\r\nHost: %s:%u\r\nContent-Type: application/json\r\n"
                       "Content-Length: %zu\r\n",
                       method, path, o->host, o->port, p->body_len);
    put_request(p, text, (size_t)len);
    for (size_t i = 0; i < o->header_count; i++)
        put_line(p, "", o->headers[i], strlen(o->headers[i]));
    if (p->secret)
        put_signature(p, id);
    if (p->bearer)
        put_line(p, "Authorization: Bearer ", p->bearer, p->bearer_len);
    put_request(p, "\r\n", 2);
    put_request(p, p->body, p->body_len);
    return bytes_of(p->request, p->request_len);
}

bytes_t plan_request(plan_t *p, uint64_t n)
{
    char id[ID_BYTES];
    plan_id(p, n, id);
    make_body(p, n);
    return request_of(p, "POST", p->options->path, id);
}

bytes_t plan_release(plan_t *p, uint64_t n, const char *lease)
{
    char text[640], key[ID_BYTES];
    p->body_len = 0;
    if (p->options->dialect == DIALECT_WEIR) {
        snprintf(text, sizeof text, "%s/%s", p->options->path, lease);
        return request_of(p, "DELETE", text, lease);
    }
    plan_key(p, n, key);
    int len = snprintf(text, sizeof text, "{\"key\":\"%s\",\"token\":\"%s\"}", key, lease);
    put_body(p, text, (size_t)len);
    return request_of(p, "POST", "/release", lease);
}
