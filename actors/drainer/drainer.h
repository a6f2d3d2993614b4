/* drainer.h: the inside of the drainer: policy only. It asks the limiter to act and holds nothing
 * that matters: if it dies, the last mode stays. */
#ifndef WEIR_DRAINER_DRAINER_H
#define WEIR_DRAINER_DRAINER_H

#include <jansson.h>

#include "actors/actor.h"
#include "actors/drainer/modes.h"
#include "actors/drainer/redrive.h"
#include "core/estimate.h"

#define ASKERS_MAX 16u /* people waiting for the limiter's word on a mode */
#define OPENING_WAIT_US (2 * US_PER_S) /* and not longer */
#define MODE_WAIT_US (8 * US_PER_S) /* a slow disk; the supervisor waits 10 s */
#define CANCEL_WAIT_US (4 * US_PER_S) /* for calls that are cancelled; /admin waits 5 s */
#define PURGE_EVERY_US (5 * US_PER_S)
#define PURGE_AGAIN_US (US_PER_S / 2) /* while slices come back full */
#define PURGE_ROWS 2048u

/* Who waits for the limiter to say that a mode is in force. */
typedef struct asker {
    peer_t peer;
    uint64_t number;
    work_mode_t mode, before;
    bool safe, was_safe, cancel;
    uint64_t cancelled, unknown; /* as the limiter counted before */
    char route[NAME_BYTES_MAX + 1]; /* its drain alone; empty: the mode of all */
    char who[129], why[REASON_BYTES_MAX + 1]; /* of a route's: `wanted` keeps those of all */
    instant_t until;
} asker_t;

/* What the limiter is to do, as ordered last: by people and by the rules. */
typedef struct wanted {
    work_mode_t mode;
    bool by_hand, safe, refuse;
    bool cancel; /* of maintenance: calls in flight are cancelled */
    unsigned pace_percent;
    char who[129], why[REASON_BYTES_MAX + 1], safe_why[REASON_BYTES_MAX + 1];
} wanted_t;

typedef struct drain {
    bool active, done;
    instant_t since;
    int64_t last_us; /* the latest drain that came to its end took */
} drain_t;

typedef struct drainer {
    const config_t *config;
    peer_t limiter; /* PEER_NOBODY until it was up once */
    bool is_up, standby;
    struct { /* READY waits for the limiter: before that no order could be passed on */
        bool begun, done;
        instant_t by;
    } opening;
    struct { /* what the limiter said last */
        bool known;
        bool stopping; /* an earlier drainer was told of the stop: what lasts is not said */
        work_mode_t mode;
        bool safe, cancel, cancelling;
        uint64_t cancelled, unknown;
        int64_t since_us; /* wall clock; 0: not known */
        char who[129], why[REASON_BYTES_MAX + 1];
    } mode;
    wanted_t wanted;
    unsigned unanswered; /* words that the limiter owes: the first of its link and one an order;
                            until the last has come what it says is old */
    bool resumed;        /* what the rules did before this life was taken over */
    modes_t modes;
    bool *routes;        /* as config->routes: it drains alone */
    drain_t drain;
    estimate_t pace;     /* of messages that end */
    bool has_pressure;
    msg_pressure_t pressure;
    struct { /* a drain because the host stops */
        bool active, confirmed, told;
        instant_t until;
    } stop;
    redrive_t redrive;
    struct {
        instant_t due;
        uint64_t done, dead;
        bool asked;
    } purge;
    asker_t askers[ASKERS_MAX];
    size_t asker_count;
} drainer_t;

static inline bool drainer_stops(const drainer_t *self)
{
    return self->stop.active || self->mode.stopping;
}

/* work_mode.c. What is wanted from now on; drainer_wish() tells the limiter. */
void drainer_want(drainer_t *self, work_mode_t mode, bool by_hand, bytes_t who, bytes_t why);
void drainer_want_safe(drainer_t *self, bool safe, bytes_t who, bytes_t why);
void drainer_wish(drainer_t *self, effects_t *effects);
/* The stop: draining, for as long as it lasts; called off: what was wanted before. */
void drainer_wish_stopping(drainer_t *self, bool stopping, effects_t *effects);
void drainer_on_mode(drainer_t *self, const msg_mode_t *mode, now_t now, effects_t *effects);
void drainer_apply_rules(drainer_t *self, now_t now, effects_t *effects);
/* before: the report before this one, of the same limiter; NULL: there is none. */
void drainer_follow_pace(drainer_t *self, const msg_pressure_t *before,
                         const msg_pressure_t *pressure, now_t now, effects_t *effects);
json_t *drainer_mode_shown(const drainer_t *self, now_t now); /* the caller's */

/* A question of a person (queries.c). */
void drainer_query(drainer_t *self, peer_t from, const msg_query_t *query, now_t now,
                   effects_t *effects);
/* The limiter said the mode of all, or that of one route: answers who waited for it. */
void drainer_answer_askers(drainer_t *self, bytes_t route, effects_t *effects);
/* A new limiter never got the orders of those who still wait: it is told again. */
void drainer_order_again(drainer_t *self, effects_t *effects);
/* Their time is up: 503. */
void drainer_expire_askers(drainer_t *self, now_t now, effects_t *effects);

#endif
