#include "supervisor/ctl_people.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PEER_GROUPS_MAX 256
#define NO_GROUP ((gid_t)-1)
#define ANYBODY ((uid_t)-1)

enum ctl_permission ctl_permission_of(const ctl_groups_t *groups, const gid_t *of_peer,
                                      size_t count)
{
    enum ctl_permission best = CTL_NOBODY;
    for (size_t i = 0; i < count; i++) {
        if (of_peer[i] == NO_GROUP)
            continue;
        enum ctl_permission this = of_peer[i] == groups->admin       ? CTL_ADMIN
                                   : of_peer[i] == groups->operator_ ? CTL_OPERATOR
                                   : of_peer[i] == groups->viewer    ? CTL_VIEWER
                                                                     : CTL_NOBODY;
        best = this > best ? this : best;
    }
    return best;
}

static enum ctl_permission permission_of_groups(const ctl_people_t *p, int fd, gid_t primary)
{
    gid_t groups[PEER_GROUPS_MAX + 1];
    socklen_t len = PEER_GROUPS_MAX * sizeof *groups;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
        len = 0; /* more groups than fit: only the primary one counts */
    size_t count = len / sizeof *groups;
    groups[count] = primary;
    return ctl_permission_of(&p->groups, groups, count + 1);
}

enum ctl_permission ctl_people_who(const ctl_people_t *p, int fd, uid_t *uid, pid_t *pid)
{
    struct ucred peer = {.uid = ANYBODY, .gid = NO_GROUP};
    socklen_t len = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return CTL_NOBODY;
    *uid = peer.uid;
    *pid = peer.pid;
    bool own = peer.uid == 0 || peer.uid == geteuid() ||
               (p->actors_uid != ANYBODY && peer.uid == p->actors_uid);
    return own ? CTL_ADMIN : permission_of_groups(p, fd, peer.gid);
}

static int find_group(const char *name, gid_t *out)
{
    *out = NO_GROUP;
    if (!*name)
        return 0;
    errno = 0;
    struct group *g = getgrnam(name);
    if (!g && strspn(name, "0123456789") == strlen(name) && strlen(name) <= 9) {
        *out = (gid_t)atol(name); /* a number is a group that needs no name on this host */
        return 0;
    }
    if (!g)
        return errno ? -errno : -ENOENT;
    *out = g->gr_gid;
    return 0;
}

int ctl_people_find(ctl_people_t *p, const config_t *config, char *why, size_t size)
{
    const struct {
        const char *key, *name;
        gid_t *out;
    } wanted[] = {{"viewer_group", config->supervisor.viewer_group, &p->groups.viewer},
                  {"operator_group", config->supervisor.operator_group, &p->groups.operator_},
                  {"admin_group", config->supervisor.admin_group, &p->groups.admin}};
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        int error = find_group(wanted[i].name, wanted[i].out);
        if (error == -ENOENT)
            snprintf(why, size,
                     "supervisor.%s: there is no group \"%s\" on this host; create it (groupadd), "
                     "or correct the name",
                     wanted[i].key, wanted[i].name);
        else if (error)
            snprintf(why, size, "supervisor.%s: the group \"%s\" cannot be looked up: %s",
                     wanted[i].key, wanted[i].name, strerror(-error));
        if (error)
            return error;
    }
    struct passwd *user = *config->supervisor.user ? getpwnam(config->supervisor.user) : NULL;
    p->actors_uid = user ? user->pw_uid : ANYBODY;
    return 0;
}

/* The kernel tells who connects, so the mode only keeps out those who may do nothing anyway: one
 * group when there is one, everybody when there are several, since a file has only one. */
int ctl_people_mode(const ctl_people_t *p, const char *path)
{
    const gid_t all[] = {p->groups.viewer, p->groups.operator_, p->groups.admin};
    gid_t one = NO_GROUP;
    bool several = false;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        several = several || (all[i] != NO_GROUP && one != NO_GROUP && all[i] != one);
        one = all[i] != NO_GROUP ? all[i] : one;
    }
    if (one == NO_GROUP)
        return chmod(path, 0600) < 0 ? -errno : 0;
    if (!several && chown(path, (uid_t)-1, one) == 0)
        return chmod(path, 0660) < 0 ? -errno : 0;
    return chmod(path, 0666) < 0 ? -errno : 0;
}
