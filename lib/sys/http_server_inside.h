/* http_server_inside.h: what the files of the HTTP server share. http_server.c: birth, end, turns;
 * http_server_conns.c: accepting, places, deadlines; http_server_read.c: from bytes to a request;
 * http_server_write.c: from an answer to bytes; http_server_tls.c: TLS between those two and the
 * socket; http_server_linger.c: after the last answer. */
#ifndef WEIR_SYS_HTTP_SERVER_INSIDE_H
#define WEIR_SYS_HTTP_SERVER_INSIDE_H

#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <sys/types.h>
#include <uthash.h>

#include "core/http_chunks.h"
#include "core/list.h"
#include "sys/forwarded.h"
#include "sys/http.h"

#define HTTP_LISTENERS_MAX 16u
#define HTTP_LINGERS_MAX 64u
#define HTTP_SLOT_BITS 20u       /* of a token: which place; the rest is a serial number */
#define HTTP_SCRATCH_BYTES 65536u /* of the server's two rooms, to read into and write from */

/* Where a connection stands. Each phase but WAIT has a deadline. */
enum http_phase {
    PHASE_HEAD,  /* waits for a head: the first, or idle, or one has begun */
    PHASE_BODY,
    PHASE_WAIT,  /* the owner has the request */
    PHASE_WRITE, /* the answer goes out */
    PHASE_GONE,  /* its descriptor is closed; it is freed at the end of the turn */
};

/* How many connections one address (IPv6: one /64) has open. */
struct http_client_count {
    UT_hash_handle hh;
    uint8_t key[16];
    unsigned open;
};

typedef struct http_conn {
    http_server_t *server;
    struct http_client_count *count;
    struct http_client_count *behind; /* of the request's client, behind a trusted proxy */
    gnutls_session_t session;         /* NULL without TLS */
    address_t peer;                   /* who connected */
    list_node_t in_again;   /* of server->again: more to do without anything new from the socket */
    list_node_t in_gone;    /* of server->gone */
    list_node_t in_reserve; /* of server->reserve, in the order they came */
    instant_t since;        /* when the phase began; for a head that has begun: its first byte */
    uint64_t token;
    uint32_t slot;
    int fd;
    uint8_t phase;
    bool proxied; /* who connected is a trusted proxy */
    bool loopback, reserved;
    bool shaking;   /* TLS: the handshake goes on */
    bool dry;       /* ... the socket had nothing for it, or no room */
    bool flushing;  /* ... it has encrypted more than the socket took */
    bool reused;    /* had a request before */
    bool closing;   /* the connection ends with this answer */
    bool refused;   /* ... which is ours */
    bool keeps;     /* HTTP/1.0 that asked to be kept is told so */
    bool headless;  /* HEAD: the answer's body is left out */
    bool in_call;   /* on_request runs with it */
    bool unread;    /* the socket may have more */
    bool ended;     /* ... or an end to tell */
    char client[INET6_ADDRSTRLEN];
    /* What was read and is not done with: `left` bytes at `at`, which is in `in` or, during a turn,
     * in the server's scratch. A body lies behind its head, decoded. */
    uint8_t *at, *in;
    size_t left, in_room;
    size_t head_len, body_len; /* of the request that has begun; chunked: decoded so far */
    uint64_t body_expected;
    http_chunks_t chunks;
    bool chunked;
    uint8_t *out; /* what the socket did not take yet: out_len bytes from out_at on */
    size_t out_at, out_len;
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
    void (*on_request)(void *, const http_request_t *);
    void *arg;
    int epoll;
    loop_source_t *ready, *before_wait, *tick, *listeners[HTTP_LISTENERS_MAX];
    struct http_listener listening[HTTP_LISTENERS_MAX];
    bool paused, ticking, out_of_files, closing, retiring;
    instant_t retired_at;
    int64_t tick_us;
    http_conn_t **slots; /* options.connections places */
    uint32_t *free_slots, free_count;
    struct http_client_count *clients;
    list_t again, gone;
    list_t reserve; /* connections in the places for health, metrics and queries */
    struct http_linger lingers[HTTP_LINGERS_MAX];
    size_t linger_count;
    uint64_t serial;
    size_t held; /* bytes of the connections' `in` */
    now_t now; /* of this turn */
    http_server_counts_t counts;
    http_head_t head; /* the last that was looked at */
    char *names;           /* its fields' names in lower case */
    uint8_t *scratch, *scratch_out;
    int64_t date_s; /* what `date` says */
    char date[40];
    gnutls_certificate_credentials_t certificate; /* NULL without TLS */
    gnutls_priority_t priorities;
};

/* ---- http_server_conns.c */

void http_conns_open(http_server_t *server);
void http_conns_close(http_server_t *server);
void http_conn_enter(http_conn_t *conn, enum http_phase phase);
/* Its socket is closed (or lingers); it is freed by http_conns_bury(). */
void http_conn_end(http_conn_t *conn);
void http_conns_bury(http_server_t *server);
void http_conn_again(http_conn_t *conn); /* in the next turn, whatever the socket says */
void http_conn_want_write(http_conn_t *conn); /* be told when the socket takes more */
/* A new socket's bytes come to http_conn_read() from now on. False: the kernel has no room. */
bool http_conn_watch(http_conn_t *conn);
void http_conn_unwatch(http_conn_t *conn);

/* Of one client; released when its `open` was counted down. */
struct http_client_count *http_client_count_of(http_server_t *server, const address_t *client);
void http_client_count_release(http_server_t *server, struct http_client_count *count);

/* ---- http_server_proxy.c: requests that come through trusted proxies */

bool http_proxy_is(const http_server_t *server, const address_t *peer);
/* Finds the client of the request of server->head; false: it has too many requests at once. */
bool http_proxy_claim(http_conn_t *conn);
void http_proxy_release(http_conn_t *conn); /* the request is over */

/* ---- http_server_read.c */

/* Reads what there is and hands over what is whole. Afterwards the connection may be gone. */
void http_conn_read(http_conn_t *conn);
void http_conn_drop_bytes(http_conn_t *conn);

/* ---- http_server_write.c */

void http_conn_answer(http_conn_t *conn, const http_reply_t *reply);
/* An answer of ours, which is the connection's last. */
void http_conn_refuse(http_conn_t *conn, unsigned status);
void http_conn_continue(http_conn_t *conn); /* 100 Continue */
void http_conn_write(http_conn_t *conn);    /* what is left of an answer */

/* ---- http_server_tls.c: bytes to and from a connection, encrypted or not. Negative errno. */

int http_tls_open(http_server_t *server); /* -EKEYREJECTED: the certificate or key is none */
void http_tls_close(http_server_t *server);
void http_tls_begin(http_conn_t *conn);
/* 0: the session stands; -EAGAIN: it goes on later. */
int http_tls_shake(http_conn_t *conn);
ssize_t http_conn_recv(http_conn_t *conn, void *to, size_t room);
ssize_t http_conn_send(http_conn_t *conn, const void *from, size_t len);

/* ---- http_server_linger.c */

/* Keeps the socket, half closed, until the client has read our answer; false: it is not kept. */
bool http_linger_take(http_server_t *server, int fd);
void http_lingers_drain(http_server_t *server, instant_t now);
void http_lingers_drop(http_server_t *server);

/* ---- http_server_refuse.c: answers that the server gives by itself */

/* The whole answer, head and body (RFC 9457), of a connection that will be closed; static. */
bytes_t http_refusal_raw(unsigned status);

#endif
