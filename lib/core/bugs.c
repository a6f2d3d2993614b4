/* bugs.c: which planted bug is alive, in builds that have them. */
#include "core/bugs.h"

#ifdef WEIR_PLANT
enum planted_bug planted_bug = BUG_NONE;
#endif
