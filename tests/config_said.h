/* config_said.h: reading a configuration from text and keeping what was said about it. */
#ifndef WEIR_TESTS_CONFIG_SAID_H
#define WEIR_TESTS_CONFIG_SAID_H

#include <stdio.h>

#include "sys/config.h"

typedef struct said {
    char text[16384];
    size_t lines;
} said_t;

static inline void hear(void *arg, const char *line)
{
    said_t *said = arg;
    size_t len = strlen(said->text);
    snprintf(said->text + len, sizeof said->text - len, "%s\n", line);
    said->lines++;
}

static inline int read_text(const char *yaml, json_t **json, said_t *said)
{
    *said = (said_t){0};
    *json = NULL;
    return config_read_text(bytes_str(yaml), "f.yaml", json, hear, said);
}

/* A whole configuration around the steps of one route. */
#define ROUTE(steps)                                                                               \
    "sources: {s: {auth: none-on-loopback}}\n"                                                     \
    "downstreams: {d: {url: 'http://h:1'}}\n"                                                      \
    "routes:\n  r:\n    path: /r\n    source: s\n    steps:\n" steps

#endif
