/* links.c: see links.h and links_list.h: what both ends share. */
#include <stdlib.h>

#include "actors/links_list.h"
#include "core/bugs.h"
#include "core/arena.h"

links_t *links_new(const links_self_t *self, const links_owner_t *owner)
{
    links_t *links = memory_take(sizeof *links);
    links->self = *self;
    links->owner = *owner;
    links->builder = frame_builder_new();
    return links;
}

void links_destroy(links_t **links)
{
    links_t *old = *links;
    *links = NULL;
    if (!old)
        return;
    for (size_t i = 0; i < old->accept_most; i++)
        accepting_free(&old->accepts[i]);
    frame_builder_destroy(&old->builder);
    free(old);
}

/* Handles: connects are 1, 2, ...; accepted peers have a serial above their place, so that a handle
 * names one link generation and what is wished for an ended one goes nowhere. */
static link_t *link_find(const links_t *links, peer_t peer)
{
    if (peer == PEER_NOBODY)
        return NULL;
    const link_t *link;
    if (peer <= LINKS_CONNECTS_MAX)
        link = &links->connects[peer - 1];
    else
        link = &links->accepts[peer % LINKS_PEERS_MAX];
    return link->state != LINK_FREE && link->info.peer == peer ? (link_t *)link : NULL;
}

bool links_find(const links_t *links, peer_t peer, peer_info_t *out)
{
    const link_t *link = link_find(links, peer);
    if (link)
        *out = link->info;
    return link != NULL;
}

bool links_is_silent(const links_t *links, peer_t peer)
{
    const link_t *link = link_find(links, peer);
    return !link || link->silent;
}

peer_t links_of_life(const links_t *links, uint64_t generation)
{
    for (size_t i = 0; i < links->accept_most; i++)
        if (links->accepts[i].state != LINK_FREE && links->accepts[i].info.generation == generation)
            return links->accepts[i].info.peer;
    return PEER_NOBODY;
}

void links_forget(links_t *links, peer_t peer)
{
    link_t *link = peer > LINKS_CONNECTS_MAX ? link_find(links, peer) : NULL;
    if (link)
        accepting_free(link);
}

/* ---- out */

void link_say(links_t *links, link_t *link, enum message_type type, const void *item,
              uint64_t number)
{
    frame_begin(links->builder, type);
    must(frame_add(links->builder, item) == 0);
    bytes_t frame = frame_finish(links->builder, links->self.partition, link->generation, number);
    links->owner.transmit(links->owner.arg, link->conn, frame);
}

bool links_send(links_t *links, peer_t peer, frame_builder_t *builder, now_t now)
{
    (void)now;
    link_t *link = link_find(links, peer);
    if (!link || link->state != LINK_UP)
        return false;
    bytes_t frame = frame_finish(builder, links->self.partition, link->generation, ++link->sent);
    links->owner.transmit(links->owner.arg, link->conn, frame);
    return true;
}

void links_welcome(links_t *links, peer_t peer, uint64_t epoch, now_t now)
{
    link_t *link = link_find(links, peer);
    if (!link || link->state != LINK_WAITING)
        return;
    link->state = LINK_UP;
    link->heard = now.at;
    link->expected = 1;
    link->sent = 1;
    msg_welcome_t welcome = {link->generation, epoch, links->self.config_epoch};
    link_say(links, link, MESSAGE_WELCOME, &welcome, 1);
}

/* ---- in */

int link_number(link_t *link, uint64_t number)
{
    if (BUG(GAP_IGNORED) && number > link->expected)
        link->expected = number;
    if (number != link->expected)
        return number < link->expected ? -1 : 1;
    link->expected++;
    return 0;
}

void link_heard(links_t *links, link_t *link, now_t now)
{
    link->heard = now.at;
    if (!link->silent)
        return;
    link->silent = false;
    event_t event = {.kind = EVENT_PEER_BACK, .from = link->info};
    links->owner.silence(links->owner.arg, &event);
}

void link_deliver(links_t *links, link_t *link, const message_t *message)
{
    if (message->head.type == MESSAGE_BEAT)
        return;
    event_t event = {.kind = EVENT_MESSAGE, .from = link->info, .message = message};
    links->owner.message(links->owner.arg, &event);
}

void links_frame(links_t *links, conn_t conn, bytes_t frame, now_t now)
{
    message_t message;
    must(!links->inside);
    enum frame_error error = frame_decode(frame, links->items, sizeof links->items, &message);
    if (error == FRAME_OK && message.head.partition != links->self.partition)
        error = FRAME_LIMIT;
    if (error != FRAME_OK) {
        links->owner.refused(links->owner.arg, conn, error);
        return;
    }
    links->inside = true;
    link_t *link = NULL;
    for (size_t i = 0; i < links->connect_count && !link; i++)
        if (links->connects[i].conn == conn)
            link = &links->connects[i];
    if (link)
        connecting_frame(links, link, &message, now);
    else
        accepting_frame(links, conn, &message, now);
    links->inside = false;
}

/* ---- time */

static void beat(links_t *links, link_t *link, now_t now)
{
    if (link->state != LINK_UP)
        return;
    msg_beat_t item = {(uint64_t)now.at.us};
    link_say(links, link, MESSAGE_BEAT, &item, ++link->sent);
    if (link->silent || instant_since_us(now.at, link->heard) < BEATS_MISSED_MAX * BEAT_US)
        return;
    link->silent = true;
    event_t event = {.kind = EVENT_PEER_SILENT, .from = link->info};
    links->owner.silence(links->owner.arg, &event);
}

instant_t links_tick(links_t *links, now_t now)
{
    if (!instant_before(now.at, links->beat_at)) {
        links->beat_at = instant_after_us(now.at, BEAT_US);
        for (size_t i = 0; i < links->connect_count; i++)
            beat(links, &links->connects[i], now);
        for (size_t i = 0; i < links->accept_most; i++)
            beat(links, &links->accepts[i], now);
    }
    instant_t next = links->beat_at;
    for (size_t i = 0; i < links->connect_count; i++) {
        connecting_tick(links, &links->connects[i], now);
        if (links->connects[i].state == LINK_CALLING)
            next = instant_min(next, links->connects[i].hello_at);
    }
    return next;
}
