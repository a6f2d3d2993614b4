/* zlink.h: frames over ZeroMQ on this host (ipc): a ROUTER that many connect to, or a DEALER that
 * connects. One frame is one ZeroMQ part. Nothing is kept here for a far end that is not there:
 * what matters is repeated by its owner (links.h). High-water marks are a fuse, never flow control.
 * One thread, in its loop. */
#ifndef WEIR_SYS_ZLINK_H
#define WEIR_SYS_ZLINK_H

#include "core/base.h"
#include "sys/loop.h"

#define ZLINK_CONNS_MAX                                                                            \
    1024u /* far ends that one ROUTER knows; the one not heard for longest goes first */
#define ZLINK_IDENTITY_MAX 63u
#define ZLINK_FRAMES_PER_ROUND 256u /* so that one socket cannot starve the loop */
#define ZLINK_HIGH_WATER 100000     /* frames; more than all credit and control together */

/* Before the first socket where files can be read only now: ZeroMQ reads some once. */
void zlink_prepare(void);

typedef struct zlink zlink_t;
/* The frame is lent for the call. Closing the zlink from inside is not allowed. */
typedef void (*zlink_on_frame_t)(void *arg, uint32_t conn, bytes_t frame);

/* Binds at `path`. Far ends are numbered from first_conn upwards in the order in which they are
 * first heard; a number is never used twice. The socket has mode 0600 and belongs to whoever owns
 * its directory (so that a supervisor that is root can be reached by its actors). 0, or
 * -ENAMETOOLONG, -EADDRINUSE ... */
int zlink_bind(loop_t *loop, const char *path, uint32_t first_conn, zlink_on_frame_t on_frame,
               void *arg, zlink_t **out);
/* Connects to `path` and goes on trying (10 ms to 1 s apart) for as long as it lives; `identity`
 * names this process's life uniquely ("actor/instance/generation"). Frames come and go under the
 * number `conn`. */
int zlink_connect(loop_t *loop, const char *path, const char *identity, uint32_t conn,
                  zlink_on_frame_t on_frame, void *arg, zlink_t **out);

/* Copies the frame; never blocks. 0; -EHOSTUNREACH: the far end is not there now, the frame is
 * dropped; -EAGAIN: the high-water mark is reached, the frame is dropped (our bug; logged once,
 * counted). */
int zlink_send(zlink_t *link, uint32_t conn, bytes_t frame);

uint64_t zlink_blocked(const zlink_t *link); /* sends that met the high-water mark */
uint64_t zlink_refused(
    const zlink_t *link); /* frames that came in more than one part or too long; dropped */

/* What was sent may still go out for linger_ms, also while the process exits. */
void zlink_close(zlink_t **link, unsigned linger_ms);

#endif
