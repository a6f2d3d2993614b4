/* A step of the limiter may wish only so much. Whatever is set free at once, by a mode, a changed
 * number or many connections, goes on over as many steps as it takes; and what it takes of a rate
 * is never on disk later than the call that used it up is on its way. */
#include "limits_rig.h"

#define HOUR_US (3600 * US_PER_S)

static const char config[] =
    "{'state_dir':'/tmp/x','run_dir':'/tmp/y','sources':{'s':{'auth':'none-on-loopback',"
    "'sender_retries':false}},"
    "'downstreams':{'d':{'url':'http://127.0.0.1:9','allow_private':true,'idempotent':true,"
    "'breaker':{'percent':0,'consecutive':0}}},"
    "'limits':{'a':{'rate':{'count':1,'per_ms':3600000,'burst':1},'per':['l']},"
    "'b':{'rate':{'count':9,'per_ms':3600000},'per':['l']},"
    "'c':{'rate':{'count':9,'per_ms':3600000},'per':['l']}},"
    "'routes':{" ROUTE("plain", "", CALL("")) "," ROUTE(
        "one", "", CALL("'limits':['a'],")) "," ROUTE("three", "",
                                                      CALL("'limits':['a','b','c'],")) "}}";

static rig_t *room_rig(void)
{
    char json[sizeof config];
    memcpy(json, config, sizeof config);
    for (char *c = json; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    rig_t *r = rig_new(json);
    rig_peers_up(r);
    rig_hello(r, CONN_DRAINER, ACTOR_DRAINER, 51, NULL);
    return r;
}

static void small_room(rig_t *r)
{
    rig_crash(r);
    r->wishes_most = 64;
    rig_start(r);
    rig_peers_up(r);
    rig_hello(r, CONN_DRAINER, ACTOR_DRAINER, 51, NULL);
}

static void frame_send(rig_t *r, conn_t conn, frame_builder_t *b)
{
    carrier_frame(r->carrier, conn, frame_finish(b, 0, r->link[conn], ++r->number[conn]), r->now);
    frame_builder_destroy(&b);
}

/* n, n + 1 ..., each with a key and a value of its own. */
static void offer_many(rig_t *r, const char *route, unsigned n, unsigned count)
{
    const unsigned at_once = r->wishes_most ? 5 : 400;
    char labels[128], value[16];
    unsigned frames = 0;
    for (unsigned last = n + count; n < last;) {
        frame_builder_t *b = frame_builder_new();
        frame_begin(b, MESSAGE_SUBMIT);
        for (unsigned end = n + at_once < last ? n + at_once : last; n < end; n++) {
            snprintf(value, sizeof value, "v%u", n);
            offer_t o = {.n = n, .route = route, .value = value, .key = value};
            msg_submit_t s = limits_submit(o, labels);
            assert_int_equal(frame_add(b, &s), 0);
        }
        frame_send(r, CONN_INGRESS, b);
        if (++frames % 8 == 0 || n == last)
            rig_settle(r);
    }
}

/* It stands after that step. */
static void mode_now(rig_t *r, uint64_t mode, uint64_t percent)
{
    frame_builder_t *b = frame_builder_new();
    frame_begin(b, MESSAGE_MODE);
    msg_mode_t m = {
        .mode = mode, .who = bytes_str("test"), .pace_percent = percent, .lasting = true};
    assert_int_equal(frame_add(b, &m), 0);
    frame_send(r, CONN_DRAINER, b);
}

static void mode(rig_t *r, uint64_t mode, uint64_t percent)
{
    mode_now(r, mode, percent);
    rig_settle(r);
}

static size_t assigned(rig_t *r)
{
    size_t count = 0;
    while (rig_assign(r, CONN_RESPONDER))
        count++;
    return count;
}

static void ten_thousand_that_a_drain_held_are_let_go(void **s)
{
    (void)s;
    rig_t *r = room_rig();
    mode(r, MODE_DRAINING, 100);
    offer_many(r, "plain", 1, 10000);
    assert_int_equal(limits_self(r)->parked, 10000);
    mode(r, MODE_NORMAL, 100);
    assert_int_equal(limits_self(r)->parked, 0);
    rig_credit(r, CONN_RESPONDER, "d", 10000);
    assert_int_equal(assigned(r), 10000);
    rig_destroy(r);
}

static void what_comes_while_others_are_let_go_waits_behind_them(void **s)
{
    (void)s;
    rig_t *r = room_rig();
    small_room(r);
    mode(r, MODE_DRAINING, 100);
    offer_many(r, "plain", 1, 300);
    mode_now(r, MODE_NORMAL, 100);
    assert_true(limits_self(r)->parked > 0);
    frame_builder_t *b = frame_builder_new();
    frame_begin(b, MESSAGE_SUBMIT);
    char labels[128];
    msg_submit_t late = limits_submit((offer_t){.n = 301, .route = "plain", .key = "v300"}, labels);
    assert_int_equal(frame_add(b, &late), 0);
    frame_send(r, CONN_INGRESS, b);
    assert_true(limits_self(r)->newcomers.count == 1);
    rig_settle(r);
    rig_credit(r, CONN_RESPONDER, "d", 1000);
    hand_fill(r);
    assert_true(hand.count == 300 && in_hand(300) && !in_hand(301));
    hand_ok(r, 300);
    assert_true(in_hand(301));
    rig_destroy(r);
}

static void what_came_while_it_was_loaded_enters_in_slices_too(void **s)
{
    (void)s;
    rig_t *r = room_rig();
    limiter_t *l = limits_self(r);
    l->phase = LOAD_MESSAGES;
    offer_many(r, "plain", 1, 10000);
    assert_int_equal(l->newcomers.count, 10000);
    l->phase = LOADED;
    mode(r, MODE_DRAINING, 100); /* each of them is held, and saved so */
    assert_int_equal(l->parked, 10000);
    rig_destroy(r);
}

static void who_came_in_a_drain_and_had_not_entered_waits_for_its_end_in_the_next_life(void **s)
{
    (void)s;
    rig_t *r = room_rig();
    mode(r, MODE_DRAINING, 100);
    limits_self(r)->phase = LOAD_MESSAGES;
    offer_many(r, "plain", 1, 3);
    assert_int_equal(limits_self(r)->newcomers.count, 3);
    rig_crash(r);
    rig_start(r);
    rig_peers_up(r);
    rig_hello(r, CONN_DRAINER, ACTOR_DRAINER, 51, NULL);
    assert_int_equal(limits_self(r)->parked, 3);
    mode(r, MODE_NORMAL, 100);
    rig_credit(r, CONN_RESPONDER, "d", 10);
    assert_int_equal(assigned(r), 3);
    rig_destroy(r);
}

static void a_lease_that_is_due_before_the_prints_are_known_ends_after_them(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'of':{'slots':1,'ttl_s':60}", ROUTE("a", "", CALL("")));
    limiter_t *l = limits_self(r);
    rig_say(r, CONN_INGRESS, MESSAGE_LEASE,
            &(msg_lease_t){.order = LEASE_ACQUIRE,
                           .number = 1,
                           .id = bytes_str("c"),
                           .limits = bytes_str("[{\"name\":\"of\"}]")});
    assert_int_equal(limits_bucket(r, "of")->in_use, 1);
    l->phase = LOAD_PRINTS;
    rig_pass(r, 61 * US_PER_S); /* and comes to rest */
    assert_int_equal(limits_bucket(r, "of")->in_use, 1);
    l->phase = LOAD_MESSAGES;
    rig_pass(r, US_PER_S);
    assert_int_equal(limits_bucket(r, "of")->in_use, 0);
    rig_destroy(r);
}

static void who_may_run_does_not_wait_for_a_look_at_all_ages(void **s)
{
    (void)s;
    rig_t *r = limits_rig(
        "", "'of':{'slots':1}",
        ROUTE("a", "'max_age_ms':60000,", CALL("")) "," ROUTE("b", "", CALL("'limits':['of'],")));
    limiter_t *l = limits_self(r);
    for (unsigned n = 1000; n < 10000; n += 100) {
        limits_offers_at_once(r, (offer_t){n, "b"}, 100);
        rig_settle(r);
    }
    l->of_route[0].ages_from = 0; /* as after a start */
    l->ages_at = r->now.at;
    limits_offers_at_once(r, (offer_t){1, "a"}, 1);
    assert_int_equal(l->of_route[0].assigned, 1); /* in the step that accepted it */
    rig_settle(r);
    assert_int_equal(l->of_route[0].ages_from, l->tally.next_seq - 1);
    rig_destroy(r);
}

static void nine_thousand_values_of_a_rate_are_slowed_down(void **s)
{
    (void)s;
    rig_t *r = room_rig();
    rig_credit(r, CONN_RESPONDER, "d", 100000);
    offer_many(r, "one", 1, 9000);
    assert_int_equal(assigned(r), 9000);
    mode(r, MODE_NORMAL, 50);
    rig_crash(r); /* nothing was sent, says who comes back; but their rates are used up */
    rig_start(r);
    rig_peers_up(r);
    rig_credit(r, CONN_RESPONDER, "d", 100000);
    assert_int_equal(assigned(r), 0);
    rig_pass(r, HOUR_US + US_PER_S);
    assert_int_equal(assigned(r), 0);
    rig_pass(r, HOUR_US);
    assert_int_equal(assigned(r), 9000);
    rig_destroy(r);
}

static void nine_thousand_values_of_a_rate_get_another(void **s)
{
    (void)s;
    rig_t *r = room_rig();
    rig_credit(r, CONN_RESPONDER, "d", 100000);
    offer_many(r, "one", 1, 9000);
    assert_int_equal(assigned(r), 9000);
    assert_int_equal(rig_ask(r, "limits.set", "{\"name\":\"a\",\"rate\":2}")->status, 200);
    rig_crash(r);
    rig_start(r);
    rig_peers_up(r);
    rig_credit(r, CONN_RESPONDER, "d", 100000);
    rig_pass(r, HOUR_US / 2 - US_PER_S);
    assert_int_equal(assigned(r), 0);
    rig_pass(r, 2 * US_PER_S);
    assert_int_equal(assigned(r), 9000);
    rig_destroy(r);
}

/* The mode is on disk, and of most values only the row from before it. */
static void a_rate_that_was_kept_at_another_pace_keeps_what_was_taken(void **s)
{
    (void)s;
    rig_t *r = room_rig();
    small_room(r);
    rig_credit(r, CONN_RESPONDER, "d", 100000);
    offer_many(r, "one", 1, 300);
    assert_int_equal(assigned(r), 300);
    mode_now(r, MODE_NORMAL, 50);
    assert_true(limits_self(r)->late.count > 200);
    carrier_turn(r->carrier, r->now);
    memory_store_commit(r->store, 0);
    rig_crash(r);
    rig_start(r);
    assert_int_equal(limits_self(r)->pace_percent, 50);
    rig_peers_up(r);
    rig_credit(r, CONN_RESPONDER, "d", 100000);
    rig_pass(r, HOUR_US + US_PER_S);
    assert_int_equal(assigned(r), 0);
    rig_pass(r, HOUR_US);
    assert_int_equal(assigned(r), 300);
    rig_destroy(r);
}

static void six_thousand_that_wait_get_connections_at_once(void **s)
{
    (void)s;
    rig_t *r = room_rig();
    offer_many(r, "three", 1, 6000);
    rig_credit(r, CONN_RESPONDER, "d", 2500);
    assert_int_equal(assigned(r), 2500);
    rig_credit(r, CONN_RESPONDER, "d", 6000);
    assert_int_equal(assigned(r), 3500);
    rig_destroy(r);
}

static void who_held_thousands_and_comes_back_with_none_is_heard_in_slices(void **s)
{
    (void)s;
    rig_t *r = room_rig();
    small_room(r);
    rig_credit(r, CONN_RESPONDER, "d", 300);
    offer_many(r, "three", 1, 300);
    assert_int_equal(assigned(r), 300);
    rig_hello(r, CONN_RESPONDER, ACTOR_RESPONDER, 31, NULL);
    assert_int_equal(limits_self(r)->assigned, 0);
    rig_credit(r, CONN_RESPONDER, "d", 300);
    assert_int_equal(assigned(r), 300); /* what was not begun gave its rate back */
    rig_destroy(r);
}

static const struct CMUnitTest room[] = {
    cmocka_unit_test(ten_thousand_that_a_drain_held_are_let_go),
    cmocka_unit_test(what_comes_while_others_are_let_go_waits_behind_them),
    cmocka_unit_test(what_came_while_it_was_loaded_enters_in_slices_too),
    cmocka_unit_test(who_came_in_a_drain_and_had_not_entered_waits_for_its_end_in_the_next_life),
    cmocka_unit_test(a_lease_that_is_due_before_the_prints_are_known_ends_after_them),
    cmocka_unit_test(who_may_run_does_not_wait_for_a_look_at_all_ages),
    cmocka_unit_test(nine_thousand_values_of_a_rate_are_slowed_down),
    cmocka_unit_test(nine_thousand_values_of_a_rate_get_another),
    cmocka_unit_test(a_rate_that_was_kept_at_another_pace_keeps_what_was_taken),
    cmocka_unit_test(six_thousand_that_wait_get_connections_at_once),
    cmocka_unit_test(who_held_thousands_and_comes_back_with_none_is_heard_in_slices),
};

LIMITS_MAIN(room)
