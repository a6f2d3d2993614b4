/* links_connect.c: the connecting end: HELLO with its holdings until WELCOME.
 *
 * A repetition of HELLO keeps its link generation, so that a far side that needs a while (it loads
 * its queue) is not made to begin again each time. But a WELCOME may have been lost together with
 * what followed it; so after some repetitions the next generation is tried, each time with more
 * patience. */
#include <stdlib.h>

#include "actors/links_list.h"
#include "core/arena.h"

static void say_holdings(links_t *links, link_t *link, const msg_holding_t *holding, size_t count)
{
    uint64_t number = 0;
    for (size_t at = 0; at < count;) {
        frame_begin(links->builder, MESSAGE_HOLDING);
        for (size_t n = 0; n < BATCH_ITEMS_MAX && at < count; n++)
            must(frame_add(links->builder, &holding[at++]) == 0);
        bytes_t frame =
            frame_finish(links->builder, links->self.partition, link->generation, ++number);
        links->owner.transmit(links->owner.arg, link->conn, frame);
    }
}

static void say_hello(links_t *links, link_t *link, now_t now)
{
    msg_holding_t few[64], *holding = few;
    size_t count = 0;
    if (links->owner.holding && link->info.actor == ACTOR_LIMITER)
        count = links->owner.holding(links->owner.arg, few, COUNT_OF(few));
    must(count <= HOLDING_MAX);
    if (count > COUNT_OF(few)) {
        holding = memory_take(count * sizeof *holding);
        must(links->owner.holding(links->owner.arg, holding, count) == count);
    }
    const links_self_t *self = &links->self;
    msg_hello_t hello = {.actor = self->actor,
                         .instance = self->instance,
                         .generation = self->generation,
                         .link = link->generation,
                         .holding = count,
                         .host = bytes_str(self->host),
                         .version = bytes_str(self->version),
                         .config_epoch = self->config_epoch,
                         .pid = self->pid};
    link_say(links, link, MESSAGE_HELLO, &hello, 1);
    say_holdings(links, link, holding, count);
    if (holding != few)
        free(holding);
    link->hello_at = instant_after_us(now.at, HELLO_REPEAT_US);
}

static void call_anew(links_t *links, link_t *link, now_t now)
{
    link->state = LINK_CALLING;
    link->generation++;
    link->sent = 0;
    link->expected = 1;
    link->tries = 1;
    link->silent = false;
    say_hello(links, link, now);
    link->early = 0;
    link->hello_at = instant_after_us(now.at, HELLO_EARLY_US);
}

peer_t links_connect(links_t *links, conn_t conn, actor_kind_t to, now_t now)
{
    must(links->connect_count < LINKS_CONNECTS_MAX);
    link_t *link = &links->connects[links->connect_count++];
    *link = (link_t){.conn = conn, .heard = now.at, .patience = HELLO_PATIENCE_MIN};
    link->info = (peer_info_t){.peer = (peer_t)links->connect_count, .actor = to};
    call_anew(links, link, now);
    return link->info.peer;
}

void links_again(links_t *links, peer_t peer, now_t now)
{
    must(peer >= 1 && peer <= links->connect_count);
    call_anew(links, &links->connects[peer - 1], now);
}

void connecting_tick(links_t *links, link_t *link, now_t now)
{
    if (link->state != LINK_CALLING || instant_before(now.at, link->hello_at))
        return;
    if (link->early < HELLO_EARLY) {
        say_hello(links, link, now);
        link->hello_at = instant_after_us(now.at, HELLO_EARLY_US << ++link->early);
        return;
    }
    if (link->tries++ < link->patience) {
        say_hello(links, link, now);
        return;
    }
    if (link->patience < HELLO_PATIENCE_MAX)
        link->patience *= 2;
    call_anew(links, link, now);
}

static void welcomed(links_t *links, link_t *link, const msg_welcome_t *welcome)
{
    link->state = LINK_UP;
    link->expected = 2; /* WELCOME was the first */
    link->patience = HELLO_PATIENCE_MIN;
    event_t event = {.kind = EVENT_PEER_UP, .from = link->info, .up = {.welcome = welcome}};
    links->owner.up(links->owner.arg, &event);
}

static void control(links_t *links, link_t *link, const message_t *message, now_t now)
{
    const msg_who_t *who = message->items;
    const msg_welcome_t *welcome = message->items;
    if (message->head.type == MESSAGE_WHO && who->link == link->generation)
        call_anew(links, link, now);
    if (message->head.type == MESSAGE_WELCOME && link->state == LINK_CALLING &&
        welcome->link == link->generation && message->head.link == link->generation)
        welcomed(links, link, welcome);
}

void connecting_frame(links_t *links, link_t *link, const message_t *message, now_t now)
{
    link_heard(links, link, now);
    switch (message->head.type) {
    case MESSAGE_WHO:
    case MESSAGE_WELCOME:
        control(links, link, message, now);
        return;
    case MESSAGE_HELLO:
    case MESSAGE_HOLDING:
        links->owner.refused(links->owner.arg, link->conn, FRAME_TYPE);
        return;
    default:
        break;
    }
    if (link->state != LINK_UP || message->head.link != link->generation)
        return;
    int turn = link_number(link, message->head.number);
    if (turn > 0)
        call_anew(links, link, now); /* frames were lost */
    else if (turn == 0)
        link_deliver(links, link, message);
}
