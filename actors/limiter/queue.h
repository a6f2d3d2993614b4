/* queue.h: the inside of the limiter, shared by its files. One limiter_t owns everything.
 *
 * A message that is not finished is an item. It waits in exactly one place, for exactly one thing:
 *   KEY         behind an earlier item of its key; woken when that one leaves         (order.c)
 *   DUE         in the agenda, for its time                                           (dispatch.c)
 *   CONNECTION  in its pool's woken or ready list, or standing by (stand_by.c); for credit
 *   LIMIT       in the waiters of the first bucket (of a limit) that keeps it           (bucket.c)
 *   BODY        its letter is being read from the store                               (dispatch.c)
 *   VALUES      in the crowd, for room for its label values                        (crowd.c)
 *   HOLD        in the held list, for an operator, the end of a drain, a new configuration
 * or it is ASSIGNED, in its holder's list. Events change items and mark pools and limits as worth a
 * look; pump() alone gives out work, within a budget a step. Memory runs ahead of the disk: nothing
 * leaves before its batch is durable (the carrier's rule); a store that fails ends this life. */
#ifndef WEIR_LIMITER_QUEUE_H
#define WEIR_LIMITER_QUEUE_H

#include "actors/limiter/crowd.h"
#include "actors/limiter/holder.h"
#include "actors/limiter/item.h"
#include "actors/limiter/lease.h"
#include "actors/limiter/limiter.h"
#include "core/bugs.h"
#include "core/prints.h"
#include "core/rand.h"
#include "core/seqmap.h"

#define READS_MAX 192   /* reads open at once; the store takes 256 */
#define ECHOES_MAX 4096 /* duplicates that wait for a read */
#define QUERIES_MAX 64
#define LOAD_PART 4 /* of a step's wishes: so many messages are loaded in it */
#define ITEMS_MAX (16u << 20)
#define STEP_BUDGET 4096 /* moves of pump() in one step */
#define STEP_RESERVE 8   /* this part of a step's wishes is for what is begun and what is told */
#define PRESSURE_US (500 * US_PER_MS)
#define SWEEP_US (5 * US_PER_S)
#define UNBEGUN_PAUSE_US (50 * US_PER_MS)
#define NO_ROUTE UINT16_MAX
#define SUSPECT_DEATHS 2
#define KEYS_COUNTING_MAX 65536
#define LEASES_MOST 1000000u /* that queue.leases_max may say; as many tombstones */
#define STRICT_ROOM 65536 /* leases above queue.leases_max for calls whose actor died */
#define PACE_ROOM (WINDOW_BYTES_MAX + 128) /* bytes of one kept pace */

typedef struct pool {
    list_t woken; /* by a bucket, or with its letter read */
    fair_t ready;
    list_t stand_bys;                      /* stand_by.h: those of whom one is to be called */
    crowd_line_t crowd;
    size_t standing, reading, next_holder; /* standing: in all of its stand-bys */
    bool look;
} pool_t;

/* A duplicate of a message that is not in memory: its verdict waits for a read. */
typedef struct echo {
    peer_t peer;
    msgid_t id;
    int64_t seq;
    dedup_print_t print;
    uint64_t body_hash;
    bool used, asked, same_body;
} echo_t;

struct limiter {
    const birth_t *birth;
    const config_t *config;
    rand_t chance;
    uint64_t epoch, hash_seed;
    now_t now;    /* of the step that runs */
    effects_t *e; /* of the step that runs */
    tally_t tally;
    uint64_t live_bytes_cached;

    enum { LOAD_PRINTS, LOAD_MESSAGES, LOADED } phase;
    int64_t load_from, boundary; /* seqs from boundary on came in this life */
    bool new_boot;
    list_t newcomers; /* accepted while loading or unparking; enter their keys after it */
    list_t held;      /* HELD: by item.place */
    list_t jobs;      /* needs of who holds its route's slots */
    size_t parked;    /* of these, accepted during a drain: they enter after it */
    list_node_t *unpark_next; /* of held: the next to be looked at, when a gate opened; else NULL */

    seqmap_t *live, *asked; /* items by seq; needs by the hash of the lease they ask for */
    prints_t *prints;
    key_queue_t **buckets;
    size_t bucket_mask, key_count;
    list_t counting; /* keys without items, at most KEYS_COUNTING_MAX: in the order they got so */
    crowd_t crowd;
    agenda_t *agenda;
    pool_t *pools;
    fair_rules_t rules;
    limit_state_t *limits; /* as config->limits */
    bucket_t **bucket_table;
    size_t table_mask, bucket_count;
    list_t looking;        /* buckets whose first waiter may be able to pass */
    agenda_t *wakes;       /* buckets whose first waiter only time keeps */
    bucket_t **dirty;      /* whose pace changed in this step */
    size_t dirty_count, dirty_room;
    list_t late;           /* whose kept pace may wait for a later step */
    uint8_t *pace_room;
    json_t *paces_over;    /* names of kept ones that nothing needs any more, to be dropped */
    unsigned pace_percent; /* slow_down: so much of every rate and limit */
    bool safe;             /* no automated replies */
    bool refuse;           /* a rule of modes: no new work */
    bool by_hand;          /* a person chose the mode */
    char safe_why[REASON_BYTES_MAX + 1];
    wall_t mode_since;
    char **drained;      /* as config->routes: who drains it alone, and why; NULL: it is open */
    struct recent *recent; /* calls of the last minute: as config->downstreams, then over all */
    int64_t oldest_from; /* no message before this seq waits or runs */
    uint64_t memory, ended; /* resident bytes, at the last look; messages that ended in this life */
    bool releases;         /* a route begins with a release */
    struct lease **leases; /* by hash of the id */
    size_t lease_count, tombstone_count; /* the first counts both */
    agenda_t *expiries;
    list_t lease_ends;     /* not told to the ingresses yet */
    uint64_t fences;       /* of leases, in this life */
    struct truth_state *truths;
    uint64_t *of_source;   /* messages not finished, as config->sources */
    struct of_route {
        uint64_t live, assigned, held; /* messages not finished; of these */
        int64_t ages_from; /* none that waits and has a smaller seq is too old (poison.c) */
    } *of_route;                       /* as config->routes, the last one: of none */
    holder_t *holders[HOLDERS_MAX];
    size_t holder_count;
    intake_t intakes[INTAKES_MAX];
    size_t intake_count;
    peer_t drainer;
    uint64_t drainer_generation;
    uint64_t alive[HOLDERS_MAX];
    size_t alive_count;
    bool alive_known;
    uint64_t buried[256];
    size_t buried_next; /* generations that died lately */

    int64_t *changed; /* seqs of items to save at the end of the step: as many as one touches */
    size_t changed_count, changed_room;
    bool tally_changed, look;
    size_t budget, reads;
    echo_t *echoes;
    size_t echo_count;
    struct question {
        bool used, dead_only;
        enum { ACT_LOOK, ACT_REDRIVE, ACT_DROP, ACT_HOLD, ACT_RELEASE, ACT_CANCEL, ACT_CLASS } act;
        uint8_t class;
        peer_t asker;
        uint64_t number;
        char who[129], why[REASON_BYTES_MAX + 1]; /* of an order about a message; "" */
    } questions[QUERIES_MAX];
    struct {
        struct question q; /* used: an order about a route's messages is carried out in slices */
        uint16_t route;
        int64_t next, end; /* seqs */
        uint64_t changed, left;
    } bulk;
    struct { wall_t at; int64_t seq; } marks[1024];
    struct {
        enum { BACKUP_NONE, BACKUP_RUNS, BACKUP_WHOLE, BACKUP_CANCELLED, BACKUP_FAILED } state;
        uint64_t bytes, of_bytes;
        int error;
    } backup;
    size_t mark_count; /* which seq began which hour */
    msg_verdict_t *verdicts;
    int64_t *accepted; /* as verdicts: the seq of what was accepted now; 0: it was not */
    size_t verdict_count; /* of the submissions of this step */
    size_t settled_count; /* answers that the settles of this step get */

    uint8_t mode;
    bool stopping;
    struct {
        bool ordered;           /* maintenance with calls in flight cancelled */
        bool runs;              /* not all of them have ended */
        uint64_t calls, unknown; /* cancelled in this life; of these with an unknown outcome */
        uint64_t told;          /* of calls, in the journal already */
    } cancel;
    char mode_who[129], mode_why[REASON_BYTES_MAX + 1];
    bool disk_full, disk_low;
    uint64_t disk_free;
    uint64_t assigned, repairs, loaded, damaged;
    bool space_asked, purging[2]; /* a read for it is open */
    int64_t wall_ahead_us, started_ahead_us; /* of the boot clock; 0: not looked at yet */
    instant_t pressure_at, sweep_at, ages_at;
};

#endif
