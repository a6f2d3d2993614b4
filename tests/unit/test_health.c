/* What an ingress says of messages, of itself and of all actors. */
#include "tests/unit/ingress_rig.h"

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
    assert_status(s, send(s, &p), 401, "send an API key");
    p.more[0] = (http_field_t){bytes_str("authorization"), bytes_str("Bearer t2")};
    assert_status(s, send(s, &p), 401, "send an API key");
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

static void a_limiter_that_is_replaced_does_not_make_it_unready(void **state)
{
    steps_t *s = up(state);
    msg_peers_t dead = {.actor = ACTOR_LIMITER, .generation = 1, .life = LIFE_DEAD};
    steps_message(s, ACTOR_SUPERVISOR, MESSAGE_PEERS, &dead);
    steps_pass(s, US_PER_S - 1);
    assert_status(s, get(s, "/readyz"), 200, "");
    assert_status(s, get(s, "/health"), 200, "\"status\":\"warn\"");
    steps_message(s, ACTOR_SUPERVISOR, MESSAGE_PEERS, &dead); /* said again */
    steps_pass(s, 1);
    assert_status(s, get(s, "/readyz"), 503, "the limiter is away");
    steps_limiter(s, EVENT_PEER_UP);
    credit(s, 10, 100000);
    assert_status(s, get(s, "/readyz"), 200, "");
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
    assert_contains(steps_reply(s, token)->text,
                    "weir_credit_available_messages{actor=\"ingress\"");
    assert_contains(steps_reply(s, token)->text, "# TYPE weir_messages_accepted_total counter");
    steps_pass(s, 20 * US_PER_S);
    assert_lacks(steps_reply(s, get(s, "/metrics"))->text, "} 42\n"); /* an old word is no word */
}

static void asking_often_gets_the_same_page_for_a_quarter_of_a_second(void **state)
{
    steps_t *s = up(state);
    msg_stats_t stats = {.actor = ACTOR_LIMITER, .text = bytes_str("weir_commits_total{} 1\n")};
    steps_message(s, ACTOR_SUPERVISOR, MESSAGE_STATS, &stats);
    assert_contains(steps_reply(s, get(s, "/metrics"))->text, "weir_commits_total{} 1\n");
    stats.text = bytes_str("weir_commits_total{} 2\n");
    steps_message(s, ACTOR_SUPERVISOR, MESSAGE_STATS, &stats);
    assert_contains(steps_reply(s, get(s, "/metrics"))->text, "weir_commits_total{} 1\n");
    steps_pass(s, US_PER_S / 4);
    assert_contains(steps_reply(s, get(s, "/metrics"))->text, "weir_commits_total{} 2\n");
}

static void json_is_told_to_those_who_accept_it(void **state)
{
    steps_t *s = up(state);
    const post_t p = {.method = "GET",
                      .path = "/metrics",
                      .type = "",
                      .more = {{bytes_str("accept"), bytes_str("application/json")}}};
    const char *text = steps_reply(s, send(s, &p))->text;
    assert_contains(text, "application/json");
    assert_contains(text, "\"weir_credit_available_messages\":{\"type\":\"gauge\"");
    uint64_t token = get(s, "/metrics/summary");
    assert_status(s, token, 200, "\"requests\":{\"200\":1}");
    token = send(s, &(post_t){.path = "/metrics/summary", .body = "{}"});
    assert_status(s, token, 405, "Allow: GET, HEAD");
}

static void openmetrics_is_told_to_those_who_prefer_it(void **state)
{
    steps_t *s = up(state);
    static const struct {
        const char *accept, *type;
    } rows[] = {
        {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
         "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", /* Prometheus 2.42 */
         "application/openmetrics-text; version=1.0.0; charset=utf-8"},
        {"text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "text/plain; version=0.0.4; charset=utf-8"},
        {"*/*", "text/plain; version=0.0.4; charset=utf-8"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const post_t p = {.method = "GET",
                          .path = "/metrics",
                          .type = "",
                          .more = {{bytes_str("accept"), bytes_str(rows[i].accept)}}};
        assert_status(s, send(s, &p), 200, rows[i].type);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_message_can_be_asked_for),
        T(a_message_that_is_not_there_is_a_problem),
        T(questions_are_asked_again_on_a_new_link_and_end_in_time),
        T(who_may_ask_is_this_host_or_who_has_the_token),
        T(it_is_ready_only_while_it_can_take_work),
        T(a_limiter_that_is_replaced_does_not_make_it_unready),
        T(the_metrics_of_all_actors_are_in_one_text),
        T(asking_often_gets_the_same_page_for_a_quarter_of_a_second),
        T(json_is_told_to_those_who_accept_it),
        T(openmetrics_is_told_to_those_who_prefer_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
