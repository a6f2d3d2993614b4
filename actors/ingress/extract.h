/* extract.h: what the queue needs to know of a request: identity, key, labels and the values that
 * the route's steps point at. The body is parsed once, here. Pure. */
#ifndef WEIR_INGRESS_EXTRACT_H
#define WEIR_INGRESS_EXTRACT_H

#include "core/problem.h"
#include "protocol/protocol.h"
#include "sys/config.h"
#include "sys/http.h"

#define CONTENT_TYPE_MAX 128u

typedef struct extracted {
    dedup_print_t print;
    uint64_t body_hash;
    char key[KEY_BYTES_MAX];
    size_t key_len;
    uint8_t class; /* by the route's classes, else its class */
    char *labels, *fields;       /* JSON objects; owned; NULL: none */
    bytes_t content_type, trace; /* lie in the request; trace empty unless it is a traceparent */
} extracted_t;

/* Why not; detail lies in it. */
typedef struct refusal {
    problem_t problem;
    char detail[400];
} refusal_t;

/* True and *out (clear it afterwards), or false and *why. Nothing is kept of what was refused. */
bool extract(const route_t *route, const http_request_t *request, extracted_t *out, refusal_t *why);
void extracted_clear(extracted_t *e);

/* W3C trace context level 1, section 3.2. */
bool traceparent_is_valid(bytes_t text);
/* application/json or anything ending in +json, parameters allowed. */
bool media_type_is_json(bytes_t content_type);
/* application/x-www-form-urlencoded, parameters allowed. */
bool media_type_is_form(bytes_t content_type);

#endif
