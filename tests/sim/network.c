/* network.c: frames on their way: late, in order within a link and direction, lost only with what
 * connected them. */
#include <stdlib.h>

#include "core/arena.h"
#include "tests/sim/parts.h"

#define WHOEVER UINT32_MAX /* the frame reaches the next life too: it lay in the socket */

conn_t net_connect(node_t *client, uint8_t server)
{
    must(sim.conn_count < CONNS_MAX);
    sim.conns[sim.conn_count] =
        (conn_state_t){.client = client->index, .server = server, .client_life = client->life};
    return (conn_t)sim.conn_count++;
}

static void count_lost(const frame_t *frame) { check_frame_lost(&sim.conns[frame->conn], frame); }

void net_drop(frame_t *frame)
{
    sim.frames_on_way--;
    count_lost(frame);
    free(frame);
}

void net_transmit(node_t *from, conn_t conn, bytes_t bytes)
{
    conn_state_t *c = &sim.conns[conn];
    bool to_server = c->client == from->index;
    node_t *to = &sim.nodes[to_server ? c->server : c->client];
    check_frame(from, c, to_server, bytes);
    frame_t *frame = malloc(sizeof *frame + bytes.len);
    must(frame);
    *frame = (frame_t){.conn = conn,
                       .epoch = c->epoch[to_server],
                       .to_server = to_server,
                       .type = bytes.data[7],
                       .len = bytes.len};
    memcpy(frame->data, bytes.data, bytes.len);
    sim.frames_on_way++;
    bool is_lost = sim.lossy && !sim.calm && chance_in(5000); /* a high-water mark */
    if (is_lost || !to->alive || (!to_server && to->life != c->client_life)) {
        net_drop(frame);
        return;
    }
    int64_t at = after(some_delay());
    if (at < c->last_at[to_server])
        at = c->last_at[to_server];
    c->last_at[to_server] = at;
    uint32_t life = to_server && chance_in(5) ? WHOEVER : to->life;
    sim_push((sim_event_t){
        .at = at, .kind = SIM_FRAME, .node = to->index, .life = life, .frame = frame});
}

void net_arrive(sim_event_t *event)
{
    frame_t *frame = event->frame;
    const conn_state_t *c = &sim.conns[frame->conn];
    node_t *n = &sim.nodes[event->node];
    if (frame->epoch != c->epoch[frame->to_server]) {
        net_drop(frame);
        return;
    }
    bytes_t bytes = bytes_of(frame->data, frame->len);
    if (event->node == 0)
        supervise_frame(frame->conn, bytes);
    else
        carrier_frame(n->carrier, frame->conn, bytes, sim.now);
    if (frame->type == MESSAGE_ASSIGN)
        check_assigned_arrived(n);
    sim.frames_on_way--;
    free(frame);
}

void net_reset(conn_t conn)
{
    sim.conns[conn].epoch[0]++;
    sim.conns[conn].epoch[1]++;
}

void net_forget_sent(const node_t *dead)
{
    if (chance_in(2))
        return;
    for (size_t i = 0; i < sim.conn_count; i++) {
        if (sim.conns[i].client == dead->index && sim.conns[i].client_life == dead->life)
            sim.conns[i].epoch[1]++;
        if (sim.conns[i].server == dead->index)
            sim.conns[i].epoch[0]++;
    }
}
