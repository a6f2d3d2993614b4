/* links.h: both ends of every link: HELLO, HOLDING, WELCOME, WHO, link generations, sequence
 * numbers, beats. Used by the carrier (all actors) and by the supervisor. Pure: the owner moves the
 * bytes and gives the time.
 *
 * Two ends. The connecting end (every actor to the supervisor; every actor but the limiter to the
 * limiter) says HELLO with its holdings in HOLDING frames, and repeats it until WELCOME, on WHO,
 * and when its owner says that the far side began a new life. The accepting end reports the peer up
 * once HELLO and all HOLDING are in; the owner answers with links_welcome(), and only then frames
 * other than HELLO, HOLDING and BEAT are passed on. Frames of an older link generation are dropped;
 * of an unknown peer answered with WHO. Frames are numbered: where one is missing the link begins a
 * new generation. On the accepting end each link generation has a handle of its own, so that what
 * was wished for an earlier one goes nowhere. Each end beats every 500 ms; three missed make the
 * peer silent. Silence is not death: nothing is forgotten by it. */
#ifndef WEIR_ACTORS_LINKS_H
#define WEIR_ACTORS_LINKS_H

#include "actors/actor.h"

#define BEAT_US (500 * US_PER_MS)
#define BEATS_MISSED_MAX 3
#define LINKS_PEERS_MAX 256

typedef struct links links_t;

/* How the transport names the far end: small numbers given by the owner (a ROUTER identity it
 * keeps, or a DEALER socket). Stable for the life of that far end's socket. */
typedef uint32_t conn_t;

typedef struct links_owner {
    void *arg;
    void (*transmit)(void *arg, conn_t conn, bytes_t frame); /* lent; never blocks */
    /* up.hello: accepting end, answer with links_welcome; up.welcome: connecting end */
    void (*up)(void *arg, const event_t *event);
    void (*message)(void *arg, const event_t *event);
    void (*silence)(void *arg, const event_t *event);              /* PEER_SILENT, PEER_BACK */
    void (*refused)(void *arg, conn_t conn, enum frame_error why); /* nothing changed */
    size_t (*holding)(void *arg, msg_holding_t *out, size_t most); /* connecting end; may be NULL */
} links_owner_t;

typedef struct links_self {
    actor_kind_t actor;
    uint16_t instance, partition;
    uint64_t generation, config_epoch;
    const char *host, *version;
    uint32_t pid;
    unsigned jailed; /* JAILED_*, for READY */
} links_self_t;

links_t *links_new(const links_self_t *self, const links_owner_t *owner);
void links_destroy(links_t **links);

/* Connecting end: keep saying HELLO on conn until welcomed. The peer handle stays the same over
 * link generations; `to` is the kind at the far end. Holdings go only to the limiter. */
peer_t links_connect(links_t *links, conn_t conn, actor_kind_t to, now_t now);
void links_again(links_t *links, peer_t peer, now_t now); /* the far side is new: HELLO now */

/* A frame came on conn. */
void links_frame(links_t *links, conn_t conn, bytes_t frame, now_t now);
/* Beats, repeats, silence; returns when it wants to be called again. */
instant_t links_tick(links_t *links, now_t now);

/* Accepting end: welcome the peer with the store's epoch. */
void links_welcome(links_t *links, peer_t peer, uint64_t epoch, now_t now);
/* Accepting end: this life is over (confirmed); frees its place. */
void links_forget(links_t *links, peer_t peer);

/* Completes the frame in the builder with head and number and transmits it. False: the peer is gone
 * or not yet welcome; the frame is dropped (connecting end to the supervisor or limiter before
 * WELCOME: dropped too; what matters is repeated by its owner). */
bool links_send(links_t *links, peer_t peer, frame_builder_t *builder, now_t now);
bool links_find(const links_t *links, peer_t peer, peer_info_t *out);
bool links_is_silent(const links_t *links, peer_t peer);
/* Accepting end: the peer of this life; PEER_NOBODY: none. */
peer_t links_of_life(const links_t *links, uint64_t generation);

#endif
