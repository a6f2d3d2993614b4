#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

#include "sys/resolver.h"

struct world {
    loop_t *loop;
    resolver_t *resolver;
    unsigned told, wanted, loopbacks;
    const char *again;
    bool failed, timed_out, inside, told_inside;
};

static void on_deadline(void *arg)
{
    struct world *w = arg;
    w->timed_out = true;
    loop_stop(w->loop, 0);
}

static void on_resolved(void *arg, const resolved_t *found)
{
    struct world *w = arg;
    w->failed = found->error != NULL;
    assert_true((found->count == 0) == w->failed);
    for (size_t i = 0; i < found->count; i++)
        w->loopbacks += address_kind(&found->addresses[i]) == ADDRESS_LOOPBACK;
    w->told_inside = w->inside;
    if (++w->told == w->wanted)
        loop_stop(w->loop, 0);
    if (w->again) {
        const char *host = w->again;
        w->again = NULL;
        w->inside = true;
        resolver_ask(w->resolver, host, on_resolved, w);
        w->inside = false;
    }
}

static void start(struct world *w, unsigned wanted)
{
    *w = (struct world){.loop = loop_new(), .wanted = wanted};
    loop_timer_at(loop_timer(w->loop, on_deadline, w),
                  instant_after_us(loop_now().at, 20 * US_PER_S));
    assert_int_equal(resolver_open(w->loop, &w->resolver), 0);
}

static void ask(struct world *w, const char *host)
{
    w->inside = true;
    resolver_ask(w->resolver, host, on_resolved, w);
    w->inside = false;
}

static void finish(struct world *w)
{
    if (w->told < w->wanted)
        loop_run(w->loop);
    assert_false(w->timed_out);
    assert_int_equal(w->told, w->wanted);
    resolver_close(&w->resolver);
    loop_destroy(&w->loop);
}

static void a_known_name_has_its_addresses(void **state)
{
    (void)state;
    struct world w;
    start(&w, 1);
    ask(&w, "localhost");
    finish(&w);
    assert_false(w.failed);
    assert_true(w.loopbacks > 0);
}

static void everyone_who_asks_is_told_once(void **state)
{
    (void)state;
    struct world w;
    start(&w, 20);
    for (int i = 0; i < 20; i++)
        ask(&w, "localhost");
    finish(&w);
    assert_false(w.failed);
}

static void a_kept_answer_is_told_at_once(void **state)
{
    (void)state;
    struct world w;
    start(&w, 2);
    ask(&w, "localhost");
    if (w.told == 0)
        w.again = "localhost"; /* when it is told */
    else
        ask(&w, "localhost");
    finish(&w);
    assert_true(w.told_inside);
}

static void a_literal_needs_nobody(void **state)
{
    (void)state;
    struct world w;
    start(&w, 2);
    ask(&w, "127.0.0.1");
    ask(&w, "::1");
    assert_int_equal(w.told, 2);
    assert_int_equal(w.loopbacks, 2);
    finish(&w);
}

static void a_name_that_cannot_be_is_an_error(void **state)
{
    (void)state;
    struct world w;
    start(&w, 1);
    ask(&w, "a..b");
    finish(&w);
    assert_true(w.failed);
}

static void more_names_than_are_kept_are_no_harm(void **state)
{
    (void)state;
    struct world w;
    char host[32];
    start(&w, RESOLVER_NAMES_MAX + 50);
    for (unsigned i = 0; i < RESOLVER_NAMES_MAX + 50; i++) {
        snprintf(host, sizeof host, "n%u.localhost", i);
        ask(&w, host);
    }
    finish(&w); /* everyone is told, whatever the resolver of this host says */
}

static void closing_while_somebody_waits_tells_nobody(void **state)
{
    (void)state;
    struct world w;
    start(&w, 1);
    ask(&w, "nobody.invalid");
    unsigned told = w.told;
    resolver_close(&w.resolver);
    assert_int_equal(w.told, told);
    loop_destroy(&w.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_name_has_its_addresses),
        cmocka_unit_test(everyone_who_asks_is_told_once),
        cmocka_unit_test(a_kept_answer_is_told_at_once),
        cmocka_unit_test(a_literal_needs_nobody),
        cmocka_unit_test(a_name_that_cannot_be_is_an_error),
        cmocka_unit_test(more_names_than_are_kept_are_no_harm),
        cmocka_unit_test(closing_while_somebody_waits_tells_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
