/* A limit's truth is asked, and its answer read: a whole list of ids, or a reason why not. */
#include "tests/unit/steps.h"

#include "actors/responder/listing.h"

static const char config[] =
    "sources:\n"
    "  s: {auth: none-on-loopback}\n"
    "downstreams:\n"
    "  far: {url: \"http://127.0.0.1:9180\", allow_private: true, connections: 1, secret: token,\n"
    "    headers: {X-Fixed: always}}\n"
    "limits:\n"
    "  calls: {slots: 5, truth: {downstream: far, path: \"/live?all=1\", list: /data/calls, id: "
    "/sid}}\n"
    "  other: {slots: 5}\n"
    "routes:\n"
    "  r: {path: /r, source: s, steps: [{name: go, call: {downstream: far, path: /x}}]}\n";

static int begin(void **state)
{
    steps_t *s = calloc(1, sizeof *s);
    steps_begin(s, &responder_spec, config);
    s->secrets[0][0] = "token";
    s->secrets[0][1] = "open-sesame";
    steps_plain(s, EVENT_START);
    steps_limiter(s, EVENT_PEER_UP);
    *state = s;
    return 0;
}

static void ask(steps_t *s, uint64_t number, const char *limit)
{
    steps_forget(s);
    steps_message(s, ACTOR_LIMITER, MESSAGE_LIST,
                  &(msg_list_t){.number = number, .limit = bytes_str(limit)});
}

static const msg_listed_t *told(steps_t *s, http_answer_t a)
{
    a.token = steps_find(s, ENTRY_CALL, 0)->token;
    steps_forget(s);
    steps_event(s, &(event_t){.kind = EVENT_ANSWER, .answer = &a});
    assert_int_equal(steps_sent_count(s, MESSAGE_LISTED), 1);
    return steps_sent(s, MESSAGE_LISTED, 0);
}

static http_answer_t body(const char *text)
{
    return (http_answer_t){.end = CALL_ANSWERED, .status = 200, .body = bytes_str(text)};
}

static void the_question_is_one_request_with_the_downstreams_secret_and_headers(void **state)
{
    steps_t *s = *state;
    ask(s, 7, "calls");
    const wish_t *call = steps_find(s, ENTRY_CALL, 0);
    assert_non_null(strstr(call->text, "GET /live?all=1"));
    assert_non_null(strstr(call->text, "Bearer open-sesame"));
    assert_non_null(strstr(call->text, "X-Fixed: always"));
    assert_null(strstr(call->text, "Idempotency-Key"));
    const msg_listed_t *m =
        told(s, body("{\"data\":{\"calls\":[{\"sid\":\"CA1\"},{\"sid\":42}]}}"));
    assert_true(m->whole && m->number == 7 && m->status == 200 && bytes_is(m->limit, "calls"));
    assert_true(bytes_is(m->ids, "[\"CA1\",\"42\"]"));
}

static void it_takes_no_connection_from_the_assignments(void **state)
{
    steps_t *s = *state;
    ask(s, 7, "calls");
    msg_assign_t a = {.seq = 1,
                      .attempt = 1,
                      .fence = 1,
                      .route = bytes_str("r"),
                      .step = bytes_str("go"),
                      .start_by_us = (uint64_t)(1005 * US_PER_S)};
    steps_message(s, ACTOR_LIMITER, MESSAGE_ASSIGN, &a);
    assert_non_null(steps_find(s, ENTRY_CALL, 1));
    assert_int_equal(config_lists(s->config, &s->config->downstreams[0]), 1);
}

static void only_a_whole_list_is_one(void **state)
{
    steps_t *s = *state;
    http_field_t next = {bytes_str("link"), bytes_str("<http://x/?page=2>; rel=\"next\"")};
    http_answer_t no[] = {body("{\"data\":{\"calls\":[{\"id\":\"CA1\"}]}}"),
                          body("{\"data\":{\"calls\":{}}}"),
                          body("[]"),
                          body("{\"data\""),
                          body("{\"data\":{\"calls\":[{\"sid\":\"\"}]}}"),
                          body("{\"data\":{\"calls\":[{\"sid\":null}]}}"),
                          body("{\"data\":{\"calls\":[]}}"),
                          body("{\"data\":{\"calls\":[]}}"),
                          body("{\"data\":{\"calls\":[]}}"),
                          {.end = CALL_FAILED, .error = "connection refused"},
                          {.end = CALL_LATE}};
    no[6].status = 206;
    no[7].truncated = true;
    no[8].headers = &next;
    no[8].header_count = 1;
    for (size_t i = 0; i < COUNT_OF(no); i++) {
        ask(s, i + 1, "calls");
        const msg_listed_t *m = told(s, no[i]);
        assert_true(!m->whole && m->ids.len == 0 && m->reason.len > 0 && m->number == i + 1);
    }
    ask(s, 20, "calls");
    assert_true(told(s, body("{\"data\":{\"calls\":[]}}"))->whole);
}

static void a_list_longer_than_a_frame_holds_is_no_list(void **state)
{
    steps_t *s = *state;
    size_t size = (1u << 20) + 4096, used = 0;
    char *text = malloc(size);
    used = (size_t)sprintf(text, "{\"data\":{\"calls\":[{\"sid\":1}");
    while (used < size - 64)
        used += (size_t)sprintf(text + used, ",{\"sid\":\"x\"}");
    strcpy(text + used, "]}}");
    ask(s, 1, "calls");
    assert_true(told(s, body(text))->whole);
    free(text);
    size = 3u << 20;
    text = malloc(size);
    used = (size_t)sprintf(text, "{\"data\":{\"calls\":[{\"sid\":1}");
    while (used < size - 128)
        used += (size_t)sprintf(text + used, ",{\"sid\":\"%060zu\"}", used);
    strcpy(text + used, "]}}");
    ask(s, 2, "calls");
    const msg_listed_t *m = told(s, body(text));
    assert_true(!m->whole && m->ids.len == 0);
    free(text);
}

static void what_cannot_be_asked_is_said_at_once(void **state)
{
    steps_t *s = *state;
    const char *const unknown[] = {"other", "nothing"};
    for (size_t i = 0; i < COUNT_OF(unknown); i++) {
        ask(s, 1, unknown[i]);
        const msg_listed_t *m = steps_sent(s, MESSAGE_LISTED, 0);
        assert_true(m && !m->whole && m->status == 0 && m->reason.len > 0);
    }
    ask(s, 2, "calls");
    steps_message(s, ACTOR_LIMITER, MESSAGE_LIST,
                  &(msg_list_t){.number = 3, .limit = bytes_str("calls")});
    const msg_listed_t *m = steps_sent(s, MESSAGE_LISTED, 0);
    assert_true(m && m->number == 3 && !m->whole);
    assert_int_equal(told(s, body("{\"data\":{\"calls\":[]}}"))->number, 2);
    s->secrets[0][0] = NULL;
    ask(s, 4, "calls");
    assert_true(steps_sent_count(s, MESSAGE_LISTED) == 1 && !steps_find(s, ENTRY_CALL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, steps_close)
        T(the_question_is_one_request_with_the_downstreams_secret_and_headers),
        T(it_takes_no_connection_from_the_assignments),
        T(only_a_whole_list_is_one),
        T(a_list_longer_than_a_frame_holds_is_no_list),
        T(what_cannot_be_asked_is_said_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
