#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "sys/log_sink.h"

static log_entry_t entry_of(const log_line_t *line)
{
    return (log_entry_t){.line = line,
                         .actor = "limiter",
                         .message_id = "id",
                         .level = LOG_LEVEL_WARNING,
                         .wall = {1234567}};
}

/* ---- what is written ---- */

static void the_journal_gets_fields(void **state)
{
    char out[LOG_DATAGRAM_MAX + 1];
    (void)state;
    log_line_t line = {.event = LOG_RETRY,
                       .text = "it failed",
                       .message = bytes_str("01ABC"),
                       .route = bytes_str("tickets"),
                       .reason = bytes_str("two\nlines"),
                       .error = -EIO};
    log_entry_t entry = entry_of(&line);
    size_t len = log_format_journal(&entry, out, LOG_DATAGRAM_MAX);
    static const char wanted[] =
        "PRIORITY=4\nMESSAGE_ID=id\nWEIR_ACTOR=limiter\nWEIR_INSTANCE="
        "0\nSYSLOG_IDENTIFIER=weir-limiter\n"
        "ERRNO=5\nWEIR_MESSAGE=01ABC\nWEIR_ROUTE=tickets\nWEIR_"
        "REASON\n\t\0\0\0\0\0\0\0two\nlines\nMESSAGE=it failed  message=01ABC route=tickets "
        "reason=two?lines error=Input/output error\n";
    assert_int_equal(len, sizeof wanted - 1);
    assert_memory_equal(out, wanted, len);
}

static void a_value_cannot_forge_a_field(void **state)
{
    char out[LOG_DATAGRAM_MAX + 1];
    (void)state;
    log_line_t line = {.text = "x\nPRIORITY=0", .key = bytes_str("k\nWEIR_ACTOR=supervisor")};
    log_entry_t entry = entry_of(&line);
    size_t len = log_format_journal(&entry, out, LOG_DATAGRAM_MAX);
    assert_null(memmem(out, len, "=k\nWEIR_ACTOR", 13));
    assert_non_null(memmem(out, len, "WEIR_KEY\n\x17\0\0\0\0\0\0\0k\nWEIR_ACTOR", 29));
    static const char said[] = "\nMESSAGE=x?PRIORITY=0  key=k?WEIR_ACTOR=supervisor\n";
    assert_non_null(memmem(out, len, said, sizeof said - 1));
}

static void a_long_line_is_cut_with_a_mark(void **state)
{
    static char text[20000], out[LOG_DATAGRAM_MAX];
    (void)state;
    memset(text, 'x', sizeof text - 1);
    log_line_t line = {.text = text, .key = bytes_of(text, 6000), .reason = bytes_of(text, 6000)};
    log_entry_t entry = entry_of(&line);
    size_t len = log_format_journal(&entry, out, sizeof out);
    assert_true(len <= sizeof out);
    assert_non_null(memmem(out, len, "MESSAGE=xxx", 11));
    assert_memory_equal(out + len - 7, " (cut)\n", 7);
    len = log_format_line(&entry, false, out, 4095);
    assert_true(len <= 4095);
    assert_memory_equal(out + len - 7, " (cut)\n", 7);
}

static void people_get_one_line(void **state)
{
    char out[512];
    (void)state;
    setenv("TZ", "UTC", 1);
    log_line_t line = {.text = "held\033[31m\nback\xc2\x9b",
                       .message = bytes_str("01ABC"),
                       .route = bytes_str("r"),
                       .error = -EIO};
    log_entry_t entry = entry_of(&line);
    entry.wall.us = (12 * 3600 + 61) * US_PER_S + 123456;
    out[log_format_line(&entry, false, out, sizeof out)] = '\0';
    assert_string_equal(
        out,
        "12:01:01.123 limiter: held?[31m?back??  message=01ABC route=r error=Input/output error\n");
    out[log_format_line(&entry, true, out, sizeof out)] = '\0';
    assert_non_null(strstr(out, " \033[33mlimiter\033[0m: held"));
    entry.instance = 2;
    out[log_format_line(&entry, false, out, sizeof out)] = '\0';
    assert_non_null(strstr(out, " limiter/2: held"));
}

/* ---- stderr as a pipe ---- */

typedef struct pipe_end {
    int read, saved;
} pipe_end_t;

static pipe_end_t catch_stderr(void)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pipe_end_t p = {ends[0], dup(STDERR_FILENO)};
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    fcntl(p.read, F_SETFL, O_NONBLOCK);
    return p;
}

static size_t drain(pipe_end_t *p, char *out, size_t size)
{
    size_t len = 0;
    ssize_t n;
    while (len < size - 1 && (n = read(p->read, out + len, size - 1 - len)) > 0)
        len += (size_t)n;
    out[len] = '\0';
    return len;
}

static void release(pipe_end_t *p)
{
    dup2(p->saved, STDERR_FILENO);
    close(p->saved);
    close(p->read);
    log_open("test", 0, "error", false); /* lets go of the pipe */
}

static void lines_below_the_level_are_left_out(void **state)
{
    char out[4096];
    (void)state;
    pipe_end_t p = catch_stderr();
    log_open("limiter", 0, "warning", false);
    log_text(LOG_STARTED, "a notice");
    log_text(LOG_RETRY, "an info");
    log_text(LOG_DEAD, "a warning %d", 7);
    log_text(LOG_BUG, "an error");
    drain(&p, out, sizeof out);
    release(&p);
    assert_null(strstr(out, "notice"));
    assert_null(strstr(out, "info"));
    assert_non_null(strstr(out, "limiter: a warning 7\n"));
    assert_non_null(strstr(out, "limiter: an error\n"));
}

static void repeats_are_told_as_a_number(void **state)
{
    char out[8192];
    (void)state;
    pipe_end_t p = catch_stderr();
    log_open("limiter", 0, "info", false);
    for (int i = 0; i < 100; i++)
        log_text(LOG_DEAD, "the same");
    log_text(LOG_DEAD, "another");
    log_write(&(log_line_t){.event = LOG_RETRY, .text = "again", .message = bytes_str("A")});
    log_write(&(log_line_t){.event = LOG_RETRY, .text = "again", .message = bytes_str("B")});
    log_write(&(log_line_t){.event = LOG_RETRY, .text = "again", .message = bytes_str("B")});
    log_flush();
    drain(&p, out, sizeof out);
    release(&p);
    assert_non_null(strstr(out, "limiter: the same\n"));
    assert_non_null(strstr(out, "limiter: the same (repeated 99 times)\n"));
    assert_non_null(strstr(out, "message=A"));
    assert_non_null(strstr(out, "message=B"));
    assert_non_null(strstr(out, "again (repeated 1 times)\n"));
}

static size_t count_of(const char *text, const char *what)
{
    size_t count = 0;
    for (; (text = strstr(text, what)); text += strlen(what))
        count++;
    return count;
}

static void many_that_say_the_same_of_many_messages_are_counted(void **state)
{
    static char out[1 << 16];
    char id[16];
    (void)state;
    pipe_end_t p = catch_stderr();
    log_open("limiter", 0, "info", false);
    for (int i = 0; i < 200; i++) { /* two storms at once */
        snprintf(id, sizeof id, "m%d", i);
        log_write(
            &(log_line_t){.event = LOG_RETRY, .text = "step failed", .message = bytes_str(id)});
        log_write(
            &(log_line_t){.event = LOG_HOLD, .text = "message is held", .message = bytes_str(id)});
    }
    log_flush();
    drain(&p, out, sizeof out);
    release(&p);
    assert_int_equal(count_of(out, "step failed  message=m"), LOG_SAME_MOST);
    assert_int_equal(count_of(out, "message is held  message=m"), LOG_SAME_MOST);
    assert_non_null(strstr(out, "limiter: step failed (repeated 180 times)\n"));
    assert_non_null(strstr(out, "limiter: message is held (repeated 180 times)\n"));
}

static void the_count_comes_when_the_second_is_over(void **state)
{
    static char out[1 << 16];
    size_t len = 0;
    (void)state;
    pipe_end_t p = catch_stderr();
    log_open("limiter", 0, "info", false);
    for (int i = 0; i < 5; i++)
        log_text(LOG_DEAD, "once more");
    log_tick();
    len += drain(&p, out, sizeof out);
    bool too_early = strstr(out, "repeated") != NULL;
    alarm(20);
    while (!strstr(out, "repeated")) {
        usleep(10000);
        log_tick();
        len += drain(&p, out + len, sizeof out - len);
    }
    alarm(0);
    release(&p);
    assert_false(too_early);
    assert_non_null(strstr(out, "limiter: once more (repeated 4 times)\n"));
}

static void a_chosen_journey_is_written_whole(void **state)
{
    static char out[1 << 16];
    (void)state;
    pipe_end_t p = catch_stderr();
    log_open("limiter", 0, "info", false);
    for (int i = 0; i < 100; i++)
        log_write(&(log_line_t){.event = LOG_RETRY, .text = "step fails", .chosen = true});
    log_flush();
    drain(&p, out, sizeof out);
    release(&p);
    assert_int_equal(count_of(out, "step fails\n"), 100);
    assert_null(strstr(out, "repeated"));
}

static void a_stuck_reader_costs_lines_and_no_time(void **state)
{
    static char out[1 << 20];
    (void)state;
    pipe_end_t p = catch_stderr();
    log_open("limiter", 0, "info", false);
    uint64_t before = log_dropped();
    alarm(20); /* blocking here would be the defect: then this ends the test */
    for (int i = 0; i < 20000; i++)
        log_text(LOG_DEAD, "line %d", i);
    alarm(0);
    uint64_t dropped = log_dropped() - before;
    size_t len = drain(&p, out, sizeof out);
    log_text(LOG_DEAD, "after the jam");
    drain(&p, out + len, sizeof out - len);
    release(&p);
    assert_true(dropped > 10000 && dropped < 20000);
    assert_non_null(strstr(out, "\n"));
    assert_non_null(strstr(out + len, "limiter: after the jam\n"));
    assert_int_equal(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
}

static void stderr_as_a_socket_never_waits_either(void **state)
{
    int ends[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    int saved = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    log_open("limiter", 0, "info", false);
    uint64_t before = log_dropped();
    alarm(20);
    for (int i = 0; i < 20000; i++)
        log_text(LOG_DEAD, "line %d", i);
    alarm(0);
    uint64_t dropped = log_dropped() - before;
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[0]);
    log_open("test", 0, "error", false);
    assert_true(dropped > 1000);
}

/* ---- journald ---- */

static int stand_in_journald(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static size_t datagrams(int journald, char *last, size_t size)
{
    size_t count = 0;
    ssize_t n;
    while ((n = recv(journald, last, size - 1, 0)) >= 0) {
        last[n] = '\0';
        count++;
    }
    return count;
}

static void a_stuck_journald_costs_lines_and_a_new_one_is_found(void **state)
{
    char path[] = "/tmp/weir-test-journal-XXXXXX", last[LOG_DATAGRAM_MAX];
    (void)state;
    close(mkstemp(path));
    int journald = stand_in_journald(path);
    log_line_t line = {.text = "a line"};
    log_entry_t entry = entry_of(&line);
    log_sink_t sink;
    log_sink_open(&sink, path);
    size_t sent = 0;
    alarm(20);
    for (int i = 0; i < 5000; i++) /* nobody reads: the kernel keeps a few */
        sent += log_sink_write(&sink, &entry);
    alarm(0);
    assert_true(sent > 0 && sent < 5000);
    assert_int_equal(datagrams(journald, last, sizeof last), sent);
    assert_non_null(strstr(last, "MESSAGE=a line\n"));
    assert_true(log_sink_write(&sink, &entry));
    close(journald);
    journald = stand_in_journald(path); /* a restart: the old socket leads nowhere */
    assert_true(log_sink_write(&sink, &entry));
    assert_int_equal(datagrams(journald, last, sizeof last), 1);
    log_sink_close(&sink);
    close(journald);
    unlink(path);
}

static void the_end_waits_for_journald_to_read_but_not_for_ever(void **state)
{
    char path[] = "/tmp/weir-test-journal-XXXXXX", last[LOG_DATAGRAM_MAX];
    (void)state;
    close(mkstemp(path));
    int journald = stand_in_journald(path);
    log_line_t line = {.text = "the last line"};
    log_entry_t entry = entry_of(&line);
    log_sink_t sink;
    log_sink_open(&sink, path);
    assert_true(log_sink_write(&sink, &entry));
    alarm(20);
    log_sink_settle(&sink); /* nobody reads: it gives up */
    alarm(0);
    assert_int_equal(datagrams(journald, last, sizeof last), 1);
    log_sink_settle(&sink);
    log_sink_close(&sink);
    log_sink_settle(&sink);
    close(journald);
    unlink(path);
}

static void without_journald_lines_go_to_people_until_it_comes(void **state)
{
    char path[] = "/tmp/weir-test-journal-XXXXXX", out[LOG_DATAGRAM_MAX];
    (void)state;
    close(mkstemp(path));
    unlink(path);
    pipe_end_t p = catch_stderr();
    log_line_t line = {.text = "a line"};
    log_entry_t entry = entry_of(&line);
    log_sink_t sink;
    log_sink_open(&sink, path);
    bool shown = log_sink_write(&sink, &entry);
    drain(&p, out, sizeof out);
    int journald = stand_in_journald(path);
    bool sent = log_sink_write(&sink, &entry);
    log_sink_close(&sink);
    release(&p);
    assert_true(shown && sent);
    assert_non_null(strstr(out, "limiter: a line\n"));
    assert_int_equal(datagrams(journald, out, sizeof out), 1);
    close(journald);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_journal_gets_fields),
        cmocka_unit_test(a_value_cannot_forge_a_field),
        cmocka_unit_test(a_long_line_is_cut_with_a_mark),
        cmocka_unit_test(people_get_one_line),
        cmocka_unit_test(lines_below_the_level_are_left_out),
        cmocka_unit_test(repeats_are_told_as_a_number),
        cmocka_unit_test(many_that_say_the_same_of_many_messages_are_counted),
        cmocka_unit_test(the_count_comes_when_the_second_is_over),
        cmocka_unit_test(a_chosen_journey_is_written_whole),
        cmocka_unit_test(a_stuck_reader_costs_lines_and_no_time),
        cmocka_unit_test(stderr_as_a_socket_never_waits_either),
        cmocka_unit_test(a_stuck_journald_costs_lines_and_a_new_one_is_found),
        cmocka_unit_test(the_end_waits_for_journald_to_read_but_not_for_ever),
        cmocka_unit_test(without_journald_lines_go_to_people_until_it_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
