/* config_load.h: what config.c (sections) and config_routes_load.c (routes and steps) share. */
#ifndef WEIR_SYS_CONFIG_LOAD_H
#define WEIR_SYS_CONFIG_LOAD_H

#include "sys/config.h"

typedef struct whole_config {
    config_t config;   /* first: config_destroy gets its address */
    struct held *held; /* every array of it */
} whole_config_t;

typedef struct loading {
    whole_config_t *whole;
    config_t *config;
} loading_t;

void *config_hold(loading_t *l, size_t count,
                  size_t size); /* zeroed, lives as long as the config_t */
const header_t *load_headers(loading_t *l, json_t *json, size_t *count);
void load_routes(loading_t *l, json_t *json);
void load_modes(loading_t *l, json_t *json);
void load_limits(loading_t *l, json_t *json, json_t *routes);
void load_downstream_limits(loading_t *l, json_t *json);
/* {text: number}, in the order of the texts. */
const override_t *load_numbers(loading_t *l, json_t *json, size_t *count);
/* How much is taken of each of these limits; costs: {limit: number} or NULL. */
size_t load_draws(loading_t *l, json_t *limits, json_t *costs, draw_t *out, size_t most);
/* `token` is the secret of http.api_token; NULL: none. */
void load_api_keys(loading_t *l, json_t *json, const char *token);

const char *leaf_text(json_t *json, const char *leaf); /* NULL: absent */
const char *leaf_word(json_t *json, const char *leaf); /* must be there */
uint64_t leaf_number(json_t *json, const char *leaf);
bool leaf_bool(json_t *json, const char *leaf);
/* The number of the same name. */
#define NUMBER(to, json, leaf) ((to)->leaf = (__typeof__((to)->leaf))leaf_number(json, #leaf))

#endif
