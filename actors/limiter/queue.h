/* queue.h: the inside of the limiter, shared by its files. One limiter_t owns everything.
 *
 * A message that is not finished is an item. It waits in exactly one place, for exactly one thing (blocker):
 *   KEY         behind an earlier item of its key; woken when that one leaves        (order.c)
 *   DUE         in the agenda, for its time                                         (dispatch.c)
 *   CONNECTION  in its pool's woken or ready list, for credit                       (dispatch.c)
 *   LIMIT       in the waiters of the first full limit of its step                  (dispatch.c)
 *   BODY        its letter is being read from the store                             (dispatch.c)
 *   HOLD        in the held list, for an operator, the end of a drain, a new configuration
 * or it is ASSIGNED, in its holder's list. Events change items and mark pools and limits as worth a look;
 * pump() alone gives out work, within a budget a step. Memory runs ahead of the disk: nothing leaves before its
 * batch is durable (the carrier's rule), and a store that fails ends this life. */
#ifndef WEIR_LIMITER_QUEUE_H
#define WEIR_LIMITER_QUEUE_H

#include "actors/limiter/limiter.h"
#include "core/agenda.h"
#include "core/bugs.h"
#include "core/credit.h"
#include "core/list.h"
#include "core/prints.h"
#include "core/rand.h"
#include "core/seqmap.h"

#define HOLDERS_MAX 512
#define INTAKES_MAX 64
#define READS_MAX 192           /* reads open at once; the store takes 256 */
#define ECHOES_MAX 4096         /* duplicates that wait for a read */
#define QUERIES_MAX 64
#define LOAD_SLICE 2048
#define ITEMS_MAX (16u << 20)
#define STEP_BUDGET 4096        /* moves of pump() in one step */
#define PRESSURE_US (500 * US_PER_MS)
#define SWEEP_US (5 * US_PER_S)
#define UNBEGUN_PAUSE_US (50 * US_PER_MS)
#define NO_ROUTE UINT16_MAX

/* What an assignment needs of the envelope. Kept while the cache has room, else read again when due. */
typedef struct letter {
    blob_t *content; /* fields, then the body */
    uint32_t fields_len, size;
    bytes_t source, labels, content_type, trace; /* lie in text */
    char text[];
} letter_t;

/* The items of one (route, key), in the order of their acceptance. */
typedef struct key_queue {
    struct key_queue *next; /* in its bucket */
    list_t items;           /* by item.turn */
    uint32_t turns;         /* items that have their turn, at most route->parallel */
    uint32_t users;         /* items that name it, also those that have not entered yet */
    uint32_t hash;
    uint16_t route, length;
    char name[];
} key_queue_t;

typedef struct item {
    list_node_t place;   /* the one list it waits or is held in */
    list_node_t turn;    /* in its key's items */
    agenda_entry_t due;
    int64_t seq;
    msgid_t id;
    wall_t accepted;
    key_queue_t *key;    /* NULL: no order */
    letter_t *letter;    /* NULL: read it when due */
    struct holder *holder; /* ASSIGNED */
    char *results, *reason; /* owned; NULL: none */
    uint64_t fence;
    int64_t start_by_us, not_before_us;
    uint32_t results_len, bytes, attempt, failed, deaths, flags;
    uint16_t route;      /* index, or NO_ROUTE */
    uint8_t step, state, blocker, class;
    uint8_t waits_on;    /* LIMIT: index of the limit */
    bool has_turn, dirty, woken, reading, parked;
    bool lost;           /* its route or step is gone: its row stays as it is, for when that comes back */
    list_node_t change;  /* in the list of items to save at the end of the step */
} item_t;

typedef struct limit_state { unsigned in_use; list_t waiters; bool look; } limit_state_t;
typedef struct pool { list_t woken, ready; size_t reading, next_holder; bool look; } pool_t;

/* One life of a classifier or responder that has, or may have, assignments in hand. */
typedef struct holder {
    peer_t peer;          /* 0: no link now */
    actor_kind_t actor;
    uint16_t instance;
    uint64_t generation;
    bool silent, dead, ordered, welcomed;
    list_t items;
    credit_purse_t *purses; /* one a pool, of this link generation */
    msg_holding_t *holding; size_t holding_count; /* as said in HELLO, until reconciled */
    bool heard;           /* HELLO came in this life of ours */
} holder_t;

typedef struct intake { peer_t peer; uint64_t generation; bool welcomed; credit_giver_t giver; } intake_t;

/* A duplicate of a message that is not in memory: its verdict waits for a read. */
typedef struct echo { peer_t peer; msgid_t id; int64_t seq; bool used, asked, same_body, tolerant; } echo_t;

typedef struct limiter {
    const birth_t *birth;
    const config_t *config;
    rand_t chance;
    uint64_t epoch, hash_seed;
    now_t now;             /* of the step that runs */
    effects_t *e;          /* of the step that runs */
    tally_t tally;
    uint64_t live_bytes_cached;

    enum { LOAD_PRINTS, LOAD_MESSAGES, LOADED } phase;
    int64_t load_from, boundary; /* seqs from boundary on came in this life */
    bool new_boot;
    list_t newcomers;      /* accepted while loading; enter their keys after it */
    list_t held;           /* HELD: by item.place */
    size_t parked;         /* of these, accepted during a drain: they enter after it */

    seqmap_t *live;
    prints_t *prints;
    key_queue_t **buckets; size_t bucket_mask, key_count;
    agenda_t *agenda;
    pool_t *pools;
    limit_state_t *limits;
    holder_t *holders[HOLDERS_MAX]; size_t holder_count;
    intake_t intakes[INTAKES_MAX]; size_t intake_count;
    peer_t drainer;
    uint64_t alive[HOLDERS_MAX]; size_t alive_count; bool alive_known;
    uint64_t buried[256]; size_t buried_next; /* generations that died lately */

    list_t changed;        /* items to save at the end of the step */
    bool tally_changed, look;
    size_t budget, reads;
    echo_t *echoes; size_t echo_count;
    struct question { bool used; peer_t asker; uint64_t number; } questions[QUERIES_MAX];
    struct { wall_t at; int64_t seq; } marks[1024]; size_t mark_count; /* which seq began which hour */
    msg_verdict_t *verdicts; size_t verdict_count; /* of the submissions of this step */

    uint8_t mode; bool stopping; char mode_who[129], mode_why[REASON_BYTES_MAX + 1];
    bool disk_full, disk_low; uint64_t disk_free;
    uint64_t assigned, repairs, loaded, damaged;
    bool space_asked;
    instant_t pressure_at, sweep_at;
} limiter_t;

/* Tokens of reads: what for in the top byte, whose below. */
enum read_for { READ_FOR_PRINTS = 1, READ_FOR_LOAD, READ_FOR_LETTER, READ_FOR_ECHO, READ_FOR_QUERY, READ_FOR_PURGE,
                READ_FOR_REDRIVE, READ_FOR_SPACE };
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

/* items.c: making, saving and ending items */
item_t *item_new(limiter_t *l, int64_t seq);
void item_free(limiter_t *l, item_t *i);
void item_touch(limiter_t *l, item_t *i);              /* saved at the end of the step */
void item_save(limiter_t *l, item_t *i);               /* saved now */
void items_save_changed(limiter_t *l);
void item_set_reason(item_t *i, const char *text, size_t length);
void item_take_results(item_t *i, bytes_t results);     /* as a row had them */
bool item_add_result(item_t *i, const char *step, bytes_t result); /* false: too large */
void item_finish(limiter_t *l, item_t *i, uint8_t state);  /* DONE or DEAD: saves, leaves, frees */
letter_t *letter_new(bytes_t source, bytes_t labels, bytes_t content_type, bytes_t trace, uint32_t fields_len,
                     blob_t *content);
void item_drop_letter(limiter_t *l, item_t *i);
void item_log(limiter_t *l, const item_t *i, enum log_event event, const char *text, const char *reason);

/* order.c: keys and turns */
key_queue_t *key_get(limiter_t *l, uint16_t route, bytes_t name);
void order_enter(limiter_t *l, item_t *i);             /* joins its key's tail, gets its turn if it is free */
void order_enter_assigned(limiter_t *l, item_t *i);    /* loaded in an actor's hands: has its turn */
void order_leave(limiter_t *l, item_t *i);             /* gives its turn on and forgets its key */
void order_wake_next(limiter_t *l, key_queue_t *k);
void keys_destroy(limiter_t *l);

/* dispatch.c: who runs next */
void offer(limiter_t *l, item_t *i);                   /* it has its turn: wait for time or connection */
void hold(limiter_t *l, item_t *i, const char *reason);
void item_park(limiter_t *l, item_t *i);               /* accepted during a drain */
void unpark_all(limiter_t *l);
void pause_until(limiter_t *l, item_t *i, instant_t due);
void step_ended(limiter_t *l, item_t *i);              /* done, skipped or given up: the next one, or the end */
void pump(limiter_t *l);
void slots_take(limiter_t *l, const step_t *step);
void slots_give(limiter_t *l, const step_t *step);
void letter_arrived(limiter_t *l, const read_result_t *read);

/* settle.c: the ends of assignments */
void settle(limiter_t *l, const msg_settle_t *s);
void unbegun(limiter_t *l, item_t *i, bool pause);     /* nothing was sent: again at no cost */
void bereave(limiter_t *l, item_t *i, bool ordered);   /* its holder is dead */
void item_die(limiter_t *l, item_t *i, const char *reason); /* whatever its route says of failures */

/* peers.c: holders, intake credit, who lives */
void peer_up(limiter_t *l, const event_t *event);
void peers_told(limiter_t *l, const msg_peers_t *peers, size_t count);
void peer_silence(limiter_t *l, const event_t *event, bool silent);
void credit_told(limiter_t *l, const event_t *event);
holder_t *holder_of(limiter_t *l, actor_kind_t actor, uint16_t instance, uint64_t generation);
holder_t *holder_of_peer(limiter_t *l, peer_t peer);
bool generation_is_dead(const limiter_t *l, uint64_t generation);
void holders_bury(limiter_t *l);                       /* dead holders' items, within the budget */
void welcome_waiting(limiter_t *l);                    /* after a phase of loading ended */
void intake_arrived(limiter_t *l, peer_t peer, uint64_t messages, uint64_t bytes); /* uses up what was given */
void intake_regrant(limiter_t *l);
bool intake_refused(const limiter_t *l, const char **why);

/* intake.c: submissions */
void submissions(limiter_t *l, const event_t *event);
void echo_arrived(limiter_t *l, const read_result_t *read);
void echoes_read(limiter_t *l);

/* load.c: after a start; keep.c: retention and redrive */
void load_start(limiter_t *l);
void mark_time(limiter_t *l, wall_t at, int64_t seq);
void load_arrived(limiter_t *l, const read_result_t *read);
void purge_told(limiter_t *l, const msg_purge_t *purge);
void purge_arrived(limiter_t *l, const read_result_t *read);
void redrive_told(limiter_t *l, const msg_redrive_t *redrive);
void redrive_arrived(limiter_t *l, const read_result_t *read);
bool read_ask(limiter_t *l, read_request_t *request);   /* false: too many open; ask later */

/* mode.c */
void mode_told(limiter_t *l, const msg_mode_t *mode);
void mode_announce(limiter_t *l, peer_t to);
void mode_load(limiter_t *l, store_t *store);
bool mode_starts_work(const limiter_t *l);

/* watch.c: what is told and repaired from time to time */
void watch(limiter_t *l);
void space_arrived(limiter_t *l, const read_result_t *read);

/* ask.c: questions of people */
void query_told(limiter_t *l, const event_t *event);
void query_arrived(limiter_t *l, const read_result_t *read);

#endif
