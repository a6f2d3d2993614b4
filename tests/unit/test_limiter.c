/* The queue's promises, seen from its links: what it answers, what it hands out, in which order. */
#include "limiter_peers.h"

static void a_submission_is_accepted_only_when_it_is_on_disk(void **state)
{
    rig_t *r = *state;
    r->hold_commits = true;
    rig_submit(r, "plain", 1, "k");
    assert_null(rig_verdict(r));
    assert_int_equal(rig_state(r, 1), 255);
    r->hold_commits = false;
    rig_settle(r);
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_ACCEPTED);
    assert_int_equal(rig_state(r, 1), STATE_QUEUED);
}

static void enqueue_and_first_assignment_share_a_commit(void **state)
{
    rig_t *r = *state;
    rig_credit(r, CONN_RESPONDER, "d", 1);
    uint64_t before = metrics_count(r->metrics, METRIC_COMMITS, bytes_str(""));
    rig_submit(r, "plain", 1, "k");
    assert_int_equal(metrics_count(r->metrics, METRIC_COMMITS, bytes_str("")) - before, 1);
    const msg_assign_t *a = rig_assign(r, CONN_RESPONDER);
    assert_non_null(a);
    assert_int_equal(rig_state(r, 1), STATE_ASSIGNED);
    rig_settle_as(r, CONN_RESPONDER, a, OUTCOME_OK);
    assert_int_equal(metrics_count(r->metrics, METRIC_COMMITS, bytes_str("")) - before, 2);
    assert_non_null(rig_next(r, CONN_RESPONDER, MESSAGE_SETTLED));
    assert_int_equal(rig_state(r, 1), STATE_DONE);
}

static void the_same_submission_again_is_accepted_and_nothing_changes(void **state)
{
    rig_t *r = *state;
    rig_submit(r, "plain", 1, "k");
    rig_submit(r, "plain", 1, "k");
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_ACCEPTED);
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_ACCEPTED);
    assert_int_equal(limiter_live(carrier_self(r->carrier)), 1);
}

static void a_silent_responder_gets_nothing_new_and_loses_nothing(void **state)
{
    rig_t *r = *state;
    rig_credit(r, CONN_RESPONDER, "d", 10);
    rig_submit(r, "plain", 1, "");
    const msg_assign_t *a = rig_assign(r, CONN_RESPONDER);
    r->now.at.us += 5 * US_PER_S;
    rig_settle(r);
    rig_submit(r, "plain", 2, "");
    assert_null(rig_assign(r, CONN_RESPONDER));
    assert_int_equal(rig_state(r, 1), STATE_ASSIGNED);
    rig_settle_as(r, CONN_RESPONDER, a, OUTCOME_OK);
    assert_int_equal(rig_state(r, 1), STATE_DONE);
    assert_int_equal(rig_assign(r, CONN_RESPONDER)->seq, 2);
}

static void duplicate_or_conflict(rig_t *r, uint64_t body_hash, unsigned verdict)
{
    msgid_t first = rig_id(1);
    msg_submit_t s = {.id = rig_id(2),
                      .source = bytes_str("s"),
                      .route = bytes_str("plain"),
                      .body_hash = body_hash,
                      .received_us = 1,
                      .body = bytes_str("{}")};
    memcpy(s.print.b, first.b, 16);
    rig_say(r, CONN_INGRESS, MESSAGE_SUBMIT, &s);
    const msg_verdict_t *v = rig_verdict(r);
    assert_non_null(v);
    assert_int_equal(v->verdict, verdict);
    assert_memory_equal(v->original.b, first.b, 16);
}

static void
a_second_delivery_is_a_duplicate_also_when_the_first_is_done_and_after_a_restart(void **state)
{
    rig_t *r = *state;
    rig_submit(r, "plain", 1, "k");
    rig_verdict(r);
    duplicate_or_conflict(r, 1, VERDICT_DUPLICATE);
    duplicate_or_conflict(r, 99, VERDICT_CONFLICT);
    rig_credit(r, CONN_RESPONDER, "d", 1);
    rig_settle_as(r, CONN_RESPONDER, rig_assign(r, CONN_RESPONDER), OUTCOME_OK);
    duplicate_or_conflict(r, 1, VERDICT_DUPLICATE);
    rig_crash(r);
    rig_start(r);
    rig_peers_up(r);
    duplicate_or_conflict(r, 1, VERDICT_DUPLICATE);
    assert_int_equal(limiter_live(carrier_self(r->carrier)), 0);
}

static void a_queued_message_is_known_again_though_its_print_is_gone_from_the_disk(void **state)
{
    rig_t *r = *state;
    rig_hello(r, CONN_DRAINER, ACTOR_DRAINER, 51, NULL);
    rig_submit(r, "plain", 1, "k");
    rig_verdict(r);
    msg_purge_t purge = {.prints_before_us = (uint64_t)r->now.wall.us + 1, .most = 100};
    rig_say(r, CONN_DRAINER, MESSAGE_PURGE, &purge);
    rig_crash(r);
    rig_start(r);
    rig_peers_up(r);
    duplicate_or_conflict(r, 1, VERDICT_DUPLICATE);
}

static void messages_of_one_key_run_one_after_the_other(void **state)
{
    rig_t *r = *state;
    rig_credit(r, CONN_RESPONDER, "d", 10);
    rig_submit(r, "plain", 1, "a");
    rig_submit(r, "plain", 2, "a");
    rig_submit(r, "plain", 3, "b");
    const msg_assign_t *first = rig_assign(r, CONN_RESPONDER),
                       *other = rig_assign(r, CONN_RESPONDER);
    assert_int_equal(first->seq, 1);
    assert_int_equal(other->seq, 3);
    assert_null(rig_assign(r, CONN_RESPONDER));
    rig_settle_as(r, CONN_RESPONDER, first, OUTCOME_RETRY); /* order outlives a retry */
    assert_null(rig_assign(r, CONN_RESPONDER));
    rig_pass(r, 60 * US_PER_S);
    const msg_assign_t *again = rig_assign(r, CONN_RESPONDER);
    assert_int_equal(again->seq, 1);
    assert_int_equal(again->attempt, 2);
    rig_settle_as(r, CONN_RESPONDER, again, OUTCOME_OK);
    assert_int_equal(rig_assign(r, CONN_RESPONDER)->seq, 2);
}

static void a_limit_is_never_exceeded_and_a_freed_slot_wakes_one(void **state)
{
    rig_t *r = *state;
    rig_credit(r, CONN_RESPONDER, "d", 10);
    for (unsigned n = 1; n <= 5; n++)
        rig_submit(r, "narrow", n, "");
    const msg_assign_t *a = rig_assign(r, CONN_RESPONDER), *b = rig_assign(r, CONN_RESPONDER);
    assert_non_null(a);
    assert_non_null(b);
    assert_null(rig_assign(r, CONN_RESPONDER));
    rig_settle_as(r, CONN_RESPONDER, b, OUTCOME_OK);
    assert_int_equal(rig_assign(r, CONN_RESPONDER)->seq, 3);
    assert_null(rig_assign(r, CONN_RESPONDER));
}

static void no_more_is_assigned_than_there_is_credit(void **state)
{
    rig_t *r = *state;
    rig_credit(r, CONN_RESPONDER, "d", 2);
    for (unsigned n = 1; n <= 5; n++)
        rig_submit(r, "plain", n, "");
    assert_non_null(rig_assign(r, CONN_RESPONDER));
    assert_non_null(rig_assign(r, CONN_RESPONDER));
    assert_null(rig_assign(r, CONN_RESPONDER));
    rig_credit(r, CONN_RESPONDER, "d", 2); /* told again: nothing new */
    assert_null(rig_assign(r, CONN_RESPONDER));
    rig_credit(r, CONN_RESPONDER, "d", 3);
    assert_non_null(rig_assign(r, CONN_RESPONDER));
}

static void steps_run_in_order_and_one_whose_condition_fails_is_skipped(void **state)
{
    rig_t *r = *state;
    rig_credit(r, CONN_RESPONDER, "d", 2);
    rig_submit(r, "steps", 1, "k");
    const msg_assign_t *look = rig_assign(r, CONN_CLASSIFIER);
    assert_true(bytes_is(look->step, "look"));
    rig_say(r, CONN_CLASSIFIER, MESSAGE_SETTLE,
            &(msg_settle_t){.seq = look->seq,
                            .attempt = look->attempt,
                            .fence = look->fence,
                            .outcome = OUTCOME_OK,
                            .result = bytes_str("{\"outcome\":\"x\"}")});
    const msg_assign_t *go = rig_assign(r, CONN_RESPONDER);
    assert_true(bytes_is(go->step, "go"));
    assert_true(bytes_is(go->results, "{\"look\":{\"outcome\":\"x\"}}"));
    rig_settle_as(r, CONN_RESPONDER, go, OUTCOME_OK);
    assert_int_equal(rig_state(r, 1), STATE_DONE);
}

static void failed_attempts_have_a_cap_and_then_it_is_a_dead_letter_with_a_reason(void **state)
{
    rig_t *r = *state;
    rig_credit(r, CONN_RESPONDER, "d", 100);
    rig_submit(r, "plain", 1, "k");
    rig_submit(r, "plain", 2, "k");
    for (unsigned n = 0; n < 5; n++) {
        rig_settle_as(r, CONN_RESPONDER, rig_assign(r, CONN_RESPONDER), OUTCOME_RETRY);
        rig_pass(r, 61 * US_PER_S);
    }
    assert_int_equal(rig_state(r, 1), STATE_DEAD);
    msgid_t id = rig_id(1);
    assert_true(bytes_is(memory_disk_find(r->disk, &id)->progress.reason, "far side said no"));
    assert_int_equal(rig_assign(r, CONN_RESPONDER)->seq, 2); /* its key goes on */
}

static void waiting_and_deferring_are_not_failing(void **state)
{
    rig_t *r = *state;
    rig_credit(r, CONN_RESPONDER, "d", 100);
    rig_submit(r, "plain", 1, "k");
    for (unsigned n = 0; n < 20; n++) {
        const msg_assign_t *a = rig_assign(r, CONN_RESPONDER);
        assert_non_null(a);
        rig_settle_as(r, CONN_RESPONDER, a, n % 2 ? OUTCOME_DEFER : OUTCOME_UNBEGUN);
        rig_pass(r, 5 * US_PER_S);
    }
    msgid_t id = rig_id(1);
    assert_int_equal(memory_disk_find(r->disk, &id)->progress.failed, 0);
    assert_int_not_equal(rig_state(r, 1), STATE_DEAD);
}

static void a_settle_of_another_attempt_or_epoch_changes_nothing(void **state)
{
    rig_t *r = *state;
    rig_credit(r, CONN_RESPONDER, "d", 100);
    rig_submit(r, "plain", 1, "k");
    msg_assign_t a = *rig_assign(r, CONN_RESPONDER);
    a.attempt++;
    rig_settle_as(r, CONN_RESPONDER, &a, OUTCOME_OK);
    a.attempt--;
    a.fence++;
    rig_settle_as(r, CONN_RESPONDER, &a, OUTCOME_OK);
    assert_int_equal(rig_state(r, 1), STATE_ASSIGNED);
    assert_int_equal(metrics_count(r->metrics, METRIC_STALE_SETTLES, bytes_str("")), 2);
    assert_non_null(rig_next(r, CONN_RESPONDER,
                             MESSAGE_SETTLED)); /* answered all the same: it may be forgotten */
    msgid_t id = rig_id(1);
    assert_true(memory_disk_find(r->disk, &id)->progress.flags &
                PROGRESS_MAYBE_DUPLICATE); /* it said it wrote */
}

static void tell_dead(rig_t *r, uint64_t generation)
{
    rig_say(r, CONN_SUPERVISOR, MESSAGE_PEERS,
            &(msg_peers_t){.actor = ACTOR_RESPONDER, .generation = generation, .life = LIFE_DEAD});
}

/* The carrier calls the supervisor: welcome it, with its own link generation. */
static void supervisor_up(rig_t *r)
{
    const msg_hello_t *hello = rig_next(r, CONN_SUPERVISOR, MESSAGE_HELLO);
    assert_non_null(hello);
    r->link[CONN_SUPERVISOR] = (uint32_t)hello->link;
    r->number[CONN_SUPERVISOR] = 0;
    rig_say(r, CONN_SUPERVISOR, MESSAGE_WELCOME, &(msg_welcome_t){.link = hello->link});
}

static void a_dead_holder_gives_its_slots_back_and_its_calls_are_unknown(void **state)
{
    rig_t *r = *state;
    supervisor_up(r);
    rig_credit(r, CONN_RESPONDER, "d", 10);
    for (unsigned n = 1; n <= 3; n++)
        rig_submit(r, "narrow", n, "");
    rig_assign(r, CONN_RESPONDER);
    rig_assign(r, CONN_RESPONDER);
    rig_hello(r, CONN_OTHER, ACTOR_RESPONDER, 32, NULL);
    rig_credit(r, CONN_OTHER, "d", 10);
    assert_null(rig_assign(r, CONN_OTHER)); /* the limit is full */
    tell_dead(r, 31);
    unsigned flagged = 0, count = 0;
    for (const msg_assign_t *a; (a = rig_assign(r, CONN_OTHER)); count++)
        flagged += a->maybe_duplicate;
    assert_int_equal(count, 2);
    assert_true(flagged >= 1);
}

static void a_call_that_must_not_be_repeated_dies_with_its_responder(void **state)
{
    rig_t *r = *state;
    supervisor_up(r);
    rig_credit(r, CONN_RESPONDER, "strict", 10);
    rig_submit(r, "once", 1, "");
    assert_non_null(rig_assign(r, CONN_RESPONDER));
    tell_dead(r, 31);
    assert_int_equal(rig_state(r, 1), STATE_DEAD);
}

static void open_assignments_outlive_a_restart_if_their_actor_still_holds_them(void **state)
{
    rig_t *r = *state;
    rig_credit(r, CONN_RESPONDER, "d", 10);
    rig_submit(r, "plain", 1, "a");
    rig_submit(r, "plain", 2, "b");
    msg_assign_t held = *rig_assign(r, CONN_RESPONDER), lost = *rig_assign(r, CONN_RESPONDER);
    rig_crash(r);
    rig_start(r);
    assert_null(rig_assign(r, CONN_RESPONDER));
    rig_hello(r, CONN_RESPONDER, ACTOR_RESPONDER, 31,
              &(msg_holding_t){.seq = held.seq, .attempt = held.attempt, .fence = held.fence});
    rig_credit(r, CONN_RESPONDER, "d", 10);
    const msg_assign_t *again = rig_assign(r, CONN_RESPONDER);
    assert_int_equal(again->seq, lost.seq); /* it never began: again, at no cost, not flagged */
    assert_int_equal(again->maybe_duplicate, 0);
    assert_null(rig_assign(r, CONN_RESPONDER));
    rig_settle_as(r, CONN_RESPONDER, &held, OUTCOME_OK);
    assert_int_equal(rig_state(r, 1), STATE_DONE);
}

static void an_assignment_is_held_though_an_older_one_of_its_message_is_listed_too(void **state)
{
    rig_t *r = *state;
    rig_credit(r, CONN_RESPONDER, "d", 10);
    rig_submit(r, "plain", 1, "a");
    msg_assign_t first = *rig_assign(r, CONN_RESPONDER);
    rig_settle_as(r, CONN_RESPONDER, &first, OUTCOME_UNBEGUN);
    rig_pass(r, US_PER_S);
    msg_assign_t second = *rig_assign(r, CONN_RESPONDER);
    const msg_holding_t both[] = {{first.seq, first.attempt, first.fence},
                                  {second.seq, second.attempt, second.fence}};
    rig_hello_holding(r, CONN_RESPONDER, ACTOR_RESPONDER, 31, both, 2);
    rig_credit(r, CONN_RESPONDER, "d", 10);
    assert_null(rig_assign(r, CONN_RESPONDER));
    rig_settle_as(r, CONN_RESPONDER, &second, OUTCOME_OK);
    assert_int_equal(rig_state(r, 1), STATE_DONE);
}

static void what_was_accepted_is_there_after_a_restart_in_its_order(void **state)
{
    rig_t *r = *state;
    for (unsigned n = 1; n <= 50; n++)
        rig_submit(r, "plain", n, n % 2 ? "odd" : "even");
    rig_crash(r);
    rig_start(r);
    rig_peers_up(r);
    rig_credit(r, CONN_RESPONDER, "d", 1000);
    uint64_t last[2] = {0, 0};
    unsigned done = 0;
    for (const msg_assign_t *a; (a = rig_assign(r, CONN_RESPONDER)); done++) {
        assert_true(a->seq > last[a->seq % 2]);
        last[a->seq % 2] = a->seq;
        rig_settle_as(r, CONN_RESPONDER, a, OUTCOME_OK);
    }
    assert_int_equal(done, 50);
}

static void a_failed_sync_ends_this_life_and_answers_nothing(void **state)
{
    rig_t *r = *state;
    r->hold_commits = true;
    rig_submit(r, "plain", 1, "k");
    assert_true(memory_store_commit(r->store, -5));
    carrier_store(r->carrier, r->now);
    carrier_turn(r->carrier, r->now);
    assert_null(rig_verdict(r));
    assert_int_equal(r->stopped, 75);
    r->hold_commits = false;
    rig_crash(r);
    rig_start(r);
    rig_peers_up(r);
    assert_int_equal(rig_state(r, 1), 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_submission_is_accepted_only_when_it_is_on_disk),
        TEST(enqueue_and_first_assignment_share_a_commit),
        TEST(the_same_submission_again_is_accepted_and_nothing_changes),
        TEST(a_silent_responder_gets_nothing_new_and_loses_nothing),
        TEST(a_second_delivery_is_a_duplicate_also_when_the_first_is_done_and_after_a_restart),
        TEST(a_queued_message_is_known_again_though_its_print_is_gone_from_the_disk),
        TEST(messages_of_one_key_run_one_after_the_other),
        TEST(a_limit_is_never_exceeded_and_a_freed_slot_wakes_one),
        TEST(no_more_is_assigned_than_there_is_credit),
        TEST(steps_run_in_order_and_one_whose_condition_fails_is_skipped),
        TEST(failed_attempts_have_a_cap_and_then_it_is_a_dead_letter_with_a_reason),
        TEST(waiting_and_deferring_are_not_failing),
        TEST(a_settle_of_another_attempt_or_epoch_changes_nothing),
        TEST(a_dead_holder_gives_its_slots_back_and_its_calls_are_unknown),
        TEST(a_call_that_must_not_be_repeated_dies_with_its_responder),
        TEST(open_assignments_outlive_a_restart_if_their_actor_still_holds_them),
        TEST(an_assignment_is_held_though_an_older_one_of_its_message_is_listed_too),
        TEST(what_was_accepted_is_there_after_a_restart_in_its_order),
        TEST(a_failed_sync_ends_this_life_and_answers_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
