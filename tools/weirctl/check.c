#include <stdio.h>

#include "commands.h"
#include "sys/config.h"

typedef struct reader {
    bool json;
    unsigned errors;
} reader_t;

static void on_error(void *arg, const char *line)
{
    reader_t *r = arg;
    r->errors++;
    if (!r->json) {
        fprintf(stderr, "%s\n", line);
        return;
    }
    json_t *j = json_pack("{s:b, s:s}", "ok", 0, "error", line);
    if (j) {
        json_dumpf(j, stdout, JSON_COMPACT);
        putchar('\n');
    }
    json_decref(j);
}

int run_check(const cli_t *cli)
{
    const char *typed = cli_value(cli, "file");
    const char *file = typed ? typed : cli->config ? cli->config : CLI_CONFIG_DEFAULT;
    reader_t reader = {.json = cli->json};
    json_t *json = NULL;
    if (config_read(file, &json, on_error, &reader) < 0) {
        if (!cli->json)
            cli_complain(0, "%s: %u error%s; Weir would not start with it", file, reader.errors,
                         reader.errors == 1 ? "" : "s");
        return EXIT_CONFIG;
    }
    config_t *config = config_load(json);
    json_decref(json);
    printf(
        cli->json
            ? "{\"ok\":true,\"routes\":%zu,\"sources\":%zu,\"downstreams\":%zu,\"limits\":%zu}\n"
            : "the configuration is right: %zu routes, %zu sources, %zu downstreams, %zu limits\n",
        config->route_count, config->source_count, config->downstream_count, config->named_limits);
    for (size_t i = 0; i < config->route_count && !cli->json; i++)
        printf("  %-20s POST %s\n", config->routes[i].name, config->routes[i].path);
    config_destroy(&config);
    return EXIT_OK;
}
