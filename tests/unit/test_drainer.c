/* The drainer, driven step by step: the drain for a stop, redrives, retention. */
#include "tests/unit/drainer_rig.h"

#include "actors/drainer/redrive.h"

/* ---- the drain for a stop */

static void a_stop_is_drained_until_nothing_is_in_hand(void **state)
{
    steps_t *s = up(state);
    pressure(s, 0, 0, 0);
    steps_order(s, 2, 10000);
    const msg_mode_t *m = steps_sent(s, MESSAGE_MODE, 0);
    assert_int_equal(m->mode, MODE_DRAINING);
    assert_int_equal(m->stopping, 1);
    assert_int_equal(m->lasting, 0);
    pressure(s, 0, 0, 0); /* older than the mode: more may have been assigned since */
    assert_null(steps_sent(s, MESSAGE_DRAINED, 0));
    mode(s, MODE_DRAINING, 1);
    pressure(s, 2, 0, 0);
    assert_null(steps_sent(s, MESSAGE_DRAINED, 0));
    pressure(s, 0, 0, 0);
    assert_int_equal(((const msg_drained_t *)steps_sent(s, MESSAGE_DRAINED, 0))->left, 3);
    pressure(s, 0, 0, 0);
    assert_int_equal(steps_sent_count(s, MESSAGE_DRAINED), 1); /* said once */
    assert_answer(ask(s, 1, "undrain", "{}"), 409, "stopping");
}

static void a_drain_ends_at_its_deadline(void **state)
{
    steps_t *s = up(state);
    steps_order(s, 2, 1000);
    mode(s, MODE_DRAINING, 1);
    pressure(s, 5, 0, 0);
    steps_pass(s, 900 * US_PER_MS);
    assert_null(steps_sent(s, MESSAGE_DRAINED, 0));
    steps_pass(s, 100 * US_PER_MS);
    assert_int_equal(((const msg_drained_t *)steps_sent(s, MESSAGE_DRAINED, 0))->left, 8);
}

static void a_new_limiter_is_told_of_the_drain_again(void **state)
{
    steps_t *s = up(state);
    steps_order(s, 2, 10000);
    mode(s, MODE_DRAINING, 1);
    steps_forget(s);
    steps_limiter(s, EVENT_PEER_UP);
    assert_int_equal(((const msg_mode_t *)steps_sent(s, MESSAGE_MODE, 0))->stopping, 1);
    pressure(s, 0, 0, 0);
    assert_null(steps_sent(s, MESSAGE_DRAINED, 0));
}

static void an_order_outlives_the_first_word_of_a_new_limiter(void **state)
{
    steps_t *s = up(state);
    steps_limiter(s, EVENT_PEER_UP);
    assert_null(ask(s, 1, "mode", "{\"mode\":\"maintenance\"}"));
    mode(s, MODE_NORMAL, 0); /* as it was before the order came to it */
    steps_forget(s);
    steps_limiter(s, EVENT_PEER_UP);
    assert_int_equal(((const msg_mode_t *)steps_sent(s, MESSAGE_MODE, 0))->mode, MODE_MAINTENANCE);
}

/* That all calls are cancelled is said in one more word, which answers no order. */
static void a_word_that_nobody_asked_for_changes_no_order(void **state)
{
    steps_t *s = up(state);
    mode(s, MODE_MAINTENANCE, 0);
    assert_null(ask(s, 1, "mode", "{\"mode\":\"normal\"}"));
    mode(s, MODE_MAINTENANCE, 0);
    steps_forget(s);
    steps_limiter(s, EVENT_PEER_UP);
    assert_int_equal(((const msg_mode_t *)steps_sent(s, MESSAGE_MODE, 0))->mode, MODE_NORMAL);
}

/* Else safe mode would be answered for by the stop's word, and be over after the start. */
static void what_was_ordered_before_a_stop_is_ordered_to_last_before_the_stop(void **state)
{
    steps_t *s = up(state);
    assert_null(ask(s, 1, "safe", "{\"state\":\"on\"}"));
    steps_order(s, 2, 10000);
    steps_forget(s);
    steps_limiter(s, EVENT_PEER_UP);
    const msg_mode_t *m = steps_sent(s, MESSAGE_MODE, 0);
    assert_true(m->safe && m->lasting && !m->stopping);
    m = steps_sent(s, MESSAGE_MODE, 1);
    assert_true(m->safe && !m->lasting && m->stopping);
}

static void a_stop_that_is_called_off_gives_the_old_mode_back(void **state)
{
    steps_t *s = up(state);
    mode(s, MODE_DEGRADED, 0);
    steps_order(s, 2, 10000);
    mode(s, MODE_DRAINING, 1);
    steps_forget(s);
    steps_order(s, 3, 0);
    const msg_mode_t *m = steps_sent(s, MESSAGE_MODE, 0);
    assert_int_equal(m->mode, MODE_DEGRADED);
    assert_int_equal(m->stopping, 0);
    assert_null(ask(s, 1, "drain", "{}")); /* modes can be changed again */
}

static void it_stops_when_told(void **state)
{
    steps_t *s = up(state);
    steps_order(s, 1, 1000);
    assert_non_null(steps_find(s, ENTRY_STOP, 0));
    assert_null(steps_sent(s, MESSAGE_MODE, 0)); /* the last mode stays */
}

static void it_retires_at_once_and_says_what_ends_with_it(void **state)
{
    steps_t *s = up(state);
    pressure(s, 0, 7, 0);
    ask(s, 1, "dead.redrive", "{\"all\":true,\"rate\":1}");
    steps_order(s, ORDER_RETIRE, 1000);
    assert_non_null(steps_find(s, ENTRY_STOP, 0));
    assert_contains(s->lines, "the redrive ends with");
}

static void in_standby_it_is_ready_and_says_nothing_before_its_begin(void **state)
{
    steps_t *s = *state;
    steps_standby(s);
    steps_order(s, ORDER_BEGIN, 0);
    assert_true(s->effects->link);
}

/* ---- redrives */

static uint64_t asked_for(const steps_t *s)
{
    uint64_t most = 0;
    const msg_redrive_t *r;
    for (size_t i = 0; (r = steps_sent(s, MESSAGE_REDRIVE, i)) != NULL; i++)
        most += r->most;
    return most;
}

static void dead_letters_are_redriven_at_the_rate_asked_for(void **state)
{
    steps_t *s = up(state);
    pressure(s, 0, 100, 0);
    steps_forget(s);
    assert_answer(ask(s, 1, "dead.redrive", "{\"route\":\"tickets\",\"rate\":20}"), 200,
                  "\"begun\":100");
    const msg_redrive_t *r = steps_sent(s, MESSAGE_REDRIVE, 0);
    assert_true(bytes_is(r->route, "tickets"));
    assert_true(bytes_is(r->who, "uid 0"));
    for (int i = 0; i < 30; i++) {
        steps_pass(s, 100 * US_PER_MS);
        pressure(s, 0, (uint64_t)(100 - 2 * i), 0);
    }
    assert_in_range(asked_for(s), 55, 65); /* 3 s of 20 a second */
    assert_answer(ask(s, 2, "dead.redrive", "{\"all\":true}"), 409, "already");
    assert_answer(ask(s, 3, "redrive.status", "{}"), 200, "\"active\":true");
}

static void a_redrive_asks_for_no_more_than_were_dead_when_it_began(void **state)
{
    steps_t *s = up(state);
    pressure(s, 0, 7, 0);
    steps_forget(s);
    ask(s, 1, "dead.redrive", "{\"all\":true,\"rate\":5000}");
    uint64_t dead = 100;
    for (int i = 0; i < 20; i++) {
        steps_pass(s, 100 * US_PER_MS);
        pressure(s, 0, --dead, 0); /* others died meanwhile */
    }
    assert_int_equal(asked_for(s), 7);
    assert_answer(ask(s, 2, "redrive.status", "{}"), 200, "\"active\":false");
}

static void a_redrive_that_finds_nothing_more_ends(void **state)
{
    steps_t *s = up(state);
    pressure(s, 0, 1000, 0);
    ask(s, 1, "dead.redrive", "{\"route\":\"tickets\",\"rate\":1}");
    for (int i = 0; i < 4; i++)
        pressure(s, 0, 1000, 0);
    assert_answer(ask(s, 2, "redrive.status", "{}"), 200, "\"active\":false,\"gave_up\":true");
}

static void dead_letters_are_dropped_at_the_rate_asked_for_and_it_can_be_cancelled(void **state)
{
    steps_t *s = up(state);
    pressure(s, 0, 100, 0);
    assert_answer(ask(s, 1, "dead.drop", "{\"route\":\"tickets\",\"rate\":20}"), 200,
                  "\"after\":{\"doing\":\"drop\",\"active\":true");
    const msg_drop_t *d = steps_sent(s, MESSAGE_DROP, 0);
    assert_non_null(d);
    assert_true(bytes_is(d->route, "tickets"));
    assert_int_equal(d->most, 1);
    assert_null(steps_sent(s, MESSAGE_REDRIVE, 0));
    assert_answer(ask(s, 2, "redrive.cancel", "{}"), 200, "\"cancelled\":true");
    assert_answer(ask(s, 3, "redrive.status", "{}"), 200, "\"active\":false");
}

static void without_dead_letters_a_redrive_is_over_at_once(void **state)
{
    steps_t *s = up(state);
    pressure(s, 0, 0, 0);
    steps_forget(s);
    assert_answer(ask(s, 1, "dead.redrive", "{\"all\":true}"), 200, "\"begun\":0");
    assert_null(steps_sent(s, MESSAGE_REDRIVE, 0));
}

static void the_pace_of_a_redrive_needs_no_round_numbers(void **state)
{
    (void)state;
    redrive_t job;
    now_t now = {{0}, {0}};
    redrive_begin(&job, bytes_str("r"), bytes_str("w"), 7, 1000, now);
    uint64_t all = 0;
    for (int i = 0; i < 100; i++, now.at.us += 100 * US_PER_MS)
        all += redrive_slice(&job, now);
    assert_in_range(all, 69, 71); /* 10 s of 7 a second */
    now.at.us += 3600 * US_PER_S; /* a long sleep is no licence to flood */
    assert_true(redrive_slice(&job, now) <= BATCH_ITEMS_MAX);
}

/* ---- retention */

static void what_is_past_retention_is_purged_every_few_seconds(void **state)
{
    steps_t *s = up(state);
    steps_pass(s, 4900 * US_PER_MS);
    assert_null(steps_sent(s, MESSAGE_PURGE, 0));
    steps_pass(s, 100 * US_PER_MS);
    const msg_purge_t *p = steps_sent(s, MESSAGE_PURGE, 0);
    assert_non_null(p);
    assert_int_equal(p->done_before_us, s->now.wall.us - 100 * US_PER_S);
    assert_int_equal(p->dead_before_us, s->now.wall.us - 200 * US_PER_S);
    assert_int_equal(p->prints_before_us, s->now.wall.us - 300 * US_PER_S);
    assert_in_range(p->most, 1, 65536);
    steps_pass(s, 5 * US_PER_S);
    assert_int_equal(steps_sent_count(s, MESSAGE_PURGE), 2);
}

static void full_slices_follow_each_other_sooner(void **state)
{
    steps_t *s = up(state);
    pressure(s, 0, 0, 50000);
    steps_pass(s, 5 * US_PER_S);
    assert_int_equal(steps_sent_count(s, MESSAGE_PURGE), 1);
    pressure(s, 0, 0, 48000);
    steps_pass(s, 500 * US_PER_MS);
    assert_int_equal(steps_sent_count(s, MESSAGE_PURGE), 2);
    pressure(s, 0, 0, 47990); /* nearly nothing was left to go */
    steps_pass(s, 500 * US_PER_MS);
    assert_int_equal(steps_sent_count(s, MESSAGE_PURGE), 2);
}

static void nothing_is_purged_while_the_limiter_is_away(void **state)
{
    steps_t *s = up(state);
    steps_limiter(s, EVENT_PEER_SILENT);
    steps_pass(s, 60 * US_PER_S);
    assert_null(steps_sent(s, MESSAGE_PURGE, 0));
    steps_limiter(s, EVENT_PEER_BACK);
    assert_int_equal(steps_sent_count(s, MESSAGE_PURGE), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, steps_close)
        T(a_stop_is_drained_until_nothing_is_in_hand),
        T(a_drain_ends_at_its_deadline),
        T(a_new_limiter_is_told_of_the_drain_again),
        T(an_order_outlives_the_first_word_of_a_new_limiter),
        T(a_word_that_nobody_asked_for_changes_no_order),
        T(what_was_ordered_before_a_stop_is_ordered_to_last_before_the_stop),
        T(a_stop_that_is_called_off_gives_the_old_mode_back),
        T(it_stops_when_told),
        T(it_retires_at_once_and_says_what_ends_with_it),
        T(in_standby_it_is_ready_and_says_nothing_before_its_begin),
        T(dead_letters_are_redriven_at_the_rate_asked_for),
        T(a_redrive_asks_for_no_more_than_were_dead_when_it_began),
        T(a_redrive_that_finds_nothing_more_ends),
        T(dead_letters_are_dropped_at_the_rate_asked_for_and_it_can_be_cancelled),
        T(without_dead_letters_a_redrive_is_over_at_once),
        T(the_pace_of_a_redrive_needs_no_round_numbers),
        T(what_is_past_retention_is_purged_every_few_seconds),
        T(full_slices_follow_each_other_sooner),
        T(nothing_is_purged_while_the_limiter_is_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
