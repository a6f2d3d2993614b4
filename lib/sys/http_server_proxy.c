/* http_server_proxy.c: behind a trusted proxy the connections are the proxy's, which is not bounded
 * as a client is; its clients are, by their requests at once. */
#include "sys/http_server_inside.h"

bool http_proxy_is(const http_server_t *s, const address_t *peer)
{
    const forwarded_t *f = s->options.forwarded;
    return f && network_has(f->trusted, f->trusted_count, peer);
}

bool http_proxy_claim(http_conn_t *conn)
{
    http_server_t *s = conn->server;
    unsigned most = s->options.connections_per_client;
    address_t client = conn->peer;
    forwarded_client(s->options.forwarded, s->head.fields, s->head.field_count, &client);
    address_write(&client, conn->client);
    if (http_proxy_is(s, &client))
        return true; /* it says nothing of its clients: nobody can be told apart */
    struct http_client_count *c = http_client_count_of(s, &client);
    if (most && c->open >= most) {
        http_client_count_release(s, c);
        return false;
    }
    c->open++;
    conn->behind = c;
    return true;
}

void http_proxy_release(http_conn_t *conn)
{
    if (!conn->behind)
        return;
    conn->behind->open--;
    http_client_count_release(conn->server, conn->behind);
    conn->behind = NULL;
}
