/* The order in which wishes are carried out, told with an actor that wishes what it is told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>

#include <stdalign.h>

#include "actors/carry.h"

#define SUPERVISOR_CONN 7u
#define PEER_CONN 9u

/* ---- an actor made of one line of wishes */

typedef struct puppet {
    peer_t peer;
    char heard[400]; /* what it was told, a letter each */
    const char *wishes;
    int64_t next_seq;
} puppet_t;
static puppet_t *puppet;

static void *puppet_create(const birth_t *birth)
{
    (void)birth;
    puppet = calloc(1, sizeof *puppet);
    return puppet;
}
static void puppet_destroy(void **self)
{
    free(*self);
    *self = NULL;
}

static void hear(char letter)
{
    size_t len = strlen(puppet->heard);
    if (len + 1 < sizeof puppet->heard)
        puppet->heard[len] = letter;
}

static void wish_one(effects_t *e, char wish)
{
    change_t change = {.kind = CHANGE_PROGRESS, .progress = {.seq = ++puppet->next_seq}};
    msg_verdict_t verdict = {.verdict = VERDICT_ACCEPTED};
    msg_credit_t credit = {.messages = 5};
    msg_settled_t settled = {.seq = 1};
    msg_beat_t beat = {1};
    http_reply_t reply = {.status = 202};
    read_request_t space = {.kind = READ_SPACE, .most = 1, .state = -1};
    switch (wish) {
    case 'C':
        wish_change(e, &change);
        break;
    case 'V':
        wish_send(e, puppet->peer, MESSAGE_VERDICT, &verdict);
        break;
    case 'c':
        wish_send(e, puppet->peer, MESSAGE_CREDIT, &credit);
        break;
    case 's':
        wish_send(e, puppet->peer, MESSAGE_SETTLED, &settled);
        break;
    case 'N':
        wish_send_now(e, puppet->peer, MESSAGE_BEAT, &beat);
        break;
    case 'R':
        wish_reply(e, 1, &reply);
        break;
    case 'r':
        wish_read(e, &space);
        break;
    case 'X':
        wish_stop(e, 75, "told to");
        break;
    case 'A':
        wish_again(e);
        break;
    case 'T':
        wish_timer(e, (instant_t){50000});
        break;
    case 'Y':
        wish_ready(e, "as told");
        break;
    default:
        fail();
    }
}

static void puppet_step(void *self, const event_t *event, now_t now, effects_t *e)
{
    (void)self, (void)now;
    static const char letters[] = {
        [EVENT_START] = 'S',       [EVENT_MESSAGE] = 'M',   [EVENT_PEER_UP] = 'U',
        [EVENT_PEER_SILENT] = 'Q', [EVENT_PEER_BACK] = 'B', [EVENT_TIMER] = 'T',
        [EVENT_AGAIN] = 'A',       [EVENT_STORE] = 'D',     [EVENT_REQUEST] = 'H',
        [EVENT_ANSWER] = 'W'};
    hear(letters[event->kind]);
    if (event->kind == EVENT_PEER_UP && event->up.hello && event->from.actor != ACTOR_SUPERVISOR) {
        puppet->peer = event->from.peer;
        msg_welcome_t welcome = {.epoch = 3};
        wish_send_now(e, event->from.peer, MESSAGE_WELCOME, &welcome);
    }
    const char *wishes = puppet->wishes;
    puppet->wishes = NULL;
    for (const char *w = wishes; w && *w; w++)
        wish_one(e, *w);
}

static const actor_spec_t puppet_spec = {.kind = ACTOR_LIMITER,
                                         .serves = true,
                                         .stores = true,
                                         .create = puppet_create,
                                         .step = puppet_step,
                                         .destroy = puppet_destroy};

/* ---- a world that writes down what it sees */

static char seen[400];
static void see(const char *what)
{
    if (seen[0])
        strcat(seen, " ");
    strcat(seen, what);
}

static alignas(16) uint8_t items[FRAME_ITEMS_ROOM];
static uint64_t last_link;

static void world_transmit(void *arg, conn_t conn, bytes_t frame)
{
    (void)arg, (void)conn;
    message_t m;
    char text[80];
    assert_int_equal(frame_decode(frame, items, sizeof items, &m), FRAME_OK);
    last_link = m.head.link;
    snprintf(text, sizeof text, m.count > 1 ? "%s*%zu" : "%s", m.spec->name, m.count);
    see(text);
}
static void world_reply(void *arg, uint64_t token, const http_reply_t *reply)
{
    (void)arg, (void)token, (void)reply;
    see("reply");
}
static void world_stop(void *arg, int exit_code, const char *why)
{
    (void)arg, (void)exit_code, (void)why;
    see("stop");
}
static void world_log(void *arg, const log_line_t *line) { (void)arg, (void)line; }

typedef struct stage {
    memory_disk_t *disk;
    store_t *store;
    carrier_t *carrier;
    frame_builder_t *builder;
    now_t now;
    uint64_t number;
} stage_t;

static void feed(stage_t *s, enum message_type type, const void *item, uint32_t link,
                 uint64_t number)
{
    frame_begin(s->builder, type);
    assert_int_equal(frame_add(s->builder, item), 0);
    carrier_frame(s->carrier, PEER_CONN, frame_finish(s->builder, 0, link, number), s->now);
}

static void say_hello(stage_t *s, uint32_t link)
{
    msg_hello_t hello = {.actor = ACTOR_INGRESS,
                         .generation = 40,
                         .link = link,
                         .host = bytes_str("h"),
                         .version = bytes_str("1")};
    feed(s, MESSAGE_HELLO, &hello, link, 1);
    s->number = 0;
}

static int set_up(void **state)
{
    stage_t *s = calloc(1, sizeof *s);
    store_opened_t opened;
    s->disk = memory_disk_new();
    s->builder = frame_builder_new();
    s->now.at.us = 1000;
    memory_store_open(s->disk, &s->store, &opened);
    world_t world = {.transmit = world_transmit,
                     .reply = world_reply,
                     .stop = world_stop,
                     .log = world_log,
                     .store = s->store,
                     .commit_pause_us_max = 1000};
    links_self_t self = {.actor = ACTOR_LIMITER, .generation = 1, .host = "h", .version = "1"};
    s->carrier = carrier_new(&puppet_spec, &(birth_t){0}, &self, &world, NULL, s->now);
    say_hello(s, 1);
    carrier_turn(s->carrier, s->now);
    seen[0] = '\0';
    memset(puppet->heard, 0, sizeof puppet->heard);
    *state = s;
    return 0;
}
static int tear_down(void **state)
{
    stage_t *s = *state;
    carrier_destroy(&s->carrier);
    memory_store_crash(&s->store);
    memory_disk_destroy(&s->disk);
    frame_builder_destroy(&s->builder);
    free(s);
    return 0;
}

/* One step that wishes this; a turn after it unless `turn` is false. */
static void step(stage_t *s, const char *wishes, bool turn)
{
    msg_query_t query = {.number = 1, .verb = bytes_str("x")};
    puppet->wishes = wishes;
    feed(s, MESSAGE_QUERY, &query, 1, ++s->number);
    assert_null(puppet->wishes);
    if (turn)
        carrier_turn(s->carrier, s->now);
}

static void commit(stage_t *s, int error)
{
    assert_true(memory_store_commit(s->store, error));
    carrier_store(s->carrier, s->now);
    carrier_turn(s->carrier, s->now);
}

static void a_step_that_changes_nothing_sends_at_once(void **state)
{
    step(*state, "VRcV", true);
    assert_string_equal(seen, "verdict*2 reply credit");
}

static void what_is_sent_waits_for_the_changes_of_its_step(void **state)
{
    step(*state, "VCRc", true);
    assert_string_equal(seen, "");
    assert_int_equal(carrier_waiting(((stage_t *)*state)->carrier), 3);
    commit(*state, 0);
    assert_string_equal(seen, "verdict reply credit");
    assert_int_equal(carrier_waiting(((stage_t *)*state)->carrier), 0);
}

static void a_step_without_changes_waits_for_the_batch_on_its_way(void **state)
{
    step(*state, "CV", true);
    step(*state, "s", true);
    assert_string_equal(seen, "");
    commit(*state, 0);
    assert_string_equal(seen, "verdict settled");
}

static void send_now_overtakes_the_disk(void **state)
{
    step(*state, "CVN", true);
    assert_string_equal(seen, "beat");
    commit(*state, 0);
    assert_string_equal(seen, "beat verdict");
}

static void one_batch_fills_while_another_commits(void **state)
{
    stage_t *s = *state;
    step(s, "CV", true);
    step(s, "Cs", true);
    step(s, "CR", true);
    assert_int_equal(memory_store_pending(s->store), 1);
    commit(s, 0);
    assert_string_equal(seen, "verdict");
    s->now.at.us += 2000;
    carrier_turn(s->carrier, s->now);
    assert_int_equal(memory_store_pending(s->store), 1);
    commit(s, 0);
    assert_string_equal(seen, "verdict settled reply");
}

static void a_commit_is_told_after_its_frames_are_out(void **state)
{
    stage_t *s = *state;
    step(s, "CV", true);
    memset(puppet->heard, 0, sizeof puppet->heard);
    puppet->wishes = "N"; /* the step that is told of the commit sends too */
    commit(s, 0);
    assert_string_equal(puppet->heard, "D");
    assert_string_equal(seen, "verdict beat");
}

static void nothing_waiting_goes_out_after_a_failed_sync(void **state)
{
    stage_t *s = *state;
    step(s, "CV", true);
    step(s, "s", true);
    commit(s, -EIO);
    step(s, "VR", true);
    step(s, "CV", true);
    s->now.at.us += 100000;
    carrier_turn(s->carrier, s->now);
    assert_string_equal(seen, "");
    step(s, "X", true);
    assert_string_equal(seen, "stop");
}

static void a_full_disk_keeps_what_waits_until_there_is_space(void **state)
{
    step(*state, "CV", true);
    commit(*state, -ENOSPC);
    assert_string_equal(seen, "");
    commit(*state, 0);
    assert_string_equal(seen, "verdict");
}

static void a_stop_comes_after_everything_before_it(void **state)
{
    step(*state, "CVX", true);
    assert_string_equal(seen, "");
    commit(*state, 0);
    assert_string_equal(seen, "verdict stop");
}

static void credit_keeps_its_place_behind_what_caused_it(void **state)
{
    step(*state, "CVcsc", true);
    commit(*state, 0);
    assert_string_equal(seen, "verdict credit*2 settled");
}

static void frames_are_split_at_their_most_items(void **state)
{
    char many[BATCH_ITEMS_MAX + 2];
    memset(many, 's', BATCH_ITEMS_MAX + 1);
    many[BATCH_ITEMS_MAX + 1] = '\0';
    step(*state, many, true);
    assert_string_equal(seen, "settled*512 settled");
}

static void what_was_wished_for_an_ended_link_goes_nowhere(void **state)
{
    stage_t *s = *state;
    step(s, "CVs", true);
    say_hello(s, 2);
    carrier_turn(s->carrier, s->now);
    assert_string_equal(seen, "welcome");
    commit(s, 0);
    assert_string_equal(seen, "welcome");
}

static void a_read_ends_as_an_event(void **state)
{
    stage_t *s = *state;
    step(s, "r", true);
    memset(puppet->heard, 0, sizeof puppet->heard);
    assert_true(memory_store_answer(s->store));
    carrier_store(s->carrier, s->now);
    assert_string_equal(puppet->heard, "D");
}

static void the_timer_and_again_come_once(void **state)
{
    stage_t *s = *state;
    step(s, "TA", false);
    memset(puppet->heard, 0, sizeof puppet->heard);
    carrier_turn(s->carrier, s->now);
    assert_string_equal(puppet->heard, "A");
    s->now.at.us = 50000;
    carrier_turn(s->carrier, s->now);
    carrier_turn(s->carrier, s->now);
    assert_string_equal(puppet->heard, "AT");
}

static void an_idle_store_gets_its_batch_at_once(void **state)
{
    stage_t *s = *state;
    step(s, "C", true);
    assert_int_equal(memory_store_pending(s->store), 1);
}

static void under_load_a_batch_waits_for_company_but_not_long(void **state)
{
    stage_t *s = *state;
    for (int i = 0; i < 400; i++) { /* 20 changes in 500 us each: 40,000 a second */
        s->now.at.us += 500;
        step(s, "CCCCCCCCCCCCCCCCCCCC", true);
        while (memory_store_pending(s->store))
            commit(s, 0);
    }
    s->now.at.us += 5000;
    carrier_turn(s->carrier, s->now);
    while (memory_store_pending(s->store))
        commit(s, 0);
    step(s, "CV", true);
    assert_int_equal(memory_store_pending(s->store), 0);
    int64_t due = carrier_turn(s->carrier, s->now).us - s->now.at.us;
    assert_in_range(due, 1, 1000);
    s->now.at.us += due;
    carrier_turn(s->carrier, s->now);
    assert_int_equal(memory_store_pending(s->store), 1);
}

static void ready_waits_for_the_supervisor_and_is_repeated(void **state)
{
    stage_t *s = *state;
    step(s, "Y", true);
    assert_string_equal(seen, "");
    carrier_connect(s->carrier, SUPERVISOR_CONN, ACTOR_SUPERVISOR, s->now);
    uint32_t link = 1;
    msg_welcome_t welcome = {.link = link};
    frame_begin(s->builder, MESSAGE_WELCOME);
    frame_add(s->builder, &welcome);
    carrier_frame(s->carrier, SUPERVISOR_CONN, frame_finish(s->builder, 0, link, 1), s->now);
    assert_string_equal(seen, "hello ready");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_step_that_changes_nothing_sends_at_once),
        T(what_is_sent_waits_for_the_changes_of_its_step),
        T(a_step_without_changes_waits_for_the_batch_on_its_way),
        T(send_now_overtakes_the_disk),
        T(one_batch_fills_while_another_commits),
        T(a_commit_is_told_after_its_frames_are_out),
        T(nothing_waiting_goes_out_after_a_failed_sync),
        T(a_full_disk_keeps_what_waits_until_there_is_space),
        T(a_stop_comes_after_everything_before_it),
        T(credit_keeps_its_place_behind_what_caused_it),
        T(frames_are_split_at_their_most_items),
        T(what_was_wished_for_an_ended_link_goes_nowhere),
        T(a_read_ends_as_an_event),
        T(the_timer_and_again_come_once),
        T(an_idle_store_gets_its_batch_at_once),
        T(under_load_a_batch_waits_for_company_but_not_long),
        T(ready_waits_for_the_supervisor_and_is_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
