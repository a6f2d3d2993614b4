/* New processes: what they are given and what they are not; addresses to listen on. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "supervisor/listeners.h"
#include "supervisor/spawn.h"

static int run_shell(const char *script, const int *kept, size_t kept_count, const char *birth)
{
    char path[] = "/tmp/weir-spawn-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_true(write(fd, script, strlen(script)) == (ssize_t)strlen(script));
    assert_int_equal(fchmod(fd, 0700), 0);
    close(fd); /* a file open for writing cannot be run */
    int pid = spawn(&(spawn_t){.path = path,
                               .title = "weir-test: 0",
                               .birth = birth,
                               .kept = kept,
                               .kept_count = kept_count,
                               .descriptors = 100});
    int status = 0;
    if (pid > 0)
        waitpid(pid, &status, 0);
    unlink(path);
    assert_true(pid > 0 && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_child_has_only_the_descriptors_handed_over(void **state)
{
    (void)state;
    char script[256], birth[64];
    int kept = memory_file("test", bytes_str("hello\n")), other = open("/dev/null", O_RDONLY);
    assert_true(kept > 2 && other > 2);
    snprintf(birth, sizeof birth, "WEIR_BIRTH=config=%d", kept);
    snprintf(script, sizeof script,
             "#!/bin/sh\nread -r x <&%d; [ \"$x\" = hello ] || exit 1\n"
             "[ -e /proc/$$/fd/%d ] && exit 2\n[ \"$WEIR_BIRTH\" = config=%d ] || exit 3\nexit 0\n",
             kept, other, kept);
    assert_int_equal(run_shell(script, &kept, 1, birth), 0);
    close(kept);
    close(other);
}

static void our_environment_stays_with_us(void **state)
{
    (void)state;
    assert_int_equal(setenv("WEIR_TEST_SECRET", "x", 1), 0);
    assert_int_equal(setenv("TZ", "UTC", 1), 0);
    const char *script = "#!/bin/sh\n[ -z \"$WEIR_TEST_SECRET\" ] || exit 1\n"
                         "[ \"$TZ\" = UTC ] || exit 2\nexit 0\n";
    assert_int_equal(run_shell(script, NULL, 0, "WEIR_BIRTH=x"), 0);
}

static void limits_and_privileges_are_set(void **state)
{
    (void)state;
    /* The shell reads its own state itself: while it waits for a child it blocks signals. */
    const char *script = "#!/bin/sh\n[ \"$(ulimit -n)\" = 100 ] || exit 1\n"
                         "[ \"$(ulimit -c)\" = 0 ] || exit 2\n"
                         "seen=\nwhile read -r name value; do case $name in\n"
                         "NoNewPrivs:) [ \"$value\" = 1 ] || exit 3; seen=${seen}n;;\n"
                         "CapPrm:) [ $((0x$value & ~0xb)) = 0 ] || exit 6; seen=${seen}c;;\n"
                         "SigBlk:) [ $((0x$value)) = 0 ] || exit 4; seen=${seen}s;;\n"
                         "esac; done </proc/$$/status\n[ ${#seen} = 3 ] || exit 5\nexit 0\n";
    assert_int_equal(run_shell(script, NULL, 0, "WEIR_BIRTH=x"), 0);
}

static void a_program_that_is_not_there_is_told_at_once(void **state)
{
    (void)state;
    spawn_t what = {.path = "/nonexistent/weir", .title = "x", .birth = "X=", .descriptors = 100};
    assert_int_equal(spawn(&what), -ENOENT);
    what.path = "/etc/passwd";
    assert_int_equal(spawn(&what), -EACCES);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie is left */
}

static void a_user_that_does_not_exist_is_known_before(void **state)
{
    (void)state;
    jail_user_t user;
    assert_int_equal(jail_user("no-such-user-of-weir", &user), -ENOENT);
    assert_int_equal(jail_user("root", &user), 0);
    assert_int_equal(user.uid, 0);
}

static void what_is_handed_over_cannot_be_changed(void **state)
{
    (void)state;
    char text[8] = "";
    int fd = memory_file("test", bytes_str("sealed"));
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(read(fd, text, sizeof text), 6);
    assert_string_equal(text, "sealed");
    close(fd);
}

static void addresses_are_numbers_with_a_port(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int family; /* 0: refused */
        unsigned port;
    } rows[] = {
        {"127.0.0.1:8080", AF_INET, 8080},
        {"[::1]:0", AF_INET6, 0},
        {"[::]:65535", AF_INET6, 65535},
        {"0.0.0.0:1", AF_INET, 1},
        {"127.0.0.1", 0, 0},
        {"127.0.0.1:", 0, 0},
        {"127.0.0.1:65536", 0, 0},
        {"127.0.0.1:-1", 0, 0},
        {"127.0.0.1: 80", 0, 0},
        {"localhost:80", 0, 0},
        {":80", 0, 0},
        {"[]:80", 0, 0},
        {"::1:80", 0, 0},
        {"[127.0.0.1]:80", 0, 0},
        {"", 0, 0},
        {"127.0.0.1:000080", 0, 0},
        {"127.0.0.1:8080x", 0, 0},
    };
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        struct sockaddr_storage address;
        socklen_t len;
        int error = listener_address(rows[n].text, &address, &len);
        if ((error == 0) != (rows[n].family != 0))
            fail_msg("%s: %d", rows[n].text, error);
        if (error)
            continue;
        assert_int_equal(address.ss_family, rows[n].family);
        in_port_t port = rows[n].family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                                   : ((struct sockaddr_in6 *)&address)->sin6_port;
        assert_int_equal(ntohs(port), rows[n].port);
    }
}

static void port_0_becomes_a_number_and_a_taken_port_is_named(void **state)
{
    (void)state;
    const char *texts[] = {"127.0.0.1:0"}, *which;
    config_t config = {.http = {.listen = texts, .listen_count = 1}};
    listeners_t first, second;
    assert_int_equal(listeners_open(&first, &config, &which), 0);
    assert_int_equal(first.count, 1);
    texts[0] = first.addresses[0];
    assert_null(strstr(texts[0], ":0"));
    assert_int_equal(listeners_open(&second, &config, &which), -EADDRINUSE);
    assert_string_equal(which, texts[0]);
    assert_int_equal(second.count, 0);
    listeners_close(&first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_has_only_the_descriptors_handed_over),
        cmocka_unit_test(our_environment_stays_with_us),
        cmocka_unit_test(limits_and_privileges_are_set),
        cmocka_unit_test(a_program_that_is_not_there_is_told_at_once),
        cmocka_unit_test(a_user_that_does_not_exist_is_known_before),
        cmocka_unit_test(what_is_handed_over_cannot_be_changed),
        cmocka_unit_test(addresses_are_numbers_with_a_port),
        cmocka_unit_test(port_0_becomes_a_number_and_a_taken_port_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
