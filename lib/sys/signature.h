/* signature.h: how a source is believed: one row a scheme. Looks at the raw body before anything
 * parses it. Pure: the time is given. */
#ifndef WEIR_SYS_SIGNATURE_H
#define WEIR_SYS_SIGNATURE_H

#include "sys/config.h"
#include "sys/http.h"

#define SIGNATURE_TOLERANCE_S 300 /* either way, where the sender signs a time */

typedef enum belief {
    BELIEF_NONE,  /* not from whom the source says */
    BELIEF_STALE, /* it is, but signed too long ago, or ahead: perhaps a replay */
    BELIEF_FULL,
} belief_t;

/* The source's live secrets: the present one and, in a rotation, the next; either is believed.
 * Empty: the source has none, or it was not given. */
typedef struct signature_keys {
    bytes_t secret, next;
} signature_keys_t;

/* Is the request from whom the source says? Without any secret a scheme that needs one says no. */
belief_t signature_belief(const source_t *source, const http_request_t *request,
                          signature_keys_t keys, wall_t now);
/* A bearer token in Authorization (RFC 6750 section 2.1); empty: there is none. */
bytes_t signature_bearer(const http_request_t *request);
/* The API key in Authorization: Bearer or else in X-Api-Key; empty: there is none. */
bytes_t signature_api_key(const http_request_t *request);
/* Can this secret sign at all? A Standard Webhooks one is base 64. */
bool signature_secret_is_usable(const source_t *source, bytes_t secret);

#define SIGNED_FIELDS_MAX 2
#define SIGNED_VALUE_BYTES 1024
typedef struct signed_fields {
    struct {
        const char *name;
        char value[SIGNED_VALUE_BYTES];
    } field[SIGNED_FIELDS_MAX];
    size_t count;
} signed_fields_t;

/* The other side: the headers by which a sender of this source would be believed now. `id` is what
 * it says in webhook-id, for Standard Webhooks. False: the secret cannot sign, or is too long. */
bool signature_make(const source_t *source, bytes_t secret, bytes_t id, bytes_t body, wall_t now,
                    signed_fields_t *out);

#endif
