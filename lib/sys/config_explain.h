/* config_explain.h: keys by what a person types: "http.idle_ms", "routes.tickets.key",
 * "routes.*.steps[].limits", "routes.tickets.steps[tag].limits" or without the brackets. Pure. */
#ifndef WEIR_SYS_CONFIG_EXPLAIN_H
#define WEIR_SYS_CONFIG_EXPLAIN_H

#include <jansson.h>

#include "sys/config_table.h"

#define CONFIG_LIKE_MAX 8

/* The key of the table; a name or an item itself is its table's key. NULL: there is none. */
const config_key_t *config_key_meant(const char *typed);
/* Whether a value's path is meant, or lies below what is meant. */
bool config_path_is_meant(const char *typed, const char *path);
/* Keys that end alike, or nearly; how many. */
size_t config_keys_like(const char *typed, const config_key_t *out[CONFIG_LIKE_MAX]);

/* {"key", "meaning", "kind", "default", "required", "min", "max", "unit", "words", "change":
 * "reload" or "restart", "example", "keys": [those directly below]}, as far as they apply. The
 * caller's. */
json_t *config_explain(const config_key_t *key);

#endif
