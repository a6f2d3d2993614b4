#include <errno.h>

#include "sys/config.h"
#include "sys/config_check.h"
#include "sys/config_found.h"

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

static int finish(config_tree_t *tree, config_found_t *found,
                  void (*report)(void *, const char *line), void *arg)
{
    json_t *json = tree->root ? config_check_keys(tree) : NULL;
    if (json && !tree->partial && !tree->unnamed) {
        config_check_hush(tree);
        config_check_cross(tree, json);
    }
    config_tree_tell(tree, report, arg);
    int error = tree->errors ? -EINVAL : 0;
    if (error) {
        json_decref(json);
    } else {
        fill_dependent(json);
        *found = (config_found_t){json, config_origins(tree, json), json_incref(tree->files)};
    }
    config_tree_clear(tree);
    return error;
}

int config_find(const char *path, config_found_t *found, void (*report)(void *, const char *line),
                void *arg)
{
    config_tree_t tree = {0};
    config_tree_read(&tree, path);
    return finish(&tree, found, report, arg);
}

static int only_json(int error, config_found_t *found, json_t **json)
{
    if (!error)
        *json = json_incref(found->json);
    config_found_clear(found);
    return error;
}

int config_read(const char *path, json_t **json, void (*report)(void *, const char *line),
                void *arg)
{
    config_found_t found = {0};
    return only_json(config_find(path, &found, report, arg), &found, json);
}

int config_find_texts(const bytes_t *texts, const char *const *names, size_t count,
                      config_found_t *found, void (*report)(void *, const char *line), void *arg)
{
    config_tree_t tree = {0};
    for (size_t i = 0; i < count; i++)
        config_tree_parse(&tree, texts[i], names[i]);
    return finish(&tree, found, report, arg);
}

int config_read_text(bytes_t text, const char *name, json_t **json,
                     void (*report)(void *, const char *line), void *arg)
{
    config_found_t found = {0};
    return only_json(config_find_texts(&text, &name, 1, &found, report, arg), &found, json);
}
