/* The drainer, driven step by step: modes by hand, the rules, drains and how long they take. */
#include "tests/unit/drainer_rig.h"

#include <jansson.h>

#include "core/rand.h"

/* ---- modes */

static void a_mode_is_told_to_the_limiter_and_answered_when_it_is_in_force(void **state)
{
    steps_t *s = up(state);
    assert_null(ask(s, 1, "mode", "{\"mode\":\"maintenance\",\"why\":\"upgrade\"}"));
    const msg_mode_t *m = steps_sent(s, MESSAGE_MODE, 0);
    assert_int_equal(m->mode, MODE_MAINTENANCE);
    assert_true(bytes_is(m->who, "uid 0"));
    assert_true(bytes_is(m->why, "upgrade"));
    assert_int_equal(m->lasting, 1);
    assert_int_equal(m->stopping, 0);
    mode(s, MODE_NORMAL, 0); /* an old word */
    assert_null(steps_sent(s, MESSAGE_ANSWER, 0));
    mode(s, MODE_MAINTENANCE, 0);
    assert_answer(steps_sent(s, MESSAGE_ANSWER, 0), 200, "\"mode\":\"maintenance\"");
}

/* ---- maintenance that cancels calls */

static void limiter_says(steps_t *s, msg_mode_t is)
{
    is.mode = MODE_MAINTENANCE;
    is.who = bytes_str("uid 0");
    steps_message(s, ACTOR_LIMITER, MESSAGE_MODE, &is);
}

static void cancelling_calls_is_answered_with_how_many_when_all_have_ended(void **state)
{
    steps_t *s = up(state);
    limiter_says(s, (msg_mode_t){.cancelled = 10, .unknown = 4}); /* of an earlier time */
    assert_null(ask(s, 1, "mode", "{\"mode\":\"maintenance\",\"cancel\":true}"));
    assert_int_equal(((const msg_mode_t *)steps_sent(s, MESSAGE_MODE, 0))->cancel, 1);
    limiter_says(s, (msg_mode_t){.cancelled = 10, .unknown = 4}); /* of before the order */
    limiter_says(s, (msg_mode_t){.cancel = 1, .cancelling = 1, .cancelled = 10, .unknown = 4});
    assert_null(steps_sent(s, MESSAGE_ANSWER, 0));
    pressure(s, 5, 0, 0); /* older than the next word */
    limiter_says(s, (msg_mode_t){.cancel = 1, .cancelled = 15, .unknown = 6});
    const msg_answer_t *a = steps_sent(s, MESSAGE_ANSWER, 0);
    assert_answer(a, 200, "\"cancelled\":5");
    assert_answer(a, 200, "\"unknown\":2");
    assert_answer(a, 200, "\"cancelling\":false");
    assert_answer(a, 200, "\"assigned\":0");
}

static void calls_that_do_not_end_are_told_of_in_time(void **state)
{
    steps_t *s = up(state);
    ask(s, 1, "mode", "{\"mode\":\"maintenance\",\"cancel\":true}");
    limiter_says(s, (msg_mode_t){.cancel = 1, .cancelling = 1});
    steps_pass(s, 4 * US_PER_S);
    assert_answer(steps_sent(s, MESSAGE_ANSWER, 0), 200, "\"cancelling\":true");
}

static void a_limiter_that_never_heard_of_the_cancelling_is_told_again(void **state)
{
    steps_t *s = up(state);
    ask(s, 1, "mode", "{\"mode\":\"maintenance\",\"cancel\":true}");
    steps_forget(s);
    steps_limiter(s, EVENT_PEER_UP);
    assert_int_equal(((const msg_mode_t *)steps_sent(s, MESSAGE_MODE, 0))->cancel, 1);
    limiter_says(s, (msg_mode_t){.cancel = 1, .cancelled = 3, .unknown = 3});
    assert_answer(steps_sent(s, MESSAGE_ANSWER, 0), 200, "\"cancelled\":3");
}

/* Else a later order about something else would let the calls of a new link finish. */
static void a_new_drainer_keeps_the_cancelling_and_a_new_mode_ends_it(void **state)
{
    steps_t *s = up(state);
    limiter_says(s, (msg_mode_t){.cancel = 1, .by_hand = 1});
    ask(s, 1, "safe", "{\"state\":\"on\"}");
    assert_int_equal(((const msg_mode_t *)steps_sent(s, MESSAGE_MODE, 0))->cancel, 1);
    ask(s, 2, "mode", "{\"mode\":\"normal\"}");
    assert_int_equal(((const msg_mode_t *)steps_sent(s, MESSAGE_MODE, 1))->cancel, 0);
    ask(s, 3, "mode", "{\"mode\":\"maintenance\"}");
    assert_int_equal(((const msg_mode_t *)steps_sent(s, MESSAGE_MODE, 2))->cancel, 0);
}

static void drain_and_undrain_are_modes(void **state)
{
    steps_t *s = up(state);
    ask(s, 1, "drain", "{}");
    assert_int_equal(((const msg_mode_t *)steps_sent(s, MESSAGE_MODE, 0))->mode, MODE_DRAINING);
    ask(s, 2, "undrain", "");
    assert_int_equal(((const msg_mode_t *)steps_sent(s, MESSAGE_MODE, 1))->mode, MODE_NORMAL);
}

static void the_mode_can_be_asked_for(void **state)
{
    steps_t *s = *state;
    assert_answer(ask(s, 1, "mode", "{}"), 503, "not said its mode");
    up(state);
    pressure(s, 2, 0, 0);
    const msg_answer_t *a = ask(s, 2, "mode", "{}");
    assert_answer(a, 200, "\"mode\":\"normal\"");
    assert_answer(a, 200, "\"assigned\":2");
    assert_answer(a, 200, "\"why\":\"reason\"");
}

static void a_mode_that_is_not_confirmed_is_answered_in_time(void **state)
{
    steps_t *s = up(state);
    ask(s, 1, "drain", "{}");
    steps_pass(s, 8 * US_PER_S);
    assert_answer(steps_sent(s, MESSAGE_ANSWER, 0), 503, "did not confirm");
    steps_forget(s);
    mode(s, MODE_DRAINING, 0);
    assert_null(steps_sent(s, MESSAGE_ANSWER, 0));
}

static void bad_questions_change_nothing(void **state)
{
    static const struct {
        const char *verb, *args;
        unsigned status;
        const char *part;
    } rows[] = {
        {"mode", "{\"mode\":\"sleepy\"}", 400, "no such mode"},
        {"mode", "{\"mode\":7}", 400, "no such mode"},
        {"mode", "{\"mode\":\"draining\",\"cancel\":true}", 400, "only maintenance"},
        {"mode", "{\"mode\":\"maintenance\",\"cancel\":1}", 400, "only maintenance"},
        {"mode", "{\"cancel\":true}", 400, "only maintenance"},
        {"drain", "{\"why\":7}", 400, "why"},
        {"drain", "[]", 400, "no JSON object"},
        {"drain", "{", 400, "no JSON object"},
        {"fly", "{}", 404, "no such verb"},
        {"dead.redrive", "{}", 400, "which dead letters"},
        {"dead.redrive", "{\"all\":true,\"route\":\"tickets\"}", 400, "which dead letters"},
        {"dead.redrive", "{\"id\":\"01HF7YAT00041061050R3GG28A\"}", 400, "which dead letters"},
        {"dead.drop", "{}", 400, "which dead letters"},
        {"redrive.cancel", "{}", 409, "no dead letters are being"},
        {"dead.redrive", "{\"route\":\"gone\"}", 404, "no such route"},
        {"dead.redrive", "{\"all\":true,\"rate\":0}", 400, "rate"},
        {"dead.redrive", "{\"all\":true,\"rate\":5001}", 400, "rate"},
        {"dead.redrive", "{\"all\":true,\"rate\":\"5\"}", 400, "rate"},
    };
    steps_t *s = up(state);
    pressure(s, 0, 5, 0);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        steps_forget(s);
        assert_answer(ask(s, i + 1, rows[i].verb, rows[i].args), rows[i].status, rows[i].part);
        assert_null(steps_sent(s, MESSAGE_MODE, 0));
        assert_null(steps_sent(s, MESSAGE_REDRIVE, 0));
    }
}

static void without_a_limiter_nothing_can_be_changed(void **state)
{
    steps_t *s = *state;
    assert_answer(ask(s, 1, "drain", "{}"), 503, "away");
    up(state);
    steps_limiter(s, EVENT_PEER_SILENT);
    assert_answer(ask(s, 2, "drain", "{}"), 503, "away");
    steps_limiter(s, EVENT_PEER_BACK);
    assert_null(ask(s, 3, "drain", "{}"));
}

/* ---- the rules */

static void reading(steps_t *s, unsigned signal, const char *of, uint64_t value)
{
    steps_message(s, ACTOR_LIMITER, MESSAGE_READING,
                  &(msg_reading_t){.signal = signal, .of = bytes_str(of), .value = value});
    pressure(s, 0, 0, 0);
}

/* The limiter does as it was told, and says so. Returns how often it was told something. */
static size_t obey(steps_t *s)
{
    size_t count = steps_sent_count(s, MESSAGE_MODE);
    for (size_t i = 0; i < count; i++) {
        msg_mode_t is = *(const msg_mode_t *)steps_sent(s, MESSAGE_MODE, i);
        steps_message(s, ACTOR_LIMITER, MESSAGE_MODE, &is);
    }
    return count;
}

static const msg_mode_t *last_wish(steps_t *s)
{
    size_t count = steps_sent_count(s, MESSAGE_MODE);
    return count ? steps_sent(s, MESSAGE_MODE, count - 1) : NULL;
}

static void any_rule_is_enough_and_the_wish_says_which_and_why(void **state)
{
    steps_t *s = up(state);
    reading(s, SIGNAL_DEPTH, "", 99);
    reading(s, SIGNAL_LIMITED_PERCENT, "", 50); /* of all: the rule asks of d */
    assert_null(last_wish(s));
    reading(s, SIGNAL_LIMITED_PERCENT, "d", 10);
    const msg_mode_t *m = last_wish(s);
    assert_non_null(m);
    assert_int_equal(m->mode, MODE_DEGRADED);
    assert_true(bytes_is(m->who, "rules"));
    assert_true(bytes_is(m->why, "limited_percent of d is 10 (from 10)"));
    assert_int_equal(m->lasting, 1);
    assert_int_equal(m->by_hand, 0);
    assert_contains(s->lines, "degraded begins (limited_percent of d is 10 (from 10))");
}

static void a_mode_of_the_rules_ends_below_its_leave_after_its_stay(void **state)
{
    steps_t *s = up(state);
    reading(s, SIGNAL_DEPTH, "", 100);
    assert_int_equal(obey(s), 1);
    steps_forget(s);
    steps_pass(s, 30 * US_PER_S);
    reading(s, SIGNAL_DEPTH, "", 49);
    assert_null(last_wish(s)); /* calm, but it has not stayed long enough */
    reading(s, SIGNAL_DEPTH, "", 120);
    steps_pass(s, 60 * US_PER_S);
    reading(s, SIGNAL_DEPTH, "", 50);
    assert_null(last_wish(s)); /* long enough, but not below leave */
    reading(s, SIGNAL_DEPTH, "", 49);
    assert_int_equal(last_wish(s)->mode, MODE_NORMAL);
    obey(s);
    steps_forget(s);
    steps_pass(s, 59 * US_PER_S);
    reading(s, SIGNAL_DEPTH, "", 500);
    assert_null(last_wish(s)); /* and off at least as long */
    steps_pass(s, 1 * US_PER_S);
    reading(s, SIGNAL_DEPTH, "", 500);
    assert_int_equal(last_wish(s)->mode, MODE_DEGRADED);
}

static void slow_down_and_refuse_go_with_any_mode(void **state)
{
    steps_t *s = up(state);
    ask(s, 1, "drain", "{}");
    obey(s);
    steps_forget(s);
    reading(s, SIGNAL_ERROR_PERCENT, "", 5);
    assert_int_equal(last_wish(s)->pace_percent, 40);
    assert_int_equal(last_wish(s)->mode, MODE_DRAINING);
    assert_int_equal(last_wish(s)->refuse, 0);
    obey(s);
    steps_forget(s);
    reading(s, SIGNAL_DISK_FREE_MB, "", 64); /* low is bad */
    assert_int_equal(last_wish(s)->refuse, 1);
    assert_int_equal(last_wish(s)->pace_percent, 40);
    assert_int_equal(last_wish(s)->mode, MODE_DRAINING);
}

static void the_rules_leave_alone_what_a_person_chose_until_it_is_theirs_again(void **state)
{
    static const char *const by_hand[] = {"degraded", "draining", "maintenance"};
    steps_t *s = up(state);
    for (size_t i = 0; i < COUNT_OF(by_hand); i++) {
        char args[64];
        snprintf(args, sizeof args, "{\"mode\":\"%s\"}", by_hand[i]);
        ask(s, i + 1, "mode", args);
        assert_int_equal(last_wish(s)->by_hand, 1);
        obey(s);
        steps_forget(s);
        for (uint64_t depth = 0; depth < 3; depth++) {
            reading(s, SIGNAL_DEPTH, "", depth % 2 ? 1000 : 0);
            steps_pass(s, 100 * US_PER_S);
            pressure(s, 0, 0, 0);
        }
        assert_null(last_wish(s));
    }
    reading(s, SIGNAL_DEPTH, "", 1000);
    steps_pass(s, 100 * US_PER_S);
    pressure(s, 0, 0, 0);
    ask(s, 9, "mode", "{\"mode\":\"auto\"}");
    assert_int_equal(last_wish(s)->mode, MODE_DEGRADED);
    assert_int_equal(last_wish(s)->by_hand, 0);
}

static void normal_by_hand_is_calm_for_a_stay(void **state)
{
    steps_t *s = up(state);
    reading(s, SIGNAL_DEPTH, "", 1000);
    reading(s, SIGNAL_ERROR_PERCENT, "", 50);
    obey(s);
    reading(s, SIGNAL_ERROR_PERCENT, "", 50);
    obey(s);
    steps_forget(s);
    ask(s, 1, "mode", "{\"mode\":\"normal\"}");
    assert_int_equal(last_wish(s)->mode, MODE_NORMAL);
    assert_int_equal(last_wish(s)->pace_percent, 100);
    obey(s);
    steps_forget(s);
    steps_pass(s, 59 * US_PER_S);
    pressure(s, 0, 0, 0);
    assert_null(last_wish(s));
    steps_pass(s, 2 * US_PER_S);
    pressure(s, 0, 0, 0);
    assert_int_equal(last_wish(s)->mode, MODE_DEGRADED);
}

static void a_new_drainer_goes_on_with_what_the_rules_did(void **state)
{
    steps_t *s = *state;
    steps_limiter(s, EVENT_PEER_UP);
    steps_message(s, ACTOR_LIMITER, MESSAGE_MODE,
                  &(msg_mode_t){.mode = MODE_DEGRADED,
                                .who = bytes_str("rules"),
                                .why = bytes_str("depth"),
                                .pace_percent = 40});
    reading(s, SIGNAL_DEPTH, "", 70); /* between leave and enter: as it was */
    reading(s, SIGNAL_ERROR_PERCENT, "", 3);
    steps_pass(s, 120 * US_PER_S);
    pressure(s, 0, 0, 0);
    assert_null(last_wish(s));
    reading(s, SIGNAL_DEPTH, "", 49);
    reading(s, SIGNAL_LIMITED_PERCENT, "d", 0);
    assert_int_equal(last_wish(s)->mode, MODE_NORMAL);
    assert_int_equal(last_wish(s)->pace_percent, 40);
}

/* A day at two readings a second: hours of noise that jumps over both thresholds, and hours of
 * noise that reaches only the lower one. */
/* The stop's word is not the mode that lasts: an order made from it would end safe mode. */
static void a_drainer_born_in_a_stop_orders_nothing(void **state)
{
    steps_t *s = *state;
    steps_limiter(s, EVENT_PEER_UP);
    mode(s, MODE_DRAINING, 1);
    steps_forget(s);
    reading(s, SIGNAL_DEPTH, "", 100);
    assert_answer(ask(s, 1, "mode", "{\"mode\":\"maintenance\"}"), 409, "stopping");
    assert_answer(ask(s, 2, "safe", "{\"state\":\"on\"}"), 409, "stopping");
    assert_null(steps_sent(s, MESSAGE_MODE, 0));
    steps_limiter(s, EVENT_PEER_UP); /* the next start's */
    mode(s, MODE_NORMAL, 0);
    assert_null(ask(s, 3, "mode", "{\"mode\":\"maintenance\"}"));
    assert_int_equal(((const msg_mode_t *)steps_sent(s, MESSAGE_MODE, 0))->mode, MODE_MAINTENANCE);
}

static void a_day_of_load_changes_the_mode_at_most_once_a_stay(void **state)
{
    steps_t *s = up(state);
    rand_t chance = rand_seeded(11);
    int64_t last_us = 0;
    size_t changes = 0;
    for (int64_t n = 0; n < 86400 * 2; n++) {
        bool peak = n / 7200 % 4 == 1; /* hours */
        uint64_t depth = peak ? 30 + rand_below(&chance, 100) : rand_below(&chance, 90);
        steps_pass(s, US_PER_S / 2);
        reading(s, SIGNAL_DEPTH, "", depth);
        if (obey(s) > 0) {
            if (changes++ && s->now.at.us - last_us < 60 * US_PER_S)
                fail_msg("two changes within %lld s",
                         (long long)((s->now.at.us - last_us) / US_PER_S));
            last_us = s->now.at.us;
        }
        steps_forget(s);
    }
    assert_in_range(changes, 6 * 2, 6 * 61); /* six such hours */
}

static void safe_mode_is_beside_the_mode(void **state)
{
    steps_t *s = up(state);
    assert_null(ask(s, 1, "safe", "{\"state\":\"on\",\"why\":\"wrong replies\"}"));
    assert_int_equal(last_wish(s)->safe, 1);
    assert_int_equal(last_wish(s)->mode, MODE_NORMAL);
    assert_true(bytes_is(last_wish(s)->safe_why, "uid 0: wrong replies"));
    obey(s);
    assert_answer(steps_sent(s, MESSAGE_ANSWER, 0), 200, "\"safe\":true");
    steps_forget(s);
    ask(s, 2, "drain", "{}");
    assert_int_equal(last_wish(s)->safe, 1);
    obey(s);
    steps_forget(s);
    ask(s, 3, "safe", "{\"state\":\"off\"}");
    assert_int_equal(last_wish(s)->safe, 0);
    assert_int_equal(last_wish(s)->mode, MODE_DRAINING);
    assert_int_equal(last_wish(s)->by_hand, 1);
    assert_answer(ask(s, 4, "safe", "{\"state\":\"maybe\"}"), 400, "on or off");
}

/* ---- drains */

static void one_route_can_be_drained_alone(void **state)
{
    steps_t *s = up(state);
    assert_answer(ask(s, 1, "drain", "{\"route\":\"gone\"}"), 404, "no such route");
    assert_null(ask(s, 2, "drain", "{\"route\":\"tickets\",\"why\":\"migration\"}"));
    assert_true(bytes_is(last_wish(s)->route, "tickets"));
    assert_int_equal(last_wish(s)->mode, MODE_DRAINING);
    steps_forget(s);
    mode(s, MODE_DRAINING, 0); /* of all: somebody else's */
    assert_null(steps_sent(s, MESSAGE_ANSWER, 0));
    mode(s, MODE_NORMAL, 0);
    steps_message(
        s, ACTOR_LIMITER, MESSAGE_MODE,
        &(msg_mode_t){.mode = MODE_DRAINING, .who = bytes_str(""), .route = bytes_str("tickets")});
    assert_answer(steps_sent(s, MESSAGE_ANSWER, 0), 200,
                  "\"mode\":\"normal\"},\"after\":{\"route\":\"tickets\",\"mode\":\"draining\"}");
    assert_answer(ask(s, 3, "mode.show", "{}"), 200, "\"routes_drained\":[\"tickets\"]");
    assert_answer(ask(s, 4, "mode.show", "{}"), 200, "\"mode\":\"normal\"");
}

/* The limiter died with the order: its successor announces the mode of before, and is told. */
static void a_new_limiter_is_given_the_orders_that_the_last_one_did_not_answer(void **state)
{
    steps_t *s = up(state);
    ask(s, 1, "drain", "{\"why\":\"upgrade\"}");
    ask(s, 2, "drain", "{\"route\":\"tickets\",\"why\":\"migration\"}");
    steps_forget(s);
    steps_limiter(s, EVENT_PEER_UP);
    assert_int_equal(steps_sent_count(s, MESSAGE_MODE), 2);
    const msg_mode_t *route = steps_sent(s, MESSAGE_MODE, 0), *all = steps_sent(s, MESSAGE_MODE, 1);
    assert_true(bytes_is(route->route, "tickets") && bytes_is(route->why, "migration"));
    assert_true(bytes_is(route->who, "uid 0") && route->mode == MODE_DRAINING);
    assert_true(all->route.len == 0 && bytes_is(all->why, "upgrade") && all->lasting);
    assert_int_equal(all->mode, MODE_DRAINING);
    mode(s, MODE_NORMAL, 0); /* its first word */
    pressure(s, 0, 0, 0);
    assert_null(steps_sent(s, MESSAGE_ANSWER, 0));
    mode(s, MODE_DRAINING, 0);
    assert_answer(steps_sent(s, MESSAGE_ANSWER, 0), 200, "\"mode\":\"draining\"");
}

static void a_new_limiter_hears_nothing_of_orders_whose_time_is_up(void **state)
{
    steps_t *s = up(state);
    ask(s, 1, "drain", "{}");
    steps_pass(s, 8 * US_PER_S);
    steps_forget(s);
    steps_limiter(s, EVENT_PEER_UP);
    assert_int_equal(steps_sent_count(s, MESSAGE_MODE), 0);
}

static double left_s(steps_t *s)
{
    static uint64_t number = 1000;
    const msg_answer_t *a = ask(s, ++number, "mode.show", "{}");
    assert_non_null(a);
    json_t *body = json_loadb((const char *)a->body.data, a->body.len, 0, NULL);
    double left = json_number_value(json_object_get(json_object_get(body, "drain"), "left_s"));
    json_decref(body);
    return left;
}

/* 2,000 messages at 20 a second; parked ones, which wait for the end, change nothing. */
static void the_time_to_drain_is_known_within_a_tenth_after_ten_seconds(void **state)
{
    steps_t *s = up(state);
    uint64_t queued = 2000, ended = 500;
    ask(s, 1, "drain", "{}");
    mode(s, MODE_DRAINING, 0);
    for (int64_t half = 0; queued > 0; half++) {
        steps_message(s, ACTOR_LIMITER, MESSAGE_PRESSURE,
                      &(msg_pressure_t){.queued = queued, .ended = ended, .parked = 7000});
        double really = (double)queued / 20, said = left_s(s);
        if (half >= 20 && (said < really * 0.9 - 0.5 || said > really * 1.1 + 0.5))
            fail_msg("after %lld s: %.1f s was said, it was %.1f s", (long long)half / 2, said,
                     really);
        steps_forget(s);
        steps_pass(s, US_PER_S / 2);
        queued -= 10;
        ended += 10;
    }
    steps_message(s, ACTOR_LIMITER, MESSAGE_PRESSURE,
                  &(msg_pressure_t){.queued = 0, .ended = ended, .parked = 7000});
    assert_contains(s->lines, "drained after 100.0 s");
    assert_answer(ask(s, 9, "mode.show", "{}"), 200, "\"done\":true,\"parked\":7000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, steps_close)
        T(a_mode_is_told_to_the_limiter_and_answered_when_it_is_in_force),
        T(cancelling_calls_is_answered_with_how_many_when_all_have_ended),
        T(calls_that_do_not_end_are_told_of_in_time),
        T(a_limiter_that_never_heard_of_the_cancelling_is_told_again),
        T(a_new_drainer_keeps_the_cancelling_and_a_new_mode_ends_it),
        T(drain_and_undrain_are_modes),
        T(the_mode_can_be_asked_for),
        T(a_mode_that_is_not_confirmed_is_answered_in_time),
        T(bad_questions_change_nothing),
        T(without_a_limiter_nothing_can_be_changed),
        T(any_rule_is_enough_and_the_wish_says_which_and_why),
        T(a_mode_of_the_rules_ends_below_its_leave_after_its_stay),
        T(slow_down_and_refuse_go_with_any_mode),
        T(the_rules_leave_alone_what_a_person_chose_until_it_is_theirs_again),
        T(normal_by_hand_is_calm_for_a_stay),
        T(a_new_drainer_goes_on_with_what_the_rules_did),
        T(a_drainer_born_in_a_stop_orders_nothing),
        T(a_day_of_load_changes_the_mode_at_most_once_a_stay),
        T(safe_mode_is_beside_the_mode),
        T(one_route_can_be_drained_alone),
        T(a_new_limiter_is_given_the_orders_that_the_last_one_did_not_answer),
        T(a_new_limiter_hears_nothing_of_orders_whose_time_is_up),
        T(the_time_to_drain_is_known_within_a_tenth_after_ten_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
