/* http.h: requests and answers as plain values, the same for the real adaptors (http_server.c,
 * http_client.c on libcurl) and for the simulator. All is lent for the call. */
#ifndef WEIR_SYS_HTTP_H
#define WEIR_SYS_HTTP_H

#include "core/http_head.h"
#include "sys/loop.h"

/* ---- in ---- */

typedef struct http_request {
    uint64_t token;                /* names the waiting request until it is answered, then never */
    bytes_t method; /* HEAD comes as GET, OPTIONS never: both are the server's matter */
    bytes_t path, query;           /* path without query, not decoded; query without '?' */
    const http_field_t *headers; size_t header_count; /* names in lower case */
    bytes_t body;
    bytes_t client; /* address as text; behind trusted proxies that of who asked the first */
    bool loopback;  /* the client is on this host's loopback, and no proxy was between */
} http_request_t;
/* The value of a header (name in lower case); len 0 and data NULL when absent. */
bytes_t http_header(const http_request_t *r, const char *name);

typedef struct http_reply {
    unsigned status;
    const char *content_type;
    const http_field_t *headers; size_t header_count;
    bytes_t body;
    bool close;
} http_reply_t;

typedef struct http_server http_server_t;
typedef struct http_server_options {
    const int *listeners; size_t listener_count;   /* listening sockets, not owned */
    uint32_t tls_listeners;        /* bit n: what connects to listeners[n] speaks TLS */
    const struct forwarded *forwarded;     /* trusted proxies (forwarded.h); NULL: none */
    const char *tls_certificate, *tls_key; /* PEM, the chain leaf first; NULL: no TLS */
    unsigned connections, reserved_connections;    /* reserved: for health, metrics and queries */
    unsigned connections_per_client;
    unsigned header_ms, body_ms, idle_ms;
    unsigned body_rate_min;
    size_t header_bytes_max, body_bytes_max;
    size_t held_bytes_max; /* of requests that are not whole, all connections together; then 503 */
} http_server_options_t;
typedef struct http_server_counts {
    unsigned open; uint64_t accepted, refused, timeouts, oversize, malformed;
} http_server_counts_t;
/* on_request is called once a request is whole; it is answered by http_server_reply, from inside or
 * later. Deadlines, sizes and connection limits are answered by the server itself (408, 413, 431,
 * 503). */
int http_server_open(loop_t *loop, const http_server_options_t *options,
                     void (*on_request)(void *arg, const http_request_t *request), void *arg,
                     http_server_t **out);
/* An unknown token is ignored. */
void http_server_reply(http_server_t *server, uint64_t token, const http_reply_t *reply);
void http_server_counts(const http_server_t *server, http_server_counts_t *out);
/* Stops or resumes accepting connections. */
void http_server_pause(http_server_t *server, bool pause);
/* For good: accepts nothing more; every answer closes its connection, and a connection that stays
 * without a request for HTTP_RETIRE_IDLE_US from now on is closed. */
#define HTTP_RETIRE_IDLE_US (2 * US_PER_S)
void http_server_retire(http_server_t *server);
bool http_server_is_left(const http_server_t *server); /* retired, and nobody is connected */
void http_server_close(http_server_t **server);

/* ---- out ---- */

typedef struct http_pool_options {
    const char *name, *url;        /* scheme://host[:port] */
    unsigned connections, connect_ms, total_ms;
    bool allow_private;
    size_t answer_bytes_max;
} http_pool_options_t;

typedef struct http_call {
    uint64_t token;                /* the caller's; the answer repeats it */
    size_t pool;                   /* index of http_client_open's pools */
    const char *method;
    bytes_t path;                  /* with query, starts with '/' */
    const http_field_t *headers; size_t header_count;
    bytes_t body;                  /* copied */
    instant_t start_by;            /* checked immediately before the first byte */
} http_call_t;

enum http_call_end {
    CALL_ANSWERED, /* status, headers and body are there */
    CALL_FAILED,   /* connection, resolver, address check or timeout; `wrote` tells what it means */
    CALL_LATE,     /* start_by had passed: nothing was sent */
    CALL_CANCELLED,
};
typedef struct http_answer {
    uint64_t token;
    enum http_call_end end;
    bool wrote;                    /* the socket accepted at least one byte of the request */
    unsigned status;
    const http_field_t *headers; size_t header_count; /* names in lower case */
    bytes_t body;
    bool truncated;                /* the answer was longer than answer_bytes_max */
    const char *error;             /* one line; NULL when ANSWERED */
    uint64_t took_us;
} http_answer_t;

typedef struct http_client http_client_t;
/* Before the first client where files can be read only now: TLS reads its configuration once. */
void http_client_prepare(void);
int http_client_open(loop_t *loop, const http_pool_options_t *pools, size_t pool_count,
                     void (*on_answer)(void *arg, const http_answer_t *answer), void *arg,
                     http_client_t **out);
/* Never resends. At most `connections` calls of a pool run at once; one more is our bug (must). */
void http_client_call(http_client_t *client, const http_call_t *call);
void http_client_cancel(http_client_t *client, uint64_t token);
void http_client_close(http_client_t **client);

#endif
