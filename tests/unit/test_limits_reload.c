/* What a reload of the configuration leaves of what was in hand or held before it. */
#include "limits_lives.h"

static const char X[] = "'x':{'slots':5}";

static void a_call_whose_step_is_no_call_any_more_ends_as_that_step_goes_on(void **s)
{
    static const char *const now[] = {
        "{'name':'go','limits':['x'],'acquire':{'id':'i'}}",
        "{'name':'go','release':{'id':'i'}}",
    };
    (void)s;
    for (size_t n = 0; n < 2 * COUNT_OF(now); n++) {
        char routes[512];
        rig_t *r = limits_rig("", X, "'a':{'path':'/a','source':'s','steps':[" CALL("") "]}");
        limits_offer(r, (offer_t){1, "a"});
        assert_int_equal(hand_fill(r), 1);
        snprintf(routes, sizeof routes, "'a':{'path':'/a','source':'s','steps':[%s]}", now[n / 2]);
        limits_reload(r, "", X, routes);
        limits_supervisor(r);
        if (n % 2)
            limits_death(r, 31);
        else
            hand_settle(r, 1, OUTCOME_UNKNOWN, 0, 0);
        rig_pass(r, 120 * US_PER_S);
        assert_true(is_done(r, 1));
        rig_destroy(r);
    }
}

static void numbers_set_by_hand_that_a_limit_has_no_more_are_forgotten(void **s)
{
    (void)s;
    static const char SLOTS[] = "'x':{'slots':10,'per':['l']}",
                      RATE[] = "'x':{'rate':{'count':40,'per_ms':60000},'per':['l']}",
                      BOTH[] = "'x':{'slots':10,'rate':{'count':40,'per_ms':60000},'per':['l']}";
    const char *routes = ROUTE("a", "", CALL("'limits':['x'],"));
    rig_t *r = limits_rig("", BOTH, routes);
    rig_ask(r, "limits.set", "{\"name\":\"x\",\"slots\":1,\"rate\":30}");
    rig_ask(r, "limits.set", "{\"name\":\"x\",\"value\":\"v\",\"slots\":2}");
    rig_ask(r, "limits.set", "{\"name\":\"x\",\"value\":\"u\",\"slots\":3,\"rate\":20}");
    limits_reload(r, "", BOTH, routes);
    limits_offers(r, (offer_t){1, "a", "v"}, 5);
    assert_int_equal(hand_fill(r), 2); /* all of it is kept where the limit stays as it is */
    for (unsigned n = 1; n < 6; n++)
        hand_ok(r, n);
    limits_reload(r, "", RATE, routes);
    limits_offers(r, (offer_t){101, "a", "w"}, 50);
    assert_int_equal(hand_fill(r), 30);
    limits_offers(r, (offer_t){201, "a", "v"}, 50);
    assert_int_equal(hand_fill(r), 25); /* no two in a minute */
    limits_offers(r, (offer_t){301, "a", "u"}, 50);
    assert_int_equal(hand_fill(r), 20);
    rig_ask(r, "limits.set", "{\"name\":\"x\",\"rate\":35}"); /* the next change */
    limits_reload(r, "", SLOTS, routes);
    limits_offers(r, (offer_t){401, "a", "t"}, 50);
    hand_fill(r);
    assert_true(in_hand(410) && !in_hand(411));
    rig_destroy(r);
}

static void numbers_set_by_hand_that_are_below_a_cost_of_now_are_forgotten(void **s)
{
    (void)s;
    static const char X10[] = "'x':{'slots':10,'rate':{'count':50,'per_ms':1000},'per':['l']}";
    rig_t *r = limits_rig("", X10, ROUTE("a", "", CALL("'limits':['x'],")));
    rig_ask(r, "limits.set", "{\"name\":\"x\",\"slots\":3,\"rate\":40}");
    rig_ask(r, "limits.set", "{\"name\":\"x\",\"value\":\"v\",\"slots\":4}");
    rig_ask(r, "limits.set", "{\"name\":\"x\",\"value\":\"u\",\"slots\":5}");
    limits_reload(r, "", X10, ROUTE("a", "", CALL("'limits':['x'],'costs':{'x':5},")));
    limits_offers(r, (offer_t){1, "a", "v"}, 9);
    assert_int_equal(hand_fill(r), 2);
    limits_offers(r, (offer_t){11, "a", "w"}, 9);
    assert_int_equal(hand_fill(r), 2);
    limits_offers(r, (offer_t){21, "a", "u"}, 9);
    assert_int_equal(hand_fill(r), 1); /* enough for one: it stays */
    for (unsigned n = 1; n <= 29; n++)
        assert_int_not_equal(rig_state(r, n), STATE_DEAD);
    assert_int_equal(limits_self(r)->limits[0].count, 40);
    rig_destroy(r);
}

static grant_t held_at(rig_t *r, unsigned value, const char *id)
{
    static uint64_t number;
    char limits[80], name[16];
    snprintf(limits, sizeof limits, "[{\"name\":\"of\",\"labels\":{\"x\":\"v%u\"}}]", value);
    snprintf(name, sizeof name, "%s%u", id, value);
    rig_say(r, CONN_INGRESS, MESSAGE_LEASE,
            &(msg_lease_t){.number = ++number,
                           .order = LEASE_ACQUIRE,
                           .id = bytes_str(name),
                           .limits = bytes_str(limits)});
    const msg_leased_t *said = rig_next(r, CONN_INGRESS, MESSAGE_LEASED);
    assert_non_null(said);
    return (grant_t)said->grant;
}

static void fewer_label_values_than_are_held_forget_none_that_is(void **s)
{
    (void)s;
    static const char OF[] = "'of':{'slots':1,'per':['x'],'ttl_s':86400}",
                      FEW[] = "'queue':{'buckets_max':16},";
    rig_t *r = limits_rig("", OF, ROUTE("a", "", CALL("")));
    for (unsigned n = 0; n < 60; n++)
        assert_int_equal(held_at(r, n, "first"), GRANT_GRANTED);
    for (unsigned life = 0; life < 2; life++) {
        limits_reload(r, life == 0 ? FEW : "", OF, ROUTE("a", "", CALL("")));
        for (unsigned n = 0; n < 60; n++) {
            assert_int_equal(held_at(r, n, "second"), GRANT_LIMITED);
            assert_int_equal(held_at(r, n, "first"), GRANT_GRANTED); /* renewed */
        }
        assert_int_equal(held_at(r, 60, "first"), life == 0 ? GRANT_UNAVAILABLE : GRANT_GRANTED);
    }
    rig_destroy(r);
}

static void a_rate_set_by_hand_that_is_more_than_a_window_has_is_what_it_has(void **s)
{
    (void)s;
    const char *routes = ROUTE("a", "", CALL("'limits':['w'],"));
    rig_t *r = limits_rig("", "'w':{'rate':{'count':100,'per_ms':60000}}", routes);
    rig_ask(r, "limits.set", "{\"name\":\"w\",\"rate\":10000}");
    limits_reload(r, "", "'w':{'rate':{'count':100,'per_ms':60000,'shape':'window'}}", routes);
    limits_pace(r, 50);
    limits_offers_at_once(r, (offer_t){1, "a"}, 256);
    rig_settle(r);
    assert_int_equal(hand_fill(r), 256);
    assert_int_equal(bucket_most(limits_bucket(r, "w"), CLASS_NORMAL), 4096);
    rig_destroy(r);
}

static void what_was_in_hand_and_comes_back_draws_from_the_limits_of_now(void **s)
{
    (void)s;
    static const char LIMITS[] = "'old':{'slots':50},'new':{'cap':{'count':1,'each':'day'}}";
    static const unsigned ends[] = {OUTCOME_UNBEGUN, OUTCOME_UNKNOWN, OUTCOME_DEFER, OUTCOME_RETRY};
    for (size_t k = 0; k < COUNT_OF(ends); k++) {
        rig_t *r = limits_rig("", LIMITS, ROUTE("a", "", CALL("'limits':['old'],")));
        limits_offer(r, (offer_t){1, "a"});
        hand_fill(r);
        limits_reload(r, "", LIMITS, ROUTE("a", "", CALL("'limits':['new'],")));
        limits_offer(r, (offer_t){2, "a"}); /* uses up the cap */
        hand_fill(r);
        assert_true(in_hand(2));
        hand_settle(r, 1, ends[k], 0, 0);
        rig_pass(r, 600 * US_PER_S);
        hand_fill(r);
        assert_false(in_hand(1));
        rig_pass(r, 86400 * US_PER_S);
        hand_fill(r);
        assert_true(in_hand(1));
        rig_destroy(r);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_was_in_hand_and_comes_back_draws_from_the_limits_of_now),
    cmocka_unit_test(fewer_label_values_than_are_held_forget_none_that_is),
    cmocka_unit_test(a_call_whose_step_is_no_call_any_more_ends_as_that_step_goes_on),
    cmocka_unit_test(numbers_set_by_hand_that_a_limit_has_no_more_are_forgotten),
    cmocka_unit_test(numbers_set_by_hand_that_are_below_a_cost_of_now_are_forgotten),
    cmocka_unit_test(a_rate_set_by_hand_that_is_more_than_a_window_has_is_what_it_has),
};
LIMITS_MAIN(tests)
