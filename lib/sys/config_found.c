#include "sys/config_found.h"

#include <stdio.h>

#include "sys/config.h"
#include "sys/config_check.h"
#include "sys/config_walk.h"

static void set(json_t *object, const char *name, json_t *value)
{
    must(value && json_object_set_new(object, name, value) == 0);
}

/* ---- where they came from ---- */

static void add_origin(void *arg, const char *path, const config_key_t *key, json_t *value,
                       const node_t *node)
{
    (void)key, (void)value;
    if (node_is_null(node))
        return;
    json_t *file = json_string(node->file), *origin = json_object();
    set(origin, "from", json_string(node->places ? "environment" : "file"));
    set(origin, "file", file ? file : json_string("a file whose name is not UTF-8"));
    set(origin, "line", json_integer(node->line));
    set(origin, "column", json_integer(node->column));
    if (node->places)
        set(origin, "places", json_string(node->places));
    set(arg, path, origin);
}

json_t *config_origins(const config_tree_t *tree, const json_t *json)
{
    json_t *origins = json_object();
    config_walk(tree->root, json, add_origin, origins);
    return origins;
}

void config_found_override(config_found_t *found, const char *key, json_t *value,
                           const char *option)
{
    const char *dot = strchr(key, '.');
    char section[64] = "";
    if (dot)
        snprintf(section, sizeof section, "%.*s", (int)(dot - key), key);
    json_t *in = dot ? json_object_get(found->json, section) : found->json;
    must(in);
    set(in, dot ? dot + 1 : key, value);
    set(found->origins, key, json_pack("{s:s, s:s}", "from", "command line", "option", option));
}

void config_found_clear(config_found_t *found)
{
    json_decref(found->json);
    json_decref(found->origins);
    json_decref(found->files);
    *found = (config_found_t){0};
}

config_found_t config_found_of(const config_t *config)
{
    return (config_found_t){config->json, config->origins, config->files};
}

/* ---- as rows ---- */

typedef struct rows {
    json_t *list;
    const json_t *origins;
    enum config_which which;
} rows_t;

static bool is_default(const config_key_t *key, const json_t *value)
{
    json_t *preset = config_preset(key);
    bool same = preset && json_equal(preset, value);
    json_decref(preset);
    return same;
}

static void add_row(void *arg, const char *path, const config_key_t *key, json_t *value,
                    const node_t *node)
{
    rows_t *rows = arg;
    json_t *origin = json_object_get(rows->origins, path);
    (void)node;
    if ((rows->which != CONFIG_ALL && !origin) ||
        (rows->which == CONFIG_CHANGED && is_default(key, value)))
        return;
    json_t *row = json_pack("{s:s, s:O}", "key", path, "value", value);
    must(row && json_array_append_new(rows->list, row) == 0);
    if (origin)
        must(json_object_update(row, origin) == 0);
    else
        set(row, "from", json_string("default"));
}

json_t *config_found_values(const config_found_t *found, enum config_which which)
{
    rows_t rows = {json_array(), found->origins, which};
    config_walk(NULL, found->json, add_row, &rows);
    return rows.list;
}

void config_value_source(const json_t *row, char *out, size_t size)
{
    const char *from = json_string_value(json_object_get(row, "from"));
    const char *places = json_string_value(json_object_get(row, "places"));
    const char *option = json_string_value(json_object_get(row, "option"));
    const char *file = json_string_value(json_object_get(row, "file"));
    if (!file)
        snprintf(out, size, "%s", option ? option : from);
    else
        snprintf(out, size, "%s%s%s:%lld:%lld", places ? places : "", places ? " of " : "", file,
                 (long long)json_integer_value(json_object_get(row, "line")),
                 (long long)json_integer_value(json_object_get(row, "column")));
}
