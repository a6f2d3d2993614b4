#include "sys/config_walk.h"

#include <stdio.h>

typedef struct walk {
    config_visit_t *visit;
    void *arg;
    char path[CONFIG_PATH_MAX];
} walk_t;

static void walk_section(walk_t *w, const char *pattern, const node_t *node, const json_t *json);

/* Adds to the path; what to cut it to afterwards. */
static size_t go_down(walk_t *w, const char *before, const char *name, const char *after)
{
    size_t len = strlen(w->path), room = sizeof w->path - len;
    int n = snprintf(w->path + len, room, "%s%s%s", len ? before : "", name, after);
    must(n >= 0 && (size_t)n < room);
    return len;
}

/* Steps go by their names, other items by their places. */
static void walk_items(walk_t *w, const char *pattern, const node_t *node, json_t *list)
{
    char index[24];
    json_t *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        const char *name = json_string_value(json_object_get(item, "name"));
        snprintf(index, sizeof index, "%zu", i);
        size_t cut = go_down(w, "[", name ? name : index, "]");
        walk_section(w, pattern, node && i < node->count ? node->items[i] : NULL, item);
        w->path[cut] = '\0';
    }
}

static void walk_names(walk_t *w, const char *pattern, const node_t *node, json_t *table)
{
    const char *name;
    json_t *entry;
    json_object_foreach(table, name, entry)
    {
        size_t cut = go_down(w, ".", name, "");
        walk_section(w, pattern, node_find(node, name), entry);
        w->path[cut] = '\0';
    }
}

static void walk_key(walk_t *w, const config_key_t *key, const node_t *node, json_t *value)
{
    char pattern[CONFIG_PATH_MAX];
    bool items = key->kind == KIND_ITEMS;
    snprintf(pattern, sizeof pattern, "%s%s", key->path, items ? "[]" : ".*");
    if (key->kind == KIND_SECTION)
        walk_section(w, key->path, node, value);
    else if (items)
        walk_items(w, pattern, node, value);
    else if (key->kind == KIND_NAMED)
        walk_names(w, pattern, node, value);
    else
        w->visit(w->arg, w->path, key, value, node);
}

static void walk_section(walk_t *w, const char *pattern, const node_t *node, const json_t *json)
{
    for (size_t i = 0; i < config_key_count(); i++) {
        const config_key_t *key = config_key_at(i);
        const char *leaf = config_key_leaf(key);
        json_t *value = config_key_is_below(key, pattern) ? json_object_get(json, leaf) : NULL;
        if (!value)
            continue;
        size_t cut = go_down(w, ".", leaf, "");
        walk_key(w, key, node_find(node, leaf), value);
        w->path[cut] = '\0';
    }
}

void config_walk(const node_t *root, const json_t *json, config_visit_t *visit, void *arg)
{
    walk_t w = {.visit = visit, .arg = arg};
    walk_section(&w, "", root, json);
}
