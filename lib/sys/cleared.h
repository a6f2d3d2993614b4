/* cleared.h: memory that is cleared when it is freed, for libraries that copy secrets and let us
 * give them our functions. */
#ifndef WEIR_SYS_CLEARED_H
#define WEIR_SYS_CLEARED_H

#include "core/base.h"

/* As free(), after all that malloc gave was overwritten. */
void cleared_free(void *block);
/* OpenSSL in this process frees so; before its first use. */
void cleared_openssl(void);

#endif
