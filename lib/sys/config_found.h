/* config_found.h: a configuration as it was read, and where each of its values came from. What the
 * reload compares, and what weirctl config shows. */
#ifndef WEIR_SYS_CONFIG_FOUND_H
#define WEIR_SYS_CONFIG_FOUND_H

#include <jansson.h>

#include "sys/config_tree.h"

/* All three are the owner's references. */
typedef struct config_found {
    json_t *json;    /* the checked form, for config_load and config_diff_new */
    json_t *origins; /* of what is no default: {"http.idle_ms": {"from": "file", "file":
                        "/etc/weir/weir.yaml", "line": 3, "column": 12}}; "from" is "file",
                        "environment" ("places" has the "${NAME}") or "command line" ("option") */
    json_t *files;   /* [{"file": path, "state": "read"}], in the order of reading; other states:
                        "masked by PATH", "disabled: ..." */
} config_found_t;

/* As config_read, which is this without the sources. 0, or -EINVAL and *found untouched. */
int config_find(const char *path, config_found_t *found, void (*report)(void *, const char *line),
                void *arg);
/* From memory: the first text, then drop-ins. */
int config_find_texts(const bytes_t *texts, const char *const *names, size_t count,
                      config_found_t *found, void (*report)(void *, const char *line), void *arg);
void config_found_clear(config_found_t *found);
/* What the command line says instead of a key such as "state_dir" or "log.journal". `value` is
 * taken. */
void config_found_override(config_found_t *found, const char *key, json_t *value,
                           const char *option);

/* `found` of a configuration in force; lent, not to be cleared. */
struct config;
config_found_t config_found_of(const struct config *config);
/* Every key that has a value, in the order of the table: [{"key": "http.idle_ms", "value": 5000,
 * "from": ...}], with what the origin says, or "from": "default". The caller's. GIVEN: of these
 * only what is written somewhere; CHANGED: and is not what the default is. */
enum config_which { CONFIG_ALL, CONFIG_GIVEN, CONFIG_CHANGED };
json_t *config_found_values(const config_found_t *found, enum config_which which);
/* Where a row of them came from, for people: "default", "weir.yaml:3:12", "--state",
 * "${SLOTS} of weir.yaml:3:12". */
void config_value_source(const json_t *row, char *out, size_t size);

/* For config_read.c: the origins of a checked tree. The caller's. */
json_t *config_origins(const config_tree_t *tree, const json_t *json);

#endif
