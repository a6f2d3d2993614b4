/* input.h: what send and try take from the command line: a body and headers. */
#ifndef WEIRCTL_INPUT_H
#define WEIRCTL_INPUT_H

#include "cli.h"

#define BODY_MAX (4u << 20)

/* The file, or the standard input for "-". 0 and the caller's *body, or an exit code. */
int input_body(const char *file, uint8_t **body, size_t *len);
/* "NAME:VALUE", spaces before the value left out. 0 and both, or an exit code. */
int input_header(const char *typed, char *name, size_t size, const char **value);
/* The configuration of --config, or the usual one; complains. NULL: refused. */
struct config;
struct config *input_config(const cli_t *cli);
const char *input_config_file(const cli_t *cli);
/* NULL: no such route, and it was said. */
const struct route *input_route(const cli_t *cli, const struct config *config);

#endif
