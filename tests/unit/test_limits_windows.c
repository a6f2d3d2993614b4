/* Limits of shape window: how late a call may begin, and what becomes of what was late. */
#include "limits_rig.h"

#define WINDOW(count, per_ms)                                                                      \
    "'w':{'rate':{'count':" #count ",'per_ms':" #per_ms ",'shape':'window'}}"

#define TWO "{'name':'two','call':{'downstream':'d','path':'/x'}}"

/* How long it had to begin when it was given out, which was now. */
static int64_t may_take_ms(rig_t *r, unsigned n)
{
    assert_true(in_hand(n));
    return ((int64_t)hand.of[hand_find(n)]->start_by_us - r->now.at.us) / US_PER_MS;
}

/* Each needs so long until its first byte; those that may not take it are not begun. */
static unsigned tries_until_all_began(rig_t *r, unsigned count, int64_t needs_ms)
{
    for (unsigned tries = 1; tries < 20; tries++) {
        unsigned late = 0;
        int64_t may[8];
        for (unsigned n = 0; n < count; n++)
            may[n] = may_take_ms(r, n + 1);
        rig_pass(r, needs_ms * US_PER_MS);
        for (unsigned n = 0; n < count; n++)
            if (may[n] <= needs_ms) {
                late++;
                hand_settle(r, n + 1, OUTCOME_UNBEGUN, 0, 0);
            }
        if (late == 0)
            return tries;
        rig_pass(r, 100 * US_PER_MS); /* the pause is over, all of them go at once */
        hand_fill(r);
    }
    return 0;
}

static void a_window_whose_calls_begin_late_gives_them_more_time_and_then_less_again(void **s)
{
    (void)s;
    static const struct {
        const char *limits;
        int64_t needs_ms, first_ms, last_ms;
    } of[] = {{WINDOW(50, 1000), 30, 20, 40},    /* a slow disk */
              {WINDOW(50, 5000), 150, 100, 200}, /* a handshake */
              {WINDOW(50, 1000), 1500, 20, 2560},
              {WINDOW(50, 100), 4000, 2, 4096}};
    for (size_t k = 0; k < COUNT_OF(of); k++) {
        rig_t *r = limits_rig("", of[k].limits, ROUTE("a", "", CALL("'limits':['w'],")));
        limits_offers(r, (offer_t){1, "a"}, 5);
        hand_fill(r);
        assert_int_equal(may_take_ms(r, 1), of[k].first_ms);
        assert_in_range(tries_until_all_began(r, 5, of[k].needs_ms), 2, 12);
        for (unsigned n = 1; n <= 5; n++)
            hand_ok(r, n);
        rig_pass(r, 10 * US_PER_S);
        limits_offer(r, (offer_t){6, "a"});
        hand_fill(r);
        assert_int_equal(may_take_ms(r, 6), of[k].last_ms); /* the five were late together: once */
        hand_ok(r, 6);
        for (unsigned n = 0; n < 12 * 13; n++) /* each minute half of it */
            rig_pass(r, 5 * US_PER_S);
        limits_offer(r, (offer_t){7, "a"});
        hand_fill(r);
        assert_int_equal(may_take_ms(r, 7), of[k].first_ms);
        rig_destroy(r);
    }
}

static void who_was_late_says_so(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", WINDOW(1, 1000), ROUTE("a", "", CALL("'limits':['w'],")));
    limits_offer(r, (offer_t){1, "a"});
    hand_fill(r);
    rig_pass(r, 25 * US_PER_MS);
    hand_settle(r, 1, OUTCOME_UNBEGUN, 0, 0);
    msgid_t id = rig_id(1);
    assert_true(bytes_is(memory_disk_find(r->disk, &id)->progress.reason, "no"));
    rig_pass(r, 100 * US_PER_MS); /* and it left the window as it was */
    hand_fill(r);
    assert_int_equal(may_take_ms(r, 1), 40);
    hand_ok(r, 1);
    limits_offer(r, (offer_t){2, "a"});
    rig_pass(r, 1039 * US_PER_MS);
    assert_int_equal(hand_fill(r), 0); /* it may have been felt 40 ms after it was given out */
    rig_pass(r, US_PER_MS);
    assert_int_equal(hand_fill(r), 1);
    rig_destroy(r);
}

static void a_window_of_the_route_counts_on_the_call_that_the_message_begins_with(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", WINDOW(1, 10000), ROUTE("a", "'limits':['w'],", CALL("") "," TWO));
    limits_offer(r, (offer_t){1, "a"});
    hand_fill(r);
    assert_int_equal(may_take_ms(r, 1), 200);
    rig_pass(r, 250 * US_PER_MS);
    hand_settle(r, 1, OUTCOME_UNBEGUN, 0, 0);
    rig_pass(r, 100 * US_PER_MS);
    hand_fill(r);
    assert_int_equal(may_take_ms(r, 1), 400); /* its slack grows, too */
    limits_offer(r, (offer_t){2, "a"});
    hand_ok(r, 1);
    assert_int_equal(may_take_ms(r, 1), 5000); /* the next step: it counts messages */
    rig_pass(r, 10399 * US_PER_MS);
    assert_int_equal(hand_fill(r), 0);
    rig_pass(r, US_PER_MS);
    assert_int_equal(hand_fill(r), 1);
    rig_destroy(r);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_window_of_the_route_counts_on_the_call_that_the_message_begins_with),
    cmocka_unit_test(a_window_whose_calls_begin_late_gives_them_more_time_and_then_less_again),
    cmocka_unit_test(who_was_late_says_so),
};
LIMITS_MAIN(tests)
