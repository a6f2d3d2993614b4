/* http_far_side.h: a small HTTP server with habits, told by its paths: it drops, hangs, talks too
 * much. It counts what it saw, so that nothing can be sent twice unseen. */
#ifndef WEIR_TESTS_HTTP_FAR_SIDE_H
#define WEIR_TESTS_HTTP_FAR_SIDE_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/http.h"

#define ANSWERS_MAX 64

struct far_side {
    int listener;
    uint16_t port;
    pthread_t thread;
    atomic_uint requests, connections;
    char last[8192]; /* head of the last request; read after the answer came */
};

static inline size_t read_request(int fd, char *out, size_t size)
{
    size_t len = 0;
    for (;;) {
        ssize_t n = recv(fd, out + len, size - 1 - len, 0);
        if (n <= 0)
            return 0;
        len += (size_t)n;
        out[len] = '\0';
        char *end = strstr(out, "\r\n\r\n"), *length = strcasestr(out, "content-length: ");
        size_t body = length ? strtoul(length + 16, NULL, 10) : 0;
        if (end && len >= (size_t)(end - out) + 4 + body)
            return len;
    }
}

static inline void say(int fd, const char *text)
{
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        return;
}

static inline void say_a_lot(int fd, size_t len)
{
    static const char block[1000];
    char head[128];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
    say(fd, head);
    for (; len >= sizeof block; len -= sizeof block)
        if (send(fd, block, sizeof block, MSG_NOSIGNAL) < 0)
            return;
}

static inline void reset(int fd)
{
    struct linger now = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* False: the connection ends. */
static inline bool behave(int fd, const char *request)
{
    if (strstr(request, " /drop "))
        return false;
    if (strstr(request, " /reset ")) {
        reset(fd);
        return false;
    }
    if (strstr(request, " /half ")) {
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
        return false;
    }
    if (strstr(request, " /hang ")) {
        char byte;
        return recv(fd, &byte, 1, 0) > 0 && false;
    }
    if (strstr(request, " /garbage ")) {
        say(fd, "this is not http\r\n\r\n");
        return false;
    }
    if (strstr(request, " /big "))
        say_a_lot(fd, 100000);
    else if (strstr(request, " /interim "))
        say(fd, "HTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\n"
                "HTTP/1.1 201 Created\r\nX-Late:  yes \r\nContent-Length: 2\r\n\r\nok");
    else if (strstr(request, " /chunked "))
        say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
                "chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nX-Trailer: t\r\n\r\n");
    else if (strstr(request, " /moved "))
        say(fd, "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n");
    else if (strstr(request, " /503 "))
        say(fd, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
    else if (strstr(request, " /last ")) {
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        return false;
    } else
        say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok");
    return true;
}

struct served {
    struct far_side *far;
    int fd;
};

static inline void *serve_one(void *arg)
{
    struct served s = *(struct served *)arg;
    char *request = calloc(1, 1 << 20);
    free(arg);
    assert_non_null(request);
    while (read_request(s.fd, request, 1 << 20) > 0) {
        snprintf(s.far->last, sizeof s.far->last, "%s", request);
        atomic_fetch_add(&s.far->requests, 1);
        if (!behave(s.fd, request))
            break;
    }
    close(s.fd);
    free(request);
    return NULL;
}

static inline void *serve(void *arg)
{
    struct far_side *far = arg;
    pthread_t threads[ANSWERS_MAX];
    size_t count = 0;
    for (int fd; count < ANSWERS_MAX && (fd = accept(far->listener, NULL, NULL)) >= 0;) {
        struct served *s = malloc(sizeof *s);
        assert_non_null(s);
        *s = (struct served){far, fd};
        atomic_fetch_add(&far->connections, 1);
        assert_int_equal(pthread_create(&threads[count++], NULL, serve_one, s), 0);
    }
    while (count > 0)
        pthread_join(threads[--count], NULL);
    return NULL;
}

static inline int listen_on_loopback(uint16_t *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

#endif
