/* http_client_inside.h: what the files of the HTTP client share. http_client.c: calls from begin to
 * end; http_client_curl.c: one call as libcurl sees it; http_client_poll.c: libcurl's sockets and
 * timers in our loop; http_client_pool.c: a downstream's address. */
#ifndef WEIR_SYS_HTTP_CLIENT_INSIDE_H
#define WEIR_SYS_HTTP_CLIENT_INSIDE_H

#include <curl/curl.h>

#include "sys/address.h"
#include "sys/http.h"
#include "sys/resolver.h"

#define CALL_HEADERS_MAX 64u
#define ANSWER_HEADERS_MAX 128u
#define ANSWER_HEAD_BYTES_MAX 65536u
#define HOST_BYTES_MAX 255u

typedef struct http_pool http_pool_t;

enum call_state {
    CALL_STATE_FREE,
    CALL_STATE_RESOLVING, /* waits for its pool's addresses */
    CALL_STATE_RUNNING,   /* libcurl has it */
    CALL_STATE_ENDED,     /* its answer is told before the loop waits */
};

/* One call in hand. The handle and the buffers stay for the next one. */
typedef struct call {
    http_pool_t *pool;
    struct call *next; /* free, or ended */
    enum call_state state;
    CURL *easy;
    uint64_t token;
    instant_t began, start_by;
    bool prepared, begun, late, again, truncated, cancelled, in_body;
    /* out */
    char *url, *fields; /* the address; all header lines */
    size_t url_room, fields_room;
    struct curl_slist list[CALL_HEADERS_MAX + 4];
    char method[24];
    uint8_t *body;
    size_t body_len;
    struct curl_slist pin;
    /* in */
    char *head; /* header lines as they came, names in lower case */
    size_t head_len;
    http_field_t headers[ANSWER_HEADERS_MAX];
    size_t header_count;
    uint8_t *answer;
    size_t answer_len, answer_room;
    unsigned status;
    enum http_call_end end;
    char error[CURL_ERROR_SIZE];
} call_t;

struct http_pool {
    http_client_t *client;
    char *name, *url, host[HOST_BYTES_MAX + 1];
    uint16_t port;
    bool literal, asking;
    unsigned connections, connect_ms, total_ms, running;
    bool allow_private;
    size_t answer_bytes_max;
    char *pin;           /* CURLOPT_RESOLVE's "host:port:addresses"; NULL for a literal */
    instant_t pin_until; /* before it, calls start without asking */
    call_t *calls;       /* connections, and one for a call begun from inside on_answer */
    call_t *free;        /* linked by next */
};

struct watch {
    uint32_t wanted, registered;
};

struct http_client {
    loop_t *loop;
    CURLM *multi;
    resolver_t *resolver;
    void (*on_answer)(void *, const http_answer_t *);
    void *arg;
    http_pool_t *pools;
    size_t pool_count, resolving;
    loop_source_t *ready, *before_wait, *timer, *resolve_timer, *tell;
    int epoll_fd;
    struct watch *watches; /* by descriptor */
    size_t watch_room;
    instant_t curl_due, armed;
    bool kick;
    call_t *ended, **last_ended;
};

/* http_client.c */
void call_start(call_t *call);
void call_end(call_t *call, enum http_call_end end, const char *error);
void call_finished(call_t *call, CURLcode code);
int64_t call_time_left_ms(const call_t *call);

/* http_client_pool.c */
int pool_open(http_pool_t *pool, http_client_t *client, const http_pool_options_t *options);
void pool_close(http_pool_t *pool);
/* Gets addresses for its calls that wait: starts or ends each of them, now or later. */
void pool_resolve(http_pool_t *pool);

/* http_client_curl.c */
int call_prepare(call_t *call,
                 const http_call_t *from); /* -EINVAL: not fit to be sent; call->error says why */
CURLcode call_configure(call_t *call);
void call_take_headers(call_t *call);

/* http_client_poll.c */
int poll_open(http_client_t *client);
void poll_close(http_client_t *client);
void poll_configure(http_client_t *client, CURL *easy);

#endif
