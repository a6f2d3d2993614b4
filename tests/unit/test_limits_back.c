/* What comes back, and when: places in a slow start, slots of routes that are stopped, pauses of
 * limits that are switched off, and what was taken for a call that was not begun. */
#include "limits_rig.h"

static void a_disabled_limit_that_is_paused_keeps_nobody_and_its_downstream_waits_instead(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'o':{'slots':100,'learns':true}",
                          ROUTE("a", "", CALL("'limits':['o'],")));
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

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_disabled_limit_that_is_paused_keeps_nobody_and_its_downstream_waits_instead),
};
LIMITS_MAIN(tests)
