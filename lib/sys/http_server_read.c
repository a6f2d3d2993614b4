/* http_server_read.c: from bytes to a request. What is read lies in the server's scratch during a
 * turn; only what is not whole then gets memory of its own. So a connection that asks nothing costs
 * a socket and a few hundred bytes, and a small request is never copied. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "sys/http_server_inside.h"

#define WORK_PER_TURN 32u /* reads and requests of one connection, before the others' turn */
#define HEAD_ROOM 1024u   /* how much a room grows at least, as far as more is wanted */
#define BODY_ROOM 65536u  /* a declared length is believed so far; the rest must come first */

/* ---- what was read and is not done with */

void http_conn_drop_bytes(http_conn_t *conn)
{
    free(conn->in);
    conn->server->held -= conn->in_room;
    conn->in = conn->at = NULL;
    conn->in_room = conn->left = 0;
}

/* False: all connections together hold too much; what it had stays. */
static bool resize(http_conn_t *conn, size_t room)
{
    http_server_t *s = conn->server;
    if (room > conn->in_room && s->held + room - conn->in_room > s->options.held_bytes_max)
        return false;
    s->held += room - conn->in_room;
    conn->in = realloc(conn->in, room);
    must(conn->in);
    conn->in_room = room;
    return true;
}

/* To the front of memory of its own, before the scratch is somebody else's. */
static bool keep_bytes(http_conn_t *conn)
{
    bool own = conn->in && conn->at >= conn->in && conn->at < conn->in + conn->in_room;
    if (conn->left == 0) {
        http_conn_drop_bytes(conn);
        return true;
    }
    if (!own && conn->in_room < conn->left && !resize(conn, conn->left))
        return false;
    if (conn->at != conn->in)
        memmove(conn->in, conn->at, conn->left);
    conn->at = conn->in;
    return true;
}

/* How many bytes this request may want behind those that are there. */
static size_t wanted(const http_conn_t *conn)
{
    const http_server_options_t *o = &conn->server->options;
    size_t whole = o->header_bytes_max + 1; /* one more shows that it is too long */
    if (conn->phase == PHASE_BODY)
        whole = conn->chunked ? conn->head_len + o->body_bytes_max + BODY_ROOM
                              : conn->head_len + (size_t)conn->body_expected;
    must(conn->left < whole);
    return whole - conn->left;
}

/* Room for more behind what is kept: by doubling, for what is declared is not there yet. 0: there
 * is none. */
static size_t room_behind(http_conn_t *conn)
{
    size_t want = wanted(conn), most = conn->phase == PHASE_HEAD ? HEAD_ROOM : BODY_ROOM;
    if (conn->in_room == conn->left) {
        most = most > conn->in_room ? most : conn->in_room;
        if (!resize(conn, conn->in_room + (want < most ? want : most)))
            return 0;
        conn->at = conn->in;
    }
    return conn->in_room - conn->left;
}

/* Reads once. Negative errno; 0: the end of the stream. */
static ssize_t fill(http_conn_t *conn, size_t *room)
{
    if (conn->left == 0) {
        conn->at = conn->server->scratch;
        *room = HTTP_SCRATCH_BYTES;
    } else {
        *room = keep_bytes(conn) ? room_behind(conn) : 0;
        if (*room == 0)
            return -ENOBUFS;
    }
    ssize_t n = http_conn_recv(conn, conn->at + conn->left, *room);
    conn->left += n > 0 ? (size_t)n : 0;
    return n;
}

/* ---- from a head to a request */

static bool starts(bytes_t s, const char *with)
{
    return s.len >= strlen(with) && memcmp(s.data, with, strlen(with)) == 0;
}

/* The path of an absolute target (http://host/path) is what follows the host. */
static void split_target(bytes_t target, bytes_t *path, bytes_t *query)
{
    const uint8_t *mark = memchr(target.data, '?', target.len);
    size_t len = mark ? (size_t)(mark - target.data) : target.len;
    *query = mark ? bytes_of(mark + 1, target.len - len - 1) : (bytes_t){0};
    *path = bytes_of(target.data, len);
    if (target.data[0] == '/' || target.data[0] == '*')
        return;
    const uint8_t *host = memchr(target.data, '/', len), *slash;
    size_t skip = (size_t)(host - target.data) + 2;
    slash = skip < len ? memchr(target.data + skip, '/', len - skip) : NULL;
    *path = slash ? bytes_of(slash, len - (size_t)(slash - target.data)) : bytes_str("/");
}

static bool is_reserved(const http_head_t *head)
{
    static const char *const exact[] = {"/livez", "/readyz", "/health", "/healthz", "/metrics"};
    bytes_t path, query;
    split_target(head->target, &path, &query);
    if (starts(path, "/admin/"))
        return true;
    if (!bytes_is(head->method, "GET") && !bytes_is(head->method, "HEAD"))
        return false;
    for (size_t i = 0; i < COUNT_OF(exact); i++)
        if (bytes_is(path, exact[i]))
            return true;
    return starts(path, "/v1/messages/");
}

static void lower_names(http_server_t *s)
{
    char *room = s->names;
    for (size_t i = 0; i < s->head.field_count; i++) {
        bytes_t *name = &s->head.fields[i].name;
        for (size_t k = 0; k < name->len; k++)
            room[k] = (char)tolower(name->data[k]);
        name->data = (const uint8_t *)room;
        room += name->len;
    }
}

/* OPTIONS is answered here: it asks about the server, and every resource is alike. */
static void answer_options(http_conn_t *conn)
{
    http_field_t allow = {bytes_str("Allow"),
                          bytes_str("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")};
    http_reply_t reply = {.status = 204, .headers = &allow, .header_count = 1};
    http_conn_answer(conn, &reply);
}

/* The whole request lies at conn->at, and server->head is its head. */
static void dispatch(http_conn_t *conn, size_t taken)
{
    http_server_t *s = conn->server;
    const http_head_t *head = &s->head;
    http_conn_enter(conn, PHASE_WAIT);
    /* A chunked body ends its connection: nothing is to be gained from trusting what follows. */
    conn->closing =
        head->closes || head->chunked || conn->reserved || (!head->http11 && !head->keeps);
    conn->keeps = !head->http11;
    conn->in_call = true;
    if (bytes_is(head->method, "OPTIONS"))
        answer_options(conn);
    else {
        conn->token = ++s->serial << HTTP_SLOT_BITS | conn->slot;
        http_request_t request = {
            .token = conn->token,
            .method = conn->headless ? bytes_str("GET") : head->method,
            .headers = head->fields,
            .header_count = head->field_count,
            .body = bytes_of(conn->at + conn->head_len, conn->body_len),
            .client = bytes_str(conn->client),
        };
        split_target(head->target, &request.path, &request.query);
        request.loopback = conn->loopback && !conn->proxied &&
                           !forwarded_is_told(request.headers, request.header_count);
        s->on_request(s->arg, &request);
    }
    conn->in_call = false;
    conn->at += taken;
    conn->left =
        conn->closing ? 0 : conn->left - taken; /* nothing is read of what follows the last */
}

/* ---- progress */

/* The refusal of a whole head, or 0. */
static unsigned objection(http_conn_t *conn)
{
    http_server_t *s = conn->server;
    const http_head_t *head = &s->head;
    if (head->status)
        return head->status;
    if (head->len > s->options.header_bytes_max)
        return 431;
    if (head->content_length > s->options.body_bytes_max)
        return 413;
    if (bytes_is(head->method, "CONNECT") || bytes_is(head->method, "TRACE"))
        return 501;
    if (conn->reserved && !is_reserved(head))
        return 503;
    lower_names(s);
    if (conn->proxied && !http_proxy_claim(conn))
        return 503;
    return 0;
}

/* True: the head is whole, and the body is awaited. */
static bool take_head(http_conn_t *conn)
{
    http_server_t *s = conn->server;
    enum head_scan scan = http_head_scan(bytes_of(conn->at, conn->left), &s->head);
    if (scan == HEAD_MORE && conn->left <= s->options.header_bytes_max)
        return false;
    unsigned status = scan == HEAD_MORE ? 431 : objection(conn);
    conn->headless = scan == HEAD_WHOLE && bytes_is(s->head.method, "HEAD");
    if (status) {
        http_conn_refuse(conn, status);
        return false;
    }
    conn->head_len = s->head.len;
    conn->body_len = 0;
    conn->body_expected = s->head.content_length;
    conn->chunked = s->head.chunked;
    conn->chunks = (http_chunks_t){0};
    http_conn_enter(conn, PHASE_BODY);
    return true;
}

/* Decodes in place: head, body so far, and what is not decoded yet close up. */
static bool take_chunks(http_conn_t *conn)
{
    size_t done = conn->head_len + conn->body_len, used = 0;
    uint8_t *raw = conn->at + done;
    size_t more =
        http_chunks_read(&conn->chunks, raw, conn->server->options.body_bytes_max - conn->body_len,
                         raw, conn->left - done, &used);
    conn->body_len += more;
    memmove(raw + more, raw + used, conn->left - done - used);
    conn->left -= used - more;
    if (conn->chunks.state == CHUNK_BAD || conn->chunks.state == CHUNK_LARGE)
        http_conn_refuse(conn, conn->chunks.state == CHUNK_BAD ? 400 : 413);
    return conn->chunks.state == CHUNK_DONE;
}

/* `fresh`: server->head is this request's. */
static bool take_body(http_conn_t *conn, bool fresh)
{
    http_server_t *s = conn->server;
    size_t there = conn->left - conn->head_len;
    bool whole = conn->chunked ? take_chunks(conn) : there >= conn->body_expected;
    if (conn->phase != PHASE_BODY)
        return false;
    if (!whole) {
        if (!conn->chunked)
            conn->body_len = there;
        if (fresh && s->head.expects && s->head.http11 && conn->left == conn->head_len)
            http_conn_continue(conn);
        return false;
    }
    if (!conn->chunked)
        conn->body_len = (size_t)conn->body_expected;
    if (!fresh) {
        must(http_head_scan(bytes_of(conn->at, conn->head_len), &s->head) == HEAD_WHOLE);
        lower_names(s);
    }
    dispatch(conn, conn->head_len + conn->body_len);
    return true;
}

/* Requests that are whole, one after the other: the next when the one before is answered. */
static void take(http_conn_t *conn, unsigned *work)
{
    bool more = true;
    while (more && conn->left > 0 && *work > 0) {
        bool fresh = conn->phase == PHASE_HEAD;
        *work -= fresh;
        more = (fresh && take_head(conn)) || conn->phase == PHASE_BODY;
        more = more && take_body(conn, fresh);
    }
}

/* A head that trickles is looked at once a line, not once a byte. */
static bool is_worth_a_look(const http_conn_t *conn, size_t before)
{
    return before == 0 || conn->phase == PHASE_BODY ||
           conn->left > conn->server->options.header_bytes_max ||
           memchr(conn->at + before, '\n', conn->left - before);
}

/* False: there is nothing more, or the connection is gone. */
static bool read_once(http_conn_t *conn, unsigned *work)
{
    size_t room = 0, before = conn->left;
    ssize_t n = fill(conn, &room);
    if (n == -EAGAIN) {
        conn->unread = false;
        return false;
    }
    if (n <= 0) {
        if (n == -ENOBUFS)
            http_conn_refuse(conn, 503);
        else if (n == 0 && conn->left > 0)
            http_conn_refuse(conn, 400); /* what is missing will not come */
        else
            http_conn_end(conn);
        return false;
    }
    /* Less than there was room for: the socket is empty, and will say when it is not. But an end
     * that came with the last bytes says nothing more, and TLS has rooms of its own. */
    conn->unread = (size_t)n == room || conn->ended || conn->session;
    if (conn->phase == PHASE_HEAD && conn->reused && before == 0)
        conn->since = conn->server->now.at;
    if (is_worth_a_look(conn, before))
        take(conn, work);
    return true;
}

void http_conn_read(http_conn_t *conn)
{
    unsigned work = WORK_PER_TURN;
    if (conn->shaking) {
        int error = http_tls_shake(conn);
        if (error && error != -EAGAIN)
            http_conn_end(conn);
        if (error)
            return;
    }
    take(conn, &work); /* what an answer has kept waiting */
    while ((conn->phase == PHASE_HEAD || conn->phase == PHASE_BODY) && conn->unread && work > 0) {
        work--;
        if (!read_once(conn, &work))
            break;
    }
    if (conn->phase == PHASE_GONE)
        return;
    if (work == 0)
        http_conn_again(conn);
    if (keep_bytes(conn))
        return;
    http_conn_drop_bytes(conn);
    if (conn->phase <= PHASE_BODY)
        http_conn_refuse(conn, 503);
    conn->closing = true; /* who waits is answered; what came behind is lost with the connection */
}
