#include "sys/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int jail_user(const char *name, jail_user_t *out)
{
    char buffer[16384];
    struct passwd entry, *found = NULL;
    int error = getpwnam_r(name, &entry, buffer, sizeof buffer, &found);
    if (error || !found)
        return error ? -error : -ENOENT;
    jail_user_t u = {.uid = entry.pw_uid, .gid = entry.pw_gid, .group_count = JAIL_GROUPS_MAX};
    if (getgrouplist(name, u.gid, u.groups, &u.group_count) < 0)
        return -E2BIG;
    *out = u;
    return 0;
}

int jail_become(const jail_user_t *user)
{
    if (setgroups((size_t)user->group_count, user->groups) < 0 ||
        setresgid(user->gid, user->gid, user->gid) < 0 ||
        setresuid(user->uid, user->uid, user->uid) < 0)
        return -errno;
    if (user->uid != 0 && setuid(0) == 0)
        return -EPERM;
    return 0;
}

int jail_capabilities(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct has[_LINUX_CAPABILITY_U32S_3];
    const uint32_t kept = 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER;
    if (syscall(SYS_capget, &header, has) < 0)
        return -errno;
    uint32_t any = 0;
    for (size_t i = 0; i < COUNT_OF(has); i++)
        any |= has[i].effective | has[i].permitted | has[i].inheritable;
    if (!any) /* as under weir.service, whose filter refuses capset altogether */
        return 0;
    for (size_t i = 0; i < COUNT_OF(has); i++) {
        has[i].permitted = has[i].effective = i == 0 ? has[i].effective & kept : 0;
        has[i].inheritable = 0;
    }
    return syscall(SYS_capset, &header, has) < 0 ? -errno : 0;
}

int jail_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0; }

int jail_die_with(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return -errno;
    return getppid() == parent ? 0 : -ESRCH;
}

int jail_limits(unsigned descriptors)
{
    struct rlimit core = {0, 0}, files;
    if (setrlimit(RLIMIT_CORE, &core) < 0 || getrlimit(RLIMIT_NOFILE, &files) < 0)
        return -errno;
    files.rlim_cur = descriptors < files.rlim_max ? descriptors : files.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &files) < 0 ? -errno : 0;
}

int jail_signals(void)
{
    for (int signal_number = 1; signal_number < NSIG; signal_number++)
        signal(signal_number, SIG_DFL); /* those that cannot be set stay as they are */
    sigset_t none;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

int jail_descriptors(const int *kept, size_t count)
{
    if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
        return -errno;
    for (size_t i = 0; i < count; i++) {
        int flags = fcntl(kept[i], F_GETFD);
        if (flags < 0 || fcntl(kept[i], F_SETFD, flags & ~FD_CLOEXEC) < 0)
            return -errno;
    }
    return 0;
}
