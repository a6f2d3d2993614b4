/* links_list.h: the inside of links: one place a link, the same for both ends.
 *
 * Every frame but HELLO, HOLDING and WHO carries a number that ascends by one within its link
 * generation, both ways. A smaller one is a repetition and dropped. A larger one says that frames
 * were lost (a connection that broke, a high-water mark): the link begins a new generation, and
 * both owners repeat what matters. Beats carry numbers too, so the loss of the last frame before a
 * pause is noticed within a beat. */
#ifndef WEIR_ACTORS_LINKS_LIST_H
#define WEIR_ACTORS_LINKS_LIST_H

#include <stdalign.h>

#include "actors/links.h"

#define LINKS_CONNECTS_MAX 4u /* far ends that one actor connects to */
#define HELLO_REPEAT_US (250 * US_PER_MS)
#define HELLO_EARLY_US                                                                             \
    (8 * US_PER_MS)    /* before the first repetition; doubles: the transport may still connect */
#define HELLO_EARLY 5u /* such early ones; they are no reason for a new generation */
#define HELLO_PATIENCE_MIN 4u /* repetitions of one generation before the next is tried */
#define HELLO_PATIENCE_MAX 32u

enum link_state {
    LINK_FREE,
    LINK_CALLING,    /* connecting end: says HELLO until WELCOME */
    LINK_COLLECTING, /* accepting end: HELLO is there, HOLDING not yet all */
    LINK_WAITING,    /* accepting end: reported up, not yet welcomed by the owner */
    LINK_UP,
    LINK_BROKEN, /* accepting end: frames were lost; waits for the next HELLO */
};

typedef struct link {
    enum link_state state;
    bool silent;
    peer_info_t info;
    conn_t conn;
    uint32_t generation;     /* of the link */
    uint64_t sent, expected; /* numbers: the last one sent, the next to come */
    instant_t heard;
    instant_t hello_at;       /* CALLING: the next repetition */
    unsigned early;           /* CALLING: early repetitions of this generation */
    unsigned tries, patience; /* CALLING: HELLOs of this generation, and how many at most */
    msg_hello_t hello;        /* COLLECTING, WAITING: the far end's; its texts lie here */
    char host[256], version[33];
    msg_holding_t *holding; /* COLLECTING: room for hello.holding */
    size_t holding_count, holding_frames;
} link_t;

struct links {
    links_self_t self;
    links_owner_t owner;
    link_t connects[LINKS_CONNECTS_MAX];
    size_t connect_count;
    link_t accepts[LINKS_PEERS_MAX];
    size_t accept_most; /* places ever used */
    uint32_t serial;    /* of the next accepted handle */
    instant_t beat_at;
    frame_builder_t *builder; /* for frames of our own */
    bool inside;              /* a frame lies in items */
    alignas(16) uint8_t items[FRAME_ITEMS_ROOM];
};

/* links.c, for the two ends */
void link_say(links_t *links, link_t *link, enum message_type type, const void *item,
              uint64_t number);
void link_deliver(links_t *links, link_t *link, const message_t *message);
/* The number's turn? -1: a repetition, to be dropped; 1: frames before it are lost. */
int link_number(link_t *link, uint64_t number);
void link_heard(links_t *links, link_t *link, now_t now);

/* links_connect.c and links_accept.c */
void connecting_frame(links_t *links, link_t *link, const message_t *message, now_t now);
void connecting_tick(links_t *links, link_t *link, now_t now);
void accepting_frame(links_t *links, conn_t conn, const message_t *message, now_t now);
void accepting_free(link_t *link);

#endif
