/* drainer.h: the inside of the drainer: policy only. It asks the limiter to act and holds nothing
 * that matters: if it dies, the last mode stays. */
#ifndef WEIR_DRAINER_DRAINER_H
#define WEIR_DRAINER_DRAINER_H

#include <jansson.h>

#include "actors/actor.h"
#include "actors/drainer/redrive.h"

#define ASKERS_MAX 16u /* people waiting for the limiter's word on a mode */
#define OPENING_WAIT_US (2 * US_PER_S) /* and not longer */
#define MODE_WAIT_US (3 * US_PER_S)
#define PURGE_EVERY_US (5 * US_PER_S)
#define PURGE_AGAIN_US (US_PER_S / 2) /* while slices come back full */
#define PURGE_ROWS 2048u

/* Who waits for the limiter to say that a mode is in force. */
typedef struct asker {
    peer_t peer;
    uint64_t number;
    work_mode_t mode, before;
    instant_t until;
} asker_t;

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
        work_mode_t mode;
        char who[129], why[REASON_BYTES_MAX + 1];
    } mode;
    bool has_pressure;
    msg_pressure_t pressure;
    struct { /* a drain because the host stops */
        bool active, confirmed, told;
        work_mode_t before; /* the mode to go back to if the stop is called off */
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

/* Tells the limiter which mode is wanted. */
void drainer_wish_mode(drainer_t *self, work_mode_t mode, bytes_t who, bytes_t why,
                       effects_t *effects);
/* A question of a person (queries.c). */
void drainer_query(drainer_t *self, peer_t from, const msg_query_t *query, now_t now,
                   effects_t *effects);
/* The mode is in force: answers who waited for it. */
void drainer_answer_askers(drainer_t *self, effects_t *effects);
/* Their time is up: 503. */
void drainer_expire_askers(drainer_t *self, now_t now, effects_t *effects);

#endif
