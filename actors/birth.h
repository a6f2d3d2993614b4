/* birth.h: what the supervisor hands to an actor at birth, as one line of text (WEIR_BIRTH,
 * actor.h). Pure. */
#ifndef WEIR_ACTORS_BIRTH_H
#define WEIR_ACTORS_BIRTH_H

#include "core/base.h"

#define BIRTH_LISTENERS_MAX 16

typedef struct birth_line {
    uint16_t instance;
    uint64_t generation; /* never 0 */
    unsigned host;
    unsigned may; /* MAY_*, the roster's word on what it may do */
    bool standby; /* 0 or 1; not given: 0 */
    int config, secrets, lock; /* descriptors; -1: not given */
    int listen[BIRTH_LISTENERS_MAX];
    size_t listen_count;
    uint32_t tls; /* bit n: at listen[n] TLS is spoken */
    bool door_kept; /* systemd holds the listening sockets: connections wait while Weir is away */
} birth_line_t;

/* False: not such a line; `out` is untouched. Unknown words are refused: both sides come in one
 * package. Required: generation, config. */
bool birth_read(const char *text, birth_line_t *out);

#endif
