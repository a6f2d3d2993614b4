/* redact.h: a secret taken out of a text that a stranger wrote, who may have been told it. Pure. */
#ifndef WEIR_CORE_REDACT_H
#define WEIR_CORE_REDACT_H

#include "core/base.h"

/* A copy of `text` with stars for each byte of `secret`, wherever it stands: as it is, or as JSON
 * may write it (\/ and \u002B, RFC 8259 section 7). The caller frees it. NULL: it is not in there,
 * or one of the two is empty. */
uint8_t *redact(bytes_t text, bytes_t secret);

#endif
