/* Frames between sockets of one process, over real ipc sockets in a directory of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "protocol/limits.h"
#include "sys/zlink.h"

#define FIRST_CONN 16u
#define DEALER_CONN 2u

struct world {
    loop_t *loop;
    char directory[64], path[96];
    zlink_t *router, *dealer;
    uint32_t conn; /* of the dealer, as the router sees it */
    size_t at_router, at_dealer, wanted, next;
    uint32_t conns[2048];
    bool timed_out, echo;
    int last_send;
    void (*every_round)(struct world *);
};

static void check_end(struct world *w)
{
    loop_again(w->loop); /* every_round may have had its turn before this frame */
    if (w->at_router + w->at_dealer >= w->wanted)
        loop_stop(w->loop, 0);
}

static void on_router(void *arg, uint32_t conn, bytes_t frame)
{
    struct world *w = arg;
    w->conn = conn;
    if (w->at_router < COUNT_OF(w->conns))
        w->conns[w->at_router] = conn;
    w->at_router++;
    if (w->echo)
        assert_int_equal(zlink_send(w->router, conn, frame), 0);
    check_end(w);
}

static void on_dealer(void *arg, uint32_t conn, bytes_t frame)
{
    struct world *w = arg;
    uint64_t number = 0;
    assert_int_equal(conn, DEALER_CONN);
    if (frame.len >= sizeof number)
        memcpy(&number, frame.data, sizeof number);
    assert_int_equal(number, w->at_dealer); /* in order, none missing */
    w->at_dealer++;
    check_end(w);
}

static void on_deadline(void *arg)
{
    struct world *w = arg;
    w->timed_out = true;
    loop_stop(w->loop, 0);
}

static void on_round(void *arg)
{
    struct world *w = arg;
    if (w->every_round)
        w->every_round(w);
}

static void start(struct world *w)
{
    *w = (struct world){.loop = loop_new()};
    snprintf(w->directory, sizeof w->directory, "/tmp/weir-zlink-XXXXXX");
    assert_non_null(mkdtemp(w->directory));
    snprintf(w->path, sizeof w->path, "%s/limiter.sock", w->directory);
    loop_timer_at(loop_timer(w->loop, on_deadline, w),
                  instant_after_us(loop_now().at, 20 * US_PER_S));
    loop_before_wait(w->loop, on_round, w);
}

static void bind_router(struct world *w)
{
    assert_int_equal(zlink_bind(w->loop, w->path, FIRST_CONN, on_router, w, &w->router), 0);
}

static void connect_dealer(struct world *w)
{
    assert_int_equal(
        zlink_connect(w->loop, w->path, "responder/0/77", DEALER_CONN, on_dealer, w, &w->dealer),
        0);
}

static void run_until(struct world *w, size_t wanted)
{
    w->wanted = wanted;
    loop_run(w->loop);
    assert_false(w->timed_out);
}

static void stop(struct world *w)
{
    zlink_close(&w->dealer, 0);
    zlink_close(&w->router, 0);
    loop_destroy(&w->loop);
    unlink(w->path);
    assert_int_equal(rmdir(w->directory), 0);
}

/* Numbered frames, again and again until the far end is there, then in bursts. */
static void send_numbered(struct world *w)
{
    for (unsigned burst = 0; burst < 300 && w->next < w->wanted / 2; burst++) {
        uint64_t number = w->next;
        w->last_send = zlink_send(w->dealer, DEALER_CONN, bytes_of(&number, sizeof number));
        if (w->last_send < 0)
            break;
        w->next++;
    }
    if (w->next < w->wanted / 2)
        loop_again(w->loop);
}

static void frames_go_there_and_back_in_order_and_none_is_stuck(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    w.echo = true;
    w.every_round = send_numbered;
    bind_router(&w);
    connect_dealer(&w);
    run_until(&w, 40000);
    assert_int_equal(w.at_dealer, 20000);
    assert_int_equal(w.conn, FIRST_CONN);
    assert_int_equal(zlink_blocked(w.dealer) + zlink_blocked(w.router), 0);
    stop(&w);
}

static void send_one_and_wait(struct world *w)
{
    if (w->next == w->at_dealer && w->next < w->wanted / 2)
        send_numbered(w);
}

/* One frame on its way at a time: each edge of the descriptor counts. */
static void a_lone_frame_is_never_overlooked(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    w.echo = true;
    w.every_round = send_one_and_wait;
    bind_router(&w);
    connect_dealer(&w);
    run_until(&w, 6000);
    stop(&w);
}

static void what_is_sent_to_nobody_is_dropped_and_no_bug(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    connect_dealer(&w); /* nobody is bound */
    assert_int_equal(zlink_send(w.dealer, DEALER_CONN, bytes_str("x")), -EHOSTUNREACH);
    bind_router(&w);
    assert_int_equal(zlink_send(w.router, FIRST_CONN, bytes_str("x")), -EHOSTUNREACH);
    assert_int_equal(zlink_blocked(w.dealer) + zlink_blocked(w.router), 0);
    stop(&w);
}

static void say_until_heard(struct world *w)
{
    if (w->dealer && w->at_router < w->wanted) {
        zlink_send(w->dealer, DEALER_CONN, bytes_str("hello"));
        loop_again(w->loop);
    }
}

static void a_dealer_that_left_is_unreachable(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    w.every_round = say_until_heard;
    bind_router(&w);
    connect_dealer(&w);
    run_until(&w, 1);
    zlink_close(&w.dealer, 0);
    int r = 0;
    for (int i = 0; i < 20000000 && r != -EHOSTUNREACH; i++)
        r = zlink_send(w.router, w.conn, bytes_str("x"));
    assert_int_equal(r, -EHOSTUNREACH);
    assert_int_equal(zlink_send(w.router, w.conn, bytes_str("x")), -EHOSTUNREACH);
    stop(&w);
}

static void replace_the_router_once(struct world *w)
{
    if (w->wanted == SIZE_MAX && w->at_router > 0) {
        zlink_close(&w->router, 0);
        bind_router(w);
        w->at_router = 0;
        w->wanted = 1;
    }
    say_until_heard(w);
}

static void a_dealer_finds_a_router_that_comes_again(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    w.every_round = replace_the_router_once;
    bind_router(&w);
    connect_dealer(&w);
    run_until(&w, SIZE_MAX);
    assert_true(w.at_router >= 1);
    assert_int_equal(zlink_blocked(w.dealer), 0);
    stop(&w);
}

static void the_socket_is_for_its_owner_alone(void **state)
{
    (void)state;
    struct world w;
    struct stat st;
    start(&w);
    bind_router(&w);
    assert_int_equal(stat(w.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    stop(&w);
}

static void a_path_too_long_is_an_error(void **state)
{
    (void)state;
    struct world w;
    char path[200];
    zlink_t *link = NULL;
    start(&w);
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(zlink_bind(w.loop, path, 1, on_router, &w, &link), -ENAMETOOLONG);
    assert_int_equal(zlink_connect(w.loop, path, "x", 1, on_dealer, &w, &link), -ENAMETOOLONG);
    assert_int_equal(zlink_bind(w.loop, "/nowhere/at/all", 1, on_router, &w, &link), -ENOENT);
    assert_null(link);
    stop(&w);
}

/* ---- strangers: a plain socket of another context */

static void say_in_parts(void *socket, unsigned parts, const char *text)
{
    for (unsigned i = 0; i < parts; i++)
        assert_true(zmq_send(socket, text, strlen(text), i + 1 < parts ? ZMQ_SNDMORE : 0) >= 0);
}

static void strangers_are_dropped_and_friends_served(void **state)
{
    (void)state;
    struct world w;
    char endpoint[128];
    void *context = zmq_ctx_new(), *stranger = zmq_socket(context, ZMQ_DEALER);
    start(&w);
    bind_router(&w);
    snprintf(endpoint, sizeof endpoint, "ipc://%s", w.path);
    assert_int_equal(zmq_connect(stranger, endpoint), 0);
    say_in_parts(stranger, 2, "two");
    say_in_parts(stranger, 5, "five");
    say_in_parts(stranger, 1, "one");
    run_until(&w, 1);
    assert_int_equal(zlink_refused(w.router), 2);
    zmq_close(stranger);
    zmq_ctx_term(context);
    stop(&w);
}

static void a_frame_over_the_limit_ends_its_connection_only(void **state)
{
    (void)state;
    struct world w;
    char endpoint[128], *huge = calloc(1, FRAME_BYTES_MAX + 1);
    void *context = zmq_ctx_new(), *stranger = zmq_socket(context, ZMQ_DEALER);
    int zero = 0;
    start(&w);
    bind_router(&w);
    snprintf(endpoint, sizeof endpoint, "ipc://%s", w.path);
    zmq_setsockopt(stranger, ZMQ_LINGER, &zero, sizeof zero);
    assert_int_equal(zmq_connect(stranger, endpoint), 0);
    assert_true(zmq_send(stranger, huge, FRAME_BYTES_MAX + 1, 0) > 0);
    w.every_round = say_until_heard;
    connect_dealer(&w);
    run_until(&w, 1);
    for (size_t i = 0; i < w.at_router; i++)
        assert_int_equal(w.conns[i], w.conns[0]); /* all of them the friend's */
    zmq_close(stranger);
    zmq_ctx_term(context);
    free(huge);
    stop(&w);
}

static void *crowd, *one_of_the_crowd;

/* One stranger after the other, each with a name of its own; at last the first name again. */
static void next_of_the_crowd(struct world *w)
{
    char name[32], endpoint[128];
    if (w->next > w->at_router || w->next == w->wanted)
        return;
    if (one_of_the_crowd)
        zmq_close(one_of_the_crowd);
    snprintf(endpoint, sizeof endpoint, "ipc://%s", w->path);
    snprintf(name, sizeof name, "stranger%zu", w->next + 1 == w->wanted ? 0 : w->next);
    one_of_the_crowd = zmq_socket(crowd, ZMQ_DEALER);
    assert_non_null(one_of_the_crowd);
    zmq_setsockopt(one_of_the_crowd, ZMQ_ROUTING_ID, name, strlen(name));
    assert_int_equal(zmq_connect(one_of_the_crowd, endpoint), 0);
    assert_int_equal(zmq_send(one_of_the_crowd, "hi", 2, 0), 2);
    w->next++;
}

static void many_identities_find_a_bounded_table(void **state)
{
    (void)state;
    struct world w;
    size_t count = ZLINK_CONNS_MAX + 2;
    crowd = zmq_ctx_new();
    one_of_the_crowd = NULL;
    start(&w);
    bind_router(&w);
    w.every_round = next_of_the_crowd;
    run_until(&w, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(w.conns[i],
                         FIRST_CONN + i); /* the first name had been forgotten: a new number */
    assert_int_equal(zlink_send(w.router, FIRST_CONN, bytes_str("x")), -EHOSTUNREACH);
    zmq_close(one_of_the_crowd);
    zmq_ctx_term(crowd);
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_go_there_and_back_in_order_and_none_is_stuck),
        cmocka_unit_test(a_lone_frame_is_never_overlooked),
        cmocka_unit_test(what_is_sent_to_nobody_is_dropped_and_no_bug),
        cmocka_unit_test(a_dealer_that_left_is_unreachable),
        cmocka_unit_test(a_dealer_finds_a_router_that_comes_again),
        cmocka_unit_test(the_socket_is_for_its_owner_alone),
        cmocka_unit_test(a_path_too_long_is_an_error),
        cmocka_unit_test(strangers_are_dropped_and_friends_served),
        cmocka_unit_test(a_frame_over_the_limit_ends_its_connection_only),
        cmocka_unit_test(many_identities_find_a_bounded_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
