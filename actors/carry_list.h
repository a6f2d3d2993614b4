/* carry_list.h: the inside of the carrier, shared by its files. */
#ifndef WEIR_ACTORS_CARRY_LIST_H
#define WEIR_ACTORS_CARRY_LIST_H

#include "actors/carry.h"
#include "actors/effects_list.h"
#include "actors/pace.h"
#include "actors/tell.h"

#define STATS_US US_PER_S

struct carrier {
    const actor_spec_t *spec;
    void *self;
    links_self_t id;
    world_t world;
    links_t *links;
    effects_t *effects;
    metrics_t *metrics;
    now_t now; /* of the call into the carrier that runs */
    bool stepping;
    peer_t limiter;          /* link to it; PEER_NOBODY: we are it, or stand by */
    conn_t limiter_conn;     /* in standby: over what the link will run */
    uint64_t limiter_life;   /* its generation, as the supervisor said last */
    bool is_ready, is_known; /* READY was wished; the supervisor welcomed us */
    bool standby;            /* born as somebody's successor: no link to the limiter yet */
    box_t *oldest, *newest;  /* boxes that wait for batches submitted */
    uint64_t submitted, committed;
    bool poisoned;
    pace_t pace;
    instant_t stats_at;
    tell_t *tell; /* NULL until needed */
    char *stats; /* STATS_BYTES_MAX; NULL until needed */
};

/* carry.c */
void carrier_step(carrier_t *c, const event_t *event);
/* carry_out.c: boxes go out */
void carrier_release(carrier_t *c, box_t *box); /* carries out and empties */
void carrier_flush(carrier_t *c);               /* what need not wait goes out, the rest waits */
bool carrier_submit(carrier_t *c);              /* hands the open batch over if its time has come */
instant_t carrier_submit_at(const carrier_t *c);
void carrier_committed(carrier_t *c, uint64_t batch);
void carrier_say_ready(carrier_t *c);
void carrier_say_lines(carrier_t *c); /* of the log, to the supervisor */
void carrier_forget_peer(carrier_t *c,
                         peer_t peer); /* its link generation ended: nothing old goes out */

#endif
