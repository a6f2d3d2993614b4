/* parts.h: the simulator's files, and what each offers the others. */
#ifndef WEIR_TESTS_SIM_PARTS_H
#define WEIR_TESTS_SIM_PARTS_H

#include "tests/sim/sim.h"

/* clock.c */
void sim_push(sim_event_t event); /* order is given here */
bool sim_pop(sim_event_t *out);
void sim_clear_events(void);
static inline uint64_t chance_below(uint64_t bound) { return rand_below(&sim.chance, bound); }
static inline bool chance_in(uint64_t in) { return chance_below(in) == 0; }
static inline int64_t after(int64_t us) { return sim.now.at.us + us; }
int64_t some_delay(void); /* of a network: mostly tens of microseconds */

/* network.c */
conn_t net_connect(node_t *client, uint8_t server);
void net_transmit(node_t *from, conn_t conn, bytes_t frame);
void net_arrive(sim_event_t *event);
void net_drop(frame_t *frame);
void net_reset(conn_t conn);              /* all that is on its way is lost */
void net_forget_sent(const node_t *dead); /* what a dead one sent may be lost with it */

/* nodes.c */
void node_start(node_t *n);
void node_kill(node_t *n, bool in_order); /* everything in memory is gone */
void node_freeze(node_t *n, int64_t for_us);
void node_thaw(node_t *n);
bool node_takes(const sim_event_t *event); /* false: void, or piled up */
void node_plan_turn(node_t *n, int64_t at);
void node_event(sim_event_t *event); /* TURN, COMMIT, STORE, READ, REQUEST, ANSWER */
node_t *node_limiter(void);

/* supervise.c */
void supervise_start(void);
void supervise_end(void);
void supervise_frame(conn_t conn, bytes_t frame);
void supervise_tick(void);
void supervise_confirm(node_t *n);
void supervise_order_stop(node_t *n); /* and kills it if it does not */
void supervise_order_retire(node_t *n);
void supervise_drain(void);           /* the whole service: drains, then stops and starts again */
void supervise_stop_all(void);
uint64_t supervise_ask(node_t *n, const char *verb, const char *args);

/* senders.c */
void sender_arrival(void);
op_t *sender_sends(size_t route, unsigned kind, enum exam exam);
void sender_request(const sim_event_t *event);
void sender_reply(node_t *n, uint64_t token, const http_reply_t *reply);
void sender_reply_arrived(const sim_event_t *event);
void sender_patience(const sim_event_t *event);
void sender_refused(op_t *op); /* nobody listens */
size_t sender_waiting(void);

/* holders.c */
void holders_begin(void);
void holder_event(const sim_event_t *event);
void holder_answered(uint64_t token, const http_reply_t *reply);
/* Of those alive, as JSON; cut: only every second. */
size_t holders_list(char *out, size_t size, bool cut);
bool holders_know(bytes_t lease, bool *killed); /* false: it is nobody's here */
bool holders_rest(void);
bool holders_take_back(char *id, size_t size); /* one is to be ended by hand; false: none */

/* standing.c */
typedef struct limit_now {
    uint32_t slots, count, per_ms; /* count: of its rate or, without one, of its cap */
    bool disabled, observed, pinned;
} limit_now_t;
typedef struct standing_all {
    standing_t limits[LIMITS_MAX]; /* packed */
    standing_t values[LIMITS_MAX][KINDS]; /* of a kind, by hand: its number + 1; 0: none */
    standing_t stopped[16], drained[16]; /* routes */
    standing_t halted[8], paused[8];     /* downstreams; paused: until then at least */
    standing_t tried[8];                 /* by a probe, which ends pauses, too */
    unsigned probes[8];                  /* let through a halted one */
    standing_t mode, safe;
    uint64_t holds; /* orders about single messages */
    bool was_degraded, was_safe;
} standing_all_t;
extern standing_all_t standing;
static inline bool standing_is_sure(const standing_t *s) { return s->open == 0; }
void standing_begin(void);
void standing_order(node_t *to, standing_t *of, int64_t value, const char *verb, const char *args);
void standing_answered(const msg_answer_t *answer);
/* The latest order of the mode cancels what runs, too. */
void standing_cancels(void);
void standing_unsure(standing_t *of);
int64_t standing_pack(const limit_now_t *now);
int64_t standing_configured(size_t limit);
/* Of one kind; NULL: it has no other number by hand than its limit. */
standing_t *standing_of_kind(size_t limit, const char *kind);
void standing_order_back(node_t *to, size_t limit, const char *args); /* all of it */
bool standing_undone(size_t limit);
limit_now_t standing_limit(size_t limit);
bool standing_keeps(size_t limit); /* it is sure that nobody passes who should not */
void standing_assigned(const assigned_t *a);
void standing_called(const op_t *op);
void standing_listed(bytes_t limit); /* its truth is asked for */
bool standing_may_have_skipped(const step_t *step);
void standing_rebooted(void);

/* orders.c */
void order_something(void);
void order_pin(size_t limit, bool pins);
void orders_undo(void);

/* asks.c */
void ask_next(void);
bool ask_answered(uint64_t token); /* false: the token is a submission's */

/* downstream.c */
void call_begin(node_t *n, const http_call_t *call);
void call_cancel(node_t *n, uint64_t token);
bool calls_run(void); /* some call of somebody alive has no end yet */
void call_event(sim_event_t *event); /* WRITE, EFFECT, ANSWER, TIMEOUT */
void calls_forget(const node_t *dead);
void calls_clear(void);

/* faults.c */
void faults_choose(void);
void fault_next(void);
void faults_end(void); /* from here on everything works */

/* checks.c: on the wire; watch.c: the rest */
void check_frame(node_t *from, const conn_state_t *conn, bool to_server, bytes_t frame);
void check_frame_lost(const conn_state_t *conn, const frame_t *frame);
void check_assigned_arrived(node_t *n);
void check_node_died(const node_t *n, bool retired); /* retired: of itself, before its deadline */
void check_call(const call_t *call);
void check_after_step(node_t *n);
void check_bereft(const sim_event_t *event);
void check_reply(const node_t *n, op_t *op, uint32_t attempt, const http_reply_t *reply);
void check_taken(const node_t *n, op_t *op, uint32_t attempt); /* an ingress has the request */
void check_overdue(const sim_event_t *event);
void check_end(void);
const assigned_t *assigned_find(const msgid_t *id, uint64_t attempt);

/* admission.c: limits, as they are seen from outside */
bool admission_draws(const assigned_t *a, size_t limit);
void admission_begin(void);
void admission_kind(bytes_t labels, char *kind);
void admission_assigned(const node_t *to, const assigned_t *new); /* before it is counted */
void admission_slots(void);
bool admission_holds_slots(const assigned_t *a);
void admission_not_begun(const assigned_t *a); /* maybe */
void admission_settled(const msg_settled_t *s);
void admission_died(void);
void admission_written(const call_t *call);

/* pauses.c: what the far side asked for */
void pauses_begin(void);
void pauses_assigned(const assigned_t *new); /* before it is counted */
void pauses_settle(const assigned_t *a, const msg_settle_t *s);
void pauses_settled(const msg_settled_t *s);
void pauses_died(const node_t *n);
void pauses_rebooted(void);
void pauses_anew(size_t downstream);    /* by hand: one is tried anew, beside who is out */
void pauses_resumed(size_t downstream); /* by hand: what the far side asked for is over */
int64_t pauses_until(const char *limit, char half); /* 0: none is known */

/* adaptive.c: how high an adaptive limit may be */
void adaptive_begin(void);
void adaptive_reborn(void); /* the limiter */
void adaptive_assigned(assigned_t *new);
void adaptive_settle(const node_t *from, const assigned_t *a, uint32_t link, const msg_settle_t *s);
void adaptive_settled(const node_t *to, uint32_t link, const msg_settled_t *s);
void adaptive_cut_off(uint8_t node); /* what it said last may have been lost */
uint32_t adaptive_most(size_t limit);  /* UINT32_MAX: it is none */

/* intervals.c: least times between two of a key, calendar caps */
void intervals_begin(void);
bool intervals_judge(const limit_t *limit);
void intervals_submit(const msg_submit_t *s);
void intervals_verdict(const msg_verdict_t *v);
void intervals_call(op_t *op, const assigned_t *a);
void intervals_unbegun(const assigned_t *a);
void intervals_step(int64_t hours); /* somebody sets the clock */
void intervals_mode(void); /* what is taken in changed */
void intervals_hour(void); /* of the calm, in seconds */
void intervals_end(void);

/* exam.c: in the calm, what must be possible */
void exam_begin(void);
void exam_step(void); /* often */
bool exam_over(void);
void exam_in_hand(size_t limit, unsigned count);

/* leases.c */
void leases_begin(void);
void leases_look(void); /* after each commit */
bool leases_rest(void); /* nobody holds one */
int64_t leases_until(const char *id); /* on disk; 0: it is not */
int64_t leases_since(const char *id); /* on disk; INT64_MAX: it is not */

/* totals.c */
typedef struct totals {
    uint64_t seeds, steps, hash, accepted, repeated, refused, effects, done, dead;
    uint64_t redriven, unknown, told, probed, killed, stops, drains;
    evidence_t evidence;
} totals_t;
typedef struct totals_goals {
    uint64_t calls, holders;
} totals_goals_t;
void totals_add(totals_t *t); /* the seed that has ended */
bool totals_reach(const totals_t *t, const totals_goals_t *goals);
void totals_tell(const totals_t *t, double took);

/* trace.c */
extern bool trace_all;
void trace_clear(void);
void trace(const sim_event_t *event);
void trace_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void violation(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
