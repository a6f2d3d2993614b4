/* peers.c: who is there. Holders (lives of classifiers and responders with their credit and what
 * they have in hand), intakes (ingresses with the credit given to them), and who is alive, as the
 * supervisor tells. */
#include "actors/limiter/parts.h"

#include <stdlib.h>

bool generation_is_dead(const limiter_t *l, uint64_t generation)
{
    for (size_t n = 0; n < l->alive_count; n++)
        if (l->alive[n] == generation)
            return false;
    return l->alive_known;
}

static void alive_add(limiter_t *l, uint64_t generation)
{
    for (size_t n = 0; n < l->alive_count; n++)
        if (l->alive[n] == generation)
            return;
    if (l->alive_count < HOLDERS_MAX)
        l->alive[l->alive_count++] = generation;
}

/* A frame of a dead life may still lie in a socket: it must not bring it back. */
static bool is_buried(const limiter_t *l, uint64_t generation)
{
    for (size_t n = 0; n < COUNT_OF(l->buried); n++)
        if (l->buried[n] == generation)
            return true;
    return false;
}

static void alive_remove(limiter_t *l, uint64_t generation)
{
    l->buried[l->buried_next++ % COUNT_OF(l->buried)] = generation;
    for (size_t n = 0; n < l->alive_count; n++)
        if (l->alive[n] == generation)
            l->alive[n] = l->alive[--l->alive_count];
}

/* ---- holders ---- */

holder_t *holder_of(limiter_t *l, actor_kind_t actor, uint16_t instance, uint64_t generation)
{
    for (size_t n = 0; n < l->holder_count; n++)
        if (l->holders[n]->generation == generation)
            return l->holders[n];
    if (l->holder_count == HOLDERS_MAX)
        return NULL;
    holder_t *h = calloc(1, sizeof *h);
    must(h);
    *h = (holder_t){.actor = actor, .instance = instance, .generation = generation};
    list_init(&h->items);
    h->purses = calloc(l->config->pool_count, sizeof *h->purses);
    must(h->purses);
    return l->holders[l->holder_count++] = h;
}

holder_t *holder_of_peer(limiter_t *l, peer_t peer)
{
    for (size_t n = 0; n < l->holder_count; n++)
        if (l->holders[n]->peer == peer)
            return l->holders[n];
    return NULL;
}

void pools_look(limiter_t *l)
{
    for (size_t n = 0; n < l->config->pool_count; n++)
        l->pools[n].look = true;
    l->look = true;
}

/* One message may be listed twice: settled and not yet heard of it, and running its next step. */
static int by_assignment(const void *a, const void *b)
{
    const msg_holding_t *x = a, *y = b;
    if (x->seq != y->seq)
        return x->seq < y->seq ? -1 : 1;
    if (x->attempt != y->attempt)
        return x->attempt < y->attempt ? -1 : 1;
    return x->fence < y->fence ? -1 : x->fence > y->fence;
}

static bool holds(const holder_t *h, const item_t *i)
{
    msg_holding_t wanted = {(uint64_t)i->seq, i->attempt, i->hand.fence};
    return h->holding_count > 0 &&
           bsearch(&wanted, h->holding, h->holding_count, sizeof wanted, by_assignment);
}

/* What it does not list never began, and nothing of its older links can reach it any more. False:
 * this step has no room for the rest. */
static bool reconcile(limiter_t *l, holder_t *h)
{
    if (h->holding_count > 1)
        qsort(h->holding, h->holding_count, sizeof *h->holding, by_assignment);
    for (list_node_t *n = list_first(&h->items), *next; n; n = next) {
        item_t *i = item_of(n);
        next = list_next(&h->items, n);
        if (!step_has_room(l)) {
            wish_again(l->e);
            return false;
        }
        if (!holds(h, i) || (BUG(HOLDING_FORGOTTEN) && i->hand.fence != l->epoch))
            unbegun(l, i, false);
    }
    free(h->holding);
    h->holding = NULL;
    h->holding_count = 0;
    h->heard = true;
    return true;
}

static void holder_welcome(limiter_t *l, holder_t *h)
{
    if (!reconcile(l, h))
        return;
    h->welcomed = true;
    wish_send_now(l->e, h->peer, MESSAGE_WELCOME, &(msg_welcome_t){.epoch = l->epoch});
    cancel_holder(l, h);
    pools_look(l);
}

static void holder_up(limiter_t *l, const event_t *event)
{
    holder_t *h = holder_of(l, event->from.actor, event->from.instance, event->from.generation);
    if (!h || h->dead)
        return;
    h->peer = event->from.peer;
    h->silent = h->welcomed = false;
    memset(h->purses, 0, l->config->pool_count * sizeof *h->purses);
    free(h->holding);
    h->holding_count = event->up.holding_count;
    h->holding = calloc(h->holding_count + 1, sizeof *h->holding);
    must(h->holding);
    if (h->holding_count)
        memcpy(h->holding, event->up.holding, h->holding_count * sizeof *h->holding);
    if (l->phase == LOADED)
        holder_welcome(l, h);
}

static void holder_free(limiter_t *l, size_t place)
{
    holder_t *h = l->holders[place];
    must(h->items.count == 0);
    l->holders[place] = l->holders[--l->holder_count];
    free(h->holding);
    free(h->purses);
    free(h);
}

void holders_bury(limiter_t *l)
{
    if (l->phase != LOADED)
        return;
    for (size_t n = l->holder_count; n-- > 0;) {
        holder_t *h = l->holders[n];
        if (!h->dead)
            continue;
        for (list_node_t *i; l->budget > 0 && step_has_room(l) && (i = list_first(&h->items));
             l->budget--)
            bereave(l, item_of(i), h->ordered);
        if (h->items.count > 0)
            wish_again(l->e);
        else
            holder_free(l, n);
    }
}

static void holder_died(limiter_t *l, uint64_t generation, bool ordered)
{
    for (size_t n = 0; n < l->holder_count; n++) {
        holder_t *h = l->holders[n];
        if (h->generation != generation)
            continue;
        h->dead = true;
        h->ordered = ordered;
        h->peer = PEER_NOBODY;
    }
}

/* ---- intakes ---- */

static intake_t *intake_of(limiter_t *l, peer_t peer)
{
    for (size_t n = 0; n < l->intake_count; n++)
        if (l->intakes[n].peer == peer)
            return &l->intakes[n];
    return NULL;
}

static void intake_remove(limiter_t *l, uint64_t generation)
{
    for (size_t n = l->intake_count; n-- > 0;)
        if (l->intakes[n].generation == generation)
            l->intakes[n] = l->intakes[--l->intake_count];
}

static void intake_welcome(limiter_t *l, intake_t *in)
{
    in->welcomed = true;
    wish_send_now(l->e, in->peer, MESSAGE_WELCOME, &(msg_welcome_t){.epoch = l->epoch});
    mode_announce(l, in->peer);
}

static void intake_up(limiter_t *l, const event_t *event)
{
    intake_remove(l, event->from.generation);
    if (l->intake_count == INTAKES_MAX)
        return;
    intake_t *in = &l->intakes[l->intake_count++];
    *in = (intake_t){.peer = event->from.peer, .generation = event->from.generation};
    if (l->phase != LOAD_PRINTS)
        intake_welcome(l, in);
}

bool intake_refused(const limiter_t *l, const char **why)
{
    *why = l->disk_full ? "the disk is full" : l->disk_low ? "the disk is nearly full" : NULL;
    return *why != NULL;
}

/* Intake credit depends on the queue's maxima and the disk only. Each ingress gets its part of the
 * room that is left, at most its window; a new total is told when a good part of the window would
 * be free again. */
static void intake_give(limiter_t *l, intake_t *in, uint64_t room, uint64_t room_bytes)
{
    uint64_t window = l->config->queue.intake_messages,
             window_bytes = (uint64_t)l->config->queue.intake_bytes_mb << 20;
    credit_t give = {room < window ? room : window,
                     room_bytes < window_bytes ? room_bytes : window_bytes},
             total;
    uint64_t out = in->giver.told.messages - in->giver.arrived.messages;
    uint64_t out_bytes = in->giver.told.bytes - in->giver.arrived.bytes;
    bool worth = out + give.messages / 4 < give.messages || out_bytes + give.bytes / 4 < give.bytes;
    bool first = in->giver.told.messages == 0; /* nothing of it can be waiting for the disk */
    if ((worth || out == 0) && credit_offer(&in->giver, give, &total))
        (first ? wish_send_now
               : wish_send)(l->e, in->peer, MESSAGE_CREDIT,
                            &(msg_credit_t){.messages = total.messages, .bytes = total.bytes});
}

/* While the disk is nearly full, too: what gives slots back is taken then. While it is full nothing
 * leaves, and what was given is the bound. */
void intake_regrant(limiter_t *l)
{
    if (l->intake_count == 0 || l->phase == LOAD_PRINTS || l->disk_full)
        return;
    uint64_t most = l->config->queue.messages_max, most_bytes = l->config->queue.bytes_max;
    uint64_t room = l->tally.live < most ? most - l->tally.live : 0;
    uint64_t room_bytes = l->tally.live_bytes < most_bytes ? most_bytes - l->tally.live_bytes : 0;
    for (size_t n = 0; n < l->intake_count; n++)
        if (l->intakes[n].welcomed)
            intake_give(l, &l->intakes[n], room / l->intake_count, room_bytes / l->intake_count);
}

/* ---- events ---- */

/* In a reload one that retires may be heard after its successor, while its link is on its way. */
static void drainer_up(limiter_t *l, const event_t *event)
{
    if (event->from.generation < l->drainer_generation)
        return;
    l->drainer = event->from.peer;
    l->drainer_generation = event->from.generation;
    wish_send_now(l->e, l->drainer, MESSAGE_WELCOME, &(msg_welcome_t){.epoch = l->epoch});
    mode_announce(l, l->drainer);
}

void peer_up(limiter_t *l, const event_t *event)
{
    if (event->from.actor == ACTOR_SUPERVISOR || is_buried(l, event->from.generation))
        return;
    if (generation_is_dead(l, event->from.generation))
        alive_add(l, event->from.generation); /* its HELLO was faster than the supervisor's word */
    if (event->from.actor == ACTOR_INGRESS) {
        intake_up(l, event);
    } else if (event->from.actor == ACTOR_DRAINER) {
        drainer_up(l, event);
    } else {
        holder_up(l, event);
    }
}

void welcome_waiting(limiter_t *l)
{
    for (size_t n = 0; n < l->intake_count; n++)
        if (!l->intakes[n].welcomed && l->phase != LOAD_PRINTS)
            intake_welcome(l, &l->intakes[n]);
    for (size_t n = 0; n < l->holder_count && l->phase == LOADED; n++)
        if (l->holders[n]->peer != PEER_NOBODY && !l->holders[n]->welcomed)
            holder_welcome(l, l->holders[n]);
}

/* The list is of the time when `newest` was the last generation given: who is younger may be
 * missing in it, and whatever happens to them is told after it. Who never said HELLO to us is of an
 * earlier life of ours. */
static void all_told(limiter_t *l, uint64_t newest)
{
    l->alive_known = true;
    for (size_t n = 0; n < l->holder_count; n++) {
        const holder_t *h = l->holders[n];
        bool is_here = h->heard || h->peer != PEER_NOBODY;
        if (generation_is_dead(l, h->generation) && (!is_here || h->generation <= newest))
            holder_died(l, h->generation, false);
    }
}

void peers_told(limiter_t *l, const msg_peers_t *peers, size_t count)
{
    bool whole = false;
    uint64_t newest = 0;
    for (size_t n = 0; n < count; n++) {
        whole |= peers[n].whole != 0;
        newest = peers[n].generation > newest ? peers[n].generation : newest;
    }
    if (whole)
        l->alive_count = 0;
    for (size_t n = 0; n < count; n++) {
        const msg_peers_t *p = &peers[n];
        if (p->actor == ACTOR_SUPERVISOR)
            continue; /* not a life: the last generation given */
        if (p->life != LIFE_DEAD) {
            alive_add(l, p->generation);
            continue;
        }
        alive_remove(l, p->generation);
        holder_died(l, p->generation, p->ordered != 0);
        intake_remove(l, p->generation);
    }
    if (whole)
        all_told(l, newest);
}

void peer_silence(limiter_t *l, const event_t *event, bool silent)
{
    holder_t *h = holder_of_peer(l, event->from.peer);
    if (h)
        h->silent = silent;
    if (h && !silent)
        pools_look(l);
}

void credit_told(limiter_t *l, const event_t *event)
{
    holder_t *h = holder_of_peer(l, event->from.peer);
    const msg_credit_t *c = event->message->items;
    for (size_t n = 0; h && n < event->message->count; n++) {
        long pool = config_pool(l->config, c[n].pool);
        if (pool >= 0 && credit_granted(&h->purses[pool], (credit_t){c[n].messages, c[n].bytes}))
            l->look = l->pools[pool].look = true;
    }
}

void intake_arrived(limiter_t *l, peer_t peer, uint64_t messages, uint64_t bytes)
{
    intake_t *in = intake_of(l, peer);
    if (in && !credit_arrived(&in->giver, (credit_t){messages, bytes}))
        wish_log(l->e, &(log_line_t){.event = LOG_BUG,
                                     .text = "an ingress sent more than its credit; it is served"});
}
