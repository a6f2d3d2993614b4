/* supervisor.h: what the rooms of the supervisor share. It starts, watches and restarts; it never
 * does work.
 *   setup.c        configuration, directories, locks, sockets: everything that may refuse to start
 *   supervisor.c   the turn: children, their deaths and due times, the stop
 *   replace.c      actors are replaced by successors: a reload, a restart that was asked for
 *   renew.c        the configuration is read again: what changed, whom it concerns, the answer
 *   peers.c        the links to the children: who may speak, what they say, what they are told
 *   ctl_server.c   the people's socket
 *   verbs.c        what it answers, with verbs_self.c, verbs_config.c and verbs_events.c */
#ifndef WEIR_SUPERVISOR_H
#define WEIR_SUPERVISOR_H

#include "actors/links.h"
#include "supervisor/ctl_server.h"
#include "supervisor/events.h"
#include "supervisor/family.h"
#include "supervisor/launch.h"
#include "supervisor/options.h"
#include "supervisor/relay.h"
#include "supervisor/reload.h"
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
    bool renewed;         /* its lives begin with replacement.launch, not with supervisor.launch */
    bool told_to_begin;   /* it is born in standby, and in office */
    bool obeyed;          /* it said READY again since it was told to begin or to retire */
    char *stats;          /* its latest numbers; NULL: none */
    size_t stats_len;
    instant_t stats_at; /* when they came */
} outside_t;

/* Actors that are being replaced by successors (reload.h). */
typedef struct replacement {
    reload_t plan;
    char name[CTL_NAME_MAX + 1]; /* only whom it means; empty: all of `kinds` */
    unsigned kinds;              /* 1 << actor */
    config_t *config;            /* NULL: the one in force */
    launch_t launch;             /* what the successors are born with */
    uint64_t limiter_lives;      /* before the last wish about it */
    json_t *changes;             /* of a reload: what changed, for the answer; else NULL */
    json_t *before;         /* for the answer: the configuration's epoch, or who was in office */
    uint64_t token;         /* who waits for the answer; 0: nobody, it is logged */
    char who[64], why[256]; /* why it failed */
    instant_t began, switched;
} replacement_t;

typedef struct supervisor {
    options_t options;
    config_t *config;
    launch_t launch;
    listeners_t listeners;
    ctl_people_t people;
    int own_lock;
    loop_t *loop;
    zlink_t *router;
    links_t *links;
    frame_builder_t *builder;
    metrics_t *metrics;
    ctl_server_t *ctl;
    events_t *events;                   /* what happened lately */
    pending_t pending[CTL_CLIENTS_MAX]; /* a client has one request at a time */
    family_t family;
    outside_t outside[FAMILY_MAX]; /* as family.children */
    relay_t relay;
    replacement_t replacement;
    bool reload_again;     /* a signal came while one was under way */
    uint8_t print_key[32]; /* of secret_prints */
    sha256_t secret_prints[ROSTER_COUNT];
    child_policy_t policy;
    rand_t chance;
    uint64_t last_generation;
    stop_t stop;
    conn_t conn_now; /* of the frame being looked at */
    instant_t last_turn, stats_at, alive_at;
    instant_t started;
    uint64_t memory_kills[2]; /* process_memory_kills() when the numbers last went, and before */

    bool was_ready;  /* everybody was, once */
    bool told_ready; /* and systemd has heard it */
    bool reloaded;   /* and is to hear it again, whoever is ready */
    bool changed;    /* a child's state, since the last status line */
    loop_source_t *turn_timer;
} supervisor_t;

/* setup.c: 0, or the exit code; what went wrong was said. */
int supervisor_open(supervisor_t *s, const options_t *options);
void supervisor_close(supervisor_t *s);
/* The configuration as the command line overrides it; NULL: refused, each line went to `report`. */
config_t *setup_config(const options_t *options, void (*report)(void *, const char *), void *arg);
/* 0, or -EINVAL: what actors would be born with is not all there; `why` has one line. */
int setup_launch(const options_t *options, const config_t *config, launch_t *l, char *why,
                 size_t size);
child_policy_t setup_policy(const config_t *config);

/* supervisor.c */
int supervisor_run(supervisor_t *s);
void supervisor_event(supervisor_t *s, outside_t *o, const child_event_t *event);
void supervisor_stop(supervisor_t *s, int exit_code, const char *why);
void supervisor_restart(supervisor_t *s, outside_t *o);
outside_t *outside_of(supervisor_t *s, const child_t *child); /* NULL of NULL */
outside_t *office_of(supervisor_t *s, unsigned actor);        /* the first of its kind */
uint64_t deadline_left_ms(instant_t deadline);

/* replace.c */
bool replace_runs(const supervisor_t *s);
/* Begins; the rest is in s->replacement already. */
void replace_begin(supervisor_t *s);
void replace_turn(supervisor_t *s);
void replace_abort(supervisor_t *s, const char *why); /* a stop was ordered */
/* Frees the places of who has ended for good. */
void replace_sweep(supervisor_t *s);
/* What a life must be told at each link, because it may have missed it. */
void replace_remind(supervisor_t *s, outside_t *o);

/* renew.c */
void renew_reload(supervisor_t *s, uint64_t token, const char *who);
/* Is the request one of these? Then it is answered, now or when all is done. */
bool renew_takes(supervisor_t *s, uint64_t token, const char *who, const ctl_request_t *request);
/* A replacement has ended: says so to whoever waits, and to the journal. */
void renew_ended(supervisor_t *s, bool ok);
void renew_forget(replacement_t *r); /* frees what it holds */

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
/* Who is in office first, then successors and retirees, each in the order of the roster; only those
 * whom the name means, if there is one. */
json_t *self_actors(const supervisor_t *s, const char *name);
json_t *self_health(const supervisor_t *s, const json_t *queue, const char *why);
/* NULL: it is not the supervisor's to answer. *fd: goes with it, -1: none. */
json_t *self_answer(supervisor_t *s, const ctl_request_t *request, int *fd);

/* verbs_events.c: the log of all, remembered */
void verbs_listen(supervisor_t *s);
void verbs_deaf(supervisor_t *s);
void verbs_event(supervisor_t *s, const outside_t *from, const msg_event_t *events, size_t count);
void verbs_events(supervisor_t *s, const ctl_asked_t *asked);

/* verbs_config.c: what config.* are answered; NULL: it is another verb */
json_t *verbs_config(const supervisor_t *s, const ctl_request_t *request);

#endif
