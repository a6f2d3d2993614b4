/* Any request against every scheme: believed only when it is byte for byte what the sender must
 * have sent. Input: a byte for the scheme, a byte for the length of the header's value, the value,
 * the body. */
#include "sys/crypto.h"
#include "sys/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char secret[] = "It's a Secret to Everybody";
static const char coded[] = "whsec_SXQncyBhIFNlY3JldCB0byBFdmVyeWJvZHk="; /* the same */
#define TIME "1614265330"

static bool believes(enum auth auth, const http_request_t *r)
{
    source_t source = {.name = "s", .secret = "s", .header = "x-api-key", .auth = auth};
    const wall_t now = {1614265330 * US_PER_S};
    bytes_t key = bytes_str(auth == AUTH_STANDARD_WEBHOOKS ? coded : secret);
    bool with = signature_belief(&source, r, (signature_keys_t){.secret = key}, now) == BELIEF_FULL;
    must(!signature_belief(&source, r, (signature_keys_t){0}, now));
    must(with == (signature_belief(&source, r, (signature_keys_t){.next = key}, now) != 0));
    return with;
}

static bool holds(enum auth auth, const char *name, bytes_t value, bytes_t body)
{
    const http_field_t fields[] = {{bytes_str(name), value},
                                   {bytes_str("x-slack-request-timestamp"), bytes_str(TIME)},
                                   {bytes_str("webhook-timestamp"), bytes_str(TIME)},
                                   {bytes_str("webhook-id"), bytes_str("m1")}};
    return believes(auth, &(http_request_t){.headers = fields, .header_count = 4, .body = body});
}

/* Only the right value is believed, and no other that differs from it in one bit. */
static void check_only(enum auth auth, const char *name, bytes_t value, bytes_t body, char *right)
{
    size_t length = strlen(right), bit = value.len ? value.data[0] : 0;
    must(holds(auth, name, value, body) == bytes_is(value, right));
    must(holds(auth, name, bytes_str(right), body));
    bit = (bit * 7 + body.len) % (length * 8);
    right[bit / 8] ^= (char)(1 << bit % 8);
    must(!holds(auth, name, bytes_of(right, length), body));
}

static void check_slack(bytes_t value, bytes_t body)
{
    char right[3 + SHA256_HEX] = "v0=";
    bytes_t parts[] = {bytes_str("v0:" TIME ":"), body};
    sha256_t hash = hmac_sha256_of(bytes_str(secret), parts, COUNT_OF(parts));
    sha256_hex(&hash, right + 3);
    check_only(AUTH_SLACK, "x-slack-signature", value, body, right);
}

static bool has_space(bytes_t text) { return text.len && memchr(text.data, ' ', text.len); }

static void check_webhook(bytes_t value, bytes_t body)
{
    char right[3 + SHA256_BASE64] = "v1,";
    bytes_t parts[] = {bytes_str("m1." TIME "."), body};
    sha256_t hash = hmac_sha256_of(bytes_str(secret), parts, COUNT_OF(parts));
    sha256_base64(&hash, right + 3);
    if (!has_space(value)) /* else it is a list, in which the right one may be */
        check_only(AUTH_STANDARD_WEBHOOKS, "webhook-signature", value, body, right);
    else
        (void)holds(AUTH_STANDARD_WEBHOOKS, "webhook-signature", value, body);
}

static void check_header(bytes_t value, bytes_t body)
{
    char right[sizeof secret];
    memcpy(right, secret, sizeof secret);
    check_only(AUTH_HEADER, "x-api-key", value, body, right);
}

static void check_github(bytes_t value, bytes_t body)
{
    char right[7 + SHA256_HEX] = "sha256=";
    sha256_t hash = hmac_sha256(bytes_str(secret), body);
    sha256_hex(&hash, right + 7);
    check_only(AUTH_GITHUB, "x-hub-signature-256", value, body, right);
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
    static void (*const checks[])(bytes_t value, bytes_t body) = {
        check_bearer, check_github, check_slack, check_webhook, check_header};
    checks[data[0] % COUNT_OF(checks)](value, body);
    return 0;
}
