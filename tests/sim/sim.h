/* sim.h: the simulated world: a clock that jumps from event to event, a network, a disk, senders,
 * downstreams, a supervisor, and everything that can go wrong with them, all from one seed. The
 * actors and the carrier are the real ones. What the invariants compare is gathered apart from the
 * actors: frames on the wire, what is on the disk, what the senders were told and what the
 * downstreams saw. */
#ifndef WEIR_TESTS_SIM_H
#define WEIR_TESTS_SIM_H

#include "actors/carry.h"
#include "core/bugs.h"
#include "core/rand.h"

#define NODES_MAX 12u
#define OPS_MAX 4096u
#define STEPS_MAX 4u
#define LIMITS_MAX 32u
#define KINDS 40u
#define CONNS_MAX 8192u
#define ASSIGNED_MAX 512u
#define TRACE_KEPT 50u
#define SIM_SECRET "outside-outside-outside-1234"

/* Tokens of requests that are no submissions. */
#define TOKEN_PROBE (1ull << 62)
#define TOKEN_HOLDER (1ull << 61)

/* ---- what can happen next */

enum sim_kind {
    SIM_TURN,
    SIM_FRAME,
    SIM_COMMIT,
    SIM_STORE,
    SIM_READ,
    SIM_ARRIVAL,
    SIM_REQUEST,
    SIM_REPLY,
    SIM_PATIENCE,
    SIM_OVERDUE,
    SIM_WRITE,
    SIM_EFFECT,
    SIM_ANSWER,
    SIM_TIMEOUT,
    SIM_FAULT,
    SIM_THAW,
    SIM_SPACE,
    SIM_CONFIRM,
    SIM_START,
    SIM_SUPERVISE,
    SIM_BEREFT,
    SIM_ASK,
    SIM_HOLDER,
    SIM_STOP_ALL,
    SIM_KILL,
    SIM_POISON,
    SIM_KINDS
};
typedef struct frame {
    conn_t conn;
    uint32_t epoch;
    bool to_server;
    uint8_t type;
    size_t len;
    uint8_t data[];
} frame_t;
typedef struct sim_event {
    int64_t at;
    uint64_t order;
    uint8_t kind, node;
    uint32_t life; /* of the node; another life: the event is void */
    union {
        frame_t *frame;
        struct call *call;
        struct {
            uint32_t op, attempt;
        };
        uint64_t number;
    };
} sim_event_t;

/* ---- who is there */

typedef struct node {
    uint8_t index;
    const actor_spec_t *spec;
    actor_kind_t kind;
    uint16_t instance;
    bool alive, frozen, stopping, ready;
    bool ordered;          /* killed on purpose */
    bool ends;             /* told to stop: it does not retire any more */
    int64_t retires_until; /* told to retire: 0 not; it ends by then whatever it has in hand */
    uint32_t life;
    uint64_t generation;
    int64_t since;   /* alive, or thawed, since */
    int64_t turn_at; /* INT64_MAX: no turn planned */
    uint64_t turn_order;
    carrier_t *carrier;
    store_t *store;
    bool commit_planned, read_planned, store_planned;
    store_opened_t opened;
    birth_t birth;
    conn_t to_supervisor, to_limiter;
    sim_event_t *pile; /* what came while it was frozen */
    size_t pile_count, pile_room;
    int exit_code;
    unsigned running[8]; /* calls, by downstream */
} node_t;

typedef struct conn {
    uint8_t client, server;
    uint32_t client_life;
    uint32_t epoch[2];
    int64_t last_at[2];
    peer_t peer;
} conn_state_t;

/* ---- senders */

/* Something that operators set (standing.c). */
typedef struct standing {
    int64_t value, since; /* since: it has been sure */
    uint64_t open;        /* the latest order that is not answered; 0: the value is sure */
} standing_t;
enum { KEPT_NOT, KEPT_HELD, KEPT_CANCELLED };
/* What its far side does with an operation of the exam (exam.c). */
enum exam { NO_EXAM, EXAM_TAKES_LONG, EXAM_TOO_MANY, EXAM_LATER };

typedef struct op {
    uint32_t number,
        twin; /* twin: an earlier op whose sender's id it uses with another body; or itself */
    uint8_t route, attempts, key, kind, exam;
    bool accepted, conflicted, closed; /* closed: its sender asks no more */
    msgid_t id;                        /* as answered */
    bool has_id, may_be_cancelled;
    standing_t kept; /* held, cancelled */
    int64_t first_sent, last_sent, written_at; /* 0: not yet */
    int64_t seq;        /* as assigned; 0: not yet */
    int64_t begun_seq, begun_at; /* its first assignment; 0: it is not known, or came to nothing */
    uint8_t waiting_at; /* ingress node; the request's attempt is `attempts` */
    bool waiting;
    uint64_t open[4]; /* by attempt: an ingress has it and has not answered */
    unsigned writes[STEPS_MAX], effects[STEPS_MAX], unmarked[STEPS_MAX], failures[STEPS_MAX];
} op_t;

/* ---- calls and assignments, as seen from outside */

typedef struct call {
    struct call *next; /* of all calls */
    uint8_t node;
    uint32_t life, op;
    uint64_t token;
    size_t downstream, step;
    bool marked, written, ended, cancelled;
    bool lists;                      /* no operation's: a limit's truth is asked */
    int64_t start_by, told_start_by; /* as the call says; as the assignment said */
    int64_t written_at;
    bool orphan; /* its actor died; the far side may still work for it */
    int64_t seq;
    uint8_t behaviour;
} call_t;

typedef struct assigned {
    uint8_t node;
    uint32_t life, link;
    bool on_the_way;
    uint64_t seq, attempt, fence;
    msgid_t id;
    const route_t *route;
    const step_t *step;
    uint32_t key_hash;
    char kind[8]; /* its label */
    int64_t start_by;
    uint64_t order;        /* on the wire, among what adaptive.c counts */
    uint32_t limiter_life; /* that assigned it */
} assigned_t;

/* Credit of one link as the wire shows it: [0] intake or pool by index. */
typedef struct wire_credit {
    uint32_t link;
    uint64_t told[8], told_bytes, used[8], used_bytes;
} wire_credit_t;

/* What the limits were tried with, counted outside. */
typedef struct evidence {
    uint64_t calls;                 /* first bytes */
    uint64_t judged;                /* of these, by a rate or a window */
    uint64_t bent;                  /* assigned at an adaptive limit that was lowered */
    uint64_t learned;               /* pauses of one label's value */
    uint64_t apart;                 /* intervals of a key */
    uint64_t provisional, registered; /* leases granted without the limiter */
    uint64_t exams;
    uint64_t killed;                /* processes that died with slots in their hands */
    uint64_t in_hand;               /* messages in these */
    uint64_t taken, released, lost; /* leases; lost: their holders vanished */
    uint64_t lists;                 /* of a limit's truth, whole */
} evidence_t;

typedef struct sim {
    uint64_t seed;
    rand_t chance;
    now_t now;
    config_t *config;
    memory_disk_t *disk;
    uint64_t steps, steps_max, order, hash;
    sim_event_t *heap;
    size_t heap_count, heap_room;
    node_t nodes[NODES_MAX]; /* 0 is the supervisor */
    size_t node_count;
    links_t *supervisor;
    conn_state_t *conns;
    size_t conn_count;
    uint64_t last_generation;
    op_t *ops;
    size_t op_count, ops_max;
    call_t *calls;
    assigned_t assigned[ASSIGNED_MAX];
    size_t assigned_count;
    wire_credit_t credit[NODES_MAX]; /* of the link between that node and the limiter */
    int64_t key_reached[16][64];     /* by route and key: the greatest seq that wrote */
    bool calm;                       /* faults are over */
    bool with_modes, with_redrives, with_holders, with_orders, lossy;
    int64_t drained_until; /* in the calm: a drain that must finish what was accepted; -1: none */
    size_t undone;
    bool stopping;       /* the service drains for a stop */
    int64_t stops_until; /* who is ready before is told to stop like the others */
    bool new_boot;       /* the limiter's next opening is of another boot */
    uint64_t stops, drains;
    uint64_t probes, probes_answered, asked, told;
    bool gentle; /* a seed in which only responders freeze */
    uint8_t busy_routes[16]; /* where its messages go */
    size_t busy_count;
    unsigned kinds; /* of messages */
    bool in_exam;
    bool disk_full, disk_slow, poison_next;
    uint32_t faults;                          /* which may happen: a bit a fault */
    int64_t limiter_well_since, limiter_died; /* limiter_died: INT64_MAX while it lives */
    size_t frames_on_way;
    uint64_t counts[SIM_KINDS], verdicts[VERDICT_COUNT], deaths, effects_done, replies[600];
    evidence_t evidence;
} sim_t;
extern sim_t sim;

#endif
