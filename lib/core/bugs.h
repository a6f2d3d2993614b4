/* bugs.h: bugs planted on purpose, one per rule, to prove that the simulator finds each. Only
 * builds made with WEIR_PLANT have them; elsewhere BUG(...) is 0 and disappears. */
#ifndef WEIR_CORE_BUGS_H
#define WEIR_CORE_BUGS_H

enum planted_bug {
    BUG_NONE,
#define PLANTED(NAME, rule) BUG_##NAME,
#include "core/bugs.def"
#undef PLANTED
    BUG_COUNT
};
#ifdef WEIR_PLANT
extern enum planted_bug planted_bug; /* tests/sim sets it; 0: none */
#define BUG(NAME) (planted_bug == BUG_##NAME)
#else
#define BUG(NAME) 0
#endif

#endif
