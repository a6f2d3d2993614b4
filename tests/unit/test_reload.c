/* Replacing actors, all or none: what is done next, by what is so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "supervisor/reload.h"

static const reload_seen_t nothing = {.limiter = RELOAD_LIMITER_OLD};
static const reload_seen_t room = {.has_room = true, .limiter = RELOAD_LIMITER_OLD};
static const reload_seen_t starting = {.has_room = true, .limiter = RELOAD_LIMITER_READY};
static const reload_seen_t lost = {.successor_lost = true, .limiter = RELOAD_LIMITER_OLD};

static reload_seen_t ready_and(enum reload_limiter limiter)
{
    return (reload_seen_t){.has_room = true, .all_ready = true, .limiter = limiter};
}

static enum reload_wish turn(reload_t *r, enum reload_limiter limiter)
{
    reload_seen_t seen = ready_and(limiter);
    return reload_turn(r, &seen);
}

/* Up to the moment when the limiter is replaced. */
static void bring_to_the_limiter(reload_t *r)
{
    *r = (reload_t){0};
    reload_begin(r, true);
    assert_int_equal(reload_turn(r, &room), RELOAD_WISH_SUCCESSORS);
    assert_int_equal(turn(r, RELOAD_LIMITER_OLD), RELOAD_WISH_LIMITER);
}

static void without_a_reload_nothing_is_wished_for(void **state)
{
    (void)state;
    reload_t r = {0};
    assert_int_equal(reload_turn(&r, &lost), RELOAD_WISH_NOTHING);
    assert_int_equal(turn(&r, RELOAD_LIMITER_LOST), RELOAD_WISH_NOTHING);
}

static void successors_come_first_then_the_limiter_then_the_switch(void **state)
{
    (void)state;
    reload_t r = {0};
    reload_begin(&r, true);
    assert_int_equal(reload_turn(&r, &nothing), RELOAD_WISH_NOTHING); /* no room yet */
    assert_int_equal(reload_turn(&r, &room), RELOAD_WISH_SUCCESSORS);
    assert_int_equal(reload_turn(&r, &starting), RELOAD_WISH_NOTHING);
    assert_int_equal(turn(&r, RELOAD_LIMITER_OLD), RELOAD_WISH_LIMITER);
    assert_int_equal(turn(&r, RELOAD_LIMITER_OLD), RELOAD_WISH_NOTHING); /* it stops */
    assert_int_equal(turn(&r, RELOAD_LIMITER_TRIES), RELOAD_WISH_NOTHING);
    assert_int_equal(turn(&r, RELOAD_LIMITER_READY), RELOAD_WISH_SWITCH);
    assert_int_equal(reload_turn(&r, &lost), RELOAD_WISH_NOTHING); /* it cannot fail any more */
    reload_seen_t all = {.all_settled = true};
    assert_int_equal(reload_turn(&r, &all), RELOAD_WISH_DONE);
    assert_int_equal(r.phase, RELOAD_NOT);
}

static void a_restart_of_actors_leaves_the_limiter_alone(void **state)
{
    (void)state;
    reload_t r = {0};
    reload_begin(&r, false);
    assert_int_equal(reload_turn(&r, &room), RELOAD_WISH_SUCCESSORS);
    assert_int_equal(turn(&r, RELOAD_LIMITER_OLD), RELOAD_WISH_SWITCH);
    assert_int_equal(r.phase, RELOAD_SETTLING);
}

static void a_successor_that_is_lost_undoes_all_before_anything_was_touched(void **state)
{
    (void)state;
    reload_t r = {0};
    reload_begin(&r, true);
    reload_turn(&r, &room);
    assert_int_equal(reload_turn(&r, &lost), RELOAD_WISH_UNDO);
    assert_false(r.touched_limiter);
    assert_int_equal(reload_turn(&r, &nothing), RELOAD_WISH_FAILED);
    assert_int_equal(r.phase, RELOAD_NOT);
}

static void a_successor_that_is_lost_while_the_limiter_starts_undoes_that_too(void **state)
{
    (void)state;
    reload_t r;
    bring_to_the_limiter(&r);
    assert_int_equal(reload_turn(&r, &lost), RELOAD_WISH_UNDO);
    assert_true(r.touched_limiter);
    assert_int_equal(turn(&r, RELOAD_LIMITER_OLD), RELOAD_WISH_NOTHING);
    assert_int_equal(turn(&r, RELOAD_LIMITER_TRIES), RELOAD_WISH_NOTHING);
    assert_int_equal(turn(&r, RELOAD_LIMITER_READY), RELOAD_WISH_FAILED);
}

static void a_limiter_that_is_lost_undoes_all(void **state)
{
    (void)state;
    static const enum reload_limiter ends[] = {RELOAD_LIMITER_READY, RELOAD_LIMITER_LOST,
                                               RELOAD_LIMITER_DOWN};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        reload_t r;
        bring_to_the_limiter(&r);
        assert_int_equal(turn(&r, RELOAD_LIMITER_LOST), RELOAD_WISH_UNDO);
        assert_int_equal(turn(&r, ends[i]), RELOAD_WISH_FAILED);
        assert_int_equal(r.phase, RELOAD_NOT);
    }
}

static void a_limiter_that_died_of_itself_in_time_is_started_as_the_new_one(void **state)
{
    (void)state;
    reload_t r;
    bring_to_the_limiter(&r);
    assert_int_equal(turn(&r, RELOAD_LIMITER_DOWN), RELOAD_WISH_LIMITER);
    assert_int_equal(turn(&r, RELOAD_LIMITER_READY), RELOAD_WISH_SWITCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_reload_nothing_is_wished_for),
        cmocka_unit_test(successors_come_first_then_the_limiter_then_the_switch),
        cmocka_unit_test(a_restart_of_actors_leaves_the_limiter_alone),
        cmocka_unit_test(a_successor_that_is_lost_undoes_all_before_anything_was_touched),
        cmocka_unit_test(a_successor_that_is_lost_while_the_limiter_starts_undoes_that_too),
        cmocka_unit_test(a_limiter_that_is_lost_undoes_all),
        cmocka_unit_test(a_limiter_that_died_of_itself_in_time_is_started_as_the_new_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
