/* config_table.h: the table config_keys.def as data, and what is written from it. */
#ifndef WEIR_SYS_CONFIG_TABLE_H
#define WEIR_SYS_CONFIG_TABLE_H

#include <stdio.h>

#include "core/base.h"

enum config_kind {
    KIND_SECTION,
    KIND_NAMED,
    KIND_ITEMS,
    KIND_BOOL,
    KIND_UNSIGNED,
    KIND_TEXT,
    KIND_NAME,
    KIND_SECRET,
    KIND_CHOICE,
    KIND_TEXTS,
    KIND_NAMES,
    KIND_POINTER,
    KIND_POINTERS,
    KIND_PATH,
    KIND_PATH_TEMPLATE,
    KIND_JSON,
    KIND_HEADERS,
    KIND_CONDITIONS,
    KIND_URL,
    KIND_NUMBERS,
    KIND_OVERRIDES,
    KIND_TEMPLATE,
    KIND_COUNT
};

typedef struct config_key {
    const char *path;
    enum config_kind kind;
    const char *preset; /* the default as it would be written; NULL: none */
    bool required;
    uint64_t min, max;
    const char *unit; /* of a number; the words of a choice */
    bool reloadable;
    const char *meaning;
} config_key_t;

size_t config_key_count(void);
const config_key_t *config_key_at(size_t index);
/* The part after the last '.': "total_ms". */
const char *config_key_leaf(const config_key_t *key);
bool config_key_has_keys(const config_key_t *key); /* it is no value itself */
/* Whether key is directly below the section `prefix` ("" is the top, "routes.*" and
 * "routes.*.steps[]" are what stands inside a NAMED and an ITEMS). */
bool config_key_is_below(const config_key_t *key, const char *prefix);
const char *config_kind_text(enum config_kind kind); /* for a person: "a whole number" */
/* A value as it may be written: the default, or else something readable. */
const char *config_key_example(const config_key_t *key);

/* docs/CONFIGURATION.md and etc/weir.yaml. */
void config_write_reference(FILE *to);
void config_write_sample(FILE *to);

#endif
