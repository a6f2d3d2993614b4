/* family.h: all the children of the roster: who there is, who is ready, what each is told about the
 * others. Pure. */
#ifndef WEIR_SUPERVISOR_FAMILY_H
#define WEIR_SUPERVISOR_FAMILY_H

#include "protocol/protocol.h"
#include "supervisor/child.h"
#include "supervisor/roster.h"

/* Who retires may need its calls' timeouts for it: with so many of one kind (or one round of them,
 * where there are more in office) the next replacement waits. */
#define RETIREES_MAX 8u
/* In office, their successors, and retirees of the three kinds that may be many, and the drainer's.
 */
#define FAMILY_MAX (3 * ROSTER_INSTANCES_MAX)

typedef struct family {
    child_t children[FAMILY_MAX]; /* in the order of starting; some are nobody's place */
    size_t count;
} family_t;

void family_init(family_t *f, const config_t *c, instant_t now);
/* Who is in office; NULL: none. */
child_t *family_find(family_t *f, unsigned actor, unsigned instance);
child_t *family_of_life(family_t *f, uint64_t generation); /* a process lives; NULL: none */
bool family_has_process(const family_t *f, int pid);
/* A place for a successor. NULL: none is free. */
child_t *family_claim(family_t *f, unsigned actor, unsigned instance, instant_t now);
/* Frees the place of a successor or retiree that is down. */
void family_release(family_t *f, child_t *child);
/* Is there room for `more` retirees of this kind? */
bool family_has_room(const family_t *f, unsigned actor, unsigned more);
bool family_is_ready(const family_t *f); /* everybody in office */
size_t family_ready_count(const family_t *f);
/* Is at least one ready of each kind that this child needs? */
bool family_serves(const family_t *f, const child_t *child);
/* Is everybody of this wave down? Wave 0: of all. */
bool family_wave_is_down(const family_t *f, unsigned wave);
/* "limiter/0" or, for all of a kind, "limiter": does the name mean this child? */
bool family_means(const child_t *child, const char *name);

/* What `viewer` is told at its HELLO: itself (so that the list is never empty) and all who live of
 * those it may talk to; each item says that the list is whole. `out` has room for
 * FAMILY_MAX. */
size_t family_peers(const family_t *f, const child_t *viewer, msg_peers_t *out);

/* One line for people: "5 actors ready", "4 of 5 actors ready; limiter/0 backoff". */
void family_summary(const family_t *f, char *out, size_t size);

#endif
