/* http_bench: what a request costs our HTTP server and our HTTP client, CPU of each thread, over
 * loopback. http_bench [CONNECTIONS [REQUESTS]]; prints one JSON line. Figures are for comparing
 * runs on one machine. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sys/http.h"

static struct {
    unsigned connections, requests, sent, done, failed;
    loop_t *server_loop, *client_loop;
    http_server_t *server;
    http_client_t *client;
    int stop_fd;
    double server_cpu_us;
    uint64_t took_us_total;
} bench;

static double thread_cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void on_request(void *arg, const http_request_t *request)
{
    static const char body[] = "{\"id\":\"01J0000000000000000000000\",\"verdict\":\"accepted\"}";
    const http_reply_t reply = {
        .status = 202, .content_type = "application/json", .body = bytes_str(body)};
    (void)arg;
    http_server_reply(bench.server, request->token, &reply);
}

static void on_stop(void *arg, unsigned ready)
{
    (void)arg, (void)ready;
    loop_stop(bench.server_loop, 0);
}

static void *serve(void *arg)
{
    double before = thread_cpu_us();
    loop_run(bench.server_loop);
    bench.server_cpu_us = thread_cpu_us() - before;
    return arg;
}

static void call_one(void)
{
    static const char body[] = "{\"id\":\"t-1\",\"subject\":\"refund\",\"name\":\"A\",\"lang\":"
                               "\"en\",\"text\":\"please\"}";
    const http_field_t fields[] = {{bytes_str("Content-Type"), bytes_str("application/json")},
                                   {bytes_str("Idempotency-Key"), bytes_str("\"01J0:reply\"")}};
    const http_call_t call = {.token = ++bench.sent,
                              .method = "POST",
                              .path = bytes_str("/tickets"),
                              .headers = fields,
                              .header_count = COUNT_OF(fields),
                              .body = bytes_str(body),
                              .start_by = INSTANT_NEVER};
    http_client_call(bench.client, &call);
}

static void on_answer(void *arg, const http_answer_t *answer)
{
    (void)arg;
    bench.done++;
    bench.failed += answer->status != 202;
    bench.took_us_total += answer->took_us;
    if (bench.sent < bench.requests)
        call_one();
    else if (bench.done == bench.requests)
        loop_stop(bench.client_loop, 0);
}

static int open_both(int listener, uint16_t port)
{
    char url[64];
    const http_server_options_t options = {.listeners = &listener,
                                           .listener_count = 1,
                                           .connections = bench.connections + 8,
                                           .reserved_connections = 4,
                                           .header_ms = 5000,
                                           .body_ms = 10000,
                                           .idle_ms = 60000,
                                           .header_bytes_max = 8192,
                                           .body_bytes_max = 1 << 20,
                                           .held_bytes_max = 256 << 20};
    snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
    const http_pool_options_t pool = {.name = "bench",
                                      .url = url,
                                      .connections = bench.connections,
                                      .connect_ms = 5000,
                                      .total_ms = 30000,
                                      .allow_private = true,
                                      .answer_bytes_max = 65536};
    bench.server_loop = loop_new();
    bench.client_loop = loop_new();
    bench.stop_fd = eventfd(0, EFD_CLOEXEC);
    loop_fd(bench.server_loop, bench.stop_fd, LOOP_READ, on_stop, NULL);
    int r = http_server_open(bench.server_loop, &options, on_request, NULL, &bench.server);
    return r < 0 ? r
                 : http_client_open(bench.client_loop, &pool, 1, on_answer, NULL, &bench.client);
}

static int listen_on_loopback(uint16_t *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 512) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) < 0)
        return -1;
    *port = ntohs(a.sin_port);
    return fd;
}

static void report(double client_cpu_us, double wall_us)
{
    double n = bench.requests;
    printf("{\"connections\":%u,\"requests\":%u,\"failed\":%u,\"per_second\":%.0f,\"server_cpu_"
           "us\":%.2f,"
           "\"client_cpu_us\":%.2f,\"mean_round_trip_us\":%.0f}\n",
           bench.connections, bench.requests, bench.failed, n / wall_us * 1e6,
           bench.server_cpu_us / n, client_cpu_us / n, (double)bench.took_us_total / n);
}

int main(int argc, char **argv)
{
    uint16_t port;
    uint64_t one = 1;
    pthread_t thread;
    bench.connections = argc > 1 ? (unsigned)atoi(argv[1]) : 64;
    bench.requests = argc > 2 ? (unsigned)atoi(argv[2]) : 200000;
    int listener = listen_on_loopback(&port);
    if (bench.connections == 0 || bench.requests < bench.connections || listener < 0 ||
        open_both(listener, port) < 0)
        return 64;
    pthread_create(&thread, NULL, serve, NULL);
    instant_t begun = loop_now().at;
    double before = thread_cpu_us();
    for (unsigned i = 0; i < bench.connections; i++)
        call_one();
    loop_run(bench.client_loop);
    double client_cpu_us = thread_cpu_us() - before,
           wall_us = (double)instant_since_us(loop_now().at, begun);
    if (write(bench.stop_fd, &one, sizeof one) != sizeof one)
        return 1;
    pthread_join(thread, NULL);
    report(client_cpu_us, wall_us);
    http_client_close(&bench.client);
    http_server_close(&bench.server);
    return bench.failed ? 1 : 0;
}
