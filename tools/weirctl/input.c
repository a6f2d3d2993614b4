#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sys/config.h"

int input_body(const char *file, uint8_t **body, size_t *len)
{
    bool is_stdin = strcmp(file, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cli_complain(EXIT_USAGE, "%s: %s", file, strerror(errno));
    *body = malloc(BODY_MAX + 1);
    must(*body);
    *len = 0;
    ssize_t n = 1;
    while (n > 0 && *len <= BODY_MAX) {
        n = read(fd, *body + *len, BODY_MAX + 1 - *len);
        *len += n > 0 ? (size_t)n : 0;
    }
    int error = errno;
    if (!is_stdin)
        close(fd);
    if (n < 0)
        return cli_complain(EXIT_USAGE, "%s: %s", file, strerror(error));
    return *len > BODY_MAX ? cli_complain(EXIT_USAGE, "%s is longer than 4 MiB", file) : EXIT_OK;
}

int input_header(const char *typed, char *name, size_t size, const char **value)
{
    size_t len = strcspn(typed, ":");
    if (len == 0 || len >= size || typed[len] != ':')
        return cli_complain(EXIT_USAGE, "--header is NAME:VALUE, not \"%s\"", typed);
    snprintf(name, size, "%.*s", (int)len, typed);
    *value = typed + len + 1 + strspn(typed + len + 1, " ");
    return EXIT_OK;
}

const char *input_config_file(const cli_t *cli)
{
    return cli->config ? cli->config : CLI_CONFIG_DEFAULT;
}

config_t *input_config(const cli_t *cli)
{
    json_t *json = NULL;
    if (config_read(input_config_file(cli), &json, cli_on_config_error, NULL) < 0)
        return NULL;
    config_t *config = config_load(json);
    json_decref(json);
    return config;
}

const route_t *input_route(const cli_t *cli, const config_t *config)
{
    const char *name = cli_value(cli, "route");
    const route_t *route = config_route(config, bytes_str(name));
    if (!route)
        cli_complain(EXIT_REFUSED, "%s has no route \"%s\"; weirctl check --config %s lists them",
                     input_config_file(cli), name, input_config_file(cli));
    return route;
}
