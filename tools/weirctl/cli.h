/* cli.h: what was typed, and how weirctl ends. Commands come from supervisor/ctl_verbs.def:
 * "dead.ls" is typed as "dead ls", its arguments by place or as --name VALUE. */
#ifndef WEIRCTL_CLI_H
#define WEIRCTL_CLI_H

#include <jansson.h>

#include "supervisor/ctl_verbs.h"

enum exit_code {
#define EXIT_CODE(NAME, number, meaning, advice) EXIT_##NAME = number,
#include "exit_codes.def"
#undef EXIT_CODE
};

#define CLI_SOCKET_DEFAULT "/run/weir/ctl.sock"
#define CLI_CONFIG_DEFAULT "/etc/weir/weir.yaml"
#define CLI_VALUES_MAX 64
#define CLI_TIMEOUT_DEFAULT_S 30 /* Weir itself gives up after ten */

typedef struct cli_value {
    const char *name, *value;
} cli_value_t; /* value of a flag: "" */

typedef struct cli {
    const char *socket, *config; /* as typed; NULL: not */
    int64_t timeout_s;           /* 0: not typed */
    bool json, help;
    const struct command *command;
    cli_value_t values[CLI_VALUES_MAX];
    size_t value_count;
} cli_t;

/* What a verb of the table does here. */
typedef struct command {
    const ctl_verb_t *verb;
    int (*run)(const cli_t *cli);
    void (*show)(const json_t *answer); /* for people; NULL: line by line */
} command_t;

const command_t *command_find(const char *verb); /* "dead.ls"; NULL: none */
const command_t *command_at(size_t place);       /* all of them, in order; NULL: no more */

/* -1: go on; else the exit code, what is wrong was said. */
int cli_read(int argc, char **argv, cli_t *out);
const char *cli_value(const cli_t *cli, const char *name); /* NULL: not given */
/* The whole number typed for it, or `otherwise`; what is no number was refused by cli_read(). */
int64_t cli_number(const cli_t *cli, const char *name, int64_t otherwise);
/* What goes to Weir: the verb's arguments, without weirctl's own. */
json_t *cli_args(const cli_t *cli);

/* One object a line on the standard output, as everything that --json shows. Takes it. */
void cli_print_json(json_t *object);
void help_all(void);
void help_command(const command_t *command);
int run_help(const cli_t *cli);
/* "dead.ls" as it is typed; "dry_run" as --dry-run without its dashes. */
void help_typed(const char *name, char mark, char typed, char *out, size_t size);
/* There is no such command: says which begin so. The exit code. */
int cli_no_command(const char *word);
/* Onto the standard error; with --json also an object, weir.error/1, unless code is 0: a note, or
 * told as JSON already. Returns the code. */
int cli_complain(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* For config_read() and its like: a line of what is wrong. */
void cli_on_config_error(void *arg, const char *line);
/* The last thing: was all of it written? The exit code. */
int cli_end(int code);

#endif
