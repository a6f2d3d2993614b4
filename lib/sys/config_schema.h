/* config_schema.h: the table of keys as JSON Schema, draft 2020-12, for editors and other tools.
 * It accepts every file that Weir accepts, and refuses what can be seen without knowing the rest:
 * keys, kinds, ranges, words. What must fit together only weirctl check can tell. */
#ifndef WEIR_SYS_CONFIG_SCHEMA_H
#define WEIR_SYS_CONFIG_SCHEMA_H

#include <jansson.h>

json_t *config_schema(void); /* the caller's */

#endif
