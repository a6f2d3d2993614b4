#include "actors/ingress/ingress.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/text.h"
#include "sys/signature.h"

/* ---- finding */

static sha256_t print_of(const ingress_t *self, bytes_t secret)
{
    bytes_t parts[] = {bytes_of(self->id_key, sizeof self->id_key), secret};
    return sha256_of(parts, COUNT_OF(parts));
}

void permit_begin(ingress_t *self)
{
    const config_t *config = self->birth->config;
    if (!config->api_key_count)
        return;
    self->keys = calloc(config->api_key_count, sizeof *self->keys);
    must(self->keys);
    for (size_t i = 0; i < config->api_key_count; i++) {
        const api_key_t *key = &config->api_keys[i];
        const char *const names[] = {key->secret, key->secret_next};
        for (size_t k = 0; k < COUNT_OF(names); k++) {
            bytes_t secret = ingress_secret(self, names[k]);
            self->keys[i].is_live[k] = secret.len > 0;
            self->keys[i].print[k] = print_of(self, secret);
        }
    }
}

void permit_destroy(ingress_t *self) { free(self->keys); }

const api_key_t *permit_key(const ingress_t *self, const http_request_t *request)
{
    const config_t *config = self->birth->config;
    const api_key_t *found = NULL;
    sha256_t given = print_of(self, signature_api_key(request));
    for (size_t i = 0; i < config->api_key_count; i++)
        for (size_t k = 0; k < COUNT_OF(self->keys[i].print); k++) {
            bool same = crypto_equal(bytes_of(given.b, sizeof given.b),
                                     bytes_of(self->keys[i].print[k].b, sizeof given.b));
            if (same && self->keys[i].is_live[k])
                found = &config->api_keys[i];
        }
    return found;
}

bytes_t permit_who(const api_key_t *key, char out[WHO_BYTES])
{
    text_t t = text_in(out, WHO_BYTES);
    text_put_str(&t, key ? "key:" : "http");
    text_put_str(&t, key ? key->name : "");
    must(!t.cut);
    return text_so_far(&t);
}

/* ---- letting */

static bool may_any(const api_key_t *key, enum scope_kind kind)
{
    return api_keys_have(key, 1, kind) || api_key_may(key, kind, bytes_of(NULL, 0));
}

static bool refuse_key(const scene_t *s, uint64_t token, const api_key_t *key, enum scope_kind kind,
                       bytes_t of)
{
    char detail[200];
    snprintf(detail, sizeof detail, "the key %s does not have the scope %s%s%.*s", key->name,
             scope_word(kind), of.len ? ":" : "", (int)of.len, of.len ? (const char *)of.data : "");
    reply_refusal(s, token, PROBLEM_FORBIDDEN, detail);
    return false;
}

/* `here`: what is said of being on this host, where no key could do it. */
static bool let(const scene_t *s, const http_request_t *request, enum scope_kind kind,
                const char *here, const api_key_t **out)
{
    const config_t *config = s->self->birth->config;
    char detail[200];
    const api_key_t *key = *out = permit_key(s->self, request);
    if (key && may_any(key, kind))
        return true;
    if (key)
        return refuse_key(s, request->token, key, kind, bytes_of(NULL, 0));
    if (config->api_key_count) {
        reply_refusal(s, request->token, PROBLEM_UNAUTHORIZED,
                      "send an API key as Authorization: Bearer or X-Api-Key");
        return false;
    }
    snprintf(detail, sizeof detail,
             "%s, because the configuration has no api_keys; one with the scope %s may from "
             "anywhere",
             here, scope_word(kind));
    reply_refusal(s, request->token, PROBLEM_FORBIDDEN, detail);
    return false;
}

bool permit_look(const scene_t *s, const http_request_t *request, enum scope_kind kind,
                 const api_key_t **key)
{
    *key = NULL;
    return request->loopback || let(s, request, kind, "only from this host", key);
}

bool permit_change(const scene_t *s, const http_request_t *request, enum scope_kind kind,
                   const api_key_t **key)
{
    return let(s, request, kind, "not even from this host", key);
}

bool permit_name(const scene_t *s, uint64_t token, const api_key_t *key, enum scope_kind kind,
                 bytes_t of)
{
    return api_key_may(key, kind, of) || refuse_key(s, token, key, kind, of);
}
