#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "sys/config.h"

#define ANSWER_WAIT_S 30 /* Weir itself gives up after ten */

static void on_config_error(void *arg, const char *line)
{
    (void)arg;
    fprintf(stderr, "%s\n", line);
}

static int socket_of_config(const char *file, char *out, size_t size)
{
    json_t *json = NULL;
    if (config_read(file, &json, on_config_error, NULL) < 0)
        return EXIT_CONFIG;
    const char *run_dir = json_string_value(json_object_get(json, "run_dir"));
    snprintf(out, size, "%s/ctl.sock", run_dir ? run_dir : "/run/weir");
    json_decref(json);
    return EXIT_OK;
}

int client_socket(const cli_t *cli, char *out, size_t size)
{
    const char *from_environment = getenv("WEIR_SOCKET");
    if (cli->socket)
        snprintf(out, size, "%s", cli->socket);
    else if (from_environment && *from_environment)
        snprintf(out, size, "%s", from_environment);
    else if (cli->config)
        return socket_of_config(cli->config, out, size);
    else
        snprintf(out, size, CLI_SOCKET_DEFAULT);
    return EXIT_OK;
}

static int connect_to(const char *path, int *code)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval wait = {.tv_sec = ANSWER_WAIT_S};
    if (strlen(path) >= sizeof address.sun_path) {
        *code = cli_complain(EXIT_USAGE, "the socket's path is too long: %s", path);
        return -1;
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0 &&
        connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (error == EACCES || error == EPERM)
        *code = cli_complain(EXIT_NOT_PERMITTED,
                             "not permitted to use %s; run as root or as a member of the "
                             "groups that the configuration names",
                             path);
    else if (error == ENOENT || error == ECONNREFUSED)
        *code = cli_complain(EXIT_NOT_RUNNING,
                             "Weir is not running (no socket at %s); start it with ./run or "
                             "systemctl start weir",
                             path);
    else
        *code = cli_complain(EXIT_AGAIN, "%s: %s", path, strerror(error));
    return -1;
}

static bool write_line(int fd, const char *text)
{
    size_t len = strlen(text);
    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(fd, text + sent, len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        sent += (size_t)n;
    }
    return send(fd, "\n", 1, MSG_NOSIGNAL) == 1;
}

/* NUL-terminated, without its newline; NULL: none came. */
static char *read_line(int fd)
{
    size_t used = 0, size = CTL_ANSWER_MAX + 2;
    char *line = malloc(size);
    must(line);
    while (used < size - 1) {
        ssize_t n = recv(fd, line + used, size - 1 - used, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        used += (size_t)n;
        if (line[used - 1] == '\n') {
            line[used - 1] = '\0';
            return line;
        }
    }
    free(line);
    return NULL;
}

static json_t *exchange(int fd, const char *text)
{
    /* A refusal may be there before all was written: read in any case. */
    write_line(fd, text);
    char *line = read_line(fd);
    json_t *answer = line ? json_loads(line, JSON_REJECT_DUPLICATES, NULL) : NULL;
    free(line);
    return answer;
}

json_t *client_ask(const char *socket, const char *verb, json_t *args, int *code)
{
    json_t *request = json_pack("{s:s, s:o}", "verb", verb, "args", args);
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    must(text);
    int fd = connect_to(socket, code);
    json_t *answer = fd >= 0 ? exchange(fd, text) : NULL;
    free(text);
    if (fd < 0)
        return NULL;
    close(fd);
    if (!json_is_object(answer)) {
        json_decref(answer);
        *code = cli_complain(EXIT_AGAIN, "Weir gave no answer at %s; try again, or look at its log",
                             socket);
        return NULL;
    }
    return answer;
}

static int code_of_status(json_int_t status)
{
    if (status == 400)
        return EXIT_USAGE;
    if (status == 403)
        return EXIT_NOT_PERMITTED;
    return status == 503 || status == 504 ? EXIT_AGAIN : EXIT_REFUSED;
}

void client_print(const json_t *answer)
{
    json_dumpf(answer, stdout, JSON_COMPACT);
    putchar('\n');
}

int client_verdict(const cli_t *cli, const json_t *answer)
{
    bool ok = json_is_true(json_object_get(answer, "ok"));
    if (cli->json)
        client_print(answer);
    if (ok)
        return EXIT_OK;
    const char *error = json_string_value(json_object_get(answer, "error"));
    const char *hint = json_string_value(json_object_get(answer, "hint"));
    if (!cli->json)
        cli_complain(0, "%s%s%s", error ? error : "refused", hint ? "; " : "", hint ? hint : "");
    return code_of_status(json_integer_value(json_object_get(answer, "status")));
}
