/* Assignments in hand: from ASSIGN to SETTLED, kept apart by attempt and epoch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "actors/effects_list.h"
#include "actors/hand.h"

static held_t *take(hand_t *hand, uint64_t seq, uint32_t attempt, uint64_t fence)
{
    return hand_take(hand, &(msg_assign_t){.seq = seq, .attempt = attempt, .fence = fence});
}

static bool forget(hand_t *hand, uint64_t seq, uint32_t attempt, uint64_t fence)
{
    return hand_settled(hand, &(msg_settled_t){.seq = seq, .attempt = attempt, .fence = fence});
}

static void attempts_and_epochs_of_one_message_are_different_things(void **state)
{
    (void)state;
    hand_t *hand = hand_new(8);
    held_t *first = take(hand, 5, 1, 9);
    held_t *second = take(hand, 5, 2, 9);
    held_t *other = take(hand, 5 + 1024, 1, 9); /* of the same bucket */
    assert_ptr_equal(hand_find(hand, 5, 1, 9), first);
    assert_ptr_equal(hand_find(hand, 5, 2, 9), second);
    assert_ptr_equal(hand_find(hand, 5 + 1024, 1, 9), other);
    assert_null(hand_find(hand, 5, 1, 8));
    assert_null(hand_find(hand, 6, 1, 9));
    hand_settle(hand, first, &(msg_settle_t){.outcome = OUTCOME_RETRY});
    assert_false(forget(hand, 5, 2, 9)); /* it runs */
    assert_true(forget(hand, 5, 1, 9));
    assert_false(forget(hand, 5, 1, 9));
    assert_null(hand_find(hand, 5, 1, 9));
    assert_ptr_equal(hand_find(hand, 5, 2, 9), second);
    hand_destroy(&hand);
    assert_null(hand);
}

static void what_was_settled_is_a_copy_of_its_own(void **state)
{
    (void)state;
    hand_t *hand = hand_new(2);
    held_t *held = take(hand, 5, 3, 9);
    char reason[] = "because", result[] = "{\"a\":1}";
    hand_settle(hand, held,
                &(msg_settle_t){.outcome = OUTCOME_OK,
                                .reason = bytes_str(reason),
                                .result = bytes_str(result)});
    memset(reason, 'x', sizeof reason - 1);
    memset(result, 'x', sizeof result - 1);
    assert_true(bytes_is(held->settle.reason, "because"));
    assert_true(bytes_is(held->settle.result, "{\"a\":1}"));
    assert_int_equal(held->settle.seq, 5);
    assert_int_equal(held->settle.attempt, 3);
    assert_int_equal(held->settle.fence, 9);
    hand_destroy(&hand);
}

static void it_counts_what_it_holds_and_how_much_more_it_takes(void **state)
{
    (void)state;
    hand_t *hand = hand_new(3);
    msg_holding_t holding[2];
    take(hand, 1, 1, 1);
    held_t *second = take(hand, 2, 1, 1);
    take(hand, 3, 1, 1);
    assert_int_equal(hand_room(hand), 0);
    hand_settle(hand, second, &(msg_settle_t){0});
    assert_int_equal(hand_running(hand), 2);
    assert_int_equal(hand_count(hand), 3);
    assert_int_equal(hand_room(hand), 0); /* until it is on the limiter's disk */
    assert_int_equal(hand_holding(hand, holding, 2), 3);
    assert_int_equal(holding[0].seq, 1);
    assert_int_equal(holding[1].seq, 3);
    assert_true(forget(hand, 2, 1, 1));
    assert_int_equal(hand_room(hand), 1);
    hand_destroy(&hand);
}

static void all_that_it_can_hold_is_said_again_in_one_step(void **state)
{
    (void)state;
    hand_t *hand = hand_new(4096);
    held_t *held[4096];
    for (uint64_t i = 0; i < COUNT_OF(held); i++)
        held[i] = take(hand, i + 1, 1, 1);
    for (size_t i = COUNT_OF(held); i-- > 0;)
        hand_settle(hand, held[i], &(msg_settle_t){0});
    effects_t *effects = effects_new(NULL, NULL);
    effects_begin(effects);
    hand_repeat(hand, effects, 2);
    assert_int_equal(effects_room(effects), EFFECTS_ROOM - COUNT_OF(held));
    assert_int_equal(effects->held->count, COUNT_OF(held) / BATCH_ITEMS_MAX);
    effects_destroy(&effects);
    hand_destroy(&hand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempts_and_epochs_of_one_message_are_different_things),
        cmocka_unit_test(what_was_settled_is_a_copy_of_its_own),
        cmocka_unit_test(it_counts_what_it_holds_and_how_much_more_it_takes),
        cmocka_unit_test(all_that_it_can_hold_is_said_again_in_one_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
