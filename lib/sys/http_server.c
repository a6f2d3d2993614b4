#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

#include "sys/http_server_inside.h"

#define BODY_ROOM_FIRST                                                                            \
    65536u               /* a declared length is believed so far; the rest must come first         \
                          */
#define POOL_EXTRA 8192u /* of a connection's memory: what is not the request's head */

bytes_t http_header(const http_request_t *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (bytes_is(r->headers[i].name, name))
            return r->headers[i].value;
    return (bytes_t){0};
}

/* ---- answers */

static void add_text_header(struct MHD_Response *response, bytes_t name, bytes_t value)
{
    char n[128], v[1024];
    must(name.len < sizeof n && value.len < sizeof v);
    memcpy(n, name.data, name.len);
    n[name.len] = '\0';
    if (value.len)
        memcpy(v, value.data, value.len);
    v[value.len] = '\0';
    must(MHD_add_response_header(response, n, v) == MHD_YES);
}

static struct MHD_Response *response_of(const http_reply_t *reply)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(
        reply->body.len, (void *)(uintptr_t)reply->body.data,
        reply->body.len ? MHD_RESPMEM_MUST_COPY : MHD_RESPMEM_PERSISTENT);
    must(r);
    if (reply->content_type)
        must(MHD_add_response_header(r, "Content-Type", reply->content_type) == MHD_YES);
    for (size_t i = 0; i < reply->header_count; i++)
        add_text_header(r, reply->headers[i].name, reply->headers[i].value);
    return r;
}

/* A chunked body's framing is not seen by us, and the library forgives a lone LF there: what
 * follows on that connection is not trusted. */
static enum MHD_Result queue_response(http_conn_t *conn)
{
    struct MHD_Response *r = conn->response;
    conn->response = NULL;
    if (conn->chunked || conn->reserved || conn->server->retiring)
        MHD_add_response_header(r, "Connection", "close");
    http_conn_enter(conn, PHASE_WRITE);
    enum MHD_Result ok = MHD_queue_response(conn->mhd, conn->status, r);
    MHD_destroy_response(r);
    return ok;
}

static enum MHD_Result refuse(http_conn_t *conn, unsigned status)
{
    http_server_counts_t *counts = &conn->server->counts;
    bool large = status == 413 || status == 431;
    *(large ? &counts->oversize : status == 503 ? &counts->refused : &counts->malformed) += 1;
    bytes_t body = http_refusal_body(status);
    struct MHD_Response *r = MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.data,
                                                             MHD_RESPMEM_PERSISTENT);
    must(r);
    MHD_add_response_header(r, "Content-Type", "application/problem+json");
    MHD_add_response_header(r, "Connection", "close");
    if (status == 503)
        MHD_add_response_header(r, "Retry-After", "1");
    conn->linger = true;
    http_conn_enter(conn, PHASE_WRITE);
    enum MHD_Result ok = MHD_queue_response(conn->mhd, status, r);
    MHD_destroy_response(r);
    return ok;
}

static http_conn_t *conn_of_token(http_server_t *s, uint64_t token)
{
    uint64_t slot = token & ((1u << HTTP_SLOT_BITS) - 1);
    http_conn_t *conn = slot < s->options.connections ? s->slots[slot] : NULL;
    return conn && token != 0 && conn->token == token ? conn : NULL;
}

void http_server_reply(http_server_t *s, uint64_t token, const http_reply_t *reply)
{
    http_conn_t *conn = conn_of_token(s, token);
    if (!conn)
        return;
    conn->token = 0;
    conn->status = reply->status;
    conn->response = response_of(reply);
    if (reply->close)
        must(MHD_add_response_header(conn->response, "Connection", "close") == MHD_YES);
    if (conn->in_call)
        return; /* dispatch() queues it */
    must(conn->suspended);
    conn->suspended = false;
    MHD_resume_connection(conn->mhd);
    s->kick = true;
    loop_again(s->loop);
}

/* ---- requests */

/* OPTIONS is answered here: it asks about the server, and every resource is alike. */
static enum MHD_Result answer_options(http_conn_t *conn)
{
    http_field_t allow = {bytes_str("Allow"),
                          bytes_str("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")};
    http_reply_t reply = {.status = 204, .headers = &allow, .header_count = 1};
    conn->status = reply.status;
    conn->response = response_of(&reply);
    return queue_response(conn);
}

/* The path of an absolute target (http://host/path) is what follows the host. */
static const char *path_of(const char *url)
{
    if (url[0] == '/' || url[0] == '*')
        return url;
    const char *host = strstr(url, "//");
    const char *path = host ? strchr(host + 2, '/') : NULL;
    return path ? path : "/";
}

static enum MHD_Result dispatch(http_conn_t *conn, const char *url, const char *method)
{
    http_server_t *s = conn->server;
    conn->dispatched = true;
    if (strcmp(method, "OPTIONS") == 0)
        return answer_options(conn);
    conn->token = ++s->serial << HTTP_SLOT_BITS | conn->slot;
    http_request_t request = {
        .token = conn->token,
        .method = bytes_str(strcmp(method, "HEAD") == 0 ? "GET" : method),
        .path = bytes_str(path_of(url)),
        .query = bytes_str(conn->query),
        .headers = s->fields,
        .header_count = http_head_fields(conn),
        .body = bytes_of(conn->body, conn->body_len),
        .client = bytes_str(conn->client),
    };
    request.loopback = conn->loopback && !conn->proxied &&
                       !forwarded_is_told(request.headers, request.header_count);
    http_conn_enter(conn, PHASE_WAIT);
    conn->in_call = true;
    s->on_request(s->arg, &request);
    conn->in_call = false;
    free(conn->body);
    conn->body = NULL;
    if (conn->response)
        return queue_response(conn);
    MHD_suspend_connection(conn->mhd);
    conn->suspended = true;
    return MHD_YES;
}

static bool is_reserved_path(const char *url, const char *method)
{
    static const char *const exact[] = {"/livez", "/readyz", "/health", "/healthz", "/metrics"};
    const char *path = path_of(url);
    if (strncmp(path, "/admin/", 7) == 0)
        return true;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return false;
    for (size_t i = 0; i < COUNT_OF(exact); i++)
        if (strcmp(path, exact[i]) == 0)
            return true;
    return strncmp(path, "/v1/messages/", 13) == 0;
}

static enum MHD_Result on_head(http_conn_t *conn, const char *url, const char *method,
                               const char *version)
{
    struct head_verdict verdict;
    conn->head_seen = true;
    http_head_check(conn, url, method, version, &verdict);
    conn->chunked = verdict.chunked;
    conn->body_expected = verdict.content_length;
    if (verdict.status)
        return refuse(conn, verdict.status);
    if (verdict.content_length > conn->server->options.body_bytes_max)
        return refuse(conn, 413);
    if (strcmp(method, "CONNECT") == 0 || strcmp(method, "TRACE") == 0)
        return refuse(conn, 501);
    if (conn->reserved && !is_reserved_path(url, method))
        return refuse(conn, 503);
    if (conn->proxied && !http_proxy_claim(conn, http_head_fields(conn)))
        return refuse(conn, 503);
    http_conn_enter(conn, PHASE_BODY);
    return MHD_YES;
}

static bool make_room(http_conn_t *conn, size_t more)
{
    size_t most = conn->server->options.body_bytes_max, need = conn->body_len + more;
    if (need > most || more > most)
        return false;
    if (need <= conn->body_room)
        return true;
    size_t room = conn->body_room ? conn->body_room * 2 : BODY_ROOM_FIRST;
    if (!conn->body_room && conn->body_expected && conn->body_expected < room)
        room = (size_t)conn->body_expected;
    room = room < need ? need : room > most ? most : room;
    conn->body = realloc(conn->body, room);
    must(conn->body);
    conn->body_room = room;
    return true;
}

/* The library takes no answer in the middle of a body: the refusal is written past it. */
static enum MHD_Result on_body(http_conn_t *conn, const char *data, size_t *len)
{
    if (!make_room(conn, *len)) {
        conn->server->counts.oversize++;
        http_conn_cut(conn, 413);
        return MHD_NO;
    }
    memcpy(conn->body + conn->body_len, data, *len);
    conn->body_len += *len;
    *len = 0;
    return MHD_YES;
}

static enum MHD_Result on_access(void *arg, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *len, void **request)
{
    (void)arg, (void)mhd;
    http_conn_t *conn = *request;
    if (!conn || conn->phase == PHASE_GONE)
        return MHD_NO;
    if (!conn->head_seen)
        return on_head(conn, url, method, version);
    if (*len)
        return on_body(conn, data, len);
    if (!conn->dispatched)
        return dispatch(conn, url, method);
    return conn->response ? queue_response(conn) : MHD_YES;
}

static http_conn_t *conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* The raw target, before the library takes it apart. */
static void *on_uri(void *arg, const char *uri, struct MHD_Connection *mhd)
{
    (void)arg;
    http_conn_t *conn = conn_of(mhd);
    const char *query = strchr(uri, '?');
    must(conn);
    conn->uri_len = strlen(uri);
    free(conn->query);
    conn->query = query ? strdup(query + 1) : NULL;
    must(!query || conn->query);
    return conn;
}

static size_t leave_encoded(void *arg, struct MHD_Connection *mhd, char *text)
{
    (void)arg, (void)mhd;
    return strlen(text);
}

static void on_completed(void *arg, struct MHD_Connection *mhd, void **request,
                         enum MHD_RequestTerminationCode why)
{
    (void)arg, (void)mhd;
    http_conn_t *conn = *request;
    if (!conn)
        return;
    *request = NULL;
    conn->consumed =
        conn->tls ? http_conn_received(conn) : conn->consumed + conn->head_len + conn->body_len;
    http_conn_free_request(conn);
    if (conn->phase != PHASE_GONE && why == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
        conn->reused = true;
        http_conn_enter(conn, PHASE_HEAD);
    }
}

static void on_connection(void *arg, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    http_server_t *s = arg;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*context)
            http_conns_forget(*context);
        *context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    must(info && info->connect_fd >= 0 && (size_t)info->connect_fd < s->by_fd_room);
    http_conn_t *conn = s->by_fd[info->connect_fd];
    must(conn);
    conn->mhd = mhd;
    *context = conn;
    if (conn->tls)
        http_tls_began(conn);
}

/* ---- the library in our loop */

static void run_daemon(http_server_t *s, struct MHD_Daemon *daemon)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    MHD_run(daemon);
    if (daemon == s->tls)
        http_tls_let_wait(s);
    if (MHD_get_timeout(daemon, &wait_ms) == MHD_YES && wait_ms == 0) {
        s->kick = true;
        loop_again(s->loop);
    }
}

static void run_library(http_server_t *s)
{
    s->kick = false;
    run_daemon(s, s->daemon);
    if (s->tls)
        run_daemon(s, s->tls);
}

static void on_ready(void *arg, unsigned ready)
{
    (void)ready;
    run_library(arg);
}

static void on_before_wait(void *arg)
{
    http_server_t *s = arg;
    if (s->kick)
        run_library(s);
}

/* What both daemons are told: the plain one, and with `more` flags and options that of TLS. */
struct MHD_Daemon *http_library_start(http_server_t *s, unsigned more,
                                      const struct MHD_OptionItem *options)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | more, 0, NULL, NULL,
        on_access, s, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, on_uri, s,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        s, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_CONNECTION_LIMIT,
        s->options.connections + 1, MHD_OPTION_CONNECTION_TIMEOUT, 0u,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, s->options.header_bytes_max + POOL_EXTRA,
        MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

static loop_source_t *watch(http_server_t *s, struct MHD_Daemon *daemon)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    must(info && info->epoll_fd >= 0);
    return loop_fd(s->loop, info->epoll_fd, LOOP_READ, on_ready, s);
}

/* False: nothing stays open. */
static int start_libraries(http_server_t *s)
{
    static const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    s->daemon = http_library_start(s, 0, none);
    if (!s->daemon)
        return -EMFILE;
    if (!s->options.tls_certificate)
        return 0;
    s->tls = http_tls_start(s);
    if (s->tls)
        return 0;
    MHD_stop_daemon(s->daemon);
    return -EKEYREJECTED;
}

int http_server_open(loop_t *loop, const http_server_options_t *options,
                     void (*on_request)(void *, const http_request_t *), void *arg,
                     http_server_t **out)
{
    must(options->listener_count <= HTTP_LISTENERS_MAX && options->connections > 0);
    must(options->connections < 1u << HTTP_SLOT_BITS);
    http_server_t *s = calloc(1, sizeof *s);
    must(s);
    *s = (http_server_t){.loop = loop, .options = *options, .on_request = on_request, .arg = arg};
    int error = start_libraries(s);
    if (error) {
        free(s);
        return error;
    }
    s->names = malloc(options->header_bytes_max + POOL_EXTRA);
    must(s->names);
    s->ready = watch(s, s->daemon);
    s->tls_ready = s->tls ? watch(s, s->tls) : NULL;
    s->before_wait = loop_before_wait(loop, on_before_wait, s);
    http_conns_open(s);
    *out = s;
    return 0;
}

void http_server_counts(const http_server_t *s, http_server_counts_t *out) { *out = s->counts; }

/* Requests that still wait for an answer are cut: the owner closes after it has answered what it
 * will. */
static void let_go(http_server_t *s)
{
    for (uint32_t i = 0; i < s->options.connections; i++) {
        http_conn_t *conn = s->slots[i];
        if (!conn)
            continue;
        if (conn->phase == PHASE_GATE) {
            http_gate_refuse(conn, 0);
            continue;
        }
        shutdown(conn->fd, SHUT_RDWR);
        conn->phase = PHASE_GONE;
        http_tls_let_go(conn);
        if (conn->suspended)
            MHD_resume_connection(conn->mhd);
    }
}

void http_server_close(http_server_t **at)
{
    http_server_t *s = *at;
    if (!s)
        return;
    *at = NULL;
    s->closing = true;
    run_library(s); /* answers given in this round go out */
    let_go(s);
    run_library(s);
    loop_remove(&s->ready);
    if (s->tls)
        loop_remove(&s->tls_ready);
    loop_remove(&s->before_wait);
    MHD_stop_daemon(s->daemon);
    if (s->tls)
        MHD_stop_daemon(s->tls);
    http_conns_close(s);
    free(s->names);
    free(s);
}
