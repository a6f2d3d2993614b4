/* client.h: one question to Weir over its ctl socket, and how its answer ends weirctl. */
#ifndef WEIRCTL_CLIENT_H
#define WEIRCTL_CLIENT_H

#include "cli.h"

/* The socket's path, from what was typed. 0, or an exit code. */
int client_socket(const cli_t *cli, char *out, size_t size);
/* Asks and waits. `args` is taken. The answer, the caller's; NULL: none, *code says how to end and
 * it was said. */
json_t *client_ask(const char *socket, const char *verb, json_t *args, int *code);
/* Prints a failure for people, or the answer as it is with --json; the exit code: 0 when it is ok.
 */
int client_verdict(const cli_t *cli, const json_t *answer);
void client_print(const json_t *answer); /* as it is, one line */

#endif
