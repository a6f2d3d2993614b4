/* http_server_inside.h: what the files of the HTTP server share. http_server.c: requests and
 * answers on libmicrohttpd; http_server_conns.c: accepting, limits, deadlines; http_server_gate.c:
 * a connection before its first head is whole; http_server_head.c: is this head beyond doubt? */
#ifndef WEIR_SYS_HTTP_SERVER_INSIDE_H
#define WEIR_SYS_HTTP_SERVER_INSIDE_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <uthash.h>

#include "core/list.h"
#include "sys/forwarded.h"
#include "sys/http.h"

#define HTTP_HEADERS_MAX 100u
#define HTTP_LISTENERS_MAX 16u
#define HTTP_LINGERS_MAX 64u
#define HTTP_SLOT_BITS 20u /* of a token: which place; the rest is a serial number */

/* Where a connection stands. Each phase but WAIT has a deadline of ours. */
enum http_phase {
    PHASE_GATE, /* new: not the library's before its first head is whole and beyond doubt */
    PHASE_HEAD, /* waits for the next head: idle, or a request has begun */
    PHASE_BODY,
    PHASE_WAIT,  /* the owner has the request */
    PHASE_WRITE, /* the answer goes out */
    PHASE_GONE,  /* cut by us; the library has not noticed yet */
};

/* How many connections one address (IPv6: one /64) has open. */
struct http_client_count {
    UT_hash_handle hh;
    uint8_t key[16];
    unsigned open;
};

typedef struct http_conn {
    http_server_t *server;
    struct MHD_Connection *mhd;
    struct MHD_Response *response; /* answered, not yet queued */
    struct http_client_count *count;
    struct http_client_count *behind; /* of the request's client, behind a trusted proxy */
    address_t peer;                   /* who connected */
    loop_source_t *gate;
    list_node_t in_starved; /* of server->starved */
    list_node_t in_reserve; /* of server->reserve, in the order they came */
    size_t gate_seen;       /* bytes of the first head that have come */
    instant_t since;        /* when the phase began */
    uint64_t consumed; /* bytes of whole requests: more have come when the next request has begun */
    uint64_t token;
    uint32_t slot;
    int fd;
    unsigned status; /* of response */
    uint8_t phase;
    bool tls;     /* the library shakes hands: it has the connection from the beginning */
    bool proxied; /* who connected is a trusted proxy */
    bool loopback, reserved, reused, begun, chunked, head_seen, dispatched, in_call, suspended,
        linger;
    char client[INET6_ADDRSTRLEN];
    size_t uri_len, head_len;
    char *query; /* a copy: the library takes the query apart in place */
    uint8_t *body;
    size_t body_len, body_room;
    uint64_t body_expected;
} http_conn_t;

/* A closed connection whose client may still send: read and thrown away for a while, so that our
 * last answer is not destroyed by a reset. */
struct http_linger {
    int fd;
    instant_t until;
    size_t left;
};

struct http_listener {
    http_server_t *server;
    int fd;
    bool tls;
};

struct http_server {
    loop_t *loop;
    http_server_options_t options;
    struct MHD_Daemon *daemon, *tls; /* tls: NULL without TLS */
    void (*on_request)(void *, const http_request_t *);
    void *arg;
    loop_source_t *ready, *tls_ready, *before_wait, *tick, *listeners[HTTP_LISTENERS_MAX];
    struct http_listener listening[HTTP_LISTENERS_MAX];
    bool kick, paused, ticking, out_of_files, closing, retiring;
    instant_t retired_at;
    int64_t tick_us;
    http_conn_t **slots; /* options.connections places */
    uint32_t *free_slots, free_count;
    http_conn_t **by_fd;
    size_t by_fd_room;
    struct http_client_count *clients;
    list_t starved; /* TLS connections whose bytes have run out, in this run of the library */
    list_t reserve; /* connections in the places for health, metrics and queries */
    struct http_linger lingers[HTTP_LINGERS_MAX];
    size_t linger_count;
    uint64_t serial;
    http_server_counts_t counts;
    http_field_t fields[HTTP_HEADERS_MAX]; /* of the request being handed over */
    char *names;                           /* room for their names in lower case */
};

/* ---- http_server_head.c */

/* What the first look at a head says. status 0: fine. */
struct head_verdict {
    unsigned status;
    bool chunked;
    uint64_t content_length;
};
/* What the looks at a head's parts have found so far. */
struct head_look {
    struct head_verdict *verdict;
    const char *at; /* where the next line must begin, as the library parses in place */
    unsigned fields, hosts, lengths, codings;
    bool http11;
};
/* Of bytes off the wire, which may go on behind the head. Pure. */
enum head_scan { HEAD_MORE, HEAD_WHOLE, HEAD_BAD };
enum head_scan http_head_scan(bytes_t bytes, struct head_verdict *out);
/* Of a head that the library parsed. */
void http_head_check(http_conn_t *conn, const char *url, const char *method, const char *version,
                     struct head_verdict *out);
/* Fills server->fields; how many. */
size_t http_head_fields(http_conn_t *conn);

/* ---- http_server_conns.c */

void http_conns_open(http_server_t *server);
void http_conns_close(http_server_t *server);
void http_conns_forget(http_conn_t *conn); /* its descriptor is closed behind this call */
void http_conn_enter(http_conn_t *conn, enum http_phase phase);
/* Sends a whole refusal over the library's head and cuts the connection. */
void http_conn_cut(http_conn_t *conn, unsigned status);
void http_conn_free_request(http_conn_t *conn);
/* Bytes that came over its socket so far. */
uint64_t http_conn_received(const http_conn_t *conn);

/* Of one client; released when its `open` was counted down. */
struct http_client_count *http_client_count_of(http_server_t *server, const address_t *client);
void http_client_count_release(http_server_t *server, struct http_client_count *count);

/* ---- http_server_proxy.c: requests that come through trusted proxies */

bool http_proxy_is(const http_server_t *server, const address_t *peer);
/* Finds the request's client among its `count` fields; false: it has too many requests at once. */
bool http_proxy_claim(http_conn_t *conn, size_t count);
void http_proxy_release(http_conn_t *conn); /* the request is over */

/* ---- http_server_gate.c */

void http_gate_open(http_conn_t *conn);
/* Looks at what has come already, without waiting for the loop. It may be gone after this. */
void http_gate_look(http_conn_t *conn);
/* To the library, whatever has come. It may be gone after this. */
void http_gate_pass(http_conn_t *conn);
/* Ends a connection that the library has not got: a refusal (0: without a word), then the close. */
void http_gate_refuse(http_conn_t *conn, unsigned status);

/* ---- http_server.c */

struct MHD_Daemon *http_library_start(http_server_t *server, unsigned more,
                                      const struct MHD_OptionItem *options);

/* ---- http_server_linger.c */

/* Keeps the socket open behind the library's back, half closed, until the client has read our
 * answer. */
void http_linger_begin(http_conn_t *conn);
void http_lingers_drain(http_server_t *server, instant_t now);
void http_lingers_drop(http_server_t *server);

/* ---- http_server_tls.c */

/* NULL: the certificate or key is none. */
struct MHD_Daemon *http_tls_start(http_server_t *server);
void http_tls_began(http_conn_t *conn);
/* After each run of the library: who has no more bytes waits for them. */
void http_tls_let_wait(http_server_t *server);
void http_tls_forget(http_conn_t *conn);
void http_tls_let_go(http_conn_t *conn); /* the library gets it back to close it */
/* The refusal as far as the session takes it at once. */
void http_tls_say(const http_conn_t *conn, unsigned status);

/* ---- http_server_refuse.c: answers that the server gives by itself */

/* RFC 9457 body of a refusal; static storage. */
bytes_t http_refusal_body(unsigned status);
/* The whole answer, head and body, for a connection that will be closed; static storage. */
bytes_t http_refusal_raw(unsigned status);

#endif
