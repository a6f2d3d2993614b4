#include "supervisor/ctl_server.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sys/log.h"

#define PEER_GROUPS_MAX 256
#define BACKLOG 128 /* who finds no place is told so, not left waiting */
#define NO_GROUP ((gid_t)-1)
#define ANYBODY ((uid_t)-1)

typedef struct client {
    ctl_server_t *server;
    int fd; /* -1: free */
    loop_source_t *source;
    enum ctl_permission permission;
    uid_t uid;
    pid_t pid;
    uint64_t token; /* of the request that waits; 0: none */
    bool closing;   /* after what is still to be written */
    instant_t active;
    char *in; /* CTL_LINE_MAX */
    size_t in_len;
    char *out;
    size_t out_len, out_sent;
} client_t;

struct ctl_server {
    loop_t *loop;
    int fd;
    loop_source_t *source;
    void (*on_request)(void *, const ctl_asked_t *);
    void *arg;
    ctl_groups_t groups;
    uid_t actors_uid; /* ANYBODY is nobody: no such user is configured */
    uint64_t last_token;
    char path[108];
    client_t clients[CTL_CLIENTS_MAX];
};

/* ---- who is there ----------------------------------------------------------------------- */

enum ctl_permission ctl_permission_of(const ctl_groups_t *groups, const gid_t *of_peer,
                                      size_t count)
{
    enum ctl_permission best = CTL_NOBODY;
    for (size_t i = 0; i < count; i++) {
        if (of_peer[i] == NO_GROUP)
            continue;
        enum ctl_permission this = of_peer[i] == groups->admin       ? CTL_ADMIN
                                   : of_peer[i] == groups->operator_ ? CTL_OPERATOR
                                   : of_peer[i] == groups->viewer    ? CTL_VIEWER
                                                                     : CTL_NOBODY;
        best = this > best ? this : best;
    }
    return best;
}

static enum ctl_permission permission_of_groups(const ctl_server_t *s, int fd, gid_t primary)
{
    gid_t groups[PEER_GROUPS_MAX + 1];
    socklen_t len = PEER_GROUPS_MAX * sizeof *groups;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
        len = 0; /* more groups than fit: only the primary one counts */
    size_t count = len / sizeof *groups;
    groups[count] = primary;
    return ctl_permission_of(&s->groups, groups, count + 1);
}

static void identify(client_t *c)
{
    struct ucred peer = {.uid = ANYBODY, .gid = NO_GROUP};
    socklen_t len = sizeof peer;
    c->permission = CTL_NOBODY;
    if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return;
    c->uid = peer.uid;
    c->pid = peer.pid;
    bool own = peer.uid == 0 || peer.uid == geteuid() ||
               (c->server->actors_uid != ANYBODY && peer.uid == c->server->actors_uid);
    c->permission = own ? CTL_ADMIN : permission_of_groups(c->server, c->fd, peer.gid);
}

/* ---- one client ------------------------------------------------------------------------- */

static void drop(client_t *c)
{
    loop_remove(&c->source);
    close(c->fd);
    free(c->in);
    free(c->out);
    *c = (client_t){.server = c->server, .fd = -1};
}

/* Reads only when nothing of this client waits: its next request is the kernel's to keep. */
static void want(client_t *c)
{
    bool writes = c->out_sent < c->out_len;
    loop_fd_want(c->source, writes ? LOOP_WRITE : c->token ? 0 : LOOP_READ);
}

/* False: the client is gone. */
static bool flush_out(client_t *c)
{
    while (c->out_sent < c->out_len) {
        ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n <= 0) {
            drop(c);
            return false;
        }
        c->out_sent += (size_t)n;
    }
    if (c->closing && c->out_sent == c->out_len) {
        drop(c);
        return false;
    }
    want(c);
    return true;
}

/* One line of it, the caller's. */
static char *line_of(json_t *answer)
{
    char *text = json_dumps(answer, JSON_COMPACT);
    json_decref(answer);
    must(text);
    if (strlen(text) <= CTL_ANSWER_MAX)
        return text;
    free(text);
    return line_of(ctl_failure(413, "the answer is too long", "ask for less with --most"));
}

static void say(client_t *c, json_t *answer)
{
    free(c->out);
    c->out = line_of(answer);
    c->out_len = strlen(c->out);
    c->out[c->out_len++] = '\n'; /* in place of the closing NUL */
    c->out_sent = 0;
}

static void refuse(client_t *c, unsigned status, const char *error, const char *hint, bool close_it)
{
    c->closing = close_it;
    say(c, ctl_failure(status, error, hint));
}

static void handle_line(client_t *c, bytes_t line, instant_t now)
{
    ctl_request_t request;
    char why[256];
    int error = ctl_request_read(line, &request, why, sizeof why);
    c->active = now;
    if (error) {
        refuse(c, 400, why, "see weirctl help", error == -EBADMSG);
        return;
    }
    if (request.verb->permission > c->permission) {
        refuse(c, 403, "not permitted",
               "this needs membership in a group that the configuration names "
               "(supervisor.operator_group, supervisor.admin_group)",
               false);
    } else {
        ctl_server_t *s = c->server;
        c->token = ++s->last_token;
        s->on_request(s->arg, &(ctl_asked_t){c->token, &request, c->uid, c->pid});
    }
    ctl_request_clear(&request);
}

/* Takes the first line off what was read, when nothing is under way. False: there is none, or the
 * client is gone. */
static bool take_line(client_t *c, instant_t now)
{
    if (c->fd < 0 || c->token || c->out_sent < c->out_len)
        return false;
    char *end = memchr(c->in, '\n', c->in_len);
    if (!end) {
        if (c->in_len == CTL_LINE_MAX) {
            refuse(c, 400, "the line is too long", "a request has less than 64 KiB", true);
            flush_out(c);
        }
        return false;
    }
    size_t len = (size_t)(end - c->in);
    handle_line(c, bytes_of(c->in, len), now);
    c->in_len -= len + 1;
    memmove(c->in, end + 1, c->in_len);
    return flush_out(c);
}

static void on_client(void *arg, unsigned ready)
{
    client_t *c = arg;
    instant_t now = loop_now().at;
    if (ready & LOOP_WRITE) {
        if (!flush_out(c))
            return;
    } else if (!c->token) {
        ssize_t n = recv(c->fd, c->in + c->in_len, CTL_LINE_MAX - c->in_len, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            drop(c);
            return;
        }
        c->in_len += (size_t)n;
    }
    while (take_line(c, now))
        ;
}

/* ---- the server ------------------------------------------------------------------------- */

static client_t *free_place(ctl_server_t *s)
{
    for (size_t i = 0; i < CTL_CLIENTS_MAX; i++)
        if (s->clients[i].fd < 0)
            return &s->clients[i];
    return NULL;
}

static void turn_away(int fd)
{
    static const char line[] =
        "{\"ok\":false,\"status\":503,\"error\":\"too many people ask at once\","
        "\"hint\":\"try again\"}\n";
    ssize_t n = send(fd, line, sizeof line - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)n;
    close(fd);
}

static void admit(ctl_server_t *s, client_t *c, int fd)
{
    *c = (client_t){.server = s, .fd = fd, .active = loop_now().at, .in = malloc(CTL_LINE_MAX)};
    must(c->in);
    c->source = loop_fd(s->loop, fd, LOOP_READ, on_client, c);
    identify(c);
    if (c->permission != CTL_NOBODY)
        return;
    refuse(c, 403, "not permitted",
           "this user is in none of the groups that the configuration names "
           "(supervisor.viewer_group and others)",
           true);
    flush_out(c);
}

static void on_connect(void *arg, unsigned ready)
{
    (void)ready;
    ctl_server_t *s = arg;
    for (int fd; (fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
        client_t *c = free_place(s);
        if (c)
            admit(s, c, fd);
        else
            turn_away(fd);
    }
}

void ctl_server_answer(ctl_server_t *s, uint64_t token, json_t *answer)
{
    for (size_t i = 0; i < CTL_CLIENTS_MAX; i++) {
        client_t *c = &s->clients[i];
        if (c->fd < 0 || c->token != token)
            continue;
        c->token = 0;
        c->active = loop_now().at;
        say(c, answer);
        want(c);
        return;
    }
    json_decref(answer);
}

instant_t ctl_server_turn(ctl_server_t *s, instant_t now)
{
    instant_t next = INSTANT_NEVER;
    for (size_t i = 0; i < CTL_CLIENTS_MAX; i++) {
        client_t *c = &s->clients[i];
        if (c->fd < 0 || c->token)
            continue;
        instant_t due = instant_after_us(c->active, CTL_IDLE_US);
        if (!instant_before(now, due))
            drop(c);
        else
            next = instant_min(next, due);
    }
    return next;
}

/* ---- opening ---------------------------------------------------------------------------- */

static int find_group(const char *name, gid_t *out)
{
    *out = NO_GROUP;
    if (!*name)
        return 0;
    errno = 0;
    struct group *g = getgrnam(name);
    if (!g) {
        log_text(LOG_CONFIG_BAD, "supervisor.*_group: there is no group \"%s\" on this host", name);
        return errno ? -errno : -ENOENT;
    }
    *out = g->gr_gid;
    return 0;
}

static int find_people(ctl_server_t *s, const config_t *config)
{
    int error = find_group(config->supervisor.viewer_group, &s->groups.viewer);
    if (!error)
        error = find_group(config->supervisor.operator_group, &s->groups.operator_);
    if (!error)
        error = find_group(config->supervisor.admin_group, &s->groups.admin);
    struct passwd *user = *config->supervisor.user ? getpwnam(config->supervisor.user) : NULL;
    s->actors_uid = user ? user->pw_uid : ANYBODY;
    return error;
}

/* The kernel tells who connects, so the mode only keeps out those who may do nothing anyway: one
 * group when there is one, everybody when there are several, since a file has only one. */
static int set_mode(const ctl_server_t *s)
{
    const gid_t all[] = {s->groups.viewer, s->groups.operator_, s->groups.admin};
    gid_t one = NO_GROUP;
    bool several = false;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        several = several || (all[i] != NO_GROUP && one != NO_GROUP && all[i] != one);
        one = all[i] != NO_GROUP ? all[i] : one;
    }
    if (one == NO_GROUP)
        return chmod(s->path, 0600) < 0 ? -errno : 0;
    if (!several && chown(s->path, (uid_t)-1, one) == 0)
        return chmod(s->path, 0660) < 0 ? -errno : 0;
    return chmod(s->path, 0666) < 0 ? -errno : 0;
}

static int listen_at(ctl_server_t *s, const char *run_dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int n = snprintf(s->path, sizeof s->path, "%s/ctl.sock", run_dir);
    if (n < 0 || (size_t)n >= sizeof s->path)
        return -ENAMETOOLONG;
    memcpy(address.sun_path, s->path, (size_t)n + 1);
    s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0)
        return -errno;
    unlink(s->path); /* ours: we hold the lock of this directory */
    if (bind(s->fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(s->fd, BACKLOG) < 0)
        return -errno;
    return set_mode(s);
}

int ctl_server_open(loop_t *loop, const config_t *config,
                    void (*on_request)(void *, const ctl_asked_t *), void *arg, ctl_server_t **out)
{
    ctl_server_t *s = calloc(1, sizeof *s);
    must(s);
    *s = (ctl_server_t){.loop = loop, .fd = -1, .on_request = on_request, .arg = arg};
    for (size_t i = 0; i < CTL_CLIENTS_MAX; i++)
        s->clients[i] = (client_t){.server = s, .fd = -1};
    int error = find_people(s, config);
    if (!error)
        error = listen_at(s, config->run_dir);
    if (error) {
        ctl_server_close(&s);
        return error;
    }
    s->source = loop_fd(loop, s->fd, LOOP_READ, on_connect, s);
    *out = s;
    return 0;
}

void ctl_server_close(ctl_server_t **server)
{
    ctl_server_t *s = *server;
    *server = NULL;
    if (!s)
        return;
    for (size_t i = 0; i < CTL_CLIENTS_MAX; i++)
        if (s->clients[i].fd >= 0)
            drop(&s->clients[i]);
    loop_remove(&s->source);
    if (s->fd >= 0) {
        close(s->fd);
        unlink(s->path);
    }
    free(s);
}
