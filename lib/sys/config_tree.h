/* config_tree.h: configuration files as one tree in which every value knows where it stands. Files
 * are found and read (config_files.c), environment places ${NAME:-default} filled in, and drop-ins
 * merged; what the keys mean is not known here. */
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
    bool plain;          /* scalar without quotes: may be a number, a boolean or null */
    bool removed;        /* null over an entry of an earlier file: the entry is taken out */
    bool wrong;          /* an error was told at this place */
    bool quiet;          /* beside it something is wrong: what does not fit is not told here */
    const char *file;
    unsigned order;      /* of the file: the first one read is 1 */
    unsigned line, column;
    char *text;          /* scalar; NUL-terminated, without NUL inside */
    const char *places;  /* scalar: the places of the environment in it, as written; NULL: none */
    struct node **items; /* values of a map, items of a list */
    struct node **names; /* of a map: scalars */
    size_t count;
} node_t;

/* Owns every node and text; gathers the errors. */
typedef struct config_tree {
    node_t *root; /* NULL: nothing could be read */
    struct owned *owned;
    size_t node_count;
    json_t *files; /* what config_files.c found: [{"file", "state"}]; the tree's */
    unsigned file_count;
    bool partial; /* a file could not be read: what is missing may stand in it */
    bool unnamed; /* a table of names could not be read: no name can be looked up */
    bool silent;  /* nothing is told: values are made up in the place of wrong ones */
    unsigned errors;
    struct config_errors *gathered; /* the first CONFIG_ERRORS_MAX, in the order of the files */
} config_tree_t;

/* Reads path and its drop-ins (config_files.c says which). Errors are gathered. */
void config_tree_read(config_tree_t *tree, const char *path);
/* The same from memory; what was there before is merged, as a drop-in would be. `name` is used in
 * errors. */
void config_tree_parse(config_tree_t *tree, bytes_t text, const char *name);
void config_tree_clear(config_tree_t *tree);

/* One error at the node's place: "file:line:column: what; hint". A scalar has at most one. */
void config_complain(config_tree_t *tree, const node_t *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Tells all errors in the order of files, lines and columns, at most CONFIG_ERRORS_MAX and "and N
 * more". */
void config_tree_tell(const config_tree_t *tree, void (*report)(void *arg, const char *line),
                      void *arg);
bool node_is_wrong(const node_t *node); /* an error was told of it or of anything below it */
void node_hush(node_t *node);           /* quiet, all of it */

node_t *node_find(const node_t *map, const char *name); /* NULL: not there, or not a map */
bool node_is_null(const node_t *node);                  /* NULL, "~", "null" or nothing written */
bool node_is_empty(const node_t *node);                 /* nothing written */
/* The nearest node on the way to "routes/tickets/steps/2/call" that is written in a file. */
const node_t *node_at(const config_tree_t *tree, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* As JSON, by the core schema of YAML 1.2: plain scalars are numbers, booleans or null where they
 * look so. The caller's. */
json_t *node_json(const node_t *node);

#endif
