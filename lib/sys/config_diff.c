#include "sys/config_diff.h"

#include <stdio.h>
#include <stdlib.h>

static void compare_section(config_diff_t *diff, const char *pattern, const char *path,
                            const json_t *before, const json_t *after);

static bool stands_below(const config_key_t *key, const config_key_t *above)
{
    size_t len = strlen(above->path);
    return strncmp(key->path, above->path, len) == 0 &&
           (key->path[len] == '.' || key->path[len] == '[');
}

/* Of a key; of what holds keys: whether one of them does. */
static bool needs_restart(const config_key_t *key)
{
    if (!config_key_has_keys(key))
        return !key->reloadable;
    for (size_t i = 0; i < config_key_count(); i++) {
        const config_key_t *below = config_key_at(i);
        if (stands_below(below, key) && !config_key_has_keys(below) && !below->reloadable)
            return true;
    }
    return false;
}

static void add(config_diff_t *diff, const config_key_t *key, const char *path, json_t *before,
                json_t *after)
{
    if (diff->count % 32 == 0) {
        diff->changes = realloc(diff->changes, (diff->count + 32) * sizeof *diff->changes);
        must(diff->changes);
    }
    config_change_t *change = &diff->changes[diff->count++];
    *change = (config_change_t){.key = key,
                                .before = json_incref(before),
                                .after = json_incref(after),
                                .restart = needs_restart(key)};
    must(snprintf(change->path, sizeof change->path, "%s", path) < (int)sizeof change->path);
    diff->restart = diff->restart || change->restart;
}

static bool is_same(const json_t *a, const json_t *b) { return a == b || json_equal(a, b); }

/* One name of a NAMED, one step of an ITEMS. */
static void compare_entry(config_diff_t *diff, const config_key_t *key, const char *path,
                          json_t *before, json_t *after)
{
    char pattern[CONFIG_PATH_MAX];
    snprintf(pattern, sizeof pattern, "%s%s", key->path, key->kind == KIND_NAMED ? ".*" : "[]");
    if (is_same(before, after))
        return;
    if (before && after)
        compare_section(diff, pattern, path, before, after);
    else
        add(diff, key, path, before, after);
}

static void compare_named(config_diff_t *diff, const config_key_t *key, const char *path,
                          json_t *before, json_t *after)
{
    char below[CONFIG_PATH_MAX];
    const char *name;
    json_t *value;
    json_object_foreach(before, name, value)
    {
        snprintf(below, sizeof below, "%s.%s", path, name);
        compare_entry(diff, key, below, value, json_object_get(after, name));
    }
    json_object_foreach(after, name, value)
    {
        snprintf(below, sizeof below, "%s.%s", path, name);
        if (!json_object_get(before, name))
            compare_entry(diff, key, below, NULL, value);
    }
}

/* ---- lists ---- */

/* By what an item is known: its name, or else its place, from 0. */
static void item_id(const json_t *list, size_t index, char out[80])
{
    const char *name = json_string_value(json_object_get(json_array_get(list, index), "name"));
    if (name)
        snprintf(out, 80, "%s", name);
    else
        snprintf(out, 80, "%zu", index);
}

static json_t *item_find(const json_t *list, const char *wanted)
{
    char id[80];
    for (size_t i = 0; i < json_array_size(list); i++) {
        item_id(list, i, id);
        if (strcmp(id, wanted) == 0)
            return json_array_get(list, i);
    }
    return NULL;
}

/* The ids of those items that the other list has too, in order. */
static json_t *shared_ids(const json_t *list, const json_t *other)
{
    char id[80];
    json_t *ids = json_array();
    for (size_t i = 0; i < json_array_size(list); i++) {
        item_id(list, i, id);
        if (item_find(other, id))
            must(json_array_append_new(ids, json_string(id)) == 0);
    }
    return ids;
}

static void compare_items(config_diff_t *diff, const config_key_t *key, const char *path,
                          json_t *before, json_t *after)
{
    char id[80], below[CONFIG_PATH_MAX];
    json_t *order = shared_ids(before, after), *new_order = shared_ids(after, before);
    if (!is_same(order, new_order))
        add(diff, key, path, order, new_order);
    json_decref(order);
    json_decref(new_order);
    for (size_t i = 0; i < json_array_size(before); i++) {
        item_id(before, i, id);
        snprintf(below, sizeof below, "%s[%s]", path, id);
        compare_entry(diff, key, below, json_array_get(before, i), item_find(after, id));
    }
    for (size_t i = 0; i < json_array_size(after); i++) {
        item_id(after, i, id);
        snprintf(below, sizeof below, "%s[%s]", path, id);
        if (!item_find(before, id))
            compare_entry(diff, key, below, NULL, json_array_get(after, i));
    }
}

/* ---- the whole ---- */

static void compare_key(config_diff_t *diff, const config_key_t *key, const char *path,
                        json_t *before, json_t *after)
{
    if (is_same(before, after))
        return;
    if (!before || !after || !config_key_has_keys(key))
        add(diff, key, path, before, after);
    else if (key->kind == KIND_SECTION)
        compare_section(diff, key->path, path, before, after);
    else if (key->kind == KIND_NAMED)
        compare_named(diff, key, path, before, after);
    else
        compare_items(diff, key, path, before, after);
}

static void compare_section(config_diff_t *diff, const char *pattern, const char *path,
                            const json_t *before, const json_t *after)
{
    char below[CONFIG_PATH_MAX];
    for (size_t i = 0; i < config_key_count(); i++) {
        const config_key_t *key = config_key_at(i);
        const char *leaf = config_key_leaf(key);
        if (!config_key_is_below(key, pattern))
            continue;
        snprintf(below, sizeof below, "%s%s%s", path, *path ? "." : "", leaf);
        compare_key(diff, key, below, json_object_get(before, leaf), json_object_get(after, leaf));
    }
}

config_diff_t *config_diff_new(const json_t *before, const json_t *after)
{
    config_diff_t *diff = calloc(1, sizeof *diff);
    must(diff);
    compare_section(diff, "", "", before, after);
    return diff;
}

void config_diff_destroy(config_diff_t **diff)
{
    if (!*diff)
        return;
    for (size_t i = 0; i < (*diff)->count; i++) {
        json_decref((*diff)->changes[i].before);
        json_decref((*diff)->changes[i].after);
    }
    free((*diff)->changes);
    free(*diff);
    *diff = NULL;
}
