/* Any frames from any connections, well-formed or not, in any order: links must neither crash nor
 * report more than it may. Five bytes make a frame: connection, type, link generation, number,
 * argument; type 0 passes the rest of the input on as it is. */
#include <stddef.h>
#include <stdint.h>

#include "actors/links.h"

#define CONNS 5u /* the last is ours: a connecting link */

typedef struct seen {
    links_t *links;
    peer_t up;
    unsigned ups, hellos;
    bool welcome;
} seen_t;
static now_t now;

static void on_transmit(void *arg, conn_t conn, bytes_t frame)
{
    (void)arg, (void)conn;
    must(frame.len > 0 && frame.len <= FRAME_BYTES_MAX);
}
static void on_up(void *arg, const event_t *event)
{
    seen_t *s = arg;
    peer_info_t info;
    must(links_find(s->links, event->from.peer, &info) &&
         info.generation == event->from.generation);
    s->up = event->from.peer;
    s->ups++;
    if (event->up.hello && event->from.actor != ACTOR_SUPERVISOR && s->welcome)
        links_welcome(s->links, event->from.peer, 1, now);
}
static void on_event(void *arg, const event_t *event)
{
    const seen_t *s = arg;
    peer_info_t info;
    must(s->ups > 0 && links_find(s->links, event->from.peer, &info));
}
static void on_refused(void *arg, conn_t conn, enum frame_error why)
{
    (void)arg, (void)conn;
    must(why != FRAME_OK);
}

static void put(seen_t *s, frame_builder_t *builder, const uint8_t *in)
{
    union {
        msg_hello_t hello;
        msg_welcome_t welcome;
        msg_who_t who;
        msg_holding_t holding;
        msg_query_t query;
        uint64_t room[64];
    } item = {0};
    static const uint8_t types[] = {MESSAGE_HELLO, MESSAGE_WELCOME, MESSAGE_WHO,
                                    MESSAGE_BEAT,  MESSAGE_HOLDING, MESSAGE_QUERY};
    uint8_t type = types[in[1] % COUNT_OF(types)];
    uint32_t link = in[2] % 4;
    if (type == MESSAGE_HELLO)
        item.hello = (msg_hello_t){.actor = in[4] % 8,
                                   .generation = in[4] % 3,
                                   .link = link,
                                   .holding = in[4] % 5,
                                   .host = bytes_str("h"),
                                   .version = bytes_str("1")};
    if (type == MESSAGE_WELCOME || type == MESSAGE_WHO)
        item.welcome.link = link;
    if (type == MESSAGE_QUERY)
        item.query.verb = bytes_str("x");
    frame_begin(builder, type);
    for (unsigned n = 0; n <= (type == MESSAGE_HOLDING ? in[4] % 3u : 0u); n++)
        must(frame_add(builder, &item) == 0);
    bytes_t frame = frame_finish(builder, 0, link, in[3] % 8);
    links_frame(s->links, in[0] % CONNS, frame, now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    seen_t seen = {.welcome = size % 2};
    links_self_t self = {.actor = ACTOR_LIMITER, .generation = 1, .host = "h", .version = "1"};
    links_owner_t owner = {&seen, on_transmit, on_up, on_event, on_event, on_refused, NULL};
    frame_builder_t *builder = frame_builder_new();
    seen.links = links_new(&self, &owner);
    now = (now_t){{1000}, {0}};
    links_connect(seen.links, CONNS - 1, ACTOR_SUPERVISOR, now);
    for (size_t at = 0; at + 5 <= size; at += 5) {
        now.at.us += data[at] * 4000;
        if (data[at + 1] == 0) {
            links_frame(seen.links, data[at] % CONNS, bytes_of(data + at + 2, size - at - 2), now);
            break;
        }
        put(&seen, builder, data + at);
        if (data[at + 4] % 7 == 0)
            links_tick(seen.links, now);
        if (data[at + 4] % 11 == 0 && seen.up)
            links_forget(seen.links, seen.up);
    }
    links_destroy(&seen.links);
    frame_builder_destroy(&builder);
    return 0;
}
