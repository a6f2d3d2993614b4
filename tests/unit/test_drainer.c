/* The drainer, driven step by step: modes, drains, redrives, retention. */
#include "tests/unit/steps.h"

#include <jansson.h>

#include "actors/drainer/redrive.h"
#include "core/rand.h"

static const char config[] =
    "modes:\n"
    "  stay_s: 60\n"
    "  slow_down_percent: 40\n"
    "  rules:\n"
    "    - {signal: depth, enter: 100, leave: 50, does: degraded}\n"
    "    - {signal: limited_percent, of: d, enter: 10, leave: 5, does: degraded}\n"
    "    - {signal: error_percent, enter: 5, leave: 2, does: slow_down}\n"
    "    - {signal: disk_free_mb, enter: 64, leave: 128, does: refuse}\n"
    "store: {keep_done_s: 100, keep_dead_s: 200, keep_prints_s: 300}\n"
    "sources: {desk: {auth: none-on-loopback}}\n"
    "downstreams: {d: {url: \"http://127.0.0.1:1\", allow_private: true}}\n"
    "routes:\n"
    "  tickets:\n"
    "    path: /tickets\n"
    "    source: desk\n"
    "    steps: [{name: a, call: {downstream: d, path: /x}}]\n";

static int begin(void **state)
{
    steps_t *s = calloc(1, sizeof *s);
    steps_begin(s, &drainer_spec, config);
    steps_plain(s, EVENT_START);
    *state = s;
    return 0;
}

static int end(void **state)
{
    steps_end(*state);
    free(*state);
    return 0;
}

static void mode(steps_t *s, work_mode_t is, unsigned stopping)
{
    steps_message(
        s, ACTOR_LIMITER, MESSAGE_MODE,
        &(msg_mode_t){
            .mode = is, .who = bytes_str("op"), .why = bytes_str("reason"), .stopping = stopping});
}

static void pressure(steps_t *s, uint64_t assigned, uint64_t dead, uint64_t done)
{
    steps_message(s, ACTOR_LIMITER, MESSAGE_PRESSURE,
                  &(msg_pressure_t){
                      .queued = assigned + 3, .assigned = assigned, .dead = dead, .done = done});
}

static steps_t *up(void **state)
{
    steps_t *s = *state;
    steps_limiter(s, EVENT_PEER_UP);
    mode(s, MODE_NORMAL, 0);
    steps_forget(s);
    return s;
}

static const msg_answer_t *ask(steps_t *s, uint64_t number, const char *verb, const char *args)
{
    steps_message(s, ACTOR_SUPERVISOR, MESSAGE_QUERY,
                  &(msg_query_t){.number = number,
                                 .verb = bytes_str(verb),
                                 .args = bytes_str(args),
                                 .who = bytes_str("uid 0")});
    const msg_answer_t *a;
    for (size_t i = 0; (a = steps_sent(s, MESSAGE_ANSWER, i)) != NULL; i++)
        if (a->number == number)
            return a;
    return NULL;
}

static void assert_answer(const msg_answer_t *a, unsigned status, const char *part)
{
    char body[4096] = "(no answer)";
    if (a)
        snprintf(body, sizeof body, "%.*s", (int)a->body.len, (const char *)a->body.data);
    if (!a || a->status != status)
        fail_msg("%u was expected, not %u: %s", status, a ? (unsigned)a->status : 0, body);
    assert_contains(body, part);
}

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
    steps_pass(s, 3 * US_PER_S);
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

/* A day at two readings a second: load that rises and falls, and noise about the thresholds. */
static void a_day_of_load_changes_the_mode_at_most_once_a_stay(void **state)
{
    steps_t *s = up(state);
    rand_t chance = rand_seeded(11);
    int64_t last_us = 0;
    size_t changes = 0, quiet = 0;
    for (int64_t n = 0; n < 86400 * 2; n++) {
        bool peak = n / 7200 % 4 == 1; /* hours */
        uint64_t depth = (peak ? 60 : 10) + rand_below(&chance, 80);
        steps_pass(s, US_PER_S / 2);
        reading(s, SIGNAL_DEPTH, "", depth);
        quiet += !peak;
        if (obey(s) > 0) {
            if (changes++ && s->now.at.us - last_us < 60 * US_PER_S)
                fail_msg("two changes within %lld s",
                         (long long)((s->now.at.us - last_us) / US_PER_S));
            last_us = s->now.at.us;
        }
        steps_forget(s);
    }
    assert_in_range(changes, 2 * 6, 12 * 60); /* each of six peaks was seen */
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
    assert_answer(steps_sent(s, MESSAGE_ANSWER, 0), 200, "\"route\":\"tickets\"");
    assert_answer(ask(s, 3, "mode.show", "{}"), 200, "\"routes_drained\":[\"tickets\"]");
    assert_answer(ask(s, 4, "mode.show", "{}"), 200, "\"mode\":\"normal\"");
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
    s->spec->destroy(&s->self);
    s->birth.standby = true;
    s->self = s->spec->create(&s->birth);
    steps_plain(s, EVENT_START);
    assert_non_null(steps_find(s, ENTRY_READY, 0));
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
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(a_mode_is_told_to_the_limiter_and_answered_when_it_is_in_force),
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
        T(a_day_of_load_changes_the_mode_at_most_once_a_stay),
        T(safe_mode_is_beside_the_mode),
        T(one_route_can_be_drained_alone),
        T(the_time_to_drain_is_known_within_a_tenth_after_ten_seconds),
        T(a_stop_is_drained_until_nothing_is_in_hand),
        T(a_drain_ends_at_its_deadline),
        T(a_new_limiter_is_told_of_the_drain_again),
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
