/* Order and fairness: who runs next, and that nobody waits for another's limit. */
#include "limits_rig.h"

static unsigned number_of(const msg_assign_t *a)
{
    for (unsigned n = 1; n < 20000; n++) {
        msgid_t id = rig_id(n);
        if (msgid_equal(&id, &a->id))
            return n;
    }
    return 0;
}

/* The one that runs now, of a limit with one slot; it ends well. */
static unsigned next_one(rig_t *r)
{
    hand_fill(r);
    assert_int_equal(hand.count, 1);
    unsigned n = number_of(hand.of[0]);
    hand_ok(r, n);
    return n;
}

static void ten_thousand_that_are_parked_cost_one_that_is_free_two_looks(void **s)
{
    (void)s;
    rig_t *r =
        limits_rig("", "'of':{'slots':1,'per':['l']}", ROUTE("a", "", CALL("'limits':['of'],")));
    for (unsigned n = 0; n < 10000; n += 100) {
        limits_offers_at_once(r, (offer_t){n + 1, "a", "busy"}, 100);
        rig_settle(r);
    }
    assert_int_equal(hand_fill(r), 1);
    limits_offers_at_once(r, (offer_t){10001, "a", "free"}, 1);
    assert_true(STEP_BUDGET - limits_self(r)->budget <= 2);
    rig_settle(r);
    assert_int_equal(hand_fill(r), 1);
    assert_true(in_hand(10001));
    limits_offers_at_once(r, (offer_t){10002, "a", "busy"}, 1); /* parks, beside 9,999 others */
    assert_true(STEP_BUDGET - limits_self(r)->budget <= 2);
    rig_settle(r);
    assert_int_equal(hand_fill(r), 0);
    rig_destroy(r);
}

static void messages_of_a_class_take_turns_over_the_values_of_fair_by_as_they_weigh(void **s)
{
    (void)s;
    rig_t *r =
        limits_rig("", "'of':{'slots':1}",
                   ROUTE("a", "'fair_by':'l','weights':{'heavy':3},", CALL("'limits':['of'],")));
    limits_offer(r, (offer_t){1, "a", "first"}); /* it has the slot while the others come */
    limits_offers(r, (offer_t){100, "a", "heavy"}, 60);
    limits_offers(r, (offer_t){200, "a", "light"}, 60);
    assert_int_equal(next_one(r), 1);
    unsigned heavy = 0;
    for (unsigned n = 0; n < 40; n++)
        heavy += next_one(r) < 200;
    assert_int_equal(heavy, 30);
    rig_destroy(r);
}

static void a_low_message_under_endless_high_ones_starts_within_its_bound(void **s)
{
    (void)s;
    rig_t *r =
        limits_rig("'queue':{'head_start':{'critical_s':40,'high_s':30,'normal_s':20,'low_s':0}},",
                   "'of':{'slots':1}", ROUTE("a", "", CALL("'limits':['of'],")));
    limits_offer(r, (offer_t){1, "a", .class = CLASS_HIGH});
    limits_offer(r, (offer_t){2, "a", .class = CLASS_LOW});
    limits_offer(r, (offer_t){3, "a", .class = CLASS_HIGH}); /* there is always one that waits */
    hand_fill(r);
    unsigned n = 4, ran_after_s = 0;
    for (; ran_after_s < 60 && !in_hand(2); ran_after_s++) {
        limits_offer(r, (offer_t){n++, "a", .class = CLASS_HIGH}); /* as many as can run */
        rig_pass(r, US_PER_S);
        hand_fill(r);
        assert_int_equal(hand.count, 1);
        if (!in_hand(2))
            hand_ok(r, number_of(hand.of[0]));
    }
    assert_true(ran_after_s >= 30 && ran_after_s <= 33);
    rig_destroy(r);
}

#define HEAD_START_S 30
enum { FLOWS_BESIDE = 3 };

/* Endless high ones, one slot, a call a second. In the low class a flow with `before` messages
 * before the one that is watched, and flows that weigh more and never run empty, and whose messages
 * are young: each time one of theirs begins, the next one comes. After how many seconds it began.
 */
static unsigned low_begins_after_s(unsigned before, unsigned weight)
{
    static const char *const values[FLOWS_BESIDE] = {"x", "y", "z"};
    char routes[400];
    unsigned n = 1000, s = 0, first[FLOWS_BESIDE], watched = 2 + before;
    snprintf(routes, sizeof routes, ROUTE("a", "'fair_by':'l','weights':{'own':1,'*':%u},", "%s"),
             weight, CALL("'limits':['of'],"));
    rig_t *r =
        limits_rig("'queue':{'head_start':{'critical_s':40,'high_s':30,'normal_s':20,'low_s':0}},",
                   "'of':{'slots':1}", routes);
    limits_offer(r, (offer_t){1, "a", "high", .class = CLASS_HIGH});
    for (unsigned k = 0; k < FLOWS_BESIDE; k++, n += 1000)
        limits_offers(r, (offer_t){first[k] = n, "a", values[k], .class = CLASS_LOW}, weight);
    for (unsigned k = 2; k <= watched; k++)
        limits_offer(r, (offer_t){k, "a", "own", .class = CLASS_LOW});
    limits_offer(r, (offer_t){n++, "a", "high", .class = CLASS_HIGH});
    for (hand_fill(r); s < 10000 && !in_hand(watched); s++) {
        limits_offer(r, (offer_t){n++, "a", "high", .class = CLASS_HIGH});
        for (unsigned k = 0; k < FLOWS_BESIDE; k++)
            if (in_hand(first[k]))
                limits_offer(r, (offer_t){first[k]++ + weight, "a", values[k], .class = CLASS_LOW});
        rig_pass(r, US_PER_S);
        assert_int_equal(hand.count, 1);
        hand_ok(r, number_of(hand.of[0]));
    }
    rig_destroy(r);
    return s;
}

/* The bound of docs/LIMITS.md: the head start, then a turn of everybody for each turn of its own.
 */
static void
a_low_message_behind_others_of_its_flow_and_beside_others_starts_within_its_bound(void **s)
{
    (void)s;
    for (unsigned before = 0; before < 6; before++)
        for (unsigned weight = 1; weight <= 4; weight += 3) {
            unsigned round = FLOWS_BESIDE * weight + 1,
                     after_s = low_begins_after_s(before, weight);
            assert_true(after_s >= HEAD_START_S);
            assert_true(after_s <= HEAD_START_S + (before + 1) * round + 2);
        }
}

/* slow_down and adaptive slots leave less than it takes, or than is reserved: it runs alone, so
 * that there is an end from which they learn, and nobody waits behind it for ever. */
static void what_is_larger_than_what_is_left_of_a_limit_runs_alone(void **s)
{
    (void)s;
    static const struct {
        const char *limit;
        unsigned percent;
    } rows[] = {
        {"'of':{'slots':4}", 50},
        {"'of':{'slots':4}", 1},
        {"'of':{'slots':4,'adaptive':{'floor':1,'start':1}}", 100},
        {"'of':{'slots':5,'reserved':2,'adaptive':{'floor':1,'start':1}}", 100},
        {"'of':{'slots':6,'share_by':'l','max_share_percent':50}", 50},
    };
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        rig_t *r =
            limits_rig("", rows[n].limit,
                       ROUTE("large", "", CALL("'limits':['of'],'costs':{'of':3},")) "," ROUTE(
                           "small", "", CALL("'limits':['of'],")));
        limits_pace(r, rows[n].percent);
        limits_offer(r, (offer_t){1, "large", "v"});
        limits_offer(r, (offer_t){2, "small", "v"});
        limits_offer(r, (offer_t){3, "large", "v"});
        for (unsigned k = 1; k <= 3; k++) {
            hand_fill(r);
            assert_true(hand.count == 1 && in_hand(k));
            hand_ok(r, k);
        }
        rig_destroy(r);
    }
}

static uint64_t slots_set_to(rig_t *r, const char *slots)
{
    char args[64];
    snprintf(args, sizeof args, "{\"name\":\"of\",\"slots\":%s}", slots);
    return rig_ask(r, "limits.set", args)->status;
}

static void a_person_cannot_set_fewer_slots_than_one_message_takes_but_none(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'of':{'slots':4}",
                          ROUTE("large", "", CALL("'limits':['of'],'costs':{'of':3},")));
    assert_int_equal(slots_set_to(r, "2"), 409);
    assert_int_equal(slots_set_to(r, "0"), 200);
    assert_int_equal(slots_set_to(r, "3"), 200);
    limits_offer(r, (offer_t){1, "large"});
    assert_int_equal(hand_fill(r), 1);
    rig_destroy(r);
}

static void more_than_is_reserved_leaves_is_never_taken_alone(void **s)
{
    (void)s;
    rig_t *r =
        limits_rig("", "'of':{'slots':4,'reserved':2}",
                   ROUTE("large", "'classes':[{'when':{'/message/k':'vip'},'class':'critical'}],",
                         CALL("'limits':['of'],'costs':{'of':3},")));
    limits_offer(r, (offer_t){1, "large", .class = CLASS_NORMAL});
    assert_int_equal(hand_fill(r), 0);
    limits_offer(r, (offer_t){2, "large", .class = CLASS_CRITICAL});
    hand_fill(r);
    assert_true(hand.count == 1 && in_hand(2));
    rig_destroy(r);
}

static void a_key_runs_at_its_best_waiting_class(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'of':{'slots':1}", ROUTE("a", "", CALL("'limits':['of'],")));
    limits_offer(r, (offer_t){1, "a"});
    limits_offer(r, (offer_t){2, "a", .key = "k", .class = CLASS_LOW});
    limits_offer(r, (offer_t){3, "a", .class = CLASS_NORMAL});
    limits_offer(r, (offer_t){4, "a", .key = "k", .class = CLASS_CRITICAL});
    assert_int_equal(next_one(r), 1);
    assert_int_equal(next_one(r), 2); /* for the critical one behind it */
    rig_destroy(r);
}

static void a_loop_is_held_and_what_came_before_it_goes_on(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "", ROUTE("a", "'loop_per_minute':3,", CALL("")));
    for (unsigned n = 1; n <= 5; n++)
        limits_offer(r, (offer_t){n, "a", .key = "echo"});
    limits_offer(r, (offer_t){10, "a", .key = "other"});
    hand_fill(r);
    assert_true(in_hand(1) && in_hand(10));
    for (unsigned n = 1; n <= 3; n++)
        hand_ok(r, n);
    assert_int_equal(rig_state(r, 4), STATE_HELD);
    assert_int_equal(rig_state(r, 5), STATE_HELD);
    rig_destroy(r);
}

static void a_loop_of_one_message_at_a_time_is_held_too(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "", ROUTE("a", "'loop_per_minute':3,", CALL("")));
    for (unsigned n = 1; n <= 3; n++) {
        limits_offer(r, (offer_t){n, "a", .key = "echo"});
        hand_fill(r);
        hand_ok(r, n);
        rig_pass(r, US_PER_S);
    }
    limits_offer(r, (offer_t){4, "a", .key = "echo"});
    assert_int_equal(rig_state(r, 4), STATE_HELD);
    limits_offer(r, (offer_t){5, "a", .key = "other"});
    hand_fill(r);
    hand_ok(r, 5);
    assert_int_equal(limits_self(r)->key_count, 2);
    rig_pass(r, 66 * US_PER_S); /* nobody names it any more, and its minute is over */
    assert_int_equal(limits_self(r)->key_count, 1);
    limits_offer(r, (offer_t){6, "a", .key = "other"});
    hand_fill(r);
    assert_true(in_hand(6));
    rig_destroy(r);
}

static void who_has_not_begun_ends_in_the_next_of_its_key_where_the_route_merges(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "", ROUTE("a", "'merge':true,", CALL("")));
    limits_offer(r, (offer_t){1, "a", .key = "user"});
    hand_fill(r);
    assert_true(in_hand(1));
    for (unsigned n = 2; n <= 4; n++)
        limits_offer(r, (offer_t){n, "a", .key = "user"});
    limits_offer(r, (offer_t){5, "a", .key = "other"});
    assert_int_equal(rig_state(r, 2), STATE_DONE);
    assert_int_equal(rig_state(r, 3), STATE_DONE);
    assert_int_equal(rig_state(r, 4), STATE_QUEUED);
    hand_ok(r, 1); /* begun: it is not merged into anything */
    hand_fill(r);
    assert_true(in_hand(4) && in_hand(5));
    assert_false(in_hand(2) || in_hand(3));
    rig_destroy(r);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(ten_thousand_that_are_parked_cost_one_that_is_free_two_looks),
    cmocka_unit_test(messages_of_a_class_take_turns_over_the_values_of_fair_by_as_they_weigh),
    cmocka_unit_test(a_low_message_under_endless_high_ones_starts_within_its_bound),
    cmocka_unit_test(
        a_low_message_behind_others_of_its_flow_and_beside_others_starts_within_its_bound),
    cmocka_unit_test(what_is_larger_than_what_is_left_of_a_limit_runs_alone),
    cmocka_unit_test(a_person_cannot_set_fewer_slots_than_one_message_takes_but_none),
    cmocka_unit_test(more_than_is_reserved_leaves_is_never_taken_alone),
    cmocka_unit_test(a_key_runs_at_its_best_waiting_class),
    cmocka_unit_test(a_loop_is_held_and_what_came_before_it_goes_on),
    cmocka_unit_test(a_loop_of_one_message_at_a_time_is_held_too),
    cmocka_unit_test(who_has_not_begun_ends_in_the_next_of_its_key_where_the_route_merges),
};
LIMITS_MAIN(tests)
