#include "sys/config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "sys/config_found.h"
#include "sys/config_load.h"

struct held {
    struct held *next;
    max_align_t data[];
};

void *config_hold(loading_t *l, size_t count, size_t size)
{
    struct held *held = calloc(1, sizeof *held + count * size);
    must(held);
    held->next = l->whole->held;
    l->whole->held = held;
    return held->data;
}

/* ---- leaves of the checked form ---- */

const char *leaf_text(json_t *json, const char *leaf)
{
    return json_string_value(json_object_get(json, leaf));
}

uint64_t leaf_number(json_t *json, const char *leaf)
{
    json_t *value = json_object_get(json, leaf);
    must(json_is_integer(value));
    return (uint64_t)json_integer_value(value);
}

bool leaf_bool(json_t *json, const char *leaf)
{
    json_t *value = json_object_get(json, leaf);
    must(json_is_boolean(value));
    return json_is_true(value);
}

const char *leaf_word(json_t *json, const char *leaf)
{
    const char *text = leaf_text(json, leaf);
    must(text);
    return text;
}

/* ---- sections ---- */

static const char **load_texts(loading_t *l, json_t *list, size_t *count)
{
    *count = json_array_size(list);
    const char **texts = config_hold(l, *count, sizeof *texts);
    for (size_t i = 0; i < *count; i++)
        texts[i] = json_string_value(json_array_get(list, i));
    return texts;
}

static void load_http(loading_t *l, json_t *json)
{
    config_t *c = l->config;
    json_t *tls = json_object_get(json, "tls");
    c->http.listen = load_texts(l, json_object_get(json, "listen"), &c->http.listen_count);
    c->http.listen_tls =
        load_texts(l, json_object_get(json, "listen_tls"), &c->http.listen_tls_count);
    c->http.trusted_proxies =
        load_texts(l, json_object_get(json, "trusted_proxies"), &c->http.trusted_proxy_count);
    c->http.rfc7239 = *leaf_word(json, "proxy_header") == 'f';
    c->http.tls_certificate = leaf_text(tls, "certificate");
    c->http.tls_key = leaf_text(tls, "key");
    NUMBER(&c->http, json, connections);
    NUMBER(&c->http, json, reserved_connections);
    NUMBER(&c->http, json, connections_per_client);
    NUMBER(&c->http, json, header_ms);
    NUMBER(&c->http, json, body_ms);
    NUMBER(&c->http, json, idle_ms);
    NUMBER(&c->http, json, body_rate_min);
    NUMBER(&c->http, json, header_bytes_max);
}

static void load_queue_and_store(config_t *c, json_t *queue, json_t *store)
{
    NUMBER(&c->queue, queue, messages_max);
    NUMBER(&c->queue, queue, bytes_max);
    NUMBER(&c->queue, queue, intake_messages);
    NUMBER(&c->queue, queue, intake_bytes_mb);
    NUMBER(&c->queue, queue, cache_bytes);
    NUMBER(&c->queue, queue, buckets_max);
    NUMBER(&c->queue, queue, leases_max);
    for (unsigned class = 0; class < CLASS_COUNT; class ++) {
        char leaf[24];
        snprintf(leaf, sizeof leaf, "%s_s", class_name(class));
        c->queue.head_start_us[class] =
            (int64_t)leaf_number(json_object_get(queue, "head_start"), leaf) * US_PER_S;
    }
    NUMBER(&c->store, store, reserve_mb);
    NUMBER(&c->store, store, low_mb);
    NUMBER(&c->store, store, commit_pause_us);
    NUMBER(&c->store, store, wal_mb);
    NUMBER(&c->store, store, keep_done_s);
    NUMBER(&c->store, store, keep_dead_s);
    NUMBER(&c->store, store, keep_prints_s);
}

static void load_supervisor(config_t *c, json_t *json)
{
    NUMBER(&c->supervisor, json, restart_min_ms);
    NUMBER(&c->supervisor, json, restart_max_ms);
    NUMBER(&c->supervisor, json, forget_ms);
    NUMBER(&c->supervisor, json, burst);
    NUMBER(&c->supervisor, json, burst_ms);
    NUMBER(&c->supervisor, json, failed_retry_ms);
    NUMBER(&c->supervisor, json, ready_ms);
    NUMBER(&c->supervisor, json, hang_ms);
    NUMBER(&c->supervisor, json, stop_ms);
    NUMBER(&c->supervisor, json, drain_ms);
    c->supervisor.user = leaf_word(json, "user");
    c->supervisor.viewer_group = leaf_word(json, "viewer_group");
    c->supervisor.operator_group = leaf_word(json, "operator_group");
    c->supervisor.admin_group = leaf_word(json, "admin_group");
    const char *jail = leaf_word(json, "jail");
    c->supervisor.jail = *jail == 'o' ? JAIL_OFF : *jail == 'r' ? JAIL_REQUIRED : JAIL_BEST_EFFORT;
}

static void load_actors_and_log(config_t *c, json_t *actors, json_t *log)
{
    NUMBER(&c->actors, actors, ingress);
    NUMBER(&c->actors, actors, classifier);
    NUMBER(&c->actors, actors, responder);
    c->log.level = leaf_word(log, "level");
    c->log.journal = leaf_bool(log, "journal");
    NUMBER(&c->log, log, sample);
}

/* ---- names ---- */

const header_t *load_headers(loading_t *l, json_t *json, size_t *count)
{
    *count = json_object_size(json);
    header_t *headers = config_hold(l, *count, sizeof *headers), *at = headers;
    const char *name;
    json_t *value;
    json_object_foreach(json, name, value) *at++ = (header_t){name, json_string_value(value)};
    return headers;
}

static enum auth auth_of(const char *word)
{
    static const char *const words[AUTH_COUNT] = {
        [AUTH_NONE_ON_LOOPBACK] = "none-on-loopback",
        [AUTH_GITHUB] = "github",
        [AUTH_BEARER] = "bearer",
        [AUTH_SLACK] = "slack",
        [AUTH_STANDARD_WEBHOOKS] = "standard-webhooks",
        [AUTH_HEADER] = "header",
        [AUTH_API_KEY] = "api-key",
    };
    enum auth auth = 0;
    while (auth < AUTH_COUNT && strcmp(words[auth], word) != 0)
        auth++;
    must(auth < AUTH_COUNT);
    return auth;
}

/* Names of headers are compared in lower case. */
static const char *lower_case(loading_t *l, const char *text)
{
    if (!text)
        return NULL;
    size_t length = strlen(text);
    char *copy = config_hold(l, length + 1, 1);
    for (size_t i = 0; i < length; i++)
        copy[i] = (char)tolower((unsigned char)text[i]);
    return copy;
}

static enum at_drain at_drain_of(json_t *source)
{
    const char *word = leaf_text(source, "at_drain");
    if (!word)
        return leaf_bool(source, "sender_retries") ? AT_DRAIN_REFUSE : AT_DRAIN_HOLD;
    return *word == 'h' ? AT_DRAIN_HOLD : *word == 'r' ? AT_DRAIN_REFUSE : AT_DRAIN_DEAD;
}

static void load_sources(loading_t *l, json_t *json)
{
    const char *name;
    json_t *source;
    l->config->source_count = json_object_size(json);
    source_t *at = l->config->sources = config_hold(l, json_object_size(json), sizeof *at);
    json_object_foreach(json, name, source)
    {
        at->name = name;
        at->auth = auth_of(leaf_word(source, "auth"));
        at->secret = leaf_text(source, "secret");
        at->secret_next = leaf_text(source, "secret_next");
        at->header = lower_case(l, leaf_text(source, "header"));
        at->at_drain = at_drain_of(source);
        NUMBER(at, source, share_percent);
        at++->conflict_is_duplicate = leaf_bool(source, "conflict_is_duplicate");
    }
}

static void load_downstreams(loading_t *l, json_t *json)
{
    config_t *c = l->config;
    const char *name;
    json_t *downstream;
    c->downstream_count = json_object_size(json);
    c->pool_count = c->downstream_count + 2;
    c->pools = config_hold(l, c->pool_count, sizeof *c->pools);
    c->pools[0] = "rules";
    c->pools[c->pool_count - 1] = "own";
    downstream_t *at = c->downstreams = config_hold(l, c->downstream_count, sizeof *at);
    json_object_foreach(json, name, downstream)
    {
        c->pools[1 + (at - c->downstreams)] = at->name = name;
        at->url = leaf_word(downstream, "url");
        NUMBER(at, downstream, connections);
        NUMBER(at, downstream, connect_ms);
        NUMBER(at, downstream, total_ms);
        NUMBER(at, downstream, answer_bytes_max);
        NUMBER(at, downstream, retry_percent);
        NUMBER(at, downstream, retry_least);
        at->idempotent = leaf_bool(downstream, "idempotent");
        at->allow_private = leaf_bool(downstream, "allow_private");
        at->secret = leaf_text(downstream, "secret");
        at->headers = load_headers(l, json_object_get(downstream, "headers"), &at->header_count);
        at++;
    }
}

/* ---- the whole ---- */

static uint64_t fingerprint(json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    must(text);
    uint64_t epoch = XXH3_64bits(text, strlen(text));
    free(text);
    return epoch;
}

config_t *config_load(json_t *json)
{
    whole_config_t *whole = calloc(1, sizeof *whole);
    must(whole);
    config_t *c = &whole->config;
    loading_t l = {.whole = whole, .config = c};
    c->json = json_incref(json);
    c->epoch = fingerprint(json);
    c->state_dir = leaf_word(json, "state_dir");
    c->run_dir = leaf_word(json, "run_dir");
    load_http(&l, json_object_get(json, "http"));
    load_queue_and_store(c, json_object_get(json, "queue"), json_object_get(json, "store"));
    load_supervisor(c, json_object_get(json, "supervisor"));
    load_actors_and_log(c, json_object_get(json, "actors"), json_object_get(json, "log"));
    load_api_keys(&l, json_object_get(json, "api_keys"),
                  leaf_text(json_object_get(json, "http"), "api_token"));
    load_sources(&l, json_object_get(json, "sources"));
    load_downstreams(&l, json_object_get(json, "downstreams"));
    load_modes(&l, json_object_get(json, "modes"));
    load_limits(&l, json_object_get(json, "limits"), json_object_get(json, "routes"));
    load_downstream_limits(&l, json_object_get(json, "downstreams"));
    load_routes(&l, json_object_get(json, "routes"));
    return c;
}

config_t *config_load_found(config_found_t *found)
{
    config_t *c = config_load(found->json);
    c->origins = json_incref(found->origins);
    c->files = json_incref(found->files);
    config_found_clear(found);
    return c;
}

void config_destroy(config_t **config)
{
    if (!*config)
        return;
    whole_config_t *whole = (whole_config_t *)*config; /* its first member */
    for (struct held *at = whole->held, *next; at; at = next) {
        next = at->next;
        free(at);
    }
    json_decref(whole->config.json);
    json_decref(whole->config.origins);
    json_decref(whole->config.files);
    free(whole);
    *config = NULL;
}

/* ---- finding ---- */

const route_t *config_route(const config_t *c, bytes_t name)
{
    for (size_t i = 0; i < c->route_count; i++)
        if (bytes_is(name, c->routes[i].name))
            return &c->routes[i];
    return NULL;
}

long config_limit(const config_t *c, bytes_t name)
{
    for (size_t i = 0; i < c->limit_count; i++)
        if (bytes_is(name, c->limits[i].name))
            return (long)i;
    return -1;
}

const route_t *config_route_at(const config_t *c, bytes_t path)
{
    for (size_t i = 0; i < c->route_count; i++)
        if (bytes_is(path, c->routes[i].path))
            return &c->routes[i];
    return NULL;
}

const step_t *route_step(const route_t *r, bytes_t name)
{
    for (size_t i = 0; i < r->step_count; i++)
        if (bytes_is(name, r->steps[i].name))
            return &r->steps[i];
    return NULL;
}

unsigned config_lists(const config_t *c, const downstream_t *downstream)
{
    unsigned n = 0;
    for (size_t i = 0; i < c->limit_count; i++)
        n += c->limits[i].truth.downstream == downstream;
    return n;
}

long config_pool(const config_t *c, bytes_t name)
{
    for (size_t i = 0; i < c->pool_count; i++)
        if (bytes_is(name, c->pools[i]))
            return (long)i;
    return -1;
}
