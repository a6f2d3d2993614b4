/* Places: who was woken by one limit and waits for another, who is put elsewhere by a person, by a
 * newer message or by the clock, and who is refused though there is room for it. */
#include "limits_rig.h"

static void a_costly_one_that_waits_first_is_not_passed_by_those_whom_another_limit_woke(void **s)
{
    (void)s;
    rig_t *r =
        limits_rig("", "'b':{'rate':{'count':10,'per_ms':1000,'shape':'spacing'}},'a':{'slots':3}",
                   ROUTE("light", "", CALL("'limits':['b','a'],")) "," ROUTE(
                       "heavy", "", CALL("'limits':['a'],'costs':{'a':3},")));
    limits_offers(r, (offer_t){1, "light"}, 100); /* a backlog at b */
    assert_int_equal(hand_fill(r), 1);
    limits_offer(r, (offer_t){1000, "heavy"});
    for (unsigned n = 1; n < 50 && !in_hand(1000); n++) {
        rig_pass(r, 100 * US_PER_MS); /* the next light one is woken before the last one ends */
        hand_fill(r);
        if (in_hand(n))
            hand_ok(r, n);
    }
    assert_true(in_hand(1000) && !in_hand(2)); /* which was accepted before it, but not there */
    for (unsigned n = 2; n < 50; n++) {
        hand_ok(r, n == 2 ? 1000 : n - 1);
        rig_pass(r, 100 * US_PER_MS);
        assert_true(in_hand(n)); /* and nobody lost its place */
    }
    rig_destroy(r);
}

static void those_whom_one_limit_woke_for_the_next_keep_their_order(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'pace':{'rate':{'count':1,'per_ms':1000}},'one':{'slots':1}",
                          ROUTE("a", "", CALL("'limits':['pace','one'],")));
    limits_offers(r, (offer_t){1, "a"}, 9);
    hand_fill(r);
    for (unsigned n = 1; n < 9; n++) {
        rig_pass(r, 3 * US_PER_S);
        assert_true(in_hand(n));
        hand_ok(r, n);
    }
    rig_destroy(r);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_costly_one_that_waits_first_is_not_passed_by_those_whom_another_limit_woke),
    cmocka_unit_test(those_whom_one_limit_woke_for_the_next_keep_their_order),
};
LIMITS_MAIN(tests)
