#include "sys/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <threads.h>

static once_flag once = ONCE_FLAG_INIT;
static EVP_MD *fetched;

static void fetch(void)
{
    fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
    must(fetched);
}

/* EVP_sha256() has the library look for its provider again at each use, which costs more than the
 * print of a key. */
static const EVP_MD *sha256(void)
{
    call_once(&once, fetch);
    return fetched;
}

sha256_t sha256_of(const bytes_t *parts, size_t count)
{
    sha256_t hash;
    unsigned length = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(context && EVP_DigestInit_ex(context, sha256(), NULL) == 1);
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
    must(HMAC(sha256(), key_data, (int)key.len, data, content.len, hash.b, &length));
    must(length == SHA256_BYTES);
    return hash;
}

sha256_t hmac_sha256_of(bytes_t key, const bytes_t *parts, size_t count)
{
    sha256_t hash;
    size_t length = sizeof hash.b;
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, NULL, key.data, key.len);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(pkey && context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, pkey) == 1);
    for (size_t i = 0; i < count; i++)
        must(EVP_DigestSignUpdate(context, parts[i].data, parts[i].len) == 1);
    must(EVP_DigestSignFinal(context, hash.b, &length) == 1 && length == SHA256_BYTES);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    return hash;
}

bool crypto_ed25519_holds(bytes_t public_key, bytes_t content, bytes_t signature)
{
    if (public_key.len != ED25519_KEY_BYTES || signature.len != ED25519_SIGNATURE_BYTES)
        return false;
    EVP_PKEY *key =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key.data, public_key.len);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(context);
    bool holds =
        key && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
        EVP_DigestVerify(context, signature.data, signature.len, content.data, content.len) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return holds;
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

void sha256_base64(const sha256_t *hash, char out[SHA256_BASE64])
{
    must(EVP_EncodeBlock((uint8_t *)out, hash->b, SHA256_BYTES) == SHA256_BASE64 - 1);
}

/* The library passes over white space and reads padding as zeros: only what it would write itself
 * is taken. */
static bool is_written_so(bytes_t text, const uint8_t *last, size_t length)
{
    char again[5];
    size_t tail = length % 3 ? length % 3 : 3;
    EVP_EncodeBlock((uint8_t *)again, last, (int)tail);
    for (size_t i = 0; i + 4 < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] == '=')
            return false;
    return memcmp(again, text.data + text.len - 4, 4) == 0;
}

long crypto_base64_decode(bytes_t text, uint8_t *out, size_t size)
{
    if (text.len == 0 || text.len % 4 || text.len > INT32_MAX || size < text.len / 4 * 3)
        return -1;
    size_t length = text.len / 4 * 3;
    if (EVP_DecodeBlock(out, text.data, (int)text.len) != (int)length)
        return -1;
    length -= (text.data[text.len - 1] == '=') + (size_t)(text.data[text.len - 2] == '=');
    return is_written_so(text, out + (text.len / 4 - 1) * 3, length) ? (long)length : -1;
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
