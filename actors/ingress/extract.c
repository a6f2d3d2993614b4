#include "actors/ingress/extract.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <xxhash.h>

#include "core/document.h"
#include "core/form.h"
#include "core/json_text.h"
#include "core/utf8.h"
#include "sys/crypto.h"

static bool refuse(refusal_t *why, enum problem_kind kind, const char *pointer, const char *format,
                   const char *detail)
{
    why->problem = (problem_t){.kind = kind, .pointer = bytes_str(pointer)};
    snprintf(why->detail, sizeof why->detail, format, detail);
    why->problem.detail = bytes_str(why->detail);
    return false;
}

/* ---- before parsing */

static bool ends_with(bytes_t text, const char *end)
{
    size_t length = strlen(end);
    return text.len > length &&
           strncasecmp((const char *)text.data + text.len - length, end, length) == 0;
}

/* Without parameters and the space before them. */
static bytes_t media_type(bytes_t content_type)
{
    bytes_t type = content_type;
    const uint8_t *end = type.len ? memchr(type.data, ';', type.len) : NULL;
    if (end)
        type.len = (size_t)(end - type.data);
    while (type.len && (type.data[type.len - 1] == ' ' || type.data[type.len - 1] == '\t'))
        type.len--;
    return type;
}

static bool is_type(bytes_t type, const char *name)
{
    return type.len == strlen(name) && strncasecmp((const char *)type.data, name, type.len) == 0;
}

bool media_type_is_json(bytes_t content_type)
{
    bytes_t type = media_type(content_type);
    return is_type(type, "application/json") || ends_with(type, "+json");
}

bool media_type_is_form(bytes_t content_type)
{
    return is_type(media_type(content_type), "application/x-www-form-urlencoded");
}

static const struct body_type {
    bool (*is)(bytes_t content_type);
    const char *hint;
} body_types[] = {
    [BODY_JSON] = {media_type_is_json, "send application/json, or a media type that ends in +json, "
                                       "in Content-Type"},
    [BODY_FORM] = {media_type_is_form, "send application/x-www-form-urlencoded in Content-Type"},
};

static bool is_printable(bytes_t text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < ' ' || text.data[i] > '~')
            return false;
    return true;
}

static bool envelope_is_fit(const route_t *route, const http_request_t *request, refusal_t *why)
{
    bytes_t type = http_header(request, "content-type");
    bytes_t encoding = http_header(request, "content-encoding");
    const struct body_type *wanted = &body_types[route->body];
    if (!wanted->is(type) || type.len > CONTENT_TYPE_MAX || !is_printable(type))
        return refuse(why, PROBLEM_MEDIA_TYPE, NULL, "%s", wanted->hint);
    if (encoding.len && !bytes_is(encoding, "identity"))
        return refuse(why, PROBLEM_MEDIA_TYPE, NULL, "%s",
                      "send the body without Content-Encoding");
    if (request->body.len > route->body_bytes_max) {
        char most[32];
        snprintf(most, sizeof most, "%zu", route->body_bytes_max);
        return refuse(why, PROBLEM_TOO_LARGE, NULL, "this route takes bodies of up to %s bytes",
                      most);
    }
    return true;
}

/* ---- the document */

/* Credentials never get into a document: a template could send them on. */
static bool is_secret(const source_t *source, bytes_t name)
{
    static const char *const names[] = {
        "authorization",     "proxy-authorization", "cookie",
        "x-api-key",         "x-hub-signature",     "x-hub-signature-256",
        "x-slack-signature", "webhook-signature"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (bytes_is(name, names[i]))
            return true;
    return source->header && bytes_is(name, source->header);
}

/* A name sent twice: its values joined by a comma (RFC 9110 section 5.3). What is no UTF-8 is left
 * out. */
static void add_header(json_t *headers, const http_field_t *field)
{
    const char *name = (const char *)field->name.data;
    json_t *before = json_object_getn(headers, name, field->name.len);
    json_t *value = NULL;
    if (before)
        value = json_sprintf("%s, %.*s", json_string_value(before), (int)field->value.len,
                             (const char *)field->value.data);
    else
        value =
            json_stringn(field->value.len ? (const char *)field->value.data : "", field->value.len);
    if (value && json_object_setn_new(headers, name, field->name.len, value) != 0)
        return;
}

static json_t *headers_of(const source_t *source, const http_request_t *request)
{
    json_t *headers = json_object();
    must(headers);
    for (size_t i = 0; i < request->header_count; i++)
        if (!is_secret(source, request->headers[i].name))
            add_header(headers, &request->headers[i]);
    return headers;
}

static bool is_of_headers(const char *pointer)
{
    return pointer && strncmp(pointer, "/headers", 8) == 0;
}

static bool wants_headers(const route_t *route)
{
    bool wants = is_of_headers(route->key) || is_of_headers(route->id);
    for (size_t i = 0; i < route->label_count && !wants; i++)
        wants = is_of_headers(route->labels[i].value);
    for (size_t i = 0; i < route->pointer_count && !wants; i++)
        wants = is_of_headers(route->pointers[i]);
    for (size_t i = 0; i < route->class_count && !wants; i++)
        for (size_t k = 0; k < route->classes[i].when.count && !wants; k++)
            wants = is_of_headers(route->classes[i].when.conditions[k].pointer);
    return wants;
}

/* ---- values */

/* The text of a scalar, at most `size` bytes, not terminated. -1: no scalar (or null); -2: too
 * long. */
static long scalar_text(const json_t *value, char *out, size_t size)
{
    char number[64];
    const char *text = number;
    size_t length;
    if (json_is_string(value)) {
        text = json_string_value(value);
        length = json_string_length(value);
    } else if (json_is_number(value)) {
        length = json_dumpb(value, number, sizeof number, JSON_ENCODE_ANY);
    } else if (json_is_boolean(value)) {
        text = json_is_true(value) ? "true" : "false";
        length = strlen(text);
    } else {
        return -1;
    }
    if (length > size)
        return -2;
    memcpy(out, text, length);
    return (long)length;
}

static bool take_print(const route_t *route, const http_request_t *request, document_t *document,
                       extracted_t *out, refusal_t *why)
{
    char id[1024];
    sha256_t of_body;
    bytes_t parts[3] = {bytes_str(route->source->name), bytes_of("", 1)};
    if (route->id) {
        long length = scalar_text(document_get(document, bytes_str(route->id)), id, sizeof id);
        if (length == -2)
            return refuse(why, PROBLEM_UNPROCESSABLE, route->id,
                          "the id at %s is longer than 1024 bytes", route->id);
        if (length <= 0)
            return refuse(why, PROBLEM_UNPROCESSABLE, route->id,
                          "this route needs the sender's id, a text or number, at %s", route->id);
        parts[2] = bytes_of(id, (size_t)length);
    } else {
        of_body = sha256_of(&request->body, 1);
        parts[2] = bytes_of(of_body.b, sizeof of_body.b);
    }
    sha256_t hash = sha256_of(parts, COUNT_OF(parts));
    memcpy(out->print.b, hash.b, sizeof out->print.b);
    out->body_hash = XXH3_64bits(request->body.data, request->body.len);
    return true;
}

static bool take_key(const route_t *route, document_t *document, extracted_t *out, refusal_t *why)
{
    json_t *value = route->key ? document_get(document, bytes_str(route->key)) : NULL;
    if (!value)
        return true;
    long length = scalar_text(value, out->key, sizeof out->key);
    if (length == -1)
        return refuse(why, PROBLEM_UNPROCESSABLE, route->key, "the key at %s is no text or number",
                      route->key);
    if (length == -2)
        return refuse(why, PROBLEM_UNPROCESSABLE, route->key,
                      "the key at %s is longer than 512 bytes", route->key);
    if (!utf8_valid(bytes_of(out->key, (size_t)length)))
        return refuse(why, PROBLEM_UNPROCESSABLE, route->key, "the key at %s contains U+0000",
                      route->key);
    out->key_len = (size_t)length;
    return true;
}

static bool add_label(json_t *labels, const header_t *label, document_t *document, refusal_t *why)
{
    char text[LABELS_BYTES_MAX];
    json_t *value = document_get(document, bytes_str(label->value));
    if (!value)
        return true;
    long length = scalar_text(value, text, sizeof text);
    if (length < 0)
        return refuse(why, PROBLEM_UNPROCESSABLE, label->value,
                      "the label at %s is no text or number, or too long", label->value);
    must(json_object_set_new(labels, label->name, json_stringn(text, (size_t)length)) == 0);
    return true;
}

/* Takes the reference; NULL and *why when the text is longer than `most`. */
static char *bounded_text(json_t *json, size_t most, const char *what, refusal_t *why)
{
    char *text = json_dumps(json, JSON_COMPACT);
    must(text);
    json_decref(json);
    if (strlen(text) <= most)
        return text;
    free(text);
    refuse(why, PROBLEM_UNPROCESSABLE, NULL, "the %s are too large together", what);
    return NULL;
}

static bool take_labels(const route_t *route, document_t *document, extracted_t *out,
                        refusal_t *why)
{
    if (!route->label_count)
        return true;
    json_t *labels = json_object();
    for (size_t i = 0; i < route->label_count; i++)
        if (!add_label(labels, &route->labels[i], document, why)) {
            json_decref(labels);
            return false;
        }
    return (out->labels = bounded_text(labels, LABELS_BYTES_MAX, "label values", why)) != NULL;
}

static bool take_fields(const route_t *route, document_t *document, extracted_t *out,
                        refusal_t *why)
{
    if (!route->pointer_count)
        return true;
    json_t *fields = document_extract(document, route->pointers, route->pointer_count);
    must(fields);
    out->fields = bounded_text(fields, FIELDS_BYTES_MAX, "values that the route's steps use", why);
    return out->fields != NULL;
}

static uint8_t class_of_message(const route_t *route, document_t *document)
{
    for (size_t i = 0; i < route->class_count; i++)
        if (match_holds(&route->classes[i].when, document))
            return route->classes[i].class;
    return route->class;
}

static bool take_all(const route_t *route, const http_request_t *request, json_t *message,
                     extracted_t *out, refusal_t *why)
{
    json_t *headers = wants_headers(route) ? headers_of(route->source, request) : NULL;
    document_t *document =
        document_new(&(document_parts_t){.message = message, .headers = headers});
    out->class = class_of_message(route, document);
    bool good = take_print(route, request, document, out, why) &&
                take_key(route, document, out, why) && take_labels(route, document, out, why) &&
                take_fields(route, document, out, why);
    document_destroy(&document);
    json_decref(headers);
    return good;
}

/* ---- the whole */

static bool is_lower_hex(bytes_t text, size_t from, size_t length)
{
    for (size_t i = from; i < from + length; i++)
        if (!((text.data[i] >= '0' && text.data[i] <= '9') ||
              (text.data[i] >= 'a' && text.data[i] <= 'f')))
            return false;
    return true;
}

static bool is_all_zero(bytes_t text, size_t from, size_t length)
{
    for (size_t i = from; i < from + length; i++)
        if (text.data[i] != '0')
            return false;
    return true;
}

bool traceparent_is_valid(bytes_t text)
{
    if (text.len != 55 || text.data[2] != '-' || text.data[35] != '-' || text.data[52] != '-')
        return false;
    return is_lower_hex(text, 0, 2) && is_lower_hex(text, 3, 32) && is_lower_hex(text, 36, 16) &&
           is_lower_hex(text, 53, 2) && memcmp(text.data, "ff", 2) != 0 &&
           !is_all_zero(text, 3, 32) && !is_all_zero(text, 36, 16);
}

void extracted_clear(extracted_t *e)
{
    free(e->labels);
    free(e->fields);
    e->labels = e->fields = NULL;
}

static json_t *read_json(bytes_t body, refusal_t *why)
{
    json_text_error_t error;
    json_t *message = json_text_parse(body, &error);
    if (!message) {
        refuse(why, PROBLEM_MALFORMED, NULL, "the body is not JSON: %s", error.text);
        why->problem.line = error.line;
        why->problem.column = error.column;
    }
    return message;
}

static json_t *read_form(bytes_t body, refusal_t *why)
{
    form_error_t error;
    json_t *message = form_parse(body, &error);
    if (!message) {
        char detail[200];
        snprintf(detail, sizeof detail, "field %zu: %s", error.field, error.text);
        refuse(why, PROBLEM_MALFORMED, NULL, "the body is not a form: %s", detail);
    }
    return message;
}

bool extract(const route_t *route, const http_request_t *request, extracted_t *out, refusal_t *why)
{
    memset(out, 0, offsetof(extracted_t, key));
    out->key_len = 0;
    out->labels = out->fields = NULL;
    if (!envelope_is_fit(route, request, why))
        return false;
    json_t *message =
        route->body == BODY_FORM ? read_form(request->body, why) : read_json(request->body, why);
    if (!message)
        return false;
    out->content_type = http_header(request, "content-type");
    bytes_t trace = http_header(request, "traceparent");
    out->trace = traceparent_is_valid(trace) ? trace : bytes_of(NULL, 0);
    bool good = take_all(route, request, message, out, why);
    json_decref(message);
    if (!good)
        extracted_clear(out);
    return good;
}
