/* When a child that died is started again, over simulated time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "supervisor/restart.h"

#define MS US_PER_MS
#define S US_PER_S
#define NEVER_READY (-1)

static const restart_policy_t policy = {.min_us = 100 * MS,
                                        .max_us = 30 * S,
                                        .forget_us = 60 * S,
                                        .burst_us = 30 * S,
                                        .failed_retry_us = 30 * S,
                                        .burst = 5};

typedef struct life {
    int64_t after_us; /* of the death before it */
    int64_t ready_us;
} life_t;

/* Runs the lives; the verdict on the last. */
static restart_verdict_t after(restart_t *r, const life_t *lives, size_t count, uint64_t seed)
{
    restart_verdict_t v = {0};
    rand_t chance = rand_seeded(seed);
    int64_t now = 1000 * S;
    for (size_t i = 0; i < count; i++) {
        now += lives[i].after_us;
        v = restart_died(r, &policy, (instant_t){now}, lives[i].ready_us, &chance);
    }
    return v;
}

static void pauses_double_up_to_their_cap(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        int64_t ready_us, first_cap_us;
    } rows[] = {{"unlucky", 0, 100 * MS}, {"broken", NEVER_READY, 200 * MS}};
    for (size_t n = 0; n < COUNT_OF(rows); n++)
        for (uint64_t seed = 0; seed < 50; seed++) {
            static restart_t r;
            int64_t before = 0, cap = rows[n].first_cap_us;
            rand_t chance = rand_seeded(seed);
            restart_forget(&r);
            for (int i = 0; i < 12; i++, cap = cap * 2 < policy.max_us ? cap * 2 : policy.max_us) {
                /* a minute apart, so that it is no burst */
                restart_verdict_t v =
                    restart_died(&r, &policy, (instant_t){i * 31 * S}, rows[n].ready_us, &chance);
                /* at the cap the doubling ends, and chance may make one shorter than the last */
                bool shrank = cap < policy.max_us && v.pause_us < before;
                if (v.failed || v.pause_us < cap / 2 || v.pause_us > cap || shrank)
                    fail_msg("%s, death %d, seed %d: pause %lld us", rows[n].label, i + 1,
                             (int)seed, (long long)v.pause_us);
                before = v.pause_us;
            }
        }
}

static void the_first_restart_of_an_unlucky_child_comes_within_restart_min(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        restart_t r = {0};
        restart_verdict_t v = after(&r, &(life_t){0, 5 * S}, 1, seed);
        assert_true(v.pause_us > 0 && v.pause_us <= policy.min_us && !v.failed);
        assert_int_equal(v.recent, 1);
    }
}

static void children_that_died_together_do_not_come_back_together(void **state)
{
    (void)state;
    restart_t one = {0}, other = {0};
    rand_t chance = rand_seeded(1);
    restart_verdict_t a = restart_died(&one, &policy, (instant_t){S}, S, &chance);
    restart_verdict_t b = restart_died(&other, &policy, (instant_t){S}, S, &chance);
    assert_int_not_equal(a.pause_us, b.pause_us);
}

static void more_deaths_than_the_burst_are_a_failure(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        size_t deaths;
        int64_t apart_us, ready_us;
        bool failed;
    } rows[] = {
        {"as many as allowed", 5, S, 0, false},
        {"one more", 6, S, 0, true},
        {"one more, never ready", 6, S, NEVER_READY, true},
        {"many, but slowly", 20, 7 * S, 0, false},
        {"six that just fit into the window", 6, 6 * S, 0, true},
        {"six, one outside of it", 6, 6 * S + 1, 0, false},
    };
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        static restart_t r;
        life_t lives[20];
        restart_forget(&r);
        for (size_t i = 0; i < rows[n].deaths; i++)
            lives[i] = (life_t){rows[n].apart_us, rows[n].ready_us};
        restart_verdict_t v = after(&r, lives, rows[n].deaths, n);
        if (v.failed != rows[n].failed)
            fail_msg("%s: failed %d", rows[n].label, v.failed);
        assert_true(!v.failed || v.pause_us == policy.failed_retry_us);
    }
}

static restart_t failed_record(void)
{
    restart_t r = {0};
    static const life_t quick[6] = {{S, 0}, {S, 0}, {S, 0}, {S, 0}, {S, 0}, {S, 0}};
    assert_true(after(&r, quick, 6, 1).failed);
    return r;
}

static void a_failed_child_stays_failed_until_it_was_ready_for_a_while(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        int64_t ready_us;
        bool failed;
    } rows[] = {
        {"never ready again", NEVER_READY, true},        {"ready, and dead at once", 0, true},
        {"ready for nearly burst_ms", 30 * S - 1, true}, {"ready for burst_ms", 30 * S, false},
        {"ready for forget_ms", 60 * S, false},
    };
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        restart_t r = failed_record();
        rand_t chance = rand_seeded(n);
        restart_verdict_t v =
            restart_died(&r, &policy, (instant_t){2000 * S}, rows[n].ready_us, &chance);
        if (v.failed != rows[n].failed)
            fail_msg("%s: failed %d", rows[n].label, v.failed);
    }
}

static void a_long_good_life_wipes_the_slate(void **state)
{
    (void)state;
    static const life_t lives[] = {{S, NEVER_READY}, {S, NEVER_READY}, {S, NEVER_READY}};
    restart_t r = {0};
    assert_true(after(&r, lives, COUNT_OF(lives), 1).pause_us > 2 * policy.min_us);
    rand_t chance = rand_seeded(1);
    restart_verdict_t v =
        restart_died(&r, &policy, (instant_t){1004 * S}, policy.forget_us, &chance);
    assert_true(v.pause_us <= policy.min_us);
    assert_int_equal(v.recent, 1); /* also what lies within the window is forgotten */
}

static void an_operator_can_have_it_forgotten(void **state)
{
    (void)state;
    restart_t r = failed_record();
    restart_forget(&r);
    restart_verdict_t v = after(&r, &(life_t){0, 0}, 1, 1);
    assert_false(v.failed);
    assert_int_equal(v.recent, 1);
}

static void the_largest_burst_of_the_configuration_is_kept_track_of(void **state)
{
    (void)state;
    static restart_t r;
    restart_policy_t wide = policy;
    wide.burst = RESTART_BURST_MAX;
    rand_t chance = rand_seeded(1);
    restart_verdict_t v = {0};
    for (unsigned i = 0; i <= RESTART_BURST_MAX; i++) {
        assert_false(v.failed);
        v = restart_died(&r, &wide, (instant_t){1000 * S + i}, 0, &chance);
    }
    assert_true(v.failed);
    assert_int_equal(v.recent, RESTART_BURST_MAX + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_double_up_to_their_cap),
        cmocka_unit_test(the_first_restart_of_an_unlucky_child_comes_within_restart_min),
        cmocka_unit_test(children_that_died_together_do_not_come_back_together),
        cmocka_unit_test(more_deaths_than_the_burst_are_a_failure),
        cmocka_unit_test(a_failed_child_stays_failed_until_it_was_ready_for_a_while),
        cmocka_unit_test(a_long_good_life_wipes_the_slate),
        cmocka_unit_test(an_operator_can_have_it_forgotten),
        cmocka_unit_test(the_largest_burst_of_the_configuration_is_kept_track_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
