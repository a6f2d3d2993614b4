#include "server.h"

static void place(server_t *s, size_t at, conn_t *c)
{
    s->heap[at] = c;
    c->heap_at = at;
}

static void sift_up(server_t *s, size_t at, conn_t *c)
{
    while (at > 0 && c->due_us < s->heap[(at - 1) / 2]->due_us) {
        place(s, at, s->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(s, at, c);
}

static void sift_down(server_t *s, size_t at, conn_t *c)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < s->heap_count && s->heap[child + 1]->due_us < s->heap[child]->due_us)
            child++;
        if (child >= s->heap_count || c->due_us <= s->heap[child]->due_us)
            break;
        place(s, at, s->heap[child]);
        at = child;
    }
    place(s, at, c);
}

void delay_add(server_t *s, conn_t *c, int64_t due_us)
{
    must(c->heap_at == NOWHERE && s->heap_count < s->options->connections);
    c->due_us = due_us;
    sift_up(s, s->heap_count++, c);
}

void delay_remove(server_t *s, conn_t *c)
{
    size_t at = c->heap_at;
    if (at == NOWHERE)
        return;
    c->heap_at = NOWHERE;
    conn_t *last = s->heap[--s->heap_count];
    if (last == c)
        return;
    sift_down(s, at, last);
    if (last->heap_at == at)
        sift_up(s, at, last);
}
