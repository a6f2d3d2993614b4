/* actor_jail.h: an actor shuts itself in, after it has read what its supervisor handed over and
 * before it hears anybody else. What it may do is the roster's word (MAY_*); which files that
 * means is written here, once. */
#ifndef WEIR_ACTORS_ACTOR_JAIL_H
#define WEIR_ACTORS_ACTOR_JAIL_H

#include "sys/config.h"

/* As supervisor.jail has it. `jailed` gets JAILED_*. 0, also when this kernel cannot and need not
 * (that is logged); or, with jail: required, a negative errno and what is missing in `why`. */
int actor_jail(const config_t *c, unsigned may, unsigned *jailed, char *why, size_t size);

#endif
