/* accept.h: what the asker would rather have (Accept, RFC 9110 section 12.5.1). Pure. */
#ifndef WEIR_CORE_ACCEPT_H
#define WEIR_CORE_ACCEPT_H

#include "core/base.h"

/* Does the header name `type`, and not give `other` more weight? What is not named, also by a
 * wildcard alone, is not preferred. */
bool accept_prefers(bytes_t accept, const char *type, const char *other);

#endif
