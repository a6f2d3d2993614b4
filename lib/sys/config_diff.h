/* config_diff.h: what differs between two checked forms of the configuration, key by key, and
 * whether a reload is enough for it. No clock, no file: weirctl config diff and the reload both ask
 * here. */
#ifndef WEIR_SYS_CONFIG_DIFF_H
#define WEIR_SYS_CONFIG_DIFF_H

#include <jansson.h>

#include "sys/config_walk.h"

typedef struct config_change {
    char path[CONFIG_PATH_MAX]; /* "limits.crm.slots", "routes.r.steps[tag].call.path" */
    const config_key_t *key;    /* whose line of the table says what it means */
    json_t *before, *after;     /* the diff's own references; NULL: not there */
    bool restart;               /* RESTART in the table: a reload cannot bring it in */
} config_change_t;

typedef struct config_diff {
    config_change_t *changes; /* in the order of the table */
    size_t count;
    bool restart; /* of any of them */
} config_diff_t;

/* Both as config_read gave them, defaults filled in. A name or a step that came or went is one
 * change; steps are compared by their names, and a new order of the same steps is a change of
 * "...steps" with the lists of names. */
config_diff_t *config_diff_new(const json_t *before, const json_t *after);
void config_diff_destroy(config_diff_t **diff);

#endif
