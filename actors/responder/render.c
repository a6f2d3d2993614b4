#include "actors/responder/render.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "core/json_text.h"
#include "core/template.h"

#define PATH_MAX_BYTES 8192u

static int refuse(call_text_t *call, const char *what, const char *name)
{
    snprintf(call->why, sizeof call->why, "%s%s", what, name);
    return -EINVAL;
}

static bool same_name(bytes_t a, const char *b)
{
    return a.len == strlen(b) && strncasecmp((const char *)a.data, b, a.len) == 0;
}

static bool has_header(const call_text_t *call, const char *name)
{
    for (size_t i = 0; i < call->header_count; i++)
        if (same_name(call->headers[i].name, name))
            return true;
    return false;
}

/* A header that is already there stays: the more special one was added first. */
static int add_header(call_text_t *call, const char *name, bytes_t value)
{
    if (has_header(call, name))
        return 0;
    if (call->header_count == CALL_HEADERS_MAX)
        return refuse(call, "too many headers, no room for ", name);
    call->headers[call->header_count++] = (http_field_t){bytes_str(name), value};
    return 0;
}

/* Room for a text that lives as long as the call; NULL: none left. */
static char *room(call_text_t *call, size_t *size)
{
    *size = CALL_TEXT_MAX - call->used;
    return *size > 1 ? call->text + call->used : NULL;
}

static bytes_t used(call_text_t *call, char *text, size_t length)
{
    call->used += length + 1;
    return bytes_of(text, length);
}

static int add_printed(call_text_t *call, const char *name, const char *format, const char *a,
                       const char *b)
{
    size_t size;
    char *text = room(call, &size);
    int length = text ? snprintf(text, size, format, a, b) : -1;
    if (length < 0 || (size_t)length >= size)
        return refuse(call, "no room for the header ", name);
    return add_header(call, name, used(call, text, (size_t)length));
}

static int add_template(call_text_t *call, const header_t *header, document_t *document)
{
    size_t size;
    char *text = room(call, &size), why[256] = "";
    long length = text ? template_text(bytes_str(header->value), document, TEMPLATE_HEADER, text,
                                       size, why, sizeof why)
                       : -ENOSPC;
    if (length < 0) {
        snprintf(call->why, sizeof call->why, "header %s: %s", header->name,
                 *why ? why : "too long");
        return -EINVAL;
    }
    return add_header(call, header->name, used(call, text, (size_t)length));
}

/* These are the transport's: a template that could set them would choose the host or the framing.
 */
static bool is_transports(const char *name)
{
    static const char *const names[] = {"host", "content-length", "transfer-encoding", "connection",
                                        "expect"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

static int add_fixed(call_text_t *call, const downstream_t *downstream)
{
    for (size_t i = 0; i < downstream->header_count; i++) {
        const header_t *header = &downstream->headers[i];
        if (is_transports(header->name))
            return refuse(call, "a downstream may not set the header ", header->name);
        int r = add_header(call, header->name, bytes_str(header->value));
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_configured(call_text_t *call, const step_t *step, document_t *document)
{
    for (size_t i = 0; i < step->header_count; i++) {
        if (is_transports(step->headers[i].name))
            return refuse(call, "a step may not set the header ", step->headers[i].name);
        int r = add_template(call, &step->headers[i], document);
        if (r < 0)
            return r;
    }
    return add_fixed(call, step->downstream);
}

static int add_secret(call_text_t *call, bytes_t secret)
{
    char token[4096];
    if (secret.len >= sizeof token)
        return refuse(call, "no room for the header ", "Authorization");
    if (!secret.len)
        return 0;
    memcpy(token, secret.data, secret.len);
    token[secret.len] = '\0';
    return add_printed(call, "Authorization", "Bearer %s%s", token, "");
}

/* A key is any text: what does not fit a header's value is percent-encoded, and so is '%' itself.
 */
static int add_key(call_text_t *call, bytes_t key)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t size, length = 0;
    char *text = room(call, &size);
    if (!key.len)
        return 0;
    if (!text || key.len * 3 >= size)
        return refuse(call, "no room for the header ", "Weir-Key");
    for (size_t i = 0; i < key.len; i++) {
        uint8_t c = key.data[i];
        if (c > ' ' && c < 0x7f && c != '%') {
            text[length++] = (char)c;
            continue;
        }
        text[length++] = '%';
        text[length++] = digits[c >> 4];
        text[length++] = digits[c & 15];
    }
    return add_header(call, "Weir-Key", used(call, text, length));
}

/* What every call says about itself, unless the configuration says it otherwise. */
static int add_defaults(call_text_t *call, const step_t *step, const msg_assign_t *assign)
{
    char id[MSGID_TEXT], attempt[24];
    msgid_text(&assign->id, id);
    snprintf(attempt, sizeof attempt, "%llu", (unsigned long long)assign->attempt);
    int r = add_printed(call, "Idempotency-Key", "\"%s:%s\"", id, step->name);
    if (r == 0)
        r = add_printed(call, "Weir-Message", "%s%s", id, "");
    if (r == 0)
        r = add_printed(call, "Weir-Attempt", "%s%s", attempt, "");
    if (r == 0 && assign->maybe_duplicate)
        r = add_header(call, "Weir-Maybe-Duplicate", bytes_str("1"));
    if (r == 0)
        r = add_key(call, assign->key);
    if (r == 0 && assign->trace.len)
        r = add_header(call, "traceparent", assign->trace);
    return r == 0 ? add_header(call, "User-Agent", bytes_str("weir/" WEIR_VERSION)) : r;
}

static int render_path(call_text_t *call, const step_t *step, document_t *document)
{
    char why[256] = "";
    long length = template_text(bytes_str(step->path), document, TEMPLATE_PATH, call->text,
                                PATH_MAX_BYTES, why, sizeof why);
    if (length < 0)
        return refuse(call, "path: ", *why ? why : "too long");
    if (length == 0 || call->text[0] != '/')
        return refuse(call, "path: ", "does not begin with '/'");
    call->path = used(call, call->text, (size_t)length);
    return 0;
}

static bool method_has_body(const char *method)
{
    return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0 &&
           strcmp(method, "DELETE") != 0;
}

static int render_json(call_text_t *call, const step_t *step, document_t *document)
{
    char why[256] = "";
    json_t *json = template_json(step->body, document, why, sizeof why);
    if (!json)
        return refuse(call, "body: ", why);
    call->owned_body = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(json);
    if (!call->owned_body || strlen(call->owned_body) > BODY_BYTES_MAX)
        return refuse(call, "body: ", "too large");
    call->body = bytes_str(call->owned_body);
    return add_header(call, "Content-Type", bytes_str("application/json"));
}

static int render_body(call_text_t *call, const step_t *step, const msg_assign_t *assign,
                       document_t *document)
{
    if (step->body)
        return render_json(call, step, document);
    if (!method_has_body(step->method))
        return 0;
    call->body = assign->body;
    return assign->content_type.len ? add_header(call, "Content-Type", assign->content_type) : 0;
}

void call_clear(call_text_t *call)
{
    free(call->owned_body);
    call->owned_body = NULL;
    call->path = call->body = bytes_of(NULL, 0);
    call->header_count = call->used = 0;
    call->why[0] = '\0';
}

static int render(call_text_t *call, const step_t *step, const msg_assign_t *assign, bytes_t secret,
                  document_t *document)
{
    int r = render_path(call, step, document);
    if (r == 0)
        r = add_secret(call, secret);
    if (r == 0)
        r = add_configured(call, step, document);
    if (r == 0)
        r = render_body(call, step, assign, document);
    return r == 0 ? add_defaults(call, step, assign) : r;
}

int call_render(call_text_t *call, const step_t *step, const msg_assign_t *assign, bytes_t secret)
{
    char id[MSGID_TEXT];
    call_clear(call);
    document_t *document = work_document(assign, id);
    int r = render(call, step, assign, secret, document);
    document_destroy(&document);
    text_printable(bytes_str(call->why), call->why, sizeof call->why); /* it may quote a value */
    return r;
}

int call_render_get(call_text_t *call, const downstream_t *downstream, const char *path,
                    bytes_t secret)
{
    call_clear(call);
    call->path = bytes_str(path);
    int r = add_secret(call, secret);
    if (r == 0)
        r = add_fixed(call, downstream);
    if (r == 0)
        r = add_header(call, "Accept", bytes_str("application/json"));
    return r == 0 ? add_header(call, "User-Agent", bytes_str("weir/" WEIR_VERSION)) : r;
}
