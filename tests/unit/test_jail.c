/* What an actor may still do once it is jailed, as each kind of the roster: a child jails itself
 * and tries one thing. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "sys/jail_calls.h"
#include "sys/jail_files.h"

static char folder[64];

/* ---- what is tried: 0, or -errno */

static int got(long result) { return result < 0 ? -errno : 0; }

static int run_a_shell(void) { return got(execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL)); }

static int run_by_descriptor(void)
{
    return got(syscall(SYS_execveat, 1, "", NULL, NULL, AT_EMPTY_PATH));
}

static int fork_a_child(void)
{
    long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    return got(pid);
}

static int make_a_namespace(void) { return got(unshare(CLONE_NEWUSER)); }
static int trace_somebody(void) { return got(ptrace(PTRACE_TRACEME, 0, NULL, NULL)); }
static int signal_somebody(void) { return got(kill(getppid(), 0)); }
static int be_dumpable(void) { return got(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)); }
static int load_a_module(void) { return got(syscall(SYS_init_module, NULL, 0, "")); }

static int map_code(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? -errno : 0;
}

static int make_data_code(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return -EIO;
    return got(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static int raise_a_limit(void)
{
    const struct rlimit core = {0, 0};
    return got(setrlimit(RLIMIT_CORE, &core));
}

static int opens_a_socket(int family, int type)
{
    int fd = socket(family, type | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        close(fd);
    return got(fd);
}

static int open_tcp(void) { return opens_a_socket(AF_INET, SOCK_STREAM); }
static int open_tcp6(void) { return opens_a_socket(AF_INET6, SOCK_STREAM); }
static int open_raw(void) { return opens_a_socket(AF_PACKET, SOCK_RAW); }
static int open_unix(void) { return opens_a_socket(AF_UNIX, SOCK_STREAM); }

static int type_into_a_terminal(void) { return got(ioctl(0, TIOCSTI, "x")); }

static int bind_a_socket(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s/run/test.sock", folder);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), r = got(bind(fd, (struct sockaddr *)&at, sizeof at));
    close(fd);
    if (r == 0)
        r = got(unlink(at.sun_path));
    return r;
}

static int opens(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return got(fd);
}

static int read_passwd(void) { return opens("/etc/passwd", O_RDONLY); }
static int read_hosts(void) { return opens("/etc/hosts", O_RDONLY); }
static int read_ourselves(void) { return opens("/proc/self/statm", O_RDONLY); }

static const char *in_state(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/state/%s", folder, name);
    return path;
}

static int read_the_store(void) { return opens(in_state("there"), O_RDONLY); }
static int write_the_store(void) { return opens(in_state("there"), O_RDWR | O_TRUNC); }
static int add_to_the_store(void) { return opens(in_state("new"), O_RDWR | O_CREAT); }

static int write_elsewhere(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/elsewhere", folder);
    return opens(path, O_RDWR | O_CREAT);
}

static void *nothing(void *arg) { return arg; }

static int work_with_a_thread(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, nothing, NULL) != 0)
        return -EAGAIN;
    free(malloc(1 << 20));
    return -pthread_join(thread, NULL);
}

/* ---- the table: who can what */

#define NOBODY 0x100u /* not even who may everything */
#define ALL 0x200u
#ifdef __SANITIZE_ADDRESS__ /* which need it; tests/proc/test_jail.py runs this without them */
#define SANITIZED ALL
#else
#define SANITIZED NOBODY
#endif

static const struct trial {
    const char *name;
    int (*go)(void);
    unsigned who;  /* MAY_* of whom it succeeds for, or NOBODY, or ALL */
    bool by_files; /* Landlock refuses, where there is one; otherwise seccomp */
} trials[] = {
    {"run a shell", run_a_shell, NOBODY, false},
    {"run what is open", run_by_descriptor, NOBODY, false},
    {"fork", fork_a_child, SANITIZED, false},
    {"make a namespace", make_a_namespace, NOBODY, false},
    {"ptrace", trace_somebody, SANITIZED, false},
    {"signal others", signal_somebody, NOBODY, false},
    {"become dumpable", be_dumpable, SANITIZED, false},
    {"load a module", load_a_module, NOBODY, false},
    {"map code", map_code, NOBODY, false},
    {"make data code", make_data_code, NOBODY, false},
    {"set a limit", raise_a_limit, NOBODY, false},
    {"open a raw socket", open_raw, NOBODY, false},
    {"type into a terminal", type_into_a_terminal, NOBODY, false},
    {"open a TCP socket", open_tcp, MAY_CALL, false},
    {"open a TCP socket over IPv6", open_tcp6, MAY_CALL, false},
    {"bind a socket", bind_a_socket, MAY_SERVE, false},
    {"write the store", write_the_store, MAY_STORE, false},
    {"add to the store", add_to_the_store, MAY_STORE, false},
    {"read the store", read_the_store, MAY_STORE, true},
    {"read /etc/passwd", read_passwd, NOBODY, true},
    {"read /etc/hosts", read_hosts, MAY_CALL, true},
    {"read about itself", read_ourselves, ALL, false},
    {"open a socket of this host", open_unix, ALL, false},
    {"work with a thread", work_with_a_thread, ALL, false},
};

static bool may_do(const struct trial *t, unsigned may) { return t->who == ALL || t->who & may; }

/* ---- the child */

static int shut_in(unsigned may, enum jail_refusal refusal)
{
    char run[80], state[80];
    snprintf(run, sizeof run, "%s/run", folder);
    snprintf(state, sizeof state, "%s/state", folder);
    jail_path_t paths[4] = {{"/proc/self", JAIL_READ}};
    size_t count = 1;
    if (may & MAY_CALL)
        paths[count++] = (jail_path_t){"/etc/hosts", JAIL_READ};
    if (may & MAY_SERVE)
        paths[count++] = (jail_path_t){run, JAIL_BIND};
    if (may & MAY_STORE)
        paths[count++] = (jail_path_t){state, JAIL_READ | JAIL_WRITE};
    int files = jail_files(paths, count, may & MAY_CALL);
    if (files < 0)
        return files;
    return jail_calls(may, refusal);
}

/* Ends with 0, the errno, or 255: it could not be jailed. _exit: nothing of cmocka's is tidied up.
 */
static int try_in_jail(const struct trial *t, unsigned may, enum jail_refusal refusal)
{
    int status = 0;
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(shut_in(may, refusal) < 0 ? 255 : -t->go());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static bool has_landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

static const unsigned kinds[] = {MAY_NOTHING, MAY_LISTEN, MAY_CALL, MAY_STORE | MAY_SERVE, MAY_ALL};

static void each_kind_can_what_it_may_and_nothing_else(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT_OF(kinds); k++)
        for (size_t i = 0; i < COUNT_OF(trials); i++) {
            const struct trial *t = &trials[i];
            if (t->by_files && !has_landlock())
                continue;
            int status = try_in_jail(t, kinds[k], JAIL_REFUSES);
            int error = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
            int expected = may_do(t, kinds[k]) ? 0 : t->by_files ? EACCES : EPERM;
            if (error != expected)
                print_error("%s, with MAY %u: %d, %d is expected\n", t->name, kinds[k], error,
                            expected);
            assert_int_equal(error, expected);
        }
}

static void a_strict_jail_kills_who_makes_a_call_that_is_not_on_the_list(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT_OF(kinds); k++)
        for (size_t i = 0; i < COUNT_OF(trials); i++) {
            const struct trial *t = &trials[i];
            if (t->by_files)
                continue;
            int status = try_in_jail(t, kinds[k], JAIL_KILLS);
            bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
            if (killed == may_do(t, kinds[k]))
                print_error("%s, with MAY %u: status %#x\n", t->name, kinds[k], (unsigned)status);
            assert_int_equal(killed, !may_do(t, kinds[k]));
        }
}

static void nobody_writes_outside_of_what_is_its_own(void **state)
{
    (void)state;
    if (!has_landlock())
        skip();
    const struct trial t = {"write elsewhere", write_elsewhere, NOBODY, true};
    int status = try_in_jail(&t, MAY_ALL, JAIL_REFUSES);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EACCES);
}

/* Threads made before and after; a reader of /proc/self also when the kernel forgot its inodes. */
static int kernel_says_so(void)
{
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof text - 1);
    if (n <= 0)
        return -EIO;
    text[n] = '\0';
    return strstr(text, "\nSeccomp:\t2\n") && strstr(text, "\nNoNewPrivs:\t1\n") ? 0 : -ENOENT;
}

static void the_kernel_says_that_it_is_jailed(void **state)
{
    (void)state;
    const struct trial t = {"status", kernel_says_so, ALL, false};
    assert_int_equal(try_in_jail(&t, MAY_NOTHING, JAIL_REFUSES), 0);
}

static void a_path_that_is_not_there_is_no_obstacle(void **state)
{
    (void)state;
    fflush(NULL);
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        const jail_path_t paths[] = {{"/nonexistent/x", JAIL_READ}, {"/etc/hosts/x", JAIL_READ}};
        _exit(jail_files(paths, COUNT_OF(paths), false) < 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static int make_places(void **state)
{
    (void)state;
    char path[128];
    snprintf(folder, sizeof folder, "/tmp/weir-jail-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    static const char *const names[] = {"run", "state"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (mkdir(path, 0700) < 0)
            return -1;
    }
    return opens(in_state("there"), O_RDWR | O_CREAT);
}

static int remove_places(void **state)
{
    (void)state;
    static const char *const names[] = {"state/there", "state/new"};
    char path[128];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(in_state(""));
    snprintf(path, sizeof path, "%s/run", folder);
    rmdir(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_can_what_it_may_and_nothing_else),
        cmocka_unit_test(a_strict_jail_kills_who_makes_a_call_that_is_not_on_the_list),
        cmocka_unit_test(nobody_writes_outside_of_what_is_its_own),
        cmocka_unit_test(the_kernel_says_that_it_is_jailed),
        cmocka_unit_test(a_path_that_is_not_there_is_no_obstacle),
    };
    return cmocka_run_group_tests(tests, make_places, remove_places);
}
