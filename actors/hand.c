#include "actors/hand.h"

#include <stdlib.h>

#define BUCKETS 1024u

struct hand {
    size_t most;
    list_t running, settled;
    held_t *buckets[BUCKETS];
};

hand_t *hand_new(size_t most)
{
    hand_t *hand = calloc(1, sizeof *hand);
    must(hand && most <= EFFECTS_ROOM / 2 && most <= HOLDING_MAX);
    hand->most = most;
    list_init(&hand->running);
    list_init(&hand->settled);
    return hand;
}

static void drop_all(list_t *list)
{
    for (list_node_t *n; (n = list_pop(list)) != NULL;) {
        held_t *held = list_of(n, held_t, node);
        free(held->texts);
        free(held);
    }
}

void hand_destroy(hand_t **hand)
{
    if (!*hand)
        return;
    drop_all(&(*hand)->running);
    drop_all(&(*hand)->settled);
    free(*hand);
    *hand = NULL;
}

size_t hand_running(const hand_t *hand) { return hand->running.count; }
size_t hand_count(const hand_t *hand) { return hand->running.count + hand->settled.count; }
size_t hand_room(const hand_t *hand) { return hand->most - hand_count(hand); }

/* The place that points at it, or at the NULL where it would be. */
static held_t **place_of(hand_t *hand, uint64_t seq, uint32_t attempt, uint64_t fence)
{
    held_t **place = &hand->buckets[seq % BUCKETS];
    while (*place &&
           ((*place)->seq != seq || (*place)->attempt != attempt || (*place)->fence != fence))
        place = &(*place)->next;
    return place;
}

held_t *hand_find(const hand_t *hand, uint64_t seq, uint32_t attempt, uint64_t fence)
{
    return *place_of((hand_t *)hand, seq, attempt, fence);
}

held_t *hand_take(hand_t *hand, const msg_assign_t *assign)
{
    must(hand_room(hand) > 0);
    held_t **place = place_of(hand, assign->seq, (uint32_t)assign->attempt, assign->fence);
    must(!*place);
    held_t *held = calloc(1, sizeof *held);
    must(held);
    held->seq = assign->seq;
    held->attempt = (uint32_t)assign->attempt;
    held->fence = assign->fence;
    held->id = assign->id;
    list_push(&hand->running, &held->node);
    return *place = held;
}

static bytes_t keep(uint8_t **at, bytes_t text)
{
    bytes_t kept = {*at, text.len};
    if (text.len)
        memcpy(*at, text.data, text.len);
    *at += text.len;
    return text.len ? kept : bytes_of(NULL, 0);
}

void hand_settle(hand_t *hand, held_t *held, const msg_settle_t *settle)
{
    must(!held->is_settled);
    must(settle->reason.len <= REASON_BYTES_MAX && settle->result.len <= RESULTS_BYTES_MAX);
    uint8_t *at = held->texts = malloc(settle->reason.len + settle->result.len + 1);
    must(at);
    held->settle = *settle;
    held->settle.seq = held->seq;
    held->settle.attempt = held->attempt;
    held->settle.fence = held->fence;
    held->settle.reason = keep(&at, settle->reason);
    held->settle.result = keep(&at, settle->result);
    held->is_settled = true;
    list_remove(&hand->running, &held->node);
    list_push(&hand->settled, &held->node);
}

bool hand_settled(hand_t *hand, const msg_settled_t *settled)
{
    held_t **place = place_of(hand, settled->seq, (uint32_t)settled->attempt, settled->fence);
    held_t *held = *place;
    if (!held || !held->is_settled)
        return false;
    *place = held->next;
    list_remove(&hand->settled, &held->node);
    free(held->texts);
    free(held);
    return true;
}

void hand_repeat(const hand_t *hand, effects_t *effects, peer_t limiter)
{
    for (list_node_t *n = list_first(&hand->settled); n; n = list_next(&hand->settled, n))
        wish_send(effects, limiter, MESSAGE_SETTLE, &list_of(n, held_t, node)->settle);
}

static size_t fill(const list_t *list, msg_holding_t *out, size_t filled, size_t most)
{
    for (list_node_t *n = list_first(list); n && filled < most; n = list_next(list, n)) {
        const held_t *held = list_of(n, held_t, node);
        out[filled++] =
            (msg_holding_t){.seq = held->seq, .attempt = held->attempt, .fence = held->fence};
    }
    return filled;
}

size_t hand_holding(const hand_t *hand, msg_holding_t *out, size_t most)
{
    size_t filled = fill(&hand->running, out, 0, most);
    fill(&hand->settled, out, filled, most);
    return hand_count(hand);
}
