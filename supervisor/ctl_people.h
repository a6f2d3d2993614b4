/* ctl_people.h: who is at the other end of the people's socket, and what they may do. The kernel
 * tells who connects (SO_PEERCRED, SO_PEERGROUPS: also supplementary groups); root, our own user
 * and the actors' user may do everything, others what their groups may. */
#ifndef WEIR_SUPERVISOR_CTL_PEOPLE_H
#define WEIR_SUPERVISOR_CTL_PEOPLE_H

#include <sys/types.h>

#include "supervisor/ctl_verbs.h"
#include "sys/config.h"

/* What the groups of a peer allow. group ids of viewer, operator, admin; (gid_t)-1: none. Pure. */
typedef struct ctl_groups {
    gid_t viewer, operator_, admin;
} ctl_groups_t;
enum ctl_permission ctl_permission_of(const ctl_groups_t *groups, const gid_t *of_peer,
                                      size_t count);

typedef struct ctl_people {
    ctl_groups_t groups;
    uid_t actors_uid; /* (uid_t)-1: no such user is configured */
} ctl_people_t;
/* The groups and the user of the configuration. -ENOENT: a group, a name or a number, does not
 * exist on this host; other errors: it could not be looked up. `why` is one line. */
int ctl_people_find(ctl_people_t *people, const config_t *config, char *why, size_t size);
enum ctl_permission ctl_people_who(const ctl_people_t *people, int fd, uid_t *uid, pid_t *pid);
/* The mode of the socket's file: only keeps out those who may do nothing anyway. */
int ctl_people_mode(const ctl_people_t *people, const char *path);

#endif
