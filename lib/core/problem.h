/* problem.h: bodies of every refusal over HTTP (RFC 9457, application/problem+json), from one
 * table. Pure. */
#ifndef WEIR_CORE_PROBLEM_H
#define WEIR_CORE_PROBLEM_H

#include "core/base.h"

#define PROBLEM_CONTENT_TYPE "application/problem+json"

/* PROBLEM(NAME, status, "code", "type", "title"); code is the member that programs compare. */
#define PROBLEM_TABLE(PROBLEM)                                                                     \
    PROBLEM(MALFORMED, 400, "malformed", "about:blank", "The request cannot be read")              \
    PROBLEM(UNAUTHORIZED, 401, "unauthorized", "about:blank", "The sender is not believed")        \
    PROBLEM(FORBIDDEN, 403, "forbidden", "about:blank", "Not allowed here")                        \
    PROBLEM(STALE, 403, "stale", "about:blank", "Signed too long ago, or ahead of time")           \
    PROBLEM(NOT_FOUND, 404, "not_found", "about:blank", "Nothing is here")                         \
    PROBLEM(METHOD, 405, "method_not_allowed", "about:blank", "Not with this method")              \
    PROBLEM(CONFLICT, 409, "conflict", "about:blank", "The same id with another body")             \
    PROBLEM(NOT_NOW, 409, "not_now", "about:blank", "Not in the present state")                    \
    PROBLEM(TOO_LARGE, 413, "too_large", "about:blank", "It is too large")                         \
    PROBLEM(MEDIA_TYPE, 415, "unsupported_media_type", "about:blank", "Not in this media type")    \
    PROBLEM(UNPROCESSABLE, 422, "unprocessable", "about:blank",                                    \
            "It can be read, but lacks what is needed or says what cannot be")                     \
    PROBLEM(LIMITED, 429, "rate_limit_exceeded",                                                   \
            "https://iana.org/assignments/http-problem-types#quota-exceeded",                      \
            "A limit is reached")                                                                  \
    PROBLEM(CAPPED, 429, "usage_cap_exceeded",                                                     \
            "https://iana.org/assignments/http-problem-types#quota-exceeded",                      \
            "The calendar's cap is used up")                                                       \
    PROBLEM(INTERNAL, 500, "internal", "about:blank", "This is a bug of Weir")                     \
    PROBLEM(OVERLOADED, 503, "overloaded",                                                         \
            "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",          \
            "The queue is full")                                                                   \
    PROBLEM(DRAINING, 503, "draining", "about:blank", "System draining")                           \
    PROBLEM(MAINTENANCE, 503, "maintenance", "about:blank", "System under maintenance")            \
    PROBLEM(UNAVAILABLE, 503, "unavailable", "about:blank", "Not possible at the moment")

enum problem_kind {
#define PROBLEM(NAME, status, code, type, title) PROBLEM_##NAME,
    PROBLEM_TABLE(PROBLEM)
#undef PROBLEM
        PROBLEM_COUNT
};

typedef struct problem {
    enum problem_kind kind;
    bytes_t detail;         /* for a person; made printable */
    bytes_t pointer;        /* 422: which value it is about; empty: left out */
    size_t line, column;    /* 400: where in the body; 0: left out */
    bytes_t id;             /* the message or lease it is about; empty: left out */
    bytes_t limit;          /* 429: which; empty: left out, with the next three */
    bytes_t shown;          /* the same as operators see it */
    bytes_t by;             /* who refused: "limit" or "guard" */
    uint64_t in_use, slots; /* slots 0: both left out */
} problem_t;

unsigned problem_status(enum problem_kind kind);
/* The body, NUL-terminated; the caller frees it. */
char *problem_text(const problem_t *problem);

#endif
