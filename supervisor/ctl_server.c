#include "supervisor/ctl_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128 /* who finds no place is told so, not left waiting */

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
    int give;               /* a descriptor that goes with `out`; -1: none */
    const ctl_verb_t *verb; /* of the request that waits or was answered last */
    ctl_follow_t follow;    /* next is NULL: not following */
} client_t;

struct ctl_server {
    loop_t *loop;
    int fd;
    loop_source_t *source;
    void (*on_request)(void *, const ctl_asked_t *);
    void *arg;
    ctl_people_t people;
    uint64_t last_token;
    char path[108];
    client_t clients[CTL_CLIENTS_MAX];
};

/* ---- one client ------------------------------------------------------------------------- */

static void end_follow(client_t *c)
{
    if (!c->follow.next)
        return;
    c->follow.gone(c->follow.arg);
    c->follow = (ctl_follow_t){0};
    c->token = 0;
}

static void take_back(client_t *c)
{
    if (c->give >= 0)
        close(c->give);
    c->give = -1;
}

static void drop(client_t *c)
{
    end_follow(c);
    take_back(c);
    loop_remove(&c->source);
    close(c->fd);
    free(c->in);
    free(c->out);
    *c = (client_t){.server = c->server, .fd = -1, .give = -1};
}

/* Reads only when nothing of this client waits: its next request is the kernel's to keep. Who
 * follows is read, too: whatever it says, or its going, ends that. */
static void want(client_t *c)
{
    bool writes = c->out_sent < c->out_len, waits = c->token && !c->follow.next;
    loop_fd_want(c->source, writes ? LOOP_WRITE : waits ? 0 : LOOP_READ);
}

/* A descriptor goes with the first byte. */
static ssize_t send_out(client_t *c)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control = {{0}};
    struct iovec from = {c->out + c->out_sent, c->out_len - c->out_sent};
    struct msghdr message = {.msg_iov = &from, .msg_iovlen = 1};
    if (c->give >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        *CMSG_FIRSTHDR(&message) = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &c->give, sizeof c->give);
    }
    ssize_t n = sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0)
        take_back(c);
    return n;
}

/* False: the client is gone. */
static bool flush_out(client_t *c)
{
    while (c->out_sent < c->out_len) {
        ssize_t n = send_out(c);
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

/* With the schema in front: of the verb's answer, or of a failure. */
static json_t *with_schema(json_t *answer, const ctl_verb_t *verb)
{
    char schema[CTL_NAME_MAX + 16];
    if (json_object_get(answer, "schema"))
        return answer;
    bool ok = verb && json_is_true(json_object_get(answer, "ok"));
    snprintf(schema, sizeof schema, "weir.%s/1", ok ? verb->name : "error");
    json_t *whole = json_pack("{s:s}", "schema", schema);
    must(whole && json_object_update(whole, answer) == 0);
    json_decref(answer);
    return whole;
}

/* One line of it, the caller's. */
static char *line_of(json_t *answer, const ctl_verb_t *verb)
{
    json_t *whole = with_schema(answer, verb);
    char *text = json_dumps(whole, JSON_COMPACT);
    json_decref(whole);
    must(text);
    if (strlen(text) <= CTL_ANSWER_MAX)
        return text;
    free(text);
    return line_of(ctl_failure(413, "the answer is too long", "ask for less with --most"), verb);
}

static void say(client_t *c, json_t *answer)
{
    free(c->out);
    c->out = line_of(answer, c->verb);
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
    c->verb = error ? NULL : request.verb;
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

/* What is new, as long as it can be written. */
static void feed(client_t *c)
{
    while (c->fd >= 0 && c->follow.next && c->out_sent == c->out_len) {
        json_t *line = c->follow.next(c->follow.arg);
        if (!line)
            break;
        say(c, line);
        if (!flush_out(c))
            return;
    }
    if (c->fd >= 0)
        want(c);
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
        feed(c);
    } else if (!c->token || c->follow.next) {
        ssize_t n = recv(c->fd, c->in + c->in_len, CTL_LINE_MAX - c->in_len, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            drop(c);
            return;
        }
        c->in_len += (size_t)n;
        end_follow(c);
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
    *c = (client_t){
        .server = s, .fd = fd, .give = -1, .active = loop_now().at, .in = malloc(CTL_LINE_MAX)};
    must(c->in);
    c->source = loop_fd(s->loop, fd, LOOP_READ, on_client, c);
    c->permission = ctl_people_who(&s->people, fd, &c->uid, &c->pid);
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

static client_t *client_of(ctl_server_t *s, uint64_t token)
{
    for (size_t i = 0; i < CTL_CLIENTS_MAX; i++)
        if (s->clients[i].fd >= 0 && s->clients[i].token == token)
            return &s->clients[i];
    return NULL;
}

void ctl_server_answer(ctl_server_t *s, uint64_t token, json_t *answer)
{
    ctl_server_give(s, token, answer, -1);
}

void ctl_server_give(ctl_server_t *s, uint64_t token, json_t *answer, int fd)
{
    client_t *c = client_of(s, token);
    if (!c) {
        json_decref(answer);
        if (fd >= 0)
            close(fd);
        return;
    }
    c->token = 0;
    c->active = loop_now().at;
    c->give = fd;
    say(c, answer);
    want(c);
}

bool ctl_server_follow(ctl_server_t *s, uint64_t token, json_t *answer, const ctl_follow_t *follow)
{
    size_t followers = 0;
    client_t *c = client_of(s, token);
    for (size_t i = 0; i < CTL_CLIENTS_MAX; i++)
        followers += s->clients[i].follow.next != NULL;
    if (!c || followers >= CTL_FOLLOWERS_MAX) {
        json_decref(answer);
        return false;
    }
    c->follow = *follow;
    say(c, answer);
    want(c);
    return true;
}

void ctl_server_news(ctl_server_t *s)
{
    for (size_t i = 0; i < CTL_CLIENTS_MAX; i++)
        if (s->clients[i].fd >= 0 && s->clients[i].follow.next)
            feed(&s->clients[i]);
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
    return ctl_people_mode(&s->people, s->path);
}

int ctl_server_open(loop_t *loop, const char *run_dir, const ctl_people_t *people,
                    void (*on_request)(void *, const ctl_asked_t *), void *arg, ctl_server_t **out)
{
    ctl_server_t *s = calloc(1, sizeof *s);
    must(s);
    *s = (ctl_server_t){
        .loop = loop, .fd = -1, .people = *people, .on_request = on_request, .arg = arg};
    for (size_t i = 0; i < CTL_CLIENTS_MAX; i++)
        s->clients[i] = (client_t){.server = s, .fd = -1, .give = -1};
    int error = listen_at(s, run_dir);
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
