/* overrides.h: other numbers for some values of a label: "acme-*: 20, acme-site: 5". The most
 * specific one wins: the exact value; then, of the patterns that match, the one with the longest
 * text before its first '*'; then the longest; then the first in order. */
#ifndef WEIR_CORE_OVERRIDES_H
#define WEIR_CORE_OVERRIDES_H

#include "core/base.h"

#define OVERRIDES_MAX 100000
#define OVERRIDE_PATTERNS_MAX 1000 /* of them with a '*': these are looked through */

typedef struct overrides overrides_t;
/* The texts are lent and outlive it; their places are what overrides_find answers. Of equal ones
 * the first counts. NULL: more than there may be, of either kind. */
overrides_t *overrides_new(const bytes_t *texts, size_t count);
void overrides_destroy(overrides_t **o);
/* The place of the one that holds for this value, or -1. An exact one is found in O(1), a pattern
 * after at most OVERRIDE_PATTERNS_MAX comparisons: callers keep the answer with the value. */
long overrides_find(const overrides_t *o, bytes_t value);

#endif
