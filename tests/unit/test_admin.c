/* /admin: orders with an API key, passed on and answered. */
#include "tests/unit/door_rig.h"

static uint64_t order(steps_t *s, const char *method, const char *path, const char *body)
{
    steps_forget(s);
    return door_ask(s, &(ask_t){.method = method, .path = path, .key = "k-ops", .body = body});
}

static const msg_query_t *query_of(const steps_t *s)
{
    const wish_t *w = steps_find(s, ENTRY_FRAME, 0);
    assert_non_null(w);
    assert_int_equal(w->type, MESSAGE_QUERY);
    assert_int_equal(w->peer, PEER_SUPERVISOR);
    assert_null(steps_find(s, ENTRY_FRAME, 1));
    return w->item;
}

static void answer(steps_t *s, uint64_t number, unsigned status, const char *body)
{
    steps_message(s, ACTOR_SUPERVISOR, MESSAGE_ANSWER,
                  &(msg_answer_t){.number = number, .status = status, .body = bytes_str(body)});
}

#define WHY "\"why\":\"w\","

static void each_order_becomes_the_verb_it_means(void **state)
{
    steps_t *s = *state;
    static const struct {
        const char *method, *path, *body, *verb, *args;
    } rows[] = {
        {"PUT", "/admin/draining", "{\"draining\":true,\"why\":\"deploy\"}", "drain",
         "{\"why\":\"deploy\"}"},
        {"POST", "/admin/draining", "{\"draining\":false}", "undrain", "{}"},
        {"PUT", "/admin/draining", "{\"mode\":\"maintenance\"}", "mode",
         "{\"mode\":\"maintenance\"}"},
        {"PUT", "/admin/draining", "{\"mode\":\"maintenance\",\"cancel\":true}", "mode",
         "{\"mode\":\"maintenance\",\"cancel\":true}"},
        {"GET", "/admin/draining", NULL, "mode", "{}"},
        {"GET", "/admin/limits", NULL, "limits.ls", "{}"},
        {"PATCH", "/admin/limits", "{" WHY "\"name\":\"calls\",\"slots\":7}", "limits.set",
         "{" WHY "\"name\":\"calls\",\"slots\":7}"},
        {"PUT", "/admin/limits/pin", "{" WHY "\"name\":\"calls\"}", "limits.pin",
         "{" WHY "\"name\":\"calls\"}"},
        {"PUT", "/admin/limits/unpin", "{" WHY "\"name\":\"calls\"}", "limits.unpin",
         "{" WHY "\"name\":\"calls\"}"},
        {"PUT", "/admin/limits/disable", "{" WHY "\"name\":\"calls\"}", "limits.disable",
         "{" WHY "\"name\":\"calls\"}"},
        {"PUT", "/admin/limits/enable", "{" WHY "\"name\":\"calls\"}", "limits.enable",
         "{" WHY "\"name\":\"calls\"}"},
        {"POST", "/admin/limits/observe", "{" WHY "\"name\":\"calls\",\"on\":\"on\"}",
         "limits.observe", "{" WHY "\"name\":\"calls\",\"on\":\"on\"}"},
        {"POST", "/admin/limits/resume", "{" WHY "\"name\":\"calls\"}", "limits.resume",
         "{" WHY "\"name\":\"calls\"}"},
        {"POST", "/admin/limits/reset", "{" WHY "\"name\":\"calls\"}", "limits.reset",
         "{" WHY "\"name\":\"calls\"}"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t token = order(s, rows[i].method, rows[i].path, rows[i].body);
        const msg_query_t *query = query_of(s);
        assert_true(bytes_is(query->verb, rows[i].verb));
        assert_true(bytes_is(query->args, rows[i].args));
        assert_true(bytes_is(query->who, "key:ops"));
        assert_null(steps_reply(s, token));
        answer(s, query->number, 200, "{\"mode\":\"draining\"}");
        assert_status(s, token, 200, "{\"mode\":\"draining\"}");
    }
}

static void what_went_wrong_is_a_problem_with_its_hint(void **state)
{
    static const struct {
        unsigned told, said;
        const char *code;
    } rows[] = {{400, 422, "unprocessable"}, {404, 404, "not_found"},   {409, 409, "not_now"},
                {503, 503, "unavailable"},   {504, 503, "unavailable"}, {500, 500, "internal"}};
    steps_t *s = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t token = order(s, "PUT", "/admin/draining", "{\"draining\":true}");
        answer(s, query_of(s)->number, rows[i].told, "{\"error\":\"no\",\"hint\":\"do so\"}");
        const wish_t *reply = assert_status(s, token, rows[i].said, "\"detail\":\"no; do so\"");
        assert_contains(reply->text, rows[i].code);
        assert_contains(reply->text, "application/problem+json");
    }
}

static void what_cannot_be_an_order_is_refused_and_sends_nothing(void **state)
{
    static const refusal_t rows[] = {
        {"PUT", "/admin/draining", "", 400, "malformed"},
        {"PUT", "/admin/draining", "{\"draining\":true", 400, "\"line\":1"},
        {"PUT", "/admin/draining", "{\"draining\":true,\"draining\":false}", 400, "malformed"},
        {"PUT", "/admin/draining", "[]", 422, "no JSON object"},
        {"PUT", "/admin/draining", "true", 422, "no JSON object"},
        {"PUT", "/admin/draining", "{}", 422, "say either"},
        {"PUT", "/admin/draining", "{\"draining\":true,\"mode\":\"normal\"}", 422, "say either"},
        {"PUT", "/admin/draining", "{\"draining\":\"yes\"}", 422, "\"pointer\":\"/draining\""},
        {"PUT", "/admin/draining", "{\"draining\":true,\"force\":1}", 422, "only draining"},
        {"PUT", "/admin/draining", "{\"draining\":true,\"cancel\":true}", 422,
         "\"pointer\":\"/cancel\""},
        {"PUT", "/admin/limits", "{\"name\":\"calls\",\"slots\":7}", 422, "\"pointer\":\"/why\""},
        {"PUT", "/admin/limits/pin", "{\"name\":\"calls\",\"why\":\"\"}", 422, "/why"},
        {"DELETE", "/admin/draining", NULL, 405, "Allow: GET, HEAD, POST, PUT, PATCH"},
        {"GET", "/admin/limits/pin", NULL, 405, "Allow: POST, PUT, PATCH"},
        {"GET", "/admin", NULL, 404, "/admin/draining"},
        {"POST", "/admin/dead.redrive", "{\"all\":true}", 404, "not_found"},
        {"POST", "/admin/drainin", "{}", 404, "not_found"},
    };
    steps_t *s = *state;
    door_refuses(s, "k-ops", rows, COUNT_OF(rows));
    char large[20000];
    memset(large, ' ', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    assert_status(s, order(s, "PUT", "/admin/limits", large), 413, "16384");
}

static void changing_needs_a_key_even_on_this_host(void **state)
{
    steps_t *s = *state;
    ask_t a = {.path = "/admin/draining", .body = "{\"draining\":true}", .is_here = true};
    assert_status(s, door_ask(s, &a), 401, "send an API key");
    a.key = "k-shop";
    assert_status(s, door_ask(s, &a), 403, "the key shop does not have the scope admin");
    a = (ask_t){.path = "/admin/limits"};
    assert_status(s, door_ask(s, &a), 401, "send an API key");
    assert_null(steps_find(s, ENTRY_FRAME, 0));
    a.is_here = true;
    door_ask(s, &a);
    assert_true(bytes_is(query_of(s)->who, "http"));
}

static void without_keys_the_answer_says_how_to_get_one(void **state)
{
    steps_t *s = door_open_with("{}");
    (void)state;
    ask_t a = {.path = "/admin/draining", .body = "{\"draining\":true}", .is_here = true};
    assert_status(s, door_ask(s, &a), 403, "one with the scope admin may");
    void *end = s;
    steps_close(&end);
}

static void an_order_is_sent_once_and_ends_in_time(void **state)
{
    steps_t *s = *state;
    uint64_t token = order(s, "PUT", "/admin/draining", "{\"draining\":true}");
    uint64_t number = query_of(s)->number;
    steps_limiter(s, EVENT_PEER_UP);
    assert_null(steps_find(s, ENTRY_FRAME, 1));
    steps_pass(s, 5 * US_PER_S);
    assert_status(s, token, 503, "it may have happened");
    steps_forget(s);
    answer(s, number, 200, "{}");
    assert_null(steps_reply(s, token));
}

static void orders_are_bounded(void **state)
{
    steps_t *s = *state;
    for (size_t i = 0; i < 16; i++)
        assert_null(steps_reply(s, order(s, "GET", "/admin/limits", NULL)));
    assert_status(s, order(s, "GET", "/admin/limits", NULL), 503, "too many orders");
    steps_forget(s);
    steps_order(s, 1, 1000);
    steps_pass(s, US_PER_S);
    assert_non_null(steps_find(s, ENTRY_REPLY, 15));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(each_order_becomes_the_verb_it_means),
        T(what_went_wrong_is_a_problem_with_its_hint),
        T(what_cannot_be_an_order_is_refused_and_sends_nothing),
        T(changing_needs_a_key_even_on_this_host),
        T(without_keys_the_answer_says_how_to_get_one),
        T(an_order_is_sent_once_and_ends_in_time),
        T(orders_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
