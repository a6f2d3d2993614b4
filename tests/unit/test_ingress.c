/* The ingress at the door, driven step by step: requests in, submissions and answers out. */
#include "tests/unit/ingress_rig.h"

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

static void what_is_not_known_of_its_place_is_null(void **state)
{
    static const struct {
        unsigned known;
        const char *part;
    } rows[] = {
        {0, "\"ahead\":null,\"start_in_ms\":null}"},
        {TOLD_AHEAD, "\"ahead\":0,\"start_in_ms\":null}"},
        {TOLD_AHEAD | TOLD_START, "\"ahead\":0,\"start_in_ms\":0}"},
    };
    steps_t *s = up(state);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        steps_forget(s);
        uint64_t token = send_ticket(s);
        msgid_t id = submitted(s, 0)->id;
        steps_message(
            s, ACTOR_LIMITER, MESSAGE_VERDICT,
            &(msg_verdict_t){.id = id, .verdict = VERDICT_ACCEPTED, .known = rows[i].known});
        assert_contains(steps_reply(s, token)->text, rows[i].part);
    }
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

static void a_limit_that_refuses_is_named_with_what_it_is(void **state)
{
    static const struct {
        unsigned capped;
        const char *code, *detail;
    } rows[] = {{0, "\"code\":\"rate_limit_exceeded\"", "limit tries lets nobody pass now"},
                {1, "\"code\":\"usage_cap_exceeded\"", "limit tries is used up until"}};
    steps_t *s = up(state);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        steps_forget(s);
        uint64_t token = send_ticket(s);
        steps_message(s, ACTOR_LIMITER, MESSAGE_VERDICT,
                      &(msg_verdict_t){.id = submitted(s, 0)->id,
                                       .verdict = VERDICT_LIMITED,
                                       .retry_after_ms = 2500,
                                       .limit = bytes_str("tries"),
                                       .capped = rows[i].capped});
        assert_status(s, token, 429, rows[i].code);
        assert_status(s, token, 429, rows[i].detail);
        assert_status(s, token, 429, "\"limit\":\"tries\",\"refused_by\":\"limit\"");
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
        "downstreams: {d: {url: \"http://127.0.0.1:1\", allow_private: true}}\n"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_request_becomes_a_submission_with_everything_the_queue_needs),
        T(accepted_is_answered_with_the_place_of_the_message),
        T(what_is_not_known_of_its_place_is_null),
        T(every_verdict_has_its_answer),
        T(a_limit_that_refuses_is_named_with_what_it_is),
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
