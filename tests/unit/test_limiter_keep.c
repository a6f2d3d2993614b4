/* What the limiter does with what waits or is finished: drains, dead letters, retention, questions.
 */
#include "limiter_peers.h"

static void a_drain_refuses_who_retries_and_parks_who_does_not(void **state)
{
    rig_t *r = *state;
    rig_hello(r, CONN_DRAINER, ACTOR_DRAINER, 51, NULL);
    rig_credit(r, CONN_RESPONDER, "strict", 10);
    msg_mode_t mode = {.mode = MODE_DRAINING, .who = bytes_str("test"), .lasting = 1};
    rig_say(r, CONN_DRAINER, MESSAGE_MODE, &mode);
    rig_submit(r, "plain", 1, "k");
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_DRAINING);
    rig_submit(r, "once", 2, "");
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_ACCEPTED);
    assert_null(rig_assign(r, CONN_RESPONDER));
    rig_crash(r); /* the mode and the parked message last */
    rig_start(r);
    rig_peers_up(r);
    rig_credit(r, CONN_RESPONDER, "strict", 10);
    assert_null(rig_assign(r, CONN_RESPONDER));
    mode.mode = MODE_NORMAL;
    rig_hello(r, CONN_DRAINER, ACTOR_DRAINER, 51, NULL);
    rig_say(r, CONN_DRAINER, MESSAGE_MODE, &mode);
    assert_non_null(rig_assign(r, CONN_RESPONDER));
}

static void a_dead_letter_put_back_joins_the_tail_of_its_key_for_good(void **state)
{
    rig_t *r = *state;
    rig_hello(r, CONN_DRAINER, ACTOR_DRAINER, 51, NULL);
    rig_credit(r, CONN_RESPONDER, "d", 1);
    rig_submit(r, "plain", 1, "k");
    rig_settle_as(r, CONN_RESPONDER, rig_assign(r, CONN_RESPONDER), OUTCOME_FAIL);
    assert_int_equal(rig_state(r, 1), STATE_DEAD);
    rig_submit(r, "plain", 2, "k");
    rig_say(r, CONN_DRAINER, MESSAGE_REDRIVE,
            &(msg_redrive_t){.id = rig_id(1), .most = 10, .who = bytes_str("test")});
    assert_int_equal(rig_state(r, 1), STATE_QUEUED);
    rig_crash(r);
    rig_start(r);
    rig_peers_up(r);
    rig_credit(r, CONN_RESPONDER, "d", 100);
    msgid_t first = rig_id(2), second = rig_id(1);
    const msg_assign_t *a = rig_assign(r, CONN_RESPONDER);
    assert_memory_equal(a->id.b, first.b, 16);
    rig_settle_as(r, CONN_RESPONDER, a, OUTCOME_OK);
    assert_memory_equal(rig_assign(r, CONN_RESPONDER)->id.b, second.b, 16);
}

static void what_is_past_its_retention_goes(void **state)
{
    rig_t *r = *state;
    rig_hello(r, CONN_DRAINER, ACTOR_DRAINER, 51, NULL);
    rig_credit(r, CONN_RESPONDER, "d", 10);
    rig_submit(r, "plain", 1, "k");
    rig_settle_as(r, CONN_RESPONDER, rig_assign(r, CONN_RESPONDER), OUTCOME_OK);
    rig_submit(r, "plain", 2, "k");
    uint64_t later = (uint64_t)r->now.wall.us + 1;
    rig_say(r, CONN_DRAINER, MESSAGE_PURGE,
            &(msg_purge_t){
                .done_before_us = later, .dead_before_us = 0, .prints_before_us = 1, .most = 100});
    assert_int_equal(rig_state(r, 1), 255);
    assert_int_equal(rig_state(r, 2), STATE_ASSIGNED); /* not finished: stays */
}

static json_int_t status_number(rig_t *r, const char *name)
{
    msg_query_t q = {.number = 1, .verb = bytes_str("status")};
    rig_say(r, CONN_INGRESS, MESSAGE_QUERY, &q);
    const msg_answer_t *a = rig_next(r, CONN_INGRESS, MESSAGE_ANSWER);
    json_t *body = json_loadb((const char *)a->body.data, a->body.len, 0, NULL);
    json_int_t number = json_integer_value(json_object_get(body, name));
    json_decref(body);
    return number;
}

static void what_goes_is_counted_once_though_it_was_asked_for_twice(void **state)
{
    rig_t *r = *state;
    rig_hello(r, CONN_DRAINER, ACTOR_DRAINER, 51, NULL);
    rig_credit(r, CONN_RESPONDER, "d", 10);
    msg_purge_t purge = {.prints_before_us = 1, .most = 100};
    for (unsigned n = 1; n <= 3; n++) {
        rig_submit(r, "plain", n, "k");
        rig_settle_as(r, CONN_RESPONDER, rig_assign(r, CONN_RESPONDER), OUTCOME_OK);
        if (n == 2)
            purge.done_before_us = (uint64_t)r->now.wall.us + 1;
        rig_pass(r, US_PER_S);
    }
    r->hold_commits = true;
    rig_say(r, CONN_DRAINER, MESSAGE_PURGE, &purge);
    rig_say(r, CONN_DRAINER, MESSAGE_PURGE, &purge);
    r->hold_commits = false;
    rig_settle(r);
    assert_int_equal(status_number(r, "done"), 1);
}

static void questions_are_answered_with_what_blocks_a_message(void **state)
{
    rig_t *r = *state;
    char id[MSGID_TEXT], args[64];
    msgid_t which = rig_id(2);
    rig_submit(r, "plain", 1, "k");
    rig_submit(r, "plain", 2, "k");
    msgid_text(&which, id);
    snprintf(args, sizeof args, "{\"id\":\"%s\"}", id);
    rig_say(r, CONN_INGRESS, MESSAGE_QUERY,
            &(msg_query_t){.number = 5, .verb = bytes_str("why"), .args = bytes_str(args)});
    const msg_answer_t *a = rig_next(r, CONN_INGRESS, MESSAGE_ANSWER);
    assert_int_equal(a->number, 5);
    assert_int_equal(a->status, 200);
    json_t *body = json_loadb((const char *)a->body.data, a->body.len, 0, NULL);
    json_t *blocker = json_object_get(body, "blocker");
    assert_string_equal(json_string_value(json_object_get(blocker, "kind")), "key");
    which = rig_id(1);
    msgid_text(&which, id);
    assert_string_equal(json_string_value(json_object_get(blocker, "holder")), id);
    json_decref(body);
    rig_say(r, CONN_INGRESS, MESSAGE_QUERY, &(msg_query_t){.number = 6, .verb = bytes_str("ls")});
    assert_int_equal(((const msg_answer_t *)rig_next(r, CONN_INGRESS, MESSAGE_ANSWER))->status,
                     200);
    rig_say(r, CONN_INGRESS, MESSAGE_QUERY,
            &(msg_query_t){.number = 7,
                           .verb = bytes_str("show"),
                           .args = bytes_str("{\"id\":\"nonsense\"}")});
    assert_int_equal(((const msg_answer_t *)rig_next(r, CONN_INGRESS, MESSAGE_ANSWER))->status,
                     400);
    rig_say(r, CONN_INGRESS, MESSAGE_QUERY,
            &(msg_query_t){.number = 8, .verb = bytes_str("status")});
    assert_int_equal(((const msg_answer_t *)rig_next(r, CONN_INGRESS, MESSAGE_ANSWER))->status,
                     200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_drain_refuses_who_retries_and_parks_who_does_not),
        TEST(a_dead_letter_put_back_joins_the_tail_of_its_key_for_good),
        TEST(what_is_past_its_retention_goes),
        TEST(what_goes_is_counted_once_though_it_was_asked_for_twice),
        TEST(questions_are_answered_with_what_blocks_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
