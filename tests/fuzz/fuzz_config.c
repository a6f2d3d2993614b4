/* The configuration from any bytes, drop-ins after each record separator (0x1e): refused with at
 * least one line, or loadable, and no different from itself. */
#include <errno.h>
#include <stdlib.h>

#include "sys/config.h"
#include "sys/config_diff.h"
#include "sys/config_found.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t lines;

static void hear(void *arg, const char *line)
{
    (void)arg;
    must(*line && strlen(line) < 1024);
    lines++;
}

static size_t split(bytes_t text, bytes_t *out, size_t most)
{
    size_t count = 0;
    const uint8_t *end;
    while (count + 1 < most && text.len && (end = memchr(text.data, 0x1e, text.len))) {
        size_t len = (size_t)(end - text.data);
        out[count++] = bytes_of(text.data, len);
        text = bytes_of(end + 1, text.len - len - 1);
    }
    out[count++] = text;
    return count;
}

static void look(const config_found_t *found)
{
    json_t *rows = config_found_values(found, CONFIG_ALL);
    config_diff_t *diff = config_diff_new(found->json, found->json);
    must(diff->count == 0 && json_array_size(rows) > 0);
    config_diff_destroy(&diff);
    json_decref(rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"fuzz", "10.yaml", "20.yaml", "30.yaml"};
    bytes_t texts[COUNT_OF(names)];
    config_found_t found = {0};
    lines = 0;
    size_t count = split(bytes_of(data, size), texts, COUNT_OF(texts));
    int error = config_find_texts(texts, names, count, &found, hear, NULL);
    must(error == (lines ? -EINVAL : 0) && !error == (found.json != NULL));
    if (error)
        return 0;
    look(&found);
    config_t *config = config_load(found.json);
    for (size_t i = 0; i < config->route_count; i++)
        must(config_route_at(config, bytes_str(config->routes[i].path)) == &config->routes[i]);
    config_destroy(&config);
    config_found_clear(&found);
    return 0;
}
