/* cli.h: what was typed, and how weirctl ends. Commands come from supervisor/ctl_verbs.def:
 * "dead.ls" is typed as "dead ls", its arguments by place or as --name VALUE. A few commands are
 * weirctl's own (check, send, help). */
#ifndef WEIRCTL_CLI_H
#define WEIRCTL_CLI_H

#include <jansson.h>

#include "supervisor/ctl_verbs.h"

#define EXIT_OK 0
#define EXIT_REFUSED 1
#define EXIT_USAGE 64
#define EXIT_NOT_RUNNING 69
#define EXIT_BUG 70
#define EXIT_AGAIN 75
#define EXIT_NOT_PERMITTED 77
#define EXIT_CONFIG 78

#define CLI_SOCKET_DEFAULT "/run/weir/ctl.sock"
#define CLI_CONFIG_DEFAULT "/etc/weir/weir.yaml"
#define CLI_VALUES_MAX 64

typedef struct cli_value {
    const char *name, *value;
} cli_value_t; /* value of a flag: "" */

typedef struct cli {
    const char *socket, *config; /* as typed; NULL: not */
    bool json, help;
    const struct command *command;
    cli_value_t values[CLI_VALUES_MAX];
    size_t value_count;
} cli_t;

/* A command: a verb of the table, or one of weirctl's own that is described the same way. */
typedef struct command {
    const ctl_verb_t *verb;
    ctl_arg_t extra[3]; /* options of weirctl's own; name NULL ends */
    int (*run)(const cli_t *cli);
} command_t;

const command_t *command_find(const char *verb); /* "dead.ls"; NULL: none */
const command_t *command_at(size_t place);       /* all of them, in order; NULL: no more */

/* -1: go on; else the exit code, what is wrong was said. */
int cli_read(int argc, char **argv, cli_t *out);
const char *cli_value(const cli_t *cli, const char *name); /* NULL: not given */
/* What goes to Weir: the verb's arguments, without weirctl's own. */
json_t *cli_args(const cli_t *cli);

void help_all(void);
void help_command(const command_t *command);
/* There is no such command: says which begin so. The exit code. */
int cli_no_command(const char *word);
int cli_complain(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
