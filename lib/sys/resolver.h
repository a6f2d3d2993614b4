/* resolver.h: names to addresses without blocking the loop (c-ares). Answers are kept for their
 * time to live, 1 s at least and 60 s at most; failures for 1 s, during which older addresses are
 * used if there are any. */
#ifndef WEIR_SYS_RESOLVER_H
#define WEIR_SYS_RESOLVER_H

#include "sys/address.h"
#include "sys/loop.h"

#define RESOLVED_MAX 16u        /* addresses of one name */
#define RESOLVER_NAMES_MAX 256u /* names kept; the one asked for least recently goes first */
#define RESOLVER_WAITERS_MAX 512u

typedef struct resolved {
    const address_t *addresses;
    size_t count;
    const char *error;     /* one line; NULL when there are addresses */
    instant_t fresh_until; /* no need to ask before */
} resolved_t;

typedef struct resolver resolver_t;
int resolver_open(loop_t *loop, resolver_t **out);
void resolver_close(resolver_t **resolver); /* nobody is told any more */

/* Calls on() once: now, if the answer is at hand, or later from the loop. Takes at most about 5 s.
 */
void resolver_ask(resolver_t *resolver, const char *host,
                  void (*on)(void *arg, const resolved_t *resolved), void *arg);

#endif
