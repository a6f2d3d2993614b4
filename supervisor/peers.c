/* peers.c: the links to the children: who may speak, what they say, what they are told. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "supervisor/supervisor.h"
#include "sys/process.h"

static outside_t *outside_of_peer(supervisor_t *s, const peer_info_t *from)
{
    outside_t *o = outside_of(s, family_of_life(&s->family, from->generation));
    return o && o->peer == from->peer ? o : NULL;
}

/* ---- out -------------------------------------------------------------------------------- */

static bool send_items(supervisor_t *s, const outside_t *to, enum message_type type,
                       const void *items, size_t count)
{
    if (to->peer == PEER_NOBODY || count == 0)
        return false;
    size_t size = message_spec(type)->size;
    frame_begin(s->builder, type);
    for (size_t i = 0; i < count; i++)
        must(frame_add(s->builder, (const uint8_t *)items + i * size) == 0);
    return links_send(s->links, to->peer, s->builder, loop_now());
}

bool peers_send(supervisor_t *s, const outside_t *to, enum message_type type, const void *item)
{
    return send_items(s, to, type, item, 1);
}

/* One change, to everybody whom it concerns. */
void peers_tell(supervisor_t *s, const outside_t *about, const child_wishes_t *what)
{
    const msg_peers_t item = {.actor = about->child->actor,
                              .instance = about->child->instance,
                              .generation = what->generation,
                              .life = what->told,
                              .ordered = what->ordered};
    for (size_t i = 0; i < s->family.count; i++)
        if (&s->outside[i] != about &&
            roster_linked(about->child->actor, s->family.children[i].actor))
            peers_send(s, &s->outside[i], MESSAGE_PEERS, &item);
}

static void tell_whole(supervisor_t *s, const outside_t *to)
{
    msg_peers_t items[FAMILY_MAX + 1];
    size_t count = family_peers(&s->family, to->child, items);
    items[count++] = (msg_peers_t){.actor = ACTOR_SUPERVISOR,
                                   .generation = s->last_generation,
                                   .life = LIFE_READY,
                                   .whole = 1}; /* who is younger is not of this list */
    send_items(s, to, MESSAGE_PEERS, items, count);
}

/* ---- numbers ---------------------------------------------------------------------------- */

static void keep_stats(outside_t *o, const msg_stats_t *stats)
{
    char *copy = realloc(o->stats, stats->text.len + 1);
    must(copy);
    if (stats->text.len)
        memcpy(copy, stats->text.data, stats->text.len);
    o->stats = copy;
    o->stats_len = stats->text.len;
    o->stats_at = loop_now().at;
}

static void push_own_stats(supervisor_t *s, const outside_t *to)
{
    static char text[64u << 10];
    size_t len = metrics_samples(s->metrics, actor_name(ACTOR_SUPERVISOR), 0, text, sizeof text);
    if (len == 0)
        return;
    peers_send(s, to, MESSAGE_STATS,
               &(msg_stats_t){.actor = ACTOR_SUPERVISOR, .text = bytes_of(text, len)});
}

static bool is_told_of(const outside_t *o)
{
    return o->child->role == CHILD_IN_OFFICE && o->stats_len > 0;
}

/* Each ingress answers /metrics for all; its own numbers it knows best itself. Of two lives under
 * one name those of the one in office are told. */
void peers_push_stats(supervisor_t *s)
{
    process_measure(s->metrics);
    for (size_t i = 0; i < s->family.count; i++) {
        if (!(roster_find(s->family.children[i].actor)->may & MAY_LISTEN))
            continue;
        push_own_stats(s, &s->outside[i]);
        for (size_t j = 0; j < s->family.count; j++) {
            const outside_t *o = &s->outside[j];
            const msg_stats_t item = {.actor = o->child->actor,
                                      .instance = o->child->instance,
                                      .text = bytes_of(o->stats, o->stats_len)};
            if (j != i && is_told_of(o))
                peers_send(s, &s->outside[i], MESSAGE_STATS, &item);
        }
    }
}

/* ---- in --------------------------------------------------------------------------------- */

static void refuse(const peer_info_t *from, const char *why)
{
    log_text(LOG_FRAME_REFUSED, "frame of %s/%u (generation %llu) refused, %s; nothing changed",
             actor_name(from->actor), from->instance, (unsigned long long)from->generation, why);
}

/* Only a child that lives, in the life that we gave it, from the process that we started. */
static bool is_ours(const outside_t *o, const event_t *event)
{
    return o && o->child->actor == event->from.actor &&
           o->child->instance == event->from.instance &&
           (uint64_t)o->child->pid == event->up.hello->pid;
}

static void on_up(void *arg, const event_t *event)
{
    supervisor_t *s = arg;
    outside_t *o = outside_of(s, family_of_life(&s->family, event->from.generation));
    if (!is_ours(o, event)) {
        refuse(&event->from, "it is no child of this supervisor");
        links_forget(s->links, event->from.peer);
        return;
    }
    o->peer = event->from.peer;
    o->conn = s->conn_now;
    child_heard(o->child, &s->policy, loop_now().at);
    links_welcome(s->links, o->peer, 0, loop_now());
    tell_whole(s, o);
    replace_remind(s, o);
}

static void on_ready(supervisor_t *s, outside_t *o, const msg_ready_t *ready)
{
    o->jailed = (unsigned)ready->jailed;
    o->obeyed = true;
    supervisor_event(s, o, &(child_event_t){.kind = CHILD_ON_SAID_READY});
}

static void on_drained(supervisor_t *s, const msg_drained_t *drained)
{
    if (s->stop.phase != STOP_DRAIN)
        return;
    log_text(LOG_GENERAL, "drained: %llu messages stay on disk for the next start",
             (unsigned long long)drained->left);
    s->stop.drain_until = loop_now().at; /* the turn that follows goes on */
}

static void on_message(void *arg, const event_t *event)
{
    supervisor_t *s = arg;
    outside_t *o = outside_of_peer(s, &event->from);
    const void *item = event->message->items;
    if (!o)
        return; /* an ended life */
    child_heard(o->child, &s->policy, loop_now().at);
    switch (event->message->head.type) {
    case MESSAGE_READY:
        on_ready(s, o, item);
        break;
    case MESSAGE_STATS:
        keep_stats(o, item);
        break;
    case MESSAGE_ANSWER:
        verbs_answer(s, o, item);
        relay_answer(s, o, item);
        break;
    case MESSAGE_QUERY:
        relay_query(s, o, item);
        break;
    case MESSAGE_EVENT:
        verbs_event(s, o, item, event->message->count);
        break;
    case MESSAGE_DRAINED:
        on_drained(s, item);
        break;
    default:
        refuse(&event->from, "it is not for the supervisor");
    }
}

/* hang_ms decides; three beats are too few to kill for. */
static void on_silence(void *arg, const event_t *event) { (void)arg, (void)event; }

static void on_refused(void *arg, conn_t conn, enum frame_error why)
{
    (void)arg;
    log_text(LOG_FRAME_REFUSED,
             "frame on supervisor.sock (far end %u) refused, %s; nothing changed", conn,
             frame_error_text(why));
}

static void on_transmit(void *arg, conn_t conn, bytes_t frame)
{
    supervisor_t *s = arg;
    zlink_send(s->router, conn, frame); /* dropped where nobody is: it says HELLO again */
}

/* Beats are not passed on by the links; here any frame of a life is its sign. */
static void heard_on(supervisor_t *s, conn_t conn)
{
    now_t now = loop_now();
    for (size_t i = 0; i < s->family.count; i++)
        if (s->outside[i].peer != PEER_NOBODY && s->outside[i].conn == conn)
            child_heard(s->outside[i].child, &s->policy, now.at);
}

static void on_frame(void *arg, uint32_t conn, bytes_t frame)
{
    supervisor_t *s = arg;
    heard_on(s, conn);
    s->conn_now = conn;
    links_frame(s->links, conn, frame, loop_now());
}

void peers_gone(supervisor_t *s, outside_t *o)
{
    if (o->peer != PEER_NOBODY)
        links_forget(s->links, o->peer);
    o->peer = PEER_NOBODY;
}

int peers_open(supervisor_t *s)
{
    static char host[256];
    char path[512];
    if (gethostname(host, sizeof host - 1) < 0)
        snprintf(host, sizeof host, "unknown");
    links_self_t self = {.actor = ACTOR_SUPERVISOR,
                         .generation = 1,
                         .host = host,
                         .version = WEIR_VERSION,
                         .pid = (uint32_t)getpid()};
    links_owner_t owner = {.arg = s,
                           .transmit = on_transmit,
                           .up = on_up,
                           .message = on_message,
                           .silence = on_silence,
                           .refused = on_refused};
    s->builder = frame_builder_new();
    s->links = links_new(&self, &owner);
    snprintf(path, sizeof path, "%s/supervisor.sock", s->config->run_dir);
    return zlink_bind(s->loop, path, 1, on_frame, s, &s->router);
}
