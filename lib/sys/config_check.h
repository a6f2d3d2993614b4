/* config_check.h: the stages of config_read after the files are a tree: every key against the table
 * (config_check.c, config_values.c), then what must fit together (config_cross.c, config_routes.c).
 */
#ifndef WEIR_SYS_CONFIG_CHECK_H
#define WEIR_SYS_CONFIG_CHECK_H

#include "sys/config_table.h"
#include "sys/config_tree.h"

/* The checked form of the whole tree, defaults filled in; what is wrong was reported and is left
 * out. */
json_t *config_check_keys(config_tree_t *tree);
/* The default of a key that is not a section, as checked; NULL: it has none. The caller's. */
json_t *config_preset(const config_key_t *key);
/* The value of one key that is not a section; NULL: reported. A node of file NULL is a default. */
json_t *config_value(config_tree_t *tree, const config_key_t *key, const node_t *node);
/* Sets quiet beside every error so far; then, in the same round, what must fit together. The form
 * is complete: something stands in for each wrong value. */
void config_check_hush(config_tree_t *tree);
void config_check_cross(config_tree_t *tree, json_t *json);
void config_check_routes(config_tree_t *tree, json_t *json);
void config_check_limits(config_tree_t *tree, json_t *json); /* also takes in overrides_file */
/* No limit of the step (or route) is one of the other's, which are taken beside them. */
void config_check_drawn_once(config_tree_t *tree, json_t *step, json_t *other, const char *of_whom,
                             const node_t *at);
/* The labels that the limits of `of` count by are those of this route. */
void config_check_labels(config_tree_t *tree, json_t *json, json_t *of, json_t *route,
                         const node_t *at);
/* The keys limits and costs of `of`, which stands at `place`. */
void config_check_draws(config_tree_t *tree, json_t *json, json_t *of, const char *place);
void config_check_modes(config_tree_t *tree, json_t *json);
void config_check_api_keys(config_tree_t *tree, json_t *json);

/* No `what` of this name: "no limit is called x; did you mean y?", or to add it to "limits". */
void config_complain_name(config_tree_t *tree, const node_t *at, const char *what, const char *name,
                          json_t *table);
bool config_is_name(const char *text);
/* A header's name: RFC 9110 section 5.6.2, up to 64 bytes. */
bool config_is_token(const char *text);
/* "127.0.0.1:8080", "[::1]:8080": whether it is one, and whether it is this host's loopback. */
bool config_is_listener(const char *text, bool *loopback);

#endif
