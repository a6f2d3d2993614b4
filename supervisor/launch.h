/* launch.h: a child's birth: its program, its configuration, the secrets it needs and no others,
 * the listening sockets if it may have them, the lock of the run directory. */
#ifndef WEIR_SUPERVISOR_LAUNCH_H
#define WEIR_SUPERVISOR_LAUNCH_H

#include "supervisor/listeners.h"
#include "supervisor/roster.h"
#include "supervisor/spawn.h"
#include "sys/crypto.h"

typedef struct launch {
    const config_t *config;
    char *config_text;      /* the checked form */
    char programs[1024];    /* folder of the actors' programs */
    char credentials[1024]; /* folder of the secrets */
    bool has_user;
    jail_user_t user;
    int lock; /* inherited by every child */
    const listeners_t *listeners;
} launch_t;

/* Finds the programs' folder: WEIR_LIBEXEC, beside ourselves, /usr/libexec/weir. -ENOENT: nowhere.
 */
int launch_find_programs(launch_t *l);
/* Can every secret of the configuration be read? 0, or why not with its name in `which` (lent). */
int launch_check_secrets(const launch_t *l, const char **which);
/* A memory file with the secrets that this actor gets, or why not. */
int launch_secrets(const launch_t *l, const roster_entry_t *entry);
/* What tells two states of an actor's secrets apart, and nothing else of them: keyed with a chance
 * of this process. */
int launch_secrets_print(const launch_t *l, const roster_entry_t *entry, bytes_t key,
                         sha256_t *out);
/* The process id, or why there is none. */
int launch_child(const launch_t *l, const roster_entry_t *entry, uint16_t instance,
                 uint64_t generation, bool standby);

#endif
