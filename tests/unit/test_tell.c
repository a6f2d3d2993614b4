/* What an actor tells of its log, and what the supervisor remembers of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "actors/tell.h"
#include "supervisor/events.h"
#include "sys/log_names.h"

static now_t at_us(int64_t us) { return (now_t){.at = {us}, .wall = {1000000000 + us}}; }

static log_line_t line_of(enum log_event event, const char *text, const char *route)
{
    return (log_line_t){.event = event, .text = text, .route = bytes_str(route)};
}

static size_t told(tell_t *t)
{
    frame_builder_t *frame = tell_waiting(t);
    size_t count = frame ? frame_count(frame) : 0;
    if (frame)
        tell_sent(t);
    return count;
}

static void lines_leave_together_and_at_most_so_many_a_second(void **state)
{
    (void)state;
    tell_t *t = tell_new();
    log_line_t line = line_of(LOG_DEAD, "a message became a dead letter", "tickets");
    assert_null(tell_waiting(t));
    for (int i = 0; i < 3; i++)
        tell_line(t, &line, at_us(1000));
    assert_int_equal(told(t), 3);
    assert_int_equal(told(t), 0);
    size_t all = 0;
    for (int i = 0; i < 1000; i++) {
        tell_line(t, &line, at_us(2000));
        all += told(t);
    }
    assert_int_equal(all, TELL_BURST - 3);
    for (int i = 0; i < 1000; i++) {
        tell_line(t, &line, at_us(2000 + US_PER_S));
        all += told(t);
    }
    assert_int_equal(all, TELL_BURST - 3 + TELL_A_SECOND);
    tell_destroy(&t);
}

static void without_a_supervisor_few_wait(void **state)
{
    (void)state;
    tell_t *t = tell_new();
    log_line_t line = line_of(LOG_RETRY, "again", "tickets");
    for (size_t i = 0; i < TELL_FRAME + 10; i++)
        tell_line(t, &line, at_us(1));
    assert_int_equal(told(t), TELL_FRAME);
    tell_destroy(&t);
}

static void texts_are_cut_to_what_a_message_carries(void **state)
{
    (void)state;
    char text[2000], route[100];
    memset(text, 'x', sizeof text - 1);
    memset(route, 'r', sizeof route - 1);
    text[sizeof text - 1] = route[sizeof route - 1] = '\0';
    log_line_t line = line_of(LOG_GENERAL, text, route);
    line.message = bytes_of("\xff\xfe", 2);
    msg_event_t event = tell_event(&line, (wall_t){5});
    assert_int_equal(event.text.len, REASON_BYTES_MAX);
    assert_int_equal(event.route.len, NAME_BYTES_MAX);
    assert_int_equal(event.message.len, 0);
    frame_builder_t *frame = frame_builder_new();
    frame_begin(frame, MESSAGE_EVENT);
    assert_int_equal(frame_add(frame, &event), 0);
    frame_builder_destroy(&frame);
}

static void put(events_t *e, enum log_event kind, const char *route, uint64_t at_ms)
{
    log_line_t line = line_of(kind, "something", route);
    msg_event_t event = tell_event(&line, (wall_t){(int64_t)at_ms * US_PER_MS});
    events_put(e, "limiter/0", &event);
}

static int64_t next_number(const events_t *e, events_view_t *view)
{
    json_t *shown = events_next(e, view);
    int64_t number = json_integer_value(json_object_get(shown, "number"));
    json_decref(shown);
    return number;
}

static void a_view_takes_what_it_asked_for_in_order(void **state)
{
    (void)state;
    events_t *e = events_new();
    put(e, LOG_DEAD, "a", 1000);
    put(e, LOG_RETRY, "b", 2000);
    put(e, LOG_DEAD, "b", 3000);
    events_view_t all = {.kind = -1}, dead = {.kind = LOG_DEAD}, of_b = {.kind = -1, .route = "b"},
                  late = {.kind = -1, .since_ms = 2500}, other = {.kind = -1, .actor = "drainer/0"};
    assert_int_equal(next_number(e, &all), 1);
    assert_int_equal(next_number(e, &all), 2);
    assert_int_equal(next_number(e, &all), 3);
    assert_int_equal(next_number(e, &all), 0);
    assert_int_equal(next_number(e, &dead), 1);
    assert_int_equal(next_number(e, &dead), 3);
    assert_int_equal(next_number(e, &of_b), 2);
    assert_int_equal(next_number(e, &late), 3);
    assert_int_equal(next_number(e, &other), 0);
    put(e, LOG_MODE, "", 4000);
    assert_int_equal(next_number(e, &all), 4);
    events_destroy(&e);
}

static void who_is_slow_is_told_how_many_were_missed(void **state)
{
    (void)state;
    events_t *e = events_new();
    events_view_t view = {.kind = -1};
    put(e, LOG_MODE, "", 1);
    assert_int_equal(next_number(e, &view), 1);
    for (size_t i = 0; i < EVENTS_KEPT + 7; i++)
        put(e, LOG_RETRY, "a", 2);
    assert_int_equal(next_number(e, &view), 9);
    assert_int_equal(view.missed, 7);
    events_destroy(&e);
}

static void kinds_have_names_both_ways(void **state)
{
    (void)state;
    for (int i = 0; i < LOG_EVENT_COUNT; i++)
        assert_int_equal(log_event_of(bytes_str(log_event_name((unsigned)i))), i);
    assert_int_equal(log_event_of(bytes_str("DEAD")), -1);
    assert_int_equal(log_event_of(bytes_str("")), -1);
    assert_string_equal(log_event_name(LOG_EVENT_COUNT), "?");
    assert_string_equal(log_event_name(LOG_CHILD_DIED), "child_died");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_leave_together_and_at_most_so_many_a_second),
        cmocka_unit_test(without_a_supervisor_few_wait),
        cmocka_unit_test(texts_are_cut_to_what_a_message_carries),
        cmocka_unit_test(a_view_takes_what_it_asked_for_in_order),
        cmocka_unit_test(who_is_slow_is_told_how_many_were_missed),
        cmocka_unit_test(kinds_have_names_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
