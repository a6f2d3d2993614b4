/* permit.h: who asks, by the API key that the request bears, and may it? Keys are compared by keyed
 * hashes made at birth, all of them every time, so that an answer takes as long whichever key, or
 * none, it was. */
#ifndef WEIR_INGRESS_PERMIT_H
#define WEIR_INGRESS_PERMIT_H

#include "sys/api_key.h"
#include "sys/crypto.h"
#include "sys/http.h"

struct ingress;
struct scene;

#define WHO_BYTES 80u /* of "key:" and a name */

/* The hashes of one key's live secrets; a secret that was not given matches nothing. */
typedef struct key_prints {
    sha256_t print[2];
    bool is_live[2];
} key_prints_t;

void permit_begin(struct ingress *self);
void permit_destroy(struct ingress *self);
/* NULL: it bears none, or one that nobody has. */
const api_key_t *permit_key(const struct ingress *self, const http_request_t *request);

/* May it? False: it was answered, 401 to who is not known and 403 to who is. *key is NULL when
 * being on this host was enough, which it is for looking and never for changing. */
bool permit_look(const struct scene *s, const http_request_t *request, enum scope_kind kind,
                 const api_key_t **key);
bool permit_change(const struct scene *s, const http_request_t *request, enum scope_kind kind,
                   const api_key_t **key);
/* Of a key that permit_change let: may it with this one? False: it was answered, 403. */
bool permit_name(const struct scene *s, uint64_t token, const api_key_t *key, enum scope_kind kind,
                 bytes_t of);
/* For the journal: "key:NAME", or "http" for somebody on this host. */
bytes_t permit_who(const api_key_t *key, char out[WHO_BYTES]);

#endif
