#include "sys/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

sha256_t sha256_of(const bytes_t *parts, size_t count)
{
    sha256_t hash;
    unsigned length = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1);
    for (size_t i = 0; i < count; i++)
        must(EVP_DigestUpdate(context, parts[i].data, parts[i].len) == 1);
    must(EVP_DigestFinal_ex(context, hash.b, &length) == 1 && length == SHA256_BYTES);
    EVP_MD_CTX_free(context);
    return hash;
}

sha256_t hmac_sha256(bytes_t key, bytes_t content)
{
    sha256_t hash;
    unsigned length = 0;
    must(key.len <= INT32_MAX);
    const void *key_data = key.len ? (const void *)key.data : "";
    const uint8_t *data = content.len ? content.data : (const uint8_t *)"";
    must(HMAC(EVP_sha256(), key_data, (int)key.len, data, content.len, hash.b, &length));
    must(length == SHA256_BYTES);
    return hash;
}

void sha256_hex(const sha256_t *hash, char out[SHA256_HEX])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        out[2 * i] = digits[hash->b[i] >> 4];
        out[2 * i + 1] = digits[hash->b[i] & 15];
    }
    out[SHA256_HEX - 1] = '\0';
}

bool crypto_equal(bytes_t a, bytes_t b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.data, b.data, a.len) == 0);
}

bool crypto_secret_equal(bytes_t given, bytes_t secret)
{
    sha256_t a = sha256_of(&given, 1), b = sha256_of(&secret, 1);
    return CRYPTO_memcmp(a.b, b.b, SHA256_BYTES) == 0;
}
