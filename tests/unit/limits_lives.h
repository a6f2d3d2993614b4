/* limits_lives.h: reloads under a limits_rig, and deaths of its responder. */
#ifndef WEIR_TESTS_LIMITS_LIVES_H
#define WEIR_TESTS_LIMITS_LIVES_H

#include "limits_rig.h"

/* The limiter starts anew with another configuration; the responder lives on with what it has in
 * hand. */
static inline void limits_reload(rig_t *r, const char *more, const char *limits, const char *routes)
{
    static msg_holding_t holding[HAND_MAX];
    char json[CONFIG_ROOM];
    rig_crash(r);
    config_destroy(&r->config);
    r->config = rig_config(limits_json(json, more, limits, routes));
    rig_start(r);
    for (size_t n = 0; n < hand.count; n++)
        holding[n] = (msg_holding_t){hand.of[n]->seq, hand.of[n]->attempt, hand.of[n]->fence};
    rig_hello(r, CONN_INGRESS, ACTOR_INGRESS, 11, NULL);
    rig_hello(r, CONN_CLASSIFIER, ACTOR_CLASSIFIER, 21, NULL);
    rig_hello_holding(r, CONN_RESPONDER, ACTOR_RESPONDER, 31, holding, hand.count);
    rig_credit(r, CONN_RESPONDER, "d", 100000);
}

/* In each life of the limiter, before the first death. */
static inline void limits_supervisor(rig_t *r)
{
    const msg_hello_t *last = NULL;
    for (const msg_hello_t *m; (m = rig_next(r, CONN_SUPERVISOR, MESSAGE_HELLO));)
        last = m;
    assert_non_null(last);
    r->link[CONN_SUPERVISOR] = (uint32_t)last->link;
    r->number[CONN_SUPERVISOR] = 0;
    rig_say(r, CONN_SUPERVISOR, MESSAGE_WELCOME, &(msg_welcome_t){.link = last->link});
}

/* The responder dies, and another one takes its place. */
static inline void limits_death(rig_t *r, uint64_t generation)
{
    rig_say(r, CONN_SUPERVISOR, MESSAGE_PEERS,
            &(msg_peers_t){.actor = ACTOR_RESPONDER, .generation = generation, .life = LIFE_DEAD});
    hand.count = 0;
    rig_hello(r, CONN_RESPONDER, ACTOR_RESPONDER, generation + 1, NULL);
    rig_credit(r, CONN_RESPONDER, "d", 100000);
}

#endif
