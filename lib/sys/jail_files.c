#include "sys/jail_files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As linux/landlock.h of later kernels has it; what a kernel does not know stays 0. */
typedef struct ruleset {
    uint64_t files, net, scoped;
} ruleset_t;
#define TRUNCATE (1ull << 14)  /* version 3 */
#define IOCTL_DEV (1ull << 15) /* version 5 */
#define NET_BIND_TCP 1ull      /* version 4 */
#define NET_CONNECT_TCP 2ull
#define SCOPED_ABSTRACT_SOCKET 1ull /* version 6 */
#define SCOPED_SIGNAL 2ull

#define FIRST_FILES                                                                                \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |   \
     LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |                                 \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |   \
     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)
#define OF_A_FILE (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | TRUNCATE)

static ruleset_t handled(int version, bool may_call)
{
    ruleset_t h = {.files = FIRST_FILES};
    if (version >= 2)
        h.files |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3)
        h.files |= TRUNCATE;
    if (version >= 4)
        h.net = NET_BIND_TCP | (may_call ? 0 : NET_CONNECT_TCP);
    if (version >= 5)
        h.files |= IOCTL_DEV;
    if (version >= 6)
        h.scoped = SCOPED_ABSTRACT_SOCKET | SCOPED_SIGNAL;
    return h;
}

static uint64_t rights_of(unsigned how)
{
    uint64_t rights = 0;
    if (how & JAIL_READ)
        rights |= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    if (how & JAIL_WRITE)
        rights |= LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE | LANDLOCK_ACCESS_FS_MAKE_REG |
                  LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                  LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REFER;
    if (how & JAIL_BIND)
        rights |= LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE;
    return rights;
}

/* The descriptor of a directory of /proc stays open: a rule is about an inode, and those of /proc
 * are made anew when nobody holds them. */
static int add(int ruleset, const ruleset_t *h, const jail_path_t *path)
{
    struct stat st;
    int fd = open(path->path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == EACCES || errno == ENOTDIR ? 0 : -errno;
    int r = fstat(fd, &st) < 0 ? -errno : 0;
    struct landlock_path_beneath_attr rule = {.allowed_access = rights_of(path->how) & h->files,
                                              .parent_fd = fd};
    if (!S_ISDIR(st.st_mode))
        rule.allowed_access &= OF_A_FILE;
    if (r == 0 && syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
        r = -errno;
    if (r < 0 || strncmp(path->path, "/proc/", 6) != 0)
        close(fd);
    return r;
}

int jail_files(const jail_path_t *paths, size_t count, bool may_call)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 0)
        return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
    const ruleset_t h = handled((int)version, may_call);
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &h, sizeof h, 0);
    if (ruleset < 0)
        return -errno;
    int r = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
    for (size_t i = 0; i < count && r == 0; i++)
        r = add(ruleset, &h, &paths[i]);
    if (r == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        r = -errno;
    close(ruleset);
    return r < 0 ? r : (int)version;
}
