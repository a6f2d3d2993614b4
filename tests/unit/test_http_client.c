/* The HTTP client against a small server with habits. Nothing sleeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http_near_side.h"

/* ---- ordinary calls */

static void a_call_is_answered(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "127.0.0.1", 2, true);
    call(&w, 7, "POST", "/ok?a=%20b", "{\"a\":1}");
    run_until(&w, 1);
    assert_int_equal(w.told[0].token, 7);
    assert_int_equal(w.told[0].end, CALL_ANSWERED);
    assert_true(w.told[0].wrote);
    assert_int_equal(w.told[0].status, 200);
    assert_string_equal(w.told[0].body, "ok");
    assert_memory_equal(w.far.last, "POST /ok?a=%20b HTTP/1.1\r\n", 26);
    assert_non_null(strstr(w.far.last, "\r\nIdempotency-Key: k:1\r\n"));
    assert_non_null(strstr(w.far.last, "\r\nX-Empty:\r\n"));
    assert_non_null(strstr(w.far.last, "\r\nContent-Length: 7\r\n"));
    assert_non_null(strstr(w.far.last, "\r\n\r\n{\"a\":1}"));
    assert_null(strstr(w.far.last, "urlencoded"));
    assert_null(strstr(w.far.last, "Expect"));
    stop(&w);
}

static void call_the_next(struct world *w, size_t nth)
{
    if (nth < 20)
        call(w, nth + 1, nth % 2 ? "DELETE" : "PUT", "/ok", nth % 2 ? "" : "x");
}

static void a_connection_is_kept_for_the_next_call(void **state)
{
    (void)state;
    struct world w = {.then = call_the_next};
    start(&w, "127.0.0.1", 1, true); /* one place: begun from inside the answer */
    call(&w, 1, "POST", "/ok", "x");
    run_until(&w, 20);
    assert_int_equal(atomic_load(&w.far.connections), 1);
    assert_int_equal(atomic_load(&w.far.requests), 20);
    stop(&w);
}

static void every_method_arrives_as_itself(void **state)
{
    (void)state;
    static const struct {
        const char *method, *body, *line;
    } rows[] = {
        {"GET", "", "GET /ok "},        {"HEAD", "", "HEAD /ok "},    {"POST", "", "POST /ok "},
        {"PUT", "b", "PUT /ok "},       {"PATCH", "b", "PATCH /ok "}, {"DELETE", "", "DELETE /ok "},
        {"DELETE", "b", "DELETE /ok "}, {"GET", "b", "GET /ok "},     {"POST", "b", "POST /ok "},
        {"GET", "", "GET /ok "},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world w = {0};
        start(&w, "127.0.0.1", 1, true);
        call(&w, 1, rows[i].method, "/ok", rows[i].body);
        if (strcmp(rows[i].method, "HEAD") == 0) {
            stop(&w); /* the far side would send a body; not asked for */
            continue;
        }
        run_until(&w, 1);
        assert_int_equal(w.told[0].status, 200);
        assert_memory_equal(w.far.last, rows[i].line, strlen(rows[i].line));
        assert_string_equal(strstr(w.far.last, "\r\n\r\n") + 4, rows[i].body);
        stop(&w);
    }
}

static void interim_answers_are_passed_over(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "127.0.0.1", 1, true);
    call(&w, 1, "POST", "/interim", "x");
    run_until(&w, 1);
    assert_int_equal(w.told[0].status, 201);
    assert_string_equal(w.told[0].early, "");
    assert_string_equal(w.told[0].late, "yes");
    stop(&w);
}

static void chunks_and_statuses_arrive(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "127.0.0.1", 4, true);
    call(&w, 1, "GET", "/chunked", "");
    call(&w, 2, "GET", "/503", "");
    call(&w, 3, "GET", "/moved", ""); /* not followed */
    run_until(&w, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct told *t = &w.told[i];
        assert_int_equal(t->end, CALL_ANSWERED);
        assert_int_equal(t->status, t->token == 1 ? 200 : t->token == 2 ? 503 : 302);
        assert_string_equal(t->body, t->token == 1 ? "hello" : "");
        assert_string_equal(t->retry_after, t->token == 2 ? "7" : "");
    }
    assert_int_equal(atomic_load(&w.far.requests), 3);
    stop(&w);
}

static void an_answer_too_long_is_cut(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "127.0.0.1", 1, true);
    call(&w, 1, "GET", "/big", "");
    run_until(&w, 1);
    assert_int_equal(w.told[0].end, CALL_ANSWERED);
    assert_true(w.told[0].truncated);
    assert_int_equal(w.told[0].body_len, 4096);
    stop(&w);
}

static void a_large_body_arrives_whole(void **state)
{
    (void)state;
    struct world w = {0};
    char *body = malloc(500001);
    memset(body, 'z', 500000);
    body[500000] = '\0';
    start(&w, "127.0.0.1", 1, true);
    call(&w, 1, "POST", "/ok", body);
    run_until(&w, 1);
    assert_int_equal(w.told[0].status, 200);
    free(body);
    stop(&w);
}

/* ---- time */

static void a_call_that_hangs_ends_at_its_total(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "127.0.0.1", 1, true);
    call(&w, 1, "POST", "/hang", "x");
    run_until(&w, 1);
    assert_int_equal(w.told[0].end, CALL_FAILED);
    assert_true(w.told[0].wrote);
    stop(&w);
}

static void call_late(struct world *w, size_t nth)
{
    const http_call_t late = {.token = 2,
                              .method = "POST",
                              .path = bytes_str("/ok"),
                              .body = bytes_str("x"),
                              .start_by = {loop_now().at.us - 1}};
    if (nth == 1)
        http_client_call(w->client, &late);
}

static void nothing_is_sent_after_start_by(void **state)
{
    (void)state;
    struct world w = {.then = call_late};
    const http_call_t late = {
        .token = 1, .method = "POST", .path = bytes_str("/ok"), .start_by = {1}};
    start(&w, "127.0.0.1", 1, true);
    w.calling = true;
    http_client_call(w.client, &late); /* on a new connection */
    w.calling = false;
    run_until(&w, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(w.told[i].end, CALL_LATE);
        assert_false(w.told[i].wrote);
    }
    stop(&w);
    assert_int_equal(atomic_load(&w.far.requests), 0);
}

static void a_late_call_on_a_kept_connection_is_not_sent(void **state)
{
    (void)state;
    struct world w = {.then = call_late};
    start(&w, "127.0.0.1", 1, true);
    call(&w, 1, "GET", "/ok", "");
    run_until(&w, 2);
    assert_int_equal(w.told[1].end, CALL_LATE);
    assert_false(w.told[1].wrote);
    stop(&w);
    assert_int_equal(atomic_load(&w.far.requests), 1);
}

static void a_port_nobody_listens_on_fails_without_a_write(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "127.0.0.1", 1, true);
    http_client_close(&w.client);
    uint16_t port;
    char url[64];
    close(listen_on_loopback(&port));
    snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
    assert_int_equal(open_client(&w, url, 1, true), 0);
    call(&w, 1, "POST", "/ok", "x");
    run_until(&w, 1);
    assert_int_equal(w.told[0].end, CALL_FAILED);
    assert_false(w.told[0].wrote);
    stop(&w);
}

/* ---- cancelling */

static void cancel_the_other(struct world *w, size_t nth)
{
    if (nth == 1) {
        http_client_cancel(w->client, 1);
        http_client_cancel(w->client, 1); /* again, and somebody unknown: ignored */
        http_client_cancel(w->client, 99);
    }
}

static void a_cancelled_call_ends_at_once(void **state)
{
    (void)state;
    struct world w = {.then = cancel_the_other};
    start(&w, "127.0.0.1", 2, true);
    call(&w, 1, "POST", "/hang", "x");
    call(&w, 2, "GET", "/interim", "");
    run_until(&w, 2);
    assert_int_equal(w.told[1].token, 1);
    assert_int_equal(w.told[1].end, CALL_CANCELLED);
    stop(&w);
}

static void a_close_with_calls_in_hand_tells_nobody(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "127.0.0.1", 4, true);
    call(&w, 1, "POST", "/hang", "x");
    call(&w, 2, "POST", "/hang", "x");
    stop(&w);
    assert_int_equal(w.told_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_answered),
        cmocka_unit_test(a_connection_is_kept_for_the_next_call),
        cmocka_unit_test(every_method_arrives_as_itself),
        cmocka_unit_test(interim_answers_are_passed_over),
        cmocka_unit_test(chunks_and_statuses_arrive),
        cmocka_unit_test(an_answer_too_long_is_cut),
        cmocka_unit_test(a_large_body_arrives_whole),
        cmocka_unit_test(a_call_that_hangs_ends_at_its_total),
        cmocka_unit_test(nothing_is_sent_after_start_by),
        cmocka_unit_test(a_late_call_on_a_kept_connection_is_not_sent),
        cmocka_unit_test(a_port_nobody_listens_on_fails_without_a_write),
        cmocka_unit_test(a_cancelled_call_ends_at_once),
        cmocka_unit_test(a_close_with_calls_in_hand_tells_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
