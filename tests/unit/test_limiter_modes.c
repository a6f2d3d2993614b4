/* The limiter under modes: what it tells the rules, what it refuses, holds and skips, what it
 * keeps. */
#include "tests/unit/limiter_peers.h"

static const char config[] =
    "{\"state_dir\":\"/tmp/x\",\"run_dir\":\"/tmp/y\",\"queue\":{\"messages_max\":10},"
    "\"modes\":{\"rules\":["
    "{\"signal\":\"slots_percent\",\"of\":\"two\",\"enter\":80,\"leave\":50,\"does\":\"refuse\"},"
    "{\"signal\":\"limited_percent\",\"of\":\"d\",\"enter\":9,\"leave\":5,\"does\":\"degraded\"}]},"
    "\"sources\":{\"s\":{\"auth\":\"none-on-loopback\",\"share_percent\":50},"
    "\"once\":{\"auth\":\"none-on-loopback\",\"sender_retries\":false},"
    "\"hard\":{\"auth\":\"none-on-loopback\",\"sender_retries\":false,\"at_drain\":\"refuse\"},"
    "\"soft\":{\"auth\":\"none-on-loopback\",\"at_drain\":\"hold\"},"
    "\"kept\":{\"auth\":\"none-on-loopback\",\"at_drain\":\"dead\"}},"
    "\"downstreams\":{\"d\":{\"url\":\"http://127.0.0.1:9\",\"allow_private\":true,"
    "\"breaker\":{\"percent\":0,\"consecutive\":0}}},"
    "\"limits\":{\"two\":{\"slots\":2},\"each\":{\"slots\":1,\"per\":[\"key\"]},"
    "\"ten\":{\"slots\":10},"
    "\"exact\":{\"rate\":{\"count\":4,\"per_ms\":60000,\"shape\":\"window\"}},"
    "\"paced\":{\"rate\":{\"count\":6,\"per_ms\":60000,\"burst\":4}}},"
    "\"routes\":{"
    "\"plain\":{\"path\":\"/plain\",\"source\":\"s\",\"steps\":[{\"name\":\"go\",\"attempts\":1,"
    "\"call\":{\"downstream\":\"d\",\"path\":\"/x\"}}]},"
    "\"once\":{\"path\":\"/once\",\"source\":\"once\",\"limits\":[\"two\"],\"steps\":[{"
    "\"name\":\"go\",\"call\":{\"downstream\":\"d\",\"path\":\"/x\"}}]},"
    "\"hard\":{\"path\":\"/hard\",\"source\":\"hard\",\"steps\":[{\"name\":\"go\",\"call\":{"
    "\"downstream\":\"d\",\"path\":\"/x\"}}]},"
    "\"soft\":{\"path\":\"/soft\",\"source\":\"soft\",\"limits\":[\"ten\"],\"steps\":[{"
    "\"name\":\"go\",\"call\":{\"downstream\":\"d\",\"path\":\"/x\"}}]},"
    "\"kept\":{\"path\":\"/kept\",\"source\":\"kept\",\"key\":\"/message/k\",\"limits\":[\"two\"],"
    "\"steps\":[{\"name\":\"go\",\"call\":{\"downstream\":\"d\",\"path\":\"/x\"}}]},"
    "\"choosy\":{\"path\":\"/choosy\",\"source\":\"kept\",\"steps\":[{\"name\":\"go\",\"when\":{"
    "\"/message/of\":[\"me\"]},\"call\":{\"downstream\":\"d\",\"path\":\"/x\"}}]},"
    "\"paced\":{\"path\":\"/paced\",\"source\":\"once\",\"steps\":[{\"name\":\"go\","
    "\"limits\":[\"paced\"],\"call\":{\"downstream\":\"d\",\"path\":\"/x\"}}]},"
    "\"exact\":{\"path\":\"/exact\",\"source\":\"once\",\"steps\":[{\"name\":\"go\","
    "\"limits\":[\"exact\"],\"call\":{\"downstream\":\"d\",\"path\":\"/x\"}}]},"
    "\"auto\":{\"path\":\"/auto\",\"source\":\"once\",\"steps\":["
    "{\"name\":\"look\",\"degraded\":\"skip\",\"call\":{\"downstream\":\"d\",\"path\":\"/x\"}},"
    "{\"name\":\"people\",\"degraded\":\"only\",\"call\":{\"downstream\":\"d\",\"path\":\"/x\"}},"
    "{\"name\":\"reply\",\"safe\":\"skip\",\"call\":{\"downstream\":\"d\",\"path\":\"/x\"}}]}}}";

static int begin(void **state)
{
    rig_t *r = rig_new(config);
    rig_peers_up(r);
    rig_hello(r, CONN_DRAINER, ACTOR_DRAINER, 51, NULL);
    rig_credit(r, CONN_RESPONDER, "d", 100);
    *state = r;
    return 0;
}

static void again(rig_t *r)
{
    rig_crash(r);
    rig_start(r);
    rig_peers_up(r);
    rig_hello(r, CONN_DRAINER, ACTOR_DRAINER, 51, NULL);
    rig_credit(r, CONN_RESPONDER, "d", 100);
}

static void order(rig_t *r, msg_mode_t mode)
{
    mode.lasting = 1;
    if (!mode.who.len)
        mode.who = bytes_str("test");
    rig_say(r, CONN_DRAINER, MESSAGE_MODE, &mode);
}

static unsigned verdict_of(rig_t *r, const char *route, unsigned n)
{
    rig_submit(r, route, n, "");
    const msg_verdict_t *v = rig_verdict(r);
    assert_non_null(v);
    return (unsigned)v->verdict;
}

/* What it says now of this signal; UINT64_MAX: nothing. */
static uint64_t reading(rig_t *r, unsigned signal, const char *of)
{
    const msg_reading_t *m;
    uint64_t value = UINT64_MAX;
    while (rig_next(r, CONN_DRAINER, MESSAGE_READING))
        ;
    rig_pass(r, US_PER_S / 2);
    while ((m = rig_next(r, CONN_DRAINER, MESSAGE_READING)))
        if (m->signal == signal && bytes_is(m->of, of))
            value = m->value;
    return value;
}

static void end_call(rig_t *r, unsigned outcome, unsigned status, uint64_t took_us)
{
    const msg_assign_t *a = rig_assign(r, CONN_RESPONDER);
    assert_non_null(a);
    rig_say(r, CONN_RESPONDER, MESSAGE_SETTLE,
            &(msg_settle_t){.seq = a->seq,
                            .attempt = a->attempt,
                            .fence = a->fence,
                            .outcome = outcome,
                            .wrote = 1,
                            .status = status,
                            .took_us = took_us,
                            .reason = bytes_str(outcome == OUTCOME_OK ? "" : "no")});
}

static void held_messages_are_neither_depth_nor_age(void **state)
{
    rig_t *r = *state;
    order(r, (msg_mode_t){.mode = MODE_DRAINING});
    rig_submit(r, "once", 1, "");
    const msg_verdict_t *v = rig_verdict(r);
    assert_int_equal(v->verdict, VERDICT_ACCEPTED); /* parked */
    assert_int_equal(v->known, TOLD_AHEAD);         /* nobody knows when it starts */
    rig_pass(r, 90 * US_PER_S);
    assert_int_equal(reading(r, SIGNAL_DEPTH, ""), 0);
    assert_int_equal(reading(r, SIGNAL_OLDEST_S, ""), 0);
    order(r, (msg_mode_t){.mode = MODE_NORMAL});
    assert_int_equal(reading(r, SIGNAL_DEPTH, ""), 1);
    assert_in_range(reading(r, SIGNAL_OLDEST_S, ""), 91, 92);
}

static void slots_in_use_are_told_of_the_fullest_limit_and_of_the_named_one(void **state)
{
    rig_t *r = *state;
    for (unsigned n = 1; n <= 3; n++)
        verdict_of(r, "soft", n);
    assert_int_equal(reading(r, SIGNAL_SLOTS_PERCENT, ""), 30);
    assert_int_equal(reading(r, SIGNAL_SLOTS_PERCENT, "two"), 0);
    verdict_of(r, "once", 9);
    assert_int_equal(reading(r, SIGNAL_SLOTS_PERCENT, "two"), 50);
    assert_int_equal(reading(r, SIGNAL_SLOTS_PERCENT, ""), 50);
}

static void calls_of_the_last_minute_are_told_of_a_downstream_and_over_all(void **state)
{
    rig_t *r = *state;
    unsigned n = 0;
    for (; n < 9; n++) {
        verdict_of(r, "plain", 100 + n);
        end_call(r, n < 3 ? OUTCOME_FAIL : OUTCOME_OK, n < 2 ? 429 : 200, 20 * US_PER_MS);
    }
    assert_int_equal(reading(r, SIGNAL_ERROR_PERCENT, ""), 0); /* nine say nothing */
    verdict_of(r, "plain", 100 + n);
    end_call(r, OUTCOME_OK, 200, 120 * US_PER_MS);
    assert_int_equal(reading(r, SIGNAL_ERROR_PERCENT, ""), 30);
    assert_int_equal(reading(r, SIGNAL_LIMITED_PERCENT, ""), 20);
    assert_int_equal(reading(r, SIGNAL_LIMITED_PERCENT, "d"), 20);
    assert_int_equal(reading(r, SIGNAL_LATENCY_MS, ""), 30);
    rig_pass(r, 60 * US_PER_S);
    assert_int_equal(reading(r, SIGNAL_LIMITED_PERCENT, "d"), 0); /* a minute ago */
}

static void at_drain_says_who_is_held_and_who_is_refused(void **state)
{
    static const msg_mode_t closed[] = {
        {.mode = MODE_DRAINING}, {.mode = MODE_MAINTENANCE}, {.mode = MODE_NORMAL, .refuse = 1}};
    static const unsigned verdicts[] = {VERDICT_DRAINING, VERDICT_MAINTENANCE, VERDICT_OVERLOADED};
    rig_t *r = *state;
    for (unsigned n = 0; n < COUNT_OF(closed); n++) {
        order(r, closed[n]);
        assert_int_equal(verdict_of(r, "plain", 10 * n + 1), verdicts[n]);
        assert_int_equal(verdict_of(r, "hard", 10 * n + 2), verdicts[n]);
        assert_int_equal(verdict_of(r, "once", 10 * n + 3), VERDICT_ACCEPTED);
        assert_int_equal(verdict_of(r, "soft", 10 * n + 4), VERDICT_ACCEPTED);
        assert_null(rig_assign(r, CONN_RESPONDER));
        assert_int_equal(rig_state(r, 10 * n + 3), STATE_HELD);
    }
    again(r);
    assert_int_equal(rig_state(r, 3), STATE_HELD);
    assert_null(rig_assign(r, CONN_RESPONDER));
    order(r, (msg_mode_t){.mode = MODE_NORMAL});
    for (unsigned n = 0; n < 5; n++) /* of six: once has two slots */
        assert_non_null(rig_assign(r, CONN_RESPONDER));
    assert_null(rig_assign(r, CONN_RESPONDER));
}

static void what_no_step_is_for_is_never_refused_as_a_dead_letter(void **state)
{
    rig_t *r = *state;
    order(r, (msg_mode_t){.mode = MODE_DRAINING});
    assert_int_equal(verdict_of(r, "choosy", 1), VERDICT_ACCEPTED);
    assert_int_equal(rig_state(r, 1), STATE_HELD);
    order(r, (msg_mode_t){.mode = MODE_NORMAL});
    assert_int_equal(rig_state(r, 1), STATE_DONE);
}

/* A sender that does not come again, whose work a person looks at: 503, and a dead letter. */
static void what_is_refused_can_be_kept_as_a_dead_letter_and_redriven(void **state)
{
    rig_t *r = *state;
    order(r, (msg_mode_t){.mode = MODE_DRAINING});
    assert_int_equal(verdict_of(r, "kept", 1), VERDICT_DRAINING);
    order(r, (msg_mode_t){.mode = MODE_NORMAL, .refuse = 1});
    assert_int_equal(verdict_of(r, "kept", 2), VERDICT_OVERLOADED);
    again(r);
    assert_int_equal(rig_state(r, 1), STATE_DEAD);
    assert_int_equal(rig_state(r, 2), STATE_DEAD);
    order(r, (msg_mode_t){.mode = MODE_NORMAL});
    assert_int_equal(verdict_of(r, "kept", 1), VERDICT_ACCEPTED); /* the same again: known */
    assert_int_equal(rig_state(r, 1), STATE_DEAD);
    assert_int_equal(verdict_of(r, "kept", 3), VERDICT_ACCEPTED);
    assert_non_null(rig_assign(r, CONN_RESPONDER));
    assert_null(rig_assign(r, CONN_RESPONDER));
    rig_say(r, CONN_DRAINER, MESSAGE_REDRIVE, &(msg_redrive_t){.most = 10});
    assert_non_null(rig_assign(r, CONN_RESPONDER)); /* of two: the limit has two slots */
    assert_null(rig_assign(r, CONN_RESPONDER));
}

static void what_is_redriven_in_a_drain_waits_for_its_end(void **state)
{
    rig_t *r = *state;
    order(r, (msg_mode_t){.mode = MODE_DRAINING});
    verdict_of(r, "kept", 1);
    rig_say(r, CONN_DRAINER, MESSAGE_REDRIVE, &(msg_redrive_t){.most = 10});
    assert_null(rig_assign(r, CONN_RESPONDER));
    assert_int_equal(rig_state(r, 1), STATE_HELD);
    order(r, (msg_mode_t){.mode = MODE_NORMAL});
    assert_non_null(rig_assign(r, CONN_RESPONDER));
}

static void a_lease_is_refused_as_over_a_limit_while_new_work_is(void **state)
{
    rig_t *r = *state;
    msg_lease_t lease = {.number = 1,
                         .order = LEASE_ACQUIRE,
                         .id = bytes_str("a"),
                         .limits = bytes_str("[{\"name\":\"ten\"}]")};
    order(r, (msg_mode_t){.mode = MODE_NORMAL, .refuse = 1});
    rig_say(r, CONN_INGRESS, MESSAGE_LEASE, &lease);
    const msg_leased_t *leased = rig_next(r, CONN_INGRESS, MESSAGE_LEASED);
    assert_non_null(leased);
    assert_int_equal(leased->grant, GRANT_LIMITED);
    assert_true(leased->retry_after_ms > 0);
}

/* Of two the younger is in office, whichever is heard last. */
static void a_drainer_that_retires_does_not_take_the_answers_of_its_successor(void **state)
{
    rig_t *r = *state;
    rig_hello(r, CONN_OTHER, ACTOR_DRAINER, 50, NULL);
    while (rig_next(r, CONN_DRAINER, MESSAGE_MODE))
        ;
    order(r, (msg_mode_t){.mode = MODE_DRAINING});
    const msg_mode_t *said = rig_next(r, CONN_DRAINER, MESSAGE_MODE);
    assert_non_null(said);
    assert_int_equal(said->mode, MODE_DRAINING);
    assert_null(rig_next(r, CONN_OTHER, MESSAGE_MODE));
    rig_hello(r, CONN_OTHER, ACTOR_DRAINER, 52, NULL);
    assert_non_null(rig_next(r, CONN_OTHER, MESSAGE_MODE));
}

static void one_route_drains_alone_also_after_a_crash(void **state)
{
    rig_t *r = *state;
    order(r, (msg_mode_t){.mode = MODE_DRAINING, .route = bytes_str("plain")});
    order(r, (msg_mode_t){.mode = MODE_DRAINING, .route = bytes_str("soft")});
    order(r, (msg_mode_t){.mode = MODE_DRAINING, .route = bytes_str("gone")}); /* nothing */
    for (unsigned life = 0; life < 2; life++) {
        assert_int_equal(verdict_of(r, "plain", 10 * life + 1), VERDICT_DRAINING);
        assert_int_equal(verdict_of(r, "hard", 10 * life + 2), VERDICT_ACCEPTED);
        assert_int_equal(verdict_of(r, "soft", 10 * life + 3), VERDICT_ACCEPTED);
        assert_int_equal(rig_state(r, 10 * life + 3), STATE_HELD);
        if (life == 0)
            again(r);
    }
    order(r, (msg_mode_t){.mode = MODE_NORMAL, .route = bytes_str("soft")});
    assert_int_equal(rig_state(r, 3), STATE_ASSIGNED);
    assert_int_equal(rig_state(r, 13), STATE_ASSIGNED);
    assert_int_equal(verdict_of(r, "plain", 31), VERDICT_DRAINING);
}

static void everything_that_goes_with_the_mode_is_kept(void **state)
{
    rig_t *r = *state;
    const msg_mode_t *said, *last = NULL;
    int64_t since = r->now.wall.us;
    order(r, (msg_mode_t){.mode = MODE_DEGRADED,
                          .why = bytes_str("two\nlines"),
                          .safe = 1,
                          .safe_why = bytes_str("test: replies"),
                          .pace_percent = 40,
                          .refuse = 1,
                          .by_hand = 1});
    rig_pass(r, 10 * US_PER_S);
    while (rig_next(r, CONN_DRAINER, MESSAGE_MODE))
        ;
    again(r);
    while ((said = rig_next(r, CONN_DRAINER, MESSAGE_MODE)))
        last = said;
    assert_non_null(last);
    assert_int_equal(last->mode, MODE_DEGRADED);
    assert_true(bytes_is(last->who, "test"));
    assert_true(bytes_is(last->why, "two lines"));
    assert_int_equal(last->safe, 1);
    assert_true(bytes_is(last->safe_why, "test: replies"));
    assert_int_equal(last->pace_percent, 40);
    assert_int_equal(last->refuse, 1);
    assert_int_equal(last->by_hand, 1);
    assert_int_equal(last->since_us, since);
}

static void degraded_and_safe_choose_the_steps(void **state)
{
    static const struct {
        msg_mode_t mode;
        const char *steps[3];
    } rows[] = {
        {{.mode = MODE_NORMAL}, {"look", "reply"}},
        {{.mode = MODE_DEGRADED}, {"people", "reply"}},
        {{.mode = MODE_NORMAL, .safe = 1}, {"look"}},
        {{.mode = MODE_DEGRADED, .safe = 1}, {"people"}},
    };
    rig_t *r = *state;
    for (unsigned n = 0; n < COUNT_OF(rows); n++) {
        order(r, rows[n].mode);
        verdict_of(r, "auto", n + 1);
        for (size_t k = 0; rows[n].steps[k]; k++) {
            const msg_assign_t *a = rig_assign(r, CONN_RESPONDER);
            assert_non_null(a);
            assert_true(bytes_is(a->step, rows[n].steps[k]));
            rig_settle_as(r, CONN_RESPONDER, a, OUTCOME_OK);
        }
        assert_int_equal(rig_state(r, n + 1), STATE_DONE);
    }
}

static void a_slower_pace_gives_nothing_of_a_rate_back_nor_does_a_restart_at_it(void **state)
{
    rig_t *r = *state;
    const msg_assign_t *a;
    unsigned given = 0;
    for (unsigned n = 1; n <= 6; n++)
        verdict_of(r, "paced", n);
    for (; (a = rig_assign(r, CONN_RESPONDER)); given++)
        rig_settle_as(r, CONN_RESPONDER, a, OUTCOME_OK);
    assert_int_equal(given, 4);
    order(r, (msg_mode_t){.mode = MODE_NORMAL, .pace_percent = 50});
    assert_null(rig_assign(r, CONN_RESPONDER));
    again(r);
    assert_null(rig_assign(r, CONN_RESPONDER));
    rig_pass(r, 20 * US_PER_S + 1); /* 6 a minute, half of it */
    assert_non_null(rig_assign(r, CONN_RESPONDER));
    assert_null(rig_assign(r, CONN_RESPONDER));
}

static void a_slower_pace_leaves_fewer_slots_and_a_whole_one_wakes_who_waits(void **state)
{
    rig_t *r = *state;
    order(r, (msg_mode_t){.mode = MODE_NORMAL, .pace_percent = 50});
    verdict_of(r, "once", 1);
    verdict_of(r, "once", 2);
    assert_non_null(rig_assign(r, CONN_RESPONDER));
    assert_null(rig_assign(r, CONN_RESPONDER)); /* one of two slots */
    order(r, (msg_mode_t){.mode = MODE_NORMAL, .pace_percent = 100});
    assert_non_null(rig_assign(r, CONN_RESPONDER));
}

static void a_slower_pace_leaves_so_much_of_a_window(void **state)
{
    rig_t *r = *state;
    order(r, (msg_mode_t){.mode = MODE_NORMAL, .pace_percent = 50});
    for (unsigned n = 1; n <= 6; n++)
        verdict_of(r, "exact", n);
    for (unsigned n = 1; n <= 2; n++)
        rig_settle_as(r, CONN_RESPONDER, rig_assign(r, CONN_RESPONDER), OUTCOME_OK);
    assert_null(rig_assign(r, CONN_RESPONDER));
    order(r, (msg_mode_t){.mode = MODE_NORMAL, .pace_percent = 1}); /* one, once none is left */
    rig_pass(r, 70 * US_PER_S);
    rig_settle_as(r, CONN_RESPONDER, rig_assign(r, CONN_RESPONDER), OUTCOME_OK);
    assert_null(rig_assign(r, CONN_RESPONDER));
    order(r, (msg_mode_t){.mode = MODE_NORMAL, .pace_percent = 100});
    for (unsigned n = 1; n <= 3; n++)
        rig_settle_as(r, CONN_RESPONDER, rig_assign(r, CONN_RESPONDER), OUTCOME_OK);
    assert_null(rig_assign(r, CONN_RESPONDER));
}

static void a_source_has_its_share_of_the_queue_and_no_more(void **state)
{
    rig_t *r = *state;
    order(r, (msg_mode_t){.mode = MODE_NORMAL});
    for (unsigned n = 1; n <= 5; n++)
        assert_int_equal(verdict_of(r, "plain", n), VERDICT_ACCEPTED);
    assert_int_equal(verdict_of(r, "plain", 6), VERDICT_OVERLOADED); /* half of ten */
    assert_int_equal(verdict_of(r, "hard", 7), VERDICT_ACCEPTED);    /* another source */
    rig_settle_as(r, CONN_RESPONDER, rig_assign(r, CONN_RESPONDER), OUTCOME_OK);
    assert_int_equal(verdict_of(r, "plain", 8), VERDICT_ACCEPTED);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, down)
    const struct CMUnitTest tests[] = {
        T(held_messages_are_neither_depth_nor_age),
        T(slots_in_use_are_told_of_the_fullest_limit_and_of_the_named_one),
        T(calls_of_the_last_minute_are_told_of_a_downstream_and_over_all),
        T(at_drain_says_who_is_held_and_who_is_refused),
        T(what_no_step_is_for_is_never_refused_as_a_dead_letter),
        T(what_is_refused_can_be_kept_as_a_dead_letter_and_redriven),
        T(what_is_redriven_in_a_drain_waits_for_its_end),
        T(a_lease_is_refused_as_over_a_limit_while_new_work_is),
        T(a_drainer_that_retires_does_not_take_the_answers_of_its_successor),
        T(one_route_drains_alone_also_after_a_crash),
        T(everything_that_goes_with_the_mode_is_kept),
        T(degraded_and_safe_choose_the_steps),
        T(a_slower_pace_gives_nothing_of_a_rate_back_nor_does_a_restart_at_it),
        T(a_slower_pace_leaves_fewer_slots_and_a_whole_one_wakes_who_waits),
        T(a_slower_pace_leaves_so_much_of_a_window),
        T(a_source_has_its_share_of_the_queue_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
