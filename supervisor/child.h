/* child.h: one child's life as a table of states by events. Pure: takes the time, returns wishes;
 * the owner (supervisor.c) forks, signals and sends. Only child_step() changes the state, and
 * reports each change in one line: child limiter/0: ready -> backoff on exit (signal 9), 3rd in 30
 * s. */
#ifndef WEIR_SUPERVISOR_CHILD_H
#define WEIR_SUPERVISOR_CHILD_H

#include "core/words.h"
#include "supervisor/restart.h"
#include "sys/log.h"

/* CHILD_STATE(NAME, "text", lives, "meaning"); lives: there is a process */
#define CHILD_STATES(X)                                                                            \
    X(IDLE, "idle", 0, "not yet started")                                                          \
    X(STARTING, "starting", 1, "started, has not said READY")                                      \
    X(READY, "ready", 1, "does its work")                                                          \
    X(RETIRING, "retiring", 1, "a successor works; ends what it has in hand")                      \
    X(STOPPING, "stopping", 1, "was asked to stop")                                                \
    X(DYING, "dying", 1, "was given up and is being killed")                                       \
    X(BACKOFF, "backoff", 0, "died, waits for its restart")                                        \
    X(FAILED, "failed", 0, "dies too often, is tried again now and then")                          \
    X(REFUSED, "refused", 0, "refuses its configuration, is not restarted")                        \
    X(DOWN, "down", 0, "stopped for good")
#define CHILD_EVENTS(X)                                                                            \
    X(START, "start")                                                                              \
    X(SAID_READY, "its word")                                                                      \
    X(EXITED, "exit")                                                                              \
    X(DUE, "time")                                                                                 \
    X(RETIRE, "order to retire")                                                                   \
    X(STOP, "order to stop")                                                                       \
    X(RESTART, "order to restart")

enum child_state {
#define X(NAME, text, lives, meaning) CHILD_##NAME,
    CHILD_STATES(X)
#undef X
        CHILD_STATE_COUNT
};
enum child_event_kind {
#define X(NAME, text) CHILD_ON_##NAME,
    CHILD_EVENTS(X)
#undef X
        CHILD_EVENT_COUNT
};
const char *child_state_name(enum child_state s);

/* Two lives of one actor and instance overlap while one takes over from the other. */
enum child_role {
    CHILD_IN_OFFICE, /* the one that works; started again when it dies */
    CHILD_SUCCESSOR, /* stands by; when it ends it stays down */
    CHILD_RETIREE,   /* was in office; when it ends it stays down */
    CHILD_NOBODY,    /* the place is free */
};

typedef struct child_event {
    enum child_event_kind kind;
    int wait_status;    /* EXITED: as waitpid gives it */
    int spawn_error;    /* EXITED: negative errno, it could not even be started; 0 otherwise */
    bool out_of_memory; /* EXITED: the kernel has just killed for lack of memory */
    instant_t deadline; /* STOP, RESTART and RETIRE: killed then if it still lives */
} child_event_t;

typedef struct child_policy {
    restart_policy_t restart;
    int64_t ready_us; /* must be ready within it */
    int64_t hang_us;  /* no sign of life for it: killed; 0: never */
} child_policy_t;

#define CHILD_KILL_AFTER_US US_PER_S /* SIGABRT first, for the core; SIGKILL so much later */
#define CHILD_NAME_BYTES 32

typedef struct child {
    char name[CHILD_NAME_BYTES]; /* "limiter/0" */
    actor_kind_t actor;
    uint16_t instance;
    enum child_role role;
    enum child_state state;
    int pid;             /* 0: none */
    uint64_t generation; /* of the current life, or of the last one; 0: never lived */
    instant_t since;     /* when the state began */
    instant_t ready_at;  /* of the current life; NEVER: not yet */
    instant_t heard;     /* the last frame of the current life */
    instant_t due;       /* when CHILD_ON_DUE is wanted; NEVER: not */
    instant_t until;     /* RETIRING: killed then */
    bool ordered;        /* its end is ours: not counted against it */
    bool stays_down;
    uint64_t lives;
    restart_t record;
    char last_end[48]; /* how the last life ended: "exit (signal 9)"; empty: none ended yet */
} child_t;

/* What child_step() wants done, in this order: tell, abort or kill, ask, spawn. */
#define CHILD_WISH_TELL 1u   /* the peers: `told` of `generation` */
#define CHILD_WISH_ABORT 2u  /* SIGABRT */
#define CHILD_WISH_KILL 4u   /* SIGKILL */
#define CHILD_WISH_ASK 8u    /* ORDER: stop; a child without a link is killed instead */
#define CHILD_WISH_RETIRE 32u /* ORDER: retire; a child without a link is killed instead */
#define CHILD_WISH_SPAWN 16u /* start the program, then child_born() or EXITED with spawn_error */
typedef struct child_wishes {
    unsigned wishes;
    life_t told;
    bool ordered;
    uint64_t generation;
    enum log_event log;
    char line[256]; /* empty: nothing to log */
} child_wishes_t;

void child_init(child_t *c, actor_kind_t actor, uint16_t instance, instant_t now);
child_wishes_t child_step(child_t *c, const child_event_t *event, const child_policy_t *policy,
                          instant_t now, rand_t *chance);
/* The successor, ready, is in office from now on. `old`: whom it follows, who retires; NULL:
 * nobody. */
void child_promote(child_t *heir, child_t *old);
void child_born(child_t *c, int pid, uint64_t generation);
/* A frame of its current life came. */
void child_heard(child_t *c, const child_policy_t *policy, instant_t now);
/* What it needs is not ready, so that it cannot be: its time to get ready begins anew. */
void child_excused(child_t *c, const child_policy_t *policy, instant_t now);
bool child_lives(const child_t *c); /* there is a process */

#endif
