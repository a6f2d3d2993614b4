/* supervise.c: the simulated supervisor: welcomes, tells who lives, confirms deaths, starts again.
 */
#include "tests/sim/parts.h"

#define DRAIN_MS 1500
#define STOP_MS 2000
#define RETIRE_MS 15000

static node_t *node_of(uint64_t generation)
{
    for (size_t i = 1; i < sim.node_count; i++)
        if (sim.nodes[i].generation == generation)
            return &sim.nodes[i];
    return NULL;
}

static void send_item(peer_t to, enum message_type type, const void *items, size_t size,
                      size_t count)
{
    frame_builder_t *builder = frame_builder_new();
    frame_begin(builder, type);
    for (size_t i = 0; i < count; i++)
        must(frame_add(builder, (const uint8_t *)items + i * size) == 0);
    links_send(sim.supervisor, to, builder, sim.now);
    frame_builder_destroy(&builder);
}

static msg_peers_t word_of(const node_t *n, life_t life)
{
    return (msg_peers_t){
        .actor = n->kind, .instance = n->instance, .generation = n->generation, .life = life};
}

static void tell_all(const msg_peers_t *word)
{
    for (size_t i = 1; i < sim.node_count; i++) {
        peer_t peer = sim.nodes[i].alive ? sim.conns[sim.nodes[i].to_supervisor].peer : PEER_NOBODY;
        if (peer != PEER_NOBODY)
            send_item(peer, MESSAGE_PEERS, word, sizeof *word, 1);
    }
}

static void on_transmit(void *arg, conn_t conn, bytes_t frame)
{
    (void)arg;
    net_transmit(&sim.nodes[0], conn, frame);
}

static void on_up(void *arg, const event_t *event)
{
    (void)arg;
    node_t *n = node_of(event->from.generation);
    if (!n || !n->alive)
        return; /* what the dead have sent may still arrive */
    sim.conns[n->to_supervisor].peer = event->from.peer;
    links_welcome(sim.supervisor, event->from.peer, 0, sim.now);
    msg_peers_t words[NODES_MAX + 1];
    size_t count = 0;
    for (size_t i = 1; i < sim.node_count; i++)
        if (sim.nodes[i].alive)
            words[count++] =
                word_of(&sim.nodes[i], sim.nodes[i].ready ? LIFE_READY : LIFE_STARTING);
    words[count++] = (msg_peers_t){
        .actor = ACTOR_SUPERVISOR, .generation = sim.last_generation, .life = LIFE_READY};
    words[0].whole = 1;
    send_item(event->from.peer, MESSAGE_PEERS, words, sizeof *words, count);
}

static void on_answer(const msg_answer_t *answer)
{
    sim.told++;
    standing_answered(answer);
    if (trace_all)
        trace_note("answered %llu: %.*s", (unsigned long long)answer->status,
                   (int)(answer->body.len < 90 ? answer->body.len : 90),
                   (const char *)answer->body.data);
}

static void on_message(void *arg, const event_t *event)
{
    (void)arg;
    node_t *n = node_of(event->from.generation);
    if (event->message->head.type == MESSAGE_ANSWER)
        on_answer(event->message->items);
    if (event->message->head.type == MESSAGE_DRAINED && sim.stopping) {
        sim.drains++;
        supervise_stop_all();
    }
    if (!n || event->message->head.type != MESSAGE_READY || n->ready)
        return;
    n->ready = true;
    msg_peers_t word = word_of(n, LIFE_READY);
    tell_all(&word);
    if (sim.now.at.us < sim.stops_until)
        supervise_order_stop(n);
}

static void on_silence(void *arg, const event_t *event) { (void)arg, (void)event; }
static void on_refused(void *arg, conn_t conn, enum frame_error why)
{
    (void)arg, (void)conn;
    violation("the supervisor refused a frame: %s", frame_error_text(why));
}

void supervise_start(void)
{
    links_self_t self = {.actor = ACTOR_SUPERVISOR, .host = "sim", .version = "1"};
    links_owner_t owner = {.transmit = on_transmit,
                           .up = on_up,
                           .message = on_message,
                           .silence = on_silence,
                           .refused = on_refused};
    sim.supervisor = links_new(&self, &owner);
    supervise_tick();
}

void supervise_end(void) { links_destroy(&sim.supervisor); }

void supervise_frame(conn_t conn, bytes_t frame)
{
    links_frame(sim.supervisor, conn, frame, sim.now);
}

void supervise_tick(void)
{
    instant_t next = links_tick(sim.supervisor, sim.now);
    sim_push((sim_event_t){.at = next.us, .kind = SIM_SUPERVISE});
}

void supervise_confirm(node_t *n)
{
    links_forget(sim.supervisor, links_of_life(sim.supervisor, n->generation));
    msg_peers_t word = word_of(n, LIFE_DEAD);
    word.ordered = n->ordered;
    tell_all(&word);
    sim_push((sim_event_t){.at = after(US_PER_S), .kind = SIM_BEREFT, .number = n->generation});
    int64_t pause =
        sim.calm ? 20000 : 20000 + (int64_t)chance_below(chance_in(8) ? 6000000 : 600000);
    sim_push((sim_event_t){.at = after(pause), .kind = SIM_START, .number = n->index});
}

static void order(node_t *n, uint64_t what, uint64_t deadline_ms)
{
    msg_order_t order = {.order = what, .deadline_ms = deadline_ms};
    send_item(sim.conns[n->to_supervisor].peer, MESSAGE_ORDER, &order, sizeof order, 1);
}

void supervise_order_stop(node_t *n)
{
    n->retires_until = 0; /* it ends now whatever it has in hand */
    n->ends = true;
    order(n, 1, STOP_MS);
    sim_push((sim_event_t){.at = after(STOP_MS * US_PER_MS + 500000),
                           .kind = SIM_KILL,
                           .life = n->life,
                           .number = n->index});
}

/* What follows it is another life of the same name, as in a reload; their lives do not overlap
 * here. */
void supervise_order_retire(node_t *n)
{
    order(n, ORDER_RETIRE, RETIRE_MS);
    n->retires_until = n->ends ? 0 : after(RETIRE_MS * US_PER_MS * 9 / 10);
    sim_push((sim_event_t){.at = after(RETIRE_MS * US_PER_MS + 500000),
                           .kind = SIM_KILL,
                           .life = n->life,
                           .number = n->index});
}

void supervise_stop_all(void)
{
    if (!sim.stopping)
        return;
    sim.stopping = false;
    sim.stops_until = after(STOP_MS * US_PER_MS + 600000);
    for (size_t i = 1; i < sim.node_count; i++)
        if (sim.nodes[i].alive)
            supervise_order_stop(&sim.nodes[i]);
}

void supervise_drain(void)
{
    node_t *drainer = &sim.nodes[sim.node_count - 1];
    if (sim.stopping || !drainer->alive)
        return;
    trace_note("the service stops");
    sim.stopping = true;
    order(drainer, 2, DRAIN_MS);
    sim_push((sim_event_t){.at = after(DRAIN_MS * US_PER_MS + 500000), .kind = SIM_STOP_ALL});
}

uint64_t supervise_ask(node_t *n, const char *verb, const char *args)
{
    if (!n->alive)
        return 0;
    msg_query_t query = {.number = ++sim.asked,
                         .verb = bytes_str(verb),
                         .args = bytes_str(args),
                         .who = bytes_str("uid 0")};
    send_item(sim.conns[n->to_supervisor].peer, MESSAGE_QUERY, &query, sizeof query, 1);
    return sim.asked;
}
