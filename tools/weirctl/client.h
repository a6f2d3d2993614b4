/* client.h: questions to Weir over its ctl socket, and how an answer ends weirctl. */
#ifndef WEIRCTL_CLIENT_H
#define WEIRCTL_CLIENT_H

#include "cli.h"

/* Asks and waits, at most --timeout. `args` is taken. The answer, the caller's; NULL: none, *code
 * says how to end and it was said. */
json_t *client_ask(const cli_t *cli, const char *verb, json_t *args, int *code);
/* The same, saying nothing when there is none: for what goes on without an answer. */
json_t *client_ask_quietly(const cli_t *cli, const char *verb, json_t *args);
/* Prints a failure for people, or the answer as it is with --json; the exit code: 0 when it is ok.
 */
int client_verdict(const cli_t *cli, const json_t *answer);

/* For an answer of several lines, or with a descriptor: a connection of its own. */
typedef struct client client_t;
/* NULL: none, *code says how to end and it was said. Asks; `args` is taken. */
client_t *client_open(const cli_t *cli, const char *verb, json_t *args, int *code);
/* The next line, the caller's; NULL: no more, or none in time. */
json_t *client_next(client_t *client);
bool client_has_line(const client_t *client); /* one that client_next() need not wait for */
int client_fd(const client_t *client); /* to wait for */
/* The descriptor that came with a line, the caller's; -1: none. */
int client_take_fd(client_t *client);
void client_close(client_t **client);

#endif
