/* slip.h: how far a typed word is from one that there is, for "did you mean". Pure. */
#ifndef WEIR_CORE_SLIP_H
#define WEIR_CORE_SLIP_H

#include "core/base.h"

/* Levenshtein's distance of short words; SIZE_MAX: one is too long to be a slip of the other. */
size_t word_distance(const char *a, const char *b);

#endif
