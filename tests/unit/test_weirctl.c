/* The deciding pieces of weirctl: small enough to be included whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/weirctl/counters.c"

/* What the two actors said, so many ms ago, at now_ms. */
static json_t *counters(int64_t now_ms, int age_ms, unsigned accepted, unsigned calls, double cpu)
{
    char limiter[512], responder[512];
    snprintf(limiter, sizeof limiter,
             "weir_messages_accepted_total{actor=\"limiter\",instance=\"0\",route=\"a\"} %u\n"
             "weir_messages_accepted_total{actor=\"limiter\",instance=\"0\",route=\"b\"} %u\n"
             "weir_process_cpu_seconds_total{actor=\"limiter\",instance=\"0\"} %g\n"
             "weir_process_open_fds{actor=\"limiter\",instance=\"0\"} 23\n",
             accepted, accepted, cpu);
    snprintf(
        responder, sizeof responder,
        "weir_calls_total{actor=\"responder\",instance=\"0\",downstream=\"desk \\\"1\\\"\"} %u\n"
        "weir_calls_total{actor=\"responder\",instance=\"0\",downstream=\"two\"} 7\n",
        calls);
    json_t *answer = json_pack("{s:[{s:s, s:i, s:s}, {s:s, s:i, s:s}]}", "metrics", "actor",
                               "limiter/0", "age_ms", age_ms, "text", limiter, "actor",
                               "responder/0", "age_ms", age_ms, "text", responder);
    assert_non_null(answer);
    json_t *made = counters_of(answer, now_ms);
    json_decref(answer);
    return made;
}

/* -1: not known. Takes it. */
static double number(json_t *value)
{
    double found = json_is_number(value) ? json_number_value(value) : -1;
    json_decref(value);
    return found;
}

static double rate(const json_t *of, const char *name, const char *downstream)
{
    return number(counters_rate(of, name, downstream));
}

static void two_reports_tell_what_happens_a_second(void **state)
{
    json_t *first = counters(100000, 900, 1000, 50, 3.0);
    json_t *second = counters(102000, 400, 1050, 55, 3.5); /* 2.5 s between the reports */
    (void)state;
    counters_compare(NULL, first);
    assert_true(rate(first, "accepted", NULL) < 0);
    assert_true(number(counters_cpu_percent(first, "limiter/0")) < 0);
    assert_int_equal((int)number(counters_gauge(first, "limiter/0", "open_fds")), 23);
    counters_compare(first, second);
    assert_float_equal(rate(second, "accepted", NULL), 40, 0.01);
    assert_float_equal(rate(second, "calls", NULL), 2, 0.01);
    assert_float_equal(rate(second, "calls", "desk \"1\""), 2, 0.01);
    assert_float_equal(rate(second, "calls", "two"), 0, 0.01);
    assert_float_equal(rate(second, "leases", NULL), 0, 0.01);
    assert_float_equal(number(counters_cpu_percent(second, "limiter/0")), 20, 0.01);
    assert_true(number(counters_cpu_percent(second, "nobody")) < 0);
    json_decref(first);
    json_decref(second);
}

static void a_report_that_was_seen_before_changes_nothing(void **state)
{
    json_t *first = counters(100000, 0, 1000, 50, 3.0);
    json_t *second = counters(101000, 0, 1100, 50, 3.0);
    json_t *third = counters(101500, 498, 1100, 50, 3.0); /* the second one's */
    json_t *fourth = counters(103000, 0, 1500, 50, 3.0);
    (void)state;
    counters_compare(NULL, first);
    counters_compare(first, second);
    counters_compare(second, third);
    assert_float_equal(rate(third, "accepted", NULL), 200, 0.01);
    counters_compare(third, fourth);
    assert_float_equal(rate(fourth, "accepted", NULL), 400, 0.01);
    json_decref(first);
    json_decref(second);
    json_decref(third);
    json_decref(fourth);
}

static void a_new_life_counts_from_zero(void **state)
{
    json_t *first = counters(100000, 0, 1000, 50, 3.0);
    json_t *second = counters(102000, 0, 10, 60, 0.1);
    (void)state;
    counters_compare(NULL, first);
    counters_compare(first, second);
    assert_float_equal(rate(second, "accepted", NULL), 10, 0.01);
    assert_float_equal(rate(second, "calls", NULL), 5, 0.01);
    json_decref(first);
    json_decref(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_reports_tell_what_happens_a_second),
        cmocka_unit_test(a_report_that_was_seen_before_changes_nothing),
        cmocka_unit_test(a_new_life_counts_from_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
