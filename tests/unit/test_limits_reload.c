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

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_call_whose_step_is_no_call_any_more_ends_as_that_step_goes_on),
};
LIMITS_MAIN(tests)
