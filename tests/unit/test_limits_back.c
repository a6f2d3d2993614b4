/* What comes back, and when: places in a slow start, slots of routes that are stopped, pauses of
 * limits that are switched off, and what was taken for a call that was not begun. */
#include "limits_rig.h"

static void order(rig_t *r, const char *verb, unsigned n)
{
    char id[MSGID_TEXT], args[100];
    msgid_t of = rig_id(n);
    msgid_text(&of, id);
    snprintf(args, sizeof args, "{\"id\":\"%s\"}", id);
    rig_ask(r, verb, args);
}

static void a_disabled_limit_that_is_paused_keeps_nobody_and_its_downstream_waits_instead(void **s)
{
    (void)s;
    rig_t *r =
        limits_rig("", "'o':{'slots':100,'learns':true}", ROUTE("a", "", CALL("'limits':['o'],")));
    limits_offer(r, (offer_t){1, "a"});
    hand_fill(r);
    hand_settle(r, 1, OUTCOME_DEFER, 429, 3600000);
    limits_offer(r, (offer_t){2, "a"});
    assert_int_equal(hand_fill(r), 0);
    rig_ask(r, "limits.disable", "{\"name\":\"o\"}");
    assert_int_equal(hand_fill(r), 2);
    hand_settle(r, 1, OUTCOME_DEFER, 429, 1000);
    limits_offer(r, (offer_t){3, "a"});
    assert_int_equal(hand_fill(r), 0); /* whoever says wait is not asked again at once */
    rig_pass(r, 1200 * US_PER_MS);
    assert_int_equal(hand_fill(r), 1);
    rig_destroy(r);
}

static const msg_leased_t *acquire(rig_t *r, const char *id, const char *limits)
{
    static uint64_t number;
    rig_say(r, CONN_INGRESS, MESSAGE_LEASE,
            &(msg_lease_t){.number = ++number,
                           .order = LEASE_ACQUIRE,
                           .id = bytes_str(id),
                           .limits = bytes_str(limits)});
    return rig_next(r, CONN_INGRESS, MESSAGE_LEASED);
}

static void a_lease_that_is_granted_first_after_a_pause_keeps_nobody_else(void **s)
{
    (void)s;
    static const char *const by[] = {NULL, "acquire"}; /* over HTTP, by a step */
    for (size_t n = 0; n < COUNT_OF(by); n++) {
        rig_t *r =
            limits_rig("", "'api':{'slots':50,'learns':true,'ttl_s':86400}",
                       ROUTE("a", "", CALL("'limits':['api'],")) "," ROUTE(
                           "acquire", "", "{'name':'t','limits':['api'],'acquire':{'id':'x'}}"));
        limits_offer(r, (offer_t){1, "a"});
        hand_fill(r);
        hand_settle(r, 1, OUTCOME_DEFER, 429, 1000);
        order(r, "cancel", 1);
        rig_pass(r, 2 * US_PER_S); /* nobody waits when the pause ends */
        if (by[n])
            limits_offer(r, (offer_t){2, by[n]});
        else
            assert_int_equal(acquire(r, "x", "[{\"name\":\"api\"}]")->grant, GRANT_GRANTED);
        assert_int_equal(limits_bucket(r, "api")->in_use, 1);
        limits_offers(r, (offer_t){10, "a"}, 5);
        assert_int_equal(hand_fill(r), 4); /* as after a probe that went well */
        hand_ok(r, 10);
        assert_true(in_hand(14));
        rig_destroy(r);
    }
}

static void a_stopped_route_keeps_no_slots_from_others_but_those_of_the_door(void **s)
{
    (void)s;
    static const char *const limits[] = {"'job':{'slots':1}",
                                         "'job':{'slots':1,'at_limit':'reject'}"};
    for (unsigned rejects = 0; rejects < 2; rejects++) {
        rig_t *r = limits_rig("", limits[rejects],
                              ROUTE("a", "'limits':['job'],",
                                    "{'name':'one','call':{'downstream':'d','path':'/x'}}," CALL(
                                        "")) "," ROUTE("b", "'limits':['job'],", CALL("")));
        limits_offer(r, (offer_t){1, "a"});
        hand_fill(r);
        rig_ask(r, "route.stop", "{\"name\":\"a\"}");
        hand_ok(r, 1); /* its next step waits for a person */
        limits_offer(r, (offer_t){2, "b"});
        assert_int_equal(hand_fill(r), !rejects);
        rig_ask(r, "route.start", "{\"name\":\"a\"}");
        assert_int_equal(hand_fill(r), rejects);
        if (!rejects)
            hand_ok(r, 2);
        hand_ok(r, 1);
        assert_true(is_done(r, 1));
        assert_int_equal(limits_bucket(r, "job")->in_use, 0);
        rig_destroy(r);
    }
}

static void what_a_classifier_did_not_begin_takes_nothing_of_its_routes_limits(void **s)
{
    (void)s;
    static const char *const shapes[] = {
        "'pace':{'cap':{'count':1,'each':'day'}}",
        "'pace':{'rate':{'count':1,'per_ms':60000,'shape':'window'}}",
        "'pace':{'rate':{'count':1,'per_ms':60000},'slots':1}"};
    for (size_t n = 0; n < COUNT_OF(shapes); n++) {
        rig_t *r =
            limits_rig("", shapes[n],
                       ROUTE("a", "'limits':['pace'],",
                             "{'name':'look','classify':{'rules':[],'otherwise':'x'}}," CALL("")));
        limits_offers(r, (offer_t){1, "a"}, 2);
        const msg_assign_t *a = rig_assign(r, CONN_CLASSIFIER);
        assert_true(a && !rig_assign(r, CONN_CLASSIFIER));
        rig_settle_as(r, CONN_CLASSIFIER, a, OUTCOME_UNBEGUN);
        a = rig_assign(r, CONN_CLASSIFIER); /* the other one has it */
        msgid_t second = rig_id(2);
        assert_true(a && msgid_equal(&a->id, &second));
        rig_pass(r, US_PER_S);
        assert_null(rig_assign(r, CONN_CLASSIFIER));
        rig_destroy(r);
    }
}

static void who_was_accepted_at_the_door_keeps_its_slot_while_its_call_is_not_begun(void **s)
{
    (void)s;
    rig_t *r = limits_rig("",
                          "'door':{'slots':1,'at_limit':'reject'},"
                          "'day':{'cap':{'count':2,'each':'day'},'at_limit':'reject'}",
                          ROUTE("a", "'limits':['door','day'],", CALL("")));
    limits_offer(r, (offer_t){1, "a"});
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_ACCEPTED);
    hand_fill(r);
    hand_settle(r, 1, OUTCOME_UNBEGUN, 0, 0);
    limits_offer(r, (offer_t){2, "a"});
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_LIMITED);
    rig_pass(r, US_PER_S);
    assert_int_equal(hand_fill(r), 1);
    hand_ok(r, 1);
    limits_offer(r, (offer_t){2, "a"});
    assert_int_equal(rig_verdict(r)->verdict, VERDICT_ACCEPTED);
    hand_fill(r);
    rig_destroy(r);
}

static void nobody_outside_ends_or_renews_the_slot_of_a_call_that_may_still_run(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'far':{'slots':1,'strict':true}",
                          ROUTE("a", "", CALL("'limits':['far'],")));
    limits_offer(r, (offer_t){1, "a"});
    hand_fill(r);
    const msg_assign_t *a = hand.of[0];
    rig_say(r, CONN_RESPONDER, MESSAGE_SETTLE,
            &(msg_settle_t){.seq = a->seq,
                            .attempt = a->attempt,
                            .fence = a->fence,
                            .outcome = OUTCOME_UNKNOWN,
                            .wrote = 1,
                            .cancelled = 1,
                            .reason = bytes_str("cancelled")});
    hand.count = 0;
    static const lease_order_t orders[] = {LEASE_RELEASE, LEASE_RENEW, LEASE_RELEASE};
    for (size_t n = 0; n < COUNT_OF(orders); n++) {
        rig_say(r, CONN_INGRESS, MESSAGE_LEASE,
                &(msg_lease_t){.number = 90 + n,
                               .order = orders[n],
                               .id = bytes_str("call:1:1"),
                               .holder = bytes_str(n == 2 ? "a call with no end seen" : "")});
        const msg_leased_t *said = rig_next(r, CONN_INGRESS, MESSAGE_LEASED);
        assert_true(said && said->grant == GRANT_CONFLICT);
        assert_int_equal(limits_bucket(r, "far")->in_use, 1);
    }
    rig_pass(r, 5100 * US_PER_MS); /* the call's own timeout; another attempt has it then */
    assert_int_equal(hand_fill(r), 1);
    rig_destroy(r);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_disabled_limit_that_is_paused_keeps_nobody_and_its_downstream_waits_instead),
    cmocka_unit_test(a_lease_that_is_granted_first_after_a_pause_keeps_nobody_else),
    cmocka_unit_test(a_stopped_route_keeps_no_slots_from_others_but_those_of_the_door),
    cmocka_unit_test(what_a_classifier_did_not_begin_takes_nothing_of_its_routes_limits),
    cmocka_unit_test(who_was_accepted_at_the_door_keeps_its_slot_while_its_call_is_not_begun),
    cmocka_unit_test(nobody_outside_ends_or_renews_the_slot_of_a_call_that_may_still_run),
};
LIMITS_MAIN(tests)
