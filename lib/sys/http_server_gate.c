/* A connection before its first head is whole. The library gets it only then: a client that never
 * asks costs no more than its socket, and what is no HTTP at all is answered in our words. The
 * bytes are looked at, not taken. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/http_server_inside.h"

#define PEEK_BYTES_MAX 65536u

void http_gate_refuse(http_conn_t *conn, unsigned status)
{
    int fd = conn->fd;
    loop_remove(&conn->gate);
    if (status)
        http_conn_cut(conn, status);
    conn->phase = PHASE_GONE;
    http_conns_forget(conn);
    close(fd);
}

/* The kernel wakes us when more than what we have seen is there. */
static void wait_for(http_conn_t *conn, size_t bytes)
{
    int low_water = (int)bytes;
    setsockopt(conn->fd, SOL_SOCKET, SO_RCVLOWAT, &low_water, sizeof low_water);
}

void http_gate_pass(http_conn_t *conn)
{
    http_server_t *s = conn->server;
    struct sockaddr_storage address = {.ss_family = AF_INET};
    socklen_t len = sizeof address;
    if (conn->gate)
        loop_remove(&conn->gate);
    if (conn->gate_seen > 0)
        wait_for(conn, 1);
    if (getpeername(conn->fd, (struct sockaddr *)&address, &len) < 0)
        len = sizeof(struct sockaddr_in); /* gone already: the library will find out */
    conn->phase = PHASE_HEAD;
    int fd = conn->fd;
    if (MHD_add_connection(conn->tls ? s->tls : s->daemon, fd, (const struct sockaddr *)&address,
                           len) != MHD_YES) {
        s->counts.refused++;
        conn->phase = PHASE_GONE;
        http_conns_forget(conn); /* the library has closed the descriptor */
        return;
    }
    s->kick = true;
    loop_again(s->loop);
}

static void refuse_head(http_conn_t *conn, unsigned status)
{
    http_server_counts_t *counts = &conn->server->counts;
    *(status == 431 ? &counts->oversize : &counts->malformed) += 1;
    http_gate_refuse(conn, status);
}

static void on_bytes(void *arg, unsigned ready)
{
    http_conn_t *conn = arg;
    static uint8_t seen[PEEK_BYTES_MAX];
    struct head_verdict verdict;
    size_t most = conn->server->options.header_bytes_max;
    size_t look = most < sizeof seen ? most + 1 : sizeof seen;
    (void)ready;
    ssize_t n =
        recv(conn->fd, seen, look > sizeof seen ? sizeof seen : look, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        http_gate_refuse(conn, 0);
        return;
    }
    enum head_scan scan = http_head_scan(bytes_of(seen, (size_t)n), &verdict);
    if (scan == HEAD_WHOLE)
        http_gate_pass(conn);
    else if (scan == HEAD_BAD)
        refuse_head(conn, verdict.status);
    else if ((size_t)n == look)
        refuse_head(conn, 431);
    else if ((size_t)n == conn->gate_seen)
        refuse_head(conn, 400); /* woken without more: the client has closed its side */
    else {
        conn->gate_seen = (size_t)n;
        wait_for(conn, (size_t)n + 1);
    }
}

void http_gate_open(http_conn_t *conn)
{
    conn->gate = loop_fd(conn->server->loop, conn->fd, LOOP_READ, on_bytes, conn);
}

void http_gate_look(http_conn_t *conn) { on_bytes(conn, LOOP_READ); }
