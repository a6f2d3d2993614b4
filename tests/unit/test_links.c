/* Both ends of a link: HELLO until WELCOME, generations, lost and repeated frames, silence,
 * garbage. Two links_t talk through a wire that the test holds in its hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "actors/links.h"
#include "core/rand.h"

#define CONN 5u
#define HOLDS 700u /* two HOLDING frames */

typedef struct sent {
    bytes_t bytes;
    conn_t conn;
} sent_t;
typedef struct end {
    links_t *links;
    sent_t sent[600];
    size_t sent_count;
    unsigned ups, messages, silents, backs, refused;
    peer_info_t last;
    size_t holding_seen;
    bool welcomes;
    size_t holds;
} end_t;
static now_t now;

static void on_transmit(void *arg, conn_t conn, bytes_t frame)
{
    end_t *e = arg;
    assert_true(e->sent_count < COUNT_OF(e->sent));
    uint8_t *copy = malloc(frame.len);
    memcpy(copy, frame.data, frame.len);
    e->sent[e->sent_count++] = (sent_t){bytes_of(copy, frame.len), conn};
}
static void on_up(void *arg, const event_t *event)
{
    end_t *e = arg;
    e->ups++;
    e->last = event->from;
    e->holding_seen = event->up.hello ? event->up.holding_count : 0;
    if (e->welcomes)
        links_welcome(e->links, event->from.peer, 7, now);
}
static void on_message(void *arg, const event_t *event)
{
    (void)event;
    ((end_t *)arg)->messages++;
}
static void on_silence(void *arg, const event_t *event)
{
    end_t *e = arg;
    *(event->kind == EVENT_PEER_SILENT ? &e->silents : &e->backs) += 1;
}
static void on_refused(void *arg, conn_t conn, enum frame_error why)
{
    (void)conn, (void)why;
    ((end_t *)arg)->refused++;
}
static size_t on_holding(void *arg, msg_holding_t *out, size_t most)
{
    const end_t *e = arg;
    for (size_t i = 0; i < e->holds && i < most; i++)
        out[i] = (msg_holding_t){i + 1, 1, 1};
    return e->holds;
}

static void end_open(end_t *e, actor_kind_t kind, uint64_t generation)
{
    links_self_t self = {.actor = kind, .generation = generation, .host = "here", .version = "1"};
    links_owner_t owner = {e, on_transmit, on_up, on_message, on_silence, on_refused, on_holding};
    e->links = links_new(&self, &owner);
}
static void drop_sent(end_t *e)
{
    for (size_t i = 0; i < e->sent_count; i++)
        free((void *)e->sent[i].bytes.data);
    e->sent_count = 0;
}

typedef struct pair {
    end_t actor, limiter;
    frame_builder_t *builder;
    peer_t peer;
} pair_t;

static int set_up(void **state)
{
    pair_t *p = calloc(1, sizeof *p);
    now = (now_t){{1000000}, {0}};
    end_open(&p->actor, ACTOR_RESPONDER, 40);
    end_open(&p->limiter, ACTOR_LIMITER, 1);
    p->limiter.welcomes = true;
    p->builder = frame_builder_new();
    *state = p;
    return 0;
}
static int tear_down(void **state)
{
    pair_t *p = *state;
    drop_sent(&p->actor);
    drop_sent(&p->limiter);
    links_destroy(&p->actor.links);
    links_destroy(&p->limiter.links);
    frame_builder_destroy(&p->builder);
    free(p);
    return 0;
}

/* Everything on the wire arrives, until nothing is on it. */
static void deliver(pair_t *p)
{
    while (p->actor.sent_count + p->limiter.sent_count > 0) {
        end_t *from = p->actor.sent_count ? &p->actor : &p->limiter;
        end_t *to = from == &p->actor ? &p->limiter : &p->actor;
        sent_t batch[COUNT_OF(from->sent)];
        size_t count = from->sent_count;
        memcpy(batch, from->sent, count * sizeof *batch);
        from->sent_count = 0;
        for (size_t i = 0; i < count; i++) {
            links_frame(to->links, batch[i].conn, batch[i].bytes, now);
            free((void *)batch[i].bytes.data);
        }
    }
}
static void pass(pair_t *p, int64_t us)
{
    for (int64_t at = 0; at < us; at += 50000) {
        now.at.us += 50000;
        links_tick(p->actor.links, now);
        links_tick(p->limiter.links, now);
        deliver(p);
    }
}
static void connect(pair_t *p)
{
    p->peer = links_connect(p->actor.links, CONN, ACTOR_LIMITER, now);
    deliver(p);
}
static bool say(pair_t *p, end_t *from, peer_t to)
{
    msg_query_t query = {.number = 1, .verb = bytes_str("x")};
    frame_begin(p->builder, MESSAGE_QUERY);
    assert_int_equal(frame_add(p->builder, &query), 0);
    return links_send(from->links, to, p->builder, now);
}

static void a_hello_is_welcomed_and_frames_pass_both_ways(void **state)
{
    pair_t *p = *state;
    connect(p);
    assert_int_equal(p->limiter.ups, 1);
    assert_int_equal(p->actor.ups, 1);
    assert_int_equal(p->limiter.last.generation, 40);
    assert_true(say(p, &p->actor, p->peer));
    assert_true(say(p, &p->limiter, p->limiter.last.peer));
    deliver(p);
    assert_int_equal(p->limiter.messages, 1);
    assert_int_equal(p->actor.messages, 1);
}

static void holdings_come_with_the_hello_however_many(void **state)
{
    pair_t *p = *state;
    p->actor.holds = HOLDS;
    connect(p);
    assert_int_equal(p->limiter.holding_seen, HOLDS);
    assert_int_equal(p->actor.ups, 1);
}

static void nothing_is_sent_before_the_welcome(void **state)
{
    pair_t *p = *state;
    p->limiter.welcomes = false;
    connect(p);
    assert_false(say(p, &p->actor, p->peer));
    assert_false(say(p, &p->limiter, p->limiter.last.peer));
    assert_int_equal(p->actor.ups, 0);
}

static void hello_is_repeated_until_somebody_answers(void **state)
{
    pair_t *p = *state;
    p->peer = links_connect(p->actor.links, CONN, ACTOR_LIMITER, now);
    drop_sent(&p->actor); /* nobody was there */
    pass(p, 400000);
    assert_int_equal(p->actor.ups, 1);
}

static void a_slow_welcome_is_not_disturbed_by_repetitions(void **state)
{
    pair_t *p = *state;
    p->limiter.welcomes = false;
    connect(p);
    pass(p, 900000);
    assert_int_equal(p->limiter.ups, 1);
    links_welcome(p->limiter.links, p->limiter.last.peer, 3, now);
    deliver(p);
    assert_int_equal(p->actor.ups, 1);
}

static void a_lost_welcome_is_healed(void **state)
{
    pair_t *p = *state;
    p->limiter.welcomes = false;
    connect(p);
    links_welcome(p->limiter.links, p->limiter.last.peer, 3, now);
    drop_sent(&p->limiter);
    p->limiter.welcomes = true;
    pass(p, 3000000);
    assert_int_equal(p->actor.ups, 1);
    assert_int_equal(p->limiter.ups, 2);
}

static void a_new_generation_has_a_new_handle_and_the_old_one_goes_nowhere(void **state)
{
    pair_t *p = *state;
    connect(p);
    peer_t old = p->limiter.last.peer;
    links_again(p->actor.links, p->peer, now);
    deliver(p);
    assert_int_equal(p->actor.ups, 2);
    assert_int_not_equal(p->limiter.last.peer, old);
    assert_false(say(p, &p->limiter, old));
    assert_true(say(p, &p->limiter, p->limiter.last.peer));
}

static void frames_of_an_older_generation_are_dropped(void **state)
{
    pair_t *p = *state;
    connect(p);
    say(p, &p->limiter, p->limiter.last.peer);
    links_again(p->actor.links, p->peer, now);
    deliver(p);
    assert_int_equal(p->actor.messages, 0);
    assert_int_equal(p->actor.ups, 2);
}

static void a_repeated_frame_is_taken_once(void **state)
{
    pair_t *p = *state;
    connect(p);
    say(p, &p->actor, p->peer);
    sent_t frame = p->actor.sent[0];
    links_frame(p->limiter.links, frame.conn, frame.bytes, now);
    deliver(p);
    assert_int_equal(p->limiter.messages, 1);
}

static void a_lost_frame_begins_a_new_generation_on_either_end(void **state)
{
    pair_t *p = *state;
    connect(p);
    say(p, &p->actor, p->peer);
    drop_sent(&p->actor);
    say(p, &p->actor, p->peer);
    deliver(p);
    assert_int_equal(p->limiter.messages, 0); /* what followed the gap does not count either */
    assert_int_equal(p->actor.ups, 2);
    say(p, &p->limiter, p->limiter.last.peer);
    drop_sent(&p->limiter);
    pass(p, 600000); /* a beat shows the gap */
    assert_int_equal(p->actor.ups, 3);
}

static void an_unknown_peer_is_asked_who_it_is_and_says_hello(void **state)
{
    pair_t *p = *state;
    connect(p);
    links_destroy(&p->limiter.links);
    end_open(&p->limiter, ACTOR_LIMITER, 2);
    say(p, &p->actor, p->peer);
    deliver(p);
    assert_int_equal(p->limiter.messages, 0);
    assert_int_equal(p->limiter.ups, 2);
    assert_int_equal(p->actor.ups, 2);
}

static void three_missed_beats_are_silence_and_a_frame_ends_it(void **state)
{
    pair_t *p = *state;
    connect(p);
    pass(p, 3000000);
    assert_int_equal(p->limiter.silents, 0);
    for (int i = 0; i < 40; i++) { /* the actor is frozen */
        now.at.us += 50000;
        links_tick(p->limiter.links, now);
    }
    assert_int_equal(p->limiter.silents, 1);
    assert_true(links_is_silent(p->limiter.links, p->limiter.last.peer));
    say(p, &p->actor, p->peer);
    deliver(p);
    assert_int_equal(p->limiter.backs, 1);
    assert_int_equal(p->limiter.messages, 1);
}

static void a_forgotten_life_frees_its_place(void **state)
{
    pair_t *p = *state;
    connect(p);
    peer_info_t info;
    peer_t peer = links_of_life(p->limiter.links, 40);
    assert_int_equal(peer, p->limiter.last.peer);
    links_forget(p->limiter.links, peer);
    assert_false(links_find(p->limiter.links, peer, &info));
    assert_int_equal(links_of_life(p->limiter.links, 40), PEER_NOBODY);
}

static void hello_from(pair_t *p, conn_t conn, uint64_t generation)
{
    msg_hello_t hello = {.actor = ACTOR_INGRESS,
                         .generation = generation,
                         .link = 1,
                         .host = bytes_str("h"),
                         .version = bytes_str("1")};
    frame_begin(p->builder, MESSAGE_HELLO);
    assert_int_equal(frame_add(p->builder, &hello), 0);
    links_frame(p->limiter.links, conn, frame_finish(p->builder, 0, 1, 1), now);
    drop_sent(&p->limiter);
}

static void more_peers_than_places_displace_only_the_silent(void **state)
{
    pair_t *p = *state;
    for (uint32_t i = 0; i < LINKS_PEERS_MAX; i++)
        hello_from(p, 100 + i, 1000 + i);
    assert_int_equal(p->limiter.ups, LINKS_PEERS_MAX);
    hello_from(p, 5000, 5000);
    assert_int_equal(p->limiter.ups, LINKS_PEERS_MAX);
    now.at.us += 2000000;
    hello_from(p, 5000, 5000);
    assert_int_equal(p->limiter.ups, LINKS_PEERS_MAX + 1);
}

static void the_same_life_under_another_connection_is_one_peer(void **state)
{
    pair_t *p = *state;
    hello_from(p, 100, 1000);
    hello_from(p, 101, 1000); /* the same link generation: a repetition */
    assert_int_equal(p->limiter.ups, 1);
}

static void garbage_changes_nothing(void **state)
{
    pair_t *p = *state;
    rand_t chance = rand_seeded(7);
    connect(p);
    say(p, &p->actor, p->peer);
    sent_t whole = p->actor.sent[--p->actor.sent_count];
    for (int i = 0; i < 3000; i++) {
        uint8_t bytes[64];
        size_t len = rand_below(&chance, sizeof bytes) + 1;
        for (size_t n = 0; n < len; n++)
            bytes[n] = (uint8_t)rand_next(&chance);
        links_frame(p->limiter.links, CONN, bytes_of(bytes, len), now);
        memcpy(bytes, whole.bytes.data, whole.bytes.len);
        links_frame(p->limiter.links, CONN, bytes_of(bytes, whole.bytes.len - 1), now);
    }
    assert_int_equal(p->limiter.refused, 6000);
    assert_int_equal(p->limiter.messages, 0);
    links_frame(p->limiter.links, CONN, whole.bytes, now);
    assert_int_equal(p->limiter.messages, 1);
    free((void *)whole.bytes.data);
}

static void another_partition_is_refused(void **state)
{
    pair_t *p = *state;
    msg_hello_t hello = {.actor = ACTOR_INGRESS,
                         .generation = 9,
                         .link = 1,
                         .host = bytes_str("h"),
                         .version = bytes_str("1")};
    frame_begin(p->builder, MESSAGE_HELLO);
    assert_int_equal(frame_add(p->builder, &hello), 0);
    links_frame(p->limiter.links, CONN, frame_finish(p->builder, 1, 1, 1), now);
    assert_int_equal(p->limiter.refused, 1);
    assert_int_equal(p->limiter.ups, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_hello_is_welcomed_and_frames_pass_both_ways),
        T(holdings_come_with_the_hello_however_many),
        T(nothing_is_sent_before_the_welcome),
        T(hello_is_repeated_until_somebody_answers),
        T(a_slow_welcome_is_not_disturbed_by_repetitions),
        T(a_lost_welcome_is_healed),
        T(a_new_generation_has_a_new_handle_and_the_old_one_goes_nowhere),
        T(frames_of_an_older_generation_are_dropped),
        T(a_repeated_frame_is_taken_once),
        T(a_lost_frame_begins_a_new_generation_on_either_end),
        T(an_unknown_peer_is_asked_who_it_is_and_says_hello),
        T(three_missed_beats_are_silence_and_a_frame_ends_it),
        T(a_forgotten_life_frees_its_place),
        T(more_peers_than_places_displace_only_the_silent),
        T(the_same_life_under_another_connection_is_one_peer),
        T(garbage_changes_nothing),
        T(another_partition_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
