/* bucket.h: one label value's part of a limit (a limit without labels has one): what is in use,
 * what it may pass and when, and who waits for it. A limit that shares by a label has two for each
 * message: the whole, and the value's share of it.
 *
 * bucket_can() alone decides; nothing is counted by asking. Slots are counted by bucket_take() and
 * bucket_give(), rates and caps are used up by the first and come back by bucket_refund() only if
 * nothing was sent. Who waits is woken by bucket_pump() in the order of core/fair.h, as many as
 * could pass; who is woken and cannot run parks on its new blocker, and the wake goes on. */
#ifndef WEIR_LIMITER_BUCKET_H
#define WEIR_LIMITER_BUCKET_H

#include <jansson.h>

#include "actors/actor.h"
#include "core/adaptive.h"
#include "core/agenda.h"
#include "core/breaker.h"
#include "core/calendar.h"
#include "core/estimate.h"
#include "core/fair.h"
#include "core/gcra.h"
#include "core/overrides.h"
#include "core/slow_start.h"
#include "core/window.h"
#include "store/store.h"
#include "sys/config.h"

#define SLOTS_ANY UINT32_MAX
#define LABEL_VALUE_MAX 200 /* bytes of a value that count */
#define BUCKET_NAME_MAX 1100 /* limit's name, values joined by 0x1f */

typedef struct limiter limiter_t;
typedef struct bucket bucket_t;

/* A limit as it is now: the configuration's, and what people changed while it runs. */
typedef struct limit_state {
    const limit_t *limit;
    uint16_t index;
    uint32_t slots, count, cap; /* as set: slots (SLOTS_ANY: no maximum), the rate's, the cap's */
    int64_t period_us;        /* of the rate */
    int64_t slack_us;         /* shape window: a take reaches the wire within it, for now */
    int64_t slack_least_us, slack_most_us;
    instant_t slack_at;       /* when it last changed, or was too short */
    bool observe, disabled;   /* disabled: everything passes and nothing is counted as kept */
    bool pinned;              /* neither adaptive nor slow_down touch it */
    bool touched;             /* by people, or leases granted while we were away: in this life
                                 more may be in use than there may be */
    json_t *by_hand;          /* what is not the configuration's, and who said so (change.c) */
    override_t *values[LIMIT_NUMBERS]; /* those set by hand, then the configuration's */
    overrides_t *overrides[LIMIT_NUMBERS]; /* of values; NULL: none */
    bucket_t *only;           /* of a limit without labels; else NULL */
    uint64_t kept, would_keep, drift; /* how often it kept somebody; observed; leases corrected */
} limit_state_t;

struct bucket {
    struct bucket *next; /* in its hash chain */
    limit_state_t *of;
    bucket_t *whole;     /* this is the share of one value in it; NULL: not a share */
    fair_t waiters;
    struct stand_by *stand_bys; /* of its waiters, those without a connection; by pool */
    agenda_entry_t wake;    /* when its first waiter could pass, if only time keeps it */
    list_node_t looking;    /* in l->looking: its first waiter may be able to pass */
    uint32_t users;         /* needs that name it */
    uint32_t slots, count;  /* of this value, as overridden */
    uint32_t in_use, woken; /* woken: cost of those on their way */
    uint32_t counted, counted_slow; /* in_use and slow.out counted anew, for limiter_check() */
    gcra_rate_t rate;
    gcra_t gcra;
    window_t *window;       /* shape window; else NULL */
    calendar_cap_t cap;     /* of this value; zone NULL: none */
    calendar_use_t used;
    int64_t paused_until_us; /* Retry-After, breaker */
    slow_start_t slow;
    estimate_t leaving;     /* how fast its slots are given back while any is in use */
    struct { adaptive_t now; adaptive_rules_t rules; } *adaptive; /* NULL: the slots stay */
    struct { breaker_t now; breaker_rules_t rules; } *breaker; /* NULL: none */
    bucket_t *calls;        /* it is the budget of their retries; NULL: it is none */
    bucket_t *retries;      /* the budget of its retries; NULL: it has none */
    bool stopped;           /* by an operator: nothing passes until they say so */
    bool probe;             /* but this one */
    bool dirty;             /* its pace changed in this step */
    list_node_t late;       /* in l->late: its kept pace is an older one */
    char pause_why[48];
    uint32_t hash;
    uint16_t length;
    char name[];            /* values joined by 0x1f; of a limit without labels "" */
};

typedef struct need {
    bucket_t *bucket;
    uint32_t cost;
    gcra_receipt_t receipt; /* of the rate; 0: nothing of it was taken */
    int64_t taken_us; /* 0: in an earlier life of ours */
    int64_t felt_us;  /* shape window: as what it was taken; 0: nothing was */
    int64_t cap_receipt;
    uint32_t slow_turn; /* of the slow start that counts it; 0: none does */
    bool drew; /* from the rate and the cap, before: its slots only */
} need_t;
/* What one asks of a bucket; drew: as of a need. */
typedef struct claim {
    uint32_t cost;
    uint8_t class;
    bool drew;
    bool holds; /* it has its slots: only a pause keeps it */
} claim_t;
static inline claim_t need_claim(const need_t *need, uint8_t class)
{
    return (claim_t){need->cost, class, need->drew};
}
/* Of its route a message draws from a rate and a cap once, however often it is tried. */
static inline bool limit_counts_once(const limit_t *limit)
{
    return limit->rate.shape != RATE_NONE || limit->cap.zone;
}
/* Flows of waiters that drew before, or hold their slots; a label's value has an odd number. */
enum { FLOW_DREW = 2, FLOW_HOLDS = 4 };
enum can { CAN_NOW, CAN_LATER, CAN_CAPPED, CAN_FULL, CAN_STOPPED };
typedef struct answer_can {
    enum can can;
    instant_t at; /* LATER, CAPPED: not before this */
} answer_can_t;

/* bucket.c */
void buckets_start(limiter_t *l);
void buckets_end(limiter_t *l);
bucket_t *bucket_get(limiter_t *l, limit_state_t *of, bytes_t values, bytes_t share);
bool bucket_is_there(const limiter_t *l, const limit_state_t *of, bytes_t values, bytes_t share);
size_t buckets_room(const limiter_t *l); /* how many more there may be */
void bucket_release(limiter_t *l, bucket_t *b); /* one user less */
uint32_t limit_burst(const limit_t *limit, uint32_t count); /* with another count than its own */
void bucket_set(limiter_t *l, bucket_t *b);     /* its limit was changed */
bool bucket_is_idle(const limiter_t *l, const bucket_t *b);
void bucket_end(limiter_t *l, bucket_t *b);
/* Every bucket, in no order. */
void buckets_each(limiter_t *l, void (*each)(limiter_t *l, bucket_t *b, void *arg), void *arg);
/* As many as there may be for a message of this class now; SLOTS_ANY: no maximum. */
uint32_t bucket_slots(const limiter_t *l, const bucket_t *b, uint8_t class);
/* What costs more never passes; SLOTS_ANY: all may, or where this class has 0 slots, nobody of it
 * for now. */
uint32_t bucket_most(const bucket_t *b, uint8_t class);
unsigned limit_pace(const limiter_t *l, const limit_state_t *s); /* percent of its rates, now */
gcra_rate_t bucket_rate(const limiter_t *l, const bucket_t *b); /* at the pace of now */
answer_can_t bucket_can(const limiter_t *l, const bucket_t *b, uint32_t ahead, claim_t claim);
/* Who is woken next, and whether it may pass; somebody waits. */
struct item *bucket_next(const limiter_t *l, const bucket_t *b, answer_can_t *can);
bool bucket_has_line(const limiter_t *l, const bucket_t *b, claim_t claim); /* to wait behind */
void bucket_take(limiter_t *l, need_t *need);
void bucket_hold(limiter_t *l, const need_t *need); /* loaded: its slot only */
void bucket_give(limiter_t *l, const need_t *need);
void bucket_refund(limiter_t *l, const need_t *need); /* nothing was sent */
void bucket_look(limiter_t *l, bucket_t *b);
void bucket_pump(limiter_t *l, bucket_t *b);
void bucket_pause(limiter_t *l, bucket_t *b, instant_t until, const char *why);
void bucket_start_slowly(limiter_t *l, bucket_t *b); /* after a pause */
/* slack.c */
void slack_set(limiter_t *l, limit_state_t *s); /* its period may be another */
void slacks_shrink(limiter_t *l);
/* kept.c: rates over restarts */
void bucket_changed(limiter_t *l, bucket_t *b); /* its row is in this step's commit */
/* In one soon: until then the row, read with the rate that it is of, says no less. */
void bucket_changed_late(limiter_t *l, bucket_t *b);
void paces_save(limiter_t *l);
void paces_load(limiter_t *l, store_t *store);
void paces_sweep(limiter_t *l); /* buckets that nobody needs go, a bounded slice a call */
/* change.c */
void limit_set(limiter_t *l, limit_state_t *s); /* as the configuration and people say now */
void limit_end(limit_state_t *s);
/* estimates.c */
/* When who was refused had better come again. */
uint64_t bucket_retry_ms(const limiter_t *l, const bucket_t *b, answer_can_t why, uint32_t cost);
/* What its sender is told of a message accepted in this step: how many of its route wait before it,
 * and when it should start. At the end of the step, when it may have begun. */
uint64_t queue_ahead(const limiter_t *l, uint16_t route);
void accepted_place(const limiter_t *l, int64_t seq, msg_verdict_t *verdict);
/* In how long the nth from now gets what it waits for there; at: when time lets it pass. */
int64_t bucket_estimate_us(const limiter_t *l, const bucket_t *b, answer_can_t why, uint64_t nth,
                           sureness_t *sure);
/* shown.c */
void bucket_value(const bucket_t *b, char *out, size_t size);  /* for people: "a/b, c" */
void bucket_shown(const bucket_t *b, char *out, size_t size);  /* as the limit's `shown` says */
#define BUCKET_SHOWN_ROOM (BUCKET_NAME_MAX + 256)
/* Of the limit with this name; of a downstream's or a route's own it names these, too. */
log_line_t limit_line(enum log_event event, const char *limit, const char *text);
/* Cut to SHOWN_BYTES_MAX; it lies in `out`. */
bytes_t bucket_shown_short(const bucket_t *b, char out[BUCKET_SHOWN_ROOM]);
/* The number of the override that holds for it, or `otherwise`. */
uint32_t bucket_number(const bucket_t *b, enum limit_number of, uint32_t otherwise);

#endif
