#include <errno.h>
#include <stdio.h>

#include "sys/config.h"
#include "sys/config_check.h"
#include "sys/config_tree.h"

/* Where the table says NONE and the default depends on another key. */
static void fill_dependent(json_t *json)
{
    const char *name;
    json_t *route, *downstreams = json_object_get(json, "downstreams");
    json_object_foreach(json_object_get(json, "routes"), name, route)
    {
        json_t *steps = json_object_get(route, "steps");
        for (size_t i = 0; i < json_array_size(steps); i++) {
            json_t *step = json_array_get(steps, i), *call = json_object_get(step, "call");
            const char *to = json_string_value(json_object_get(call, "downstream"));
            json_t *downstream = to ? json_object_get(downstreams, to) : NULL;
            bool harmless = !call || json_is_true(json_object_get(downstream, "idempotent"));
            if (!json_object_get(step, "on_unknown"))
                json_object_set_new(step, "on_unknown", json_string(harmless ? "retry" : "dead"));
        }
    }
}

static int finish(config_tree_t *tree, json_t **json)
{
    json_t *made = NULL;
    if (tree->root)
        made = config_check_keys(tree);
    if (!tree->errors && made) /* what does not fit is told only when every single key is right */
        config_check_cross(tree, made);
    if (tree->errors > CONFIG_ERRORS_MAX) {
        char line[64];
        snprintf(line, sizeof line, "and %u more", tree->errors - CONFIG_ERRORS_MAX);
        tree->report(tree->arg, line);
    }
    bool good = !tree->errors && made;
    config_tree_clear(tree);
    if (!good) {
        json_decref(made);
        return -EINVAL;
    }
    fill_dependent(made);
    *json = made;
    return 0;
}

int config_read(const char *path, json_t **json, void (*report)(void *, const char *line),
                void *arg)
{
    config_tree_t tree = {.report = report, .arg = arg};
    config_tree_read(&tree, path);
    return finish(&tree, json);
}

int config_read_text(bytes_t text, const char *name, json_t **json,
                     void (*report)(void *, const char *line), void *arg)
{
    config_tree_t tree = {.report = report, .arg = arg};
    config_tree_parse(&tree, text, name);
    return finish(&tree, json);
}
