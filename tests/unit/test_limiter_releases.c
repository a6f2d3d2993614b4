/* What gives slots back is taken in a drain; what only has the same route is held or refused. */
#include "actors/limiter/queue.h"
#include "limiter_peers.h"

static const char CONFIG[] =
    "{\"state_dir\":\"/tmp/x\",\"run_dir\":\"/tmp/y\","
    "\"sources\":{\"held\":{\"auth\":\"none-on-loopback\",\"sender_retries\":false},"
    "\"s\":{\"auth\":\"none-on-loopback\"}},"
    "\"downstreams\":{\"d\":{\"url\":\"http://127.0.0.1:9\",\"allow_private\":true}},"
    "\"routes\":{\"held\":{\"path\":\"/held\",\"source\":\"held\",\"steps\":["
    "{\"name\":\"end\",\"when\":{\"/message/a\":\"ended\"},\"release\":{\"id\":\"x\"}},"
    "{\"name\":\"go\",\"when\":{\"/message/a\":\"begun\"},\"call\":{\"downstream\":\"d\",\"path\":"
    "\"/x\"}}]},"
    "\"refused\":{\"path\":\"/refused\",\"source\":\"s\",\"steps\":["
    "{\"name\":\"end\",\"when\":{\"/message/a\":\"ended\"},\"release\":{\"id\":\"x\"}}]}}}";

static void submit_body(rig_t *r, const char *route, unsigned n, const char *what, bytes_t body)
{
    char fields[64];
    snprintf(fields, sizeof fields, "{\"/message/a\":\"%s\"}", what);
    msg_submit_t s = {.id = rig_id(n),
                      .source = bytes_str("s"),
                      .route = bytes_str(route),
                      .body_hash = n,
                      .received_us = 1,
                      .body = body,
                      .fields = bytes_str(fields)};
    memcpy(s.print.b, s.id.b, 16);
    rig_say(r, CONN_INGRESS, MESSAGE_SUBMIT, &s);
}

static void submit(rig_t *r, const char *route, unsigned n, const char *what)
{
    submit_body(r, route, n, what, bytes_str("{}"));
}

static bool is_taken(rig_t *r, unsigned n, const char *what)
{
    static const char body[8192];
    submit_body(r, "r", n, what, bytes_of(body, sizeof body));
    return rig_verdict(r)->verdict == VERDICT_ACCEPTED;
}

static void in_a_drain_only_a_release_is_begun_of_a_route_that_has_both(void **state)
{
    (void)state;
    rig_t *r = rig_new(CONFIG);
    rig_peers_up(r);
    rig_credit(r, CONN_RESPONDER, "d", 10);
    rig_hello(r, CONN_DRAINER, ACTOR_DRAINER, 51, NULL);
    msg_mode_t mode = {.mode = MODE_DRAINING, .who = bytes_str("test"), .lasting = 1};
    rig_say(r, CONN_DRAINER, MESSAGE_MODE, &mode);
    submit(r, "held", 1, "begun");
    submit(r, "held", 2, "ended");
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_ACCEPTED);
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_ACCEPTED);
    assert_null(rig_assign(r, CONN_RESPONDER));
    assert_int_equal(rig_state(r, 1), STATE_HELD);
    assert_int_equal(rig_state(r, 2), STATE_DONE);
    submit(r, "refused", 3, "begun");
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_DRAINING);
    submit(r, "refused", 4, "ended");
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_ACCEPTED);
    mode.mode = MODE_NORMAL;
    rig_say(r, CONN_DRAINER, MESSAGE_MODE, &mode);
    assert_non_null(rig_assign(r, CONN_RESPONDER));
    rig_destroy(r);
}

static void a_stopped_route_gives_slots_back_and_begins_nothing_else(void **state)
{
    (void)state;
    rig_t *r = rig_new(CONFIG);
    rig_peers_up(r);
    rig_credit(r, CONN_RESPONDER, "d", 10);
    assert_int_equal(rig_ask(r, "route.stop", "{\"name\":\"held\"}")->status, 200);
    submit(r, "held", 1, "begun");
    submit(r, "held", 2, "ended");
    assert_null(rig_assign(r, CONN_RESPONDER));
    assert_int_equal(rig_state(r, 1), STATE_QUEUED);
    assert_int_equal(rig_state(r, 2), STATE_DONE);
    assert_int_equal(rig_ask(r, "route.start", "{\"name\":\"held\"}")->status, 200);
    assert_non_null(rig_assign(r, CONN_RESPONDER));
    rig_destroy(r);
}

static void a_limit_that_refuses_does_not_refuse_what_gives_slots_back(void **state)
{
    static const char config[] =
        "{\"state_dir\":\"/tmp/x\",\"run_dir\":\"/tmp/y\","
        "\"sources\":{\"s\":{\"auth\":\"none-on-loopback\"}},"
        "\"downstreams\":{\"d\":{\"url\":\"http://127.0.0.1:9\",\"allow_private\":true}},"
        "\"limits\":{\"one\":{\"slots\":1,\"at_limit\":\"reject\"}},"
        "\"routes\":{\"r\":{\"path\":\"/r\",\"source\":\"s\",\"limits\":[\"one\"],\"steps\":["
        "{\"name\":\"end\",\"when\":{\"/message/a\":\"ended\"},\"release\":{\"id\":\"x\"}},"
        "{\"name\":\"go\",\"when\":{\"/message/a\":\"begun\"},\"call\":{\"downstream\":\"d\","
        "\"path\":\"/x\"}}]}}}";
    (void)state;
    rig_t *r = rig_new(config);
    rig_peers_up(r);
    rig_credit(r, CONN_RESPONDER, "d", 10);
    submit(r, "r", 1, "begun");
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_ACCEPTED);
    submit(r, "r", 2, "begun");
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_LIMITED);
    submit(r, "r", 3, "ended");
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_ACCEPTED);
    assert_int_equal(rig_state(r, 3), STATE_DONE);
    rig_settle_as(r, CONN_RESPONDER, rig_assign(r, CONN_RESPONDER), OUTCOME_OK);
    submit(r, "r", 4, "begun");
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_ACCEPTED);
    rig_destroy(r);
}

static void a_full_disk_takes_what_gives_slots_back_and_nothing_else(void **state)
{
    (void)state;
    for (int full = 0; full < 2; full++) {
        rig_t *r = rig_new(CONFIG);
        limiter_t *l = carrier_self(r->carrier);
        rig_peers_up(r);
        rig_credit(r, CONN_RESPONDER, "d", 10);
        *(full ? &l->disk_full : &l->disk_low) = true;
        submit(r, "held", 1, "begun");
        assert_int_equal(rig_verdict(r)->verdict, VERDICT_UNAVAILABLE);
        submit(r, "held", 2, "ended");
        assert_int_equal(rig_verdict(r)->verdict, VERDICT_ACCEPTED);
        assert_int_equal(rig_state(r, 2), STATE_DONE);
        rig_destroy(r);
    }
}

/* A disk that is nearly full stays so for hours. */
static void credit_goes_on_while_the_disk_is_nearly_full(void **state)
{
    (void)state;
    char config[sizeof CONFIG + 40];
    snprintf(config, sizeof config, "{\"queue\":{\"intake_messages\":32},%s", CONFIG + 1);
    rig_t *r = rig_new(config);
    limiter_t *l = carrier_self(r->carrier);
    rig_peers_up(r);
    l->disk_low = true;
    uint64_t before = l->intakes[0].giver.told.messages;
    for (unsigned n = 1; n <= 30; n++)
        submit(r, "held", n, "begun");
    assert_true(l->intakes[0].giver.told.messages > before);
    rig_destroy(r);
}

/* A twentieth of the bytes, as of the messages, is kept for it. Credit is the bound of all. */
static void what_gives_slots_back_finds_room_in_a_queue_that_is_full_of_bytes(void **state)
{
    static const char config[] =
        "{\"state_dir\":\"/tmp/x\",\"run_dir\":\"/tmp/y\",\"queue\":{\"bytes_max\":1048576},"
        "\"sources\":{\"s\":{\"auth\":\"none-on-loopback\"}},"
        "\"downstreams\":{\"d\":{\"url\":\"http://127.0.0.1:9\",\"allow_private\":true}},"
        "\"routes\":{\"r\":{\"path\":\"/r\",\"source\":\"s\",\"steps\":["
        "{\"name\":\"end\",\"when\":{\"/message/a\":\"ended\"},\"release\":{\"id\":\"x\"}},"
        "{\"name\":\"go\",\"call\":{\"downstream\":\"d\",\"path\":\"/x\"}}]}}}";
    unsigned n = 0, begun = 0;
    (void)state;
    rig_t *r = rig_new(config);
    rig_peers_up(r); /* without credit: nothing is called, all of it stays */
    while (n < 200 && is_taken(r, ++n, "begun"))
        begun++;
    assert_in_range(begun, 100, 190);
    for (unsigned ended = 0; ended < 4; ended++)
        assert_true(is_taken(r, ++n, "ended"));
    rig_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_a_drain_only_a_release_is_begun_of_a_route_that_has_both),
        cmocka_unit_test(a_stopped_route_gives_slots_back_and_begins_nothing_else),
        cmocka_unit_test(a_limit_that_refuses_does_not_refuse_what_gives_slots_back),
        cmocka_unit_test(a_full_disk_takes_what_gives_slots_back_and_nothing_else),
        cmocka_unit_test(credit_goes_on_while_the_disk_is_nearly_full),
        cmocka_unit_test(what_gives_slots_back_finds_room_in_a_queue_that_is_full_of_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
