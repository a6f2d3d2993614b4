/* The responder, driven step by step: one assignment, one request, one settle. */
#include "tests/unit/responder_rig.h"

static void it_is_ready_at_once_and_grants_its_connections_when_welcome(void **state)
{
    steps_t *s = *state;
    steps_plain(s, EVENT_START);
    assert_non_null(steps_find(s, ENTRY_READY, 0));
    assert_int_equal(steps_sent_count(s, MESSAGE_CREDIT), 0);
    steps_limiter(s, EVENT_PEER_UP);
    assert_int_equal(credit_of(s, "helpdesk"), 2);
    assert_int_equal(credit_of(s, "plain"), 3);
}

static void an_assignment_becomes_one_whole_request(void **state)
{
    steps_t *s = up(state);
    msg_assign_t a = assignment(5, "tag");
    a.trace = bytes_str("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assign(s, &a);
    const wish_t *call = steps_find(s, ENTRY_CALL, 0);
    assert_non_null(call);
    assert_null(steps_find(s, ENTRY_CALL, 1));
    assert_int_equal(call->pool, 0);
    assert_int_equal(call->start_by.us, 1005 * US_PER_S);
    assert_contains(call->text, "PUT /v1/tickets/42/tags?by=c%207\n");
    assert_contains(call->text, "\nAuthorization: Bearer open-sesame\n");
    assert_contains(call->text, "\nX-Lang: en\n");
    assert_contains(call->text, "\nX-Fixed: always\n");
    assert_contains(call->text, "\nContent-Type: application/json\n");
    assert_contains(call->text, ":tag\"\n");
    assert_contains(call->text, "\nIdempotency-Key: \"01081G0");
    assert_contains(call->text, "\nWeir-Message: 01081G0");
    assert_contains(call->text, "\nWeir-Attempt: 1\n");
    assert_contains(call->text, "\nWeir-Key: c%207\n");
    assert_contains(call->text, "\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-");
    assert_contains(call->text, "\n\n{\"id\":42,\"text\":\"was 42\"}");
    assert_lacks(call->text, "Weir-Maybe-Duplicate");
    assert_int_equal(in_hand(s), 1);
    assert_int_equal(steps_sent_count(s, MESSAGE_CREDIT), 0); /* its connection is in use */
}

static void what_may_be_a_repetition_is_marked(void **state)
{
    steps_t *s = up(state);
    msg_assign_t a = assignment(5, "tag");
    a.maybe_duplicate = 1;
    assign(s, &a);
    assert_contains(steps_find(s, ENTRY_CALL, 0)->text, "\nWeir-Maybe-Duplicate: 1\n");
}

static void without_a_body_template_the_body_goes_on_as_it_came(void **state)
{
    steps_t *s = up(state);
    msg_assign_t a = assignment(5, "raw");
    a.content_type = bytes_str("application/vnd.x+json");
    assign(s, &a);
    const wish_t *call = steps_find(s, ENTRY_CALL, 0);
    assert_contains(call->text, "POST /raw\n");
    assert_contains(call->text, "\nContent-Type: application/vnd.x+json\n");
    assert_contains(call->text, "\n\n{\"id\": 42}");
    assert_lacks(call->text, "Authorization");
}

static void an_answer_settles_with_its_result_and_frees_the_connection(void **state)
{
    steps_t *s = up(state);
    msg_assign_t a = assignment(5, "tag");
    assign(s, &a);
    answer(s, steps_find(s, ENTRY_CALL, 0)->token, 201, "{\"ok\": true}");
    const msg_settle_t *settle = steps_sent(s, MESSAGE_SETTLE, 0);
    assert_non_null(settle);
    assert_int_equal(settle->seq, 5);
    assert_int_equal(settle->attempt, 1);
    assert_int_equal(settle->fence, 9);
    assert_int_equal(settle->outcome, OUTCOME_OK);
    assert_int_equal(settle->wrote, 1);
    assert_int_equal(settle->status, 201);
    assert_int_equal(settle->took_us, 1500);
    assert_true(bytes_is(settle->result, "{\"status\":201,\"body\":{\"ok\": true}}"));
    assert_int_equal(credit_of(s, "helpdesk"), 3);
    assert_int_equal(in_hand(s), 1);
    settled(s, 5);
    assert_int_equal(in_hand(s), 0);
}

static void an_answer_that_is_no_json_or_large_leaves_its_status_only(void **state)
{
    steps_t *s = up(state);
    char large[9000];
    memset(large, '1', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    const char *bodies[] = {"<html>", "", large};
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        msg_assign_t a = assignment(10 + i, "tag");
        assign(s, &a);
        answer(s, steps_find(s, ENTRY_CALL, 0)->token, 200, bodies[i]);
        const msg_settle_t *settle = steps_sent(s, MESSAGE_SETTLE, 0);
        assert_true(bytes_is(settle->result, "{\"status\":200}"));
    }
}

static void a_refusal_says_why_to_a_person(void **state)
{
    steps_t *s = up(state);
    msg_assign_t a = assignment(5, "tag");
    assign(s, &a);
    answer(s, steps_find(s, ENTRY_CALL, 0)->token, 422, "no such\ntag \xff");
    const msg_settle_t *settle = steps_sent(s, MESSAGE_SETTLE, 0);
    assert_int_equal(settle->outcome, OUTCOME_FAIL);
    assert_int_equal(settle->status, 422);
    assert_true(bytes_is(settle->reason, "HTTP 422: no such?tag ?"));
    assert_int_equal(settle->result.len, 0);
}

static void a_secret_that_an_answer_repeats_stays_here(void **state)
{
    steps_t *s = up(state);
    static const unsigned statuses[] = {200, 422};
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        msg_assign_t a = assignment(5 + i, "tag");
        assign(s, &a);
        answer(s, steps_find(s, ENTRY_CALL, 0)->token, statuses[i],
               "{\"you sent\":\"open-sesame, open-sesame\"}");
        const msg_settle_t *m = steps_sent(s, MESSAGE_SETTLE, 0);
        bytes_t said = i == 0 ? m->result : m->reason;
        assert_null(memmem(said.data, said.len, "sesame", 6));
        assert_non_null(memmem(said.data, said.len, "***********, ***********\"}", 26));
        assert_null(strstr(s->lines, "sesame"));
    }
}

static void the_call_of_a_chosen_journey_is_logged(void **state)
{
    steps_t *s = up(state);
    msg_assign_t a = assignment(5, "tag");
    assign(s, &a);
    answer(s, steps_find(s, ENTRY_CALL, 0)->token, 422, "no");
    assert_string_equal(s->lines, "call ended: HTTP 422 in 1.5 ms (HTTP 422: no)\n");
    a = assignment(6, "tag");
    a.route = bytes_str("quiet");
    assign(s, &a);
    answer(s, steps_find(s, ENTRY_CALL, 0)->token, 200, "{}");
    assert_string_equal(s->lines, "");
}

static void retry_after_is_passed_on(void **state)
{
    steps_t *s = up(state);
    msg_assign_t a = assignment(5, "tag");
    assign(s, &a);
    http_field_t header = {bytes_str("retry-after"), bytes_str("7")};
    http_answer_t busy = {.token = steps_find(s, ENTRY_CALL, 0)->token,
                          .end = CALL_ANSWERED,
                          .wrote = true,
                          .status = 429,
                          .headers = &header,
                          .header_count = 1};
    steps_event(s, &(event_t){.kind = EVENT_ANSWER, .answer = &busy});
    const msg_settle_t *settle = steps_sent(s, MESSAGE_SETTLE, 0);
    assert_int_equal(settle->outcome, OUTCOME_DEFER);
    assert_int_equal(settle->retry_after_ms, 7000);
}

static void calls_without_an_answer_are_judged_by_what_was_written(void **state)
{
    static const struct {
        enum http_call_end end;
        bool wrote;
        outcome_t outcome;
    } rows[] = {
        {CALL_FAILED, false, OUTCOME_RETRY},     {CALL_FAILED, true, OUTCOME_UNKNOWN},
        {CALL_LATE, false, OUTCOME_UNBEGUN},     {CALL_CANCELLED, false, OUTCOME_UNBEGUN},
        {CALL_CANCELLED, true, OUTCOME_UNKNOWN},
    };
    steps_t *s = up(state);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        msg_assign_t a = assignment(20 + i, "tag");
        assign(s, &a);
        http_answer_t none = {.token = steps_find(s, ENTRY_CALL, 0)->token,
                              .end = rows[i].end,
                              .wrote = rows[i].wrote,
                              .error = "connection reset"};
        steps_event(s, &(event_t){.kind = EVENT_ANSWER, .answer = &none});
        const msg_settle_t *settle = steps_sent(s, MESSAGE_SETTLE, 0);
        assert_int_equal(settle->outcome, rows[i].outcome);
        assert_int_equal(settle->wrote, rows[i].wrote);
        assert_int_equal(settle->cancelled, rows[i].end == CALL_CANCELLED);
        assert_int_equal(settle->status, 0);
        assert_true(settle->reason.len > 0);
    }
}

static void an_order_cancels_what_runs_and_nothing_else(void **state)
{
    steps_t *s = up(state);
    uint64_t tokens[3];
    for (size_t i = 0; i < COUNT_OF(tokens); i++) {
        msg_assign_t a = assignment(5 + i, i < 2 ? "tag" : "raw");
        assign(s, &a);
        tokens[i] = steps_find(s, ENTRY_CALL, 0)->token;
    }
    answer(s, tokens[0], 200, "{}"); /* its settle is on its way */
    steps_forget(s);
    steps_message(s, ACTOR_LIMITER, MESSAGE_CANCEL,
                  &(msg_cancel_t){.why = bytes_str("maintenance by uid 7: it moves")});
    assert_int_equal(steps_find(s, ENTRY_CANCEL, 0)->token, tokens[1]);
    assert_int_equal(steps_find(s, ENTRY_CANCEL, 1)->token, tokens[2]);
    assert_null(steps_find(s, ENTRY_CANCEL, 2));
    assert_null(steps_sent(s, MESSAGE_SETTLE, 0)); /* not before it is so */
    http_answer_t cut = {.token = tokens[1], .end = CALL_CANCELLED, .wrote = true};
    steps_event(s, &(event_t){.kind = EVENT_ANSWER, .answer = &cut});
    const msg_settle_t *settle = steps_sent(s, MESSAGE_SETTLE, 0);
    assert_int_equal(settle->cancelled, 1);
    assert_true(bytes_is(settle->reason, "the call was cancelled: maintenance by uid 7: it moves"));
    answer(s, tokens[2], 200, "{}"); /* it was faster than the order */
    settle = steps_sent(s, MESSAGE_SETTLE, 0);
    assert_int_equal(settle->outcome, OUTCOME_OK);
    assert_int_equal(settle->cancelled, 0);
}

static void an_assignment_said_twice_is_called_once(void **state)
{
    steps_t *s = up(state);
    msg_assign_t a = assignment(5, "tag");
    assign(s, &a);
    uint64_t token = steps_find(s, ENTRY_CALL, 0)->token;
    assign(s, &a);
    assert_null(steps_find(s, ENTRY_CALL, 0));
    assert_int_equal(credit_of(s, "helpdesk"), 3); /* the second used credit, but no connection */
    answer(s, token, 200, "{}");
    assign(s, &a); /* settled, but not yet on the limiter's disk */
    assert_null(steps_find(s, ENTRY_CALL, 0));
    assert_int_equal(in_hand(s), 1);
}

static void nothing_is_sent_after_start_by(void **state)
{
    steps_t *s = up(state);
    msg_assign_t a = assignment(5, "tag");
    steps_pass(s, 6 * US_PER_S);
    assign(s, &a);
    const msg_settle_t *settle = steps_sent(s, MESSAGE_SETTLE, 0);
    assert_null(steps_find(s, ENTRY_CALL, 0));
    assert_int_equal(settle->outcome, OUTCOME_UNBEGUN);
    assert_int_equal(settle->wrote, 0);
    assert_int_equal(credit_of(s, "helpdesk"), 3);
}

static void a_request_that_cannot_be_rendered_is_not_sent(void **state)
{
    static const struct {
        const char *step, *fields, *labels, *why;
        outcome_t outcome;
    } rows[] = {
        {"tag", "{\"/message/id\":null}", "{\"lang\":\"en\"}", "path: ", OUTCOME_FAIL},
        {"tag", "{\"/message/id\":\"..\"}", "{\"lang\":\"en\"}", "path: ", OUTCOME_FAIL},
        {"tag", "{\"/message/id\":1}", "{}", "header X-Lang: ", OUTCOME_FAIL},
        {"tag", "{\"/message/id\":1}", "{\"lang\":\"a\\r\\nEvil: 1\"}",
         "header X-Lang: ", OUTCOME_FAIL},
        {"gone", "{}", "{}", "route_changed", OUTCOME_UNBEGUN},
        {"rule", "{}", "{}", "route_changed", OUTCOME_UNBEGUN},
    };
    steps_t *s = up(state);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        msg_assign_t a = assignment(30 + i, rows[i].step);
        a.fields = bytes_str(rows[i].fields);
        a.labels = bytes_str(rows[i].labels);
        a.body = bytes_str("{}");
        assign(s, &a);
        assert_null(steps_find(s, ENTRY_CALL, 0));
        const msg_settle_t *settle = steps_sent(s, MESSAGE_SETTLE, 0);
        assert_int_equal(settle->outcome, rows[i].outcome);
        char reason[REASON_BYTES_MAX + 1];
        snprintf(reason, sizeof reason, "%.*s", (int)settle->reason.len,
                 (const char *)settle->reason.data);
        assert_contains(reason, rows[i].why);
        settled(s, settle->seq);
    }
}

static void a_secret_that_was_not_given_is_not_left_out_of_the_call(void **state)
{
    steps_t *s = up(state);
    s->secrets[0][0] = NULL;
    msg_assign_t a = assignment(5, "tag");
    assign(s, &a);
    assert_null(steps_find(s, ENTRY_CALL, 0));
    assert_int_equal(((const msg_settle_t *)steps_sent(s, MESSAGE_SETTLE, 0))->outcome,
                     OUTCOME_RETRY);
}

static void settles_are_said_again_on_a_new_link_until_settled(void **state)
{
    steps_t *s = up(state);
    for (uint64_t seq = 5; seq <= 6; seq++) {
        msg_assign_t a = assignment(seq, "tag");
        assign(s, &a);
        if (seq == 5)
            answer(s, steps_find(s, ENTRY_CALL, 0)->token, 200, "{\"n\":1}");
    }
    msg_holding_t holding[4];
    assert_int_equal(responder_spec.holding(s->self, holding, COUNT_OF(holding)), 2);
    assert_int_equal(holding[0].seq, 6);
    assert_int_equal(holding[1].seq, 5);
    assert_int_equal(holding[1].attempt, 1);
    assert_int_equal(holding[1].fence, 9);
    steps_forget(s);
    steps_limiter(s, EVENT_PEER_UP);
    assert_int_equal(steps_sent_count(s, MESSAGE_SETTLE), 1);
    const msg_settle_t *again = steps_sent(s, MESSAGE_SETTLE, 0);
    assert_int_equal(again->seq, 5);
    assert_true(bytes_is(again->result, "{\"status\":200,\"body\":{\"n\":1}}"));
    assert_int_equal(credit_of(s, "helpdesk"), 1); /* the other call still runs */
    settled(s, 5);
    steps_forget(s);
    steps_limiter(s, EVENT_PEER_UP);
    assert_int_equal(steps_sent_count(s, MESSAGE_SETTLE), 0);
    assert_int_equal(in_hand(s), 1);
}

static void settles_are_said_again_when_a_silent_limiter_is_back(void **state)
{
    steps_t *s = up(state);
    msg_assign_t a = assignment(5, "tag");
    assign(s, &a);
    steps_limiter(s, EVENT_PEER_SILENT);
    answer(s, 1, 200, "{}");
    steps_forget(s);
    steps_limiter(s, EVENT_PEER_BACK);
    assert_int_equal(steps_sent_count(s, MESSAGE_SETTLE), 1);
}

static void settled_of_another_attempt_forgets_nothing(void **state)
{
    steps_t *s = up(state);
    msg_assign_t a = assignment(5, "tag");
    assign(s, &a);
    settled(s, 5); /* it runs still */
    assert_int_equal(in_hand(s), 1);
    answer(s, 1, 200, "{}");
    steps_message(s, ACTOR_LIMITER, MESSAGE_SETTLED,
                  &(msg_settled_t){.seq = 5, .attempt = 2, .fence = 9});
    steps_message(s, ACTOR_LIMITER, MESSAGE_SETTLED,
                  &(msg_settled_t){.seq = 5, .attempt = 1, .fence = 8});
    assert_int_equal(in_hand(s), 1);
}

#ifdef WEIR_PLANT
static void the_planted_bugs_are_in_the_code(void **state)
{
    steps_t *s = up(state);
    msg_assign_t a = assignment(5, "tag");
    planted_bug = BUG_LATE_CALL;
    steps_pass(s, 6 * US_PER_S);
    assign(s, &a);
    assert_true(instant_is_never(steps_find(s, ENTRY_CALL, 0)->start_by));
    answer(s, 1, 200, "{}");
    planted_bug = BUG_SETTLE_NOT_REPEATED;
    steps_forget(s);
    steps_limiter(s, EVENT_PEER_UP);
    assert_int_equal(steps_sent_count(s, MESSAGE_SETTLE), 0);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, steps_close)
        T(it_is_ready_at_once_and_grants_its_connections_when_welcome),
        T(an_assignment_becomes_one_whole_request),
        T(what_may_be_a_repetition_is_marked),
        T(without_a_body_template_the_body_goes_on_as_it_came),
        T(an_answer_settles_with_its_result_and_frees_the_connection),
        T(an_answer_that_is_no_json_or_large_leaves_its_status_only),
        T(a_refusal_says_why_to_a_person),
        T(a_secret_that_an_answer_repeats_stays_here),
        T(the_call_of_a_chosen_journey_is_logged),
        T(retry_after_is_passed_on),
        T(calls_without_an_answer_are_judged_by_what_was_written),
        T(an_order_cancels_what_runs_and_nothing_else),
        T(an_assignment_said_twice_is_called_once),
        T(nothing_is_sent_after_start_by),
        T(a_request_that_cannot_be_rendered_is_not_sent),
        T(a_secret_that_was_not_given_is_not_left_out_of_the_call),
        T(settles_are_said_again_on_a_new_link_until_settled),
        T(settles_are_said_again_when_a_silent_limiter_is_back),
        T(settled_of_another_attempt_forgets_nothing),
#ifdef WEIR_PLANT
        T(the_planted_bugs_are_in_the_code),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
