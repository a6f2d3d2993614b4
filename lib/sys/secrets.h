/* secrets.h: the secrets one actor was given, read from the supervisor's descriptor. Kept in memory
 * that is left out of core dumps and cleared at the end. Never logged. */
#ifndef WEIR_SYS_SECRETS_H
#define WEIR_SYS_SECRETS_H

#include "core/base.h"

#define SECRETS_BYTES_MAX (1u << 20) /* all of them together, as the descriptor has them */

typedef struct secrets secrets_t;
/* The descriptor holds a JSON object name -> value (base64, RFC 4648). It is read by position,
 * since siblings may share its offset, and stays open. 0; -EMSGSIZE: too large; -EBADMSG: not such
 * an object; or a read error. */
int secrets_read(int fd, secrets_t **out);
void secrets_destroy(secrets_t **secrets);
/* Lent for the life of `secrets`; empty when there is none of that name. `secrets` may be NULL. */
bytes_t secrets_find(const secrets_t *secrets, const char *name);

/* The whole of a (memory) file by position; `*out` is malloc'ed and NUL-terminated. -EMSGSIZE over
 * `most`. */
int read_whole(int fd, size_t most, char **out, size_t *len);

#endif
