#include "sys/config_tree.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/utf8.h"
#include "sys/config_yaml.h"

struct owned {
    struct owned *next;
    max_align_t data[];
};

void *config_tree_own(config_tree_t *tree, size_t size)
{
    struct owned *owned = calloc(1, sizeof *owned + size);
    must(owned);
    owned->next = tree->owned;
    tree->owned = owned;
    return owned->data;
}

char *config_tree_text(config_tree_t *tree, const char *text, size_t len)
{
    char *copy = config_tree_own(tree, len + 1);
    memcpy(copy, text, len);
    return copy;
}

void config_tree_clear(config_tree_t *tree)
{
    for (struct owned *at = tree->owned, *next; at; at = next) {
        next = at->next;
        free(at);
    }
    json_decref(tree->files);
    *tree = (config_tree_t){.errors = tree->errors};
}

/* ---- errors ---- */

#define ERROR_BYTES 1024

/* Sorted by place; those of one place in the order in which they were found. */
struct config_errors {
    struct told {
        unsigned order, line, column;
        char text[ERROR_BYTES];
    } told[CONFIG_ERRORS_MAX + 1];
    size_t count;
};

static bool is_after(const struct told *told, const node_t *node)
{
    if (told->order != node->order)
        return told->order > node->order;
    return told->line != node->line ? told->line > node->line : told->column > node->column;
}

static void gather(config_tree_t *tree, const node_t *node, const char *text)
{
    if (!tree->gathered)
        tree->gathered = config_tree_own(tree, sizeof *tree->gathered);
    struct config_errors *e = tree->gathered;
    size_t at = e->count;
    tree->errors++;
    while (at > 0 && is_after(&e->told[at - 1], node))
        at--;
    if (at == CONFIG_ERRORS_MAX)
        return;
    struct told *told = &e->told[at];
    memmove(told + 1, told, (e->count - at) * sizeof *told);
    *told = (struct told){.order = node->order, .line = node->line, .column = node->column};
    strcpy(told->text, text);
    e->count += e->count < CONFIG_ERRORS_MAX;
}

/* What a file says must not steer a terminal, and is told as JSON too. */
static void make_printable(char *text)
{
    unsigned char *c = (unsigned char *)text;
    while (*c) {
        unsigned char *end = c + utf8_prefix(bytes_str((char *)c), strlen((char *)c));
        for (; c < end; c++)
            if (*c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0)) /* U+0080 to U+009F */
                *c = *c == 0xc2 ? (c[1] = '?') : '?';
        if (*c)
            *c++ = '?'; /* no UTF-8 */
    }
}

void config_complain(config_tree_t *tree, const node_t *at, const char *format, ...)
{
    if (tree->silent || at->quiet || (at->kind == NODE_SCALAR && at->wrong))
        return;
    char line[ERROR_BYTES];
    int n = at->line ? snprintf(line, sizeof line / 2, "%s:%u:%u: ", at->file, at->line, at->column)
                     : snprintf(line, sizeof line / 2, "%s: ", at->file);
    if (n > (int)sizeof line / 2 - 1)
        n = (int)sizeof line / 2 - 1;
    va_list args;
    va_start(args, format);
    vsnprintf(line + n, sizeof line - (size_t)n, format, args);
    va_end(args);
    make_printable(line);
    ((node_t *)at)->wrong = true; /* every node is the tree's, or its caller's own */
    gather(tree, at, line);
}

void config_tree_tell(const config_tree_t *tree, void (*report)(void *arg, const char *line),
                      void *arg)
{
    char more[64];
    size_t count = tree->gathered ? tree->gathered->count : 0;
    for (size_t i = 0; i < count; i++)
        report(arg, tree->gathered->told[i].text);
    snprintf(more, sizeof more, "and %zu more", tree->errors - count);
    if (tree->errors > count)
        report(arg, more);
}

bool node_is_wrong(const node_t *node)
{
    bool wrong = node->wrong;
    for (size_t i = 0; i < node->count && !wrong; i++)
        wrong = node_is_wrong(node->items[i]) || (node->names && node->names[i]->wrong);
    return wrong;
}

void node_hush(node_t *node)
{
    node->quiet = true;
    for (size_t i = 0; i < node->count; i++) {
        node_hush(node->items[i]);
        if (node->names)
            node->names[i]->quiet = true;
    }
}

/* ---- nodes ---- */

static size_t find_index(const node_t *map, const char *name)
{
    size_t i = 0;
    while (i < map->count && strcmp(map->names[i]->text, name) != 0)
        i++;
    return i;
}

node_t *node_find(const node_t *map, const char *name)
{
    if (!map || map->kind != NODE_MAP)
        return NULL;
    size_t i = find_index(map, name);
    return i < map->count ? map->items[i] : NULL;
}

bool node_is_empty(const node_t *node)
{
    return node->kind == NODE_SCALAR && node->plain && !*node->text;
}

bool node_is_null(const node_t *node)
{
    return !node || node_is_empty(node) ||
           (node->kind == NODE_SCALAR && node->plain &&
            (strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0));
}

const node_t *node_at(const config_tree_t *tree, const char *format, ...)
{
    char path[1024], *rest = NULL;
    va_list args;
    va_start(args, format);
    vsnprintf(path, sizeof path, format, args);
    va_end(args);
    const node_t *at = tree->root;
    for (char *name = strtok_r(path, "/", &rest); name; name = strtok_r(NULL, "/", &rest)) {
        const node_t *below = NULL;
        if (at->kind == NODE_LIST && isdigit((unsigned char)*name)) {
            size_t index = strtoul(name, NULL, 10);
            below = index < at->count ? at->items[index] : NULL;
        } else {
            below = node_find(at, name);
        }
        if (!below)
            break;
        at = below;
    }
    return at;
}

/* ---- scalars as JSON ---- */

static bool looks_integer(const char *text)
{
    text += *text == '-' || *text == '+';
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && !text[digits];
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?, YAML 1.2 section 10.3.2 */
static bool looks_real(const char *text)
{
    text += *text == '-' || *text == '+';
    size_t whole = strspn(text, "0123456789");
    text += whole;
    if (*text == '.') {
        size_t part = strspn(++text, "0123456789");
        text += part;
        whole += part;
    }
    if (whole == 0)
        return false;
    if (*text != 'e' && *text != 'E')
        return !*text;
    text++;
    text += *text == '-' || *text == '+';
    return *text && !text[strspn(text, "0123456789")];
}

static json_t *scalar_json(const node_t *node)
{
    const char *text = node->text;
    if (node_is_null(node))
        return json_null();
    if (node->plain && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
        return json_boolean(*text == 't');
    if (node->plain && looks_integer(text)) {
        errno = 0;
        long long number = strtoll(text, NULL, 10);
        if (errno == 0)
            return json_integer(number);
    }
    if (node->plain && looks_real(text)) {
        json_t *real =
            json_real(strtod(text, NULL)); /* NULL when not finite: then it stays a text */
        if (real)
            return real;
    }
    return json_string(text);
}

json_t *node_json(const node_t *node)
{
    if (node->kind == NODE_SCALAR)
        return scalar_json(node);
    json_t *made = node->kind == NODE_MAP ? json_object() : json_array();
    for (size_t i = 0; i < node->count; i++) {
        json_t *item = node_json(node->items[i]);
        int error = node->kind == NODE_MAP ? json_object_set_new(made, node->names[i]->text, item)
                                           : json_array_append_new(made, item);
        must(error == 0);
    }
    return made;
}

/* ---- drop-ins ---- */

static node_t *remover(config_tree_t *tree, const node_t *over)
{
    node_t *node = config_tree_own(tree, sizeof *node);
    *node = *over;
    node->removed = true;
    return node;
}

node_t *config_tree_merge(config_tree_t *tree, node_t *base, node_t *over)
{
    if (!base || !over || node_is_empty(over))
        return base ? base : over;
    if (node_is_null(over))
        return remover(tree, over);
    if (base->kind != NODE_MAP || over->kind != NODE_MAP)
        return over;
    node_t *merged = config_tree_own(tree, sizeof *merged);
    *merged = *base;
    merged->wrong = base->wrong || over->wrong;
    size_t room = base->count + over->count;
    merged->items = config_tree_own(tree, room * sizeof *merged->items);
    merged->names = config_tree_own(tree, room * sizeof *merged->names);
    for (size_t i = 0; i < base->count; i++) {
        merged->items[i] = base->items[i];
        merged->names[i] = base->names[i];
    }
    for (size_t i = 0; i < over->count; i++) {
        size_t k = find_index(merged, over->names[i]->text);
        node_t *old = k < merged->count ? merged->items[k] : NULL;
        merged->items[k] = config_tree_merge(tree, old, over->items[i]);
        merged->names[k] = over->names[i];
        merged->count += k == merged->count;
    }
    return merged;
}
