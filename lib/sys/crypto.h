/* crypto.h: the few primitives of OpenSSL that Weir needs: SHA-256 (FIPS 180-4), HMAC (RFC 2104),
 * base 64 (RFC 4648 section 4) and a comparison that takes as long whatever it sees. Deterministic:
 * no clock, no chance, no state. */
#ifndef WEIR_SYS_CRYPTO_H
#define WEIR_SYS_CRYPTO_H

#include "core/base.h"

#define SHA256_BYTES 32
#define SHA256_HEX (2 * SHA256_BYTES + 1)
#define SHA256_BASE64 45 /* 44 digits and the closing NUL */

typedef struct sha256 {
    uint8_t b[SHA256_BYTES];
} sha256_t;

/* Of the parts one after the other. */
sha256_t sha256_of(const bytes_t *parts, size_t count);
sha256_t hmac_sha256(bytes_t key, bytes_t content);
/* Of the parts one after the other. The key is not empty. */
sha256_t hmac_sha256_of(bytes_t key, const bytes_t *parts, size_t count);
/* Ed25519 (RFC 8032): did the owner of the public key (32 bytes) sign this content so (64)? */
#define ED25519_KEY_BYTES 32
#define ED25519_SIGNATURE_BYTES 64
bool crypto_ed25519_holds(bytes_t public_key, bytes_t content, bytes_t signature);
/* Lower case, with a closing NUL. */
void sha256_hex(const sha256_t *hash, char out[SHA256_HEX]);
void sha256_base64(const sha256_t *hash, char out[SHA256_BASE64]);
/* Padded base 64, nothing else in it; `size` is room for text.len / 4 * 3 bytes. The length, or -1:
 * it is none. */
long crypto_base64_decode(bytes_t text, uint8_t *out, size_t size);
/* Time depends on the lengths alone. */
bool crypto_equal(bytes_t a, bytes_t b);
/* Time depends on neither's content nor on whether the lengths agree: both are hashed first. */
bool crypto_secret_equal(bytes_t given, bytes_t secret);

#endif
