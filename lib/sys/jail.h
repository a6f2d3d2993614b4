/* jail.h: what a child does to itself between fork and exec: becomes nobody much, keeps nothing
 * that was not handed to it, dies with its parent. All of it is async-signal-safe; looking up the
 * user is done before. What it does to itself after the exec: jail_calls.h, jail_files.h. */
#ifndef WEIR_SYS_JAIL_H
#define WEIR_SYS_JAIL_H

#include <sys/types.h>

#include "core/base.h"

#define JAIL_GROUPS_MAX 64

/* What an actor may do beyond its links; who may what is the roster's word. */
#define MAY_NOTHING 0u
#define MAY_LISTEN 1u /* HTTP in, on sockets that it is given */
#define MAY_CALL 2u   /* HTTP out */
#define MAY_STORE 4u  /* the queue's files */
#define MAY_SERVE 8u  /* a socket of its own, which other actors connect to */
#define MAY_ALL 15u

/* How far an actor is jailed; said in READY. */
#define JAILED_CALLS 1u /* seccomp */
#define JAILED_FILES 2u /* Landlock */

typedef struct jail_user {
    uid_t uid;
    gid_t gid;
    gid_t groups[JAIL_GROUPS_MAX];
    int group_count;
} jail_user_t;
/* Looks a user up with its groups. -ENOENT: there is none of that name; -E2BIG: more groups than
 * fit. */
int jail_user(const char *name, jail_user_t *out);

/* For good: groups, group, user, and checks that there is no way back. Also no new privileges by
 * exec. */
int jail_become(const jail_user_t *user);
int jail_no_new_privileges(void);
/* Of root's rights, when no other user is configured, only those over files stay: the directories
 * may be somebody else's. Before jail_no_new_privileges, which makes it last over exec. */
int jail_capabilities(void);
/* SIGKILL when `parent` ends; -ESRCH if it has ended already. After jail_become, which would undo
 * it. */
int jail_die_with(pid_t parent);
/* No core files (they would hold secrets), as many descriptors as it needs or the hard limit
 * allows. */
int jail_limits(unsigned descriptors);
/* Every signal at its default and unblocked. */
int jail_signals(void);
/* Everything from 3 on closes at exec, but for `kept`. */
int jail_descriptors(const int *kept, size_t count);

#endif
