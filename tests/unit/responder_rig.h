/* responder_rig.h: a responder with two downstreams, and a limiter played by the test. */
#ifndef WEIR_TESTS_RESPONDER_RIG_H
#define WEIR_TESTS_RESPONDER_RIG_H

#include "tests/unit/steps.h"

#include "actors/hand.h"

static const char config[] =
    "sources:\n"
    "  desk: {auth: none-on-loopback}\n"
    "downstreams:\n"
    "  helpdesk:\n"
    "    url: http://127.0.0.1:9180\n"
    "    allow_private: true\n"
    "    connections: 2\n"
    "    secret: token\n"
    "    headers: {X-Fixed: always}\n"
    "  plain: {url: \"http://127.0.0.1:9181\", allow_private: true, connections: 3}\n"
    "routes:\n"
    "  tickets:\n"
    "    path: /tickets\n"
    "    log: full\n"
    "    source: desk\n"
    "    key: /message/conversation\n"
    "    labels: {lang: /message/lang}\n"
    "    steps:\n"
    "      - name: tag\n"
    "        call:\n"
    "          downstream: helpdesk\n"
    "          method: PUT\n"
    "          path: /v1/tickets/${/message/id}/tags?by=${/key}\n"
    "          headers: {X-Lang: \"${/labels/lang}\"}\n"
    "          body: {id: \"${/message/id}\", text: \"was ${/message/id}\"}\n"
    "      - name: raw\n"
    "        call: {downstream: plain, path: /raw}\n"
    "      - name: rule\n"
    "        classify: {rules: [], otherwise: none}\n"
    "  quiet:\n"
    "    path: /quiet\n"
    "    source: desk\n"
    "    steps: [{name: tag, call: {downstream: plain, path: /q}}]\n";

static inline msg_assign_t assignment(uint64_t seq, const char *step)
{
    msg_assign_t a = {.seq = seq,
                      .attempt = 1,
                      .fence = 9,
                      .id = {{1, 2, 3}},
                      .route = bytes_str("tickets"),
                      .source = bytes_str("desk"),
                      .step = bytes_str(step),
                      .start_by_us = (uint64_t)(1005 * US_PER_S),
                      .key = bytes_str("c 7"),
                      .labels = bytes_str("{\"lang\":\"en\"}"),
                      .fields = bytes_str("{\"/message/id\":42}"),
                      .content_type = bytes_str("application/json"),
                      .body = bytes_str("{\"id\": 42}")};
    return a;
}

static inline int begin(void **state)
{
    steps_t *s = calloc(1, sizeof *s);
    steps_begin(s, &responder_spec, config);
    s->secrets[0][0] = "token";
    s->secrets[0][1] = "open-sesame";
    *state = s;
    return 0;
}

static inline steps_t *up(void **state)
{
    steps_t *s = *state;
    steps_plain(s, EVENT_START);
    steps_limiter(s, EVENT_PEER_UP);
    return s;
}

static inline void assign(steps_t *s, const msg_assign_t *a)
{
    steps_forget(s);
    steps_message(s, ACTOR_LIMITER, MESSAGE_ASSIGN, a);
}

static inline void answer(steps_t *s, uint64_t token, unsigned status, const char *body)
{
    steps_forget(s);
    http_answer_t a = {.token = token,
                       .end = CALL_ANSWERED,
                       .wrote = true,
                       .status = status,
                       .body = bytes_str(body),
                       .took_us = 1500};
    steps_event(s, &(event_t){.kind = EVENT_ANSWER, .answer = &a});
}

static inline void settled(steps_t *s, uint64_t seq)
{
    steps_message(s, ACTOR_LIMITER, MESSAGE_SETTLED,
                  &(msg_settled_t){.seq = seq, .attempt = 1, .fence = 9});
}

static inline size_t in_hand(const steps_t *s)
{
    msg_holding_t few[8];
    return responder_spec.holding(s->self, few, COUNT_OF(few));
}

/* The credit of a pool that was told last; 0: none was. */
static inline uint64_t credit_of(const steps_t *s, const char *pool)
{
    uint64_t messages = 0;
    const msg_credit_t *c;
    for (size_t i = 0; (c = steps_sent(s, MESSAGE_CREDIT, i)) != NULL; i++)
        if (bytes_is(c->pool, pool))
            messages = c->messages;
    return messages;
}

#endif
