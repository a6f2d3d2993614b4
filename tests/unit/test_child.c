/* A child's life: the table of states by events, its wishes and its lines. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "supervisor/child.h"

#define EXIT_WITH(code) ((code) << 8) /* as waitpid reports it */
#define BY_SIGNAL(number) (number)

static const child_policy_t policy = {.ready_us = 30 * US_PER_S,
                                      .hang_us = 10 * US_PER_S,
                                      .restart = {.min_us = 100 * US_PER_MS,
                                                  .max_us = 30 * US_PER_S,
                                                  .forget_us = 60 * US_PER_S,
                                                  .burst_us = 30 * US_PER_S,
                                                  .failed_retry_us = 30 * US_PER_S,
                                                  .burst = 5}};

typedef struct nursery {
    child_t child;
    instant_t now;
    rand_t chance;
    child_wishes_t last;
    uint64_t generation;
} nursery_t;

static void begin(nursery_t *n)
{
    *n = (nursery_t){.now = {1000 * US_PER_S}, .chance = rand_seeded(1)};
    child_init(&n->child, ACTOR_LIMITER, 0, n->now);
}

static unsigned tell(nursery_t *n, const child_event_t *event)
{
    n->last = child_step(&n->child, event, &policy, n->now, &n->chance);
    if (n->last.wishes & CHILD_WISH_SPAWN)
        child_born(&n->child, 4711, ++n->generation);
    return n->last.wishes;
}

static unsigned happens(nursery_t *n, enum child_event_kind kind)
{
    return tell(n, &(child_event_t){.kind = kind});
}

static unsigned ends(nursery_t *n, int wait_status)
{
    return tell(n, &(child_event_t){.kind = CHILD_ON_EXITED, .wait_status = wait_status});
}

static unsigned is_asked(nursery_t *n, enum child_event_kind kind, int64_t within_us)
{
    instant_t deadline = instant_after_us(n->now, within_us);
    return tell(n, &(child_event_t){.kind = kind, .deadline = deadline});
}

static void make_ready(nursery_t *n)
{
    begin(n);
    happens(n, CHILD_ON_START);
    happens(n, CHILD_ON_SAID_READY);
    assert_int_equal(n->child.state, CHILD_READY);
}

static void a_child_starts_and_is_ready_by_its_own_word(void **state)
{
    (void)state;
    nursery_t n;
    begin(&n);
    assert_int_equal(happens(&n, CHILD_ON_START), CHILD_WISH_SPAWN);
    assert_int_equal(n.child.state, CHILD_STARTING);
    assert_int_equal(happens(&n, CHILD_ON_SAID_READY), CHILD_WISH_TELL);
    assert_int_equal(n.last.told, LIFE_READY);
    assert_int_equal(n.last.generation, 1);
    assert_string_equal(n.last.line, "child limiter/0: starting -> ready on its word");
    assert_int_equal(happens(&n, CHILD_ON_SAID_READY), 0); /* said again after a new link */
    assert_int_equal(n.child.state, CHILD_READY);
}

static void a_death_is_told_logged_and_followed_by_a_pause(void **state)
{
    (void)state;
    nursery_t n;
    make_ready(&n);
    assert_int_equal(ends(&n, BY_SIGNAL(SIGKILL)), CHILD_WISH_TELL);
    assert_int_equal(n.child.state, CHILD_BACKOFF);
    assert_int_equal(n.last.told, LIFE_DEAD);
    assert_false(n.last.ordered);
    assert_int_equal(n.last.generation, 1);
    assert_int_equal(n.child.pid, 0);
    const char *line =
        "child limiter/0: ready -> backoff on exit (signal 9), 1st in 30 s; again in ";
    assert_memory_equal(n.last.line, line, strlen(line));
    n.now = n.child.due;
    assert_int_equal(happens(&n, CHILD_ON_DUE), CHILD_WISH_SPAWN);
    assert_int_equal(n.child.generation, 2);
}

static void a_death_by_lack_of_memory_is_called_so(void **state)
{
    (void)state;
    nursery_t n;
    make_ready(&n);
    tell(&n, &(child_event_t){.kind = CHILD_ON_EXITED,
                              .wait_status = BY_SIGNAL(SIGKILL),
                              .out_of_memory = true});
    assert_string_equal(n.child.last_end, "exit (signal 9, out of memory)");
    make_ready(&n);
    tell(&n, &(child_event_t){.kind = CHILD_ON_EXITED,
                              .wait_status = BY_SIGNAL(SIGSEGV),
                              .out_of_memory = true});
    assert_string_equal(n.child.last_end, "exit (signal 11)");
}

static void the_line_counts_the_deaths(void **state)
{
    (void)state;
    static const char *const counts[] = {"1st", "2nd", "3rd", "4th", "5th", "6th"};
    nursery_t n;
    begin(&n);
    happens(&n, CHILD_ON_START);
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        ends(&n, EXIT_WITH(70));
        char part[64];
        snprintf(part, sizeof part, "on exit (status 70), %s in 30 s", counts[i]);
        assert_non_null(strstr(n.last.line, part));
        assert_int_equal(n.child.state, i < 5 ? CHILD_BACKOFF : CHILD_FAILED);
        assert_int_equal(n.last.log, i < 5 ? LOG_CHILD_DIED : LOG_CHILD_FAILED);
        happens(&n, CHILD_ON_DUE);
    }
}

static void a_child_that_refuses_its_configuration_is_not_restarted(void **state)
{
    (void)state;
    nursery_t n;
    begin(&n);
    happens(&n, CHILD_ON_START);
    ends(&n, EXIT_WITH(78));
    assert_int_equal(n.child.state, CHILD_REFUSED);
    assert_true(instant_is_never(n.child.due));
    assert_int_equal(happens(&n, CHILD_ON_DUE), 0);
    assert_int_equal(is_asked(&n, CHILD_ON_RESTART, 0), CHILD_WISH_SPAWN); /* an operator may */
}

static void a_program_that_cannot_be_started_is_tried_again(void **state)
{
    (void)state;
    nursery_t n;
    begin(&n);
    n.last = child_step(&n.child, &(child_event_t){.kind = CHILD_ON_START}, &policy, n.now,
                        &n.chance); /* and not born */
    tell(&n, &(child_event_t){.kind = CHILD_ON_EXITED, .spawn_error = -2});
    assert_int_equal(n.child.state, CHILD_BACKOFF);
    assert_int_equal(n.last.wishes, 0); /* nobody died */
    assert_non_null(strstr(n.last.line, "no start (No such file or directory)"));
}

static void a_child_that_is_not_ready_in_time_is_aborted_then_killed(void **state)
{
    (void)state;
    nursery_t n;
    begin(&n);
    happens(&n, CHILD_ON_START);
    assert_int_equal(n.child.due.us, n.now.us + policy.ready_us);
    n.now = n.child.due;
    assert_int_equal(happens(&n, CHILD_ON_DUE), CHILD_WISH_ABORT);
    assert_int_equal(n.last.log, LOG_CHILD_HUNG);
    assert_int_equal(n.child.due.us, n.now.us + CHILD_KILL_AFTER_US);
    assert_int_equal(happens(&n, CHILD_ON_SAID_READY), 0); /* too late */
    assert_int_equal(happens(&n, CHILD_ON_DUE), CHILD_WISH_KILL);
    ends(&n, BY_SIGNAL(SIGKILL));
    assert_int_equal(n.child.state, CHILD_BACKOFF);
}

static void a_child_waiting_for_what_it_needs_is_not_late(void **state)
{
    (void)state;
    nursery_t n;
    begin(&n);
    happens(&n, CHILD_ON_START);
    n.now.us += policy.ready_us - 1;
    child_excused(&n.child, &policy, n.now);
    assert_int_equal(n.child.due.us, n.now.us + policy.ready_us);
}

static void silence_kills_only_after_hang_ms(void **state)
{
    (void)state;
    nursery_t n;
    make_ready(&n);
    n.now.us += policy.hang_us - 1;
    child_heard(&n.child, &policy, n.now);
    assert_int_equal(n.child.due.us, n.now.us + policy.hang_us);
    n.now = n.child.due;
    assert_int_equal(happens(&n, CHILD_ON_DUE), CHILD_WISH_ABORT);
    assert_int_equal(n.child.state, CHILD_DYING);
    assert_non_null(strstr(n.last.line, "no sign of life for 10000 ms"));
    child_heard(&n.child, &policy, n.now); /* it woke up: too late */
    assert_int_equal(happens(&n, CHILD_ON_DUE), CHILD_WISH_KILL);
    ends(&n, BY_SIGNAL(SIGKILL));
    assert_false(n.last.ordered); /* what it had in hand may have been the cause */
}

static void hang_ms_0_never_kills(void **state)
{
    (void)state;
    child_policy_t lenient = policy;
    lenient.hang_us = 0;
    nursery_t n;
    begin(&n);
    happens(&n, CHILD_ON_START);
    child_step(&n.child, &(child_event_t){.kind = CHILD_ON_SAID_READY}, &lenient, n.now, &n.chance);
    assert_true(instant_is_never(n.child.due));
    child_heard(&n.child, &lenient, n.now);
    assert_true(instant_is_never(n.child.due));
}

static void an_ordered_restart_is_not_held_against_it(void **state)
{
    (void)state;
    nursery_t n;
    make_ready(&n);
    assert_int_equal(is_asked(&n, CHILD_ON_RESTART, US_PER_S), CHILD_WISH_ASK);
    assert_int_equal(n.child.state, CHILD_STOPPING);
    assert_int_equal(ends(&n, EXIT_WITH(0)), CHILD_WISH_TELL | CHILD_WISH_SPAWN);
    assert_true(n.last.ordered);
    assert_int_equal(n.last.generation, 1); /* the life that ended, not the one that begins */
    assert_int_equal(n.child.state, CHILD_STARTING);
    assert_int_equal(n.child.record.streak, 0);
    ends(&n, BY_SIGNAL(SIGSEGV));
    assert_false(n.last.ordered); /* that one was its own */
}

static void who_does_not_stop_in_time_is_killed_and_stays_down(void **state)
{
    (void)state;
    nursery_t n;
    make_ready(&n);
    is_asked(&n, CHILD_ON_STOP, 5 * US_PER_S);
    assert_int_equal(n.child.due.us, n.now.us + 5 * US_PER_S);
    is_asked(&n, CHILD_ON_STOP, 0); /* somebody lost patience */
    assert_int_equal(n.child.due.us, n.now.us);
    assert_int_equal(happens(&n, CHILD_ON_DUE), CHILD_WISH_KILL);
    ends(&n, BY_SIGNAL(SIGKILL));
    assert_int_equal(n.child.state, CHILD_DOWN);
    assert_true(n.last.ordered);
    assert_true(instant_is_never(n.child.due));
}

static void a_stop_overtakes_a_restart(void **state)
{
    (void)state;
    nursery_t n;
    make_ready(&n);
    is_asked(&n, CHILD_ON_RESTART, US_PER_S);
    is_asked(&n, CHILD_ON_STOP, US_PER_S);
    assert_int_equal(ends(&n, EXIT_WITH(0)), CHILD_WISH_TELL);
    assert_int_equal(n.child.state, CHILD_DOWN);
}

static void a_stop_while_dying_ends_down(void **state)
{
    (void)state;
    nursery_t n;
    make_ready(&n);
    n.now = n.child.due;
    happens(&n, CHILD_ON_DUE);
    is_asked(&n, CHILD_ON_STOP, US_PER_S);
    ends(&n, BY_SIGNAL(SIGABRT));
    assert_int_equal(n.child.state, CHILD_DOWN);
}

static void a_stop_while_no_process_lives_needs_nothing(void **state)
{
    (void)state;
    nursery_t n;
    make_ready(&n);
    ends(&n, BY_SIGNAL(SIGKILL));
    assert_int_equal(is_asked(&n, CHILD_ON_STOP, US_PER_S), 0);
    assert_int_equal(n.child.state, CHILD_DOWN);
}

/* ---- two lives of one name ---- */

static void a_successor_that_ends_stays_down(void **state)
{
    (void)state;
    nursery_t n;
    begin(&n);
    n.child.role = CHILD_SUCCESSOR;
    happens(&n, CHILD_ON_START);
    ends(&n, EXIT_WITH(1));
    assert_int_equal(n.child.state, CHILD_DOWN);
    assert_string_equal(n.child.last_end, "exit (status 1)");
}

static void a_successor_in_office_is_started_again_when_it_dies(void **state)
{
    (void)state;
    nursery_t old, heir;
    make_ready(&old);
    begin(&heir);
    heir.child.role = CHILD_SUCCESSOR;
    heir.generation = 10;
    happens(&heir, CHILD_ON_START);
    happens(&heir, CHILD_ON_SAID_READY);
    child_promote(&heir.child, &old.child);
    assert_int_equal(old.child.role, CHILD_RETIREE);
    assert_int_equal(heir.child.role, CHILD_IN_OFFICE);
    assert_int_equal(heir.child.lives, old.child.lives); /* to follow is no restart */
    ends(&heir, BY_SIGNAL(SIGKILL));
    assert_int_equal(heir.child.state, CHILD_BACKOFF);
}

static void who_retires_ends_by_itself_and_stays_down(void **state)
{
    (void)state;
    nursery_t n;
    make_ready(&n);
    assert_int_equal(is_asked(&n, CHILD_ON_RETIRE, 60 * US_PER_S), CHILD_WISH_RETIRE);
    assert_int_equal(n.child.state, CHILD_RETIRING);
    assert_int_equal(ends(&n, EXIT_WITH(0)), CHILD_WISH_TELL);
    assert_true(n.last.ordered);
    assert_int_equal(n.child.state, CHILD_DOWN);
}

static void who_retires_and_crashes_has_died_of_what_it_did(void **state)
{
    (void)state;
    nursery_t n;
    make_ready(&n);
    is_asked(&n, CHILD_ON_RETIRE, 60 * US_PER_S);
    ends(&n, BY_SIGNAL(SIGSEGV));
    assert_false(n.last.ordered);
    assert_int_equal(n.child.state, CHILD_DOWN);
}

static void who_retires_too_long_is_killed(void **state)
{
    (void)state;
    nursery_t n;
    make_ready(&n);
    is_asked(&n, CHILD_ON_RETIRE, 15 * US_PER_S);
    n.now.us += 9 * US_PER_S;
    child_heard(&n.child, &policy, n.now);
    assert_int_equal(n.child.due.us, n.child.until.us); /* sooner than its silence would count */
    n.now = n.child.due;
    assert_int_equal(happens(&n, CHILD_ON_DUE), CHILD_WISH_KILL);
    ends(&n, BY_SIGNAL(SIGKILL));
    assert_true(n.last.ordered);
}

static void who_retires_and_hangs_is_killed_for_that(void **state)
{
    (void)state;
    nursery_t n;
    make_ready(&n);
    is_asked(&n, CHILD_ON_RETIRE, 60 * US_PER_S);
    assert_int_equal(n.child.due.us, n.child.heard.us + policy.hang_us);
    n.now = n.child.due;
    assert_int_equal(happens(&n, CHILD_ON_DUE), CHILD_WISH_ABORT);
    assert_int_equal(n.child.state, CHILD_DYING);
    ends(&n, BY_SIGNAL(SIGABRT));
    assert_int_equal(n.child.state, CHILD_DOWN);
}

/* Brings a child into the state; false: it is IDLE or cannot be reached this way. */
static void bring(nursery_t *n, enum child_state wanted)
{
    begin(n);
    if (wanted == CHILD_IDLE)
        return;
    happens(n, CHILD_ON_START);
    if (wanted == CHILD_STARTING)
        return;
    if (wanted == CHILD_REFUSED) {
        ends(n, EXIT_WITH(78));
        return;
    }
    happens(n, CHILD_ON_SAID_READY);
    if (wanted == CHILD_STOPPING || wanted == CHILD_DOWN)
        is_asked(n, CHILD_ON_STOP, US_PER_S);
    if (wanted == CHILD_RETIRING)
        is_asked(n, CHILD_ON_RETIRE, US_PER_S);
    if (wanted == CHILD_DYING)
        happens(n, CHILD_ON_DUE);
    if (wanted == CHILD_DOWN || wanted == CHILD_BACKOFF || wanted == CHILD_FAILED)
        ends(n, BY_SIGNAL(SIGKILL));
    while (wanted == CHILD_FAILED && n->child.state != CHILD_FAILED) {
        happens(n, CHILD_ON_DUE);
        ends(n, BY_SIGNAL(SIGKILL));
    }
}

static void every_state_knows_every_event_that_can_reach_it(void **state)
{
    (void)state;
    for (int s = 0; s < CHILD_STATE_COUNT; s++)
        for (int e = 0; e < CHILD_EVENT_COUNT; e++) {
            nursery_t n;
            bring(&n, (enum child_state)s);
            assert_int_equal(n.child.state, s);
            bool lives = child_lives(&n.child);
            if (!lives && (e == CHILD_ON_EXITED || e == CHILD_ON_SAID_READY))
                continue; /* the dead neither die nor speak */
            enum child_state before = n.child.state;
            tell(&n, &(child_event_t){.kind = (enum child_event_kind)e,
                                      .wait_status = EXIT_WITH(1),
                                      .deadline = n.now});
            bool changed = n.child.state != before;
            assert_int_equal(changed, n.last.line[0] != '\0'); /* no change without its line */
            bool has_pid = n.child.pid != 0;
            assert_int_equal(has_pid, child_lives(&n.child));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_starts_and_is_ready_by_its_own_word),
        cmocka_unit_test(a_death_is_told_logged_and_followed_by_a_pause),
        cmocka_unit_test(a_death_by_lack_of_memory_is_called_so),
        cmocka_unit_test(the_line_counts_the_deaths),
        cmocka_unit_test(a_child_that_refuses_its_configuration_is_not_restarted),
        cmocka_unit_test(a_program_that_cannot_be_started_is_tried_again),
        cmocka_unit_test(a_child_that_is_not_ready_in_time_is_aborted_then_killed),
        cmocka_unit_test(a_child_waiting_for_what_it_needs_is_not_late),
        cmocka_unit_test(silence_kills_only_after_hang_ms),
        cmocka_unit_test(hang_ms_0_never_kills),
        cmocka_unit_test(an_ordered_restart_is_not_held_against_it),
        cmocka_unit_test(who_does_not_stop_in_time_is_killed_and_stays_down),
        cmocka_unit_test(a_stop_overtakes_a_restart),
        cmocka_unit_test(a_stop_while_dying_ends_down),
        cmocka_unit_test(a_stop_while_no_process_lives_needs_nothing),
        cmocka_unit_test(a_successor_that_ends_stays_down),
        cmocka_unit_test(a_successor_in_office_is_started_again_when_it_dies),
        cmocka_unit_test(who_retires_ends_by_itself_and_stays_down),
        cmocka_unit_test(who_retires_and_crashes_has_died_of_what_it_did),
        cmocka_unit_test(who_retires_too_long_is_killed),
        cmocka_unit_test(who_retires_and_hangs_is_killed_for_that),
        cmocka_unit_test(every_state_knows_every_event_that_can_reach_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
