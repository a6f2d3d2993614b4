/* http_server_tls.c: TLS by GnuTLS: 1.2 and 1.3, ciphers with forward secrecy and authentication,
 * http/1.1 by ALPN. Whoever does not finish the handshake and a head within header_ms is cut. */
#include <errno.h>
#include <sys/socket.h>

#include "sys/http_server_inside.h"

#define PRIORITIES                                                                                 \
    "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:+AEAD:"           \
    "+ECDHE-ECDSA:+ECDHE-RSA:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+SIGN-ALL:"           \
    "-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:-SIGN-DSA-SHA1:+CTYPE-X509:%SERVER_PRECEDENCE"

#define ROUNDS_MAX 32u

static gnutls_datum_t datum(const char *text)
{
    return (gnutls_datum_t){(unsigned char *)(uintptr_t)text, (unsigned)strlen(text)};
}

int http_tls_open(http_server_t *s)
{
    gnutls_datum_t certificate = datum(s->options.tls_certificate), key = datum(s->options.tls_key);
    must(gnutls_certificate_allocate_credentials(&s->certificate) >= 0);
    must(gnutls_priority_init(&s->priorities, PRIORITIES, NULL) >= 0);
    if (gnutls_certificate_set_x509_key_mem(s->certificate, &certificate, &key,
                                            GNUTLS_X509_FMT_PEM) >= 0)
        return 0;
    http_tls_close(s);
    return -EKEYREJECTED;
}

void http_tls_close(http_server_t *s)
{
    if (!s->certificate)
        return;
    gnutls_certificate_free_credentials(s->certificate);
    gnutls_priority_deinit(s->priorities);
    s->certificate = NULL;
}

static ssize_t pull(gnutls_transport_ptr_t arg, void *to, size_t room)
{
    http_conn_t *conn = arg;
    ssize_t n = recv(conn->fd, to, room, MSG_DONTWAIT);
    conn->dry |= n < 0 && errno == EAGAIN;
    return n;
}

static ssize_t push(gnutls_transport_ptr_t arg, const void *from, size_t len)
{
    http_conn_t *conn = arg;
    ssize_t n = send(conn->fd, from, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    conn->dry |= n < 0 && errno == EAGAIN;
    return n;
}

void http_tls_begin(http_conn_t *conn)
{
    const gnutls_datum_t http11 = datum("http/1.1");
    http_server_t *s = conn->server;
    must(gnutls_init(&conn->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) >= 0);
    must(gnutls_priority_set(conn->session, s->priorities) >= 0);
    must(gnutls_credentials_set(conn->session, GNUTLS_CRD_CERTIFICATE, s->certificate) >= 0);
    must(gnutls_alpn_set_protocols(conn->session, &http11, 1, 0) >= 0);
    gnutls_transport_set_ptr(conn->session, conn);
    gnutls_transport_set_pull_function(conn->session, pull);
    gnutls_transport_set_push_function(conn->session, push);
    conn->shaking = true;
}

/* GnuTLS may say "again" for its own reasons; only a socket that is dry tells us when there is
 * more. Not for long: who sends nothing but records without text (alerts, new keys) is ended. */
static bool is_to_repeat(const http_conn_t *conn, ssize_t n, unsigned *rounds)
{
    bool again = n == GNUTLS_E_INTERRUPTED || (n == GNUTLS_E_AGAIN && !conn->dry);
    return again && ++*rounds < ROUNDS_MAX;
}

static int error_of(http_conn_t *conn, ssize_t n)
{
    if (n != GNUTLS_E_AGAIN || !conn->dry)
        return -ECONNRESET;
    if (gnutls_record_get_direction(conn->session))
        http_conn_want_write(conn);
    return -EAGAIN;
}

int http_tls_shake(http_conn_t *conn)
{
    int n;
    unsigned rounds = 0;
    do {
        conn->dry = false;
        n = gnutls_handshake(conn->session);
    } while (is_to_repeat(conn, n, &rounds));
    conn->shaking = n < 0;
    if (n < 0 && n != GNUTLS_E_AGAIN)
        gnutls_alert_send_appropriate(conn->session, n);
    return n < 0 ? error_of(conn, n) : 0;
}

static ssize_t tls_recv(http_conn_t *conn, void *to, size_t room)
{
    ssize_t n;
    unsigned rounds = 0;
    do {
        conn->dry = false;
        n = gnutls_record_recv(conn->session, to, room);
    } while (is_to_repeat(conn, n, &rounds));
    if (n == GNUTLS_E_PREMATURE_TERMINATION)
        return 0; /* an end without a word: HTTP's own framing tells what was whole */
    return n < 0 ? error_of(conn, n) : n;
}

/* What GnuTLS has encrypted and not got rid of is asked for without the text, and counts then. */
static ssize_t tls_send(http_conn_t *conn, const void *from, size_t len)
{
    ssize_t n;
    unsigned rounds = 0;
    do {
        conn->dry = false;
        n = gnutls_record_send(conn->session, conn->flushing ? NULL : from,
                               conn->flushing ? 0 : len);
        conn->flushing = n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED;
    } while (is_to_repeat(conn, n, &rounds));
    return n < 0 ? error_of(conn, n) : n;
}

ssize_t http_conn_recv(http_conn_t *conn, void *to, size_t room)
{
    if (conn->session)
        return tls_recv(conn, to, room);
    ssize_t n = recv(conn->fd, to, room, MSG_DONTWAIT); /* which no signal interrupts */
    return n < 0 ? -errno : n;
}

ssize_t http_conn_send(http_conn_t *conn, const void *from, size_t len)
{
    if (conn->session)
        return tls_send(conn, from, len);
    ssize_t n = send(conn->fd, from, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n < 0 ? -errno : n;
}
