/* family.h: all the children of the roster: who there is, who is ready, what each is told about the
 * others. Pure. */
#ifndef WEIR_SUPERVISOR_FAMILY_H
#define WEIR_SUPERVISOR_FAMILY_H

#include "protocol/protocol.h"
#include "supervisor/child.h"
#include "supervisor/roster.h"

typedef struct family {
    child_t children[ROSTER_INSTANCES_MAX]; /* in the order of starting */
    size_t count;
} family_t;

void family_init(family_t *f, const config_t *c, instant_t now);
child_t *family_find(family_t *f, unsigned actor, unsigned instance); /* NULL: none */
bool family_is_ready(const family_t *f);                              /* everybody */
size_t family_ready_count(const family_t *f);
/* Is at least one ready of each kind that this child needs? */
bool family_serves(const family_t *f, const child_t *child);
/* Is everybody of this wave down? Wave 0: of all. */
bool family_wave_is_down(const family_t *f, unsigned wave);
/* "limiter/0" or, for all of a kind, "limiter": does the name mean this child? */
bool family_means(const child_t *child, const char *name);

/* What `viewer` is told at its HELLO: itself (so that the list is never empty) and all who live of
 * those it may talk to; each item says that the list is whole. `out` has room for
 * ROSTER_INSTANCES_MAX. */
size_t family_peers(const family_t *f, const child_t *viewer, msg_peers_t *out);

/* One line for people: "5 actors ready", "4 of 5 actors ready; limiter/0 backoff". */
void family_summary(const family_t *f, char *out, size_t size);

#endif
