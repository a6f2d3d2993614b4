/* listeners.h: the listening sockets. They outlive every ingress: what connects while none runs
 * waits in the backlog and is served by the next one. From systemd (socket activation), or opened
 * here. */
#ifndef WEIR_SUPERVISOR_LISTENERS_H
#define WEIR_SUPERVISOR_LISTENERS_H

#include <sys/socket.h>

#include "sys/config.h"

#define LISTENERS_MAX 16
#define LISTENERS_BACKLOG 4096
#define LISTENER_TEXT 64

typedef struct listeners {
    int fds[LISTENERS_MAX];
    char addresses[LISTENERS_MAX][LISTENER_TEXT]; /* as bound: port 0 has become a number */
    uint32_t tls; /* bit n: at fds[n] TLS is spoken */
    size_t count;
    bool from_systemd; /* then only listen_tls is looked at: which of them speak TLS */
} listeners_t;

/* Text to address: "127.0.0.1:8080", "[::1]:8080". No names. -EINVAL: not one. */
int listener_address(const char *text, struct sockaddr_storage *out, socklen_t *len);

/* 0, or why not with the address in `which`; nothing stays open then. */
int listeners_open(listeners_t *l, const config_t *config, const char **which);
void listeners_close(listeners_t *l);

#endif
