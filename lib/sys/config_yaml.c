#include "sys/config_yaml.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

typedef struct reading {
    config_tree_t *tree;
    yaml_document_t document;
    const char *file;
    bool in_name; /* the environment fills values, not names */
} reading_t;

static node_t *new_node(config_tree_t *tree, const char *file, yaml_mark_t mark)
{
    node_t *node = config_tree_own(tree, sizeof *node);
    node->file = file;
    node->order = tree->file_count;
    node->line = (unsigned)mark.line + 1;
    node->column = (unsigned)mark.column + 1;
    tree->node_count++;
    return node;
}

/* ---- environment ---- */

static bool is_name_byte(char c, bool first)
{
    return c == '_' || (first ? isalpha((unsigned char)c) : isalnum((unsigned char)c));
}

/* The place ${NAME} or ${NAME:-default} at `at`, which starts with "${". Its length, 0 when it is
 * something else (a template's ${/pointer}). */
static size_t environment_place(const char *at, size_t len, size_t *name_len)
{
    size_t n = 2;
    while (n < len && is_name_byte(at[n], n == 2))
        n++;
    *name_len = n - 2;
    if (n == 2 || n == len || (at[n] != '}' && at[n] != ':'))
        return 0;
    if (at[n] == ':' && (n + 1 == len || at[n + 1] != '-'))
        return 0;
    const char *end = memchr(at + n, '}', len - n);
    return end ? (size_t)(end - at) + 1 : 0;
}

/* Writes what the place stands for; whether the environment had it. The result is not looked at
 * again: a value cannot hold a place. */
static bool fill_place(reading_t *r, const node_t *node, const char *at, size_t len,
                       size_t name_len, FILE *out)
{
    char name[128];
    snprintf(name, sizeof name, "%.*s", (int)name_len, at + 2);
    const char *value = getenv(name);
    bool fallback = at[2 + name_len] == ':';
    if (value && (*value || !fallback)) {
        fputs(value, out);
        return true;
    }
    if (fallback)
        fwrite(at + name_len + 4, 1, len - name_len - 5, out);
    else
        config_complain(
            r->tree, node,
            "the environment has no %s; set it (the service has /etc/weir/env) or write "
            "${%s:-a default}",
            name, name);
    return false;
}

/* Adds "${NAME}" when the environment had it, the whole place when its default counts. */
static void note_place(reading_t *r, node_t *node, const char *at, size_t len, size_t name_len,
                       bool found)
{
    char places[512];
    snprintf(places, sizeof places, "%s%s%.*s%s", node->places ? node->places : "",
             node->places ? " " : "", (int)(found ? name_len + 2 : len), at, found ? "}" : "");
    node->places = config_tree_text(r->tree, places, strlen(places));
}

static char *fill_environment(reading_t *r, node_t *node, const char *text, size_t len)
{
    char *filled = NULL;
    size_t size = 0, name_len;
    FILE *out = open_memstream(&filled, &size);
    must(out);
    for (size_t i = 0; i < len;) {
        size_t place = 0;
        if (len - i >= 3 && memcmp(text + i, "$${", 3) == 0) {
            i += fwrite(text + i, 1, 3, out); /* stays escaped, for the template */
        } else if (len - i >= 3 && memcmp(text + i, "${", 2) == 0 &&
                   (place = environment_place(text + i, len - i, &name_len))) {
            bool found = fill_place(r, node, text + i, place, name_len, out);
            note_place(r, node, text + i, place, name_len, found);
        } else {
            fputc(text[i++], out);
        }
        i += place;
    }
    must(fclose(out) == 0);
    char *kept = config_tree_text(r->tree, filled, size);
    free(filled);
    json_t *probe = json_string(kept);
    if (!probe) {
        config_complain(r->tree, node, "%s of the environment is not UTF-8; change it",
                        node->places ? node->places : "a value");
        *kept = '\0';
    }
    json_decref(probe);
    return kept;
}

/* ---- nodes ---- */

static node_t *take_node(reading_t *r, int index, unsigned depth);

static bool is_default_tag(const yaml_node_t *yaml)
{
    const char *tag = (const char *)yaml->tag;
    return !tag || strcmp(tag, YAML_STR_TAG) == 0 || strcmp(tag, YAML_SEQ_TAG) == 0 ||
           strcmp(tag, YAML_MAP_TAG) == 0;
}

static void take_scalar(reading_t *r, node_t *node, const yaml_node_t *yaml)
{
    const char *text = (const char *)yaml->data.scalar.value;
    size_t len = yaml->data.scalar.length;
    node->kind = NODE_SCALAR;
    node->plain = yaml->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (memchr(text, '\0', len))
        config_complain(r->tree, node, "a text may not hold a NUL byte");
    node->text = memchr(text, '$', len) && !r->in_name ? fill_environment(r, node, text, len)
                                                       : config_tree_text(r->tree, text, len);
}

static void take_list(reading_t *r, node_t *node, const yaml_node_t *yaml, unsigned depth)
{
    const yaml_node_item_t *from = yaml->data.sequence.items.start,
                           *to = yaml->data.sequence.items.top;
    node->kind = NODE_LIST;
    node->items = config_tree_own(r->tree, (size_t)(to - from) * sizeof *node->items);
    for (; from < to; from++) {
        node_t *item = take_node(r, *from, depth + 1);
        if (item)
            node->items[node->count++] = item;
    }
}

static void take_pair(reading_t *r, node_t *node, const yaml_node_pair_t *pair, unsigned depth)
{
    r->in_name = true;
    node_t *name = take_node(r, pair->key, depth + 1);
    r->in_name = false;
    node_t *value = take_node(r, pair->value, depth + 1);
    if (!name || !value)
        return;
    if (name->kind != NODE_SCALAR) {
        config_complain(r->tree, name, "a key must be a text, not a list or a table");
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        if (strcmp(node->names[i]->text, name->text) != 0)
            continue;
        config_complain(r->tree, name, "%s is given twice, first in line %u; keep one", name->text,
                        node->names[i]->line);
        return;
    }
    node->names[node->count] = name;
    node->items[node->count++] = value;
}

static void take_map(reading_t *r, node_t *node, const yaml_node_t *yaml, unsigned depth)
{
    const yaml_node_pair_t *from = yaml->data.mapping.pairs.start,
                           *to = yaml->data.mapping.pairs.top;
    size_t room = (size_t)(to - from);
    node->kind = NODE_MAP;
    if (room > 4096) { /* duplicates are looked for by comparing all with all */
        config_complain(r->tree, node, "more than 4096 keys in one table");
        return;
    }
    node->items = config_tree_own(r->tree, room * sizeof *node->items);
    node->names = config_tree_own(r->tree, room * sizeof *node->names);
    for (; from < to; from++)
        take_pair(r, node, from, depth);
}

/* NULL: refused, and reported once. Aliases are unfolded, so a node may be taken often; the count
 * and the depth end every bomb and every circle. */
static node_t *take_node(reading_t *r, int index, unsigned depth)
{
    const yaml_node_t *yaml = yaml_document_get_node(&r->document, index);
    if (!yaml || r->tree->node_count > CONFIG_NODES_MAX)
        return NULL;
    node_t *node = new_node(r->tree, r->file, yaml->start_mark);
    if (depth > CONFIG_DEPTH_MAX || r->tree->node_count > CONFIG_NODES_MAX) {
        r->tree->partial = true;
        config_complain(r->tree, node, "%s; aliases count as often as they are used",
                        depth > CONFIG_DEPTH_MAX ? "nested too deeply" : "too many values");
        r->tree->node_count = CONFIG_NODES_MAX + 1; /* and no more is looked at */
        return NULL;
    }
    if (!is_default_tag(yaml))
        config_complain(r->tree, node, "tags such as %s are not used here; leave it out",
                        yaml->tag);
    switch (yaml->type) {
    case YAML_SCALAR_NODE:
        take_scalar(r, node, yaml);
        break;
    case YAML_SEQUENCE_NODE:
        take_list(r, node, yaml, depth);
        break;
    case YAML_MAPPING_NODE:
        take_map(r, node, yaml, depth);
        break;
    case YAML_NO_NODE:
        return NULL;
    }
    return node;
}

/* What a newcomer to YAML most often meant, for what the library says. */
static const char *yaml_hint(const char *problem)
{
    if (strstr(problem, "cannot start any token"))
        return "; indent with spaces, not tabs, and quote a text that starts with @ % or `";
    if (strstr(problem, "expected ','"))
        return "; close every bracket, and quote a text that holds one: \"/x/${/message/id}\"";
    if (strstr(problem, "mapping values are not allowed"))
        return "; quote a text that holds a colon and a space";
    return "";
}

static void complain_yaml(reading_t *r, const yaml_parser_t *parser)
{
    yaml_mark_t mark = parser->problem_mark;
    if (parser->error == YAML_READER_ERROR)
        mark = (yaml_mark_t){.line = parser->mark.line, .column = parser->mark.column};
    const node_t *at = new_node(r->tree, r->file, mark);
    const char *problem = parser->problem ? parser->problem : "unreadable";
    config_complain(r->tree, at, "not YAML: %s%s%s%s", problem, parser->context ? ", " : "",
                    parser->context ? parser->context : "", yaml_hint(problem));
    r->tree->partial = true;
}

/* The one document of the file; NULL when there is none or it was refused. */
static node_t *take_document(reading_t *r, yaml_parser_t *parser)
{
    if (!yaml_parser_load(parser, &r->document)) {
        complain_yaml(r, parser);
        return NULL;
    }
    yaml_node_t *root = yaml_document_get_root_node(&r->document);
    node_t *taken = root ? take_node(r, 1, 0) : NULL;
    yaml_document_delete(&r->document);
    if (!root || r->tree->node_count > CONFIG_NODES_MAX)
        return taken;
    if (!yaml_parser_load(parser, &r->document)) {
        complain_yaml(r, parser);
        return NULL;
    }
    root = yaml_document_get_root_node(&r->document);
    if (root)
        config_complain(r->tree, new_node(r->tree, r->file, root->start_mark),
                        "a second document in one file; use conf.d for more files");
    yaml_document_delete(&r->document);
    return taken;
}

#define BRACKETS_OPEN_MAX 256
#define ANCHORS_MAX 1024

/* libyaml's time grows with the square of open brackets and of anchors: 200,000 brackets took it
 * minutes. Both are counted first, without regard for quotes, as no sane text comes near. NULL:
 * fits. */
static const char *too_much(bytes_t text)
{
    size_t open = 0, anchors = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        open += c == '[' || c == '{';
        open -= open && (c == ']' || c == '}');
        anchors += c == '&';
        if (open > BRACKETS_OPEN_MAX || anchors > ANCHORS_MAX)
            return open > BRACKETS_OPEN_MAX ? "nested too deeply: too many open brackets"
                                            : "too many anchors (&)";
    }
    return NULL;
}

/* NULL: refused. */
static node_t *parse(config_tree_t *tree, bytes_t text, const char *name)
{
    reading_t r = {.tree = tree, .file = config_tree_text(tree, name, strlen(name))};
    const char *refused = too_much(text);
    if (refused) {
        config_complain(tree, new_node(tree, r.file, (yaml_mark_t){0}), "%s", refused);
        tree->partial = true;
        return NULL;
    }
    yaml_parser_t parser;
    must(yaml_parser_initialize(&parser));
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, text.len ? text.data : (const uint8_t *)"", text.len);
    node_t *root = take_document(&r, &parser);
    yaml_parser_delete(&parser);
    if (!root || node_is_null(root)) {
        root = new_node(tree, r.file, (yaml_mark_t){0});
        root->kind = NODE_MAP;
    } else if (root->kind != NODE_MAP) {
        config_complain(tree, root, "the file must be a table of keys, such as  http:  at its top");
        tree->partial = true;
        return NULL;
    }
    return root;
}

void config_tree_parse(config_tree_t *tree, bytes_t text, const char *name)
{
    tree->file_count++;
    tree->root = config_tree_merge(tree, tree->root, parse(tree, text, name));
}
