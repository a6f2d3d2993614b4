/* What an ingress does when there is no credit, no limiter, no verdict, or an end. */
#include "tests/unit/ingress_rig.h"

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
    steps_pass(s, 7900 * US_PER_MS);
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

static void with_the_limiter_away_nobody_waits_longer_for_a_verdict_than_slack_does(void **state)
{
    steps_t *s = up(state);
    uint64_t token = send_ticket(s);
    steps_pass(s, US_PER_S);
    steps_limiter(s, EVENT_PEER_SILENT);
    steps_pass(s, 1400 * US_PER_MS);
    assert_null(steps_reply(s, token));
    steps_pass(s, 100 * US_PER_MS);
    assert_status(s, token, 503, "may have been accepted");
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
    mode(s, MODE_DRAINING, 1);
    assert_status(s, send_ticket(s), 503, "System draining");
    s->birth.door_kept = true; /* nobody is refused for the stop, but for the drain before it */
    send_ticket(s);
    assert_int_equal(steps_sent_count(s, MESSAGE_SUBMIT), 3);
    mode(s, MODE_NORMAL, 0);
    mode(s, MODE_DRAINING, 0);
    mode(s, MODE_DRAINING, 1);
    assert_status(s, send_ticket(s), 503, "System draining");
}

static void a_stranger_learns_nothing_of_the_mode(void **state)
{
    steps_t *s = up(state);
    mode(s, MODE_DRAINING, 0);
    assert_status(s, send(s, &(post_t){.path = "/plain", .body = "{}", .remote = true}), 401, "");
}

/* ---- the end */

/* Weir stops, and so does its door. */
static void a_stop_answers_everybody(void **state)
{
    steps_t *s = *state;
    steps_limiter(s, EVENT_PEER_UP);
    credit(s, 2, 1000000);
    uint64_t first = send_ticket(s), second = send_ticket(s), third = send_ticket(s);
    msgid_t id = submitted(s, 0)->id;
    mode(s, MODE_NORMAL, 1);
    steps_order(s, 1, 10000);
    assert_int_equal(steps_find(s, ENTRY_DOOR, 0)->token, DOOR_SHUT);
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
    mode(s, MODE_NORMAL, 1);
    steps_order(s, 2, 1000); /* not for us */
    assert_null(steps_find(s, ENTRY_STOP, 0));
    steps_order(s, 1, 1000);
    assert_non_null(steps_find(s, ENTRY_STOP, 0));
}

/* The ingress alone is restarted, or all of Weir while systemd holds the door. */
static void a_stop_before_which_the_door_outlives_us_refuses_nobody(void **state)
{
    for (unsigned kept = 0; kept < 2; kept++) {
        steps_t *s = up(state);
        s->birth.door_kept = kept;
        mode(s, kept ? MODE_DRAINING : MODE_NORMAL, kept); /* as the drainer says it */
        uint64_t early = send_ticket(s);
        msgid_t id = submitted(s, 0)->id;
        verdict(s, &id, VERDICT_ACCEPTED);
        assert_lacks(steps_reply(s, early)->text, "close");
        steps_order(s, 1, 10000);
        assert_int_equal(steps_find(s, ENTRY_DOOR, 0)->token, DOOR_SHUT);
        uint64_t late = send_ticket(s);
        id = submitted(s, 1)->id;
        verdict(s, &id, VERDICT_ACCEPTED);
        assert_status(s, late, 202, "close");
        assert_null(steps_find(s, ENTRY_STOP, 0));
        steps_pass(s, US_PER_S / 2);
        assert_non_null(steps_find(s, ENTRY_STOP, 0));
        assert_status(s, send_ticket(s), 503,
                      "System draining"); /* nobody would hear the verdict */
        steps_close(state);
        begin(state);
    }
}

static void it_is_ready_when_the_limiter_is_there(void **state)
{
    steps_t *s = *state;
    assert_null(steps_find(s, ENTRY_READY, 0));
    steps_limiter(s, EVENT_PEER_UP);
    assert_non_null(steps_find(s, ENTRY_READY, 0));
}

static void without_the_limiter_it_is_ready_after_a_while(void **state)
{
    steps_t *s = *state;
    steps_pass(s, 1900 * US_PER_MS);
    assert_null(steps_find(s, ENTRY_READY, 0));
    steps_pass(s, 200 * US_PER_MS);
    assert_non_null(steps_find(s, ENTRY_READY, 0));
}

static void a_successor_opens_its_door_when_it_begins_and_the_limiter_is_there(void **state)
{
    steps_t *s = *state;
    steps_standby(s);
    steps_order(s, ORDER_BEGIN, 0);
    assert_true(s->effects->link);
    assert_null(steps_find(s, ENTRY_DOOR, 0));
    steps_limiter(s, EVENT_PEER_UP);
    assert_int_equal(steps_find(s, ENTRY_DOOR, 0)->token, DOOR_OPEN);
}

static void who_retires_serves_who_is_here_until_the_last_one_has_left(void **state)
{
    steps_t *s = up(state);
    uint64_t first = send_ticket(s);
    msgid_t id = submitted(s, 0)->id;
    steps_order(s, ORDER_RETIRE, 60000);
    assert_int_equal(steps_find(s, ENTRY_DOOR, 0)->token, DOOR_CLOSING);
    uint64_t second = send_ticket(s); /* on a kept connection */
    msgid_t other = submitted(s, 1)->id;
    verdict(s, &id, VERDICT_ACCEPTED);
    verdict(s, &other, VERDICT_ACCEPTED);
    assert_status(s, first, 202, "");
    assert_status(s, second, 202, "");
    assert_null(steps_find(s, ENTRY_STOP, 0));
    steps_plain(s, EVENT_CLOSED);
    assert_non_null(steps_find(s, ENTRY_STOP, 0));
}

static void who_retires_does_not_stay_beyond_its_deadline(void **state)
{
    steps_t *s = up(state);
    uint64_t token = send_ticket(s);
    steps_order(s, ORDER_RETIRE, 1000);
    steps_pass(s, 950 * US_PER_MS);
    assert_status(s, token, 503, "may have been accepted");
    assert_non_null(steps_find(s, ENTRY_STOP, 0));
}

static void the_journal_is_told_of_a_chosen_message_when_its_sender_is(void **state)
{
    steps_t *s = up(state);
    send_ticket(s);
    msgid_t id = submitted(s, 0)->id;
    assert_string_equal(s->lines, "");
    verdict(s, &id, VERDICT_ACCEPTED);
    assert_string_equal(s->lines, "message accepted ()\n");
    steps_forget(s);
    send_ticket(s);
    id = submitted(s, 0)->id;
    verdict(s, &id, VERDICT_DUPLICATE);
    assert_string_equal(s->lines, "message sent again by its sender; it counts once ()\n");
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
        T(nothing_is_submitted_beyond_the_credit),
        T(bytes_are_credit_too),
        T(a_full_queue_is_told_within_a_tenth_of_a_second),
        T(a_restart_of_the_limiter_is_not_seen_outside),
        T(a_limiter_that_stays_away_is_told_after_two_seconds),
        T(nothing_new_is_sent_to_a_silent_limiter),
        T(without_a_verdict_the_sender_is_told_to_repeat_and_a_late_one_is_harmless),
        T(with_the_limiter_away_nobody_waits_longer_for_a_verdict_than_slack_does),
        T(the_waiting_list_has_a_maximum),
        T(in_a_drain_senders_that_come_again_are_sent_away_and_others_are_queued),
        T(a_stranger_learns_nothing_of_the_mode),
        T(a_stop_answers_everybody),
        T(a_stop_before_which_the_door_outlives_us_refuses_nobody),
        T(with_nothing_on_its_way_a_stop_is_obeyed_at_once),
        T(it_is_ready_when_the_limiter_is_there),
        T(without_the_limiter_it_is_ready_after_a_while),
        T(a_successor_opens_its_door_when_it_begins_and_the_limiter_is_there),
        T(who_retires_serves_who_is_here_until_the_last_one_has_left),
        T(who_retires_does_not_stay_beyond_its_deadline),
        T(the_journal_is_told_of_a_chosen_message_when_its_sender_is),
        T(refusals_in_the_journal_are_bounded),
#ifdef WEIR_PLANT
        T(the_planted_bug_is_in_the_code),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
