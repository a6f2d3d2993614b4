/* checks.c: the invariants that can be seen on the wire between the limiter and the others, at the
 * moment at which a frame leaves its sender. */
#include <stdalign.h>

#include "core/msgid.h"
#include "store/memory_disk.h"
#include "tests/sim/parts.h"

static alignas(16) uint8_t items[FRAME_ITEMS_ROOM];

/* ---- assignments: from the frame until the settle, the loss or the death */

const assigned_t *assigned_find(const msgid_t *id, uint64_t attempt)
{
    for (size_t i = 0; i < sim.assigned_count; i++)
        if (sim.assigned[i].attempt == attempt && msgid_equal(&sim.assigned[i].id, id))
            return &sim.assigned[i];
    return NULL;
}

static void assigned_remove(size_t place)
{
    admission_not_begun(&sim.assigned[place]);
    sim.assigned[place] = sim.assigned[--sim.assigned_count];
}

static uint32_t hash_of(bytes_t text)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ text.data[i]) * 16777619u;
    return text.len ? hash | 1 : 0;
}

static void check_key(const assigned_t *new)
{
    unsigned of_key = 1;
    uint64_t other = 0;
    for (size_t i = 0; i < sim.assigned_count; i++) {
        const assigned_t *a = &sim.assigned[i];
        if (a->seq == new->seq)
            violation("invariant 2: message %llu is in two hands", (unsigned long long)a->seq);
        if (!new->key_hash || a->route != new->route || a->key_hash != new->key_hash)
            continue;
        of_key++;
        other = a->seq;
    }
    if (of_key > new->route->parallel)
        violation("invariant 2: %u messages of one key of %s at once: %llu and %llu", of_key,
                  new->route->name, (unsigned long long)other, (unsigned long long)new->seq);
}

static void check_assign_on_disk(const msg_assign_t *a)
{
    const stored_message_t *m = memory_disk_find(sim.disk, &a->id);
    if (!m || m->progress.attempt < a->attempt)
        violation("invariant 1: message %llu was assigned before that was on disk",
                  (unsigned long long)a->seq);
}

static void assign_left(node_t *to, const frame_head_t *head, const msg_assign_t *a)
{
    const route_t *route = config_route(sim.config, a->route);
    must(route && sim.assigned_count < ASSIGNED_MAX);
    assigned_t new = {.node = to->index,
                      .life = to->life,
                      .link = head->link,
                      .on_the_way = true,
                      .seq = a->seq,
                      .attempt = a->attempt,
                      .fence = a->fence,
                      .id = a->id,
                      .route = route,
                      .step = route_step(route, a->step),
                      .key_hash = hash_of(a->key),
                      .start_by = (int64_t)a->start_by_us};
    admission_kind(a->labels, new.kind);
    wire_credit_t *credit = &sim.credit[to->index];
    check_assign_on_disk(a);
    check_key(&new);
    if (head->link == credit->link && ++credit->used[new.step->pool] > credit->told[new.step->pool])
        violation("invariant 6: more assignments to %s/%u than its credit", actor_name(to->kind),
                  to->instance);
    standing_assigned(&new);
    admission_assigned(to, &new);
    pauses_assigned(&new);
    adaptive_assigned(&new);
    sim.assigned[sim.assigned_count++] = new;
    admission_slots();
}

static void settle_left(const node_t *from, const frame_head_t *head, const msg_settle_t *s)
{
    for (size_t i = 0; i < sim.assigned_count; i++) {
        const assigned_t *a = &sim.assigned[i];
        if (a->node == from->index && a->seq == s->seq && a->attempt == s->attempt &&
            a->fence == s->fence) {
            pauses_settle(a, s);
            adaptive_settle(from, a, head->link, s);
            if (s->outcome == OUTCOME_UNBEGUN) {
                admission_not_begun(a);
                intervals_unbegun(a);
            }
            sim.assigned[i] = sim.assigned[--sim.assigned_count];
            return;
        }
    }
}

/* The limiter knows what the holder has: what was on its way in older link generations never
 * arrives. */
static void welcome_left(const node_t *to, const msg_welcome_t *w)
{
    for (size_t i = sim.assigned_count; i-- > 0;) {
        const assigned_t *a = &sim.assigned[i];
        if (a->node == to->index && a->on_the_way && a->link < w->link)
            assigned_remove(i);
    }
}

void check_frame_lost(const conn_state_t *conn, const frame_t *frame)
{
    message_t m;
    if (conn->server == 1)
        adaptive_cut_off(conn->client);
    if (frame->type != MESSAGE_ASSIGN || frame->to_server)
        return;
    must(frame_decode(bytes_of(frame->data, frame->len), items, sizeof items, &m) == FRAME_OK);
    const msg_assign_t *lost = m.items;
    for (size_t n = 0; n < m.count; n++)
        for (size_t i = sim.assigned_count; i-- > 0;) {
            const assigned_t *a = &sim.assigned[i];
            if (a->on_the_way && a->node == conn->client && a->seq == lost[n].seq &&
                a->fence == lost[n].fence && a->attempt == lost[n].attempt)
                assigned_remove(i);
        }
}

/* An ASSIGN frame was taken out of the wire: what its receiver did not take in hand is nowhere. */
void check_assigned_arrived(node_t *n)
{
    static msg_holding_t held[HOLDING_MAX];
    size_t count =
        n->spec->holding ? n->spec->holding(carrier_self(n->carrier), held, HOLDING_MAX) : 0;
    for (size_t i = sim.assigned_count; i-- > 0;) {
        assigned_t *a = &sim.assigned[i];
        if (a->node != n->index || a->life != n->life || !a->on_the_way)
            continue;
        for (size_t h = 0; h < count; h++)
            if (held[h].seq == a->seq && held[h].attempt == a->attempt && held[h].fence == a->fence)
                a->on_the_way = false;
    }
}

void check_node_died(const node_t *n, bool retired)
{
    unsigned held = 0;
    pauses_died(n);
    admission_died();
    adaptive_cut_off(n->index);
    for (size_t i = sim.assigned_count; i-- > 0;) {
        const assigned_t *a = &sim.assigned[i];
        if (a->node != n->index || a->life != n->life)
            continue;
        if (retired)
            violation("invariant 5: %s/%u retired with message %llu in hand or on its way",
                      actor_name(n->kind), n->instance, (unsigned long long)a->seq);
        held += admission_holds_slots(a);
        assigned_remove(i);
    }
    sim.evidence.in_hand += held;
    sim.evidence.killed += held > 0;
}

/* ---- answers that speak of the disk */

static void verdict_left(const msg_verdict_t *v)
{
    sim.verdicts[v->verdict]++;
    intervals_verdict(v);
    const msgid_t *id = v->verdict == VERDICT_ACCEPTED ? &v->id : &v->original;
    if (v->verdict > VERDICT_CONFLICT)
        return;
    if (!memory_disk_find(sim.disk, id))
        violation("invariant 1: a verdict of %s is not on disk",
                  verdict_name((unsigned)v->verdict));
}

static void settled_left(const node_t *to, const frame_head_t *head, const msg_settled_t *s)
{
    admission_settled(s);
    pauses_settled(s);
    adaptive_settled(to, head->link, s);
    const disk_message_t *m = memory_disk_by_seq(sim.disk, (int64_t)s->seq);
    if (m && m->message.progress.state == STATE_ASSIGNED &&
        m->message.progress.attempt == s->attempt && m->message.progress.fence == s->fence)
        violation("invariant 1: message %llu was said to be settled before that was on disk",
                  (unsigned long long)s->seq);
}

/* ---- credit */

static void credit_left(const node_t *holder, const frame_head_t *head, const msg_credit_t *c)
{
    wire_credit_t *w = &sim.credit[holder->index];
    if (w->link != head->link)
        *w = (wire_credit_t){.link = head->link};
    long pool = c->pool.len ? config_pool(sim.config, c->pool) : 0;
    must(pool >= 0);
    w->told[pool] = c->messages > w->told[pool] ? c->messages : w->told[pool];
    w->told_bytes = c->bytes > w->told_bytes ? c->bytes : w->told_bytes;
}

static void submit_left(const node_t *from, const frame_head_t *head, const msg_submit_t *s)
{
    wire_credit_t *w = &sim.credit[from->index];
    if (w->link != head->link)
        violation("invariant 6: a submission without credit in its link generation");
    intervals_submit(s);
    w->used_bytes += s->body.len + s->fields.len + FRAME_ITEM_OVERHEAD;
    if (++w->used[0] > w->told[0] || w->used_bytes > w->told_bytes)
        violation("invariant 6: more submissions than credit");
}

/* ---- a frame leaves */

static void note_item(const node_t *from, const node_t *far, const message_t *m, size_t n)
{
    uint8_t type = m->head.type;
    if (type != MESSAGE_ASSIGN && type != MESSAGE_SETTLE && type != MESSAGE_SETTLED)
        return;
    const msg_settled_t *same =
        (const msg_settled_t *)((const uint8_t *)m->items + n * m->spec->size);
    const msg_settle_t *settle =
        (const msg_settle_t *)same; /* all three begin with the same fields */
    trace_note("  %s/%u says to %s/%u: %s message %llu, attempt %llu, fence %llu%s%s",
               actor_name(from->kind), from->instance, actor_name(far->kind), far->instance,
               m->spec->name, (unsigned long long)same->seq, (unsigned long long)same->attempt,
               (unsigned long long)same->fence, type == MESSAGE_SETTLE ? ": " : "",
               type == MESSAGE_SETTLE ? outcome_name((unsigned)settle->outcome) : "");
}

static void check_item(node_t *from, node_t *far, const message_t *m, size_t n)
{
    if (trace_all)
        note_item(from, far, m, n);
    switch (m->head.type) {
    case MESSAGE_ASSIGN:
        assign_left(far, &m->head, &((const msg_assign_t *)m->items)[n]);
        break;
    case MESSAGE_SETTLE:
        settle_left(from, &m->head, &((const msg_settle_t *)m->items)[n]);
        break;
    case MESSAGE_VERDICT:
        verdict_left(&((const msg_verdict_t *)m->items)[n]);
        break;
    case MESSAGE_SETTLED:
        settled_left(far, &m->head, &((const msg_settled_t *)m->items)[n]);
        break;
    case MESSAGE_CREDIT:
        credit_left(from->kind == ACTOR_LIMITER ? far : from, &m->head,
                    &((const msg_credit_t *)m->items)[n]);
        break;
    case MESSAGE_SUBMIT:
        submit_left(from, &m->head, &((const msg_submit_t *)m->items)[n]);
        break;
    case MESSAGE_LIST:
        standing_listed(((const msg_list_t *)m->items)->limit);
        break;
    case MESSAGE_WELCOME:
        welcome_left(far, m->items);
        break;
    default:
        break;
    }
}

void check_frame(node_t *from, const conn_state_t *conn, bool to_server, bytes_t frame)
{
    uint8_t type = frame.data[7];
    if (conn->server == 1 && type == MESSAGE_HELLO)
        adaptive_cut_off(conn->client);
    if (conn->server != 1 || type == MESSAGE_BEAT || type == MESSAGE_HELLO ||
        type == MESSAGE_HOLDING)
        return;
    message_t m;
    enum frame_error error = frame_decode(frame, items, sizeof items, &m);
    if (error != FRAME_OK)
        violation("%s sent a frame that is refused: %s", actor_name(from->kind),
                  frame_error_text(error));
    node_t *far = &sim.nodes[to_server ? conn->server : conn->client];
    if (!to_server && far->life != conn->client_life)
        return; /* to the dead */
    for (size_t n = 0; n < m.count; n++)
        check_item(from, far, &m, n);
}
