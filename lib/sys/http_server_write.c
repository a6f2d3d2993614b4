/* http_server_write.c: from an answer to bytes, in one piece and mostly in one call. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/text.h"
#include "sys/http_server_inside.h"

static const char *reason_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } known[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (known[i].status == status)
            return known[i].reason;
    return "Unknown"; /* the number is what counts (RFC 9112, section 4) */
}

/* ---- heads */

static const char *date_of_now(http_server_t *s)
{
    time_t now = (time_t)(s->now.wall.us / US_PER_S);
    struct tm utc;
    if (now != s->date_s && gmtime_r(&now, &utc)) {
        s->date_s = now;
        must(strftime(s->date, sizeof s->date, "%a, %d %b %Y %H:%M:%S GMT", &utc) > 0);
    }
    return s->date;
}

static void put_field(text_t *t, bytes_t name, bytes_t value)
{
    must(!memchr(value.data ? value.data : (const uint8_t *)"", '\n', value.len));
    text_put(t, name);
    text_put_str(t, ": ");
    text_put(t, value);
    text_put_str(t, "\r\n");
}

static bool has_no_body(unsigned status) { return status == 204 || status == 304; }

static void put_head(text_t *t, http_conn_t *conn, const http_reply_t *reply)
{
    text_put_str(t, "HTTP/1.1 ");
    text_put_number(t, reply->status);
    text_put_str(t, " ");
    text_put_str(t, reason_of(reply->status));
    text_put_str(t, "\r\nDate: ");
    text_put_str(t, date_of_now(conn->server));
    text_put_str(t, conn->closing ? "\r\nConnection: close\r\n"
                    : conn->keeps ? "\r\nConnection: Keep-Alive\r\n"
                                  : "\r\n");
    if (reply->content_type)
        put_field(t, bytes_str("Content-Type"), bytes_str(reply->content_type));
    for (size_t i = 0; i < reply->header_count; i++)
        put_field(t, reply->headers[i].name, reply->headers[i].value);
    if (!has_no_body(reply->status)) {
        text_put_str(t, "Content-Length: ");
        text_put_number(t, reply->body.len);
        text_put_str(t, "\r\n");
    }
    text_put_str(t, "\r\n");
    must(!t->cut);
}

/* ---- going out */

static void finish(http_conn_t *conn)
{
    free(conn->out);
    conn->out = NULL;
    conn->out_at = conn->out_len = 0;
    http_proxy_release(conn);
    if (conn->closing) {
        http_conn_end(conn);
        return;
    }
    conn->reused = true;
    conn->headless = false;
    http_conn_enter(conn, PHASE_HEAD);
    if (!conn->in_call && (conn->left > 0 || conn->unread))
        http_conn_again(conn);
}

/* What the socket takes now; -EAGAIN is none. False: the connection is gone. */
static bool send_some(http_conn_t *conn, const uint8_t *from, size_t len, size_t *sent)
{
    while (*sent < len) {
        ssize_t n = http_conn_send(conn, from + *sent, len - *sent);
        if (n == -EAGAIN)
            return true;
        if (n < 0) {
            http_conn_end(conn);
            return false;
        }
        *sent += (size_t)n;
    }
    return true;
}

/* `owned`: from malloc, and taken over. */
static void send_all(http_conn_t *conn, uint8_t *from, size_t len, bool owned)
{
    size_t sent = 0;
    http_conn_enter(conn, PHASE_WRITE);
    bool stands = send_some(conn, from, len, &sent);
    if (stands && sent < len) {
        conn->out = owned ? from : malloc(len - sent);
        must(conn->out);
        if (!owned)
            memcpy(conn->out, from + sent, len - sent);
        conn->out_at = owned ? sent : 0;
        conn->out_len = owned ? len : len - sent;
        http_conn_want_write(conn);
        return;
    }
    if (owned)
        free(from);
    if (stands)
        finish(conn);
}

void http_conn_write(http_conn_t *conn)
{
    if (conn->phase == PHASE_WRITE && send_some(conn, conn->out, conn->out_len, &conn->out_at) &&
        conn->out_at == conn->out_len)
        finish(conn);
}

void http_conn_answer(http_conn_t *conn, const http_reply_t *reply)
{
    http_server_t *s = conn->server;
    must(reply->body.len == 0 || !has_no_body(reply->status));
    conn->closing |= reply->close || s->retiring;
    text_t head = text_in((char *)s->scratch_out, HTTP_SCRATCH_BYTES);
    put_head(&head, conn, reply);
    size_t head_len = text_so_far(&head).len, body_len = conn->headless ? 0 : reply->body.len;
    bool fits = body_len <= HTTP_SCRATCH_BYTES - head_len;
    uint8_t *whole = fits ? s->scratch_out : malloc(head_len + body_len);
    must(whole);
    if (!fits)
        memcpy(whole, s->scratch_out, head_len);
    if (body_len)
        memcpy(whole + head_len, reply->body.data, body_len);
    send_all(conn, whole, head_len + body_len, !fits);
}

void http_conn_refuse(http_conn_t *conn, unsigned status)
{
    http_server_counts_t *counts = &conn->server->counts;
    bytes_t raw = http_refusal_raw(status);
    if (status == 413 || status == 431)
        counts->oversize++;
    else if (status == 503)
        counts->refused++;
    else if (status != 408)
        counts->malformed++;
    if (conn->shaking) {
        http_conn_end(conn);
        return;
    }
    conn->closing = conn->refused = true;
    conn->token = 0;
    const uint8_t *line = memmem(raw.data, raw.len, "\r\n", 2),
                  *body = memmem(raw.data, raw.len, "\r\n\r\n", 4);
    text_t t = text_in((char *)conn->server->scratch_out, HTTP_SCRATCH_BYTES);
    text_put(&t, bytes_of(raw.data, (size_t)(line - raw.data)));
    text_put_str(&t, "\r\nDate: ");
    text_put_str(&t, date_of_now(conn->server));
    text_put(&t, bytes_of(line, (conn->headless ? (size_t)(body + 4 - line)
                                                : raw.len - (size_t)(line - raw.data))));
    send_all(conn, conn->server->scratch_out, text_so_far(&t).len, false);
}

/* A socket that takes not even this is not worth waiting for. */
void http_conn_continue(http_conn_t *conn)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (http_conn_send(conn, text, sizeof text - 1) != sizeof text - 1)
        http_conn_end(conn);
}
