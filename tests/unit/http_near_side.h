/* http_near_side.h: our HTTP client in a loop, one pool to the far side; its answers are kept to be
 * looked at. */
#ifndef WEIR_TESTS_HTTP_NEAR_SIDE_H
#define WEIR_TESTS_HTTP_NEAR_SIDE_H

#include "http_far_side.h"

#define DEADLINE_US (8 * US_PER_S)

struct told {
    uint64_t token;
    enum http_call_end end;
    bool wrote, truncated;
    unsigned status;
    size_t body_len;
    char body[64], error[256], retry_after[16], early[8], late[8];
};

struct world {
    struct far_side far;
    loop_t *loop;
    http_client_t *client;
    struct told told[ANSWERS_MAX];
    size_t told_count, wanted;
    bool calling, timed_out;
    void (*then)(struct world *, size_t nth); /* when the nth answer came */
};

static inline void copy_header(char *out, size_t size, const http_answer_t *a, const char *name)
{
    for (size_t i = 0; i < a->header_count; i++)
        if (bytes_is(a->headers[i].name, name))
            snprintf(out, size, "%.*s", (int)a->headers[i].value.len,
                     (const char *)a->headers[i].value.data);
}

static inline void on_answer(void *arg, const http_answer_t *a)
{
    struct world *w = arg;
    assert_false(w->calling); /* never from inside http_client_call */
    assert_true(w->told_count < ANSWERS_MAX);
    struct told *t = &w->told[w->told_count++];
    *t = (struct told){.token = a->token,
                       .end = a->end,
                       .wrote = a->wrote,
                       .status = a->status,
                       .truncated = a->truncated,
                       .body_len = a->body.len};
    snprintf(t->body, sizeof t->body, "%.*s", a->body.len > 60 ? 60 : (int)a->body.len,
             a->body.len ? (const char *)a->body.data : "");
    snprintf(t->error, sizeof t->error, "%s", a->error ? a->error : "");
    copy_header(t->retry_after, sizeof t->retry_after, a, "retry-after");
    copy_header(t->early, sizeof t->early, a, "x-early");
    copy_header(t->late, sizeof t->late, a, "x-late");
    if (w->then)
        w->then(w, w->told_count);
    if (w->told_count == w->wanted)
        loop_stop(w->loop, 0);
}

static inline void on_deadline(void *arg)
{
    struct world *w = arg;
    w->timed_out = true;
    loop_stop(w->loop, 0);
}

static inline int open_client(struct world *w, const char *url, unsigned connections,
                              bool allow_private)
{
    const http_pool_options_t pool = {.name = "far",
                                      .url = url,
                                      .connections = connections,
                                      .connect_ms = 500,
                                      .total_ms = 700,
                                      .allow_private = allow_private,
                                      .answer_bytes_max = 4096};
    return http_client_open(w->loop, &pool, 1, on_answer, w, &w->client);
}

static inline void start(struct world *w, const char *host, unsigned connections,
                         bool allow_private)
{
    char url[128];
    w->far.listener = listen_on_loopback(&w->far.port);
    assert_int_equal(pthread_create(&w->far.thread, NULL, serve, &w->far), 0);
    w->loop = loop_new();
    loop_timer_at(loop_timer(w->loop, on_deadline, w),
                  instant_after_us(loop_now().at, DEADLINE_US));
    snprintf(url, sizeof url, "http://%s:%u", host, w->far.port);
    assert_int_equal(open_client(w, url, connections, allow_private), 0);
}

static inline void call(struct world *w, uint64_t token, const char *method, const char *path,
                        const char *body)
{
    const http_field_t fields[] = {{bytes_str("Idempotency-Key"), bytes_str("k:1")},
                                   {bytes_str("X-Empty"), bytes_str("")}};
    const http_call_t c = {.token = token,
                           .method = method,
                           .path = bytes_str(path),
                           .body = bytes_str(body),
                           .headers = fields,
                           .header_count = COUNT_OF(fields),
                           .start_by = INSTANT_NEVER};
    w->calling = true;
    http_client_call(w->client, &c);
    w->calling = false;
}

static inline void run_until(struct world *w, size_t wanted)
{
    w->wanted = wanted;
    loop_run(w->loop);
    assert_false(w->timed_out);
    assert_int_equal(w->told_count, wanted);
}

static inline void stop(struct world *w)
{
    http_client_close(&w->client);
    loop_destroy(&w->loop);
    shutdown(w->far.listener, SHUT_RDWR);
    pthread_join(w->far.thread, NULL);
    close(w->far.listener);
}

#endif
