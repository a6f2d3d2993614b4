/* The classifier, driven step by step. */
#include "tests/unit/steps.h"

static const char config[] =
    "sources:\n"
    "  desk: {auth: none-on-loopback}\n"
    "downstreams:\n"
    "  helpdesk: {url: \"http://127.0.0.1:9180\", allow_private: true}\n"
    "routes:\n"
    "  tickets:\n"
    "    path: /tickets\n"
    "    source: desk\n"
    "    labels: {lang: /message/lang}\n"
    "    steps:\n"
    "      - name: triage\n"
    "        classify:\n"
    "          rules:\n"
    "            - when: {/message/subject: [\"*refund*\", \"*invoice*\"]}\n"
    "              outcome: billing\n"
    "            - when: {/labels/lang: de, /message/subject: \"*Passwort*\"}\n"
    "              outcome: account\n"
    "          otherwise: general\n"
    "      - name: tag\n"
    "        call: {downstream: helpdesk, path: /x}\n";

static msg_assign_t assignment(uint64_t seq, const char *fields)
{
    return (msg_assign_t){.seq = seq,
                          .attempt = 1,
                          .fence = 3,
                          .route = bytes_str("tickets"),
                          .step = bytes_str("triage"),
                          .start_by_us = (uint64_t)(1005 * US_PER_S),
                          .labels = bytes_str("{\"lang\":\"de\"}"),
                          .fields = bytes_str(fields)};
}

static int begin(void **state)
{
    steps_t *s = calloc(1, sizeof *s);
    steps_begin(s, &classifier_spec, config);
    steps_plain(s, EVENT_START);
    *state = s;
    return 0;
}

static const msg_settle_t *assign(steps_t *s, const msg_assign_t *a)
{
    steps_forget(s);
    steps_message(s, ACTOR_LIMITER, MESSAGE_ASSIGN, a);
    return steps_sent(s, MESSAGE_SETTLE, 0);
}

static size_t in_hand(const steps_t *s)
{
    msg_holding_t few[1];
    return classifier_spec.holding(s->self, few, 1);
}

static void settled(steps_t *s, uint64_t seq)
{
    steps_message(s, ACTOR_LIMITER, MESSAGE_SETTLED,
                  &(msg_settled_t){.seq = seq, .attempt = 1, .fence = 3});
}

static void it_grants_credit_for_the_rules_when_welcome(void **state)
{
    steps_t *s = *state;
    assert_non_null(steps_find(s, ENTRY_READY, 0));
    steps_limiter(s, EVENT_PEER_UP);
    const msg_credit_t *credit = steps_sent(s, MESSAGE_CREDIT, 0);
    assert_true(bytes_is(credit->pool, "rules"));
    assert_int_equal(credit->messages, 256);
    msg_assign_t a = assignment(1, "{}");
    assign(s, &a);
    credit = steps_sent(s, MESSAGE_CREDIT, 0);
    assert_int_equal(credit->messages, 257); /* one more for the one that ended */
}

static void the_first_rule_that_holds_decides(void **state)
{
    static const struct {
        const char *fields, *result;
    } rows[] = {
        {"{\"/message/subject\":\"my refund\"}", "{\"outcome\":\"billing\"}"},
        {"{\"/message/subject\":\"Passwort und invoice\"}", "{\"outcome\":\"billing\"}"},
        {"{\"/message/subject\":\"Passwort\"}", "{\"outcome\":\"account\"}"},
        {"{\"/message/subject\":null}", "{\"outcome\":\"general\"}"},
        {"{\"/message/subject\":7}", "{\"outcome\":\"general\"}"},
        {"", "{\"outcome\":\"general\"}"},
    };
    steps_t *s = *state;
    steps_limiter(s, EVENT_PEER_UP);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        msg_assign_t a = assignment(i + 1, rows[i].fields);
        const msg_settle_t *settle = assign(s, &a);
        assert_non_null(settle);
        assert_int_equal(settle->outcome, OUTCOME_OK);
        assert_int_equal(settle->wrote, 0);
        if (!bytes_is(settle->result, rows[i].result))
            fail_msg("%s: %.*s", rows[i].fields, (int)settle->result.len, settle->result.data);
    }
}

static void many_assignments_in_one_frame_are_settled_in_one(void **state)
{
    steps_t *s = *state;
    steps_limiter(s, EVENT_PEER_UP);
    msg_assign_t many[200];
    for (size_t i = 0; i < COUNT_OF(many); i++)
        many[i] = assignment(i + 1, "{}");
    steps_forget(s);
    steps_messages(s, ACTOR_LIMITER, MESSAGE_ASSIGN, many, COUNT_OF(many));
    assert_int_equal(steps_sent_count(s, MESSAGE_SETTLE), COUNT_OF(many));
    assert_int_equal(steps_sent_count(s, MESSAGE_CREDIT), 1);
    assert_int_equal(in_hand(s), COUNT_OF(many));
}

static void late_and_unknown_steps_are_given_back(void **state)
{
    steps_t *s = *state;
    steps_limiter(s, EVENT_PEER_UP);
    msg_assign_t a = assignment(1, "{}");
    a.step = bytes_str("gone");
    assert_int_equal(assign(s, &a)->outcome, OUTCOME_UNBEGUN);
    a.seq = 2;
    a.step = bytes_str("tag"); /* a call is not ours */
    assert_int_equal(assign(s, &a)->outcome, OUTCOME_UNBEGUN);
    a = assignment(3, "{}");
    steps_pass(s, 6 * US_PER_S);
    assert_int_equal(assign(s, &a)->outcome, OUTCOME_UNBEGUN);
}

static void settles_are_kept_and_said_again_until_settled(void **state)
{
    steps_t *s = *state;
    steps_limiter(s, EVENT_PEER_UP);
    msg_assign_t a = assignment(1, "{}");
    assign(s, &a);
    assert_null(assign(s, &a)); /* the same again: nothing new */
    assert_int_equal(in_hand(s), 1);
    steps_forget(s);
    steps_limiter(s, EVENT_PEER_UP);
    const msg_settle_t *again = steps_sent(s, MESSAGE_SETTLE, 0);
    assert_int_equal(again->seq, 1);
    assert_true(bytes_is(again->result, "{\"outcome\":\"general\"}"));
    settled(s, 1);
    assert_int_equal(in_hand(s), 0);
    steps_forget(s);
    steps_limiter(s, EVENT_PEER_UP);
    assert_null(steps_sent(s, MESSAGE_SETTLE, 0));
}

static void a_limiter_that_never_says_settled_is_not_offered_more_than_the_hand_holds(void **state)
{
    steps_t *s = *state;
    steps_limiter(s, EVENT_PEER_UP);
    uint64_t granted = 256, seq = 0;
    while (seq < granted) {
        msg_assign_t a = assignment(++seq, "{}");
        assign(s, &a);
        const msg_credit_t *credit = steps_sent(s, MESSAGE_CREDIT, 0);
        granted = credit ? credit->messages : granted;
    }
    assert_int_equal(granted, 4096);
    assert_int_equal(in_hand(s), 4096);
    steps_forget(s);
    settled(s, 1);
    assert_int_equal(((const msg_credit_t *)steps_sent(s, MESSAGE_CREDIT, 0))->messages, 4097);
}

static void a_stop_waits_for_settled_but_not_for_ever(void **state)
{
    steps_t *s = *state;
    steps_limiter(s, EVENT_PEER_UP);
    msg_assign_t a = assignment(1, "{}");
    assign(s, &a);
    steps_order(s, 1, 1000);
    assert_null(steps_find(s, ENTRY_STOP, 0));
    steps_pass(s, US_PER_S);
    assert_non_null(steps_find(s, ENTRY_STOP, 0));
}

static void with_nothing_in_hand_a_stop_is_obeyed_at_once(void **state)
{
    steps_t *s = *state;
    steps_order(s, 1, 1000);
    assert_non_null(steps_find(s, ENTRY_STOP, 0));
}

static void in_standby_it_is_ready_and_takes_nothing_before_its_begin(void **state)
{
    steps_t *s = *state;
    steps_standby(s);
    steps_order(s, ORDER_BEGIN, 0);
    assert_true(s->effects->link); /* its first HELLO to the limiter */
    s->effects->link = false;
    steps_order(s, ORDER_BEGIN, 0); /* said again with a new link */
    assert_false(s->effects->link);
    steps_limiter(s, EVENT_PEER_UP);
    assert_int_equal(steps_sent_count(s, MESSAGE_CREDIT), 1);
}

static void a_limiter_of_another_configuration_gets_no_credit(void **state)
{
    steps_t *s = *state;
    msg_welcome_t welcome = {.link = 1, .epoch = 1, .config_epoch = s->config->epoch + 1};
    event_t up = {.kind = EVENT_PEER_UP,
                  .from = {.peer = PEER_LIMITER, .actor = ACTOR_LIMITER},
                  .up.welcome = &welcome};
    steps_event(s, &up);
    assert_int_equal(steps_sent_count(s, MESSAGE_CREDIT), 0);
    welcome.config_epoch = s->config->epoch; /* it was rolled back */
    steps_event(s, &up);
    assert_int_equal(steps_sent_count(s, MESSAGE_CREDIT), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, steps_close)
        T(it_grants_credit_for_the_rules_when_welcome),
        T(the_first_rule_that_holds_decides),
        T(many_assignments_in_one_frame_are_settled_in_one),
        T(late_and_unknown_steps_are_given_back),
        T(in_standby_it_is_ready_and_takes_nothing_before_its_begin),
        T(a_limiter_of_another_configuration_gets_no_credit),
        T(settles_are_kept_and_said_again_until_settled),
        T(a_limiter_that_never_says_settled_is_not_offered_more_than_the_hand_holds),
        T(a_stop_waits_for_settled_but_not_for_ever),
        T(with_nothing_in_hand_a_stop_is_obeyed_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
