/* Any request against every scheme: believed only when it is byte for byte what the sender must
 * have sent. Input: a byte for the scheme, a byte for the length of the header's value, the value,
 * the body. */
#include "sys/crypto.h"
#include "sys/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char secret[] = "It's a Secret to Everybody";

static bool holds(int auth, const char *name, bytes_t value, bytes_t body)
{
    source_t source = {.name = "s", .secret = "s"};
    source.auth = auth;
    http_field_t field = {bytes_str(name), value};
    http_request_t r = {.headers = &field, .header_count = 1, .body = body};
    bool with = signature_holds(&source, &r, bytes_str(secret));
    must(!signature_holds(&source, &r, bytes_of(NULL, 0)));
    return with;
}

static void check_github(bytes_t value, bytes_t body)
{
    char right[7 + SHA256_HEX] = "sha256=";
    sha256_t hash = hmac_sha256(bytes_str(secret), body);
    sha256_hex(&hash, right + 7);
    must(holds(AUTH_GITHUB, "x-hub-signature-256", value, body) == bytes_is(value, right));
    must(holds(AUTH_GITHUB, "x-hub-signature-256", bytes_str(right), body));
    size_t bit = value.len ? value.data[0] : 0; /* any one bit of the right one changed */
    bit = (bit * 7 + body.len) % ((sizeof right - 1) * 8);
    right[bit / 8] ^= (char)(1 << bit % 8);
    must(!holds(AUTH_GITHUB, "x-hub-signature-256", bytes_str(right), body));
}

static void check_bearer(bytes_t value, bytes_t body)
{
    bool good = value.len == 7 + strlen(secret) && (value.data[0] | 32) == 'b' &&
                value.data[6] == ' ' && memcmp(value.data + 7, secret, strlen(secret)) == 0;
    must(!holds(AUTH_BEARER, "authorization", value, body) || good);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t length = data[1] < size - 2 ? data[1] : size - 2;
    bytes_t value = bytes_of(data + 2, length),
            body = bytes_of(data + 2 + length, size - 2 - length);
    if (data[0] & 1)
        check_github(value, body);
    else
        check_bearer(value, body);
    return 0;
}
