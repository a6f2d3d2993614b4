/* What the ends of calls teach: pauses, breakers, adaptive slots, poison. */
#include "limits_lives.h"

#define CALL_OF(downstream, more)                                                                  \
    "{'name':'go'," more "'call':{'downstream':'" downstream "','path':'/x'}}"

static void a_retry_after_pauses_everybody_and_then_one_is_tried_and_then_more(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "", ROUTE("a", "", CALL("'attempts':1,")));
    limits_offers(r, (offer_t){1, "a"}, 100);
    assert_int_equal(hand_fill(r), 100);
    hand_settle(r, 1, OUTCOME_DEFER, 429, 3000);
    for (unsigned n = 2; n <= 100; n++)
        hand_ok(r, n);
    limits_offers(r, (offer_t){101, "a"}, 50);
    rig_pass(r, 2900 * US_PER_MS);
    assert_int_equal(hand.count + hand_fill(r), 0);
    rig_pass(r, 300 * US_PER_MS);
    assert_int_equal(hand_fill(r), 1);
    assert_true(in_hand(1)); /* its one attempt was not used up */
    hand_ok(r, 1);
    assert_true(hand.count >= 1 && hand.count <= 5);
    rig_destroy(r);
}

static void a_pause_is_kept_over_a_restart_and_a_reboot(void **s)
{
    (void)s;
    for (int reboot = 0; reboot < 2; reboot++) {
        rig_t *r = limits_rig("", "", ROUTE("a", "", CALL("")));
        limits_offers(r, (offer_t){1, "a"}, 2);
        hand_fill(r);
        hand_settle(r, 1, OUTCOME_DEFER, 429, 20000);
        hand_ok(r, 2);
        r->now.wall.us += 5 * US_PER_S;
        r->now.at.us = reboot ? 3 * US_PER_S : r->now.at.us + 5 * US_PER_S;
        limits_restart(r, reboot);
        limits_offer(r, (offer_t){3, "a"});
        assert_int_equal(hand_fill(r), 0);
        rig_pass(r, 14 * US_PER_S);
        assert_int_equal(hand_fill(r), 0);
        rig_pass(r, 1200 * US_PER_MS);
        assert_int_equal(hand_fill(r), 1);
        rig_destroy(r);
    }
}

static void people_end_a_pause_that_a_limit_learned(void **s)
{
    (void)s;
    for (unsigned of_value = 0; of_value < 2; of_value++) {
        rig_t *r = limits_rig("", "'of':{'slots':9,'per':['l'],'learns':true}",
                              ROUTE("a", "", CALL("'limits':['of'],")));
        for (unsigned n = 1; n <= 2; n++) {
            limits_offer(r, (offer_t){n, "a", n == 1 ? "x" : "y"});
            hand_fill(r);
            hand_settle(r, n, OUTCOME_DEFER, 429, 3600000);
            limits_offer(r, (offer_t){n + 2, "a", n == 1 ? "x" : "y"});
        }
        assert_int_equal(hand.count + hand_fill(r), 0);
        assert_int_equal(rig_ask(r, "limits.resume", "{\"name\":\"of\",\"value\":\"z\"}")->status,
                         404);
        const msg_answer_t *a =
            rig_ask(r, "limits.resume",
                    of_value ? "{\"name\":\"of\",\"value\":\"x\"}" : "{\"name\":\"of\"}");
        assert_int_equal(a->status, 200);
        assert_non_null(
            memmem(a->body.data, a->body.len, of_value ? "\"paused\":1" : "\"paused\":2", 10));
        hand_fill(r); /* one of each value goes first */
        assert_true(hand.count == (of_value ? 1 : 2) && in_hand(1) && in_hand(2) == !of_value);
        hand_ok(r, 1);
        assert_true(in_hand(3));
        limits_restart(r, false);
        hand_fill(r);
        assert_int_equal(in_hand(2) || in_hand(4), !of_value);
        rig_destroy(r);
    }
}

static void a_retry_after_of_a_limit_that_learns_pauses_its_value_only(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'of':{'slots':9,'per':['l'],'learns':true}",
                          ROUTE("a", "", CALL("'limits':['of'],")));
    limits_offer(r, (offer_t){1, "a", "x"});
    hand_fill(r);
    hand_settle(r, 1, OUTCOME_DEFER, 429, 9000);
    limits_offer(r, (offer_t){2, "a", "x"});
    limits_offer(r, (offer_t){3, "a", "y"});
    hand_fill(r);
    assert_true(!in_hand(2) && in_hand(3));
    rig_destroy(r);
}

static void count_pace(void *arg, const stored_pace_t *pace)
{
    size_t *count = arg;
    *count += pace->name.len == 4 && memcmp(pace->name.data, "of\x1fx", 4) == 0;
}

static size_t paces_stored(rig_t *r)
{
    size_t count = 0;
    rig_crash(r);
    assert_int_equal(memory_store_open(r->disk, &r->store, &r->opened), 0);
    store_paces(r->store, count_pace, &count);
    memory_store_crash(&r->store);
    rig_start(r);
    limits_up(r);
    return count;
}

static void a_pause_that_is_over_leaves_nothing_behind_in_the_store(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'of':{'slots':9,'per':['l'],'learns':true}",
                          ROUTE("a", "", CALL("'limits':['of'],")));
    limits_offer(r, (offer_t){1, "a", .value = "x"});
    hand_fill(r);
    hand_settle(r, 1, OUTCOME_DEFER, 429, 9000);
    assert_int_equal(paces_stored(r), 1);
    rig_pass(r, 10 * US_PER_S);
    hand_fill(r);
    hand_ok(r, 1);
    rig_pass(r, 20 * US_PER_S); /* it is swept */
    assert_int_equal(paces_stored(r), 0);
    rig_destroy(r);
}

static void a_breaker_opens_after_failures_in_a_row_and_closes_by_a_probe(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "", ROUTE("a", "", CALL_OF("breaks", "'backoff_base_ms':1,")));
    limits_offers(r, (offer_t){1, "a"}, 3);
    hand_fill(r);
    for (unsigned n = 1; n <= 3; n++)
        hand_settle(r, n, OUTCOME_RETRY, 500, 0);
    limits_offers(r, (offer_t){10, "a"}, 20);
    hand_fill(r);
    assert_int_equal(hand.count, 0);
    rig_pass(r, 2 * US_PER_S);
    hand_fill(r);
    assert_int_equal(hand.count, 1); /* the probe */
    rig_pass(r, US_PER_S);
    assert_int_equal(hand_fill(r), 0);
    msgid_t probe = hand.of[0]->id;
    unsigned n = 1;
    for (msgid_t id = rig_id(n); !msgid_equal(&id, &probe); id = rig_id(n))
        n++;
    hand_ok(r, n);
    assert_true(hand.count >= 1);
    rig_destroy(r);
}

static void an_open_breaker_is_open_after_a_restart_and_one_goes_to_see(void **s)
{
    (void)s;
    for (int reboot = 0; reboot < 2; reboot++) {
        rig_t *r = limits_rig("", "", ROUTE("a", "", CALL_OF("breaks", "'backoff_base_ms':1,")));
        limits_offers(r, (offer_t){1, "a"}, 3);
        hand_fill(r);
        for (unsigned n = 1; n <= 3; n++)
            hand_settle(r, n, OUTCOME_RETRY, 500, 0);
        limits_restart(r, reboot);
        limits_offers(r, (offer_t){10, "a"}, 20);
        assert_int_equal(hand_fill(r), reboot); /* whose clock says nothing: one goes at once */
        rig_pass(r, 2 * US_PER_S);
        hand_fill(r);
        assert_int_equal(hand.count, 1);
        limits_restart(r, false); /* who went to see is lost */
        rig_pass(r, US_PER_S);
        hand_fill(r);
        assert_int_equal(hand.count, 1);
        rig_destroy(r);
    }
}

static void adaptive_slots_go_down_on_429_and_up_again_on_successes(void **s)
{
    (void)s;
    rig_t *r =
        limits_rig("", "'of':{'slots':15,'adaptive':{'floor':5,'step':5,'start':15,'stay_ms':100}}",
                   ROUTE("a", "", CALL("'limits':['of'],'backoff_base_ms':1,'backoff_cap_ms':1,")));
    limits_offers(r, (offer_t){1, "a"}, 300);
    assert_int_equal(hand_fill(r), 15);
    rig_pass(r, 200 * US_PER_MS);
    hand_settle(r, 1, OUTCOME_RETRY, 429, 0);
    assert_int_equal(bucket_slots(limits_self(r), limits_bucket(r, "of"), CLASS_NORMAL), 10);
    assert_int_equal(hand.count, 14); /* those that are out come home */
    for (unsigned n = 2; n <= 200 && n < 250; n++) {
        rig_pass(r, 50 * US_PER_MS);
        hand_fill(r);
        if (in_hand(n))
            hand_ok(r, n);
    }
    assert_int_equal(bucket_slots(limits_self(r), limits_bucket(r, "of"), CLASS_NORMAL), 15);
    rig_destroy(r);
}

/* 0: none of these. */
static unsigned one_in_hand(unsigned first, unsigned last)
{
    for (unsigned n = first; n <= last; n++)
        if (in_hand(n))
            return n;
    return 0;
}

static void an_adaptive_limit_that_grows_wakes_every_share_of_it(void **s)
{
    (void)s;
    rig_t *r = limits_rig("",
                          "'of':{'slots':32,'share_by':'l','max_share_percent':50,"
                          "'adaptive':{'floor':2,'start':2,'stay_ms':0}}",
                          ROUTE("a", "", CALL("'limits':['of'],")));
    limits_offers(r, (offer_t){1, "a", .value = "x"}, 5);
    limits_offers(r, (offer_t){11, "a", .value = "y"}, 20);
    hand_fill(r);
    assert_true(hand.count == 2 && in_hand(1) && in_hand(11));
    for (unsigned n; !in_hand(2) && (n = one_in_hand(11, 30));)
        hand_ok(r, n);
    assert_true(in_hand(2)); /* and the rig saw nobody waiting for what is free */
    rig_destroy(r);
}

static void a_share_that_learned_a_pause_is_a_share_after_a_restart(void **s)
{
    (void)s;
    rig_t *r =
        limits_rig("", "'of':{'slots':8,'share_by':'l','max_share_percent':25,'learns':true}",
                   ROUTE("a", "", CALL("'limits':['of'],")));
    limits_offer(r, (offer_t){1, "a", .value = "x"});
    hand_fill(r);
    hand_settle(r, 1, OUTCOME_DEFER, 429, 2000);
    limits_restart(r, false);
    limits_offers(r, (offer_t){2, "a", .value = "x"}, 20);
    assert_int_equal(hand_fill(r), 0);
    rig_pass(r, 2200 * US_PER_MS);
    for (unsigned times = 0; times < 10; times++) {
        hand_fill(r);
        assert_in_range(hand.count, 1, 2);
        hand_ok(r, one_in_hand(1, 21));
    }
    rig_destroy(r);
}

static void who_comes_after_a_pause_and_a_restart_begins_with_one_though_nobody_waited(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'of':{'slots':9,'per':['l'],'learns':true}",
                          ROUTE("a", "", CALL("'limits':['of'],")));
    limits_offer(r, (offer_t){1, "a", .value = "x"});
    hand_fill(r);
    hand_settle(r, 1, OUTCOME_DEFER, 429, 1000);
    rig_pass(r, 1200 * US_PER_MS);
    hand_fill(r);
    hand_settle(r, 1, OUTCOME_FAIL, 400, 0);
    limits_restart(r, false);
    rig_pass(r, 3 * US_PER_S); /* what nobody needs is swept */
    limits_offers(r, (offer_t){2, "a", .value = "x"}, 5);
    assert_int_equal(hand_fill(r), 1);
    rig_destroy(r);
}

static void calls_of_an_earlier_life_teach_an_adaptive_limit_nothing(void **s)
{
    (void)s;
    const char *limits = "'of':{'slots':15,'adaptive':{'floor':1,'start':2,'stay_ms':0}}",
               *routes = ROUTE("a", "", CALL("'limits':['of'],"));
    rig_t *r = limits_rig("", limits, routes);
    limits_offers(r, (offer_t){1, "a"}, 9);
    assert_int_equal(hand_fill(r), 2);
    limits_reload(r, "", limits, routes);
    hand_ok(r, 1);
    hand_ok(r, 2);
    assert_int_equal(bucket_slots(limits_self(r), limits_bucket(r, "of"), CLASS_NORMAL), 2);
    hand_ok(r, 3);
    hand_ok(r, 4);
    assert_int_equal(bucket_slots(limits_self(r), limits_bucket(r, "of"), CLASS_NORMAL), 3);
    rig_destroy(r);
}

/* ---- the limits of a route learn from its calls ---- */

static void adaptive_slots_of_a_route_follow_what_its_calls_meet(void **s)
{
    (void)s;
    rig_t *r =
        limits_rig("", "'of':{'slots':15,'adaptive':{'floor':5,'step':5,'start':5,'stay_ms':0}}",
                   ROUTE("a", "'limits':['of'],", CALL("'backoff_base_ms':1,'backoff_cap_ms':1,")));
    limits_offers(r, (offer_t){1, "a"}, 100);
    assert_int_equal(hand_fill(r), 5);
    rig_pass(r, US_PER_MS);
    for (unsigned n; hand.count < 15 && (n = one_in_hand(1, 100));)
        hand_ok(r, n);
    assert_int_equal(bucket_slots(limits_self(r), limits_bucket(r, "of"), CLASS_NORMAL), 15);
    rig_pass(r, US_PER_MS);
    hand_settle(r, one_in_hand(1, 100), OUTCOME_RETRY, 429, 0);
    assert_int_equal(bucket_slots(limits_self(r), limits_bucket(r, "of"), CLASS_NORMAL), 10);
    hand_settle(r, one_in_hand(1, 100), OUTCOME_RETRY, 429, 0); /* it began before that */
    assert_int_equal(bucket_slots(limits_self(r), limits_bucket(r, "of"), CLASS_NORMAL), 10);
    rig_destroy(r);
}

static void a_retry_after_pauses_the_value_of_a_route_s_limit_that_learns(void **s)
{
    (void)s;
    for (int keeps = 0; keeps < 2; keeps++) {
        const char *calls = CALL("'attempts':1,");
        char route[512];
        snprintf(route, sizeof route,
                 ROUTE("a", "'limits':['of'],'keep_slots_in_backoff':%s,", "%s"),
                 keeps ? "true" : "false", calls);
        rig_t *r = limits_rig("", "'of':{'slots':9,'per':['l'],'learns':true}", route);
        limits_offer(r, (offer_t){1, "a", .value = "x"});
        hand_fill(r);
        hand_settle(r, 1, OUTCOME_DEFER, 429, 9000);
        limits_offers(r, (offer_t){2, "a", .value = "x"}, 5);
        limits_offer(r, (offer_t){11, "a", .value = "y"});
        hand_fill(r);
        assert_true(hand.count == 1 && in_hand(11)); /* nor does 1 pass for it has its slot */
        rig_pass(r, 8900 * US_PER_MS);
        assert_int_equal(hand_fill(r), 0);
        rig_pass(r, 300 * US_PER_MS);
        assert_int_equal(hand_fill(r), 1); /* whoever keeps its slot is one of them, too */
        for (unsigned n; (n = one_in_hand(1, 11));)
            hand_ok(r, n);
        assert_true(is_done(r, 1) && is_done(r, 6));
        rig_destroy(r);
    }
}

/* ---- slow starts: whoever takes a place in one gives it back ---- */

#define END                                                                                        \
    "'end':{'path':'/end','source':'s','labels':{'l':'/message/l'},'steps':[{'name':'g',"          \
    "'release':{'id':'${/labels/l}'}}]}"
#define ACQUIRE "{'name':'t','limits':['of'],'acquire':{'id':'${/labels/l}'}}"
static const char SLOW_ROUTES[] =
    ROUTE("a", "", CALL("'limits':['of'],'attempts':1,")) "," END "," ROUTE(
        "take", "", ACQUIRE) "," ROUTE("job", "'limits':['of'],",
                                       CALL("'backoff_base_ms':1,'backoff_cap_ms':"
                                            "1,")) "," ROUTE("talk", "'limits':['of'],",
                                                             "{'name':'g','classify':"
                                                             "{'otherwise':'p'}}");

static const slow_start_t *slow_of(rig_t *r) { return &limits_bucket(r, "of")->slow; }

/* The limit "of" begins slowly: one may go. */
static rig_t *slow_rig(void)
{
    rig_t *r = limits_rig("", "'of':{'slots':8,'ttl_s':60,'learns':true}", SLOW_ROUTES);
    limits_offer(r, (offer_t){1, "a"});
    hand_fill(r);
    hand_settle(r, 1, OUTCOME_DEFER, 429, 1000);
    rig_pass(r, 1200 * US_PER_MS);
    hand_fill(r);
    hand_settle(r, 1, OUTCOME_RETRY, 500, 0);
    assert_int_equal(slow_start_room(slow_of(r)), 1);
    return r;
}

static uint64_t lease(rig_t *r, lease_order_t order, const char *id)
{
    static uint64_t number;
    rig_say(r, CONN_INGRESS, MESSAGE_LEASE,
            &(msg_lease_t){.number = ++number,
                           .order = order,
                           .id = bytes_str(id),
                           .limits = bytes_str("[{\"name\":\"of\"}]")});
    const msg_leased_t *said = rig_next(r, CONN_INGRESS, MESSAGE_LEASED);
    assert_non_null(said);
    return said->grant;
}

static void a_lease_gives_back_its_place_in_a_slow_start_when_it_is_granted(void **s)
{
    (void)s;
    rig_t *r = slow_rig();
    for (unsigned n = 0; n < 20; n++) {
        assert_int_equal(lease(r, LEASE_ACQUIRE, "x"), GRANT_GRANTED);
        assert_int_equal(slow_of(r)->out, 0);
        assert_int_equal(lease(r, LEASE_RELEASE, "x"), GRANT_RELEASED);
    }
    assert_int_equal(slow_start_room(slow_of(r)), UINT32_MAX);
    rig_destroy(r);
}

static void who_waits_for_a_place_in_a_slow_start_is_woken_by_a_lease_that_is_granted(void **s)
{
    (void)s;
    rig_t *r = slow_rig();
    limits_offer(r, (offer_t){2, "a"});
    limits_offer(r, (offer_t){3, "take", .value = "x"});
    limits_offers(r, (offer_t){10, "a"}, 6);
    assert_true(hand_fill(r) == 1 && in_hand(2));
    hand_ok(r, 2); /* four may go; with the lease, which takes no place, five calls */
    assert_int_equal(hand.count, 5);
    assert_int_equal(lease(r, LEASE_ACQUIRE, "y"), GRANT_LIMITED);
    for (unsigned n = 10; n < 16; n++)
        hand_ok(r, n);
    assert_int_equal(lease(r, LEASE_ACQUIRE, "y"), GRANT_GRANTED);
    limits_restart(r, false); /* what is held from before takes no place in it */
    assert_int_equal(lease(r, LEASE_RELEASE, "y"), GRANT_RELEASED);
    assert_int_equal(slow_of(r)->out, hand_fill(r));
    rig_destroy(r);
}

static void the_limits_of_a_route_give_back_their_places_in_a_slow_start(void **s)
{
    (void)s;
    rig_t *r = slow_rig();
    limits_offer(r, (offer_t){2, "job"});
    limits_offer(r, (offer_t){3, "a"});
    assert_true(hand_fill(r) == 1 && in_hand(2) && !in_hand(3));
    hand_settle(r, 2, OUTCOME_RETRY, 500, 0); /* it waits, and another one is tried */
    assert_true(in_hand(3));
    hand_settle(r, 3, OUTCOME_RETRY, 500, 0);
    rig_pass(r, 10 * US_PER_MS);
    hand_fill(r);
    hand_settle(r, 2, OUTCOME_UNBEGUN, 0, 0);
    rig_pass(r, 200 * US_PER_MS);
    assert_int_equal(hand_fill(r), 1);
    assert_int_equal(slow_of(r)->out, 1);
    hand_ok(r, 2);
    assert_int_equal(slow_start_room(slow_of(r)), 4);
    for (unsigned n = 10; n < 20; n++) { /* no call of theirs says anything */
        limits_offer(r, (offer_t){n, "talk"});
        rig_settle_as(r, CONN_CLASSIFIER, rig_assign(r, CONN_CLASSIFIER), OUTCOME_OK);
        assert_true(is_done(r, n));
    }
    assert_int_equal(slow_start_room(slow_of(r)), UINT32_MAX);
    rig_destroy(r);
}

/* ---- deaths ---- */

static void what_kills_twice_is_tried_alone_and_what_kills_alone_is_a_dead_letter(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "", ROUTE("a", "", CALL("")));
    limits_supervisor(r);
    limits_offer(r, (offer_t){1, "a"});
    for (uint64_t generation = 31; generation < 31 + SUSPECT_DEATHS; generation++) {
        hand_fill(r);
        assert_true(in_hand(1));
        limits_death(r, generation);
    }
    limits_offers(r, (offer_t){11, "a"}, 3);
    hand_fill(r);
    assert_true(in_hand(1) && hand.count == 1); /* the suspect, and nobody beside it */
    limits_death(r, 31 + SUSPECT_DEATHS);
    assert_int_equal(rig_state(r, 1), STATE_DEAD);
    assert_int_equal(hand_fill(r), 3);
    rig_destroy(r);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_retry_after_pauses_everybody_and_then_one_is_tried_and_then_more),
    cmocka_unit_test(a_pause_is_kept_over_a_restart_and_a_reboot),
    cmocka_unit_test(people_end_a_pause_that_a_limit_learned),
    cmocka_unit_test(a_retry_after_of_a_limit_that_learns_pauses_its_value_only),
    cmocka_unit_test(a_pause_that_is_over_leaves_nothing_behind_in_the_store),
    cmocka_unit_test(a_breaker_opens_after_failures_in_a_row_and_closes_by_a_probe),
    cmocka_unit_test(an_open_breaker_is_open_after_a_restart_and_one_goes_to_see),
    cmocka_unit_test(adaptive_slots_go_down_on_429_and_up_again_on_successes),
    cmocka_unit_test(an_adaptive_limit_that_grows_wakes_every_share_of_it),
    cmocka_unit_test(a_share_that_learned_a_pause_is_a_share_after_a_restart),
    cmocka_unit_test(who_comes_after_a_pause_and_a_restart_begins_with_one_though_nobody_waited),
    cmocka_unit_test(calls_of_an_earlier_life_teach_an_adaptive_limit_nothing),
    cmocka_unit_test(adaptive_slots_of_a_route_follow_what_its_calls_meet),
    cmocka_unit_test(a_retry_after_pauses_the_value_of_a_route_s_limit_that_learns),
    cmocka_unit_test(a_lease_gives_back_its_place_in_a_slow_start_when_it_is_granted),
    cmocka_unit_test(who_waits_for_a_place_in_a_slow_start_is_woken_by_a_lease_that_is_granted),
    cmocka_unit_test(the_limits_of_a_route_give_back_their_places_in_a_slow_start),
    cmocka_unit_test(what_kills_twice_is_tried_alone_and_what_kills_alone_is_a_dead_letter),
};
LIMITS_MAIN(tests)
