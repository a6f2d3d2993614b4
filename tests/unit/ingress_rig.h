/* ingress_rig.h: an ingress with a route of each kind and a limiter played by the test. */
#ifndef WEIR_TESTS_INGRESS_RIG_H
#define WEIR_TESTS_INGRESS_RIG_H

#include "tests/unit/steps.h"

#include "sys/crypto.h"

static const char config[] =
    "http: {api_token: api}\n"
    "sources:\n"
    "  desk: {auth: none-on-loopback}\n"
    "  hub: {auth: github, secret: hubkey, sender_retries: false}\n"
    "  api: {auth: bearer, secret: apikey, secret_next: apikey2}\n"
    "  slack: {auth: slack, secret: slackkey}\n"
    "  hooks: {auth: standard-webhooks, secret: whkey}\n"
    "  carrier: {auth: header, secret: apikey, header: X-Carrier-Key}\n"
    "downstreams:\n"
    "  d: {url: \"http://127.0.0.1:9180\", allow_private: true}\n"
    "routes:\n"
    "  tickets:\n"
    "    path: /tickets\n"
    "    source: desk\n"
    "    key: /message/conversation\n"
    "    id: /message/id\n"
    "    labels: {lang: /message/lang}\n"
    "    body_bytes_max: 2000\n"
    "    class: high\n"
    "    log: full\n"
    "    steps:\n"
    "      - name: tag\n"
    "        call: {downstream: d, path: \"/t/${/message/id}\", body: {s: "
    "\"${/message/subject}\"}}\n"
    "  push:\n"
    "    path: /push\n"
    "    source: hub\n"
    "    id: /headers/x-github-delivery\n"
    "    accepted_status: 200\n"
    "    steps:\n"
    "      - name: tag\n"
    "        call: {downstream: d, path: \"/e/${/headers/x-github-event}\"}\n"
    "  plain:\n"
    "    path: /plain\n"
    "    source: api\n"
    "    steps:\n"
    "      - name: tag\n"
    "        call: {downstream: d, path: /p}\n"
    "  events:\n"
    "    path: /slack\n"
    "    source: slack\n"
    "    id: /message/event_id\n"
    "    steps:\n"
    "      - name: tag\n"
    "        call: {downstream: d, path: /p}\n"
    "  hooks:\n"
    "    path: /hooks\n"
    "    source: hooks\n"
    "    id: /headers/webhook-id\n"
    "    steps:\n"
    "      - name: tag\n"
    "        call: {downstream: d, path: /p}\n"
    "  parcels:\n"
    "    path: /parcels\n"
    "    source: carrier\n"
    "    body: form\n"
    "    key: /message/number\n"
    "    steps:\n"
    "      - name: tag\n"
    "        when: {/headers/x-carrier-key: null}\n"
    "        call: {downstream: d, path: /p, body: \"${/message}\"}\n";

static const char ticket[] =
    "{\"id\":7,\"conversation\":\"c1\",\"lang\":\"de\",\"subject\":\"hi\"}";

typedef struct post {
    const char *method, *path, *query, *type, *body;
    http_field_t more[4];
    bool remote;
} post_t;

static inline int begin(void **state)
{
    steps_t *s = calloc(1, sizeof *s);
    const char *secrets[][2] = {
        {"hubkey", "It's a Secret to Everybody"},
        {"apikey", "k1"},
        {"apikey2", "k2"},
        {"api", "t1"},
        {"slackkey", "8f742231b10e8888abcd99yyyzzz85a5"},
        {"whkey", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}};
    _Static_assert(sizeof secrets <= sizeof s->secrets, "they fit");
    memcpy(s->secrets, secrets, sizeof secrets);
    steps_begin(s, &ingress_spec, config);
    steps_plain(s, EVENT_START);
    *state = s;
    return 0;
}

static inline void credit(steps_t *s, uint64_t messages, uint64_t bytes)
{
    steps_message(s, ACTOR_LIMITER, MESSAGE_CREDIT,
                  &(msg_credit_t){.messages = messages, .bytes = bytes});
}

static inline steps_t *up(void **state)
{
    steps_t *s = *state;
    steps_limiter(s, EVENT_PEER_UP);
    credit(s, 100, 1000000);
    steps_forget(s);
    return s;
}

static inline void sign_hub(const char *body, char out[80])
{
    sha256_t hash = hmac_sha256(bytes_str("It's a Secret to Everybody"), bytes_str(body));
    memcpy(out, "sha256=", 7);
    sha256_hex(&hash, out + 7);
}

static inline uint64_t send(steps_t *s, const post_t *p)
{
    static uint64_t tokens = 1000;
    http_field_t headers[6];
    size_t count = 0;
    const char *type = p->type ? p->type : "application/json";
    if (*type)
        headers[count++] = (http_field_t){bytes_str("content-type"), bytes_str(type)};
    for (size_t i = 0; i < COUNT_OF(p->more) && p->more[i].name.len; i++)
        headers[count++] = p->more[i];
    http_request_t r = {.token = ++tokens,
                        .method = bytes_str(p->method ? p->method : "POST"),
                        .path = bytes_str(p->path),
                        .query = bytes_str(p->query),
                        .headers = headers,
                        .header_count = count,
                        .body = bytes_str(p->body),
                        .client = bytes_str("127.0.0.1"),
                        .loopback = !p->remote};
    steps_event(s, &(event_t){.kind = EVENT_REQUEST, .request = &r});
    return r.token;
}

static inline uint64_t send_ticket(steps_t *s)
{
    return send(s, &(post_t){.path = "/tickets", .body = ticket});
}

static inline uint64_t get(steps_t *s, const char *path)
{
    return send(s, &(post_t){.method = "GET", .path = path, .type = ""});
}

static inline void verdict(steps_t *s, const msgid_t *id, verdict_t v)
{
    steps_message(s, ACTOR_LIMITER, MESSAGE_VERDICT,
                  &(msg_verdict_t){.id = *id,
                                   .verdict = v,
                                   .retry_after_ms = 2500,
                                   .reason = bytes_str("because"),
                                   .state = STATE_DONE,
                                   .original = {{0xff}}});
}

static inline const msg_submit_t *submitted(const steps_t *s, size_t n)
{
    return steps_sent(s, MESSAGE_SUBMIT, n);
}

static inline void mode(steps_t *s, work_mode_t to, unsigned stopping)
{
    steps_message(s, ACTOR_LIMITER, MESSAGE_MODE,
                  &(msg_mode_t){.mode = to, .who = bytes_str("op"), .stopping = stopping});
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, steps_close)

#endif
