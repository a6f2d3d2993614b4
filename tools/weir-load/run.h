/* run.h: inside of a run: the schedule, the messages to send again, and the connections. */
#ifndef WEIR_LOAD_RUN_H
#define WEIR_LOAD_RUN_H

#include "load.h"

/* One message on its way. */
typedef struct journey {
    uint64_t n;
    unsigned tries;
    int64_t intended_us, first_us;   /* boot clock; first_us: when it was first sent */
    int64_t due_us;                  /* to be sent again */
    bool releases;                   /* gives its lease back */
} journey_t;

typedef struct again { journey_t *heap; size_t count, room; } again_t; /* earliest due first */
#define AGAIN_MAX 2000000u
bool again_add(again_t *a, const journey_t *j);  /* false: full */
bool again_take(again_t *a, int64_t now_us, journey_t *out);
int64_t again_next(const again_t *a);            /* INT64_MAX: none */

enum client_state { CLIENT_IDLE, CLIENT_BUSY, CLIENT_RESTING };
typedef struct client {
    enum client_state state;
    int fd;                          /* -1: not connected */
    bool connected, writes;          /* writes: epoll says when it may be written to */
    journey_t journey;
    int64_t sent_us, rest_until;
    char *out; size_t out_len, out_sent, out_room;
    char *in; size_t in_len;
    char lease[96];                  /* what it holds, or held last */
} client_t;

/* Why a try ended. */
enum ending { ENDED_ANSWERED, ENDED_TIMEOUT, ENDED_CONNECT, ENDED_CLOSED, ENDED_GARBLED };
typedef struct reply {
    enum ending ending;
    unsigned status, retry_after_s;
    bool duplicate, close;
    char message[32];                /* Weir's id, when the body has one */
    bytes_t body;                    /* lent: part of what was parsed */
    size_t length;
} reply_t;
/* 1: whole; 0: more is needed; -1: it is not HTTP. Pure. */
int reply_parse(const char *data, size_t len, reply_t *out);
/* The lease that it grants, as its release names it; false: none that can be named. Pure. */
bool reply_lease(enum dialect dialect, const reply_t *reply, char *out, size_t size);

typedef struct run {
    const options_t *options;
    plan_t *plan;
    FILE *record;
    counts_t *counts;
    rand_t chance;
    int epoll;
    client_t *clients, **idle;
    size_t idle_count, busy_count, resting_count;
    again_t again;
    uint64_t next, most;             /* number of the next new message; how many there are to be */
    int64_t now_us, start_us, stop_us, last_us, progress_us, sweep_us;
} run_t;

/* client.c */
void client_send(run_t *r, client_t *c, const journey_t *j);
void client_ready(run_t *r, client_t *c, unsigned events);
void client_sweep(run_t *r, bool give_up); /* timeouts, ended rests; give_up: all */
/* lease.c */
/* Counts the end of a try; true: the client holds a lease now, which it gives back next. */
bool lease_ended(run_t *r, client_t *c, const reply_t *reply);
/* run.c */
bool run_ending(counts_t *c, enum ending ending); /* counts it; true: there was an answer */
void run_ended(run_t *r, const journey_t *j, const reply_t *reply);

#endif
