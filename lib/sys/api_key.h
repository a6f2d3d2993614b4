/* api_key.h: who may ask at the door beside the senders of webhooks, and what for: the keys of the
 * configuration with their scopes. Only the names of their secrets are here. Pure. */
#ifndef WEIR_SYS_API_KEY_H
#define WEIR_SYS_API_KEY_H

#include "core/base.h"

#define API_KEYS_MAX 64u
#define API_TOKEN_NAME "http.api_token" /* the key made of it; no key can be called so */

/* SCOPE(KIND, "word", "what stands behind its colon, or empty", "what it allows") */
#define SCOPE_TABLE(SCOPE)                                                                         \
    SCOPE(SUBMIT, "submit", "SOURCE", "send messages of this source, whose auth is api-key")       \
    SCOPE(READ, "read", "", "GET /v1/messages, without what calls were answered")                  \
    SCOPE(READ_BODIES, "read:bodies", "", "the same, with it")                                     \
    SCOPE(LEASES, "leases", "LIMIT", "take, renew and give back leases of this limit")             \
    SCOPE(ADMIN, "admin", "", "/admin")                                                            \
    SCOPE(METRICS, "metrics", "", "/metrics from elsewhere, once any key has this scope")

enum scope_kind {
#define SCOPE(KIND, word, of, meaning) SCOPE_##KIND,
    SCOPE_TABLE(SCOPE)
#undef SCOPE
        SCOPE_COUNT
};

typedef struct scope {
    enum scope_kind kind;
    const char *of; /* lies in the text that was read: a name, or "*" for all; NULL: takes none */
} scope_t;

typedef struct api_key {
    const char *name, *secret;
    const char *secret_next; /* the one that takes its place; NULL: no rotation */
    scope_t *scopes;
    size_t scope_count;
} api_key_t;

/* "submit:desk", "leases:*", "admin". False: it is none. */
bool scope_read(const char *text, scope_t *out);
const char *scope_word(enum scope_kind kind);
/* `of` names the source or limit; empty where the scope takes none. read:bodies includes read. */
bool api_key_may(const api_key_t *key, enum scope_kind kind, bytes_t of);
/* Has any of these keys a scope of this kind? */
bool api_keys_have(const api_key_t *keys, size_t count, enum scope_kind kind);

#endif
