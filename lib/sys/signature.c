#include "sys/signature.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "sys/crypto.h"

#define TIMESTAMP_DIGITS_MAX 12u
#define WEBHOOK_SIGNATURES_MAX 8u
#define WEBHOOK_SECRET_BYTES_MAX 512u /* the standard says 24 to 64 */

typedef struct claim {
    const source_t *source;
    const http_request_t *request;
    bytes_t secret;
} claim_t;

static bool none_on_loopback(const claim_t *c) { return c->request->loopback; }

static bool starts_with(bytes_t text, const char *beginning)
{
    size_t length = strlen(beginning);
    return text.len >= length && memcmp(text.data, beginning, length) == 0;
}

/* "sha256=" or "v0=" and the lower-case hex of the hash, the whole header. */
static bool is_hex_signature(bytes_t given, const char *prefix, const sha256_t *hash)
{
    char hex[SHA256_HEX];
    if (!starts_with(given, prefix))
        return false;
    size_t length = strlen(prefix);
    sha256_hex(hash, hex);
    return crypto_equal(bytes_of(given.data + length, given.len - length), bytes_str(hex));
}

/* X-Hub-Signature-256: sha256=<lower-case hex of HMAC-SHA256(secret, raw body)>, GitHub's webhooks.
 */
static bool github(const claim_t *c)
{
    sha256_t hash = hmac_sha256(c->secret, c->request->body);
    return is_hex_signature(http_header(c->request, "x-hub-signature-256"), "sha256=", &hash);
}

bytes_t signature_bearer(const http_request_t *request)
{
    static const char scheme[] = "Bearer ";
    const size_t scheme_len = sizeof scheme - 1;
    bytes_t given = http_header(request, "authorization");
    if (given.len <= scheme_len || strncasecmp((const char *)given.data, scheme, scheme_len) != 0)
        return bytes_of(NULL, 0);
    return bytes_of(given.data + scheme_len, given.len - scheme_len);
}

bytes_t signature_api_key(const http_request_t *request)
{
    bytes_t bearer = signature_bearer(request);
    return bearer.len ? bearer : http_header(request, "x-api-key");
}

static bool bearer(const claim_t *c)
{
    return crypto_secret_equal(signature_bearer(c->request), c->secret);
}

/* Which of the keys may send is the asker's matter; this is one of them. */
static bool api_key(const claim_t *c)
{
    return crypto_secret_equal(signature_api_key(c->request), c->secret);
}

/* A header of the operator's choice holds the secret itself. */
static bool shared(const claim_t *c)
{
    return crypto_secret_equal(http_header(c->request, c->source->header), c->secret);
}

/* Slack's "Verifying requests": v0=<hex of HMAC-SHA256(secret, "v0:" timestamp ":" raw body)>. */
static bool slack(const claim_t *c)
{
    bytes_t parts[] = {bytes_str("v0:"), http_header(c->request, "x-slack-request-timestamp"),
                       bytes_str(":"), c->request->body};
    sha256_t hash = hmac_sha256_of(c->secret, parts, COUNT_OF(parts));
    return is_hex_signature(http_header(c->request, "x-slack-signature"), "v0=", &hash);
}

/* ---- Standard Webhooks */

/* "whsec_" and base 64, the prefix being optional. 0: it is no such secret. */
static size_t webhook_key(bytes_t secret, uint8_t key[WEBHOOK_SECRET_BYTES_MAX])
{
    static const char prefix[] = "whsec_";
    const size_t prefix_len = sizeof prefix - 1;
    if (starts_with(secret, prefix))
        secret = bytes_of(secret.data + prefix_len, secret.len - prefix_len);
    long length = crypto_base64_decode(secret, key, WEBHOOK_SECRET_BYTES_MAX);
    return length > 0 ? (size_t)length : 0;
}

static bool has_dot(bytes_t text) { return text.len && memchr(text.data, '.', text.len) != NULL; }

/* Is one of the signatures, parted by spaces, this one? All are looked at; the header's size bounds
 * them. */
static bool lists(bytes_t signatures, bytes_t wanted)
{
    bool found = false;
    while (signatures.len) {
        const uint8_t *end = memchr(signatures.data, ' ', signatures.len);
        size_t length = end ? (size_t)(end - signatures.data) : signatures.len;
        found |= crypto_equal(bytes_of(signatures.data, length), wanted);
        signatures = end ? bytes_of(end + 1, signatures.len - length - 1) : bytes_of(NULL, 0);
    }
    return found;
}

/* "whpk_" and base 64 of 32 bytes: the sender keeps the other half. False: it is no such key. */
static bool webhook_public_key(bytes_t secret, uint8_t key[ED25519_KEY_BYTES])
{
    static const char prefix[] = "whpk_";
    const size_t prefix_len = sizeof prefix - 1;
    uint8_t decoded[WEBHOOK_SECRET_BYTES_MAX];
    if (!starts_with(secret, prefix))
        return false;
    long length = crypto_base64_decode(bytes_of(secret.data + prefix_len, secret.len - prefix_len),
                                       decoded, sizeof decoded);
    if (length != ED25519_KEY_BYTES)
        return false;
    memcpy(key, decoded, ED25519_KEY_BYTES);
    return true;
}

/* "v1a,<base 64 of the signature>" among what is parted by spaces; few are looked at, each costs.
 */
static bool lists_signed(bytes_t signatures, bytes_t key, bytes_t content)
{
    uint8_t decoded[ED25519_SIGNATURE_BYTES + 3];
    unsigned looked_at = 0;
    while (signatures.len && looked_at < WEBHOOK_SIGNATURES_MAX) {
        const uint8_t *end = memchr(signatures.data, ' ', signatures.len);
        bytes_t one =
            bytes_of(signatures.data, end ? (size_t)(end - signatures.data) : signatures.len);
        signatures = end ? bytes_of(end + 1, signatures.len - one.len - 1) : bytes_of(NULL, 0);
        if (!starts_with(one, "v1a,"))
            continue;
        looked_at++;
        if (one.len != 4 + 88) /* base 64 of 64 bytes */
            continue;
        long length =
            crypto_base64_decode(bytes_of(one.data + 4, one.len - 4), decoded, sizeof decoded);
        if (length > 0 && crypto_ed25519_holds(key, content, bytes_of(decoded, (size_t)length)))
            return true;
    }
    return false;
}

static bool is_signed_webhook(const claim_t *c, bytes_t key, bytes_t id, bytes_t timestamp)
{
    bytes_t parts[] = {id, bytes_str("."), timestamp, bytes_str("."), c->request->body};
    size_t size = 0;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        size += parts[i].len;
    uint8_t *content = malloc(size), *at = content;
    must(content);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (parts[i].len)
            memcpy(at, parts[i].data, parts[i].len);
        at += parts[i].len;
    }
    bool holds =
        lists_signed(http_header(c->request, "webhook-signature"), key, bytes_of(content, size));
    free(content);
    return holds;
}

/* webhook-signature: "v1,<base 64 of HMAC-SHA256(key, id "." timestamp "." raw body)>", one or
 * more; or v1a, by a key of the sender's own. */
static bool standard_webhooks(const claim_t *c)
{
    uint8_t key[WEBHOOK_SECRET_BYTES_MAX], public_key[ED25519_KEY_BYTES];
    bytes_t id = http_header(c->request, "webhook-id");
    bytes_t timestamp = http_header(c->request, "webhook-timestamp");
    if (!id.len || has_dot(id) || has_dot(timestamp))
        return false;
    if (webhook_public_key(c->secret, public_key))
        return is_signed_webhook(c, bytes_of(public_key, sizeof public_key), id, timestamp);
    size_t length = webhook_key(c->secret, key);
    if (!length)
        return false;
    bytes_t parts[] = {id, bytes_str("."), timestamp, bytes_str("."), c->request->body};
    sha256_t hash = hmac_sha256_of(bytes_of(key, length), parts, COUNT_OF(parts));
    explicit_bzero(key, sizeof key);
    char wanted[3 + SHA256_BASE64] = "v1,";
    sha256_base64(&hash, wanted + 3);
    return lists(http_header(c->request, "webhook-signature"), bytes_str(wanted));
}

/* ---- the table */

static const struct scheme {
    bool (*holds)(const claim_t *claim);
    bool needs_secret;
    const char *timestamp; /* the header of a signed time, Unix seconds; NULL: none is signed */
} schemes[AUTH_COUNT] = {
    [AUTH_NONE_ON_LOOPBACK] = {none_on_loopback, false, NULL},
    [AUTH_GITHUB] = {github, true, NULL},
    [AUTH_BEARER] = {bearer, true, NULL},
    [AUTH_SLACK] = {slack, true, "x-slack-request-timestamp"},
    [AUTH_STANDARD_WEBHOOKS] = {standard_webhooks, true, "webhook-timestamp"},
    [AUTH_HEADER] = {shared, true, NULL},
    [AUTH_API_KEY] = {api_key, true, NULL},
};

static bool is_fresh(bytes_t timestamp, wall_t now)
{
    int64_t seconds = 0;
    if (!timestamp.len || timestamp.len > TIMESTAMP_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < timestamp.len; i++) {
        if (timestamp.data[i] < '0' || timestamp.data[i] > '9')
            return false;
        seconds = seconds * 10 + (timestamp.data[i] - '0');
    }
    int64_t age_us = now.us - seconds * US_PER_S;
    return age_us <= SIGNATURE_TOLERANCE_S * US_PER_S &&
           age_us >= -SIGNATURE_TOLERANCE_S * US_PER_S;
}

static bool holds(const struct scheme *scheme, const source_t *source,
                  const http_request_t *request, bytes_t secret)
{
    return (secret.len || !scheme->needs_secret) &&
           scheme->holds(&(claim_t){source, request, secret});
}

/* Staleness is told only to those who know the secret. */
belief_t signature_belief(const source_t *source, const http_request_t *request,
                          signature_keys_t keys, wall_t now)
{
    must((size_t)source->auth < COUNT_OF(schemes));
    const struct scheme *scheme = &schemes[source->auth];
    bool believed = holds(scheme, source, request, keys.secret);
    if (!believed && keys.next.len)
        believed = holds(scheme, source, request, keys.next);
    if (!believed)
        return BELIEF_NONE;
    bool fresh = !scheme->timestamp || is_fresh(http_header(request, scheme->timestamp), now);
    return fresh ? BELIEF_FULL : BELIEF_STALE;
}

bool signature_secret_is_usable(const source_t *source, bytes_t secret)
{
    uint8_t key[WEBHOOK_SECRET_BYTES_MAX];
    return source->auth != AUTH_STANDARD_WEBHOOKS || webhook_public_key(secret, key) ||
           webhook_key(secret, key) > 0;
}

/* ---- the other side */

static bool add_field(signed_fields_t *out, const char *name, const char *prefix, bytes_t value)
{
    must(out->count < SIGNED_FIELDS_MAX);
    char *to = out->field[out->count].value;
    int length = snprintf(to, SIGNED_VALUE_BYTES, "%s%.*s", prefix, (int)value.len,
                          value.len ? (const char *)value.data : "");
    out->field[out->count++].name = name;
    return length >= 0 && length < (int)SIGNED_VALUE_BYTES;
}

static bool add_hex(signed_fields_t *out, const char *name, const char *prefix, sha256_t hash)
{
    char hex[SHA256_HEX];
    sha256_hex(&hash, hex);
    return add_field(out, name, prefix, bytes_str(hex));
}

static bool make_slack(bytes_t secret, bytes_t time, bytes_t body, signed_fields_t *out)
{
    bytes_t parts[] = {bytes_str("v0:"), time, bytes_str(":"), body};
    return add_field(out, "X-Slack-Request-Timestamp", "", time) &&
           add_hex(out, "X-Slack-Signature", "v0=", hmac_sha256_of(secret, parts, COUNT_OF(parts)));
}

static bool make_webhook(bytes_t secret, bytes_t id, bytes_t time, bytes_t body,
                         signed_fields_t *out)
{
    uint8_t key[WEBHOOK_SECRET_BYTES_MAX];
    char text[SHA256_BASE64];
    size_t length = webhook_key(secret, key);
    if (!length || !id.len || has_dot(id))
        return false;
    bytes_t parts[] = {id, bytes_str("."), time, bytes_str("."), body};
    sha256_t hash = hmac_sha256_of(bytes_of(key, length), parts, COUNT_OF(parts));
    explicit_bzero(key, sizeof key);
    sha256_base64(&hash, text);
    return add_field(out, "webhook-timestamp", "", time) &&
           add_field(out, "webhook-signature", "v1,", bytes_str(text));
}

bool signature_make(const source_t *source, bytes_t secret, bytes_t id, bytes_t body, wall_t now,
                    signed_fields_t *out)
{
    char seconds[24];
    snprintf(seconds, sizeof seconds, "%lld", (long long)(now.us / US_PER_S));
    out->count = 0;
    if (!secret.len)
        return source->auth == AUTH_NONE_ON_LOOPBACK;
    switch (source->auth) {
    case AUTH_NONE_ON_LOOPBACK:
        return true;
    case AUTH_GITHUB:
        return add_hex(out, "X-Hub-Signature-256", "sha256=", hmac_sha256(secret, body));
    case AUTH_BEARER:
    case AUTH_API_KEY:
        return add_field(out, "Authorization", "Bearer ", secret);
    case AUTH_HEADER:
        return add_field(out, source->header, "", secret);
    case AUTH_SLACK:
        return make_slack(secret, bytes_str(seconds), body, out);
    case AUTH_STANDARD_WEBHOOKS:
        return make_webhook(secret, id, bytes_str(seconds), body, out);
    case AUTH_COUNT:
        break;
    }
    return false;
}
