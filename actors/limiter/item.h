/* item.h: one message that is not finished, the order of its key, and what can be done with one. */
#ifndef WEIR_LIMITER_ITEM_H
#define WEIR_LIMITER_ITEM_H

#include "actors/limiter/needs.h"
#include "core/agenda.h"
#include "core/list.h"
#include "store/store.h"
#include "sys/log.h"

/* What an assignment needs of the envelope. Kept while the cache has room, else read again when
 * due. */
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
    uint32_t of_class[CLASS_COUNT]; /* of its items, those not finished */
    gcra_t loop;                    /* how fast its messages come in */
    list_node_t counting;           /* in l->counting: nobody names it, but that is not forgotten */
    uint32_t hash;
    uint16_t route, length;
    char name[];
} key_queue_t;

typedef struct item {
    fair_node_t place; /* the one list it waits or is held in */
    list_node_t turn;  /* in its key's items */
    union { /* a million of these wait at once: what is never needed together shares its place */
        agenda_entry_t due; /* not ASSIGNED: not before due.due (0: at once) */
        struct {
            struct holder *by;
            uint64_t fence;
            int64_t start_by_us;
        } hand; /* ASSIGNED */
    };
    int64_t seq;
    msgid_t id;
    wall_t accepted;
    int64_t order_us; /* its time in core/fair.h: when it, or whom it stands for, was accepted */
    int64_t born_us;  /* for its age: when it was accepted, by the same clock */
    key_queue_t *key;       /* NULL: no order */
    letter_t *letter;       /* NULL: read it when due */
    needs_t *job, *needs;   /* of its route, of its step; NULL: not looked for yet, or none */
    char *results, *reason; /* owned; NULL: none */
    uint32_t results_len, bytes, attempt;
    uint32_t since_ms; /* when it began to wait for what it waits for, the clock's low bits */
    uint32_t flow;  /* whose turn: hash of the value of fair_by; 0: the common one */
    uint16_t failed, deaths, flags;
    uint16_t route; /* index, or NO_ROUTE */
    uint8_t step, state, blocker, class;
    uint8_t waits_on; /* LIMIT, or woken by one: which need, WAITS_* */
    uint8_t woken_by; /* woken, and tried now: what waits_on was */
    uint8_t standing; /* stand_by.h */
    uint8_t weight;   /* of its flow */
    uint8_t drew;     /* bit n: from rate and cap of its route's nth limit, once for all tries */
    bool has_turn : 1, dirty : 1, woken : 1, reading : 1, parked : 1;
    bool merged : 1;   /* its needs are those of the message in whose place it is */
    bool in_vain : 1;  /* woken for this step before, and kept by another limit: its age counts */
    bool job_held : 1; /* the route's limits are taken */
    bool job_new : 1;  /* with the assignment that runs, or ran last */
    bool gives_back : 1; /* its first step is a release: no drain and no full queue keeps it out */
    bool kept_out : 1;   /* its row says so, though it has not entered */
    bool lost : 1;       /* its route or step is gone: its row stays, for when that comes back */
} item_t;
_Static_assert(sizeof(item_t) <= 200, "a million of these wait at once");
/* waits_on: nth of needs; WAITS_JOB and nth of job; the switch of its route; nothing */
enum { STANDS_NOT, STANDS_BY, CALLED };
enum { WAITS_JOB = 64, WAITS_GATE = 254, WAITS_NOTHING = 255 };

static inline bool item_is_placed(const item_t *i) { return i->place.place.next != NULL; }
/* It waits to enter its key behind those that are being loaded or unparked. */
static inline bool item_is_newcomer(const item_t *i)
{
    return i->state == STATE_QUEUED && i->blocker == BLOCKER_NONE && item_is_placed(i);
}
#define item_of(node) list_of(node, item_t, place.place)

/* items.c: making, saving and ending items */
item_t *item_new(limiter_t *l, int64_t seq);
void item_free(limiter_t *l, item_t *i);
void item_touch(limiter_t *l, item_t *i); /* saved at the end of the step */
void item_save(limiter_t *l, item_t *i);  /* saved now */
void items_save_changed(limiter_t *l);
void item_set_reason(item_t *i, const char *text, size_t length);
void item_take_results(item_t *i, bytes_t results);                /* as a row had them */
bool item_add_result(item_t *i, const char *step, bytes_t result); /* false: too large */
/* The older one has not begun, and the newer one of its key waits nowhere yet: that one stands in
 * its place from now on, and the older message ends. One of the two records is gone then. */
void item_merge(limiter_t *l, item_t *older, item_t *newer);
void item_finish(limiter_t *l, item_t *i, uint8_t state); /* DONE or DEAD: saves, leaves, frees */
letter_t *letter_new(bytes_t source, bytes_t labels, bytes_t content_type, bytes_t trace,
                     uint32_t fields_len, blob_t *content);
void source_count(limiter_t *l, const item_t *i, int more);
void item_flow(limiter_t *l, item_t *i, bytes_t labels); /* after its route is known */
void item_drop_letter(limiter_t *l, item_t *i);
void letter_spare(limiter_t *l, item_t *i); /* it is not needed now: over the bound it goes */
void item_tell(limiter_t *l, const item_t *i, enum log_event event, const char *what,
               const char *reason);
void item_log(limiter_t *l, const item_t *i, enum log_event event, const char *text,
              const char *reason);

/* wait.c */
void wait_until(limiter_t *l, item_t *i, instant_t due); /* with the slots that it has */
bucket_t *item_waker(const limiter_t *l, const item_t *i); /* what woke it; its `woken` is true */
bool item_is_before(const limiter_t *l, const item_t *a, const item_t *b); /* as in core/fair.h */

/* poison.c: below 0: it is older than its route allows */
int64_t item_age_left_us(const limiter_t *l, const item_t *i);
void ages_watch(limiter_t *l); /* those that are and wait end */

/* order.c: keys and turns */
int64_t order_now(const limiter_t *l); /* for order_us, born_us */
key_queue_t *key_get(limiter_t *l, uint16_t route, bytes_t name);
void item_set_class(limiter_t *l, item_t *i, uint8_t class); /* for good */
uint8_t stored_class(uint8_t envelope, uint32_t flags); /* of a row: as accepted, or set since */
uint8_t item_class(const item_t *i); /* its own, or the best that waits in its key */
void order_enter(limiter_t *l, item_t *i); /* joins its key's tail, gets its turn if it is free */
void order_enter_assigned(limiter_t *l, item_t *i); /* loaded in an actor's hands: has its turn */
void order_leave(limiter_t *l, item_t *i);          /* gives its turn on and forgets its key */
void order_wake_next(limiter_t *l, key_queue_t *k);
void keys_sweep(limiter_t *l); /* those without items whose count of a minute is over go */
void keys_destroy(limiter_t *l);

#endif
