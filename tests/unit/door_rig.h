/* door_rig.h: an ingress with API keys of every scope, and the requests of programs that bear them.
 */
#ifndef WEIR_TESTS_DOOR_RIG_H
#define WEIR_TESTS_DOOR_RIG_H

#include "tests/unit/steps.h"

static const char door_config[] =
    "http: {api_token: token}\n"
    "api_keys:\n"
    "  shop: {secret: shop, secret_next: shop2, scopes: [submit:shop, read]}\n"
    "  ops: {secret: ops, scopes: [admin, metrics]}\n"
    "  phones: {secret: phones, scopes: [leases:calls, leases:campaign, leases:minutes, "
    "leases:agents]}\n"
    "  boss: {secret: boss, scopes: ['leases:*']}\n"
    "  absent: {secret: absent, scopes: [admin, read, 'leases:*', 'submit:*']}\n"
    "sources:\n"
    "  shop: {auth: api-key}\n"
    "  other: {auth: api-key}\n"
    "limits:\n"
    "  calls: {slots: 10}\n"
    "  campaign: {slots: 3, per: campaign, ttl_s: 60}\n"
    "  minutes: {slots: 100, guard: 2, ttl_s: 30}\n"
    "  agents: {slots: 100, guard: 2, provisional: true, ttl_s: 30}\n"
    "  secret: {slots: 1}\n"
    "routes:\n"
    "  orders:\n"
    "    path: /orders\n"
    "    source: shop\n"
    "    steps: [{name: c, classify: {rules: [], otherwise: x}}]\n"
    "  others:\n"
    "    path: /others\n"
    "    source: other\n"
    "    steps: [{name: c, classify: {rules: [], otherwise: x}}]\n";

typedef struct ask {
    const char *method, *path, *query, *key, *body;
    http_field_t more[3];
    bool is_here; /* on this host */
} ask_t;

static inline steps_t *door_open_with(const char *yaml)
{
    steps_t *s = calloc(1, sizeof *s);
    must(s);
    const char *secrets[][2] = {{"token", "t-t"}, {"shop", "k-shop"},     {"shop2", "k-shop2"},
                                {"ops", "k-ops"}, {"phones", "k-phones"}, {"boss", "k-boss"}};
    _Static_assert(sizeof secrets <= sizeof s->secrets, "they fit; absent is not given");
    memcpy(s->secrets, secrets, sizeof secrets);
    steps_begin(s, &ingress_spec, yaml);
    steps_plain(s, EVENT_START);
    steps_limiter(s, EVENT_PEER_UP);
    steps_message(s, ACTOR_LIMITER, MESSAGE_CREDIT,
                  &(msg_credit_t){.messages = 100, .bytes = 1000000});
    steps_forget(s);
    return s;
}

static inline int door_open(void **state)
{
    *state = door_open_with(door_config);
    return 0;
}

static inline uint64_t door_ask(steps_t *s, const ask_t *a)
{
    static uint64_t tokens = 1000;
    http_field_t headers[6];
    size_t count = 0;
    char bearer[200];
    snprintf(bearer, sizeof bearer, "Bearer %s", a->key ? a->key : "");
    if (a->key)
        headers[count++] = (http_field_t){bytes_str("authorization"), bytes_str(bearer)};
    if (a->body)
        headers[count++] = (http_field_t){bytes_str("content-type"), bytes_str("application/json")};
    for (size_t i = 0; i < COUNT_OF(a->more) && a->more[i].name.len; i++)
        headers[count++] = a->more[i];
    http_request_t r = {.token = ++tokens,
                        .method = bytes_str(a->method ? a->method
                                            : a->body ? "POST"
                                                      : "GET"),
                        .path = bytes_str(a->path),
                        .query = bytes_str(a->query),
                        .headers = headers,
                        .header_count = count,
                        .body = bytes_str(a->body),
                        .client = bytes_str(a->is_here ? "127.0.0.1" : "192.0.2.7"),
                        .loopback = a->is_here};
    steps_event(s, &(event_t){.kind = EVENT_REQUEST, .request = &r});
    return r.token;
}

/* What is no order: how it is answered. */
typedef struct refusal {
    const char *method, *path, *body;
    unsigned status;
    const char *part;
} refusal_t;

/* Of who bears that key, each is refused, and nothing is sent to anybody. */
static inline void door_refuses(steps_t *s, const char *key, const refusal_t *rows, size_t count)
{
    steps_forget(s);
    for (size_t i = 0; i < count; i++) {
        ask_t a = {
            .method = rows[i].method, .path = rows[i].path, .key = key, .body = rows[i].body};
        assert_status(s, door_ask(s, &a), rows[i].status, rows[i].part);
    }
    assert_null(steps_find(s, ENTRY_FRAME, 0));
}

#define T(name) cmocka_unit_test_setup_teardown(name, door_open, steps_close)

#endif
