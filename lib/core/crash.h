/* crash.h: named points at which a test build kills itself, to prove recovery at each.
 * WEIR_CRASH_AT="name" or "name:3" (the third time) in the environment. Builds without
 * WEIR_CRASH_POINTS have none. */
#ifndef WEIR_CORE_CRASH_H
#define WEIR_CORE_CRASH_H

#ifdef WEIR_CRASH_POINTS
void crash_point(const char *name); /* lib/sys/crash.c */
#define CRASH_POINT(name) crash_point(name)
#else
#define CRASH_POINT(name) ((void)0)
#endif

#endif
