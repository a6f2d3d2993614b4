/* What weirctl plan makes of a configuration: its rows, what binds, its warnings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/config_said.h"
#include "tools/weirctl/plan_binds.c"
#include "tools/weirctl/plan_limits.c"
#include "tools/weirctl/plan_warnings.c"

#define CALLS                                                                                      \
    "sources: {s: {auth: none-on-loopback}}\n"                                                     \
    "downstreams: {d: {url: 'http://h:1', connections: 4}}\n"
#define STEP "path: /r, source: s, labels: {a: /message/a, b: /message/b}, steps: "

/* The plan of this configuration, every limit held so long. */
static plan_t *plan_of(const char *yaml, double hold_s, config_t **config)
{
    said_t said;
    json_t *json;
    if (read_text(yaml, &json, &said) < 0)
        fail_msg("%s", said.text);
    *config = config_load(json);
    json_decref(json);
    double *holds = calloc((*config)->named_limits + 1, sizeof *holds);
    assert_non_null(holds);
    for (size_t i = 0; i < (*config)->named_limits; i++)
        holds[i] = hold_s;
    return plan_new(*config, holds, 1000);
}

static void end(plan_t *p, config_t *config)
{
    plan_destroy(&p);
    config_destroy(&config);
}

static const char *text(const json_t *row, const char *name)
{
    const char *found = json_string_value(json_object_get(row, name));
    return found ? found : "";
}

static double number(const json_t *row, const char *name)
{
    json_t *found = json_object_get(row, name);
    return found ? json_number_value(found) : -1;
}

/* The one of these rows with both; fails if there is none. */
static const json_t *row(const json_t *rows, const char *name, const char *value, const char *of)
{
    size_t i;
    json_t *found;
    json_array_foreach(rows, i, found) if (strcmp(text(found, name), value) == 0 &&
                                           strcmp(text(found, "of"), of) == 0) return found;
    fail_msg("no row %s of %s", value, of);
    return NULL;
}

/* Its text; "" when there is none. */
static const char *warned(const plan_t *p, const char *limit, const char *about)
{
    size_t i;
    json_t *w;
    json_array_foreach(p->warnings, i,
                       w) if (strcmp(text(w, "limit"), limit) == 0 &&
                              strcmp(text(w, "about"), about) == 0) return text(w, "text");
    return "";
}

static void says(const plan_t *p, const char *limit, const char *about, const char *part)
{
    const char *found = warned(p, limit, about);
    if (!strstr(found, part))
        fail_msg("%s, %s: \"%s\" does not say %s", limit, about, found, part);
}

static void telephony_is_planned_with_the_numbers_of_its_guide(void **state)
{
    config_t *c;
    (void)state;
    plan_t *p =
        plan_of(CALLS "actors: {ingress: 2}\n"
                      "api_keys: {dialer: {secret: k, scopes: ['leases:global', 'leases:campaign', "
                      "'leases:daily']}}\n"
                      "limits:\n"
                      "  global: {slots: 10000, ttl_s: 600, guard: 200}\n"
                      "  campaign: {slots: 100, ttl_s: 600, per: [a]}\n"
                      "  daily: {cap: {count: 50000}}\n"
                      "  starts: {rate: {count: 5, shape: spacing}}\n"
                      "routes: {inbound: {" STEP
                      "[{name: slot, limits: [global, campaign], acquire: {id: x}},"
                      " {name: answer, limits: [starts], call: {downstream: d, path: /}}]}}\n",
                180, &c);
    const json_t *global = row(p->limits, "limit", "global", "all");
    assert_float_equal(number(global, "starts_per_min"), 3333.333, 0.001);
    assert_float_equal(number(global, "target_low"), 2333.333, 0.001);
    assert_float_equal(number(global, "target_high"), 2666.667, 0.001);
    assert_float_equal(number(global, "older_than_ttl_percent"), 3.5674, 0.0001);
    assert_float_equal(number(row(p->limits, "limit", "campaign", "one a"), "starts_per_min"),
                       33.333, 0.001);
    assert_int_equal(number(row(p->limits, "limit", "global", "leases over HTTP"), "run"), 400);
    assert_float_equal(number(row(p->limits, "limit", "daily", "all"), "cap_per_min"), 34.722,
                       0.001);
    const json_t *in = row(p->binds, "where", "route inbound", "all");
    assert_int_equal(number(in, "at_once"), 10000);
    assert_string_equal(text(in, "at_once_by"), "global");
    assert_float_equal(number(in, "starts_per_min"), 300, 1e-9);
    assert_string_equal(text(in, "starts_per_min_by"), "starts");
    assert_float_equal(number(in, "backlog_s"), 200, 1e-9);
    const json_t *one = row(p->binds, "where", "route inbound", "one a");
    assert_int_equal(number(one, "at_once"), 100);
    assert_string_equal(text(one, "starts_per_min_by"), "campaign");
    const json_t *out = row(p->binds, "where", "leases of dialer", "all");
    assert_int_equal(number(out, "at_once"), 400);
    assert_string_equal(text(out, "at_once_by"), "guard of global");
    says(p, "global", "guard", "each ingress instance (2 here)");
    says(p, "global", "ttl", "3.6 %");
    says(p, "campaign", "ttl", "4 of 100");
    says(p, "starts", "rate", "55.6 a second");
    says(p, "starts", "rate", "900 are at work at once");
    says(p, "daily", "cap", "6.25 h");
    assert_int_equal(json_array_size(p->warnings), 5);
    end(p, c);
}

#define RUNNERS(percent)                                                                           \
    CALLS "modes: {rules: [{signal: slots_percent, of: runners, enter: 80, leave: 70, does: "      \
          "refuse}]}\n"                                                                            \
          "limits:\n"                                                                              \
          "  runners: {slots: 6, share_by: a, max_share_percent: " percent "}\n"                   \
          "  repo: {slots: 1, per: [a], overrides: {x: 3, y: 2}}\n"                                \
          "  org: {slots: 5, per: [b]}\n"                                                          \
          "routes: {jobs: {" STEP "[{name: launch, limits: [runners, repo, org], "                 \
          "lease: {id: x}, call: {downstream: d, path: /}}]}}\n"

static void four_fifths_of_six_are_five_and_three_of_them_more_than_half(void **state)
{
    config_t *c;
    (void)state;
    plan_t *p = plan_of(RUNNERS("50"), 60, &c);
    assert_int_equal(number(row(p->limits, "limit", "runners", "all"), "run"), 5);
    assert_float_equal(number(row(p->limits, "limit", "runners", "one a"), "share_percent"), 60, 0);
    says(p, "runners", "share", "3 of the 5 slots that run, 60 % and not 50 %");
    says(p, "runners", "share", "max_share_percent to 49, which is 2 of them");
    assert_string_equal(warned(p, "repo", "override"), "");
    end(p, c);

    p = plan_of(RUNNERS("40"), 60, &c);
    assert_string_equal(warned(p, "runners", "share"), "");
    says(p, "repo", "override", "the override 3 of x is never reached");
    says(p, "repo", "override", "(40 % of 6 is 2.4); 3 would be 60 % of the 5 that run");
    says(p, "repo", "override", "lower it to 2, or raise max_share_percent to 50");
    const json_t *jobs = row(p->binds, "where", "route jobs", "all");
    assert_int_equal(number(jobs, "at_once"), 5);
    assert_float_equal(number(jobs, "starts_per_min"), 5, 1e-9);
    assert_int_equal(number(row(p->binds, "where", "route jobs", "one a"), "at_once"), 1);
    assert_string_equal(text(row(p->binds, "where", "route jobs", "one b"), "at_once_by"), "org");
    assert_int_equal(json_array_size(p->warnings), 1);
    end(p, c);

    p = plan_of(RUNNERS("10"), 60, &c);
    says(p, "runners", "share", "always one slot, and that is 20 %");
    says(p, "repo", "override", "the override 3 of x (and 1 more)");
    end(p, c);
}

static void what_can_never_bind_is_told_and_what_can_is_not(void **state)
{
    config_t *c;
    (void)state;
    plan_t *p =
        plan_of(CALLS "limits:\n"
                      "  few: {slots: 2}\n  more: {slots: 3}\n  route: {slots: 9}\n"
                      "  calls: {slots: 5}\n  split: {slots: 3}\n  nobody: {slots: 1}\n"
                      "  seen: {slots: 1, observe: true}\n"
                      "routes:\n"
                      "  r: {limits: [route], " STEP
                      "[{name: one, limits: [few, more, seen], call: {downstream: d, path: /}},"
                      " {name: two, limits: [calls], call: {downstream: d, path: /}},"
                      " {name: three, limits: [split], call: {downstream: d, path: /}}]}\n",
                60, &c);
    says(p, "more", "never_binds", "few leaves 2");
    says(p, "calls", "never_binds", "the connections to d are 4");
    says(p, "nobody", "unused", "nothing takes it");
    assert_int_equal(json_array_size(p->warnings), 3);
    end(p, c);
}

static void the_limits_of_the_route_are_held_longer_than_those_of_its_steps(void **state)
{
    config_t *c;
    (void)state;
    plan_t *p = plan_of(CALLS "limits: {route: {slots: 2}, step: {slots: 3}}\n"
                              "routes: {r: {limits: [route], " STEP
                              "[{name: one, limits: [step], call: {downstream: d, path: /}}]}}\n",
                        60, &c);
    says(p, "step", "never_binds", "route leaves 2");
    assert_int_equal(json_array_size(p->warnings), 1);
    end(p, c);
}

/* A step takes both; a lease that a key may take, one of them alone. */
static void what_a_lease_may_name_alone_can_bind(void **state)
{
    config_t *c;
    (void)state;
#define LEASED(scope)                                                                              \
    CALLS "api_keys: {k: {secret: k, scopes: [" scope "]}}\n"                                      \
          "limits: {few: {slots: 2}, more: {slots: 3}, other: {slots: 1}}\n"                       \
          "routes: {r: {" STEP "[{name: x, limits: [few, more], "                                  \
          "lease: {id: x, ttl_s: 30}, call: {downstream: d, path: /}}]}}\n"
    plan_t *p = plan_of(LEASED("admin"), 60, &c);
    says(p, "more", "never_binds", "few leaves 2");
    says(p, "other", "unused", "leases:other");
    assert_float_equal(number(row(p->limits, "limit", "few", "all"), "ttl_s"), 30, 0);
    says(p, "few", "ttl", "60.7 %"); /* older than the 30 s that its step says */
    assert_float_equal(number(row(p->limits, "limit", "other", "all"), "ttl_s"), -1, 0);
    end(p, c);

    p = plan_of(LEASED("'leases:more', 'leases:few'"), 60, &c);
    assert_string_equal(warned(p, "more", "never_binds"), "");
    end(p, c);

    p = plan_of(LEASED("'leases:*'"), 60, &c);
    assert_string_equal(warned(p, "more", "never_binds"), "");
    assert_string_equal(warned(p, "other", "unused"), "");
    assert_float_equal(number(row(p->limits, "limit", "other", "all"), "ttl_s"), 600, 0);
    end(p, c);
}

static void overrides_have_rows_and_may_raise_what_binds(void **state)
{
    config_t *c;
    (void)state;
    plan_t *p =
        plan_of(CALLS "limits:\n"
                      "  cust: {slots: 2, rate: {count: 100, per_ms: 60000}, per: [a], overrides: "
                      "{acme: {slots: 4, rate: 5}, m: {rate: 7}, none: 0, 't-*': {slots: 1, rate: "
                      "9}, z: {rate: 0}}}\n"
                      "  both: {slots: 3, per: [a, b]}\n"
                      "routes: {r: {" STEP
                      "[{name: x, limits: [cust, both], call: {downstream: d, path: /}}]}}\n",
                60, &c);
    const json_t *acme = row(p->limits, "limit", "cust", "acme");
    assert_int_equal(number(acme, "slots"), 4);
    assert_int_equal(number(acme, "rate"), 5);
    assert_float_equal(number(acme, "starts_per_min"), 4, 1e-9);
    const json_t *trial = row(p->limits, "limit", "cust", "t-*");
    assert_float_equal(number(trial, "starts_per_min"), 1, 1e-9);
    assert_int_equal(number(trial, "rate"), 9);
    assert_float_equal(number(row(p->limits, "limit", "cust", "m"), "slots"), -1, 0);
    assert_float_equal(number(row(p->limits, "limit", "cust", "none"), "starts_per_min"), 0, 0);
    assert_float_equal(number(row(p->limits, "limit", "cust", "z"), "starts_per_min"), 0, 0);
    assert_int_equal(json_array_size(p->limits), 7);
    assert_string_equal(warned(p, "both", "never_binds"), ""); /* of acme it does */
    assert_int_equal(json_array_size(p->warnings), 0);
    end(p, c);
}

static void two_that_are_small_can_fill_a_third_together(void **state)
{
    config_t *c;
    (void)state;
#define TWO(third)                                                                                 \
    CALLS "limits:\n  one: {slots: 2}\n  two: {slots: 2}\n  both: {slots: " third "}\nroutes:\n"   \
          "  r: {" STEP "[{name: x, limits: [one, both], call: {downstream: d, path: /}}]}\n"      \
          "  q: {path: /q, source: s, steps: [{name: x, limits: [two, both], call: {downstream: "  \
          "d, path: /}}]}\n"
    plan_t *p = plan_of(TWO("4"), 60, &c);
    assert_int_equal(json_array_size(p->warnings), 0);
    end(p, c);
    p = plan_of(TWO("5"), 60, &c);
    says(p, "both", "never_binds", "one, with 1 more elsewhere, leaves 4");
    end(p, c);
}

static void a_reserve_beyond_a_refusal_is_told(void **state)
{
    config_t *c;
    (void)state;
#define RESERVE(enter)                                                                             \
    CALLS "modes: {rules: [{signal: slots_percent, enter: " enter ", leave: 10, does: refuse}]}\n" \
          "limits: {a: {slots: 4, reserved: 1}}\n"                                                 \
          "routes: {r: {" STEP "[{name: x, limits: [a], call: {downstream: d, path: /}}]}}\n"
    plan_t *p = plan_of(RESERVE("75"), 60, &c);
    says(p, "a", "reserved", "from 3 of 4 in use (75 %)");
    end(p, c);
    p = plan_of(RESERVE("76"), 60, &c);
    assert_int_equal(json_array_size(p->warnings), 0);
    assert_int_equal(number(row(p->limits, "limit", "a", "all"), "run"), 3);
    end(p, c);
}

static void a_message_that_calls_thrice_starts_a_third_as_often(void **state)
{
    config_t *c;
    (void)state;
    plan_t *p =
        plan_of(CALLS "limits: {api: {rate: {count: 50, per_ms: 30000, shape: window}}, "
                      "w: {slots: 4, per: [a], overrides: {x: 1}}}\n"
                      "routes: {r: {" STEP
                      "[{name: x, limits: [api, w], costs: {w: 2}, call: {downstream: d, path: /}},"
                      " {name: y, limits: [api], call: {downstream: d, path: /}},"
                      " {name: z, limits: [api], call: {downstream: d, path: /}},"
                      " {name: q, limits: [api], degraded: only, call: {downstream: d, path: /}}"
                      "]}}\n",
                60, &c);
    const json_t *all = row(p->binds, "where", "route r", "all");
    assert_float_equal(number(all, "starts_per_min"), 100.0 / 3, 1e-9);
    assert_float_equal(number(all, "at_once"), -1, 0);
    const json_t *one = row(p->binds, "where", "route r", "one a");
    assert_int_equal(number(one, "at_once"), 2);
    assert_float_equal(number(one, "starts_per_min"), 2, 1e-9);
    assert_int_equal(number(row(p->limits, "limit", "w", "x"), "slots"), 1);
    end(p, c);
}

static void without_a_holding_time_only_rates_have_a_pace(void **state)
{
    config_t *c;
    (void)state;
    plan_t *p = plan_of(RUNNERS("40"), 0, &c);
    const json_t *runners = row(p->limits, "limit", "runners", "all");
    assert_float_equal(number(runners, "starts_per_min"), -1, 0);
    assert_float_equal(number(runners, "older_than_ttl_percent"), -1, 0);
    assert_float_equal(number(row(p->binds, "where", "route jobs", "all"), "starts_per_min"), -1,
                       0);
    end(p, c);
}

static void numbers_and_times_are_short(void **state)
{
    char out[32];
    (void)state;
    assert_string_equal(plan_number(33.33, out), "33");
    assert_string_equal(plan_number(2666.67, out), "2667");
    assert_string_equal(plan_number(2.5, out), "2.5");
    assert_string_equal(plan_number(2, out), "2");
    assert_string_equal(plan_number(1.0 / 12, out), "0.083");
    assert_string_equal(plan_time(180, out), "3 min");
    assert_string_equal(plan_time(90, out), "1.5 min");
    assert_string_equal(plan_time(45000, out), "12.5 h");
    assert_string_equal(plan_time(0.25, out), "250 ms");
    assert_string_equal(plan_time(5 * 86400, out), "5 days");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(telephony_is_planned_with_the_numbers_of_its_guide),
        cmocka_unit_test(four_fifths_of_six_are_five_and_three_of_them_more_than_half),
        cmocka_unit_test(what_can_never_bind_is_told_and_what_can_is_not),
        cmocka_unit_test(the_limits_of_the_route_are_held_longer_than_those_of_its_steps),
        cmocka_unit_test(what_a_lease_may_name_alone_can_bind),
        cmocka_unit_test(overrides_have_rows_and_may_raise_what_binds),
        cmocka_unit_test(two_that_are_small_can_fill_a_third_together),
        cmocka_unit_test(a_reserve_beyond_a_refusal_is_told),
        cmocka_unit_test(a_message_that_calls_thrice_starts_a_third_as_often),
        cmocka_unit_test(without_a_holding_time_only_rates_have_a_pace),
        cmocka_unit_test(numbers_and_times_are_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
