/* A downstream's address: read once from its URL, resolved outside libcurl, checked, and pinned. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sys/http_client_inside.h"

#define PIN_ADDRESSES_MAX 4u

/* ---- the URL: scheme://host[:port], nothing else */

static bool is_host(const char *host, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)host[i]) && !strchr("-._", host[i]))
            return false;
    return len > 0 && host[0] != '.' && host[0] != '-';
}

static bool read_port(const char *text, uint16_t *out)
{
    size_t len = strlen(text);
    unsigned long port = strtoul(text, NULL, 10);
    if (len == 0 || len > 5 || strspn(text, "0123456789") != len || port == 0 || port > 65535)
        return false;
    *out = (uint16_t)port;
    return true;
}

static int read_url(http_pool_t *p, const char *url)
{
    bool tls = strncmp(url, "https://", 8) == 0;
    if (!tls && strncmp(url, "http://", 7) != 0)
        return -EINVAL;
    const char *host = url + (tls ? 8 : 7);
    size_t len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#@");
    address_t literal;
    if (len > HOST_BYTES_MAX || len > strlen(host))
        return -EINVAL;
    memcpy(p->host, host, len);
    p->host[len] = '\0';
    p->port = tls ? 443 : 80;
    const char *rest = host + len;
    if (*rest == ':' ? !read_port(rest + 1, &p->port) : *rest != '\0')
        return -EINVAL;
    p->literal = address_read(bytes_str(p->host), &literal);
    if (p->literal)
        return address_may_be_called(&literal, p->allow_private) ? 0 : -EACCES;
    return is_host(p->host, len) && !address_is_disguised(bytes_str(p->host)) ? 0 : -EINVAL;
}

int pool_open(http_pool_t *p, http_client_t *client, const http_pool_options_t *o)
{
    *p = (http_pool_t){.client = client,
                       .connections = o->connections,
                       .connect_ms = o->connect_ms,
                       .total_ms = o->total_ms,
                       .allow_private = o->allow_private,
                       .answer_bytes_max = o->answer_bytes_max};
    must(o->connections > 0);
    int r = read_url(p, o->url);
    /* A literal that may not be called stays: its calls fail one by one, each saying why. */
    if (r < 0 && r != -EACCES)
        return r;
    p->name = strdup(o->name ? o->name : o->url);
    p->url = strdup(o->url);
    p->calls = calloc(o->connections + 1, sizeof *p->calls);
    must(p->name && p->url && p->calls);
    for (unsigned i = 0; i <= o->connections; i++) {
        p->calls[i] = (call_t){.pool = p, .next = p->free};
        p->free = &p->calls[i];
    }
    p->pin_until = p->literal && r == 0 ? INSTANT_NEVER : (instant_t){INT64_MIN};
    return 0;
}

static void free_call(call_t *c)
{
    if (c->easy)
        curl_easy_cleanup(c->easy);
    free(c->url);
    free(c->fields);
    free(c->body);
    free(c->head);
    free(c->answer);
}

void pool_close(http_pool_t *p)
{
    for (unsigned i = 0; p->calls && i <= p->connections; i++)
        free_call(&p->calls[i]);
    free(p->calls);
    free(p->name);
    free(p->url);
    free(p->pin);
}

/* ---- addresses */

static void append_address(char *pin, size_t size, const address_t *address, bool first)
{
    char text[ADDRESS_TEXT];
    size_t len = strlen(pin);
    address_write(address, text);
    must((size_t)snprintf(pin + len, size - len, address->family == 6 ? "%s[%s]" : "%s%s",
                          first ? "" : ",", text) < size - len);
}

/* NULL: not one of them may be called; `refused` then names one. */
static char *make_pin(const http_pool_t *p, const resolved_t *found, address_t *refused)
{
    size_t size = HOST_BYTES_MAX + 16 + PIN_ADDRESSES_MAX * (ADDRESS_TEXT + 3), taken = 0;
    char *pin = malloc(size);
    must(pin);
    snprintf(pin, size, "%s:%u:", p->host, p->port);
    for (size_t i = 0; i < found->count && taken < PIN_ADDRESSES_MAX; i++) {
        if (address_may_be_called(&found->addresses[i], p->allow_private))
            append_address(pin, size, &found->addresses[i], taken++ == 0);
        else
            *refused = found->addresses[i];
    }
    if (taken > 0)
        return pin;
    free(pin);
    return NULL;
}

static void end_waiting(http_pool_t *p, const char *error)
{
    for (unsigned i = 0; i <= p->connections; i++)
        if (p->calls[i].state == CALL_STATE_RESOLVING) {
            p->client->resolving--;
            call_end(&p->calls[i], CALL_FAILED, error);
        }
}

static void start_waiting(http_pool_t *p)
{
    for (unsigned i = 0; i <= p->connections; i++)
        if (p->calls[i].state == CALL_STATE_RESOLVING) {
            p->client->resolving--;
            call_start(&p->calls[i]);
        }
}

static void on_resolved(void *arg, const resolved_t *found)
{
    http_pool_t *p = arg;
    char error[CURL_ERROR_SIZE];
    address_t refused = {.family = 4};
    p->asking = false;
    if (found->error) {
        snprintf(error, sizeof error, "the name %.100s was not resolved: %.100s", p->host,
                 found->error);
        end_waiting(p, error);
        return;
    }
    char *pin = make_pin(p, found, &refused);
    if (!pin) {
        char text[ADDRESS_TEXT];
        address_write(&refused, text);
        snprintf(error, sizeof error,
                 "%.100s is at %s (%s): not called unless allow_private permits it", p->host, text,
                 address_kind_name(address_kind(&refused)));
        end_waiting(p, error);
        return;
    }
    free(p->pin);
    p->pin = pin;
    p->pin_until = found->fresh_until;
    start_waiting(p);
}

void pool_resolve(http_pool_t *p)
{
    address_t literal;
    char error[CURL_ERROR_SIZE];
    if (!p->literal) {
        if (!p->asking) {
            p->asking = true;
            resolver_ask(p->client->resolver, p->host, on_resolved, p);
        }
        return;
    }
    must(address_read(bytes_str(p->host),
                      &literal)); /* one that may not be called: others never come here */
    snprintf(error, sizeof error,
             "%.100s is a %s address: not called unless allow_private permits it", p->host,
             address_kind_name(address_kind(&literal)));
    end_waiting(p, error);
}
