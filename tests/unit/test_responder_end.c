/* How a responder ends: told to stop, or to retire because a successor works. */
#include "tests/unit/responder_rig.h"

static void a_stop_waits_for_what_is_in_hand(void **state)
{
    steps_t *s = up(state);
    msg_assign_t a = assignment(5, "tag"), late = assignment(6, "tag");
    assign(s, &a);
    steps_order(s, 1, 1000);
    assert_null(steps_find(s, ENTRY_STOP, 0));
    assign(s, &late);
    assert_int_equal(((const msg_settle_t *)steps_sent(s, MESSAGE_SETTLE, 0))->outcome,
                     OUTCOME_UNBEGUN);
    assert_int_equal(steps_sent_count(s, MESSAGE_CREDIT), 0);
    answer(s, 1, 200, "{}");
    settled(s, 6);
    assert_null(steps_find(s, ENTRY_STOP, 0));
    settled(s, 5);
    assert_non_null(steps_find(s, ENTRY_STOP, 0));
}

static void a_stop_does_not_wait_beyond_its_deadline(void **state)
{
    steps_t *s = up(state);
    msg_assign_t a = assignment(5, "tag");
    assign(s, &a);
    steps_order(s, 1, 1000);
    steps_pass(s, 800 * US_PER_MS);
    assert_null(steps_find(s, ENTRY_STOP, 0));
    steps_pass(s, 150 * US_PER_MS);
    assert_non_null(steps_find(s, ENTRY_STOP, 0));
    assert_int_equal(steps_find(s, ENTRY_STOP, 0)->status, 0);
}

static void who_retires_ends_what_it_has_in_hand_on_a_new_link(void **state)
{
    steps_t *s = up(state);
    msg_assign_t a = assignment(5, "tag");
    assign(s, &a);
    steps_order(s, ORDER_RETIRE, 60000);
    assert_true(s->effects->link); /* what is on its way on the old one is the limiter's again */
    steps_limiter(s, EVENT_PEER_UP);
    assert_int_equal(steps_sent_count(s, MESSAGE_CREDIT), 0);
    assert_null(steps_find(s, ENTRY_STOP, 0));
    answer(s, 1, 200, "{}");
    assert_int_equal(((const msg_settle_t *)steps_sent(s, MESSAGE_SETTLE, 0))->outcome, OUTCOME_OK);
    assert_null(steps_find(s, ENTRY_STOP, 0));
    settled(s, 5);
    assert_non_null(steps_find(s, ENTRY_STOP, 0));
}

static void with_nothing_in_hand_who_retires_waits_for_the_new_link_alone(void **state)
{
    steps_t *s = up(state);
    steps_order(s, ORDER_RETIRE, 60000);
    assert_null(steps_find(s, ENTRY_STOP, 0)); /* an assignment may be on its way */
    steps_limiter(s, EVENT_PEER_UP);
    assert_non_null(steps_find(s, ENTRY_STOP, 0));
}

static void who_retires_obeys_a_stop_and_its_deadline(void **state)
{
    steps_t *s = up(state);
    msg_assign_t a = assignment(5, "tag");
    assign(s, &a);
    steps_order(s, ORDER_RETIRE, 60000);
    steps_order(s, ORDER_STOP, 1000);
    steps_pass(s, 950 * US_PER_MS);
    assert_non_null(steps_find(s, ENTRY_STOP, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, steps_close)
        T(a_stop_waits_for_what_is_in_hand),
        T(a_stop_does_not_wait_beyond_its_deadline),
        T(who_retires_ends_what_it_has_in_hand_on_a_new_link),
        T(with_nothing_in_hand_who_retires_waits_for_the_new_link_alone),
        T(who_retires_obeys_a_stop_and_its_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
