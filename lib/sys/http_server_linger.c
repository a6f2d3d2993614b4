/* http_server_linger.c: closed connections whose clients may still send. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/http_server_inside.h"

#define LINGER_US US_PER_S
#define LINGER_BYTES (8u << 20)

static void drop(http_server_t *s, size_t i)
{
    close(s->lingers[i].fd);
    s->lingers[i] = s->lingers[--s->linger_count];
}

bool http_linger_take(http_server_t *s, int fd)
{
    if (s->closing || s->linger_count == HTTP_LINGERS_MAX || shutdown(fd, SHUT_WR) < 0)
        return false;
    s->lingers[s->linger_count++] =
        (struct http_linger){fd, instant_after_us(loop_now().at, LINGER_US), LINGER_BYTES};
    return true;
}

void http_lingers_drain(http_server_t *s, instant_t now)
{
    for (size_t i = s->linger_count; i-- > 0;) {
        struct http_linger *l = &s->lingers[i];
        ssize_t n = 0;
        while (l->left > 0 && (n = recv(l->fd, s->scratch, HTTP_SCRATCH_BYTES, MSG_DONTWAIT)) > 0)
            l->left -= (size_t)n < l->left ? (size_t)n : l->left;
        bool over = l->left == 0 || n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
        if (over || !instant_before(now, l->until))
            drop(s, i);
    }
}

void http_lingers_drop(http_server_t *s)
{
    while (s->linger_count > 0)
        drop(s, 0);
}
