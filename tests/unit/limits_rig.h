/* limits_rig.h: a limiter_rig with limits and routes of the test's own, a responder that takes
 * whatever it is given, and its hand: what it has and has not ended yet. Configurations are written
 * with ' for ". */
#ifndef WEIR_TESTS_LIMITS_RIG_H
#define WEIR_TESTS_LIMITS_RIG_H

#include "actors/limiter/queue.h"
#include "limiter_peers.h"

#define HAND_MAX 2048
static struct {
    const msg_assign_t *of[HAND_MAX];
    size_t count;
} hand;

#define CALL(more) "{'name':'go'," more "'call':{'downstream':'d','path':'/x'}}"
#define ROUTE(name, more, steps)                                                                   \
    "'" name "':{'path':'/" name "','source':'s','key':'/message/k','labels':{'l':'/message/l'}"   \
    "," more "'steps':[" steps "]}"

static inline limiter_t *limits_self(const rig_t *r) { return carrier_self(r->carrier); }

static inline void limits_up(rig_t *r)
{
    hand.count = 0;
    rig_peers_up(r);
    rig_credit(r, CONN_RESPONDER, "d", 100000);
    rig_credit(r, CONN_RESPONDER, "breaks", 100000);
}

#define CONFIG_ROOM 8192
/* more: further sections, each with a comma behind it. */
static inline const char *limits_json(char *json, const char *more, const char *limits,
                                      const char *routes)
{
    int length = snprintf(
        json, CONFIG_ROOM,
        "{'state_dir':'/tmp/x','run_dir':'/tmp/y',%s'sources':{'s':{'auth':'none-on-loopback'}},"
        "'downstreams':{"
        "'d':{'url':'http://127.0.0.1:9','allow_private':true,'idempotent':true,'total_ms':5000,"
        "'breaker':{'percent':0,'consecutive':0}},"
        "'breaks':{'url':'http://127.0.0.1:9','allow_private':true,'idempotent':true,"
        "'breaker':{'percent':0,'consecutive':3,'open_ms':1000}}},"
        "'limits':{%s},'routes':{%s}}",
        more, limits, routes);
    must(length > 0 && length < CONFIG_ROOM);
    for (char *c = json; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    return json;
}

static inline rig_t *limits_rig(const char *more, const char *limits, const char *routes)
{
    char json[CONFIG_ROOM];
    rig_t *r = rig_new(limits_json(json, more, limits, routes));
    limits_up(r);
    return r;
}

typedef struct offer {
    unsigned n;
    const char *route, *value, *key; /* value: of label l */
    uint64_t class;
} offer_t;

/* labels: 128 bytes, which the submission uses */
static inline msg_submit_t limits_submit(offer_t o, char *labels)
{
    msgid_t id = rig_id(o.n);
    snprintf(labels, 128, "{\"l\":\"%s\"}", o.value ? o.value : "");
    msg_submit_t s = {.id = id,
                      .source = bytes_str("s"),
                      .route = bytes_str(o.route),
                      .body_hash = o.n,
                      .key = bytes_str(o.key ? o.key : ""),
                      .labels = bytes_str(labels),
                      .class = o.class,
                      .received_us = 1,
                      .body = bytes_str("{}"),
                      .fields = bytes_str("{}")};
    memcpy(s.print.b, id.b, 16);
    return s;
}

static inline void limits_offer(rig_t *r, offer_t o)
{
    char labels[128];
    msg_submit_t s = limits_submit(o, labels);
    rig_say(r, CONN_INGRESS, MESSAGE_SUBMIT, &s);
}

/* `count` of them in one frame. Nothing is committed yet: the limiter stands after that step. */
static inline void limits_offers_at_once(rig_t *r, offer_t o, unsigned count)
{
    char labels[128];
    frame_builder_t *b = frame_builder_new();
    frame_begin(b, MESSAGE_SUBMIT);
    for (unsigned last = o.n + count; o.n < last; o.n++) {
        msg_submit_t s = limits_submit(o, labels);
        assert_int_equal(frame_add(b, &s), 0);
    }
    bytes_t frame = frame_finish(b, 0, r->link[CONN_INGRESS], ++r->number[CONN_INGRESS]);
    carrier_frame(r->carrier, CONN_INGRESS, frame, r->now);
    frame_builder_destroy(&b);
}

/* `count` of them: n, n + 1 ... */
static inline void limits_offers(rig_t *r, offer_t o, unsigned count)
{
    for (unsigned last = o.n + count; o.n < last; o.n++)
        limits_offer(r, o);
}

/* What was assigned since: into the hand. How many. */
static inline size_t hand_fill(rig_t *r)
{
    size_t before = hand.count;
    for (const msg_assign_t *a; (a = rig_assign(r, CONN_RESPONDER)); hand.count++) {
        must(hand.count < HAND_MAX);
        hand.of[hand.count] = a;
    }
    return hand.count - before;
}

static inline long hand_find(unsigned n)
{
    msgid_t id = rig_id(n);
    for (size_t at = 0; at < hand.count; at++)
        if (msgid_equal(&hand.of[at]->id, &id))
            return (long)at;
    return -1;
}
static inline bool in_hand(unsigned n) { return hand_find(n) >= 0; }

static inline void hand_settle(rig_t *r, unsigned n, unsigned outcome, unsigned status,
                               uint64_t retry_after_ms)
{
    long at = hand_find(n);
    assert_true(at >= 0);
    const msg_assign_t *a = hand.of[at];
    hand.of[at] = hand.of[--hand.count];
    rig_say(r, CONN_RESPONDER, MESSAGE_SETTLE,
            &(msg_settle_t){.seq = a->seq,
                            .attempt = a->attempt,
                            .fence = a->fence,
                            .outcome = outcome,
                            .wrote = outcome != OUTCOME_UNBEGUN,
                            .status = status,
                            .retry_after_ms = retry_after_ms,
                            .result = outcome == OUTCOME_OK ? bytes_str("{}") : bytes_str(""),
                            .reason = outcome == OUTCOME_OK ? bytes_str("") : bytes_str("no")});
    hand_fill(r);
}
static inline void hand_ok(rig_t *r, unsigned n) { hand_settle(r, n, OUTCOME_OK, 200, 0); }

static inline bool is_done(rig_t *r, unsigned n) { return rig_state(r, n) == STATE_DONE; }

/* kill -9 of the limiter; its peers come back with nothing in hand. */
static inline void limits_restart(rig_t *r, bool reboot)
{
    rig_crash(r);
    r->reboot = reboot;
    rig_start(r);
    limits_up(r);
}

/* slow_down to so many percent */
static inline void limits_pace(rig_t *r, unsigned percent)
{
    rig_hello(r, CONN_DRAINER, ACTOR_DRAINER, 51, NULL);
    rig_say(r, CONN_DRAINER, MESSAGE_MODE,
            &(msg_mode_t){.who = bytes_str("test"), .pace_percent = percent});
}

static inline const bucket_t *limits_bucket(rig_t *r, const char *limit)
{
    limiter_t *l = limits_self(r);
    long n = config_limit(l->config, bytes_str(limit));
    assert_true(n >= 0 && l->limits[n].only);
    return l->limits[n].only;
}

#define LIMITS_MAIN(list)                                                                          \
    int main(void) { return cmocka_run_group_tests(list, NULL, NULL); }

#endif
