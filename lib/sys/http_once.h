/* http_once.h: one HTTP POST and its answer, blocking: for tools that run once, never for an actor.
 * No redirects, no proxies from the environment, never resends. */
#ifndef WEIR_SYS_HTTP_ONCE_H
#define WEIR_SYS_HTTP_ONCE_H

#include "core/base.h"

typedef struct http_once {
    const char *url;
    const char *const *headers;
    size_t header_count; /* "Name: value" */
    bytes_t body;
    unsigned timeout_ms;
} http_once_t;
typedef struct http_once_answer {
    unsigned status;
    char *body; /* malloc'ed, NUL-terminated; cut at HTTP_ONCE_ANSWER_MAX */
    size_t len;
    char error[256]; /* when there is no answer */
} http_once_answer_t;

#define HTTP_ONCE_ANSWER_MAX (1u << 20)
#define HTTP_ONCE_HEADERS_MAX 64u

/* 0: an answer of any status. -ECONNREFUSED: nobody listens; -EIO: no answer, `error` says why;
 * -E2BIG: more headers than the maximum. The answer's body is freed by http_once_clear. */
int http_once(const http_once_t *request, http_once_answer_t *answer);
void http_once_clear(http_once_answer_t *answer);

#endif
