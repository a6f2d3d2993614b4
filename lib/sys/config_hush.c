/* config_hush.c: beside what is wrong by itself, what does not fit together is not told: it would
 * often be said of a value that only stands in for the wrong one. */
#include "sys/config_check.h"

static bool is_named(const char *section)
{
    for (size_t i = 0; i < config_key_count(); i++)
        if (strcmp(config_key_at(i)->path, section) == 0)
            return config_key_at(i)->kind == KIND_NAMED;
    return false;
}

/* Itself or one of its keys, not deeper. */
static bool is_wrong_at_the_top(const node_t *map)
{
    bool wrong = map->wrong;
    for (size_t i = 0; i < map->count && !wrong; i++)
        wrong = map->items[i]->wrong || (map->names && map->names[i]->wrong);
    return wrong;
}

/* Steps need the names and kinds of those before them, and what is told beside the steps. */
static void hush_route(node_t *route)
{
    node_t *steps = node_find(route, "steps");
    bool wrong = !steps || steps->kind != NODE_LIST || is_wrong_at_the_top(route);
    for (size_t i = 0; i < route->count; i++)
        wrong = wrong || (route->items[i] != steps && node_is_wrong(route->items[i]));
    if (wrong) {
        node_hush(route);
        return;
    }
    for (size_t i = 0; i < steps->count; i++) {
        if (wrong || node_is_wrong(steps->items[i]))
            node_hush(steps->items[i]);
        wrong = wrong || is_wrong_at_the_top(steps->items[i]);
    }
}

static void hush_entry(const char *section, const node_t *name, node_t *entry)
{
    if (strcmp(section, "routes") == 0 && entry->kind == NODE_MAP && !name->wrong)
        hush_route(entry);
    else if (name->wrong || node_is_wrong(entry))
        node_hush(entry);
}

void config_check_hush(config_tree_t *tree)
{
    for (size_t i = 0; i < tree->root->count; i++) {
        node_t *section = tree->root->items[i];
        const char *name = tree->root->names[i]->text;
        if (section->kind != NODE_MAP || !is_named(name)) {
            if (node_is_wrong(section))
                node_hush(section);
            continue;
        }
        for (size_t k = 0; k < section->count; k++)
            hush_entry(name, section->names[k], section->items[k]);
    }
}
