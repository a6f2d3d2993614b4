/* crypto.h: the few primitives of OpenSSL that Weir needs: SHA-256 (FIPS 180-4), HMAC (RFC 2104)
 * and a comparison that takes as long whatever it sees. Deterministic: no clock, no chance, no
 * state. */
#ifndef WEIR_SYS_CRYPTO_H
#define WEIR_SYS_CRYPTO_H

#include "core/base.h"

#define SHA256_BYTES 32
#define SHA256_HEX (2 * SHA256_BYTES + 1)

typedef struct sha256 {
    uint8_t b[SHA256_BYTES];
} sha256_t;

/* Of the parts one after the other. */
sha256_t sha256_of(const bytes_t *parts, size_t count);
sha256_t hmac_sha256(bytes_t key, bytes_t content);
/* Lower case, with a closing NUL. */
void sha256_hex(const sha256_t *hash, char out[SHA256_HEX]);
/* Time depends on the lengths alone. */
bool crypto_equal(bytes_t a, bytes_t b);
/* Time depends on neither's content nor on whether the lengths agree: both are hashed first. */
bool crypto_secret_equal(bytes_t given, bytes_t secret);

#endif
