/* config_value.h: what config_values.c and config_places.c share: one value on its way into the
 * checked form. */
#ifndef WEIR_SYS_CONFIG_VALUE_H
#define WEIR_SYS_CONFIG_VALUE_H

#include "sys/config_check.h"

typedef struct value {
    config_tree_t *tree;
    const config_key_t *key;
    const node_t *node;
} value_t;

/* Complains: the key, the value and why. NULL. */
json_t *value_refuse(const value_t *v, const char *why);
/* Each: the value's JSON, the caller's, or NULL: refused. */
json_t *value_text(const value_t *v);
json_t *value_path(const value_t *v);
json_t *value_path_template(const value_t *v);
json_t *value_url(const value_t *v);

#endif
