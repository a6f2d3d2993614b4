/* What a step wishes for is copied or encoded at once, shares frames, and never allocates without
 * end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "actors/effects_list.h"

static int set_up(void **state)
{
    *state = effects_new(NULL, NULL);
    return 0;
}
static int tear_down(void **state)
{
    effects_t *e = *state;
    effects_destroy(&e);
    return 0;
}

static void send_settled(effects_t *e, peer_t to, uint64_t seq)
{
    msg_settled_t settled = {seq, 1, 1};
    wish_send(e, to, MESSAGE_SETTLED, &settled);
}

static void items_of_one_type_to_one_peer_share_a_frame(void **state)
{
    effects_t *e = *state;
    msg_credit_t credit = {.messages = 1};
    for (uint64_t i = 1; i <= 3; i++) {
        send_settled(e, 300, i);
        send_settled(e, 301, i);
        wish_send(e, 300, MESSAGE_CREDIT, &credit);
    }
    assert_int_equal(e->held->count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(frame_count(e->held->entries[i].builder), 3);
    assert_int_equal(e->held->entries[0].peer, 300);
    assert_int_equal(e->held->entries[2].type, MESSAGE_CREDIT);
}

static void a_message_of_one_item_gets_a_frame_each(void **state)
{
    effects_t *e = *state;
    msg_query_t query = {.number = 1, .verb = bytes_str("x")};
    wish_send(e, 300, MESSAGE_QUERY, &query);
    wish_send(e, 300, MESSAGE_QUERY, &query);
    assert_int_equal(e->held->count, 2);
}

static void a_frame_that_is_full_is_followed_by_another(void **state)
{
    effects_t *e = *state;
    static uint8_t body[BODY_BYTES_MAX];
    msg_submit_t submit = {.source = bytes_str("s"),
                           .route = bytes_str("r"),
                           .id = {{1}},
                           .print = {{1}},
                           .body = bytes_of(body, sizeof body)};
    for (int i = 0; i < 3; i++)
        wish_send(e, 2, MESSAGE_SUBMIT, &submit);
    assert_true(e->held->count >= 2);
    size_t items = 0;
    for (size_t i = 0; i < e->held->count; i++) {
        items += frame_count(e->held->entries[i].builder);
        assert_true(frame_size(e->held->entries[i].builder) <= FRAME_BYTES_MAX);
    }
    assert_int_equal(items, 3);
}

static void many_peers_at_once_each_get_their_items(void **state)
{
    effects_t *e = *state;
    for (uint64_t round = 1; round <= 2; round++)
        for (peer_t peer = 300; peer < 300 + 3 * BOX_OPEN_MAX; peer++)
            send_settled(e, peer, round);
    size_t items = 0;
    for (size_t i = 0; i < e->held->count; i++)
        items += frame_count(e->held->entries[i].builder);
    assert_int_equal(items, 6 * BOX_OPEN_MAX);
    assert_true(e->held->open_count <= BOX_OPEN_MAX);
}

static void nobody_gets_nothing(void **state)
{
    effects_t *e = *state;
    send_settled(e, PEER_NOBODY, 1);
    assert_int_equal(e->held->count, 0);
}

static void what_is_wished_is_copied(void **state)
{
    effects_t *e = *state;
    char method[] = "POST", path[] = "/a", body[] = "text", type[] = "text/plain", name[] = "n",
         value[] = "v";
    http_field_t field = {bytes_str(name), bytes_str(value)};
    wish_call(e, &(http_call_t){.token = 4,
                                .method = method,
                                .path = bytes_str(path),
                                .headers = &field,
                                .header_count = 1,
                                .body = bytes_str(body)});
    wish_reply(e, 9,
               &(http_reply_t){.status = 200,
                               .content_type = type,
                               .headers = &field,
                               .header_count = 1,
                               .body = bytes_str(body)});
    method[0] = path[1] = body[0] = type[0] = name[0] = value[0] = '!';
    field = (http_field_t){0};
    const http_call_t *call = e->held->entries[0].call;
    assert_string_equal(call->method, "POST");
    assert_true(bytes_is(call->path, "/a") && bytes_is(call->body, "text"));
    assert_true(bytes_is(call->headers[0].name, "n") && bytes_is(call->headers[0].value, "v"));
    const reply_order_t *order = e->held->entries[1].reply;
    assert_int_equal(order->token, 9);
    assert_string_equal(order->reply.content_type, "text/plain");
    assert_true(bytes_is(order->reply.headers[0].name, "n") && bytes_is(order->reply.body, "text"));
}

static void a_step_has_room_for_so_much_and_each_step_anew(void **state)
{
    effects_t *e = *state;
    assert_int_equal(effects_room(e), EFFECTS_ROOM);
    for (uint64_t i = 0; i < EFFECTS_ROOM; i++)
        send_settled(e, 300, i + 1);
    assert_int_equal(effects_room(e), 0);
    effects_begin(e);
    assert_int_equal(effects_room(e), EFFECTS_ROOM);
}

static void builders_and_boxes_are_used_again(void **state)
{
    effects_t *e = *state;
    for (int round = 0; round < 50; round++) {
        effects_begin(e);
        for (peer_t peer = 300; peer < 310; peer++)
            send_settled(e, peer, 1);
        box_t *box = e->held;
        e->held = box_new(e);
        box_recycle(e, box);
        assert_true(e->builder_count <= 10);
    }
    assert_int_equal(e->builder_count, 10);
}

static void boxes_are_joined_in_order(void **state)
{
    effects_t *e = *state;
    http_reply_t reply = {.status = 200, .body = bytes_str("kept")};
    send_settled(e, 300, 1);
    box_t *first = e->held;
    e->held = box_new(e);
    wish_reply(e, 2, &reply);
    send_settled(e, 300, 3);
    box_append(first, e->held);
    assert_int_equal(e->held->count, 0);
    assert_int_equal(first->count, 3);
    assert_int_equal(first->entries[0].kind, ENTRY_FRAME);
    assert_true(bytes_is(first->entries[1].reply->reply.body, "kept"));
    box_recycle(e, first);
}

static void a_forgotten_peer_gets_nothing_and_new_items_begin_anew(void **state)
{
    effects_t *e = *state;
    send_settled(e, 300, 1);
    box_forget_peer(e->held, 300);
    assert_int_equal(e->held->entries[0].peer, PEER_NOBODY);
    send_settled(e, 300, 2);
    assert_int_equal(e->held->count, 2);
    assert_int_equal(frame_count(e->held->entries[1].builder), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(items_of_one_type_to_one_peer_share_a_frame),
        T(a_message_of_one_item_gets_a_frame_each),
        T(a_frame_that_is_full_is_followed_by_another),
        T(many_peers_at_once_each_get_their_items),
        T(nobody_gets_nothing),
        T(what_is_wished_is_copied),
        T(a_step_has_room_for_so_much_and_each_step_anew),
        T(builders_and_boxes_are_used_again),
        T(boxes_are_joined_in_order),
        T(a_forgotten_peer_gets_nothing_and_new_items_begin_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
