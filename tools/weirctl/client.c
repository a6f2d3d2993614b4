#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "sys/config.h"
#include "show.h"

struct client {
    int fd, came; /* came: the descriptor that a line brought; -1: none */
    char *line;   /* CTL_ANSWER_MAX + 2 */
    size_t used;
};

/* ---- where Weir is ---------------------------------------------------------------------- */

static int socket_of_config(const char *file, char *out, size_t size)
{
    json_t *json = NULL;
    if (config_read(file, &json, cli_on_config_error, NULL) < 0)
        return EXIT_CONFIG;
    const char *run_dir = json_string_value(json_object_get(json, "run_dir"));
    snprintf(out, size, "%s/ctl.sock", run_dir ? run_dir : "/run/weir");
    json_decref(json);
    return EXIT_OK;
}

static int socket_of(const cli_t *cli, char *out, size_t size)
{
    const char *from_environment = getenv("WEIR_SOCKET");
    if (cli->socket)
        snprintf(out, size, "%s", cli->socket);
    else if (cli->config)
        return socket_of_config(cli->config, out, size);
    else if (from_environment && *from_environment)
        snprintf(out, size, "%s", from_environment);
    else
        snprintf(out, size, CLI_SOCKET_DEFAULT);
    return EXIT_OK;
}

static int complain_of_connect(const char *path, int error)
{
    if (error == EACCES || error == EPERM)
        return cli_complain(EXIT_NOT_PERMITTED,
                            "not permitted to use %s; run as root or as a member of the groups "
                            "that the configuration names",
                            path);
    if (error == ENOENT || error == ECONNREFUSED)
        return cli_complain(EXIT_NOT_RUNNING,
                            "Weir is not running (no socket at %s); start it with ./run or "
                            "systemctl start weir",
                            path);
    return cli_complain(EXIT_AGAIN, "%s: %s; try again", path, strerror(error));
}

/* The descriptor, or negative errno. */
static int connect_to(const char *path, int64_t wait_s)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval wait = {.tv_sec = wait_s};
    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0 &&
        connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int error = errno;
    if (fd >= 0)
        close(fd);
    return -error;
}

/* ---- lines ------------------------------------------------------------------------------ */

static void write_line(int fd, const char *text)
{
    size_t len = strlen(text);
    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(fd, text + sent, len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* a refusal may be there before all was written: read in any case */
        sent += (size_t)n;
    }
    ssize_t end = send(fd, "\n", 1, MSG_NOSIGNAL);
    (void)end;
}

static void keep_descriptor(client_t *c, struct msghdr *message)
{
    struct cmsghdr *h = CMSG_FIRSTHDR(message);
    if (!h || h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS ||
        h->cmsg_len != CMSG_LEN(sizeof(int)))
        return;
    if (c->came >= 0)
        close(c->came);
    memcpy(&c->came, CMSG_DATA(h), sizeof c->came);
}

static ssize_t read_some(client_t *c)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec into = {c->line + c->used, CTL_ANSWER_MAX + 1 - c->used};
    struct msghdr message = {.msg_iov = &into,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t n = recvmsg(c->fd, &message, MSG_CMSG_CLOEXEC);
    if (n > 0)
        keep_descriptor(c, &message);
    return n;
}

static json_t *take_line(client_t *c)
{
    char *end = memchr(c->line, '\n', c->used);
    if (!end)
        return NULL;
    size_t len = (size_t)(end - c->line);
    json_t *object = json_loadb(c->line, len, JSON_REJECT_DUPLICATES, NULL);
    c->used -= len + 1;
    memmove(c->line, end + 1, c->used);
    if (json_is_object(object))
        return object;
    json_decref(object);
    return json_pack("{s:b, s:i, s:s}", "ok", 0, "status", 502, "error",
                     "Weir's answer cannot be read; is weirctl of the same version?");
}

json_t *client_next(client_t *c)
{
    json_t *line;
    while (!(line = take_line(c)) && c->used <= CTL_ANSWER_MAX) {
        ssize_t n = read_some(c);
        if (n <= 0)
            return NULL; /* also when a signal came: who waits looks what it was */
        c->used += (size_t)n;
    }
    return line;
}

bool client_has_line(const client_t *c) { return memchr(c->line, '\n', c->used) != NULL; }

int client_fd(const client_t *c) { return c->fd; }

int client_take_fd(client_t *c)
{
    int fd = c->came;
    c->came = -1;
    return fd;
}

void client_close(client_t **client)
{
    client_t *c = *client;
    *client = NULL;
    if (!c)
        return;
    close(c->fd);
    if (c->came >= 0)
        close(c->came);
    free(c->line);
    free(c);
}

/* ---- asking ----------------------------------------------------------------------------- */

static client_t *open_asking(const cli_t *cli, const char *verb, json_t *args, bool quiet,
                             int *code)
{
    char path[512];
    json_t *request = json_pack("{s:s, s:o}", "verb", verb, "args", args);
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    must(text);
    client_t *c = NULL;
    *code = socket_of(cli, path, sizeof path);
    int fd = *code ? -1 : connect_to(path, cli->timeout_s ? cli->timeout_s : CLI_TIMEOUT_DEFAULT_S);
    if (fd >= 0) {
        c = calloc(1, sizeof *c);
        must(c);
        *c = (client_t){.fd = fd, .came = -1, .line = malloc(CTL_ANSWER_MAX + 2)};
        must(c->line);
        write_line(fd, text);
    } else if (*code == 0) {
        *code = quiet ? EXIT_NOT_RUNNING : complain_of_connect(path, -fd);
    }
    free(text);
    return c;
}

client_t *client_open(const cli_t *cli, const char *verb, json_t *args, int *code)
{
    return open_asking(cli, verb, args, false, code);
}

json_t *client_ask(const cli_t *cli, const char *verb, json_t *args, int *code)
{
    client_t *c = client_open(cli, verb, args, code);
    json_t *answer = c ? client_next(c) : NULL;
    if (c && !answer)
        *code = cli_complain(EXIT_AGAIN,
                             "Weir gave no answer to %s%s; what was asked may or may "
                             "not have happened: look with weirctl status, then try "
                             "again",
                             verb, cli->timeout_s ? " within --timeout" : "");
    client_close(&c);
    return answer;
}

json_t *client_ask_quietly(const cli_t *cli, const char *verb, json_t *args)
{
    int code;
    client_t *c = open_asking(cli, verb, args, true, &code);
    json_t *answer = c ? client_next(c) : NULL;
    client_close(&c);
    return answer;
}

/* ---- the end ---------------------------------------------------------------------------- */

static int code_of_status(json_int_t status)
{
    switch (status) {
    case 400:
        return EXIT_USAGE;
    case 403:
        return EXIT_NOT_PERMITTED;
    case 404:
        return EXIT_NOT_FOUND;
    case 422:
        return EXIT_CONFIG;
    case 500:
        return EXIT_DATA;
    case 502:
        return EXIT_BUG;
    case 503:
    case 504:
        return EXIT_AGAIN;
    default:
        return EXIT_REFUSED;
    }
}

/* A sender's word may be in it. */
static void complain_of(const json_t *answer)
{
    json_t *safe = show_safely(json_incref((json_t *)answer)), *line;
    const char *error = json_string_value(json_object_get(safe, "error"));
    const char *hint = json_string_value(json_object_get(safe, "hint"));
    size_t n;
    json_array_foreach(json_object_get(safe, "errors"), n, line)
        cli_complain(0, "%s", json_string_value(line));
    cli_complain(0, "%s%s%s", error ? error : "refused", hint ? "; " : "", hint ? hint : "");
    json_decref(safe);
}

int client_verdict(const cli_t *cli, const json_t *answer)
{
    bool ok = json_is_true(json_object_get(answer, "ok"));
    if (cli->json)
        cli_print_json(json_incref((json_t *)answer));
    else if (!ok)
        complain_of(answer);
    return ok ? EXIT_OK : code_of_status(number_at(answer, "status"));
}
