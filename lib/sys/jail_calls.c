#include "sys/jail_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <linux/sockios.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVERYBODY 0u
#define INT 0xffffffffu /* of an argument that the kernel takes as an int */
#define POINTER UINT64_MAX
#define NAMESPACES                                                                                 \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET)
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41 /* names a mapping; newer glibc */
#endif

typedef struct rule {
    unsigned who;
    int call;
    bool conditional;
    unsigned argument;
    uint64_t mask, value;
} rule_t;

static int add(scmp_filter_ctx filter, const rule_t *r)
{
    const struct scmp_arg_cmp condition = {r->argument, SCMP_CMP_MASKED_EQ, r->mask, r->value};
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, r->call, r->conditional, &condition);
}

static int add_list(scmp_filter_ctx filter, unsigned may)
{
    const uint64_t self = (uint64_t)getpid();
    const rule_t rules[] = {
#define ALLOW(who, name) {who, SCMP_SYS(name), false, 0, 0, 0},
#define ALLOW_IF(who, name, argument, mask, value)                                                 \
    {who, SCMP_SYS(name), true, argument, mask, value},
#include "sys/jail_calls.def"
#undef ALLOW
#undef ALLOW_IF
    };
    int r = 0;
    for (size_t i = 0; i < COUNT_OF(rules) && r == 0; i++)
        if (rules[i].who == EVERYBODY || rules[i].who & may)
            r = add(filter, &rules[i]);
    return r;
}

/* Without our architecture's other calling conventions, and with the kernel's own errors. What a
 * kernel without seccomp does not know is refused here already. */
static int filter_new(uint32_t action, scmp_filter_ctx *out)
{
    *out = seccomp_init(action);
    if (!*out)
        return -EINVAL;
    int r = seccomp_attr_set(*out, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    return r < 0 ? r : seccomp_attr_set(*out, SCMP_FLTATR_API_SYSRAWRC, 1);
}

/* A filter of its own, since what the other one refuses is audited, and this happens with every
 * thread. Of two filters the stricter word counts. */
static int hide_clone3(void)
{
    scmp_filter_ctx filter;
    int r = filter_new(SCMP_ACT_ALLOW, &filter);
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (r == 0)
        r = seccomp_load(filter);
    seccomp_release(filter);
    return r;
}

static int keep_to_list(unsigned may, enum jail_refusal refusal)
{
    scmp_filter_ctx filter;
    int r =
        filter_new(refusal == JAIL_KILLS ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM), &filter);
    if (r == 0) {
        must(add_list(filter, may) == 0);
        seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);      /* where the kernel can */
        seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a search tree, not a list */
        r = seccomp_load(filter);
    }
    seccomp_release(filter);
    return r;
}

int jail_calls(unsigned may, enum jail_refusal refusal)
{
    int r = hide_clone3();
    return r < 0 ? r : keep_to_list(may, refusal);
}
