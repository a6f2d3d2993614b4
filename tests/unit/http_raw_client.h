/* http_raw_client.h: a client of raw sockets for http_server_rig.h. Every wait has a deadline. */
#ifndef WEIR_TESTS_HTTP_RAW_CLIENT_H
#define WEIR_TESTS_HTTP_RAW_CLIENT_H

#include "http_server_rig.h"

#define DEADLINE_MS 5000

static inline int dial(const struct world *w)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(w->port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    struct timeval limit = {.tv_sec = DEADLINE_MS / 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

static inline void say_bytes(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the server had enough */
        at += n;
        len -= (size_t)n;
    }
}
static inline void say(int fd, const char *text) { say_bytes(fd, text, strlen(text)); }

struct heard {
    char text[65536];
    size_t len;
    bool closed, deadline;
};

/* Reads until `enough` bytes came, the server closed, or the deadline. */
static inline void hear(int fd, struct heard *h, size_t enough)
{
    while (h->len < enough && !h->closed && !h->deadline) {
        ssize_t n = recv(fd, h->text + h->len, sizeof h->text - 1 - h->len, 0);
        if (n > 0)
            h->len += (size_t)n;
        else if (n == 0 || errno == ECONNRESET)
            h->closed = true;
        else
            h->deadline = true;
        h->text[h->len] = '\0';
    }
}

/* Reads one whole answer with a Content-Length, and leaves what follows in the buffer. */
static inline unsigned hear_answer(int fd, struct heard *h, char *body, size_t size)
{
    size_t want = 1;
    for (;;) {
        hear(fd, h, want);
        char *end = strstr(h->text, "\r\n\r\n"), *length = strstr(h->text, "Content-Length: ");
        if (end && length) {
            size_t body_len = strtoul(length + 16, NULL, 10),
                   head_len = (size_t)(end - h->text) + 4;
            want = head_len + body_len;
            if (h->len >= want) {
                unsigned status = (unsigned)strtoul(h->text + 9, NULL, 10);
                snprintf(body, size, "%.*s", (int)body_len, h->text + head_len);
                memmove(h->text, h->text + want, h->len - want + 1);
                h->len -= want;
                return status;
            }
        } else {
            want = h->len + 1;
        }
        if (h->closed || h->deadline)
            return 0;
    }
}

static inline unsigned ask(int fd, const char *request, char *body, size_t size)
{
    struct heard h = {0};
    say(fd, request);
    return hear_answer(fd, &h, body, size);
}

static inline void assert_refused_and_closed(int fd, unsigned status)
{
    struct heard h = {0};
    hear(fd, &h, sizeof h.text - 1);
    assert_true(h.closed);
    assert_int_equal(strtoul(h.text + 9, NULL, 10), status);
    close(fd);
}

#endif
