/* The configuration from any bytes: refused with at least one line, or loadable. */
#include <errno.h>
#include <stdlib.h>

#include "sys/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t lines;

static void hear(void *arg, const char *line)
{
    (void)arg;
    must(*line && strlen(line) < 1024);
    lines++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *json = NULL;
    lines = 0;
    int error = config_read_text(bytes_of(data, size), "fuzz", &json, hear, NULL);
    must(error == (lines ? -EINVAL : 0) && !error == (json != NULL));
    if (error)
        return 0;
    config_t *config = config_load(json);
    for (size_t i = 0; i < config->route_count; i++)
        must(config_route_at(config, bytes_str(config->routes[i].path)) == &config->routes[i]);
    config_destroy(&config);
    json_decref(json);
    return 0;
}
