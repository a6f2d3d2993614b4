#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sys/http_client_inside.h"

/* ---- the end of a call */

/* Whether the socket took a byte of the request: libcurl counts what it wrote of head and body. */
static bool has_written(const call_t *c)
{
    long sent = 0;
    if (c->begun)
        curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &sent);
    return sent > 0;
}

static void tell(call_t *c)
{
    http_client_t *client = c->pool->client;
    http_answer_t answer = {
        .token = c->token,
        .end = c->end,
        .wrote = has_written(c),
        .took_us = (uint64_t)instant_since_us(loop_now().at, c->began),
        .truncated = c->truncated,
        .error = c->end == CALL_ANSWERED ? NULL : c->error,
    };
    if (c->end == CALL_ANSWERED) {
        call_take_headers(c);
        answer.status = c->status;
        answer.headers = c->headers;
        answer.header_count = c->header_count;
        answer.body = bytes_of(c->answer, c->answer_len);
    }
    c->pool->running--; /* on_answer may begin the next call: a place is kept for it */
    client->on_answer(client->arg, &answer);
    c->state = CALL_STATE_FREE;
    free(c->body);
    c->body = NULL;
    c->next = c->pool->free;
    c->pool->free = c;
}

/* Ends a call that libcurl does not have (any more); it is told from the loop, never from inside a
 * verb. */
void call_end(call_t *c, enum http_call_end end, const char *error)
{
    http_client_t *client = c->pool->client;
    c->state = CALL_STATE_ENDED;
    c->end = end;
    if (error && error != c->error)
        snprintf(c->error, sizeof c->error, "%s", error);
    c->next = NULL;
    *client->last_ended = c;
    client->last_ended = &c->next;
    loop_again(client->loop);
}

static void tell_ended(void *arg)
{
    http_client_t *client = arg;
    while (client->ended) {
        call_t *c = client->ended;
        client->ended = c->next;
        if (!client->ended)
            client->last_ended = &client->ended;
        tell(c);
    }
}

static enum http_call_end judge(call_t *c, CURLcode code)
{
    long status = 0;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    c->status = (unsigned)status;
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && c->truncated))
        return CALL_ANSWERED;
    if (c->late) {
        snprintf(c->error, sizeof c->error, "its time to start had passed; nothing was sent");
        return CALL_LATE;
    }
    if (c->again)
        snprintf(c->error, sizeof c->error,
                 "the kept connection broke after the request was given to it");
    else if (!c->error[0])
        snprintf(c->error, sizeof c->error, "%s", curl_easy_strerror(code));
    return CALL_FAILED;
}

void call_finished(call_t *c, CURLcode code)
{
    must(c->state == CALL_STATE_RUNNING);
    c->end = judge(c, code);
    curl_multi_remove_handle(c->pool->client->multi, c->easy);
    tell(c);
}

/* ---- its beginning */

int64_t call_time_left_ms(const call_t *c)
{
    int64_t passed_ms = instant_since_us(loop_now().at, c->began) / US_PER_MS;
    int64_t left = (int64_t)c->pool->total_ms - passed_ms;
    return left > 0 ? left : 1;
}

void call_start(call_t *c)
{
    c->state = CALL_STATE_RUNNING;
    CURLcode code = call_configure(c);
    if (code != CURLE_OK) {
        call_end(c, CALL_FAILED, curl_easy_strerror(code));
        return;
    }
    must(curl_multi_add_handle(c->pool->client->multi, c->easy) == CURLM_OK);
}

static instant_t resolve_deadline(const call_t *c)
{
    return instant_after_us(c->began, c->pool->total_ms * US_PER_MS);
}

/* Calls whose whole time passed while a name was looked up. */
static void on_resolve_timer(void *arg)
{
    http_client_t *client = arg;
    instant_t now = loop_now().at, next = INSTANT_NEVER;
    for (size_t i = 0; i < client->pool_count; i++)
        for (unsigned k = 0; k <= client->pools[i].connections; k++) {
            call_t *c = &client->pools[i].calls[k];
            if (c->state != CALL_STATE_RESOLVING)
                continue;
            if (instant_before(now, resolve_deadline(c))) {
                next = instant_min(next, resolve_deadline(c));
                continue;
            }
            client->resolving--;
            call_end(c, CALL_FAILED, "its name was not resolved in time");
        }
    loop_timer_at(client->resolve_timer, next);
}

void http_client_call(http_client_t *client, const http_call_t *from)
{
    must(from->pool < client->pool_count);
    http_pool_t *p = &client->pools[from->pool];
    must(p->running < p->connections);
    call_t *c = p->free;
    must(c);
    p->free = c->next;
    p->running++;
    c->token = from->token;
    c->began = loop_now().at;
    c->start_by = from->start_by;
    c->begun = c->truncated = false;
    c->error[0] = '\0';
    if (call_prepare(c, from) < 0) {
        call_end(c, CALL_FAILED, c->error);
        return;
    }
    if (instant_before(c->began, p->pin_until)) {
        call_start(c);
        return;
    }
    c->state = CALL_STATE_RESOLVING;
    client->resolving++;
    pool_resolve(p);
    if (client->resolving > 0)
        on_resolve_timer(client);
}

static call_t *find(http_client_t *client, uint64_t token)
{
    for (size_t i = 0; i < client->pool_count; i++)
        for (unsigned k = 0; k <= client->pools[i].connections; k++) {
            call_t *c = &client->pools[i].calls[k];
            bool open = c->state == CALL_STATE_RESOLVING || c->state == CALL_STATE_RUNNING;
            if (open && c->token == token)
                return c;
        }
    return NULL;
}

/* A call that has ended already is not told twice; an unknown token is ignored. */
void http_client_cancel(http_client_t *client, uint64_t token)
{
    call_t *c = find(client, token);
    if (!c)
        return;
    if (c->state == CALL_STATE_RUNNING)
        curl_multi_remove_handle(client->multi, c->easy);
    else
        client->resolving--;
    call_end(c, CALL_CANCELLED, "it was cancelled");
}

/* ---- birth and end */

static int open_pools(http_client_t *client, const http_pool_options_t *pools, size_t count)
{
    long connections = 0;
    client->pools = calloc(count + 1, sizeof *client->pools);
    must(client->pools);
    for (size_t i = 0; i < count; i++) {
        int r = pool_open(&client->pools[i], client, &pools[i]);
        if (r < 0)
            return r;
        client->pool_count++;
        connections += pools[i].connections;
    }
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, connections + 1);
    return 0;
}

void http_client_prepare(void) { must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); }

int http_client_open(loop_t *loop, const http_pool_options_t *pools, size_t pool_count,
                     void (*on_answer)(void *, const http_answer_t *), void *arg,
                     http_client_t **out)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return -ENOMEM;
    http_client_t *client = calloc(1, sizeof *client);
    must(client);
    *client = (http_client_t){.loop = loop, .on_answer = on_answer, .arg = arg, .epoll_fd = -1};
    client->last_ended = &client->ended;
    client->multi = curl_multi_init();
    must(client->multi);
    int r = poll_open(client);
    if (r == 0)
        r = resolver_open(loop, &client->resolver);
    if (r == 0)
        r = open_pools(client, pools, pool_count);
    if (r < 0) {
        http_client_close(&client);
        return r;
    }
    client->resolve_timer = loop_timer(loop, on_resolve_timer, client);
    client->tell = loop_before_wait(loop, tell_ended, client);
    *out = client;
    return 0;
}

/* Nobody is told any more. */
void http_client_close(http_client_t **at)
{
    http_client_t *client = *at;
    if (!client)
        return;
    *at = NULL;
    resolver_close(&client->resolver);
    for (size_t i = 0; i < client->pool_count; i++)
        for (unsigned k = 0; k <= client->pools[i].connections; k++)
            if (client->pools[i].calls[k].state == CALL_STATE_RUNNING)
                curl_multi_remove_handle(client->multi, client->pools[i].calls[k].easy);
    for (size_t i = 0; i < client->pool_count; i++)
        pool_close(&client->pools[i]);
    curl_multi_cleanup(client->multi);
    poll_close(client);
    loop_remove(&client->resolve_timer);
    loop_remove(&client->tell);
    free(client->pools);
    free(client);
    curl_global_cleanup();
}
