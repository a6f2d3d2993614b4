#include "supervisor/listeners.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sys/notify.h"

static bool read_port(const char *text, in_port_t *out)
{
    char *end;
    if (*text < '0' || *text > '9' || strlen(text) > 5)
        return false;
    unsigned long port = strtoul(text, &end, 10);
    if (*end != '\0' || port > 65535)
        return false;
    *out = htons((uint16_t)port);
    return true;
}

static int address_v6(const char *host, const char *port, struct sockaddr_storage *out,
                      socklen_t *len)
{
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
    six->sin6_family = AF_INET6;
    *len = sizeof *six;
    return inet_pton(AF_INET6, host, &six->sin6_addr) == 1 && read_port(port, &six->sin6_port)
               ? 0
               : -EINVAL;
}

static int address_v4(const char *host, const char *port, struct sockaddr_storage *out,
                      socklen_t *len)
{
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    four->sin_family = AF_INET;
    *len = sizeof *four;
    return inet_pton(AF_INET, host, &four->sin_addr) == 1 && read_port(port, &four->sin_port)
               ? 0
               : -EINVAL;
}

int listener_address(const char *text, struct sockaddr_storage *out, socklen_t *len)
{
    char host[LISTENER_TEXT];
    const char *colon = strrchr(text, ':');
    memset(out, 0, sizeof *out);
    if (!colon || colon == text || strlen(text) >= sizeof host)
        return -EINVAL;
    size_t host_len = (size_t)(colon - text);
    bool bracketed = text[0] == '[' && text[host_len - 1] == ']' && host_len > 2;
    snprintf(host, sizeof host, "%.*s", (int)(bracketed ? host_len - 2 : host_len),
             bracketed ? text + 1 : text);
    return bracketed ? address_v6(host, colon + 1, out, len)
                     : address_v4(host, colon + 1, out, len);
}

static void describe(int fd, char out[LISTENER_TEXT])
{
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof a;
    char host[INET6_ADDRSTRLEN] = "?";
    snprintf(out, LISTENER_TEXT, "?");
    if (getsockname(fd, (struct sockaddr *)&a, &len) < 0)
        return;
    if (a.ss_family == AF_INET) {
        struct sockaddr_in *four = (struct sockaddr_in *)&a;
        inet_ntop(AF_INET, &four->sin_addr, host, sizeof host);
        snprintf(out, LISTENER_TEXT, "%s:%u", host, ntohs(four->sin_port));
    } else if (a.ss_family == AF_INET6) {
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)&a;
        inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof host);
        snprintf(out, LISTENER_TEXT, "[%s]:%u", host, ntohs(six->sin6_port));
    }
}

static int open_one(const char *text)
{
    struct sockaddr_storage address;
    socklen_t len;
    int error = listener_address(text, &address, &len), on = 1;
    if (error)
        return error;
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    /* [::] is IPv6 only: who wants both writes both. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        (address.ss_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
        bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, LISTENERS_BACKLOG) < 0) {
        error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

static int open_list(listeners_t *l, const char **texts, size_t count, bool tls, const char **which)
{
    for (size_t i = 0; i < count; i++) {
        *which = texts[i];
        int fd = l->count < LISTENERS_MAX ? open_one(texts[i]) : -EMSGSIZE;
        if (fd < 0) {
            listeners_close(l);
            return fd;
        }
        l->tls |= (uint32_t)tls << l->count;
        l->fds[l->count++] = fd;
    }
    return 0;
}

static int open_all(listeners_t *l, const config_t *config, const char **which)
{
    int error = open_list(l, config->http.listen, config->http.listen_count, false, which);
    return error
               ? error
               : open_list(l, config->http.listen_tls, config->http.listen_tls_count, true, which);
}

/* Is this socket bound to the address of that text? */
static bool is_at(int fd, const char *text)
{
    struct sockaddr_storage wanted, is = {0};
    socklen_t wanted_len, len = sizeof is;
    return listener_address(text, &wanted, &wanted_len) == 0 &&
           getsockname(fd, (struct sockaddr *)&is, &len) == 0 && len == wanted_len &&
           memcmp(&is, &wanted, len) == 0;
}

static void mark_tls(listeners_t *l, const config_t *config)
{
    for (size_t i = 0; i < l->count; i++)
        for (size_t k = 0; k < config->http.listen_tls_count; k++)
            l->tls |= (uint32_t)is_at(l->fds[i], config->http.listen_tls[k]) << i;
}

int listeners_open(listeners_t *l, const config_t *config, const char **which)
{
    *l = (listeners_t){0};
    *which = "socket from systemd";
    int given = notify_listeners(l->fds, LISTENERS_MAX);
    if (given < 0)
        return given;
    l->from_systemd = given > 0;
    l->count = (size_t)given;
    int error = l->from_systemd ? 0 : open_all(l, config, which);
    if (l->from_systemd)
        mark_tls(l, config);
    for (size_t i = 0; i < l->count; i++)
        describe(l->fds[i], l->addresses[i]);
    return error;
}

void listeners_close(listeners_t *l)
{
    for (size_t i = 0; i < l->count; i++)
        close(l->fds[i]);
    l->count = 0;
}
