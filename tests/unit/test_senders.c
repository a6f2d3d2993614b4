/* The ingress and its senders: whose time is stale, who asks whether somebody is here, who sends
 * forms, and whose secret is being changed. */
#include "tests/unit/ingress_rig.h"

#define WALL_S 1700000000 /* of the rig */

/* ---- Slack */

static void slack_headers(post_t *p, int64_t at_s, char time[24], char signature[80])
{
    snprintf(time, 24, "%lld", (long long)at_s);
    bytes_t parts[] = {bytes_str("v0:"), bytes_str(time), bytes_str(":"), bytes_str(p->body)};
    sha256_t hash =
        hmac_sha256_of(bytes_str("8f742231b10e8888abcd99yyyzzz85a5"), parts, COUNT_OF(parts));
    memcpy(signature, "v0=", 3);
    sha256_hex(&hash, signature + 3);
    p->path = "/slack";
    p->remote = true;
    p->more[0] = (http_field_t){bytes_str("x-slack-request-timestamp"), bytes_str(time)};
    p->more[1] = (http_field_t){bytes_str("x-slack-signature"), bytes_str(signature)};
}

static uint64_t send_slack(steps_t *s, post_t p, int64_t at_s)
{
    char time[24], signature[80];
    slack_headers(&p, at_s, time, signature);
    return send(s, &p);
}

static const char verification[] =
    "{\"token\":\"Jhj5dZrVaK7ZwHHjRyZWjbDl\",\"challenge\":\"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWM"
    "mHkvFXO7tYXAYM8P\",\"type\":\"url_verification\"}";

static void slacks_question_is_answered_with_its_challenge(void **state)
{
    steps_t *s = up(state);
    uint64_t token = send_slack(s, (post_t){.body = verification}, WALL_S);
    assert_status(s, token, 200,
                  "{\"challenge\":\"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P\"}");
    assert_null(submitted(s, 0));
    mode(s, MODE_DRAINING, 0);
    token = send_slack(s, (post_t){.body = verification}, WALL_S);
    assert_status(s, token, 200, "challenge");
}

static void only_slack_may_ask_and_only_signed(void **state)
{
    steps_t *s = up(state);
    uint64_t token = send(s, &(post_t){.path = "/slack", .body = verification});
    assert_status(s, token, 401, "unauthorized");
    assert_lacks(steps_reply(s, token)->text, "3eZbrw");
    send(s, &(post_t){.path = "/tickets",
                      .body = "{\"id\":\"1\",\"challenge\":\"c\",\"type\":\"url_verification\"}"});
    assert_non_null(submitted(s, 0)); /* a ticket like any other */
    token = send_slack(
        s, (post_t){.body = "{\"event_id\":\"E1\",\"event\":{\"text\":\"url_verification\"}}"},
        WALL_S);
    assert_null(steps_reply(s, token));
    assert_non_null(submitted(s, 1));
}

static void a_retry_of_slack_is_the_same_message(void **state)
{
    steps_t *s = up(state);
    post_t p = {.body = "{\"event_id\":\"Ev08MFMKH6\",\"type\":\"event_callback\"}"};
    send_slack(s, p, WALL_S);
    p.more[2] = (http_field_t){bytes_str("x-slack-retry-num"), bytes_str("1")};
    p.more[3] = (http_field_t){bytes_str("x-slack-retry-reason"), bytes_str("http_timeout")};
    send_slack(s, p, WALL_S + 60);
    const msg_submit_t *first = submitted(s, 0), *second = submitted(s, 1);
    assert_memory_equal(&first->print, &second->print, sizeof first->print);
    assert_true(first->body_hash == second->body_hash);
}

static void what_was_signed_long_ago_is_forbidden_not_unauthorized(void **state)
{
    steps_t *s = up(state);
    post_t p = {.body = "{\"event_id\":\"E\"}"};
    assert_status(s, send_slack(s, p, WALL_S - 301), 403, "\"code\":\"stale\"");
    assert_status(s, send_slack(s, p, WALL_S + 301), 403, "\"code\":\"stale\"");
    assert_null(submitted(s, 0));
    assert_null(steps_reply(s, send_slack(s, p, WALL_S - 300)));
    assert_non_null(submitted(s, 0));
}

/* ---- Standard Webhooks */

static void a_webhook_is_known_again_by_its_id(void **state)
{
    steps_t *s = up(state);
    s->now.wall.us = 1614265330 * US_PER_S;
    const post_t p = {.path = "/hooks",
                      .body = "{\"test\": 2432232314}",
                      .remote = true,
                      .more = {{bytes_str("webhook-id"), bytes_str("msg_p5jXN8AQM9LWM0D4loKWxJek")},
                               {bytes_str("webhook-timestamp"), bytes_str("1614265330")},
                               {bytes_str("webhook-signature"),
                                bytes_str("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")}}};
    send(s, &p);
    send(s, &p);
    const msg_submit_t *first = submitted(s, 0), *second = submitted(s, 1);
    assert_memory_equal(&first->print, &second->print, sizeof first->print);
    bytes_t parts[] = {bytes_str("hooks"), bytes_of("", 1),
                       bytes_str("msg_p5jXN8AQM9LWM0D4loKWxJek")};
    sha256_t print = sha256_of(parts, COUNT_OF(parts));
    assert_memory_equal(&first->print, print.b, sizeof first->print);
    s->now.wall.us += 301 * US_PER_S;
    assert_status(s, send(s, &p), 403, "stale");
}

/* ---- rotation */

static void two_secrets_live_while_one_is_changed(void **state)
{
    steps_t *s = up(state);
    static const struct {
        const char *token;
        bool good;
    } rows[] = {{"Bearer k1", true}, {"Bearer k2", true}, {"Bearer k3", false}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t token =
            send(s, &(post_t){.path = "/plain",
                              .body = "{}",
                              .remote = true,
                              .more = {{bytes_str("authorization"), bytes_str(rows[i].token)}}});
        assert_int_equal(steps_reply(s, token) == NULL, rows[i].good);
    }
}

/* ---- forms */

static uint64_t send_form(steps_t *s, const char *type, const char *key, const char *body)
{
    return send(s, &(post_t){.path = "/parcels",
                             .type = type,
                             .body = body,
                             .remote = true,
                             .more = {{bytes_str("x-carrier-key"), bytes_str(key)}}});
}

#define FORM "application/x-www-form-urlencoded"

static void a_forms_fields_are_the_message_and_its_body_stays_as_it_came(void **state)
{
    steps_t *s = up(state);
    static const char body[] = "number=1Z+999&event=in%20transit&event=delivered&note=";
    assert_null(steps_reply(s, send_form(s, FORM "; charset=UTF-8", "k1", body)));
    const msg_submit_t *m = submitted(s, 0);
    assert_non_null(m);
    assert_true(bytes_is(m->body, body));
    assert_true(bytes_is(m->content_type, FORM "; charset=UTF-8"));
    assert_true(bytes_is(m->key, "1Z 999"));
    json_t *fields = json_loadb((const char *)m->fields.data, m->fields.len, 0, NULL);
    char *message = json_dumps(json_object_get(fields, "/message"), JSON_COMPACT);
    assert_string_equal(
        message, "{\"number\":\"1Z 999\",\"event\":[\"in transit\",\"delivered\"],\"note\":\"\"}");
    free(message);
    /* the secret is no part of the document, whatever the spelling of its header */
    assert_true(json_is_null(json_object_get(fields, "/headers/x-carrier-key")));
    json_decref(fields);
}

static void what_is_no_form_is_refused(void **state)
{
    steps_t *s = up(state);
    static const struct {
        const char *type, *key, *body;
        unsigned status;
        const char *part;
    } rows[] = {
        {"application/json", "k1", "{}", 415, FORM},
        {FORM "x", "k1", "a=1", 415, FORM},
        {FORM, "k1", "a=1&b=%4", 400, "field 2: a % must be followed by two hex"},
        {FORM, "k1", "a=%ff", 400, "field 1: it is not UTF-8"},
        {FORM, "k1", "number=1&number=2", 422, "/message/number"},
        {FORM, "k2", "a=1", 401, "unauthorized"},
        {FORM, "", "a=1", 401, "unauthorized"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_status(s, send_form(s, rows[i].type, rows[i].key, rows[i].body), rows[i].status,
                      rows[i].part);
    assert_status(s, send(s, &(post_t){.path = "/tickets", .type = FORM, .body = "id=1"}), 415,
                  "application/json");
    assert_null(submitted(s, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(slacks_question_is_answered_with_its_challenge),
        T(only_slack_may_ask_and_only_signed),
        T(a_retry_of_slack_is_the_same_message),
        T(what_was_signed_long_ago_is_forbidden_not_unauthorized),
        T(a_webhook_is_known_again_by_its_id),
        T(two_secrets_live_while_one_is_changed),
        T(a_forms_fields_are_the_message_and_its_body_stays_as_it_came),
        T(what_is_no_form_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
