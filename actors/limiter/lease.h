/* lease.h: slots held for work outside Weir, by a named holder: taken over HTTP or by an acquire
 * step, made of a call's slots, or kept for a call whose actor died (strict limits). A lease ends
 * by its release, or by itself when it was not renewed for its time; its fence is greater than that
 * of every lease before it. A release that comes before its acquire leaves a tombstone, which voids
 * every acquire of that id in its time. All of it is in the store; in use is the number of records.
 */
#ifndef WEIR_LIMITER_LEASE_H
#define WEIR_LIMITER_LEASE_H

#include "actors/limiter/needs.h"
#include "core/agenda.h"

typedef struct lease {
    struct lease *next; /* in its hash chain */
    agenda_entry_t expiry;
    needs_t *needs; /* NULL: a tombstone */
    uint64_t fence, ttl_ms;
    int64_t renewed_us; /* in this life; 0: not */
    wall_t made;
    instant_t since; /* made; after a start of ours: read */
    uint64_t listed; /* number of the last LIST whose answer had it */
    uint32_t flags, hash; /* LEASE_* */
    bool may_be_counted;  /* by an ingress, which answered for it */
    char *holder;         /* for people; "" */
    uint16_t length;
    char id[];
} lease_t;

void leases_start(limiter_t *l);
void leases_end(limiter_t *l);
void leases_load(limiter_t *l, store_t *store);
void leases_told(limiter_t *l, const event_t *event); /* LEASE */
void leases_expire(limiter_t *l);                     /* whose time is up, within the budget */
lease_t *lease_find(const limiter_t *l, bytes_t id);
/* Takes over `needs`, which are counted already. NULL: there are as many as there may be. */
lease_t *lease_new(limiter_t *l, bytes_t id, bytes_t holder, needs_t *needs, uint64_t ttl_ms,
                   uint32_t flags);
void lease_renew(limiter_t *l, lease_t *lease);
/* Gives its slots back; why: for the log when it is not its release. */
void lease_end(limiter_t *l, lease_t *lease, const char *why);

lease_t *lease_next(const limiter_t *l, const lease_t *after); /* of NULL: the first; NULL: none */
/* Goes on from *chain as far as the step's budget allows; true: each lease had its turn. `each` may
 * end the one it is given. */
bool leases_walk(limiter_t *l, size_t *chain, void (*each)(limiter_t *l, lease_t *lease));
void leases_recount(const limiter_t *l, void (*each)(const needs_t *needs)); /* for checks */

/* lease_ends.c: what ingresses are told of */
void lease_has_ended(limiter_t *l, const lease_t *lease); /* before its slots are given back */
void lease_ends_tell(limiter_t *l);                       /* last in a step */
void lease_ends_free(limiter_t *l);

/* lease_asked.c */
void lease_asked(limiter_t *l, struct item *i); /* by its needs, which know the id */
void lease_asked_end(limiter_t *l, needs_t *needs);
void lease_is_known(limiter_t *l, lease_t *lease); /* those that wait to take it end */
void lease_asked_try(limiter_t *l, struct item *i); /* it does not wait for its limits first */

/* lease_step.c: what steps do with leases */
bool lease_settles_as(limiter_t *l, item_t *i, const step_t *step, lease_t *held);
void own_step(limiter_t *l, item_t *i, const step_t *step); /* acquire, release */
/* Before its limits are asked: however full they are, an acquire step whose lease is held renews
 * it, and what was released before it began does not begin. False: the step goes on. */
bool lease_settles(limiter_t *l, item_t *i, const step_t *step);
/* It has another message's content now: what it waits to take may have another id. */
void lease_asks_anew(limiter_t *l, item_t *i);
void lease_from_step(limiter_t *l, item_t *i, const step_t *step);
void strict_keep(limiter_t *l, item_t *i); /* before its slots are given back */

#endif
