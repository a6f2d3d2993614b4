#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/loop.h"

struct world {
    loop_t *loop;
    loop_source_t *source, *other;
    char order[64];
    size_t count;
    int pipe[2], pid, status;
    instant_t due, fired;
};

static void note(struct world *w, char what)
{
    assert_true(w->count + 1 < sizeof w->order);
    w->order[w->count++] = what;
}

static void on_deadline(void *arg)
{
    struct world *w = arg;
    note(w, '!');
    loop_stop(w->loop, 99);
}

static void start(struct world *w)
{
    *w = (struct world){.loop = loop_new()};
    assert_int_equal(pipe(w->pipe), 0);
    loop_timer_at(loop_timer(w->loop, on_deadline, w),
                  instant_after_us(loop_now().at, 5 * US_PER_S));
}

static void stop(struct world *w)
{
    loop_destroy(&w->loop);
    assert_null(w->loop);
    close(w->pipe[0]);
    close(w->pipe[1]);
}

static void on_timer(void *arg)
{
    struct world *w = arg;
    w->fired = loop_now().at;
    note(w, 't');
    loop_stop(w->loop, 3);
}

static void a_timer_fires_at_its_time_and_once(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    w.source = loop_timer(w.loop, on_timer, &w);
    w.due = instant_after_us(loop_now().at, 20 * US_PER_MS);
    loop_timer_at(w.source, instant_after_us(w.due, 10 * US_PER_S)); /* replaced */
    loop_timer_at(w.source, w.due);
    loop_timer_at(w.source, w.due);
    assert_int_equal(loop_run(w.loop), 3);
    assert_false(instant_before(w.fired, w.due));
    assert_true(instant_since_us(w.fired, w.due) < 2 * US_PER_S);
    assert_string_equal(w.order, "t");
    stop(&w);
}

static void on_stop(void *arg)
{
    struct world *w = arg;
    note(w, 's');
    loop_stop(w->loop, 0);
}

static void a_disarmed_timer_does_not_fire(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    w.source = loop_timer(w.loop, on_timer, &w);
    loop_timer_at(w.source, instant_after_us(loop_now().at, 5 * US_PER_MS));
    loop_timer_at(w.source, INSTANT_NEVER);
    loop_timer_at(loop_timer(w.loop, on_stop, &w), instant_after_us(loop_now().at, 20 * US_PER_MS));
    loop_run(w.loop);
    assert_string_equal(w.order, "s");
    stop(&w);
}

static void note_a(void *arg) { note(arg, 'a'); }
static void note_b(void *arg) { note(arg, 'b'); }
static void note_c_and_stop(void *arg)
{
    struct world *w = arg;
    note(w, 'c');
    if (w->count < 9)
        loop_again(w->loop);
    else
        loop_stop(w->loop, 0);
}

static void before_wait_runs_every_round_in_order(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    loop_before_wait(w.loop, note_a, &w);
    loop_before_wait(w.loop, note_b, &w);
    loop_before_wait(w.loop, note_c_and_stop, &w);
    loop_run(w.loop); /* loop_again() keeps it from waiting for the deadline */
    assert_string_equal(w.order, "abcabcabc");
    stop(&w);
}

static void remove_both(void *arg)
{
    struct world *w = arg;
    note(w, 'r');
    loop_remove(&w->source);
    loop_remove(&w->other);
    assert_null(w->source);
    loop_again(w->loop);
}

static void then_stop(void *arg)
{
    struct world *w = arg;
    note(w, 's');
    if (w->count > 2)
        loop_stop(w->loop, 0);
}

static void a_source_may_remove_itself_and_the_next(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    w.source = loop_before_wait(w.loop, remove_both, &w);
    w.other = loop_before_wait(w.loop, note_b, &w);
    loop_before_wait(w.loop, then_stop, &w);
    loop_run(w.loop);
    assert_string_equal(w.order, "rss");
    stop(&w);
}

static void on_readable(void *arg, unsigned ready)
{
    struct world *w = arg;
    char byte;
    assert_int_equal(ready & LOOP_READ, LOOP_READ);
    assert_int_equal(read(w->pipe[0], &byte, 1), 1);
    note(w, byte);
    if (byte == 'z')
        loop_stop(w->loop, 0);
}

static void a_descriptor_tells_when_it_is_readable(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    loop_fd(w.loop, w.pipe[0], LOOP_READ, on_readable, &w);
    assert_int_equal(write(w.pipe[1], "xyz", 3), 3);
    loop_run(w.loop);
    assert_string_equal(w.order, "xyz");
    stop(&w);
}

static void on_hang_up(void *arg, unsigned ready)
{
    struct world *w = arg;
    char byte;
    (void)ready;
    note(w, 'h');
    assert_int_equal(read(w->pipe[0], &byte, 1), 0);
    loop_fd_want(w->source, 0); /* or epoll would tell of it for ever */
    loop_timer_at(w->other, instant_after_us(loop_now().at, 10 * US_PER_MS));
}

static void a_descriptor_without_wishes_is_silent(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    w.source = loop_fd(w.loop, w.pipe[0], LOOP_READ, on_hang_up, &w);
    w.other = loop_timer(w.loop, on_stop, &w);
    close(w.pipe[1]);
    w.pipe[1] = dup(0);
    loop_run(w.loop);
    assert_string_equal(w.order, "hs");
    stop(&w);
}

static void on_child(void *arg, int pid, int status)
{
    struct world *w = arg;
    assert_int_equal(pid, w->pid);
    w->status = status;
    note(w, 'c');
    loop_remove(&w->source);
    loop_stop(w->loop, 0);
}

static int child_that(int how)
{
    int pid = fork();
    if (pid == 0) {
        if (how < 0)
            kill(getpid(), -how);
        _exit(how);
    }
    assert_true(pid > 0);
    return pid;
}

static void a_child_is_reaped_and_told_once(void **state)
{
    (void)state;
    static const int ways[] = {0, 7, -SIGKILL};
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        struct world w;
        start(&w);
        w.pid = child_that(ways[i]);
        w.source = loop_child(w.loop, w.pid, on_child, &w);
        loop_run(w.loop);
        assert_string_equal(w.order, "c");
        if (ways[i] >= 0)
            assert_int_equal(WEXITSTATUS(w.status), ways[i]);
        else
            assert_int_equal(WTERMSIG(w.status), -ways[i]);
        assert_int_equal(waitpid(w.pid, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
        stop(&w);
    }
}

static void on_signal(void *arg, int number)
{
    struct world *w = arg;
    assert_int_equal(number, SIGUSR1);
    note(w, 'u');
    loop_stop(w->loop, 0);
}

static void a_signal_arrives_in_the_loop(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    loop_signal(w.loop, SIGUSR1, on_signal, &w);
    kill(getpid(), SIGUSR1);
    loop_run(w.loop);
    assert_string_equal(w.order, "u");
    stop(&w);
}

static void the_boot_clock_goes_forward(void **state)
{
    (void)state;
    now_t first = loop_now(), second = loop_now();
    assert_false(instant_before(second.at, first.at));
    assert_true(first.at.us > 0 && first.wall.us > first.at.us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_fires_at_its_time_and_once),
        cmocka_unit_test(a_disarmed_timer_does_not_fire),
        cmocka_unit_test(before_wait_runs_every_round_in_order),
        cmocka_unit_test(a_source_may_remove_itself_and_the_next),
        cmocka_unit_test(a_descriptor_tells_when_it_is_readable),
        cmocka_unit_test(a_descriptor_without_wishes_is_silent),
        cmocka_unit_test(a_child_is_reaped_and_told_once),
        cmocka_unit_test(a_signal_arrives_in_the_loop),
        cmocka_unit_test(the_boot_clock_goes_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
