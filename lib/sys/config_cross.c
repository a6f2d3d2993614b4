#include <stdlib.h>

#include "core/slip.h"
#include "sys/address.h"
#include "sys/config_check.h"
#include "sys/forwarded.h"
#include "sys/config_explain.h"

void config_complain_name(config_tree_t *tree, const node_t *at, const char *what, const char *name,
                          json_t *table)
{
    const char *other, *near = NULL;
    json_t *entry;
    size_t least = strlen(name) / 3 + 2;
    (void)entry;
    json_object_foreach(table, other, entry)
    {
        size_t distance = word_distance(name, other);
        if (distance < least) {
            least = distance;
            near = other;
        }
    }
    if (near)
        config_complain(tree, at, "no %s is called %s; did you mean %s?", what, name, near);
    else
        config_complain(tree, at, "no %s is called %s; add it to %ss", what, name, what);
}

/* A number of the checked form, "http/connections". */
static json_int_t number(json_t *json, const char *section, const char *leaf)
{
    return json_integer_value(json_object_get(json_object_get(json, section), leaf));
}

typedef struct order {
    const char *section, *less, *more;
    bool equal_fits;
    uint64_t times;
} order_t;
static const order_t orders[] = {
    {"http", "reserved_connections", "connections", false, 1},
    {"supervisor", "restart_min_ms", "restart_max_ms", true, 1},
    {"supervisor", "drain_ms", "stop_ms", true, 1},
    {"store", "reserve_mb", "low_mb", true, 1},
};

static void check_orders(config_tree_t *tree, json_t *json)
{
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        const order_t *o = &orders[i];
        json_int_t less = number(json, o->section, o->less),
                   more = number(json, o->section, o->more);
        if (less > more || (less == more && !o->equal_fits))
            config_complain(tree, node_at(tree, "%s/%s", o->section, o->less),
                            "%s.%s (%lld) must be %s %s.%s (%lld)", o->section, o->less,
                            (long long)less, o->equal_fits ? "at most" : "less than", o->section,
                            o->more, (long long)more);
    }
}

static void check_directories(config_tree_t *tree, json_t *json)
{
    static const char *const leaves[] = {"state_dir", "run_dir"};
    for (size_t i = 0; i < COUNT_OF(leaves); i++)
        if (*json_string_value(json_object_get(json, leaves[i])) != '/')
            config_complain(tree, node_at(tree, "%s", leaves[i]),
                            "%s must be absolute: start it with /", leaves[i]);
}

static bool is_listed(json_t *list, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, json_string_value(json_array_get(list, i))) == 0)
            return true;
    return false;
}

/* Whether all of these listeners are on this host's loopback; none of them may be in `others`. */
static bool check_listeners(config_tree_t *tree, json_t *http, const char *leaf, json_t *others)
{
    json_t *list = json_object_get(http, leaf);
    bool all = true, loopback = false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        const node_t *at = node_at(tree, "http/%s/%zu", leaf, i);
        if (!config_is_listener(text, &loopback))
            config_complain(tree, at,
                            "%s is not an address and port, such as 127.0.0.1:8080 or [::1]:8080",
                            text);
        if (is_listed(list, i, text) || is_listed(others, json_array_size(others), text))
            config_complain(tree, at, "%s is listed twice", text);
        all = all && loopback;
    }
    return all;
}

/* A file is absolute: what it is relative to would be a riddle. It is named in JSON texts too. */
static void check_tls_file(config_tree_t *tree, json_t *tls, const char *leaf)
{
    const char *text = json_string_value(json_object_get(tls, leaf));
    if (*text == '/' ? strpbrk(text, "\"\\") != NULL : !config_is_name(text))
        config_complain(tree, node_at(tree, "http/tls/%s", leaf),
                        "%s is neither an absolute path nor the name of a secret", text);
}

static void check_proxies(config_tree_t *tree, json_t *http)
{
    json_t *text;
    size_t i;
    network_t network;
    json_array_foreach(json_object_get(http, "trusted_proxies"), i, text)
    {
        if (!network_read(bytes_str(json_string_value(text)), &network))
            config_complain(tree, node_at(tree, "http/trusted_proxies/%zu", i),
                            "%s is no address or network, such as 192.0.2.7, 10.0.0.0/8 or "
                            "2001:db8::/32",
                            json_string_value(text));
    }
}

static bool check_door(config_tree_t *tree, json_t *json)
{
    json_t *http = json_object_get(json, "http"), *listen = json_object_get(http, "listen"),
           *secure = json_object_get(http, "listen_tls"), *tls = json_object_get(http, "tls");
    bool plain = check_listeners(tree, http, "listen", NULL);
    bool all = check_listeners(tree, http, "listen_tls", listen) && plain;
    if (json_array_size(listen) + json_array_size(secure) > 16)
        config_complain(tree, node_at(tree, "http/listen_tls"),
                        "more than 16 addresses in listen and listen_tls together");
    if (secure && !tls)
        config_complain(tree, node_at(tree, "http/listen_tls"),
                        "listen_tls needs a certificate: add  tls: {certificate: ..., key: ...}");
    if (tls && !secure)
        config_complain(tree, node_at(tree, "http/tls"),
                        "nobody uses it: add the addresses that speak TLS as listen_tls");
    check_proxies(tree, http);
    if (tls) {
        check_tls_file(tree, tls, "certificate");
        check_tls_file(tree, tls, "key");
    }
    return all;
}

static bool has(json_t *object, const char *leaf) { return json_object_get(object, leaf) != NULL; }

static void check_secrets(config_tree_t *tree, const char *name, json_t *source)
{
    const char *auth = json_string_value(json_object_get(source, "auth"));
    bool none = strcmp(auth, "none-on-loopback") == 0 || strcmp(auth, "api-key") == 0;
    if (none && (has(source, "secret") || has(source, "secret_next")))
        config_complain(tree, node_at(tree, "sources/%s/secret", name),
                        "a secret with auth %s is never used; leave it out or use bearer", auth);
    else if (!none && !has(source, "secret"))
        config_complain(tree, node_at(tree, "sources/%s/auth", name),
                        "auth %s needs a secret: add  secret: NAME  of a file in the credentials "
                        "directory",
                        auth);
    else if (json_equal(json_object_get(source, "secret"), json_object_get(source, "secret_next")))
        config_complain(tree, node_at(tree, "sources/%s/secret_next", name),
                        "secret_next is the same as secret; it names another file, with the secret "
                        "that takes its place");
}

static void check_header(config_tree_t *tree, const char *name, json_t *source)
{
    const char *auth = json_string_value(json_object_get(source, "auth"));
    const char *header = json_string_value(json_object_get(source, "header"));
    bool wanted = strcmp(auth, "header") == 0;
    if (wanted && !header)
        config_complain(tree, node_at(tree, "sources/%s/auth", name),
                        "auth header needs the name of the header: add  header: X-Api-Key");
    if (!wanted && header)
        config_complain(tree, node_at(tree, "sources/%s/header", name),
                        "header is used with auth header only; leave it out");
    if (header && !config_is_token(header))
        config_complain(tree, node_at(tree, "sources/%s/header", name),
                        "%.64s cannot be a header's name", header);
}

static void check_sources(config_tree_t *tree, json_t *json, bool only_loopback)
{
    const char *name;
    json_t *source;
    json_object_foreach(json_object_get(json, "sources"), name, source)
    {
        const char *auth = json_string_value(json_object_get(source, "auth"));
        if (strcmp(auth, "none-on-loopback") == 0 && !only_loopback)
            config_complain(
                tree, node_at(tree, "sources/%s/auth", name),
                "none-on-loopback needs every address of http.listen on loopback; use bearer or "
                "github, or listen on 127.0.0.1");
        check_secrets(tree, name, source);
        check_header(tree, name, source);
    }
}

/* A name is looked up later, and what it stands for is checked before each connection. */
static void check_literal(config_tree_t *tree, const char *name, json_t *downstream)
{
    const char *host = strstr(json_string_value(json_object_get(downstream, "url")), "://") + 3;
    size_t length = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    bool allowed = json_is_true(json_object_get(downstream, "allow_private"));
    address_t address;
    if (!address_read(bytes_of(host, length), &address) || address_may_be_called(&address, allowed))
        return;
    config_complain(tree, node_at(tree, "downstreams/%s/url", name), "%.*s is %s: %s", (int)length,
                    host, address_kind_name(address_kind(&address)),
                    address_may_be_called(&address, true) ? "add  allow_private: true  to call it"
                                                          : "no downstream can be there");
}

static void check_downstreams(config_tree_t *tree, json_t *json)
{
    const char *name, *header;
    json_t *downstream, *value;
    json_object_foreach(json_object_get(json, "downstreams"), name, downstream)
    {
        if (strcmp(name, "rules") == 0)
            config_complain(tree, node_at(tree, "downstreams/rules"),
                            "rules is the name of the built-in rules; choose another");
        check_literal(tree, name, downstream);
        if (json_integer_value(json_object_get(downstream, "connect_ms")) >
            json_integer_value(json_object_get(downstream, "total_ms")))
            config_complain(tree, node_at(tree, "downstreams/%s/connect_ms", name),
                            "connect_ms must be at most total_ms");
        json_object_foreach(json_object_get(downstream, "headers"), header,
                            value) if (strstr(json_string_value(value), "${"))
            config_complain(
                tree, node_at(tree, "downstreams/%s/headers/%s", name, header),
                "a downstream's headers are fixed; put places ${...} into the steps' headers");
    }
}

void config_check_cross(config_tree_t *tree, json_t *json)
{
    check_orders(tree, json);
    check_directories(tree, json);
    check_sources(tree, json, check_door(tree, json));
    check_downstreams(tree, json);
    config_check_limits(tree, json);
    config_check_routes(tree, json);
    config_check_modes(tree, json);
    config_check_api_keys(tree, json);
}
