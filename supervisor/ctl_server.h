/* ctl_server.h: the people's socket, <run_dir>/ctl.sock: AF_UNIX stream, one JSON request and one
 * JSON answer a line, usable with socat. Who may do what comes from the kernel (SO_PEERCRED,
 * SO_PEERGROUPS): root, our own user and the actors' user may do everything, others what their
 * groups may. Bounded: clients, lines, answers, idle time. What is no request gets one line that
 * says so, and the connection is closed. */
#ifndef WEIR_SUPERVISOR_CTL_SERVER_H
#define WEIR_SUPERVISOR_CTL_SERVER_H

#include <sys/types.h>

#include "supervisor/ctl_request.h"
#include "sys/config.h"
#include "sys/loop.h"

#define CTL_CLIENTS_MAX 32u
#define CTL_IDLE_US (60 * US_PER_S)

typedef struct ctl_asked {
    uint64_t token;               /* names this request until it is answered; never reused */
    const ctl_request_t *request; /* permitted; lent for the call */
    uid_t uid;
    pid_t pid;
} ctl_asked_t;

typedef struct ctl_server ctl_server_t;
/* -ENOENT: a group of the configuration does not exist (logged). on_request is answered by
 * ctl_server_answer(), from inside or later; the next request of that client waits for it. */
int ctl_server_open(loop_t *loop, const config_t *config,
                    void (*on_request)(void *, const ctl_asked_t *), void *arg, ctl_server_t **out);
/* Takes the answer, an object. A client that has gone meanwhile: nothing happens. */
void ctl_server_answer(ctl_server_t *server, uint64_t token, json_t *answer);
/* Closes who is idle; when it wants to be called again. */
instant_t ctl_server_turn(ctl_server_t *server, instant_t now);
void ctl_server_close(ctl_server_t **server);

/* What the groups of a peer allow. group ids of viewer, operator, admin; (gid_t)-1: none. Pure. */
typedef struct ctl_groups {
    gid_t viewer, operator_, admin;
} ctl_groups_t;
enum ctl_permission ctl_permission_of(const ctl_groups_t *groups, const gid_t *of_peer,
                                      size_t count);

#endif
