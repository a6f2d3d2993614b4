/* The limiter when maintenance cancels the calls in flight: who is told, what becomes of each call
 * and its slots, what it says of it, and what a crash in the middle leaves. */
#include <jansson.h>

#include "tests/unit/limiter_peers.h"

static const char config[] =
    "{\"state_dir\":\"/tmp/x\",\"run_dir\":\"/tmp/y\","
    "\"sources\":{\"s\":{\"auth\":\"none-on-loopback\"}},"
    "\"downstreams\":{"
    "\"d\":{\"url\":\"http://127.0.0.1:9\",\"allow_private\":true,\"idempotent\":true,"
    "\"total_ms\":5000,\"breaker\":{\"percent\":0,\"consecutive\":2}},"
    "\"once\":{\"url\":\"http://127.0.0.1:9\",\"allow_private\":true}},"
    "\"limits\":{\"two\":{\"slots\":2},\"strict\":{\"slots\":1,\"strict\":true},"
    "\"learns\":{\"slots\":8,\"adaptive\":{\"floor\":1,\"start\":8}}},"
    "\"routes\":{"
    "\"plain\":{\"path\":\"/plain\",\"source\":\"s\",\"steps\":[{\"name\":\"go\",\"attempts\":1,"
    "\"limits\":[\"two\"],\"call\":{\"downstream\":\"d\",\"path\":\"/x\"}}]},"
    "\"strict\":{\"path\":\"/strict\",\"source\":\"s\",\"steps\":[{\"name\":\"go\","
    "\"limits\":[\"strict\"],\"call\":{\"downstream\":\"d\",\"path\":\"/x\"}}]},"
    "\"wide\":{\"path\":\"/wide\",\"source\":\"s\",\"steps\":[{\"name\":\"go\",\"attempts\":1,"
    "\"limits\":[\"learns\"],\"call\":{\"downstream\":\"d\",\"path\":\"/x\"}}]},"
    "\"dead\":{\"path\":\"/dead\",\"source\":\"s\",\"steps\":[{\"name\":\"go\","
    "\"on_unknown\":\"dead\",\"call\":{\"downstream\":\"once\",\"path\":\"/x\"}}]},"
    "\"hold\":{\"path\":\"/hold\",\"source\":\"s\",\"steps\":[{\"name\":\"go\","
    "\"on_unknown\":\"hold\",\"call\":{\"downstream\":\"once\",\"path\":\"/x\"}}]}}}";

static void peers(rig_t *r, const msg_holding_t *holding, size_t count)
{
    rig_hello(r, CONN_INGRESS, ACTOR_INGRESS, 11, NULL);
    rig_hello(r, CONN_CLASSIFIER, ACTOR_CLASSIFIER, 21, NULL);
    rig_hello(r, CONN_DRAINER, ACTOR_DRAINER, 51, NULL);
    rig_hello_holding(r, CONN_RESPONDER, ACTOR_RESPONDER, 31, holding, count);
    rig_credit(r, CONN_RESPONDER, "d", 100);
    rig_credit(r, CONN_RESPONDER, "once", 100);
}

static int begin(void **state)
{
    rig_t *r = rig_new(config);
    peers(r, NULL, 0);
    *state = r;
    return 0;
}

static void order(rig_t *r, work_mode_t mode, bool cancel)
{
    rig_say(r, CONN_DRAINER, MESSAGE_MODE,
            &(msg_mode_t){.mode = mode,
                          .who = bytes_str("uid 7"),
                          .why = bytes_str("the far side moves"),
                          .lasting = 1,
                          .by_hand = 1,
                          .cancel = cancel});
}

static msg_assign_t in_flight(rig_t *r, const char *route, unsigned n)
{
    rig_submit(r, route, n, "");
    const msg_assign_t *a = rig_assign(r, CONN_RESPONDER);
    assert_non_null(a);
    return *a;
}

/* The responder says that it cut the call. */
static void cut(rig_t *r, const msg_assign_t *a, bool wrote)
{
    rig_say(r, CONN_RESPONDER, MESSAGE_SETTLE,
            &(msg_settle_t){.seq = a->seq,
                            .attempt = a->attempt,
                            .fence = a->fence,
                            .outcome = wrote ? OUTCOME_UNKNOWN : OUTCOME_UNBEGUN,
                            .wrote = wrote,
                            .cancelled = 1,
                            .reason = bytes_str("the call was cancelled: maintenance by uid 7")});
}

static const msg_mode_t *last_mode(rig_t *r)
{
    const msg_mode_t *said, *last = NULL;
    while ((said = rig_next(r, CONN_DRAINER, MESSAGE_MODE)))
        last = said;
    return last;
}

static size_t slots_in_use(rig_t *r, const char *limit)
{
    char args[64];
    snprintf(args, sizeof args, "{\"limit\":\"%s\"}", limit);
    const msg_answer_t *a = rig_ask(r, "slots.ls", args);
    json_t *body = json_loadb((const char *)a->body.data, a->body.len, 0, NULL);
    size_t count = json_array_size(json_object_get(body, "holders"));
    json_decref(body);
    return count;
}

/* The carrier calls the supervisor: welcome it, with its own link generation. */
static void responder_dies(rig_t *r)
{
    const msg_hello_t *hello = rig_next(r, CONN_SUPERVISOR, MESSAGE_HELLO);
    assert_non_null(hello);
    r->link[CONN_SUPERVISOR] = (uint32_t)hello->link;
    r->number[CONN_SUPERVISOR] = 0;
    rig_say(r, CONN_SUPERVISOR, MESSAGE_WELCOME, &(msg_welcome_t){.link = hello->link});
    rig_say(r, CONN_SUPERVISOR, MESSAGE_PEERS,
            &(msg_peers_t){.actor = ACTOR_RESPONDER, .generation = 31, .life = LIFE_DEAD});
}

static void the_order_goes_to_the_responder_and_says_who_and_why(void **state)
{
    rig_t *r = *state;
    in_flight(r, "plain", 1);
    order(r, MODE_MAINTENANCE, false);
    assert_null(rig_next(r, CONN_RESPONDER, MESSAGE_CANCEL)); /* they may finish */
    order(r, MODE_MAINTENANCE, true);
    const msg_cancel_t *c = rig_next(r, CONN_RESPONDER, MESSAGE_CANCEL);
    assert_non_null(c);
    assert_true(bytes_is(c->why, "maintenance by uid 7: the far side moves"));
    assert_null(rig_next(r, CONN_RESPONDER, MESSAGE_CANCEL));
    assert_null(rig_next(r, CONN_CLASSIFIER, MESSAGE_CANCEL));
}

static void where_nothing_is_in_flight_nobody_is_told_and_it_is_over_at_once(void **state)
{
    rig_t *r = *state;
    order(r, MODE_MAINTENANCE, true);
    assert_null(rig_next(r, CONN_RESPONDER, MESSAGE_CANCEL));
    const msg_mode_t *m = last_mode(r);
    assert_int_equal(m->cancel, 1);
    assert_int_equal(m->cancelling, 0);
}

static void a_long_reason_is_cut_between_characters(void **state)
{
    rig_t *r = *state;
    char why[REASON_BYTES_MAX + 1] = "";
    while (strlen(why) < REASON_BYTES_MAX - 1)
        strcat(why, "\xc3\xa4");
    in_flight(r, "plain", 1);
    rig_say(
        r, CONN_DRAINER, MESSAGE_MODE,
        &(msg_mode_t){
            .mode = MODE_MAINTENANCE, .who = bytes_str("x"), .why = bytes_str(why), .cancel = 1});
    assert_non_null(rig_next(r, CONN_RESPONDER, MESSAGE_CANCEL)); /* it could be decoded */
}

static void what_was_not_sent_waits_at_no_cost_and_runs_again_unmarked(void **state)
{
    rig_t *r = *state;
    msg_assign_t a = in_flight(r, "plain", 1);
    order(r, MODE_MAINTENANCE, true);
    cut(r, &a, false);
    rig_pass(r, 10 * US_PER_S);
    assert_null(rig_assign(r, CONN_RESPONDER));
    assert_int_equal(rig_state(r, 1), STATE_QUEUED);
    order(r, MODE_NORMAL, false);
    const msg_assign_t *again = rig_assign(r, CONN_RESPONDER);
    assert_non_null(again);
    assert_int_equal(again->attempt, 2);
    assert_int_equal(again->maybe_duplicate, 0);
}

/* Its route allows one attempt: a cut is none that failed. */
static void what_was_sent_waits_and_runs_again_marked_and_is_no_failed_attempt(void **state)
{
    rig_t *r = *state;
    msg_assign_t a = in_flight(r, "plain", 1);
    order(r, MODE_MAINTENANCE, true);
    cut(r, &a, true);
    rig_pass(r, 10 * US_PER_S);
    assert_null(rig_assign(r, CONN_RESPONDER));
    msgid_t id = rig_id(1);
    const progress_t *p = &memory_disk_find(r->disk, &id)->progress;
    assert_int_equal(p->state, STATE_QUEUED);
    assert_true(bytes_is(p->reason, "the call was cancelled: maintenance by uid 7"));
    order(r, MODE_NORMAL, false);
    const msg_assign_t *again = rig_assign(r, CONN_RESPONDER);
    assert_non_null(again);
    assert_int_equal(again->maybe_duplicate, 1);
    rig_settle_as(r, CONN_RESPONDER, again, OUTCOME_OK);
    assert_int_equal(rig_state(r, 1), STATE_DONE);
}

static void what_must_not_be_sent_twice_is_held_or_dead_as_its_step_says(void **state)
{
    rig_t *r = *state;
    msg_assign_t held = in_flight(r, "hold", 1), dead = in_flight(r, "dead", 2),
                 unsent = in_flight(r, "dead", 3);
    order(r, MODE_MAINTENANCE, true);
    cut(r, &held, true);
    cut(r, &dead, true);
    cut(r, &unsent, false);
    assert_int_equal(rig_state(r, 1), STATE_HELD);
    assert_int_equal(rig_state(r, 2), STATE_DEAD);
    assert_int_equal(rig_state(r, 3), STATE_QUEUED);
}

static void slots_come_back_only_when_the_responder_says_that_it_is_cut(void **state)
{
    rig_t *r = *state;
    msg_assign_t a = in_flight(r, "plain", 1);
    in_flight(r, "plain", 2);
    order(r, MODE_MAINTENANCE, true);
    rig_pass(r, 60 * US_PER_S);
    assert_int_equal(slots_in_use(r, "two"), 2);
    cut(r, &a, true);
    assert_int_equal(slots_in_use(r, "two"), 1);
}

static void a_strict_slot_stays_until_the_calls_timeout_when_a_byte_was_sent(void **state)
{
    rig_t *r = *state;
    msg_assign_t a = in_flight(r, "strict", 1);
    order(r, MODE_MAINTENANCE, true);
    cut(r, &a, true);
    assert_int_equal(slots_in_use(r, "strict"), 1);
    rig_pass(r, 6 * US_PER_S);
    assert_int_equal(slots_in_use(r, "strict"), 0);
}

static void a_strict_slot_of_what_was_not_sent_is_free_at_once(void **state)
{
    rig_t *r = *state;
    msg_assign_t a = in_flight(r, "strict", 1);
    order(r, MODE_MAINTENANCE, true);
    cut(r, &a, false);
    assert_int_equal(slots_in_use(r, "strict"), 0);
}

/* The breaker opens after two failures, the limit adapts to timeouts: neither heard of any. */
static void the_downstream_is_not_blamed(void **state)
{
    rig_t *r = *state;
    msg_assign_t a[8];
    for (unsigned n = 0; n < COUNT_OF(a); n++)
        a[n] = in_flight(r, "wide", n + 1);
    order(r, MODE_MAINTENANCE, true);
    for (unsigned n = 0; n < COUNT_OF(a); n++)
        cut(r, &a[n], true);
    order(r, MODE_NORMAL, false);
    for (unsigned n = 0; n < COUNT_OF(a); n++)
        assert_non_null(rig_assign(r, CONN_RESPONDER));
}

static void how_many_were_cancelled_is_told_when_the_last_call_has_ended(void **state)
{
    rig_t *r = *state;
    msg_assign_t a = in_flight(r, "plain", 1), b = in_flight(r, "plain", 2),
                 c = in_flight(r, "hold", 3);
    order(r, MODE_MAINTENANCE, true);
    assert_int_equal(last_mode(r)->cancelling, 1);
    cut(r, &a, false);
    rig_settle_as(r, CONN_RESPONDER, &b, OUTCOME_OK); /* it had its answer */
    assert_null(last_mode(r));
    cut(r, &c, true);
    const msg_mode_t *m = last_mode(r);
    assert_non_null(m);
    assert_int_equal(m->cancelling, 0);
    assert_int_equal(m->cancelled, 2);
    assert_int_equal(m->unknown, 1);
    cut(r, &c, true); /* said again: of no open assignment */
    order(r, MODE_MAINTENANCE, true);
    m = last_mode(r);
    assert_int_equal(m->cancelled, 2);
}

static void a_new_limiter_goes_on_with_the_order(void **state)
{
    rig_t *r = *state;
    msg_assign_t a = in_flight(r, "plain", 1);
    order(r, MODE_MAINTENANCE, true);
    while (rig_next(r, CONN_RESPONDER, MESSAGE_CANCEL))
        ;
    rig_crash(r);
    rig_start(r);
    last_mode(r);
    peers(r, &(msg_holding_t){.seq = a.seq, .attempt = a.attempt, .fence = a.fence}, 1);
    assert_int_equal(last_mode(r)->cancelling, 1);
    const msg_cancel_t *c = rig_next(r, CONN_RESPONDER, MESSAGE_CANCEL);
    assert_non_null(c);
    assert_true(bytes_is(c->why, "maintenance by uid 7: the far side moves"));
    cut(r, &a, true);
    assert_int_equal(last_mode(r)->cancelling, 0);
    assert_null(rig_assign(r, CONN_RESPONDER));
}

/* What it never heard of waits again; of what it had on the wire nobody knows. */
static void a_responder_that_dies_of_it_ends_the_order_too(void **state)
{
    rig_t *r = *state;
    in_flight(r, "plain", 1);
    order(r, MODE_MAINTENANCE, true);
    responder_dies(r);
    const msg_mode_t *m = last_mode(r);
    assert_int_equal(m->cancelling, 0);
    assert_int_equal(m->cancelled, 0);
    assert_int_equal(rig_state(r, 1), STATE_QUEUED);
}

static void normal_ends_the_order(void **state)
{
    rig_t *r = *state;
    msg_assign_t a = in_flight(r, "plain", 1);
    order(r, MODE_MAINTENANCE, true);
    while (rig_next(r, CONN_RESPONDER, MESSAGE_CANCEL))
        ;
    order(r, MODE_NORMAL, false);
    assert_int_equal(last_mode(r)->cancel, 0);
    peers(r, &(msg_holding_t){.seq = a.seq, .attempt = a.attempt, .fence = a.fence}, 1);
    assert_null(rig_next(r, CONN_RESPONDER, MESSAGE_CANCEL));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, down)
    const struct CMUnitTest tests[] = {
        T(the_order_goes_to_the_responder_and_says_who_and_why),
        T(where_nothing_is_in_flight_nobody_is_told_and_it_is_over_at_once),
        T(a_long_reason_is_cut_between_characters),
        T(what_was_not_sent_waits_at_no_cost_and_runs_again_unmarked),
        T(what_was_sent_waits_and_runs_again_marked_and_is_no_failed_attempt),
        T(what_must_not_be_sent_twice_is_held_or_dead_as_its_step_says),
        T(slots_come_back_only_when_the_responder_says_that_it_is_cut),
        T(a_strict_slot_stays_until_the_calls_timeout_when_a_byte_was_sent),
        T(a_strict_slot_of_what_was_not_sent_is_free_at_once),
        T(the_downstream_is_not_blamed),
        T(how_many_were_cancelled_is_told_when_the_last_call_has_ended),
        T(a_new_limiter_goes_on_with_the_order),
        T(a_responder_that_dies_of_it_ends_the_order_too),
        T(normal_ends_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
