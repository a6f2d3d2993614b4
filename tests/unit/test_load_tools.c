/* The deciding pieces of weir-load: small enough to be included whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tools/weir-load/again.c"
#include "tools/weir-load/histogram.c"
#include "tools/weir-load/reply.c"

static void a_percentile_is_within_three_percent_of_the_truth(void **state)
{
    histogram_t h = {0};
    (void)state;
    for (int64_t us = 1; us <= 100000; us++)
        histogram_add(&h, us);
    for (unsigned percent = 1; percent <= 99; percent++) {
        double truth = percent * 1.0, told = histogram_ms(&h, percent / 100.0);
        assert_true(told >= truth * 0.99 && told <= truth * 1.035);
    }
    assert_true(histogram_ms(&h, 1) == 100.0);
}

static void an_empty_histogram_says_nothing_took_time(void **state)
{
    histogram_t h = {0};
    (void)state;
    assert_true(histogram_ms(&h, 0.99) == 0);
    histogram_add(&h, -5);
    histogram_add(&h, INT64_MAX);
    assert_int_equal(h.count, 2);
}

static void what_is_to_be_sent_again_comes_back_in_the_order_of_its_time(void **state)
{
    again_t again = {0};
    journey_t out;
    int64_t last = -1;
    (void)state;
    for (uint64_t n = 0; n < 5000; n++)
        assert_true(again_add(&again, &(journey_t){.n = n, .due_us = (int64_t)(n * 7919 % 5003)}));
    assert_false(again_take(&again, -1, &out));
    for (unsigned n = 0; n < 5000; n++) {
        assert_true(again_take(&again, INT64_MAX, &out));
        assert_true(out.due_us >= last);
        last = out.due_us;
    }
    assert_int_equal(again_next(&again), INT64_MAX);
    free(again.heap);
}

static void a_reply_is_read_when_it_is_whole(void **state)
{
    static const char text[] =
        "HTTP/1.1 202 Accepted\r\nContent-Length: 20\r\nConnection: close\r\n"
        "Retry-After: 7\r\n\r\n{\"id\": \"01ABC\",\"x\":1}";
    size_t whole = sizeof text - 1;
    reply_t reply;
    (void)state;
    for (size_t len = 5; len < whole - 1; len++)
        assert_int_equal(reply_parse(text, len, &reply), 0);
    assert_int_equal(reply_parse(text, whole, &reply), 1);
    assert_int_equal(reply.status, 202);
    assert_int_equal(reply.retry_after_s, 7);
    assert_true(reply.close);
    assert_string_equal(reply.message, "01ABC");
    assert_int_equal(reply_parse("SSH-2.0-x", 9, &reply), -1);
    assert_int_equal(reply_parse("HTTP/1.1 999 x\r\n\r\n", 18, &reply), -1);
}

static void a_duplicate_is_told_apart(void **state)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 34\r\n\r\n"
                               "{\"id\":\"01A\",\"status\":\"duplicate\"}\r\n";
    reply_t reply;
    (void)state;
    assert_int_equal(reply_parse(text, sizeof text - 1, &reply), 1);
    assert_true(reply.duplicate);
}

static void a_lease_is_what_the_answer_names_in_its_dialect(void **state)
{
    static const char weir[] = "HTTP/1.1 201 Created\r\nContent-Length: 26\r\n\r\n"
                               "{\"id\":\"01ABC\",\"fence\":4097}",
                      token[] = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n7f0c1d2e3",
                      odd[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na\"b",
                      full[] = "HTTP/1.1 429 x\r\nContent-Length: 4\r\n\r\nbusy";
    reply_t reply;
    char lease[12];
    (void)state;
    assert_int_equal(reply_parse(weir, sizeof weir - 1, &reply), 1);
    assert_true(reply_lease(DIALECT_WEIR, &reply, lease, sizeof lease));
    assert_string_equal(lease, "01ABC");
    assert_int_equal(reply_parse(token, sizeof token - 1, &reply), 1);
    assert_true(reply_lease(DIALECT_ADMISSION, &reply, lease, sizeof lease));
    assert_string_equal(lease, "7f0c1d2e3");
    assert_false(reply_lease(DIALECT_ADMISSION, &reply, lease, 9));
    assert_false(reply_lease(DIALECT_WEIR, &reply, lease, sizeof lease));
    assert_int_equal(reply_parse(odd, sizeof odd - 1, &reply), 1);
    assert_false(reply_lease(DIALECT_ADMISSION, &reply, lease, sizeof lease));
    assert_int_equal(reply_parse(full, sizeof full - 1, &reply), 1);
    assert_false(reply_lease(DIALECT_ADMISSION, &reply, lease, sizeof lease));
    assert_false(
        reply_lease(DIALECT_WEIR, &(reply_t){.ending = ENDED_CLOSED}, lease, sizeof lease));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_percentile_is_within_three_percent_of_the_truth),
        cmocka_unit_test(an_empty_histogram_says_nothing_took_time),
        cmocka_unit_test(what_is_to_be_sent_again_comes_back_in_the_order_of_its_time),
        cmocka_unit_test(a_reply_is_read_when_it_is_whole),
        cmocka_unit_test(a_duplicate_is_told_apart),
        cmocka_unit_test(a_lease_is_what_the_answer_names_in_its_dialect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
