/* actor.h: what an actor is: a record and one pure function. actor_main() is the only main loop.
 * The same records run under the simulator (tests/sim) with a simulated world. */
#ifndef WEIR_ACTORS_ACTOR_H
#define WEIR_ACTORS_ACTOR_H

#include "actors/effects.h"
#include "sys/config.h"

/* ---- events: what a step is told ---- */

enum event_kind {
    EVENT_START,       /* once, first */
    EVENT_MESSAGE,     /* a decoded frame of a welcomed peer, its items all of one type */
    EVENT_PEER_UP,     /* accepting side: HELLO and all HOLDING are in; answer WELCOME when ready.
                          connecting side: WELCOME came */
    EVENT_PEER_SILENT, /* three beats missed: send it nothing new; nothing is taken back */
    EVENT_PEER_BACK,   /* beats again */
    EVENT_TIMER,       /* the time wished for has come */
    EVENT_AGAIN,       /* wish_again() */
    EVENT_STORE,       /* committed, read, full, space, poisoned */
    EVENT_REQUEST,     /* an HTTP request is whole */
    EVENT_ANSWER,      /* a call ended */
    EVENT_CLOSED,      /* after DOOR_CLOSING: no HTTP connection is left; perhaps told again */
};
typedef struct peer_info {
    peer_t peer;
    actor_kind_t actor;
    uint16_t instance;
    uint64_t generation;
} peer_info_t;
typedef struct event {
    enum event_kind kind;
    peer_info_t from;                       /* MESSAGE, PEER_* */
    union {
        const message_t *message;
        struct {
            const msg_hello_t *hello;       /* accepting side */
            const msg_welcome_t *welcome;   /* connecting side */
            const msg_holding_t *holding; size_t holding_count;
        } up;
        const store_event_t *store;
        const http_request_t *request;
        const http_answer_t *answer;
    };
} event_t;

/* ---- the record ---- */

/* What the supervisor's ORDER says. */
enum order_kind {
    ORDER_STOP = 1, ORDER_DRAIN_FOR_STOP, ORDER_DRAIN_OVER,
    ORDER_BEGIN,  /* who was born in standby: link to the limiter, work */
    ORDER_RETIRE, /* a successor has begun: finish what is in hand, then end */
};

/* What an actor knows at birth. Lent for its whole life. */
typedef struct birth {
    const config_t *config;
    actor_kind_t actor;
    uint16_t instance;
    uint64_t generation;
    bool door_kept;                         /* the listening sockets outlive Weir */
    bool standby;                           /* does nothing before ORDER_BEGIN */
    uint64_t seed;                          /* for jitter and ids: chance in, decisions out */
    const metrics_t *metrics;               /* its own numbers, for /metrics; NULL: nobody counts */
    const store_opened_t *opened;           /* limiter only */
    store_t *store;                         /* limiter only, to read settings at START */
    bytes_t (*secret)(void *arg, const char *name); /* empty: not given to this actor */
    void *secret_arg;
} birth_t;

typedef struct actor_spec {
    actor_kind_t kind;
    bool serves;        /* binds the limiter's socket; the others connect to it */
    bool stores;        /* opens the store */
    bool listens;       /* HTTP in */
    bool calls;         /* HTTP out */
    void *(*create)(const birth_t *birth);
    void (*step)(void *self, const event_t *event, now_t now, effects_t *effects);
    void (*destroy)(void **self);
    /* Assignments in hand, for HELLO; NULL: holds none. Fills at most `most`, returns how many
     * there are. */
    size_t (*holding)(const void *self, msg_holding_t *out, size_t most);
} actor_spec_t;

extern const actor_spec_t ingress_spec, limiter_spec, classifier_spec, responder_spec, drainer_spec;

int actor_main(const actor_spec_t *spec, int argc, char **argv);

/* How the supervisor hands things to an actor: by environment, only these names.
 *   WEIR_BIRTH   "instance=0 generation=123 config=3 secrets=4 lock=5 host=1 may=1 standby=1
 *                 listen=6,7 door=kept"
 * may: MAY_* of the roster. config: memfd with the checked form; secrets: memfd with a JSON object
 * name -> value (base64); standby: a successor, waits for ORDER_BEGIN; listen: listening sockets
 * (ingress); door: they outlive Weir. supervisor's socket: <run_dir>/supervisor.sock, limiter's:
 * <run_dir>/limiter.sock (ipc). */

#endif
