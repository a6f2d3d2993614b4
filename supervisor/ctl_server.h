/* ctl_server.h: the people's socket, <run_dir>/ctl.sock: AF_UNIX stream, one JSON request and one
 * JSON answer a line, usable with socat. Who may do what comes from the kernel (SO_PEERCRED,
 * SO_PEERGROUPS): root, our own user and the actors' user may do everything, others what their
 * groups may. Bounded: clients, lines, answers, idle time. What is no request gets one line that
 * says so, and the connection is closed. */
#ifndef WEIR_SUPERVISOR_CTL_SERVER_H
#define WEIR_SUPERVISOR_CTL_SERVER_H

#include <sys/types.h>

#include "supervisor/ctl_people.h"
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
/* on_request is answered by ctl_server_answer(), from inside or later; the next request of that
 * client waits for it. */
int ctl_server_open(loop_t *loop, const char *run_dir, const ctl_people_t *people,
                    void (*on_request)(void *, const ctl_asked_t *), void *arg, ctl_server_t **out);
/* Takes the answer, an object, which gets its schema. A client that has gone meanwhile: nothing
 * happens. */
void ctl_server_answer(ctl_server_t *server, uint64_t token, json_t *answer);
/* The same, with an open descriptor (SCM_RIGHTS), which is taken; -1: none. */
void ctl_server_give(ctl_server_t *server, uint64_t token, json_t *answer, int fd);

/* An answer of many lines: `next` gives each new one, or NULL when there is none now, and is called
 * only when the client has read the last; `gone` is called once, at its end. */
typedef struct ctl_follow {
    json_t *(*next)(void *arg);
    void (*gone)(void *arg);
    void *arg;
} ctl_follow_t;
#define CTL_FOLLOWERS_MAX 8u /* the other places are for questions */
/* False: too many follow already; nothing was said and `gone` is not called. */
bool ctl_server_follow(ctl_server_t *server, uint64_t token, json_t *answer,
                       const ctl_follow_t *follow);
void ctl_server_news(ctl_server_t *server); /* `next` may have something */

/* Closes who is idle; when it wants to be called again. */
instant_t ctl_server_turn(ctl_server_t *server, instant_t now);
void ctl_server_close(ctl_server_t **server);

#endif
