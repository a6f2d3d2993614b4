/* config_walk.h: every value of a checked form, by the table. */
#ifndef WEIR_SYS_CONFIG_WALK_H
#define WEIR_SYS_CONFIG_WALK_H

#include "sys/config_table.h"
#include "sys/config_tree.h"

/* "routes.tickets.steps[reply].classify.rules[255].when", with names of 64 bytes. */
#define CONFIG_PATH_MAX 320

/* node: where it is written; NULL: nowhere, or no tree was given. */
typedef void config_visit_t(void *arg, const char *path, const config_key_t *key, json_t *value,
                            const node_t *node);
/* In the order of the table, what has keys only by its keys. root: the tree that the form came
 * from; NULL: none. */
void config_walk(const node_t *root, const json_t *json, config_visit_t *visit, void *arg);

#endif
