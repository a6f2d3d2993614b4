#include "sys/resolver.h"

#include <ares.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/time.h>

#define KEEP_MIN_S 1
#define KEEP_MAX_S 60
#define QUERY_MS 1500
#define QUERY_TRIES 2
#define SOCKETS_MAX 32u

struct waiter {
    struct waiter *next;
    void (*on)(void *, const resolved_t *);
    void *arg;
};

struct name {
    struct name *next;
    resolver_t *resolver;
    char *host;
    bool asking, telling;
    instant_t fresh_until, asked;
    address_t addresses[RESOLVED_MAX];
    size_t count;
    char error[128];
    struct waiter *waiters, **last_waiter;
};

struct resolver {
    loop_t *loop;
    ares_channel channel;
    loop_source_t *timer;
    struct watched {
        int fd;
        loop_source_t *source;
        resolver_t *resolver;
    } sockets[SOCKETS_MAX];
    struct name *names;
    size_t name_count, waiter_count;
    bool closing;
};

static void set_timer(resolver_t *r)
{
    struct timeval wait;
    instant_t due = INSTANT_NEVER;
    if (ares_timeout(r->channel, NULL, &wait))
        due = instant_after_us(loop_now().at, wait.tv_sec * US_PER_S + wait.tv_usec);
    loop_timer_at(r->timer, due);
}

static void on_timer(void *arg)
{
    resolver_t *r = arg;
    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer(r);
}

static void on_socket(void *arg, unsigned ready)
{
    struct watched *w = arg;
    resolver_t *r = w->resolver;
    int fd = w->fd;
    ares_process_fd(r->channel, ready & LOOP_READ ? fd : ARES_SOCKET_BAD,
                    ready & LOOP_WRITE ? fd : ARES_SOCKET_BAD);
    set_timer(r);
}

/* c-ares says which of its sockets wait for what; 0 and 0: it is about to close it. */
static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    resolver_t *r = arg;
    struct watched *at = NULL;
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        struct watched *w = &r->sockets[i];
        if (w->source ? w->fd == fd : !at)
            at = w;
        if (w->source && w->fd == fd)
            break;
    }
    unsigned want = (readable ? LOOP_READ : 0u) | (writable ? LOOP_WRITE : 0u);
    if (!at)
        return; /* more sockets than we watch: that query runs into its timeout */
    if (at->source && want) {
        loop_fd_want(at->source, want);
    } else if (at->source) {
        loop_remove(&at->source);
    } else if (want) {
        *at = (struct watched){.fd = fd, .resolver = r};
        at->source = loop_fd(r->loop, fd, want, on_socket, at);
    }
}

int resolver_open(loop_t *loop, resolver_t **out)
{
    resolver_t *r = calloc(1, sizeof *r);
    must(r);
    r->loop = loop;
    struct ares_options options = {.timeout = QUERY_MS,
                                   .tries = QUERY_TRIES,
                                   .sock_state_cb = on_socket_state,
                                   .sock_state_cb_data = r};
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
        ares_init_options(&r->channel, &options,
                          ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) !=
            ARES_SUCCESS) {
        free(r);
        return -EIO;
    }
    r->timer = loop_timer(loop, on_timer, r);
    *out = r;
    return 0;
}

static void free_name(struct name *n)
{
    while (n->waiters) {
        struct waiter *w = n->waiters;
        n->waiters = w->next;
        free(w);
    }
    free(n->host);
    free(n);
}

void resolver_close(resolver_t **at)
{
    resolver_t *r = *at;
    if (!r)
        return;
    *at = NULL;
    r->closing = true;
    ares_destroy(r->channel);
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        loop_remove(&r->sockets[i].source);
    loop_remove(&r->timer);
    while (r->names) {
        struct name *n = r->names;
        r->names = n->next;
        free_name(n);
    }
    ares_library_cleanup();
    free(r);
}

/* ---- answers */

static void tell(struct name *n)
{
    const resolved_t answer = {.addresses = n->addresses,
                               .count = n->count,
                               .error = n->count ? NULL : n->error,
                               .fresh_until = n->fresh_until};
    struct waiter *w = n->waiters;
    n->waiters = NULL;
    n->last_waiter = &n->waiters;
    n->telling = true;
    while (w) {
        struct waiter *next = w->next;
        n->resolver->waiter_count--;
        w->on(w->arg, &answer);
        free(w);
        w = next;
    }
    n->telling = false;
}

static void keep(struct name *n, const struct ares_addrinfo *found)
{
    int64_t keep_s = KEEP_MAX_S;
    n->count = 0;
    for (const struct ares_addrinfo_node *a = found->nodes; a && n->count < RESOLVED_MAX;
         a = a->ai_next) {
        if (!address_of(a->ai_addr, &n->addresses[n->count]))
            continue;
        n->count++;
        if (a->ai_ttl < keep_s)
            keep_s = a->ai_ttl < KEEP_MIN_S ? KEEP_MIN_S : a->ai_ttl;
    }
    n->fresh_until = instant_after_us(loop_now().at, keep_s * US_PER_S);
    if (n->count == 0)
        strcpy(n->error, "the name has no addresses");
}

/* A failure leaves the addresses known before in use: a resolver that is down shall not stop calls.
 * A name that says it does not exist any more is believed. */
static void on_found(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
    struct name *n = arg;
    (void)timeouts;
    n->asking = false;
    if (!n->resolver->closing) {
        if (status == ARES_SUCCESS) {
            keep(n, found);
        } else {
            if (status == ARES_ENOTFOUND || status == ARES_ENODATA)
                n->count = 0;
            n->fresh_until = instant_after_us(loop_now().at, KEEP_MIN_S * US_PER_S);
            strncpy(n->error, ares_strerror(status), sizeof n->error - 1);
        }
        tell(n);
    }
    if (found)
        ares_freeaddrinfo(found);
}

/* ---- questions */

static void forget_oldest(resolver_t *r)
{
    struct name **oldest = NULL;
    for (struct name **at = &r->names; *at; at = &(*at)->next)
        if (!(*at)->asking && !(*at)->telling &&
            (!oldest || instant_before((*at)->asked, (*oldest)->asked)))
            oldest = at;
    if (!oldest)
        return;
    struct name *gone = *oldest;
    *oldest = gone->next;
    r->name_count--;
    free_name(gone);
}

static struct name *name_of(resolver_t *r, const char *host)
{
    for (struct name *n = r->names; n; n = n->next)
        if (strcmp(n->host, host) == 0)
            return n;
    if (r->name_count >= RESOLVER_NAMES_MAX)
        forget_oldest(r);
    struct name *n = calloc(1, sizeof *n);
    must(n);
    n->host = strdup(host);
    must(n->host);
    n->resolver = r;
    n->last_waiter = &n->waiters;
    n->fresh_until = (instant_t){INT64_MIN};
    n->next = r->names;
    r->names = n;
    r->name_count++;
    return n;
}

static void await(struct name *n, void (*on)(void *, const resolved_t *), void *arg)
{
    must(n->resolver->waiter_count < RESOLVER_WAITERS_MAX);
    struct waiter *w = malloc(sizeof *w);
    must(w);
    *w = (struct waiter){.on = on, .arg = arg};
    *n->last_waiter = w;
    n->last_waiter = &w->next;
    n->resolver->waiter_count++;
}

void resolver_ask(resolver_t *r, const char *host, void (*on)(void *, const resolved_t *),
                  void *arg)
{
    address_t literal;
    if (address_read(bytes_str(host), &literal)) {
        on(arg, &(resolved_t){.addresses = &literal, .count = 1, .fresh_until = INSTANT_NEVER});
        return;
    }
    struct name *n = name_of(r, host);
    instant_t now = loop_now().at;
    n->asked = now;
    await(n, on, arg);
    if (n->asking)
        return;
    if (instant_before(now, n->fresh_until)) {
        tell(n);
        return;
    }
    static const struct ares_addrinfo_hints hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = ARES_AI_NUMERICSERV};
    n->asking = true;
    ares_getaddrinfo(r->channel, host, NULL, &hints, on_found, n);
    set_timer(r);
}
