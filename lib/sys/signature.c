#include "sys/signature.h"

#include <strings.h>

#include "sys/crypto.h"

static bool none_on_loopback(const http_request_t *request, bytes_t secret)
{
    (void)secret;
    return request->loopback;
}

/* X-Hub-Signature-256: sha256=<lower-case hex of HMAC-SHA256(secret, raw body)>, GitHub's webhooks.
 */
static bool github(const http_request_t *request, bytes_t secret)
{
    static const char prefix[] = "sha256=";
    char expected[sizeof prefix - 1 + SHA256_HEX];
    sha256_t hash = hmac_sha256(secret, request->body);
    memcpy(expected, prefix, sizeof prefix - 1);
    sha256_hex(&hash, expected + sizeof prefix - 1);
    return crypto_equal(http_header(request, "x-hub-signature-256"), bytes_str(expected));
}

bool signature_bearer_holds(const http_request_t *request, bytes_t secret)
{
    static const char scheme[] = "Bearer ";
    const size_t scheme_len = sizeof scheme - 1;
    bytes_t given = http_header(request, "authorization");
    if (!secret.len || given.len <= scheme_len ||
        strncasecmp((const char *)given.data, scheme, scheme_len) != 0)
        return false;
    return crypto_secret_equal(bytes_of(given.data + scheme_len, given.len - scheme_len), secret);
}

static const struct scheme {
    bool (*holds)(const http_request_t *request, bytes_t secret);
    bool needs_secret;
} schemes[] = {
    [AUTH_NONE_ON_LOOPBACK] = {none_on_loopback, false},
    [AUTH_GITHUB] = {github, true},
    [AUTH_BEARER] = {signature_bearer_holds, true},
};

bool signature_holds(const source_t *source, const http_request_t *request, bytes_t secret)
{
    must((size_t)source->auth < COUNT_OF(schemes));
    const struct scheme *scheme = &schemes[source->auth];
    if (scheme->needs_secret && !secret.len)
        return false;
    return scheme->holds(request, secret);
}
