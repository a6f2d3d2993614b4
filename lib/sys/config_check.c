#include "core/slip.h"
#include "sys/config_check.h"

#include <stdio.h>

#include "sys/config_explain.h"

#define PATTERN_MAX 128

static json_t *check_section(config_tree_t *tree, const node_t *node, const node_t *at,
                             const char *prefix);

/* ---- "did you mean" ---- */

static const config_key_t *nearest(const char *name, const char *prefix)
{
    const config_key_t *best = NULL;
    size_t least = strlen(name) / 3 + 2;
    for (size_t i = 0; i < config_key_count(); i++) {
        const config_key_t *key = config_key_at(i);
        size_t d =
            config_key_is_below(key, prefix) ? word_distance(name, config_key_leaf(key)) : SIZE_MAX;
        if (d < least) {
            least = d;
            best = key;
        }
    }
    return best;
}

static const config_key_t *same_elsewhere(const char *name)
{
    for (size_t i = 0; i < config_key_count(); i++)
        if (strcmp(config_key_leaf(config_key_at(i)), name) == 0)
            return config_key_at(i);
    return NULL;
}

static void complain_unknown(config_tree_t *tree, const node_t *name, const char *prefix)
{
    const config_key_t *near = nearest(name->text, prefix), *same = same_elsewhere(name->text);
    if (near)
        config_complain(tree, name, "no key is called %.64s here; did you mean %s?", name->text,
                        config_key_leaf(near));
    else if (same)
        config_complain(tree, name, "no key is called %.64s here; it belongs to %s", name->text,
                        same->path);
    else
        config_complain(tree, name,
                        "no key is called %.64s here; weir.yaml(5) lists those there are",
                        name->text);
}

static void complain_unknown_keys(config_tree_t *tree, const node_t *node, const char *prefix)
{
    for (size_t i = 0; i < node->count; i++) {
        bool known = false;
        for (size_t k = 0; k < config_key_count() && !known; k++)
            known = config_key_is_below(config_key_at(k), prefix) &&
                    strcmp(config_key_leaf(config_key_at(k)), node->names[i]->text) == 0;
        if (!known)
            complain_unknown(tree, node->names[i], prefix);
    }
}

/* ---- in the place of what is wrong ---- */

/* Something of the right kind, so that what must fit together can be checked in the same round. It
 * never gets out: there is an error. */
static const char *stand_in(const config_key_t *key)
{
    switch (key->kind) {
    case KIND_BOOL:
        return "false";
    case KIND_POINTER:
        return "/id";
    case KIND_PATH:
    case KIND_PATH_TEMPLATE:
        return "/what-was-given-is-wrong";
    case KIND_URL:
        return "http://wrong.invalid";
    default:
        return "wrong";
    }
}

static json_t *stand_in_value(config_tree_t *tree, const config_key_t *key)
{
    char text[128];
    node_t node = {.kind = NODE_SCALAR, .plain = true, .text = text};
    if (key->preset)
        snprintf(text, sizeof text, "%s", key->preset);
    else if (key->kind == KIND_UNSIGNED)
        snprintf(text, sizeof text, "%llu", (unsigned long long)key->min);
    else if (key->kind == KIND_CHOICE)
        snprintf(text, sizeof text, "%.*s", (int)strcspn(key->unit, "|"), key->unit);
    else
        snprintf(text, sizeof text, "%s", stand_in(key));
    return config_value(tree, key, &node);
}

static json_t *make_up(config_tree_t *tree, const config_key_t *key, const node_t *at)
{
    json_t *made = NULL;
    bool was_silent = tree->silent;
    tree->silent = true;
    switch (key->kind) {
    case KIND_NAMED:
        tree->unnamed = true;
        made = json_object();
        break;
    case KIND_ITEMS:
        made = json_array();
        break;
    case KIND_SECTION:
        made = check_section(tree, NULL, at, key->path);
        break;
    case KIND_CONDITIONS:
        made = json_object();
        break;
    default: /* one that may be left out is */
        made = key->preset || key->required ? stand_in_value(tree, key) : NULL;
    }
    tree->silent = was_silent;
    return made;
}

/* ---- sections, named tables, lists of items ---- */

static bool count_fits(config_tree_t *tree, const config_key_t *key, const node_t *node)
{
    bool fits = node->count >= key->min && node->count <= key->max;
    if (!fits)
        config_complain(tree, node, "%s has %zu entries; it may have %llu to %llu",
                        config_key_leaf(key), node->count, (unsigned long long)key->min,
                        (unsigned long long)key->max);
    return fits;
}

/* NULL: there is no such entry. */
static json_t *check_entry(config_tree_t *tree, const config_key_t *key, const node_t *name,
                           const node_t *node)
{
    char prefix[PATTERN_MAX];
    snprintf(prefix, sizeof prefix, "%s.*", key->path);
    if (node->removed)
        return NULL;
    if (!config_is_name(name->text)) {
        config_complain(tree, name,
                        "%.64s cannot be a name; use up to 64 letters, digits, - and _, starting "
                        "with a letter or digit",
                        name->text);
        return NULL;
    }
    if (!node_is_null(node))
        return check_section(tree, node, node, prefix);
    if (tree->partial)
        return NULL;
    config_complain(tree, name, "%.64s has no keys; write them below it, or take it out%s",
                    name->text,
                    node_is_empty(node) ? "" : " (null is for an entry of an earlier file)");
    tree->silent = true;
    json_t *made = check_section(tree, NULL, node, prefix);
    tree->silent = false;
    return made;
}

static json_t *check_named(config_tree_t *tree, const config_key_t *key, const node_t *node)
{
    json_t *made = json_object();
    if (!node || !count_fits(tree, key, node))
        return made;
    for (size_t i = 0; i < node->count; i++) {
        json_t *entry = check_entry(tree, key, node->names[i], node->items[i]);
        if (entry)
            json_object_set_new(made, node->names[i]->text, entry);
    }
    return made;
}

static json_t *check_items(config_tree_t *tree, const config_key_t *key, const node_t *node)
{
    char prefix[PATTERN_MAX];
    snprintf(prefix, sizeof prefix, "%s[]", key->path);
    json_t *made = json_array();
    if (!node || !count_fits(tree, key, node))
        return made;
    for (size_t i = 0; i < node->count; i++)
        json_array_append_new(made, check_section(tree, node->items[i], node->items[i], prefix));
    return made;
}

static bool shape_fits(config_tree_t *tree, const config_key_t *key, const node_t *node)
{
    enum node_kind wanted = key->kind == KIND_ITEMS ? NODE_LIST : NODE_MAP;
    if (node->kind == wanted)
        return true;
    config_complain(
        tree, node, "%s must be %s; %s", config_key_leaf(key), config_kind_text(key->kind),
        key->kind == KIND_ITEMS ? "begin each item with -" : "write them below it, indented");
    return false;
}

json_t *config_preset(const config_key_t *key)
{
    config_tree_t none = {.silent = true}; /* a test sees to it that every default is right */
    node_t node = {
        .kind = NODE_SCALAR, .plain = true, .file = "default", .text = (char *)key->preset};
    return key->preset && !config_key_has_keys(key) ? config_value(&none, key, &node) : NULL;
}

static json_t *check_nested(config_tree_t *tree, const config_key_t *key, const node_t *node,
                            const node_t *at)
{
    if (node && !shape_fits(tree, key, node))
        return make_up(tree, key, node);
    if (key->kind == KIND_NAMED)
        return check_named(tree, key, node);
    if (key->kind == KIND_ITEMS)
        return check_items(tree, key, node);
    return check_section(tree, node, at, key->path);
}

/* `at`: where it would stand. NULL: not there. */
static json_t *check_key(config_tree_t *tree, const config_key_t *key, const node_t *node,
                         const node_t *at)
{
    bool given = !node_is_null(node);
    if (given)
        at = node;
    if (key->kind == KIND_SECTION && !key->preset && !given)
        /* nothing below "call:" is a call without its keys, no "call" is none */
        return node && node_is_empty(node) ? check_section(tree, NULL, node, key->path) : NULL;
    if (config_key_has_keys(key))
        return check_nested(tree, key, given ? node : NULL, at);
    if (!given)
        return key->preset ? config_preset(key) : make_up(tree, key, at);
    json_t *value = config_value(tree, key, node);
    return value ? value : make_up(tree, key, node);
}

static json_t *check_section(config_tree_t *tree, const node_t *node, const node_t *at,
                             const char *prefix)
{
    json_t *made = json_object();
    if (node && node->kind != NODE_MAP) {
        config_complain(tree, node, "here must be a table of keys, not %s",
                        node->kind == NODE_LIST ? "a list" : "a single value");
        node = NULL;
    }
    for (size_t i = 0; i < config_key_count(); i++) {
        const config_key_t *key = config_key_at(i);
        if (!config_key_is_below(key, prefix))
            continue;
        const node_t *below = node_find(node, config_key_leaf(key));
        if (key->required && node_is_null(below) && !tree->partial)
            config_complain(tree, at, "%s is missing: %s", config_key_leaf(key), key->meaning);
        json_t *value = check_key(tree, key, below, at);
        if (value)
            json_object_set_new(made, config_key_leaf(key), value);
    }
    if (node)
        complain_unknown_keys(tree, node, prefix);
    return made;
}

json_t *config_check_keys(config_tree_t *tree)
{
    return check_section(tree, tree->root, tree->root, "");
}
