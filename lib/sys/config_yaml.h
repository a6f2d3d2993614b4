/* config_yaml.h: what config_tree.c, config_files.c and config_yaml.c (the only user of libyaml)
 * need of each other. */
#ifndef WEIR_SYS_CONFIG_YAML_H
#define WEIR_SYS_CONFIG_YAML_H

#include "sys/config_tree.h"

void *config_tree_own(config_tree_t *tree, size_t size); /* zeroed, lives as long as the tree */
char *config_tree_text(config_tree_t *tree, const char *text, size_t len);
/* Maps merge, everything else replaces; nothing written changes nothing, null removes. The nodes of
 * both belong to the tree. */
node_t *config_tree_merge(config_tree_t *tree, node_t *base, node_t *over);

#endif
