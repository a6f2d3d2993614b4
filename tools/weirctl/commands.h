/* commands.h: what the verbs do, in files of their own. */
#ifndef WEIRCTL_COMMANDS_H
#define WEIRCTL_COMMANDS_H

#include "cli.h"

int run_check(const cli_t *cli);         /* check.c */
int run_plan(const cli_t *cli);          /* plan.c */
int run_init(const cli_t *cli);          /* init.c */
int run_try(const cli_t *cli);           /* try.c */
int run_config_values(const cli_t *cli); /* config.c */
int run_config_explain(const cli_t *cli);
int run_config_schema(const cli_t *cli);
void show_config_diff(const json_t *answer);
int run_send(const cli_t *cli);     /* send.c */
int run_complete(const cli_t *cli); /* complete.c */
int run_drain(const cli_t *cli);    /* bulk.c: what takes time */
int run_redrive(const cli_t *cli);
int run_hold(const cli_t *cli); /* also release */
int run_backup(const cli_t *cli); /* store.c */
int run_store_check(const cli_t *cli);
struct store_check;
json_t *store_check_json(const char *verb, const struct store_check *c); /* the caller's */
int run_store_rebuild(const cli_t *cli);
int run_restore(const cli_t *cli);
int run_report(const cli_t *cli); /* report.c */
int run_events(const cli_t *cli); /* events.c */
int run_top(const cli_t *cli);    /* top.c */
int run_reload(const cli_t *cli); /* reload.c: also of the restart of an actor */
void show_reload(const json_t *answer);
void show_restart(const json_t *answer);

/* commands.c: asks the typed verb. The answer when it is ok, the caller's; else NULL and *code.
 * With
 * --json it is printed. `args` is taken. */
json_t *ask_typed(const cli_t *cli, json_t *args, int *code);
/* Asks, and shows the answer as the verb's own for people. */
int run_plain(const cli_t *cli);

#endif
