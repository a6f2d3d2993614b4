/* actor_options.h: an actor's command line: there is nothing to say on it. */
#ifndef WEIR_ACTORS_ACTOR_OPTIONS_H
#define WEIR_ACTORS_ACTOR_OPTIONS_H

#include "actors/actor.h"

/* -1: no option, go on; else the exit code: help or version were shown, or the use is wrong. */
int actor_options(const actor_spec_t *spec, int argc, char **argv);

#endif
