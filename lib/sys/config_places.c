/* config_places.c: values that say where: paths, templates of paths, listeners, URLs. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/template.h"
#include "sys/address.h"
#include "sys/config_value.h"

/* RFC 3986 section 3.3: pchar and '/', no dot segments; a route's path has no query. */
json_t *value_path(const value_t *v)
{
    const char *text = v->node->text;
    if (*text != '/' ||
        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                     "/-._~!$&'()*+,;=:@%") != strlen(text))
        return value_refuse(v, "is not a path such as /tickets");
    if (strstr(text, "//") || strstr(text, "/.") || (text[1] && text[strlen(text) - 1] == '/'))
        return value_refuse(v, "has an empty or dotted segment, or ends with /");
    return value_text(v);
}

json_t *value_path_template(const value_t *v)
{
    const char *text = v->node->text, *error = NULL;
    bytes_t rest = bytes_str(text);
    template_part_t part;
    if (strlen(text) > v->key->max)
        return value_refuse(v, "is too long; it may have 2048 bytes");
    if (*text != '/' || text[1] == '/')
        return value_refuse(v, "must start with one /; the host comes from the downstream alone");
    int got;
    while ((got = template_next(&rest, &part, &error)) > 0)
        for (size_t i = 0; !part.is_place && i < part.text.len; i++)
            if (part.text.data[i] <= 0x20 || part.text.data[i] >= 0x7f || part.text.data[i] == '#')
                return value_refuse(
                    v,
                    "has a space, # or other byte that must be percent-encoded: %20 for a space");
    if (got < 0)
        return value_refuse(v, error);
    if (strstr(text, "/./") || strstr(text, "/../"))
        return value_refuse(v, "has a segment . or ..; write the path without it");
    return json_string(text);
}

static bool port_fits(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && digits <= 5 && !text[digits] && strtoul(text, NULL, 10) <= 65535;
}

bool config_is_listener(const char *text, bool *loopback)
{
    char host[64];
    struct in_addr four;
    struct in6_addr six;
    const char *colon = strrchr(text, ':');
    bool bracket = *text == '[' && colon > text + 1 && colon[-1] == ']';
    size_t len = colon ? (size_t)(colon - text) - (bracket ? 2 : 0) : 0;
    if (len == 0 || len >= sizeof host || !port_fits(colon + 1))
        return false;
    memcpy(host, text + bracket, len);
    host[len] = '\0';
    if (bracket && inet_pton(AF_INET6, host, &six) == 1) {
        *loopback = IN6_IS_ADDR_LOOPBACK(&six);
        return true;
    }
    if (bracket || inet_pton(AF_INET, host, &four) != 1)
        return false;
    *loopback = ntohl(four.s_addr) >> 24 == 127;
    return true;
}

static bool host_fits(const char *host, size_t len)
{
    char text[64];
    struct in6_addr six;
    if (len > 2 && host[0] == '[' && host[len - 1] == ']' && len - 2 < sizeof text) {
        snprintf(text, sizeof text, "%.*s", (int)len - 2, host + 1);
        return inet_pton(AF_INET6, text, &six) == 1;
    }
    if (len == 0 || len > 253 || host[0] == '.' || host[0] == '-')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)host[i]) && host[i] != '.' && host[i] != '-')
            return false;
    return true;
}

json_t *value_url(const value_t *v)
{
    const char *text = v->node->text, *host = strstr(text, "://");
    if (strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0)
        return value_refuse(v, "must start with http:// or https://");
    host += 3;
    if (strchr(host, '@'))
        return value_refuse(v, "holds a user name; give a secret instead");
    if (strpbrk(host, "/?#"))
        return value_refuse(v, "has a path; leave it out here, it stands in the steps' calls");
    const char *close = *host == '[' ? strchr(host, ']') : NULL;
    const char *colon = strchr(close ? close : host, ':');
    size_t len = colon ? (size_t)(colon - host) : strlen(host);
    if (!host_fits(host, len) || (colon && (!port_fits(colon + 1) || atoi(colon + 1) == 0)))
        return value_refuse(v, "is not scheme://host or scheme://host:port");
    if (address_is_disguised(bytes_of(host, len)))
        return value_refuse(v,
                            "has a host that is neither a name nor an address; an address has four "
                            "numbers, such as 127.0.0.1");
    return value_text(v);
}
