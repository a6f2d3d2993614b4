/* links_accept.c: the accepting end: HELLO and HOLDING in, the owner's WELCOME out, WHO for the
 * unknown. */
#include <stdlib.h>

#include "actors/links_list.h"
#include "core/bugs.h"
#include "core/arena.h"

void accepting_free(link_t *link)
{
    free(link->holding);
    *link = (link_t){0};
}

static link_t *place_of_conn(links_t *links, conn_t conn)
{
    for (size_t i = 0; i < links->accept_most; i++)
        if (links->accepts[i].state != LINK_FREE && links->accepts[i].conn == conn)
            return &links->accepts[i];
    return NULL;
}

static link_t *place_of_life(links_t *links, uint64_t generation)
{
    for (size_t i = 0; i < links->accept_most; i++)
        if (links->accepts[i].state != LINK_FREE && links->accepts[i].info.generation == generation)
            return &links->accepts[i];
    return NULL;
}

/* A free place; else that of the one not heard for longest, if it is silent: it can say HELLO
 * again. */
static link_t *place_free(links_t *links, now_t now)
{
    link_t *oldest = &links->accepts[0];
    for (size_t i = 0; i < LINKS_PEERS_MAX; i++) {
        link_t *link = &links->accepts[i];
        if (link->state == LINK_FREE) {
            links->accept_most = i < links->accept_most ? links->accept_most : i + 1;
            return link;
        }
        oldest = instant_before(link->heard, oldest->heard) ? link : oldest;
    }
    if (instant_since_us(now.at, oldest->heard) < BEATS_MISSED_MAX * BEAT_US)
        return NULL;
    accepting_free(oldest);
    return oldest;
}

static bytes_t keep_text(char *room, size_t size, bytes_t text)
{
    size_t len = text.len < size ? text.len : size - 1;
    if (len > 0)
        memcpy(room, text.data, len);
    room[len] = '\0';
    return bytes_of(room, len);
}

static void report_up(links_t *links, link_t *link)
{
    link->state = LINK_WAITING;
    event_t event = {.kind = EVENT_PEER_UP,
                     .from = link->info,
                     .up = {.hello = &link->hello,
                            .holding = link->holding,
                            .holding_count = link->holding_count}};
    msg_holding_t *holding = link->holding;
    link->holding = NULL;
    links->owner.up(links->owner.arg, &event);
    free(holding);
}

/* A new link generation of the far end gets a new handle: what was wished for the old one goes
 * nowhere. */
static void begin(links_t *links, link_t *link, conn_t conn, const msg_hello_t *hello, now_t now)
{
    size_t place = (size_t)(link - links->accepts);
    bool keeps = BUG(OLD_LINK_SPEAKS) && link->info.generation == hello->generation;
    peer_t old = keeps ? link->info.peer : PEER_NOBODY;
    accepting_free(link);
    uint32_t serial = links->serial = links->serial % (UINT32_MAX / LINKS_PEERS_MAX - 1) + 1;
    link->info = (peer_info_t){.peer = old ? old : serial * LINKS_PEERS_MAX + (peer_t)place,
                               .actor = (actor_kind_t)hello->actor,
                               .instance = (uint16_t)hello->instance,
                               .generation = hello->generation};
    link->conn = conn;
    link->generation = (uint32_t)hello->link;
    link->heard = now.at;
    link->state = LINK_COLLECTING;
    link->hello = *hello;
    link->hello.host = keep_text(link->host, sizeof link->host, hello->host);
    link->hello.version = keep_text(link->version, sizeof link->version, hello->version);
    if (hello->holding == 0)
        report_up(links, link);
    else
        link->holding = memory_take(hello->holding * sizeof *link->holding);
}

/* Repetitions of what is already reported change nothing; an older generation neither. */
static bool hello_is_news(const link_t *link, const msg_hello_t *hello)
{
    if (link->info.generation != hello->generation || hello->link > link->generation)
        return true;
    return hello->link == link->generation && link->state == LINK_COLLECTING;
}

static void hello(links_t *links, conn_t conn, const message_t *message, now_t now)
{
    const msg_hello_t *item = message->items;
    if (item->link != message->head.link || item->actor >= ACTOR_COUNT) {
        links->owner.refused(links->owner.arg, conn, FRAME_LIMIT);
        return;
    }
    link_t *link = place_of_conn(links, conn), *life = place_of_life(links, item->generation);
    if (life && life != link) { /* the same life under another name of the transport */
        if (!hello_is_news(life, item))
            return;
        if (link)
            accepting_free(link);
        link = life;
    }
    if (!link)
        link = place_free(links, now);
    if (!link)
        return; /* full of peers that are not silent: it will say HELLO again */
    if (link->state == LINK_FREE || hello_is_news(link, item))
        begin(links, link, conn, item, now);
    else
        link_heard(links, link, now);
}

static void holding(links_t *links, link_t *link, const message_t *message)
{
    size_t wanted = link->hello.holding - link->holding_count;
    if (link->state != LINK_COLLECTING || message->head.link != link->generation ||
        message->head.number != link->holding_frames + 1 || message->count > wanted)
        return; /* a repetition, or nothing that the HELLO announced */
    memcpy(link->holding + link->holding_count, message->items,
           message->count * sizeof *link->holding);
    link->holding_count += message->count;
    link->holding_frames++;
    if (link->holding_count == link->hello.holding)
        report_up(links, link);
}

static void say_who(links_t *links, conn_t conn, uint32_t generation)
{
    link_t nobody = {.conn = conn, .generation = generation};
    msg_who_t who = {generation};
    link_say(links, &nobody, MESSAGE_WHO, &who, 1);
}

static void passed(links_t *links, link_t *link, const message_t *message)
{
    if (message->head.link < link->generation || link->state == LINK_WAITING ||
        link->state == LINK_COLLECTING)
        return;
    bool known = message->head.link == link->generation && link->state == LINK_UP;
    int turn = known ? link_number(link, message->head.number) : 1;
    if (known && turn > 0)
        link->state = LINK_BROKEN; /* frames were lost: nothing more of this generation counts */
    if (turn == 0)
        link_deliver(links, link, message);
    else if (turn > 0)
        say_who(links, link->conn, message->head.link);
}

void accepting_frame(links_t *links, conn_t conn, const message_t *message, now_t now)
{
    uint8_t type = message->head.type;
    if (type == MESSAGE_HELLO) {
        hello(links, conn, message, now);
        return;
    }
    if (type == MESSAGE_WELCOME || type == MESSAGE_WHO) {
        links->owner.refused(links->owner.arg, conn, FRAME_TYPE);
        return;
    }
    link_t *link = place_of_conn(links, conn);
    if (!link) {
        say_who(links, conn, message->head.link);
        return;
    }
    link_heard(links, link, now);
    if (type == MESSAGE_HOLDING)
        holding(links, link, message);
    else
        passed(links, link, message);
}
