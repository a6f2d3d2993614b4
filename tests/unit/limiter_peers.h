/* limiter_peers.h: the peers of a limiter_rig, played by the test: what they say, and what was said
 * to them. */
#ifndef WEIR_TESTS_LIMITER_PEERS_H
#define WEIR_TESTS_LIMITER_PEERS_H

#include "limiter_rig.h"

/* One frame of one item from the peer at conn. */
static inline void rig_say(rig_t *r, conn_t conn, enum message_type type, const void *item)
{
    frame_builder_t *b = frame_builder_new();
    frame_begin(b, type);
    assert_int_equal(frame_add(b, item), 0);
    carrier_frame(r->carrier, conn, frame_finish(b, 0, r->link[conn], ++r->number[conn]), r->now);
    frame_builder_destroy(&b);
    rig_settle(r);
}

static inline void rig_hello_holding(rig_t *r, conn_t conn, actor_kind_t actor, uint64_t generation,
                                     const msg_holding_t *holding, size_t count)
{
    r->link[conn]++;
    r->number[conn] = UINT64_MAX; /* HELLO and HOLDING have numbers of their own (links_list.h) */
    msg_hello_t hello = {.actor = actor,
                         .generation = generation,
                         .link = r->link[conn],
                         .holding = count,
                         .host = bytes_str("test"),
                         .version = bytes_str("0")};
    rig_say(r, conn, MESSAGE_HELLO, &hello);
    for (size_t n = 0; n < count; n++)
        rig_say(r, conn, MESSAGE_HOLDING, &holding[n]);
    r->number[conn] = 0;
}

static inline void rig_hello(rig_t *r, conn_t conn, actor_kind_t actor, uint64_t generation,
                             const msg_holding_t *holding)
{
    rig_hello_holding(r, conn, actor, generation, holding, holding ? 1 : 0);
}

static inline void rig_credit(rig_t *r, conn_t conn, const char *pool, uint64_t total)
{
    rig_say(r, conn, MESSAGE_CREDIT,
            &(msg_credit_t){.pool = bytes_str(pool), .messages = total, .bytes = UINT32_MAX});
}

static inline msgid_t rig_id(unsigned n)
{
    uint8_t chance[MSGID_CHANCE_BYTES] = {(uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
    return msgid_make(1700000000000ull, chance);
}

static inline void rig_submit(rig_t *r, const char *route, unsigned n, const char *key)
{
    msgid_t id = rig_id(n);
    msg_submit_t s = {.id = id,
                      .source = bytes_str("s"),
                      .route = bytes_str(route),
                      .body_hash = n,
                      .key = bytes_str(key),
                      .received_us = 1,
                      .body = bytes_str("{\"a\":1}"),
                      .fields = bytes_str("{}")};
    memcpy(s.print.b, id.b, 16);
    rig_say(r, CONN_INGRESS, MESSAGE_SUBMIT, &s);
}

/* The next message of this type sent to conn that the test has not taken yet; NULL: none. Its n-th
 * item. */
static inline const void *rig_next(rig_t *r, conn_t conn, enum message_type type)
{
    for (size_t n = 0; n < r->sent_count; n++) {
        sent_t *s = &r->sent[n];
        if (s->conn != conn || s->type != type || s->count == 0)
            continue;
        const uint8_t *items = s->message.items;
        return items + (s->message.count - s->count--) * s->message.spec->size;
    }
    return NULL;
}

static inline const msg_verdict_t *rig_verdict(rig_t *r)
{
    return rig_next(r, CONN_INGRESS, MESSAGE_VERDICT);
}
/* What a person asks, and the answer that comes at once. args: JSON. */
static inline const msg_answer_t *rig_ask(rig_t *r, const char *verb, const char *args)
{
    rig_say(r, CONN_INGRESS, MESSAGE_QUERY,
            &(msg_query_t){.number = 1,
                           .verb = bytes_str(verb),
                           .args = bytes_str(args),
                           .who = bytes_str("uid 7")});
    const msg_answer_t *a = rig_next(r, CONN_INGRESS, MESSAGE_ANSWER);
    assert_non_null(a);
    return a;
}
static inline const msg_assign_t *rig_assign(rig_t *r, conn_t conn)
{
    return rig_next(r, conn, MESSAGE_ASSIGN);
}

static inline void rig_settle_as(rig_t *r, conn_t conn, const msg_assign_t *a, unsigned outcome)
{
    rig_say(r, conn, MESSAGE_SETTLE,
            &(msg_settle_t){
                .seq = a->seq,
                .attempt = a->attempt,
                .fence = a->fence,
                .outcome = outcome,
                .wrote = outcome != OUTCOME_UNBEGUN,
                .status = 200,
                .result = outcome == OUTCOME_OK ? bytes_str("{\"status\":200}") : bytes_str(""),
                .reason = outcome == OUTCOME_OK ? bytes_str("") : bytes_str("far side said no")});
}

static inline void rig_pass(rig_t *r, int64_t us)
{
    r->now.at.us += us;
    r->now.wall.us += us;
    if (r->link[CONN_RESPONDER]) /* who says nothing for long gets nothing new */
        rig_say(r, CONN_RESPONDER, MESSAGE_BEAT, &(msg_beat_t){1});
    rig_settle(r);
}

static inline uint8_t rig_state(rig_t *r, unsigned n)
{
    msgid_t id = rig_id(n);
    const stored_message_t *m = memory_disk_find(r->disk, &id);
    return m ? m->progress.state : 255;
}

static inline void rig_peers_up(rig_t *r)
{
    rig_hello(r, CONN_INGRESS, ACTOR_INGRESS, 11, NULL);
    rig_hello(r, CONN_CLASSIFIER, ACTOR_CLASSIFIER, 21, NULL);
    rig_hello(r, CONN_RESPONDER, ACTOR_RESPONDER, 31, NULL);
    rig_credit(r, CONN_CLASSIFIER, "rules", 100);
}

static const char *const LIMITER_CONFIG =
    "{\"state_dir\":\"/tmp/x\",\"run_dir\":\"/tmp/y\","
    "\"sources\":{\"s\":{\"auth\":\"none-on-loopback\"},\"once\":{\"auth\":\"none-on-loopback\","
    "\"sender_retries\":false}},"
    "\"downstreams\":{\"d\":{\"url\":\"http://"
    "127.0.0.1:9\",\"allow_private\":true,\"idempotent\":true},"
    "\"strict\":{\"url\":\"http://127.0.0.1:9\",\"allow_private\":true}},"
    "\"limits\":{\"two\":{\"slots\":2}},"
    "\"routes\":{"
    "\"plain\":{\"path\":\"/plain\",\"source\":\"s\",\"key\":\"/message/"
    "k\",\"steps\":[{\"name\":\"go\",\"call\":{\"downstream\":\"d\",\"path\":\"/x\"}}]},"
    "\"once\":{\"path\":\"/"
    "once\",\"source\":\"once\",\"steps\":[{\"name\":\"go\",\"call\":{\"downstream\":\"strict\","
    "\"path\":\"/x\"},\"on_unknown\":\"dead\"}]},"
    "\"narrow\":{\"path\":\"/"
    "narrow\",\"source\":\"s\",\"steps\":[{\"name\":\"go\",\"limits\":[\"two\"],\"call\":{"
    "\"downstream\":\"d\",\"path\":\"/x\"}}]},"
    "\"steps\":{\"path\":\"/steps\",\"source\":\"s\",\"key\":\"/message/"
    "k\",\"steps\":[{\"name\":\"look\",\"classify\":{\"rules\":[],\"otherwise\":\"x\"}},"
    "{\"name\":\"never\",\"when\":{\"/results/look/"
    "outcome\":[\"no\"]},\"call\":{\"downstream\":\"d\",\"path\":\"/x\"}},"
    "{\"name\":\"go\",\"call\":{\"downstream\":\"d\",\"path\":\"/x\"}}]}}}";

static inline int up(void **state)
{
    rig_t *r = rig_new(LIMITER_CONFIG);
    rig_peers_up(r);
    *state = r;
    return 0;
}

static inline int down(void **state)
{
    rig_destroy(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

#endif
