#include "actors/actor_door.h"

#include <stdlib.h>

#include "sys/certificate.h"
#include "sys/log.h"

#define WARN_S (14 * 86400)
#define WARN_EVERY_US (86400 * US_PER_S)

#define BODY_BYTES (256u << 10) /* of an order or a batch of leases; routes may want more */
#define HELD_BODIES 256u        /* so many of the largest may be half there at once */

static char *text_of(bytes_t secret)
{
    char *text = malloc(secret.len + 1);
    must(text);
    memcpy(text, secret.data, secret.len);
    text[secret.len] = '\0';
    return text;
}

static void trust(actor_door_t *t, const config_t *config)
{
    size_t count = config->http.trusted_proxy_count;
    network_t *networks = calloc(count + 1, sizeof *networks);
    must(networks);
    for (size_t i = 0; i < count; i++)
        must(network_read(bytes_str(config->http.trusted_proxies[i]), &networks[i]));
    t->forwarded = (forwarded_t){networks, count, config->http.rfc7239};
}

int actor_door_open(actor_door_t *t, const config_t *config, const secrets_t *secrets)
{
    trust(t, config);
    if (!config->http.tls_certificate)
        return 0;
    bytes_t chain = secrets_find(secrets, config->http.tls_certificate),
            key = secrets_find(secrets, config->http.tls_key);
    int error = certificate_check(chain, key, &t->ends);
    if (error)
        return error;
    t->certificate = text_of(chain);
    t->key = text_of(key);
    return 0;
}

void actor_door_close(actor_door_t *t)
{
    if (t->key)
        explicit_bzero(t->key, strlen(t->key));
    free((void *)(uintptr_t)t->forwarded.trusted);
    t->forwarded = (forwarded_t){0};
    free(t->key);
    free(t->certificate);
    t->key = t->certificate = NULL;
}

http_server_options_t actor_door_options(const actor_door_t *t, const config_t *config,
                                         const birth_line_t *line)
{
    size_t body_max = BODY_BYTES;
    for (size_t i = 0; i < config->route_count; i++)
        if (config->routes[i].body_bytes_max > body_max)
            body_max = config->routes[i].body_bytes_max;
    return (http_server_options_t){
        .listeners = line->listen,
        .listener_count = line->listen_count,
        .forwarded = t->forwarded.trusted_count ? &t->forwarded : NULL,
        .tls_listeners = line->tls,
        .tls_certificate = t->certificate,
        .tls_key = t->key,
        .connections = config->http.connections,
        .reserved_connections = config->http.reserved_connections,
        .connections_per_client = config->http.connections_per_client,
        .header_ms = config->http.header_ms,
        .body_ms = config->http.body_ms,
        .idle_ms = config->http.idle_ms,
        .body_rate_min = config->http.body_rate_min,
        .header_bytes_max = config->http.header_bytes_max,
        .body_bytes_max = body_max,
        .held_bytes_max = HELD_BODIES * body_max,
    };
}

void actor_door_look(actor_door_t *t, metrics_t *metrics, now_t now)
{
    if (!t->certificate)
        return;
    int64_t left_s = (t->ends.us - now.wall.us) / US_PER_S;
    metrics_set(metrics, METRIC_TLS_EXPIRY, (bytes_t){0}, (double)left_s);
    if (left_s > WARN_S || instant_before(now.at, t->warn_at))
        return;
    t->warn_at = instant_after_us(now.at, WARN_EVERY_US);
    if (left_s < 0)
        log_text(LOG_CERTIFICATE_ENDS,
                 "the certificate of the door has ended %lld hours ago and callers refuse it; "
                 "renew it, then weirctl reload",
                 (long long)(-left_s / 3600));
    else
        log_text(LOG_CERTIFICATE_ENDS,
                 "the certificate of the door ends in %lld hours; renew it, then weirctl reload",
                 (long long)(left_s / 3600));
}
