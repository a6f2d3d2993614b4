/* supervisor.h: what the rooms of the supervisor share. It starts, watches and restarts; it never
 * does work.
 *   setup.c        configuration, directories, locks, sockets: everything that may refuse to start
 *   supervisor.c   the turn: children, their deaths and due times, the stop
 *   peers.c        the links to the children: who may speak, what they say, what they are told
 *   ctl_server.c   the people's socket
 *   verbs.c        what it answers, with verbs_self.c and verbs_events.c */
#ifndef WEIR_SUPERVISOR_H
#define WEIR_SUPERVISOR_H

#include "actors/links.h"
#include "supervisor/ctl_server.h"
#include "supervisor/events.h"
#include "supervisor/family.h"
#include "supervisor/launch.h"
#include "supervisor/options.h"
#include "supervisor/relay.h"
#include "supervisor/stop.h"
#include "sys/metrics.h"
#include "sys/zlink.h"

#define EXIT_ASKED 0
#define EXIT_USAGE 64
#define EXIT_BUG 70
#define EXIT_AGAIN 75
#define EXIT_CONFIG 78

#define FROZEN_US (2 * US_PER_S) /* we did not run for so long: nobody's silence counts */
#define STATS_EVERY_US US_PER_S
#define QUERY_US (10 * US_PER_S) /* an actor answers a person's question within it */

/* A person's question on its way to an actor; its number is the request's token. */
typedef struct pending {
    uint64_t token; /* 0: free */
    enum ctl_verb_id verb;
    uid_t uid;
    pid_t pid;
    const struct outside *asked;
    instant_t until;
} pending_t;

/* What belongs to a child outside of its pure record. */
typedef struct outside {
    struct supervisor *supervisor;
    child_t *child;
    peer_t peer;          /* its link; PEER_NOBODY: none */
    conn_t conn;          /* what its link runs over */
    loop_source_t *watch; /* its process */
    unsigned jailed;      /* JAILED_*, its word of READY */
    char *stats;          /* its latest numbers; NULL: none */
    size_t stats_len;
} outside_t;

typedef struct supervisor {
    options_t options;
    config_t *config;
    launch_t launch;
    listeners_t listeners;
    int own_lock;
    loop_t *loop;
    zlink_t *router;
    links_t *links;
    frame_builder_t *builder;
    metrics_t *metrics;
    ctl_server_t *ctl;
    events_t *events; /* what happened lately */
    pending_t pending[CTL_CLIENTS_MAX]; /* a client has one request at a time */
    family_t family;
    outside_t outside[ROSTER_INSTANCES_MAX]; /* as family.children */
    relay_t relay;
    child_policy_t policy;
    rand_t chance;
    uint64_t last_generation;
    stop_t stop;
    conn_t conn_now; /* of the frame being looked at */
    instant_t last_turn, stats_at, alive_at;
    instant_t started;
    bool was_ready;  /* everybody was, once */
    bool told_ready; /* and systemd has heard it */
    bool changed;    /* a child's state, since the last status line */
    loop_source_t *turn_timer;
} supervisor_t;

/* setup.c: 0, or the exit code; what went wrong was said. */
int supervisor_open(supervisor_t *s, const options_t *options);
void supervisor_close(supervisor_t *s);
int supervisor_check(const options_t *options); /* --check: only the configuration */

/* supervisor.c */
int supervisor_run(supervisor_t *s);
void supervisor_event(supervisor_t *s, outside_t *o, const child_event_t *event);
void supervisor_stop(supervisor_t *s, int exit_code, const char *why);
/* Restarts everybody whom the name means; how many. */
size_t supervisor_restart(supervisor_t *s, const char *name);

/* peers.c */
int peers_open(supervisor_t *s);
void peers_tell(supervisor_t *s, const outside_t *about, const child_wishes_t *what);
bool peers_send(supervisor_t *s, const outside_t *to, enum message_type type, const void *item);
void peers_push_stats(supervisor_t *s);
void peers_gone(supervisor_t *s, outside_t *o); /* its process is gone: so is its link */

/* verbs.c: answers and forwards what people ask */
void verbs_request(void *arg, const ctl_asked_t *asked);
void verbs_answer(supervisor_t *s, const outside_t *from, const msg_answer_t *answer);
void verbs_gone(supervisor_t *s, const outside_t *who); /* who asked it gets an answer now */
instant_t verbs_turn(supervisor_t *s, instant_t now); /* questions that were not answered in time */

/* verbs_self.c. queue: what the limiter said; NULL: nothing, `why` says why. */
json_t *self_status(const supervisor_t *s, json_t *queue, const char *why); /* takes queue */
json_t *self_health(const supervisor_t *s, const json_t *queue, const char *why);
/* NULL: it is not the supervisor's to answer. *fd: goes with it, -1: none. */
json_t *self_answer(supervisor_t *s, const ctl_request_t *request, int *fd);

/* verbs_events.c: the log of all, remembered */
void verbs_listen(supervisor_t *s);
void verbs_deaf(supervisor_t *s);
void verbs_event(supervisor_t *s, const outside_t *from, const msg_event_t *events, size_t count);
void verbs_events(supervisor_t *s, const ctl_asked_t *asked);

#endif
