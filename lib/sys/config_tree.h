/* config_tree.h: configuration files as one tree in which every value knows where it stands. Files
 * are read, environment places ${NAME:-default} filled in, and drop-ins merged; what the keys mean
 * is not known here. */
#ifndef WEIR_SYS_CONFIG_TREE_H
#define WEIR_SYS_CONFIG_TREE_H

#include <jansson.h>

#include "core/base.h"

#define CONFIG_FILE_BYTES_MAX (1u << 20)
#define CONFIG_FILES_MAX 256
#define CONFIG_NODES_MAX 100000u /* after aliases are unfolded: a bomb of aliases ends here */
#define CONFIG_DEPTH_MAX 32
#define CONFIG_ERRORS_MAX 20

enum node_kind { NODE_SCALAR, NODE_MAP, NODE_LIST };
typedef struct node {
    enum node_kind kind;
    bool plain; /* scalar without quotes: may be a number, a boolean or null */
    const char *file;
    unsigned line, column;
    char *text;          /* scalar; NUL-terminated, without NUL inside */
    struct node **items; /* values of a map, items of a list */
    struct node **names; /* of a map: scalars */
    size_t count;
} node_t;

/* Owns every node and text; gathers the errors. */
typedef struct config_tree {
    node_t *root; /* NULL: nothing could be read */
    struct owned *owned;
    size_t node_count;
    unsigned errors;
    void (*report)(void *arg, const char *line);
    void *arg;
} config_tree_t;

/* Reads path and path's conf.d (all *.yaml of it, in lexical order). Errors are reported and
 * counted. */
void config_tree_read(config_tree_t *tree, const char *path);
/* The same from memory, one file, no drop-ins. `name` is used in errors. */
void config_tree_parse(config_tree_t *tree, bytes_t text, const char *name);
void config_tree_clear(config_tree_t *tree);

/* One error at the node's place: "file:line:column: what; hint". */
void config_complain(config_tree_t *tree, const node_t *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

node_t *node_find(const node_t *map, const char *name); /* NULL: not there, or not a map */
bool node_is_null(const node_t *node);                  /* NULL, "~", "null" or nothing written */
/* The nearest node on the way to "routes/tickets/steps/2/call" that is written in a file. */
const node_t *node_at(const config_tree_t *tree, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* As JSON, by the core schema of YAML 1.2: plain scalars are numbers, booleans or null where they
 * look so. The caller's. */
json_t *node_json(const node_t *node);

#endif
