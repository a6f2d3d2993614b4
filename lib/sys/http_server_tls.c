/* http_server_tls.c: TLS by the library's own hand (GnuTLS): 1.2 and 1.3, ciphers with forward
 * secrecy and authentication, http/1.1 by ALPN. The library has such a connection from its first
 * byte; whoever does not finish the handshake and a head within header_ms is cut.
 *
 * In a handshake that must wait the library tries again without end (0.9.75 forgets to wait for its
 * epoll there). So we read for it: when a new connection's bytes have run out it is suspended, and
 * goes on when there are more. */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <sys/socket.h>

#include "sys/http_server_inside.h"

#define PRIORITIES                                                                                 \
    "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:+AEAD:"           \
    "+ECDHE-ECDSA:+ECDHE-RSA:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+SIGN-ALL:"           \
    "-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:-SIGN-DSA-SHA1:+CTYPE-X509:%SERVER_PRECEDENCE"

struct MHD_Daemon *http_tls_start(http_server_t *s)
{
    const struct MHD_OptionItem options[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)s->options.tls_certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)s->options.tls_key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)PRIORITIES},
        {MHD_OPTION_END, 0, NULL}};
    list_init(&s->starved);
    return http_library_start(s, MHD_USE_TLS, options);
}

static gnutls_session_t session_of(const http_conn_t *conn)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(conn->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info ? info->tls_session : NULL;
}

/* ---- bytes */

static bool is_new(const http_conn_t *conn)
{
    return conn->phase == PHASE_HEAD && !conn->reused && !conn->head_seen;
}

static ssize_t pull(gnutls_transport_ptr_t arg, void *to, size_t size)
{
    http_conn_t *conn = arg;
    ssize_t n = recv(conn->fd, to, size, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN && is_new(conn) && !conn->in_starved.next)
        list_push(&conn->server->starved, &conn->in_starved);
    return n;
}

static ssize_t push(gnutls_transport_ptr_t arg, const void *from, size_t size)
{
    return send(((http_conn_t *)arg)->fd, from, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void http_tls_began(http_conn_t *conn)
{
    gnutls_session_t session = session_of(conn);
    must(session);
    gnutls_transport_set_ptr(session, conn);
    gnutls_transport_set_pull_function(session, pull);
    gnutls_transport_set_push_function(session, push);
}

static void on_more(void *arg, unsigned ready)
{
    http_conn_t *conn = arg;
    (void)ready;
    loop_remove(&conn->gate);
    MHD_resume_connection(conn->mhd);
    conn->server->kick = true;
    loop_again(conn->server->loop);
}

void http_tls_let_wait(http_server_t *s)
{
    for (list_node_t *n; (n = list_pop(&s->starved)) != NULL;) {
        http_conn_t *conn = list_of(n, http_conn_t, in_starved);
        if (!is_new(conn))
            continue;
        MHD_suspend_connection(conn->mhd);
        conn->gate = loop_fd(s->loop, conn->fd, LOOP_READ, on_more, conn);
    }
}

/* ---- the end */

void http_tls_forget(http_conn_t *conn)
{
    if (conn->in_starved.next)
        list_remove(&conn->server->starved, &conn->in_starved);
    if (conn->gate)
        loop_remove(&conn->gate);
}

void http_tls_let_go(http_conn_t *conn)
{
    if (!conn->gate)
        return;
    loop_remove(&conn->gate);
    MHD_resume_connection(conn->mhd);
}

void http_tls_say(const http_conn_t *conn, unsigned status)
{
    bytes_t raw = http_refusal_raw(status);
    gnutls_session_t session = conn->gate ? NULL : session_of(conn);
    if (session && gnutls_record_send(session, raw.data, raw.len) == (ssize_t)raw.len)
        gnutls_bye(session, GNUTLS_SHUT_WR);
}
