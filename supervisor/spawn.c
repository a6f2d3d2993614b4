#include "supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a child may see of our environment besides its birth: nothing that could carry a secret. */
static const char *const inherited[] = {
    "TZ",           "WEIR_CRASH_AT",  "ASAN_OPTIONS", "UBSAN_OPTIONS",
    "LSAN_OPTIONS", "JOURNAL_STREAM", "NO_COLOR",     "TERM"};

static void environment(const char *birth, char *out[COUNT_OF(inherited) + 2])
{
    size_t n = 0;
    out[n++] = (char *)birth;
    for (char **e = environ; *e && n <= COUNT_OF(inherited); e++)
        for (size_t i = 0; i < COUNT_OF(inherited); i++) {
            size_t len = strlen(inherited[i]);
            if (strncmp(*e, inherited[i], len) == 0 && (*e)[len] == '=')
                out[n++] = *e;
        }
    out[n] = NULL;
}

static void report(int fd, int error)
{
    if (error == 0)
        return;
    ssize_t n = write(fd, &error, sizeof error);
    (void)n;
    _exit(127);
}

/* The child. The order matters: a change of user undoes the death signal. */
static _Noreturn void become(const spawn_t *what, char **arguments, char **variables, pid_t parent,
                             int failed)
{
    report(failed, what->user ? jail_become(what->user) : 0);
    report(failed, jail_die_with(parent));
    report(failed, jail_capabilities());
    report(failed, jail_no_new_privileges());
    report(failed, jail_limits(what->descriptors));
    report(failed, jail_descriptors(what->kept, what->kept_count));
    report(failed, jail_signals());
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    report(failed, null < 0 || dup2(null, STDIN_FILENO) < 0 ? -errno : 0);
    execve(what->path, arguments, variables);
    report(failed, -errno);
    _exit(127);
}

/* The exec closes the pipe; a child that failed says why first. */
static int wait_for_exec(int fd)
{
    int error = 0;
    ssize_t n;
    do
        n = read(fd, &error, sizeof error);
    while (n < 0 && errno == EINTR);
    return n == 0 ? 0 : n == (ssize_t)sizeof error ? error : -EIO;
}

int spawn(const spawn_t *what)
{
    char *arguments[] = {(char *)what->title, NULL};
    char *variables[COUNT_OF(inherited) + 2];
    environment(what->birth, variables);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    /* All blocked, so that no handler of ours runs in the child before it has set its own. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        become(what, arguments, variables, parent, ends[1]);
    int error = pid < 0 ? -errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    if (!error)
        error = wait_for_exec(ends[0]);
    close(ends[0]);
    if (error && pid > 0)
        waitpid(pid, NULL, 0);
    return error ? error : pid;
}

static int write_all(int fd, bytes_t content)
{
    for (size_t have = 0; have < content.len;) {
        ssize_t n = write(fd, content.data + have, content.len - have);
        if (n < 0 && errno != EINTR)
            return -errno;
        have += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

int memory_file(const char *name, bytes_t content)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    int error = write_all(fd, content);
    if (!error &&
        (lseek(fd, 0, SEEK_SET) < 0 ||
         fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0))
        error = -errno;
    if (error) {
        close(fd);
        return error;
    }
    return fd;
}
