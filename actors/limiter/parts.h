/* parts.h: what each file of the limiter does for the others. */
#ifndef WEIR_LIMITER_PARTS_H
#define WEIR_LIMITER_PARTS_H

#include "actors/limiter/queue.h"
#include "core/json_text.h"
#include "core/utf8.h"

enum read_for { /* a read's token: what for in the top byte, whose below */
    READ_FOR_PRINTS = 1,
    READ_FOR_LOAD,
    READ_FOR_LETTER,
    READ_FOR_ECHO,
    READ_FOR_QUERY,
    READ_FOR_PURGE,
    READ_FOR_REDRIVE,
    READ_FOR_SPACE,
    READ_FOR_DROP,
    READ_FOR_BACKUP
};
#define READ_TOKEN(what, whose) ((uint64_t)(what) << 56 | (uint64_t)(whose))
#define READ_WHAT(token) ((token) >> 56)
#define READ_WHOSE(token) ((token) & ((1ull << 56) - 1))

static inline const route_t *item_route(const limiter_t *l, const item_t *i)
{
    return i->route == NO_ROUTE ? NULL : &l->config->routes[i->route];
}
static inline const step_t *item_step(const limiter_t *l, const item_t *i)
{
    const route_t *r = item_route(l, i);
    return r && i->step < r->step_count ? &r->steps[i->step] : NULL;
}

static inline struct of_route *route_tally(const limiter_t *l, const item_t *i)
{
    return &l->of_route[i->route == NO_ROUTE ? l->config->route_count : i->route];
}
static inline void assigned_count(limiter_t *l, const item_t *i, int more)
{
    l->assigned += (uint64_t)(int64_t)more;
    route_tally(l, i)->assigned += (uint64_t)(int64_t)more;
}

/* limiter.c: whether there is room to begin something more in this step. What is to be saved and
 * answered at its end counts; one message or one order fits into what is kept for it. */
bool step_has_room(const limiter_t *l);

/* wait.c: the one place where an item waits */
void waits_end(limiter_t *l);
void look_at_pool(limiter_t *l, size_t pool);
void make_ready(limiter_t *l, item_t *i, size_t pool, bool woken);
void pool_take(limiter_t *l, item_t *i, size_t pool); /* the first of its list */
void offer(limiter_t *l, item_t *i); /* it has its turn: wait for time or connection */
void item_waits(limiter_t *l, item_t *i, uint8_t blocker); /* from now on; the last wait is told */
void hold(limiter_t *l, item_t *i, const char *reason);
void item_stays_held(limiter_t *l, item_t *i); /* loaded so */
void item_keep(limiter_t *l, item_t *i, uint8_t on); /* by a limit, WAITS_* */
void item_wake(limiter_t *l, item_t *i);
void unwake(limiter_t *l, item_t *i);
void item_unplace(limiter_t *l, item_t *i);
void item_reclass(limiter_t *l, item_t *i);
claim_t item_claim(const item_t *i); /* on what it waits for */
uint32_t blocker_cost(const item_t *i);
bucket_t *item_blocker(const limiter_t *l, const item_t *i); /* NULL: no limit keeps it */
void item_park(limiter_t *l, item_t *i); /* accepted during a drain */
void unpark_begin(limiter_t *l); /* a gate may have opened: those it kept enter, in slices */
void enter_go_on(limiter_t *l);  /* so many of them, then of the newcomers, as there is room for */
void pause_until(limiter_t *l, item_t *i, instant_t due);

/* dispatch.c: who runs next */
void step_ended(limiter_t *l, item_t *i); /* done, skipped or given up: the next one, or the end */
void pump(limiter_t *l);
/* What it takes of its route's limits; NULL: no room for its label values. */
needs_t *job_needs(limiter_t *l, const item_t *i, const label_values_t *values);
void job_holds(limiter_t *l, item_t *i);  /* it has the slots of its route's limits */
void job_give(limiter_t *l, item_t *i);   /* no longer */
void job_refund(limiter_t *l, item_t *i); /* before that: nothing was begun with them */
/* item.drew of one limit, and of all that a route has. */
uint8_t draw_bit(const route_t *r, long limit);
static inline uint8_t draws_all(const route_t *r) { return (uint8_t)((1u << r->draw_count) - 1); }
bool route_stops(const limiter_t *l, const item_t *i, const step_t *step); /* but no release */
holder_t *holder_for(limiter_t *l, size_t pool);
uint64_t pool_free(const limiter_t *l, size_t pool); /* connections free over all holders */
item_t *pool_first(const pool_t *p);                 /* who is tried next; NULL: nobody waits */
document_t *item_document(const limiter_t *l, const item_t *i, char *id); /* room: MSGID_TEXT */
static inline size_t own_pool(const limiter_t *l) { return l->config->pool_count - 1; }

/* learn.c: what ends of calls teach the limits */
bucket_t *route_gate(const limiter_t *l, uint16_t route);
void limits_learn(limiter_t *l, const item_t *i, const msg_settle_t *s);

/* change.c, by_hand.c: what people changed and change */
void hands_load(limiter_t *l, store_t *store);
void message_read(limiter_t *l, const struct question *q, const stored_message_t *m);
void bulk_go_on(limiter_t *l);

/* poison.c: what must not go on */
holder_t *holder_alone(limiter_t *l, const item_t *i, size_t pool); /* for a suspect; NULL: wait */
bool holder_is_emptied(const limiter_t *l, const holder_t *h);
void holders_refilled(limiter_t *l);
bool loop_is_closed(limiter_t *l, item_t *i, const route_t *r);
void loop_hold(limiter_t *l, item_t *i);
void letter_arrived(limiter_t *l, const read_result_t *read);

/* settle.c: the ends of assignments */
void settle(limiter_t *l, const msg_settle_t *s);
void unbegun(limiter_t *l, item_t *i, bool pause);   /* nothing was sent: again at no cost */
void bereave(limiter_t *l, item_t *i, bool ordered); /* its holder is dead */
void step_failed(limiter_t *l, item_t *i, const char *reason);
void item_die(limiter_t *l, item_t *i,
              const char *reason); /* whatever its route says of failures */

/* peers.c: holders, intake credit, who lives */
void peer_up(limiter_t *l, const event_t *event);
void peers_told(limiter_t *l, const msg_peers_t *peers, size_t count);
void peer_silence(limiter_t *l, const event_t *event, bool silent);
void credit_told(limiter_t *l, const event_t *event);
holder_t *holder_of(limiter_t *l, actor_kind_t actor, uint16_t instance, uint64_t generation);
holder_t *holder_of_peer(limiter_t *l, peer_t peer);
bool generation_is_dead(const limiter_t *l, uint64_t generation);
void holders_bury(limiter_t *l);    /* dead holders' items, within the budget */
void pools_look(limiter_t *l);
void welcome_waiting(limiter_t *l); /* after a phase of loading ended */
void intake_arrived(limiter_t *l, peer_t peer, uint64_t messages,
                    uint64_t bytes); /* uses up what was given */
void intake_regrant(limiter_t *l);
bool intake_refused(const limiter_t *l, const char **why);

/* intake.c: submissions */
void submissions(limiter_t *l, const event_t *event);
void echo_arrived(limiter_t *l, const read_result_t *read);
void echoes_read(limiter_t *l);
bool begins_with_release(const route_t *r);
void join_queue(limiter_t *l, item_t *i);
void enter_queue(limiter_t *l, item_t *i); /* nobody waits to enter before it */

/* load.c: after a start; keep.c: retention and redrive */
void load_start(limiter_t *l);
void mark_time(limiter_t *l, wall_t at, int64_t seq);
void load_arrived(limiter_t *l, const read_result_t *read);
void purge_told(limiter_t *l, const msg_purge_t *purge);
void purge_arrived(limiter_t *l, const read_result_t *read);
void redrive_told(limiter_t *l, const msg_redrive_t *redrive);
const char *redrive_one(limiter_t *l, const stored_message_t *m); /* NULL: done; else why not */
void redrive_arrived(limiter_t *l, const read_result_t *read);
bool read_ask(limiter_t *l, read_request_t *request); /* false: too many open; ask later */

/* mode.c */
enum mode_gate { GATE_OPEN, GATE_DRAINING, GATE_MAINTENANCE, GATE_REFUSED };
/* Whether new work of this route runs now; else why not. */
enum mode_gate mode_gate(const limiter_t *l, const route_t *r);
void mode_told(limiter_t *l, const msg_mode_t *mode);
void mode_end(limiter_t *l);
json_t *mode_shown(const limiter_t *l);
void mode_gauges(limiter_t *l);
void mode_announce(limiter_t *l, peer_t to);
void mode_load(limiter_t *l, store_t *store);
bool mode_starts_work(const limiter_t *l);

/* cancel.c: maintenance that ends the calls in flight */
void cancel_begin(limiter_t *l); /* as cancel.ordered says from now on */
void cancel_holder(limiter_t *l, const holder_t *h); /* it is welcome, maybe after the order */
void cancel_look(limiter_t *l);                      /* have all of them ended? */

/* signals.c: what the rules of modes watch */
void signals_start(limiter_t *l);
void signals_settled(limiter_t *l, const item_t *i, const msg_settle_t *s);
void signals_tell(limiter_t *l);

/* truth.c: leases compared with a list from outside */
void truths_start(limiter_t *l);
void truths_watch(limiter_t *l);
instant_t truths_due(const limiter_t *l);
void truths_gauges(limiter_t *l);
void truth_told(limiter_t *l, const msg_listed_t *listed);

/* watch.c: what is told and repaired from time to time */
void watch(limiter_t *l);
void space_arrived(limiter_t *l, const read_result_t *read);

/* ask.c: questions of people */
void query_told(limiter_t *l, const event_t *event);
void query_arrived(limiter_t *l, const read_result_t *read);
void query_reply(limiter_t *l, const struct question *q, unsigned status, json_t *body);
void query_refuse(limiter_t *l, const struct question *q, unsigned status, const char *error,
                  const char *hint);
void ask_one(limiter_t *l, const struct question *q, const json_t *args);
json_t *text_of(bytes_t b);

/* act.c */
void drop_told(limiter_t *l, const msg_drop_t *drop);
void drop_arrived(limiter_t *l, const read_result_t *read);
bool act_is_possible(const limiter_t *l);
void act_arrived(limiter_t *l, const struct question *q, const stored_message_t *m);
void backup_query(limiter_t *l, const struct question *q, bytes_t verb);
void backup_arrived(limiter_t *l, const read_result_t *read);
void restored_say(limiter_t *l); /* at the start, when it is so */

#endif
