/* commands.h: weirctl's own commands, in files of their own. */
#ifndef WEIRCTL_COMMANDS_H
#define WEIRCTL_COMMANDS_H

#include "cli.h"

int run_check(const cli_t *cli); /* check.c */
int run_send(const cli_t *cli);  /* send.c */

#endif
