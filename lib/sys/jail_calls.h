/* jail_calls.h: an actor's seccomp filter: the system calls that it needs (jail_calls.def), none
 * else. Every process has it for good, threads made later too; it is set before there are any. */
#ifndef WEIR_SYS_JAIL_CALLS_H
#define WEIR_SYS_JAIL_CALLS_H

#include "sys/jail.h"

/* What becomes of a call that is not on the list. */
enum jail_refusal {
    JAIL_REFUSES, /* it fails with EPERM, and the kernel's audit names it */
    JAIL_KILLS,   /* the process ends by SIGSYS: tests, so that no such call goes unseen */
};
#ifdef WEIR_CRASH_POINTS
#define JAIL_REFUSAL JAIL_KILLS
#else
#define JAIL_REFUSAL JAIL_REFUSES
#endif

/* may: MAY_* of the roster. 0, or why this kernel does not take it: it has no seccomp
 * (-EINVAL, -ENOSYS, -EOPNOTSUPP), or a filter around us forbids it (-EPERM). */
int jail_calls(unsigned may, enum jail_refusal refusal);

#endif
