/* roster.h: roster.def as data. Pure. */
#ifndef WEIR_SUPERVISOR_ROSTER_H
#define WEIR_SUPERVISOR_ROSTER_H

#include "core/words.h"
#include "sys/config.h"
#include "sys/jail.h"

enum roster_secrets { SECRETS_OF_NOBODY, SECRETS_OF_SENDERS, SECRETS_OF_DOWNSTREAMS };

typedef struct roster_entry {
    actor_kind_t actor;
    const char *program; /* file name of its executable */
    unsigned (*how_many)(const config_t *c);
    unsigned wave; /* stopped in ascending waves, from 1 */
    enum roster_secrets secrets;
    unsigned may;                               /* MAY_* */
    unsigned (*descriptors)(const config_t *c); /* open at once at most */
    const char *meaning;
} roster_entry_t;

#define ROSTER_COUNT 5
#define ROSTER_WAVES 4
#define ROSTER_INSTANCES_MAX 64 /* children in all; the configuration allows fewer */
extern const roster_entry_t roster[ROSTER_COUNT];
const roster_entry_t *roster_find(unsigned actor); /* NULL: not in the roster */

/* May these two talk, in either direction? */
bool roster_linked(unsigned a, unsigned b);
/* Does `from` need `to` for its work? */
bool roster_needs(unsigned from, unsigned to);

/* Calls a secret's name for each that an actor gets, some perhaps twice. */
void roster_secrets(const roster_entry_t *entry, const config_t *c,
                    void (*each)(void *arg, const char *name), void *arg);

#endif
