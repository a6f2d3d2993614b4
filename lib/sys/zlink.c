#include "sys/zlink.h"

#include <czmq.h>
#include <uthash.h>
#include <sys/un.h>

#include "protocol/limits.h"
#include "sys/log.h"

#define HANDSHAKE_MS 2000
#define RECONNECT_MIN_MS 10
#define RECONNECT_MAX_MS 1000
#define LINGER_MS 500
#define IDENTITY_BYTES 255 /* ZeroMQ's own limit */

/* A far end of a ROUTER. */
struct far_end {
    UT_hash_handle by_identity, by_conn;
    uint32_t conn;
    bool unreachable;
    uint64_t heard; /* rank: greater is later */
    uint8_t identity_len;
    uint8_t identity[IDENTITY_BYTES];
};

struct zlink {
    loop_t *loop;
    zsock_t *sock;
    void *socket; /* libzmq's own handle of sock: the hot path */
    loop_source_t *readable, *before_wait;
    zlink_on_frame_t on_frame;
    void *arg;
    bool router, up, logged_blocked, logged_refused;
    uint32_t conn; /* DEALER: its number; ROUTER: the next one */
    void *monitor; /* DEALER: tells a missing far end from a high-water mark */
    struct far_end *ends, *ends_by_conn;
    uint64_t heard, blocked, refused;
};

/* ---- sockets */

void zlink_prepare(void)
{
    static bool started;
    if (started)
        return;
    started = true;
    zsys_handler_set(NULL); /* czmq would take SIGINT and SIGTERM for itself */
    must(zsys_init());
    zsys_handler_set(NULL);
    zsys_set_io_threads(1);
    zsys_set_linger(LINGER_MS);
}

static void set_options(zsock_t *sock)
{
    zsock_set_linger(sock, LINGER_MS);
    zsock_set_maxmsgsize(sock, FRAME_BYTES_MAX);
    zsock_set_handshake_ivl(sock, HANDSHAKE_MS);
    zsock_set_immediate(sock, 1);
    zsock_set_sndhwm(sock, ZLINK_HIGH_WATER);
    zsock_set_rcvhwm(sock, ZLINK_HIGH_WATER);
    zsock_set_reconnect_ivl(sock, RECONNECT_MIN_MS);
    zsock_set_reconnect_ivl_max(sock, RECONNECT_MAX_MS);
}

static zlink_t *zlink_new(loop_t *loop, int type, zlink_on_frame_t on_frame, void *arg)
{
    zlink_prepare();
    zlink_t *link = calloc(1, sizeof *link);
    must(link);
    *link = (zlink_t){.loop = loop, .on_frame = on_frame, .arg = arg, .router = type == ZMQ_ROUTER};
    link->sock = zsock_new(type);
    must(link->sock);
    link->socket = zsock_resolve(link->sock);
    set_options(link->sock);
    return link;
}

static int endpoint_of(const char *path, char *out, size_t size)
{
    if (strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path)
        return -ENAMETOOLONG;
    must((size_t)snprintf(out, size, "ipc://%s", path) < size);
    return 0;
}

/* ---- far ends */

static void forget_end(zlink_t *link, struct far_end *end)
{
    HASH_DELETE(by_identity, link->ends, end);
    HASH_DELETE(by_conn, link->ends_by_conn, end);
    free(end);
}

/* Unreachable ones go first, then the one not heard for longest. */
static void forget_one_end(zlink_t *link)
{
    struct far_end *worst = NULL;
    for (struct far_end *e = link->ends; e; e = e->by_identity.next)
        if (!worst || e->unreachable > worst->unreachable ||
            (e->unreachable == worst->unreachable && e->heard < worst->heard))
            worst = e;
    must(worst);
    forget_end(link, worst);
}

static uint32_t conn_of(zlink_t *link, const void *identity, size_t len)
{
    must(len > 0 && len <= IDENTITY_BYTES);
    struct far_end *end = NULL;
    HASH_FIND(by_identity, link->ends, identity, len, end);
    if (!end) {
        if (HASH_CNT(by_identity, link->ends) >= ZLINK_CONNS_MAX)
            forget_one_end(link);
        end = calloc(1, sizeof *end);
        must(end);
        end->conn = link->conn++;
        end->identity_len = (uint8_t)len;
        memcpy(end->identity, identity, len);
        HASH_ADD_KEYPTR(by_identity, link->ends, end->identity, len, end);
        HASH_ADD(by_conn, link->ends_by_conn, conn, sizeof end->conn, end);
    }
    end->unreachable = false;
    end->heard = ++link->heard;
    return end->conn;
}

/* ---- in */

static void refuse(zlink_t *link, const char *why)
{
    link->refused++;
    if (link->logged_refused)
        return;
    link->logged_refused = true;
    log_text(LOG_FRAME_REFUSED, "a ZeroMQ message was dropped: %s; work goes on", why);
}

/* Reads the remaining parts of the message that `part` begins; true if there were any. */
static bool skip_the_rest(zlink_t *link, zmq_msg_t *part)
{
    bool any = false;
    while (zmq_msg_more(part)) {
        any = true;
        if (zmq_msg_recv(part, link->socket, ZMQ_DONTWAIT) < 0)
            break;
    }
    return any;
}

static void take_frame(zlink_t *link, uint32_t conn, zmq_msg_t *frame)
{
    if (!zmq_msg_more(frame)) {
        link->on_frame(link->arg, conn, bytes_of(zmq_msg_data(frame), zmq_msg_size(frame)));
        return;
    }
    skip_the_rest(link, frame);
    refuse(link, "more than one part");
}

/* One message off the socket; false when there was none. Parts of one message arrive together. */
static bool receive_one(zlink_t *link)
{
    zmq_msg_t part;
    zmq_msg_init(&part);
    bool got = zmq_msg_recv(&part, link->socket, ZMQ_DONTWAIT) >= 0;
    if (got && link->router) {
        uint32_t conn = conn_of(link, zmq_msg_data(&part), zmq_msg_size(&part));
        if (!zmq_msg_more(&part) || zmq_msg_recv(&part, link->socket, ZMQ_DONTWAIT) < 0)
            refuse(link, "no part after the identity");
        else
            take_frame(link, conn, &part);
    } else if (got) {
        take_frame(link, link->conn, &part);
    }
    zmq_msg_close(&part);
    return got;
}

/* ZMQ_FD is edge-triggered, and it tells of commands inside ZeroMQ rather than of messages: it is
 * read to the end when it fires and before every wait, and whoever sends has to look again
 * (zlink_send). */
static void drain(zlink_t *link)
{
    unsigned n = 0;
    while (n < ZLINK_FRAMES_PER_ROUND && receive_one(link))
        n++;
    if (n == ZLINK_FRAMES_PER_ROUND)
        loop_again(link->loop);
}

static void on_readable(void *arg, unsigned ready)
{
    (void)ready;
    drain(arg);
}

/* Asking for ZMQ_EVENTS makes ZeroMQ work off its commands; without it a recv may be told of
 * nothing. */
static bool has_input(zlink_t *link)
{
    int events = 0;
    size_t size = sizeof events;
    must(zmq_getsockopt(link->socket, ZMQ_EVENTS, &events, &size) == 0);
    return events & ZMQ_POLLIN;
}

static void on_before_wait(void *arg)
{
    zlink_t *link = arg;
    if (has_input(link))
        drain(link);
}

/* ---- out */

static void read_monitor(zlink_t *link)
{
    zmq_msg_t part;
    zmq_msg_init(&part);
    while (zmq_msg_recv(&part, link->monitor, ZMQ_DONTWAIT) >= 0) {
        uint16_t event = 0;
        if (zmq_msg_size(&part) >= sizeof event)
            memcpy(&event, zmq_msg_data(&part), sizeof event);
        link->up = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
        while (zmq_msg_more(&part) && zmq_msg_recv(&part, link->monitor, ZMQ_DONTWAIT) >= 0)
            ;
    }
    zmq_msg_close(&part);
}

static int blocked(zlink_t *link)
{
    link->blocked++;
    if (!link->logged_blocked)
        log_text(LOG_BUG, "a link reached its high-water mark of %d frames; the frame is dropped",
                 ZLINK_HIGH_WATER);
    link->logged_blocked = true;
    return -EAGAIN;
}

static int send_part(zlink_t *link, const void *data, size_t len, int flags)
{
    int r;
    do
        r = zmq_send(link->socket, data, len, flags | ZMQ_DONTWAIT);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : 0;
}

/* A DEALER says "again" both without a connection and at its high-water mark: the monitor tells
 * which. It is read here only: it says that few connections began and ended, so its queue cannot
 * fill between two beats of the link. A connection may come up between two looks; has_input() makes
 * ZeroMQ take note of it. */
static int send_again(zlink_t *link, bytes_t frame)
{
    read_monitor(link);
    if (!link->up)
        return -EHOSTUNREACH;
    has_input(link);
    int r = send_part(link, frame.data, frame.len, 0);
    if (r != -EAGAIN)
        return r;
    read_monitor(link);
    return link->up ? blocked(link) : -EHOSTUNREACH;
}

static int send_to_end(zlink_t *link, uint32_t conn, bytes_t frame)
{
    struct far_end *end = NULL;
    HASH_FIND(by_conn, link->ends_by_conn, &conn, sizeof conn, end);
    if (!end || end->unreachable)
        return -EHOSTUNREACH;
    int r = send_part(link, end->identity, end->identity_len, ZMQ_SNDMORE);
    if (r == 0)
        r = send_part(link, frame.data, frame.len, 0);
    if (r == -EHOSTUNREACH)
        end->unreachable = true;
    return r;
}

int zlink_send(zlink_t *link, uint32_t conn, bytes_t frame)
{
    must(frame.len <= FRAME_BYTES_MAX);
    must(link->router || conn == link->conn);
    int r =
        link->router ? send_to_end(link, conn, frame) : send_part(link, frame.data, frame.len, 0);
    if (has_input(link))
        loop_again(link->loop); /* the edge may have been used up by this send */
    if (r == -EAGAIN)
        r = link->router ? blocked(link) : send_again(link, frame);
    must(r == 0 || r == -EHOSTUNREACH || r == -EAGAIN);
    return r;
}

uint64_t zlink_blocked(const zlink_t *link) { return link->blocked; }
uint64_t zlink_refused(const zlink_t *link) { return link->refused; }

/* ---- birth and end */

static void watch(zlink_t *link)
{
    link->readable = loop_fd(link->loop, (int)zsock_fd(link->sock), LOOP_READ, on_readable, link);
    link->before_wait = loop_before_wait(link->loop, on_before_wait, link);
}

/* Only Weir may speak here: mode 0600, owner is the owner of the directory. */
static int guard_socket(const char *path)
{
    char directory[sizeof((struct sockaddr_un *)0)->sun_path];
    struct stat st;
    snprintf(directory, sizeof directory, "%s", path);
    char *slash = strrchr(directory, '/');
    if (slash)
        slash[slash == directory] = '\0';
    if (stat(slash ? directory : ".", &st) < 0)
        return -errno;
    bool other = st.st_uid != geteuid() && geteuid() == 0;
    return other && chown(path, st.st_uid, st.st_gid) < 0 ? -errno : 0;
}

int zlink_bind(loop_t *loop, const char *path, uint32_t first_conn, zlink_on_frame_t on_frame,
               void *arg, zlink_t **out)
{
    char endpoint[128];
    int r = endpoint_of(path, endpoint, sizeof endpoint);
    if (r < 0)
        return r;
    zlink_t *link = zlink_new(loop, ZMQ_ROUTER, on_frame, arg);
    link->conn = first_conn;
    zsock_set_router_mandatory(link->sock, 1);
    zsock_set_router_handover(link->sock, 1); /* the same life again after a broken connection */
    mode_t before = umask(0177);
    r = zmq_bind(link->socket, endpoint) < 0 ? -errno : 0;
    umask(before);
    if (r == 0)
        r = guard_socket(path);
    if (r < 0) {
        zlink_close(&link, 0);
        return r;
    }
    watch(link);
    *out = link;
    return 0;
}

/* A second socket inside the process that tells when the connection stands and when it is gone. */
static void open_monitor(zlink_t *link)
{
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "inproc://monitor-%p", (void *)link);
    must(zmq_socket_monitor(link->socket, endpoint,
                            ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) == 0);
    link->monitor = zmq_socket(zsys_init(), ZMQ_PAIR);
    must(link->monitor);
    int zero = 0;
    must(zmq_setsockopt(link->monitor, ZMQ_LINGER, &zero, sizeof zero) == 0);
    must(zmq_connect(link->monitor, endpoint) == 0);
}

int zlink_connect(loop_t *loop, const char *path, const char *identity, uint32_t conn,
                  zlink_on_frame_t on_frame, void *arg, zlink_t **out)
{
    char endpoint[128];
    must(identity[0] && strlen(identity) <= ZLINK_IDENTITY_MAX);
    int r = endpoint_of(path, endpoint, sizeof endpoint);
    if (r < 0)
        return r;
    zlink_t *link = zlink_new(loop, ZMQ_DEALER, on_frame, arg);
    link->conn = conn;
    zsock_set_identity(link->sock, identity);
    open_monitor(link);
    must(zmq_connect(link->socket, endpoint) == 0);
    watch(link);
    *out = link;
    return 0;
}

void zlink_close(zlink_t **at, unsigned linger_ms)
{
    zlink_t *link = *at;
    if (!link)
        return;
    *at = NULL;
    loop_remove(&link->readable);
    loop_remove(&link->before_wait);
    while (link->ends)
        forget_end(link, link->ends);
    if (link->monitor) {
        zmq_socket_monitor(link->socket, NULL, 0);
        zmq_close(link->monitor);
    }
    zsock_set_linger(link->sock, (int)linger_ms);
    zsock_destroy(&link->sock);
    free(link);
}
