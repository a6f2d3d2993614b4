/* bundle.c: the secrets of one actor as {"name":"base64",...}, built where it can be wiped. They
 * are read at each birth, so that a new secret counts from the next life on and none stays in this
 * process. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "supervisor/launch.h"
#include "sys/certificate.h"
#include "sys/credentials.h"
#include "sys/secrets.h"
#include "sys/signature.h"

static size_t base64_size(size_t len) { return (len + 2) / 3 * 4; }

/* RFC 4648 section 4, padded. */
static void base64_encode(bytes_t in, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < in.len; i += 3) {
        size_t left = in.len - i;
        uint32_t three = (uint32_t)in.data[i] << 16 |
                         (left > 1 ? (uint32_t)in.data[i + 1] << 8 : 0) |
                         (left > 2 ? in.data[i + 2] : 0);
        *out++ = digits[three >> 18];
        *out++ = digits[three >> 12 & 63];
        *out++ = left > 1 ? digits[three >> 6 & 63] : '=';
        *out++ = left > 2 ? digits[three & 63] : '=';
    }
}

typedef struct bundle {
    const launch_t *launch;
    char *text;
    size_t used, size;
    const char *which; /* the one that failed */
    int error;
} bundle_t;

static bool has_name(const bundle_t *b, const char *name)
{
    char quoted[300];
    snprintf(quoted, sizeof quoted, "\"%s\":", name);
    return strstr(b->text, quoted) != NULL;
}

static int add_secret(bundle_t *b, const char *name)
{
    uint8_t *secret;
    size_t len;
    int error = credential_read(b->launch->credentials, name, &secret, &len);
    if (error)
        return error;
    if (b->used + strlen(name) + base64_size(len) + 8 > b->size) {
        error = -EMSGSIZE;
    } else {
        b->used += (size_t)sprintf(b->text + b->used, "%s\"%s\":\"", b->used > 1 ? "," : "", name);
        base64_encode(bytes_of(secret, len), b->text + b->used);
        b->used += base64_size(len);
        b->text[b->used++] = '"';
        b->text[b->used] = '\0';
    }
    credential_free(&secret, len);
    return error;
}

static void on_secret(void *arg, const char *name)
{
    bundle_t *b = arg;
    if (b->error || has_name(b, name))
        return;
    b->error = add_secret(b, name);
    b->which = name;
}

static void bundle_begin(bundle_t *b, const launch_t *l)
{
    *b = (bundle_t){.launch = l, .size = SECRETS_BYTES_MAX, .used = 1};
    b->text = malloc(b->size);
    must(b->text);
    strcpy(b->text, "{");
}

static void bundle_fill(bundle_t *b, const launch_t *l, const roster_entry_t *entry)
{
    bundle_begin(b, l);
    roster_secrets(entry, l->config, on_secret, b);
}

static void bundle_end(bundle_t *b)
{
    explicit_bzero(b->text, b->size);
    free(b->text);
}

/* One that cannot sign would refuse every request of its source. */
static int check_usable(const launch_t *l, const source_t *source, const char *name)
{
    uint8_t *secret;
    size_t len;
    int error = credential_read(l->credentials, name, &secret, &len);
    if (error)
        return error;
    error = signature_secret_is_usable(source, bytes_of(secret, len)) ? 0 : -EBADMSG;
    credential_free(&secret, len);
    return error;
}

static int check_senders(const launch_t *l, const char **which)
{
    int error = 0;
    for (size_t i = 0; i < l->config->source_count && !error; i++) {
        const source_t *source = &l->config->sources[i];
        const char *const names[] = {source->secret, source->secret_next};
        for (size_t k = 0; k < COUNT_OF(names) && !error; k++)
            if ((*which = names[k]) != NULL)
                error = check_usable(l, source, names[k]);
    }
    return error;
}

/* A door that cannot shake hands would be noticed by its callers first. */
static int check_tls(const launch_t *l, const char **which)
{
    uint8_t *chain = NULL, *key = NULL;
    size_t chain_len, key_len = 0;
    wall_t ends;
    if (!l->config->http.tls_certificate)
        return 0;
    *which = l->config->http.tls_certificate;
    int error = credential_read(l->credentials, *which, &chain, &chain_len);
    if (error)
        return error;
    *which = l->config->http.tls_key;
    error = credential_read(l->credentials, *which, &key, &key_len);
    if (!error)
        error = certificate_check(bytes_of(chain, chain_len), bytes_of(key, key_len), &ends);
    if (error == -ELIBBAD)
        *which = l->config->http.tls_certificate;
    credential_free(&key, key_len);
    credential_free(&chain, chain_len);
    return error;
}

int launch_check_secrets(const launch_t *l, const char **which)
{
    int error = 0;
    for (size_t i = 0; i < ROSTER_COUNT && !error; i++) {
        bundle_t b;
        bundle_fill(&b, l, &roster[i]);
        error = b.error;
        *which = b.which;
        bundle_end(&b);
    }
    if (!error)
        error = check_senders(l, which);
    return error ? error : check_tls(l, which);
}

int launch_secrets_print(const launch_t *l, const roster_entry_t *entry, bytes_t key, sha256_t *out)
{
    bundle_t b;
    bundle_fill(&b, l, entry);
    if (!b.error)
        *out = hmac_sha256(key, bytes_of(b.text, b.used));
    bundle_end(&b);
    return b.error;
}

int launch_secrets(const launch_t *l, const roster_entry_t *entry)
{
    bundle_t b;
    bundle_fill(&b, l, entry);
    int fd = b.error;
    if (!b.error) {
        b.text[b.used++] = '}';
        fd = memory_file("weir-secrets", bytes_of(b.text, b.used));
    }
    bundle_end(&b);
    return fd;
}
