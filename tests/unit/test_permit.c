/* Who may ask what with which key. */
#include "tests/unit/door_rig.h"

static const char message[] = "/v1/messages/01ARZ3NDEKTSV4RRFFQ69G5FAV";

static uint64_t read_with(steps_t *s, const char *key)
{
    return door_ask(s, &(ask_t){.path = message, .key = key});
}

static void a_source_with_auth_api_key_believes_the_keys_that_may_send(void **state)
{
    steps_t *s = *state;
    static const char *const keys[] = {"k-shop", "k-shop2"};
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        door_ask(s, &(ask_t){.path = "/orders", .key = keys[i], .body = "{}"});
    assert_int_equal(steps_sent_count(s, MESSAGE_SUBMIT), 2);
    uint64_t token = door_ask(s, &(ask_t){.path = "/others", .key = "k-shop", .body = "{}"});
    assert_status(s, token, 403, "the key shop does not have the scope submit:other");
    token = door_ask(s, &(ask_t){.path = "/orders", .key = "k-ops", .body = "{}"});
    assert_status(s, token, 403, "submit:shop");
    token = door_ask(s, &(ask_t){.path = "/orders", .body = "{}", .is_here = true});
    assert_status(s, token, 401, "\"code\":\"unauthorized\"");
    assert_int_equal(steps_sent_count(s, MESSAGE_SUBMIT), 2);
}

static void a_key_may_also_come_in_x_api_key(void **state)
{
    steps_t *s = *state;
    door_ask(s, &(ask_t){.path = "/orders",
                         .body = "{}",
                         .more = {{bytes_str("x-api-key"), bytes_str("k-shop")}}});
    assert_int_equal(steps_sent_count(s, MESSAGE_SUBMIT), 1);
}

/* Byte for byte: whoever tries keys learns nothing from which answer comes. */
static void an_unknown_key_and_none_and_one_that_was_not_given_look_alike(void **state)
{
    steps_t *s = *state;
    static const char *const keys[] = {NULL, "", "x", "k-sho", "k-shop3", "k-shop ", "absent"};
    const char *first = NULL;
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const wish_t *r = assert_status(s, read_with(s, keys[i]), 401, "Authorization: Bearer");
        first = first ? first : r->text;
        assert_string_equal(first, r->text);
    }
}

static void asking_is_told_to_the_limiter_with_the_keys_name(void **state)
{
    steps_t *s = *state;
    static const char *const rows[][2] = {{"k-shop", "key:shop"}, {"t-t", "key:http.api_token"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        read_with(s, rows[i][0]);
        const msg_query_t *query = steps_sent(s, MESSAGE_QUERY, i);
        assert_non_null(query);
        assert_true(bytes_is(query->who, rows[i][1]));
    }
    door_ask(s, &(ask_t){.path = message, .is_here = true});
    assert_true(bytes_is(((const msg_query_t *)steps_sent(s, MESSAGE_QUERY, 2))->who, "http"));
    assert_status(s, read_with(s, "k-ops"), 403, "the key ops does not have the scope read");
}

static const wish_t *answered(steps_t *s, const char *key)
{
    static const char body[] = "{\"id\":\"x\",\"steps\":[{\"name\":\"a\",\"result\":null},"
                               "{\"name\":\"b\",\"result\":{\"status\":200,\"body\":"
                               "{\"pin\":1234}}}]}";
    steps_forget(s);
    uint64_t token = read_with(s, key);
    const msg_query_t *query = steps_sent(s, MESSAGE_QUERY, 0);
    assert_non_null(query);
    steps_message(s, ACTOR_LIMITER, MESSAGE_ANSWER,
                  &(msg_answer_t){.number = query->number, .status = 200, .body = bytes_str(body)});
    return assert_status(s, token, 200, "\"status\":200");
}

static void what_calls_were_answered_needs_the_scope_read_bodies(void **state)
{
    steps_t *s = *state;
    assert_lacks(answered(s, "k-shop")->text, "1234");
    assert_contains(answered(s, "t-t")->text, "1234");
}

static void metrics_need_a_key_once_one_has_their_scope(void **state)
{
    steps_t *s = *state;
    static const char *const paths[] = {"/metrics", "/metrics/summary"};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        assert_status(s, door_ask(s, &(ask_t){.path = paths[i]}), 401, "unauthorized");
        assert_status(s, door_ask(s, &(ask_t){.path = paths[i], .key = "k-shop"}), 403, "metrics");
        assert_status(s, door_ask(s, &(ask_t){.path = paths[i], .key = "k-ops"}), 200, "requests");
        assert_status(s, door_ask(s, &(ask_t){.path = paths[i], .is_here = true}), 200, "requests");
    }
}

static void without_any_key_only_this_host_reads_and_metrics_are_open(void **state)
{
    steps_t *s = door_open_with("{}");
    (void)state;
    assert_status(s, read_with(s, "k-shop"), 403, "the configuration has no api_keys");
    assert_status(s, door_ask(s, &(ask_t){.path = "/metrics"}), 200, "weir");
    door_ask(s, &(ask_t){.path = message, .is_here = true});
    assert_int_equal(steps_sent_count(s, MESSAGE_QUERY), 1);
    void *end = s;
    steps_close(&end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_source_with_auth_api_key_believes_the_keys_that_may_send),
        T(a_key_may_also_come_in_x_api_key),
        T(an_unknown_key_and_none_and_one_that_was_not_given_look_alike),
        T(asking_is_told_to_the_limiter_with_the_keys_name),
        T(what_calls_were_answered_needs_the_scope_read_bodies),
        T(metrics_need_a_key_once_one_has_their_scope),
        T(without_any_key_only_this_host_reads_and_metrics_are_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
