/* The ingress, driven step by step: requests in, answers out, and a limiter played by the test. */
#include "tests/unit/steps.h"

#include "core/bugs.h"
#include "sys/crypto.h"

static const char config[] =
    "http: {api_token: api}\n"
    "sources:\n"
    "  desk: {auth: none-on-loopback}\n"
    "  hub: {auth: github, secret: hubkey, sender_retries: false}\n"
    "  api: {auth: bearer, secret: apikey}\n"
    "downstreams:\n"
    "  d: {url: \"http://127.0.0.1:9180\"}\n"
    "routes:\n"
    "  tickets:\n"
    "    path: /tickets\n"
    "    source: desk\n"
    "    key: /message/conversation\n"
    "    id: /message/id\n"
    "    labels: {lang: /message/lang}\n"
    "    body_bytes_max: 2000\n"
    "    class: high\n"
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
    "        call: {downstream: d, path: /p}\n";

static const char ticket[] =
    "{\"id\":7,\"conversation\":\"c1\",\"lang\":\"de\",\"subject\":\"hi\"}";

typedef struct post {
    const char *method, *path, *query, *type, *body;
    http_field_t more[4];
    bool remote;
} post_t;

static int begin(void **state)
{
    steps_t *s = calloc(1, sizeof *s);
    steps_begin(s, &ingress_spec, config);
    const char *secrets[][2] = {
        {"hubkey", "It's a Secret to Everybody"}, {"apikey", "k1"}, {"api", "t1"}};
    memcpy(s->secrets, secrets, sizeof secrets);
    steps_plain(s, EVENT_START);
    *state = s;
    return 0;
}

static int end(void **state)
{
    steps_end(*state);
    free(*state);
#ifdef WEIR_PLANT
    planted_bug = BUG_NONE;
#endif
    return 0;
}

static void credit(steps_t *s, uint64_t messages, uint64_t bytes)
{
    steps_message(s, ACTOR_LIMITER, MESSAGE_CREDIT,
                  &(msg_credit_t){.messages = messages, .bytes = bytes});
}

static steps_t *up(void **state)
{
    steps_t *s = *state;
    steps_limiter(s, EVENT_PEER_UP);
    credit(s, 100, 1000000);
    steps_forget(s);
    return s;
}

static void sign_hub(const char *body, char out[80])
{
    sha256_t hash = hmac_sha256(bytes_str("It's a Secret to Everybody"), bytes_str(body));
    memcpy(out, "sha256=", 7);
    sha256_hex(&hash, out + 7);
}

static uint64_t send(steps_t *s, const post_t *p)
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

static uint64_t send_ticket(steps_t *s)
{
    return send(s, &(post_t){.path = "/tickets", .body = ticket});
}

static uint64_t get(steps_t *s, const char *path)
{
    return send(s, &(post_t){.method = "GET", .path = path, .type = ""});
}

static void verdict(steps_t *s, const msgid_t *id, verdict_t v)
{
    steps_message(s, ACTOR_LIMITER, MESSAGE_VERDICT,
                  &(msg_verdict_t){.id = *id,
                                   .verdict = v,
                                   .retry_after_ms = 2500,
                                   .reason = bytes_str("because"),
                                   .state = STATE_DONE,
                                   .original = {{0xff}}});
}

static const msg_submit_t *submitted(const steps_t *s, size_t n)
{
    return steps_sent(s, MESSAGE_SUBMIT, n);
}

static void assert_status(const steps_t *s, uint64_t token, unsigned status, const char *part)
{
    const wish_t *reply = steps_reply(s, token);
    if (!reply)
        fail_msg("no answer; %u was expected", status);
    if (reply->status != status)
        fail_msg("%u was expected, not:\n%s", status, reply->text);
    assert_contains(reply->text, part);
}

/* ---- submissions */

static void a_request_becomes_a_submission_with_everything_the_queue_needs(void **state)
{
    steps_t *s = up(state);
    uint64_t token = send(
        s, &(post_t){
               .path = "/tickets",
               .body = ticket,
               .more = {{bytes_str("traceparent"),
                         bytes_str("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")}}});
    const msg_submit_t *m = submitted(s, 0);
    assert_non_null(m);
    assert_null(steps_reply(s, token)); /* nothing before the verdict */
    assert_true(bytes_is(m->source, "desk"));
    assert_true(bytes_is(m->route, "tickets"));
    assert_true(bytes_is(m->key, "c1"));
    assert_true(bytes_is(m->labels, "{\"lang\":\"de\"}"));
    assert_true(bytes_is(m->body, ticket));
    assert_true(bytes_is(m->content_type, "application/json"));
    assert_int_equal(m->trace.len, 55);
    assert_int_equal(m->class, CLASS_HIGH);
    assert_int_equal(m->received_us, s->now.wall.us);
    json_t *fields = json_loadb((const char *)m->fields.data, m->fields.len, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(fields, "/message/id")), 7);
    assert_string_equal(json_string_value(json_object_get(fields, "/message/subject")), "hi");
    json_decref(fields);
    assert_int_equal(msgid_wall_ms(&m->id), s->now.wall.us / US_PER_MS);
}

static void accepted_is_answered_with_the_place_of_the_message(void **state)
{
    steps_t *s = up(state);
    uint64_t token = send_ticket(s);
    msgid_t id = submitted(s, 0)->id;
    char text[MSGID_TEXT], location[64];
    msgid_text(&id, text);
    snprintf(location, sizeof location, "\nLocation: /v1/messages/%s\n", text);
    steps_forget(s);
    verdict(s, &id, VERDICT_ACCEPTED);
    assert_status(s, token, 202, location);
    assert_contains(steps_reply(s, token)->text, "\"status\":\"accepted\"");
    steps_forget(s);
    verdict(s, &id, VERDICT_ACCEPTED); /* said twice: answered once */
    assert_null(steps_reply(s, token));
}

static void every_verdict_has_its_answer(void **state)
{
    static const struct {
        verdict_t verdict;
        unsigned status;
        const char *part;
    } rows[] = {
        {VERDICT_ACCEPTED, 202, "accepted"},
        {VERDICT_DUPLICATE, 200, "\"state\":\"done\""},
        {VERDICT_CONFLICT, 409, "7Z"},
        {VERDICT_LIMITED, 429, "rate_limit_exceeded"},
        {VERDICT_OVERLOADED, 503, "overloaded"},
        {VERDICT_DRAINING, 503, "System draining"},
        {VERDICT_MAINTENANCE, 503, "maintenance"},
        {VERDICT_UNAVAILABLE, 503, "because"},
        {VERDICT_REFUSED, 422, "because"},
    };
    assert_int_equal(COUNT_OF(rows), VERDICT_COUNT);
    steps_t *s = up(state);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        steps_forget(s);
        uint64_t token = send_ticket(s);
        msgid_t id = submitted(s, 0)->id;
        verdict(s, &id, rows[i].verdict);
        assert_status(s, token, rows[i].status, rows[i].part);
        const char *text = steps_reply(s, token)->text;
        if (rows[i].status == 429 || rows[i].status == 503)
            assert_contains(text, "\nRetry-After: 3\n");
        if (rows[i].status >= 400)
            assert_contains(text, "application/problem+json");
    }
}

static void a_duplicate_names_the_first_one(void **state)
{
    steps_t *s = up(state);
    uint64_t token = send_ticket(s);
    msgid_t id = submitted(s, 0)->id;
    verdict(s, &id, VERDICT_DUPLICATE);
    assert_status(s, token, 200, "\nLocation: /v1/messages/7Z");
    assert_contains(steps_reply(s, token)->text, "{\"id\":\"7Z");
}

static void the_same_source_and_id_have_the_same_print_and_other_bodies_another_hash(void **state)
{
    steps_t *s = up(state);
    static const char *const bodies[] = {
        "{\"id\":7,\"conversation\":\"c1\",\"lang\":\"de\",\"subject\":\"hi\"}", "{\"id\":7}",
        "{\"id\":\"7\"}", "{\"id\":8}"};
    for (size_t i = 0; i < COUNT_OF(bodies); i++)
        send(s, &(post_t){.path = "/tickets", .body = bodies[i]});
    const msg_submit_t *m[4];
    for (size_t i = 0; i < 4; i++)
        m[i] = submitted(s, i);
    assert_memory_equal(m[0]->print.b, m[1]->print.b, 16);
    assert_memory_equal(m[0]->print.b, m[2]->print.b, 16);
    assert_memory_not_equal(m[0]->print.b, m[3]->print.b, 16);
    assert_true(m[0]->body_hash != m[1]->body_hash);
    assert_false(msgid_equal(&m[0]->id, &m[1]->id));
}

static void without_an_id_the_body_is_the_id(void **state)
{
    steps_t *s = up(state);
    http_field_t auth = {bytes_str("authorization"), bytes_str("Bearer k1")};
    const char *bodies[] = {"[1]", "[1]", "[2]"};
    for (size_t i = 0; i < 3; i++)
        send(s, &(post_t){.path = "/plain", .body = bodies[i], .more = {auth}, .remote = true});
    assert_memory_equal(submitted(s, 0)->print.b, submitted(s, 1)->print.b, 16);
    assert_memory_not_equal(submitted(s, 0)->print.b, submitted(s, 2)->print.b, 16);
    assert_int_equal(submitted(s, 0)->key.len, 0);
}

static void a_signed_webhook_is_taken_by_its_headers(void **state)
{
    steps_t *s = up(state);
    post_t p = {
        .path = "/push",
        .body = "{}",
        .remote = true,
        .more = {{bytes_str("x-github-delivery"), bytes_str("d-1")},
                 {bytes_str("x-github-event"), bytes_str("push")},
                 {bytes_str("x-hub-signature-256"),
                  bytes_str(
                      "sha256=4870d5bcd0eecfb41aee4a7ae7bc4ee3df73e9ed8aefebd2f5f77c98ea6fcfa9")}}};
    uint64_t token = send(s, &p);
    assert_status(s, token, 401, "unauthorized"); /* not this body's signature */
    assert_null(submitted(s, 0));
    char signature[80];
    sign_hub(p.body, signature);
    p.more[2].value = bytes_str(signature);
    token = send(s, &p);
    const msg_submit_t *m = submitted(s, 0);
    assert_non_null(m);
    assert_true(bytes_is(m->fields, "{\"/headers/x-github-event\":\"push\"}"));
    verdict(s, &m->id, VERDICT_ACCEPTED);
    assert_status(s, token, 200, "accepted");
}

static void what_cannot_be_taken_is_refused_with_its_reason(void **state)
{
    static const struct {
        post_t post;
        unsigned status;
        const char *part;
    } rows[] = {
        {{.path = "/tickets", .body = ticket, .remote = true}, 401, "WWW-Authenticate: Bearer"},
        {{.path = "/plain", .body = "{}"}, 401, "unauthorized"},
        {{.path = "/push", .body = "{}"}, 401, "unauthorized"},
        {{.path = "/tickets", .body = ticket, .type = "text/plain"}, 415, "application/json"},
        {{.path = "/tickets", .body = ticket, .type = ""}, 415, "application/json"},
        {{.path = "/tickets", .body = ticket, .type = "application/jsonp"}, 415, ""},
        {{.path = "/tickets", .body = "{\"id\": 1,\n x}"}, 400, "\"line\":2"},
        {{.path = "/tickets", .body = "{\"id\":1,\"id\":1}"}, 400, "duplicate"},
        {{.path = "/tickets", .body = ""}, 400, "malformed"},
        {{.path = "/tickets", .body = "{}"}, 422, "\"pointer\":\"/message/id\""},
        {{.path = "/tickets", .body = "[7]"}, 422, "/message/id"},
        {{.path = "/tickets", .body = "{\"id\":null}"}, 422, "/message/id"},
        {{.path = "/tickets", .body = "{\"id\":{}}"}, 422, "/message/id"},
        {{.path = "/tickets", .body = "{\"id\":\"\"}"}, 422, "/message/id"},
        {{.path = "/tickets", .body = "{\"id\":1,\"conversation\":[1]}"},
         422,
         "/message/conversation"},
        {{.path = "/tickets", .body = "{\"id\":1,\"conversation\":\"a\\u0000b\"}"}, 422, "U+0000"},
        {{.path = "/tickets", .body = "{\"id\":1,\"lang\":{}}"}, 422, "/message/lang"},
        {{.path = "/nowhere", .body = "{}"}, 404, "not_found"},
        {{.path = "/tickets/", .body = "{}"}, 404, "not_found"},
        {{.path = "/tickets", .method = "PUT", .body = "{}"}, 405, "\nAllow: POST\n"},
        {{.path = "/livez", .body = "{}"}, 405, "\nAllow: GET, HEAD\n"},
        {{.path = "/v1/messages", .body = "{}"}, 404, "route"},
        {{.path = "/v1/messages", .query = "route=gone", .body = "{}"}, 404, "route"},
        {{.path = "/v1/messages", .query = "route=gone", .body = "{}", .remote = true}, 401, ""},
        {{.path = "/v1/messages", .method = "GET"}, 405, "\nAllow: POST\n"},
    };
    steps_t *s = up(state);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t token = send(s, &rows[i].post);
        assert_status(s, token, rows[i].status, rows[i].part);
        assert_contains(steps_reply(s, token)->text, "application/problem+json");
        assert_null(submitted(s, 0));
    }
}

static void media_types_that_end_in_json_are_taken(void **state)
{
    static const char *const types[] = {"application/json", "application/json; charset=utf-8",
                                        "Application/JSON", "application/cloudevents+json;x=1",
                                        "application/json ; a=b"};
    steps_t *s = up(state);
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        steps_forget(s);
        send(s, &(post_t){.path = "/tickets", .body = ticket, .type = types[i]});
        assert_non_null(submitted(s, 0));
    }
}

static void a_body_over_the_routes_maximum_is_too_large(void **state)
{
    steps_t *s = up(state);
    char body[2100];
    for (size_t size = 2000; size <= 2001; size++) {
        memset(body, ' ', sizeof body);
        memcpy(body, "{\"id\":1}", 8);
        body[size] = '\0';
        uint64_t token = send(s, &(post_t){.path = "/tickets", .body = body});
        if (size == 2001)
            assert_status(s, token, 413, "2000 bytes");
        else
            assert_null(steps_reply(s, token));
    }
}

static void a_compressed_body_is_not_taken(void **state)
{
    steps_t *s = up(state);
    uint64_t token =
        send(s, &(post_t){.path = "/tickets",
                          .body = ticket,
                          .more = {{bytes_str("content-encoding"), bytes_str("gzip")}}});
    assert_status(s, token, 415, "Content-Encoding");
}

static void a_route_may_be_named_in_the_query(void **state)
{
    steps_t *s = up(state);
    send(s, &(post_t){.path = "/v1/messages", .query = "x=1&route=tickets&y", .body = ticket});
    assert_true(bytes_is(submitted(s, 0)->route, "tickets"));
}

static void credentials_never_get_into_the_fields(void **state)
{
    steps_t *s = *state;
    steps_end(s);
    memset(s, 0, sizeof *s);
    steps_begin(
        s, &ingress_spec,
        "sources: {desk: {auth: none-on-loopback}}\n"
        "downstreams: {d: {url: \"http://127.0.0.1:1\"}}\n"
        "routes:\n"
        "  r:\n"
        "    path: /r\n"
        "    source: desk\n"
        "    steps:\n"
        "      - name: a\n"
        "        call: {downstream: d, path: /x, body: [\"${/headers/authorization:-none}\",\n"
        "               \"${/headers/cookie:-none}\", \"${/headers/x-one:-none}\"]}\n");
    steps_limiter(s, EVENT_PEER_UP);
    credit(s, 10, 10000);
    send(s, &(post_t){.path = "/r",
                      .body = "{}",
                      .more = {{bytes_str("authorization"), bytes_str("Bearer secret")},
                               {bytes_str("cookie"), bytes_str("secret")},
                               {bytes_str("x-one"), bytes_str("1")},
                               {bytes_str("x-one"), bytes_str("2")}}});
    char fields[512];
    snprintf(fields, sizeof fields, "%.*s", (int)submitted(s, 0)->fields.len,
             (const char *)submitted(s, 0)->fields.data);
    assert_lacks(fields, "secret");
    assert_contains(fields, "\"/headers/x-one\":\"1, 2\"");
}

/* ---- credit, and a limiter that is away */

static void nothing_is_submitted_beyond_the_credit(void **state)
{
    steps_t *s = *state;
    steps_limiter(s, EVENT_PEER_UP);
    credit(s, 2, 1000000);
    for (int i = 0; i < 3; i++)
        send_ticket(s);
    assert_int_equal(steps_sent_count(s, MESSAGE_SUBMIT), 2);
    credit(s, 3, 1000000);
    assert_int_equal(steps_sent_count(s, MESSAGE_SUBMIT), 3);
}

static void bytes_are_credit_too(void **state)
{
    steps_t *s = *state;
    steps_limiter(s, EVENT_PEER_UP);
    credit(s, 100, 2 * FRAME_ITEM_OVERHEAD);
    send_ticket(s);
    send_ticket(s);
    assert_int_equal(steps_sent_count(s, MESSAGE_SUBMIT), 1);
}

static void a_full_queue_is_told_within_a_tenth_of_a_second(void **state)
{
    steps_t *s = *state;
    steps_limiter(s, EVENT_PEER_UP);
    steps_pass(s, US_PER_S);
    uint64_t token = send_ticket(s);
    assert_null(steps_reply(s, token));
    steps_pass(s, 50 * US_PER_MS);
    assert_null(steps_reply(s, token));
    steps_pass(s, 50 * US_PER_MS);
    assert_status(s, token, 503, "\nRetry-After: 1\n");
    credit(s, 1, 1000000);
    assert_null(submitted(s, 0)); /* what was refused is forgotten */
}

static void a_restart_of_the_limiter_is_not_seen_outside(void **state)
{
    steps_t *s = up(state);
    uint64_t before = send_ticket(s);
    msgid_t id = submitted(s, 0)->id;
    steps_message(s, ACTOR_SUPERVISOR, MESSAGE_PEERS,
                  &(msg_peers_t){.actor = ACTOR_LIMITER, .life = LIFE_DEAD});
    uint64_t meanwhile = send_ticket(s);
    assert_int_equal(steps_sent_count(s, MESSAGE_SUBMIT), 1);
    steps_pass(s, 1500 * US_PER_MS);
    assert_null(steps_reply(s, meanwhile));
    steps_forget(s);
    steps_limiter(s, EVENT_PEER_UP);
    assert_int_equal(steps_sent_count(s, MESSAGE_SUBMIT), 0); /* its credit ended with the link */
    credit(s, 10, 1000000);
    assert_int_equal(steps_sent_count(s, MESSAGE_SUBMIT), 2);
    assert_true(msgid_equal(&submitted(s, 0)->id, &id)); /* the same id, and first */
    assert_true(bytes_is(submitted(s, 0)->body, ticket));
    msgid_t second = submitted(s, 1)->id;
    verdict(s, &id, VERDICT_ACCEPTED);
    verdict(s, &second, VERDICT_ACCEPTED);
    assert_status(s, before, 202, "");
    assert_status(s, meanwhile, 202, "");
}

static void a_limiter_that_stays_away_is_told_after_two_seconds(void **state)
{
    steps_t *s = *state;
    uint64_t token = send_ticket(s); /* no link yet */
    steps_pass(s, 1900 * US_PER_MS);
    assert_null(steps_reply(s, token));
    steps_pass(s, 100 * US_PER_MS);
    assert_status(s, token, 503, "unavailable");
}

static void nothing_new_is_sent_to_a_silent_limiter(void **state)
{
    steps_t *s = up(state);
    steps_limiter(s, EVENT_PEER_SILENT);
    send_ticket(s);
    assert_null(submitted(s, 0));
    steps_limiter(s, EVENT_PEER_BACK);
    assert_non_null(submitted(s, 0));
}

static void without_a_verdict_the_sender_is_told_to_repeat_and_a_late_one_is_harmless(void **state)
{
    steps_t *s = up(state);
    uint64_t token = send_ticket(s);
    msgid_t id = submitted(s, 0)->id;
    steps_pass(s, 9900 * US_PER_MS);
    assert_null(steps_reply(s, token));
    steps_pass(s, 100 * US_PER_MS);
    assert_status(s, token, 503, "may have been accepted");
    steps_forget(s);
    verdict(s, &id, VERDICT_ACCEPTED);
    assert_null(steps_reply(s, token));
    steps_limiter(s, EVENT_PEER_UP);
    credit(s, 10, 100000);
    assert_null(submitted(s, 0)); /* it is not said again either */
}

static void the_waiting_list_has_a_maximum(void **state)
{
    steps_t *s = *state;
    for (int i = 0; i < 1024; i++)
        send_ticket(s);
    assert_null(steps_find(s, ENTRY_REPLY, 0));
    assert_status(s, send_ticket(s), 503, "too many");
    steps_pass(s, 2 * US_PER_S);
    size_t replies = 0;
    while (steps_find(s, ENTRY_REPLY, replies))
        replies++;
    assert_int_equal(replies, 1025);
}

/* ---- modes */

static void mode(steps_t *s, work_mode_t to, unsigned stopping)
{
    steps_message(s, ACTOR_LIMITER, MESSAGE_MODE,
                  &(msg_mode_t){.mode = to, .who = bytes_str("op"), .stopping = stopping});
}

static void in_a_drain_senders_that_come_again_are_sent_away_and_others_are_queued(void **state)
{
    steps_t *s = up(state);
    char signature[80];
    sign_hub("{}", signature);
    const post_t hub = {.path = "/push",
                        .body = "{}",
                        .more = {{bytes_str("x-github-delivery"), bytes_str("d-1")},
                                 {bytes_str("x-hub-signature-256"), bytes_str(signature)}}};
    mode(s, MODE_DRAINING, 0);
    assert_status(s, send_ticket(s), 503, "System draining");
    assert_null(submitted(s, 0));
    send(s, &hub);
    assert_non_null(submitted(s, 0));
    mode(s, MODE_NORMAL, 0);
    send_ticket(s);
    assert_int_equal(steps_sent_count(s, MESSAGE_SUBMIT), 2);
    mode(s, MODE_MAINTENANCE, 0);
    assert_status(s, send_ticket(s), 503, "maintenance");
    mode(s, MODE_NORMAL, 1);
    assert_status(s, send_ticket(s), 503, "System draining");
}

static void a_stranger_learns_nothing_of_the_mode(void **state)
{
    steps_t *s = up(state);
    mode(s, MODE_DRAINING, 0);
    assert_status(s, send(s, &(post_t){.path = "/plain", .body = "{}", .remote = true}), 401, "");
}

/* ---- questions */

#define ID "01HF7YAT00041061050R3GG28A"

static void a_message_can_be_asked_for(void **state)
{
    steps_t *s = up(state);
    uint64_t token = get(s, "/v1/messages/" ID);
    const msg_query_t *query = steps_sent(s, MESSAGE_QUERY, 0);
    assert_true(bytes_is(query->verb, "show"));
    assert_true(bytes_is(query->args, "{\"id\":\"" ID "\"}"));
    steps_message(
        s, ACTOR_LIMITER, MESSAGE_ANSWER,
        &(msg_answer_t){.number = query->number + 1, .status = 200, .body = bytes_str("{}")});
    assert_null(steps_reply(s, token)); /* another's answer */
    steps_message(s, ACTOR_LIMITER, MESSAGE_ANSWER,
                  &(msg_answer_t){.number = query->number,
                                  .status = 200,
                                  .body = bytes_str("{\"state\":\"done\"}")});
    assert_status(s, token, 200, "\n\n{\"state\":\"done\"}");
}

static void a_message_that_is_not_there_is_a_problem(void **state)
{
    steps_t *s = up(state);
    uint64_t token = get(s, "/v1/messages/" ID);
    const msg_query_t *query = steps_sent(s, MESSAGE_QUERY, 0);
    steps_message(
        s, ACTOR_LIMITER, MESSAGE_ANSWER,
        &(msg_answer_t){.number = query->number,
                        .status = 404,
                        .body = bytes_str("{\"error\":\"no such message\",\"hint\":\"x\"}")});
    assert_status(s, token, 404, "no such message");
    assert_contains(steps_reply(s, token)->text, "application/problem+json");
    assert_status(s, get(s, "/v1/messages/nonsense"), 404, "no message id");
}

static void questions_are_asked_again_on_a_new_link_and_end_in_time(void **state)
{
    steps_t *s = up(state);
    uint64_t token = get(s, "/v1/messages/" ID);
    steps_forget(s);
    steps_limiter(s, EVENT_PEER_UP);
    assert_int_equal(steps_sent_count(s, MESSAGE_QUERY), 1);
    steps_pass(s, 3 * US_PER_S);
    assert_status(s, token, 503, "did not answer");
}

static void who_may_ask_is_this_host_or_who_has_the_token(void **state)
{
    steps_t *s = up(state);
    post_t p = {.method = "GET", .path = "/v1/messages/" ID, .type = "", .remote = true};
    assert_status(s, send(s, &p), 401, "API token");
    p.more[0] = (http_field_t){bytes_str("authorization"), bytes_str("Bearer t2")};
    assert_status(s, send(s, &p), 401, "API token");
    p.more[0].value = bytes_str("Bearer t1");
    assert_null(steps_reply(s, send(s, &p)));
    assert_int_equal(steps_sent_count(s, MESSAGE_QUERY), 1);
}

/* ---- health and metrics */

static void it_is_ready_only_while_it_can_take_work(void **state)
{
    steps_t *s = *state;
    assert_status(s, get(s, "/livez"), 200, "pass");
    assert_status(s, get(s, "/readyz"), 503, "the limiter is away");
    assert_status(s, get(s, "/health"), 503, "\"status\":\"fail\"");
    steps_limiter(s, EVENT_PEER_UP);
    steps_pass(s, US_PER_S);
    assert_status(s, get(s, "/readyz"), 503, "the queue takes nothing");
    credit(s, 10, 100000);
    assert_status(s, get(s, "/readyz"), 200, "\"ready\":true");
    assert_status(s, get(s, "/health"), 200, "application/health+json");
    mode(s, MODE_DEGRADED, 0);
    assert_status(s, get(s, "/readyz"), 200, "");
    assert_status(s, get(s, "/health"), 200, "\"status\":\"warn\"");
    mode(s, MODE_DRAINING, 0);
    assert_status(s, get(s, "/readyz"), 503, "mode draining");
    mode(s, MODE_NORMAL, 0);
    steps_limiter(s, EVENT_PEER_SILENT);
    assert_status(s, get(s, "/readyz"), 503, "silent");
    assert_status(s, get(s, "/livez"), 200, "");
}

static void the_metrics_of_all_actors_are_in_one_text(void **state)
{
    steps_t *s = up(state);
    const char *texts[] = {"weir_messages_accepted_total{actor=\"limiter\",instance=\"0\"} 41\n",
                           "weir_messages_accepted_total{actor=\"limiter\",instance=\"0\"} 42\n"};
    for (size_t i = 0; i < 2; i++)
        steps_message(s, ACTOR_SUPERVISOR, MESSAGE_STATS,
                      &(msg_stats_t){.actor = ACTOR_LIMITER, .text = bytes_str(texts[i])});
    uint64_t token = get(s, "/metrics");
    assert_status(s, token, 200, "text/plain; version=0.0.4; charset=utf-8");
    assert_contains(steps_reply(s, token)->text, "instance=\"0\"} 42\n");
    assert_lacks(steps_reply(s, token)->text, "} 41\n");
    assert_contains(steps_reply(s, token)->text, "# TYPE weir_messages_accepted_total counter");
    steps_pass(s, 20 * US_PER_S);
    assert_lacks(steps_reply(s, get(s, "/metrics"))->text, "} 42\n"); /* an old word is no word */
}

/* ---- the end */

static void a_stop_answers_everybody(void **state)
{
    steps_t *s = *state;
    steps_limiter(s, EVENT_PEER_UP);
    credit(s, 2, 1000000);
    uint64_t first = send_ticket(s), second = send_ticket(s), third = send_ticket(s);
    msgid_t id = submitted(s, 0)->id;
    steps_order(s, 1, 10000);
    assert_status(s, third, 503, "System draining");
    assert_null(steps_find(s, ENTRY_STOP, 0));
    assert_status(s, send_ticket(s), 503, "System draining");
    verdict(s, &id, VERDICT_ACCEPTED); /* on its way: it has a moment to come */
    assert_status(s, first, 202, "");
    steps_pass(s, US_PER_S);
    assert_status(s, second, 503, "may have been accepted");
    assert_non_null(steps_find(s, ENTRY_STOP, 0));
    assert_int_equal(steps_find(s, ENTRY_STOP, 0)->status, 0);
}

static void with_nothing_on_its_way_a_stop_is_obeyed_at_once(void **state)
{
    steps_t *s = up(state);
    steps_order(s, 2, 1000); /* not for us */
    assert_null(steps_find(s, ENTRY_STOP, 0));
    steps_order(s, 1, 1000);
    assert_non_null(steps_find(s, ENTRY_STOP, 0));
}

static void refusals_in_the_journal_are_bounded(void **state)
{
    steps_t *s = up(state);
    for (int i = 0; i < 50; i++)
        send(s, &(post_t){.path = "/plain", .body = "{}"});
    size_t lines = 0;
    for (const char *at = s->lines; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, 10);
}

#ifdef WEIR_PLANT
static void the_planted_bug_is_in_the_code(void **state)
{
    steps_t *s = up(state);
    send_ticket(s);
    planted_bug = BUG_SUBMIT_NOT_REPEATED;
    steps_forget(s);
    steps_limiter(s, EVENT_PEER_UP);
    credit(s, 10, 100000);
    assert_null(submitted(s, 0));
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(a_request_becomes_a_submission_with_everything_the_queue_needs),
        T(accepted_is_answered_with_the_place_of_the_message),
        T(every_verdict_has_its_answer),
        T(a_duplicate_names_the_first_one),
        T(the_same_source_and_id_have_the_same_print_and_other_bodies_another_hash),
        T(without_an_id_the_body_is_the_id),
        T(a_signed_webhook_is_taken_by_its_headers),
        T(what_cannot_be_taken_is_refused_with_its_reason),
        T(media_types_that_end_in_json_are_taken),
        T(a_body_over_the_routes_maximum_is_too_large),
        T(a_compressed_body_is_not_taken),
        T(a_route_may_be_named_in_the_query),
        T(credentials_never_get_into_the_fields),
        T(nothing_is_submitted_beyond_the_credit),
        T(bytes_are_credit_too),
        T(a_full_queue_is_told_within_a_tenth_of_a_second),
        T(a_restart_of_the_limiter_is_not_seen_outside),
        T(a_limiter_that_stays_away_is_told_after_two_seconds),
        T(nothing_new_is_sent_to_a_silent_limiter),
        T(without_a_verdict_the_sender_is_told_to_repeat_and_a_late_one_is_harmless),
        T(the_waiting_list_has_a_maximum),
        T(in_a_drain_senders_that_come_again_are_sent_away_and_others_are_queued),
        T(a_stranger_learns_nothing_of_the_mode),
        T(a_message_can_be_asked_for),
        T(a_message_that_is_not_there_is_a_problem),
        T(questions_are_asked_again_on_a_new_link_and_end_in_time),
        T(who_may_ask_is_this_host_or_who_has_the_token),
        T(it_is_ready_only_while_it_can_take_work),
        T(the_metrics_of_all_actors_are_in_one_text),
        T(a_stop_answers_everybody),
        T(with_nothing_on_its_way_a_stop_is_obeyed_at_once),
        T(refusals_in_the_journal_are_bounded),
#ifdef WEIR_PLANT
        T(the_planted_bug_is_in_the_code),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
