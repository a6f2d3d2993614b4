/* The deciding pieces of weir-sandbox. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tools/weir-sandbox/limit.c"
#include "tools/weir-sandbox/request.c"
#include "tools/weir-sandbox/script.c"

static void no_window_ever_holds_more_than_the_limit(void **state)
{
    enum { MOST = 5, WINDOW = 1000, TRIES = 20000 };
    static int64_t taken[TRIES];
    limit_t *limit = limit_new(MOST, WINDOW, 0);
    rand_t chance = rand_seeded(42);
    size_t count = 0;
    int64_t now = 0;
    (void)state;
    for (unsigned i = 0; i < TRIES; i++) {
        now += (int64_t)rand_below(&chance, 100);
        int64_t wait = limit_take(limit, now);
        if (wait == 0)
            taken[count++] = now;
        else
            assert_true(wait <= WINDOW);
    }
    for (size_t i = MOST; i < count; i++)
        assert_true(taken[i] - taken[i - MOST] >= WINDOW);
    assert_true(count > TRIES / 5);
    limit_destroy(&limit);
}

static void a_penalty_refuses_everything_for_its_time(void **state)
{
    limit_t *limit = limit_new(1, 10, 500);
    (void)state;
    assert_int_equal(limit_take(limit, 100), 0);
    assert_true(limit_take(limit, 105) >= 500);
    assert_true(limit_take(limit, 600) > 0);
    assert_int_equal(limit_take(limit, 606), 0);
    limit_destroy(&limit);
}

static void a_request_is_read_when_it_is_whole(void **state)
{
    static const char text[] =
        "POST /v1/x?a=b HTTP/1.1\r\nHost: h\r\nweir-MESSAGE:  01A \r\nWeir-Key: k\r\n"
        "Idempotency-Key: \"01A:tag\"\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    size_t whole = sizeof text - 1, head;
    request_t r;
    (void)state;
    for (size_t len = 0; len < whole; len++)
        assert_int_equal(request_parse(text, len, &r, &head), 0);
    assert_int_equal(request_parse(text, whole, &r, &head), 1);
    assert_true(bytes_is(r.method, "POST") && bytes_is(r.path, "/v1/x?a=b"));
    assert_true(bytes_is(r.message, "01A") && bytes_is(r.key, "k") && r.close);
    assert_true(bytes_is(r.idempotency, "\"01A:tag\"") && bytes_is(r.body, "{}"));
    assert_int_equal(r.length, whole);
}

static void what_is_no_request_is_refused(void **state)
{
    static const char *const texts[] = {
        "GET\r\n\r\n",
        "GET x HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
    };
    request_t r;
    size_t head;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_int_equal(request_parse(texts[i], strlen(texts[i]), &r, &head), -1);
}

static void a_fault_strikes_every_nth_time_and_no_longer_than_told(void **state)
{
    static const char rule[] =
        "{\"path\":\"/v1/*\",\"do\":\"503\",\"every\":3,\"skip\":1,\"times\":2}";
    script_t *script = script_new(1);
    char struck[12] = "";
    (void)state;
    assert_null(script_add(script, rule, strlen(rule)));
    assert_int_equal(script_next(script, bytes_str("/other")).kind, FAULT_NONE);
    for (unsigned i = 0; i < 11; i++)
        struck[i] = script_next(script, bytes_str("/v1/x")).status == 503 ? 'x' : '.';
    assert_string_equal(struck, "...x..x....");
    script_destroy(&script);
}

static void a_rule_may_say_what_is_answered(void **state)
{
    static const char rule[] = "{\"path\":\"/v1/*\",\"do\":\"201\",\"body\":{\"a\": [1]}}";
    script_t *script = script_new(1);
    (void)state;
    assert_null(script_add(script, rule, strlen(rule)));
    fault_t fault = script_next(script, bytes_str("/v1/x"));
    assert_int_equal(fault.status, 201);
    assert_string_equal(fault.body, "{\"a\":[1]}");
    script_clear(script);
    assert_null(script_next(script, bytes_str("/v1/x")).body);
    script_destroy(&script);
}

static void a_rule_that_says_nothing_sensible_is_refused(void **state)
{
    static const char *const rules[] = {"",
                                        "[]",
                                        "{\"do\":\"nothing\"}",
                                        "{\"do\":\"700\"}",
                                        "{\"do\":\"500\",\"every\":0}",
                                        "{\"do\":\"500\",\"x\":1}",
                                        "{\"do\":\"500\",\"body\":{}}",
                                        "{\"do\":\"slow\",\"body\":{}}"};
    script_t *script = script_new(1);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        assert_non_null(script_add(script, rules[i], strlen(rules[i])));
    script_destroy(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_window_ever_holds_more_than_the_limit),
        cmocka_unit_test(a_penalty_refuses_everything_for_its_time),
        cmocka_unit_test(a_request_is_read_when_it_is_whole),
        cmocka_unit_test(what_is_no_request_is_refused),
        cmocka_unit_test(a_fault_strikes_every_nth_time_and_no_longer_than_told),
        cmocka_unit_test(a_rule_may_say_what_is_answered),
        cmocka_unit_test(a_rule_that_says_nothing_sensible_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
