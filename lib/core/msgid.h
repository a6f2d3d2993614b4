/* msgid.h: message ids as text and back (the ULID form: 26 characters of Crockford's base 32, big
 * end first; https://github.com/ulid/spec). Pure: who mints an id gives the time and the chance. */
#ifndef WEIR_CORE_MSGID_H
#define WEIR_CORE_MSGID_H

#include "core/base.h"

#define MSGID_CHANCE_BYTES 10

/* wall_ms: milliseconds since 1970, 48 bits (until the year 10889); chance: 80 bits. */
msgid_t msgid_make(uint64_t wall_ms, const uint8_t chance[MSGID_CHANCE_BYTES]);
uint64_t msgid_wall_ms(const msgid_t *id);
bool msgid_is_zero(const msgid_t *id); /* no id: how an absent one is decoded */

void msgid_text(const msgid_t *id, char out[MSGID_TEXT]);
/* Either case; as Crockford has it, I and L are read as 1 and O as 0.
 * 0, or -EINVAL and out untouched. */
int msgid_parse(bytes_t text, msgid_t *out);

#endif
