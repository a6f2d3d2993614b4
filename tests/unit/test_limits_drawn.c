/* A route's rates and caps: a message draws from them once, however often it is tried. */
#include "limits_rig.h"

#define MINUTE_US (60 * US_PER_S)
#define SOON "'backoff_base_ms':1,'backoff_cap_ms':1,"
#define KEPT_BY_JOB ROUTE("a", "'limits':['job'],", CALL(SOON))

static const char *const SHAPES[] = {
    "'job':{'rate':{'count':1,'per_ms':60000,'burst':1}}",
    "'job':{'rate':{'count':1,'per_ms':60000,'shape':'window'}}",
    "'job':{'rate':{'count':1,'per_ms':60000,'shape':'spacing'}}",
    "'job':{'cap':{'count':1,'each':'day'}}",
    "'job':{'slots':1,'rate':{'count':1,'per_ms':60000,'burst':1}}",
};

/* It fails, and its pause passes. */
static void fail_once(rig_t *r, unsigned n)
{
    hand_settle(r, n, OUTCOME_RETRY, 500, 0);
    rig_pass(r, 10 * US_PER_MS);
    hand_fill(r);
}

static void a_message_that_is_tried_again_draws_no_second_time_and_passes_those_that_wait(void **s)
{
    (void)s;
    for (size_t n = 0; n < COUNT_OF(SHAPES); n++) {
        rig_t *r = limits_rig("", SHAPES[n], KEPT_BY_JOB);
        limits_offers(r, (offer_t){1, "a"}, 3);
        assert_int_equal(hand_fill(r), 1);
        for (unsigned tries = 0; tries < 3; tries++) {
            fail_once(r, 1);
            assert_true(hand.count == 1 && in_hand(1));
        }
        hand_ok(r, 1);
        assert_int_equal(hand.count, 0); /* it was drawn once, though */
        rig_destroy(r);
    }
}

static void what_was_drawn_is_known_after_a_restart_in_backoff_or_while_it_is_held(void **s)
{
    (void)s;
    for (size_t n = 0; n < 4 * COUNT_OF(SHAPES); n++) {
        bool reboot = n % 2 == 1, held = n / 2 % 2 == 1;
        rig_t *r = limits_rig("", SHAPES[n / 4],
                              ROUTE("a", "'limits':['job'],", CALL("'backoff_base_ms':5000,")));
        limits_offers(r, (offer_t){1, "a"}, 2);
        hand_fill(r);
        hand_settle(r, 1, OUTCOME_RETRY, 500, 0);
        if (held)
            assert_int_equal(rig_ask(r, "hold", "{\"route\":\"a\"}")->status, 200);
        limits_restart(r, reboot);
        if (held)
            assert_int_equal(rig_ask(r, "release", "{\"route\":\"a\"}")->status, 200);
        rig_pass(r, 6 * US_PER_S);
        hand_fill(r);
        assert_true(hand.count == 1 && in_hand(1));
        rig_destroy(r);
    }
}

static void what_was_not_begun_at_first_draws_when_it_begins_and_later_gives_nothing_back(void **s)
{
    (void)s;
    for (size_t n = 0; n < COUNT_OF(SHAPES); n++) {
        rig_t *r = limits_rig("", SHAPES[n], KEPT_BY_JOB);
        limits_offers(r, (offer_t){1, "a"}, 3);
        hand_fill(r);
        hand_settle(r, 1, OUTCOME_UNBEGUN, 0, 0);
        assert_true(hand.count == 1 && in_hand(2)); /* what it drew is there again */
        fail_once(r, 2);
        assert_true(in_hand(2));
        hand_settle(r, 2, OUTCOME_UNBEGUN, 0, 0); /* this time; its first call was begun */
        rig_pass(r, US_PER_S);
        hand_fill(r);
        assert_true(hand.count == 1 && in_hand(2));
        hand_ok(r, 2);
        assert_int_equal(hand.count, 0);
        rig_destroy(r);
    }
}

static void a_redriven_message_is_another_run_and_draws_again(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", SHAPES[0], KEPT_BY_JOB);
    msgid_t id = rig_id(1);
    limits_offer(r, (offer_t){1, "a"});
    hand_fill(r);
    hand_settle(r, 1, OUTCOME_FAIL, 400, 0);
    rig_hello(r, CONN_DRAINER, ACTOR_DRAINER, 51, NULL);
    rig_say(r, CONN_DRAINER, MESSAGE_REDRIVE, &(msg_redrive_t){.id = id, .most = 1});
    assert_int_equal(rig_state(r, 1), STATE_QUEUED);
    assert_int_equal(hand_fill(r), 0);
    rig_pass(r, MINUTE_US);
    assert_int_equal(hand_fill(r), 1);
    rig_destroy(r);
}

/* Both slots are free again while the first that waits is kept by the rate. */
static void who_drew_before_and_waits_for_a_slot_is_woken_by_the_slot(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'job':{'slots':2,'rate':{'count':3,'per_ms':60000,'burst':3}}",
                          KEPT_BY_JOB);
    limits_offers(r, (offer_t){1, "a"}, 2);
    assert_int_equal(hand_fill(r), 2);
    hand_settle(r, 1, OUTCOME_RETRY, 500, 0);
    limits_offers(r, (offer_t){3, "a"}, 3);
    hand_fill(r);
    assert_true(in_hand(2) && in_hand(3)); /* and with that the rate is used up */
    rig_pass(r, 10 * US_PER_MS);
    hand_fill(r);
    assert_false(in_hand(1)); /* its slot is another's now */
    hand_ok(r, 3);
    assert_true(hand.count == 2 && in_hand(1) && in_hand(2));
    hand_ok(r, 1);
    hand_ok(r, 2);
    assert_int_equal(hand.count, 0);
    rig_destroy(r);
}

static void of_those_that_drew_before_the_first_to_wait_for_a_slot_gets_it_first(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'job':{'slots':1,'rate':{'count':3,'per_ms':60000,'burst':3}}",
                          ROUTE("a", "'limits':['job'],", CALL(SOON "'attempts':9,")));
    limits_offers(r, (offer_t){1, "a"}, 5);
    hand_fill(r);
    for (unsigned n = 1; n <= 3; n++) { /* each makes room for the next */
        assert_true(in_hand(n));
        hand_settle(r, n, OUTCOME_RETRY, 500, 0);
    }
    rig_pass(r, 10 * US_PER_MS);
    hand_fill(r);
    unsigned tried[4] = {0};
    for (unsigned turns = 0; turns < 6; turns++) {
        unsigned n = 1;
        while (!in_hand(n))
            n++;
        assert_true(n <= 3 && hand.count == 1);
        tried[n]++;
        fail_once(r, n);
    }
    assert_true(tried[1] == 2 && tried[2] == 2 && tried[3] == 2);
    rig_destroy(r);
}

static void a_limit_that_a_reload_added_is_drawn_from_by_those_that_go_on(void **s)
{
    (void)s;
    rig_t *r = limits_rig("",
                          "'job':{'rate':{'count':9,'per_ms':60000}},'new':{'slots':9,'rate':{"
                          "'count':1,'per_ms':60000,'burst':1}}",
                          ROUTE("a", "'limits':['job'],",
                                CALL(SOON)) "," ROUTE("b", "'limits':['new'],", CALL(SOON)));
    limits_offer(r, (offer_t){1, "a"});
    limits_offer(r, (offer_t){2, "b"});
    assert_int_equal(hand_fill(r), 2);
    hand_settle(r, 1, OUTCOME_RETRY, 500, 0);
    hand_settle(r, 2, OUTCOME_RETRY, 500, 0);
    rig_crash(r);
    route_t *a = &r->config->routes[0];
    assert_string_equal(a->name, "a");
    a->draws[a->draw_count++] = r->config->routes[1].draws[0];
    rig_start(r);
    limits_up(r);
    rig_pass(r, US_PER_S);
    hand_fill(r);
    assert_true(hand.count == 1 && in_hand(2)); /* who drew from it goes on, the other waits */
    rig_pass(r, MINUTE_US);
    hand_fill(r);
    assert_true(in_hand(1));
    fail_once(r, 1);
    assert_true(in_hand(1)); /* now it has drawn from both */
    rig_destroy(r);
}

static void what_was_drawn_at_the_door_counts_for_all_tries(void **s)
{
    (void)s;
    for (int restart = 0; restart < 2; restart++) {
        rig_t *r = limits_rig("",
                              "'job':{'slots':1,'rate':{'count':1,'per_ms':60000},"
                              "'at_limit':'reject'}",
                              KEPT_BY_JOB);
        limits_offer(r, (offer_t){1, "a"});
        hand_fill(r);
        hand_settle(r, 1, OUTCOME_RETRY, 500, 0);
        if (restart)
            limits_restart(r, false);
        rig_pass(r, US_PER_S);
        hand_fill(r);
        assert_true(in_hand(1));
        rig_destroy(r);
    }
}

static void why_says_of_a_message_in_backoff_that_no_rate_keeps_it(void **s)
{
    (void)s;
    for (int restart = 0; restart < 2; restart++) {
        rig_t *r = limits_rig("", SHAPES[0],
                              ROUTE("a", "'limits':['job'],", CALL("'backoff_base_ms':5000,")));
        char id[MSGID_TEXT], args[64];
        msgid_t of = rig_id(1);
        limits_offers(r, (offer_t){1, "a"}, 2);
        hand_fill(r);
        hand_settle(r, 1, OUTCOME_RETRY, 500, 0);
        if (restart)
            limits_restart(r, false);
        msgid_text(&of, id);
        snprintf(args, sizeof args, "{\"id\":\"%s\"}", id);
        const msg_answer_t *said = rig_ask(r, "why", args);
        json_t *body = json_loadb((const char *)said->body.data, said->body.len, 0, NULL);
        json_t *j = json_object_get(body, "why");
        assert_int_equal(json_array_size(json_object_get(j, "keeps")), 1);
        json_t *limit = json_array_get(json_object_get(j, "limits"), 0);
        assert_string_equal(json_string_value(json_object_get(limit, "name")), "job");
        assert_false(json_is_true(json_object_get(limit, "keeps")));
        json_decref(body);
        rig_destroy(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_message_that_is_tried_again_draws_no_second_time_and_passes_those_that_wait),
        cmocka_unit_test(what_was_drawn_is_known_after_a_restart_in_backoff_or_while_it_is_held),
        cmocka_unit_test(
            what_was_not_begun_at_first_draws_when_it_begins_and_later_gives_nothing_back),
        cmocka_unit_test(a_redriven_message_is_another_run_and_draws_again),
        cmocka_unit_test(who_drew_before_and_waits_for_a_slot_is_woken_by_the_slot),
        cmocka_unit_test(of_those_that_drew_before_the_first_to_wait_for_a_slot_gets_it_first),
        cmocka_unit_test(a_limit_that_a_reload_added_is_drawn_from_by_those_that_go_on),
        cmocka_unit_test(what_was_drawn_at_the_door_counts_for_all_tries),
        cmocka_unit_test(why_says_of_a_message_in_backoff_that_no_rate_keeps_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
