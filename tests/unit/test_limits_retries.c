/* The budget of retries: of a downstream's calls in flight only a part may have failed before. */
#include "limits_rig.h"

#define FLAKY "'attempts':100,'backoff_base_ms':1,'backoff_cap_ms':1,"

/* Each of n to n + count - 1 fails once, and its pause passes. */
static void fail_once(rig_t *r, unsigned n, unsigned count)
{
    for (unsigned last = n + count; n < last; n++)
        hand_settle(r, n, OUTCOME_RETRY, 500, 0);
    rig_pass(r, 5 * US_PER_MS);
}

static const bucket_t *budget(const rig_t *r)
{
    const limiter_t *l = limits_self(r);
    const draw_t *retry = &l->config->downstreams[0].retry;
    assert_string_equal(l->config->downstreams[0].name, "d");
    assert_int_equal(retry->cost, 1);
    return l->limits[retry->limit].only;
}

static void where_only_retries_are_left_three_go_on_at_once(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "", ROUTE("a", "", CALL(FLAKY)));
    limits_offers(r, (offer_t){1, "a"}, 40);
    assert_int_equal(hand_fill(r), 40);
    fail_once(r, 1, 40);
    assert_int_equal(hand_fill(r), 3);
    for (unsigned ended = 0; ended < 40; ended++) { /* one ends, one begins */
        unsigned n = 1;
        while (!in_hand(n))
            n++;
        hand_ok(r, n);
        hand_fill(r);
        assert_int_equal(hand.count, ended < 37 ? 3 : 39 - ended);
    }
    assert_int_equal(budget(r)->in_use, 0);
    rig_destroy(r);
}

static void a_fifth_of_the_calls_in_flight_may_be_retries_and_the_others_do_not_wait(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "", ROUTE("a", "", CALL(FLAKY)));
    limits_offers(r, (offer_t){1, "a"}, 60);
    assert_int_equal(hand_fill(r), 60);
    fail_once(r, 1, 20);
    assert_int_equal(hand_fill(r), 9); /* a fifth of 40 and 9 */
    assert_int_equal(budget(r)->in_use, 9);
    limits_offers(r, (offer_t){100, "a"}, 30); /* first attempts pass by those that wait */
    assert_int_equal(hand_fill(r), 30 + 8);
    assert_int_equal(budget(r)->in_use, 17); /* a fifth of 70 and 17 */
    hand_ok(r, 100); /* fewer in flight: nothing is taken back, and no more begin */
    assert_int_equal(hand_fill(r), 0);
    rig_destroy(r);
}

static void what_was_not_begun_or_deferred_is_no_retry(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "", ROUTE("a", "", CALL(FLAKY)));
    limits_offers(r, (offer_t){1, "a"}, 10);
    assert_int_equal(hand_fill(r), 10);
    for (unsigned n = 1; n <= 10; n++)
        hand_settle(r, n, OUTCOME_UNBEGUN, 0, 0);
    rig_pass(r, 2 * US_PER_S);
    assert_int_equal(hand_fill(r), 10);
    rig_destroy(r);
}

static void retries_are_counted_again_after_a_crash(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "", ROUTE("a", "", CALL(FLAKY)));
    limits_offers(r, (offer_t){1, "a"}, 20);
    assert_int_equal(hand_fill(r), 20);
    fail_once(r, 1, 20);
    assert_int_equal(hand_fill(r), 3);
    rig_crash(r);
    rig_start(r);
    assert_int_equal(budget(r)->in_use, 3);
    rig_destroy(r);
}

static void without_a_budget_all_are_tried_again_at_once(void **s)
{
    (void)s;
    rig_t *r =
        rig_new("{\"state_dir\":\"/tmp/x\",\"run_dir\":\"/tmp/y\","
                "\"sources\":{\"s\":{\"auth\":\"none-on-loopback\"}},"
                "\"downstreams\":{\"d\":{\"url\":\"http://127.0.0.1:9\",\"allow_private\":true,"
                "\"retry_percent\":100,\"breaker\":{\"percent\":0,\"consecutive\":0}}},"
                "\"routes\":{\"a\":{\"path\":\"/a\",\"source\":\"s\",\"steps\":[{\"name\":\"go\","
                "\"backoff_base_ms\":1,\"backoff_cap_ms\":1,"
                "\"call\":{\"downstream\":\"d\",\"path\":\"/x\"}}]}}}");
    limits_up(r);
    assert_int_equal(limits_self(r)->config->downstreams[0].retry.cost, 0);
    limits_offers(r, (offer_t){1, "a"}, 20);
    assert_int_equal(hand_fill(r), 20);
    fail_once(r, 1, 20);
    assert_int_equal(hand_fill(r), 20);
    rig_destroy(r);
}

/* As much text of label values as the row of a message keeps, but for a few bytes. */
static void who_fits_with_its_label_values_fits_when_it_is_tried_again_too(void **s)
{
    (void)s;
    char limits[1000] = "", names[100] = "", routes[400], value[116] = "", labels[600], own[128];
    for (unsigned n = 0; n < 8; n++) {
        size_t at = strlen(limits), end = strlen(names);
        snprintf(limits + at, sizeof limits - at, "%s'l%u':{'slots':9,'per':['w','x','y','z']}",
                 n ? "," : "", n);
        snprintf(names + end, sizeof names - end, "%s'l%u'", n ? "," : "", n);
    }
    snprintf(routes, sizeof routes,
             "'a':{'path':'/a','source':'s','labels':{'w':'/message/w','x':'/message/x','y':"
             "'/message/y','z':'/message/z'},'steps':[" CALL(FLAKY "'limits':[%s],") "]}",
             names);
    memset(value, 'v', sizeof value - 1);
    snprintf(labels, sizeof labels, "{\"w\":\"%s\",\"x\":\"%s\",\"y\":\"%s\",\"z\":\"%s\"}", value,
             value, value, value);
    rig_t *r = limits_rig("", limits, routes);
    msg_submit_t m = limits_submit((offer_t){1, "a"}, own);
    m.labels = bytes_str(labels);
    rig_say(r, CONN_INGRESS, MESSAGE_SUBMIT, &m);
    assert_int_equal(hand_fill(r), 1);
    fail_once(r, 1, 1);
    assert_int_equal(hand_fill(r), 1);
    limits_restart(r, false); /* its row is read again */
    assert_int_equal(hand_fill(r), 1);
    hand_ok(r, 1);
    assert_true(is_done(r, 1));
    rig_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_only_retries_are_left_three_go_on_at_once),
        cmocka_unit_test(a_fifth_of_the_calls_in_flight_may_be_retries_and_the_others_do_not_wait),
        cmocka_unit_test(what_was_not_begun_or_deferred_is_no_retry),
        cmocka_unit_test(retries_are_counted_again_after_a_crash),
        cmocka_unit_test(without_a_budget_all_are_tried_again_at_once),
        cmocka_unit_test(who_fits_with_its_label_values_fits_when_it_is_tried_again_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
