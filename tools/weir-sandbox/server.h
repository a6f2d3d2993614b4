/* server.h: inside of the sandbox's server: connections, the heap of delayed answers, and who
 * answers what. */
#ifndef WEIR_SANDBOX_SERVER_H
#define WEIR_SANDBOX_SERVER_H

#include "sandbox.h"

#define NOWHERE SIZE_MAX
enum conn_state { CONN_FREE, CONN_READING, CONN_WAITING, CONN_HUNG };
typedef struct conn {
    enum conn_state state;
    int fd;
    uint32_t generation; /* of the slot: an event for an earlier one is dropped */
    char *in, *out;
    size_t in_len, in_room, out_len, out_sent, out_room;
    bool close_after, reset_after, continued, wants_write;
    int64_t came_us; /* the kernel had the first bytes of what is in `in` */
    uint64_t call;   /* being answered: its number in the record, and since when */
    int64_t call_us, due_us;
    size_t heap_at; /* NOWHERE: not in the heap */
} conn_t;

struct server {
    const options_t *options;
    script_t *script;
    limit_t *limit;
    record_t *record;
    rand_t chance;
    int epoll, listener, signals;
    conn_t *conns;
    uint32_t *free_slots;
    size_t free_count;
    conn_t **heap;
    size_t heap_count;
    unsigned at_once, most_at_once; /* requests waiting for their answer */
    int64_t now_us, flushed_us;     /* boot clock, read once a round */
    bool stop;
};

/* conn.c */
void conn_open(server_t *s, int fd);
void conn_close(server_t *s, conn_t *c, bool reset);
void conn_ready(server_t *s, conn_t *c, unsigned events);
void conn_put(conn_t *c, const char *data, size_t len);
void conn_flush(server_t *s, conn_t *c);    /* may close it */
void conn_released(server_t *s, conn_t *c); /* its delayed answer is due */

/* delay.c: the heap of delayed answers, earliest first */
void delay_add(server_t *s, conn_t *c, int64_t due_us);
void delay_remove(server_t *s, conn_t *c);

/* server.c */
int64_t boot_us(void);

/* answer.c: appends the answer to the connection, or sets how it ends */
void answer(server_t *s, conn_t *c, const request_t *r);

#endif
