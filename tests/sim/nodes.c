/* nodes.c: the lives of the actors, and the world as one of them sees it. */
#include <errno.h>
#include <stdlib.h>

#include "core/arena.h"
#include "tests/sim/parts.h"

node_t *node_limiter(void) { return &sim.nodes[1]; }

/* ---- the world of a carrier */

static void world_transmit(void *arg, conn_t conn, bytes_t frame)
{
    net_transmit(arg, conn, frame);
}
static void world_call(void *arg, const http_call_t *call) { call_begin(arg, call); }
static void world_cancel(void *arg, uint64_t token) { call_cancel(arg, token); }
/* Senders of the simulator have no connections: each request finds the life that runs. */
static void world_door(void *arg, enum door door) { (void)arg, (void)door; }

static void world_reply(void *arg, uint64_t token, const http_reply_t *reply)
{
    sender_reply(arg, token, reply);
}

static void world_log(void *arg, const log_line_t *line)
{
    const node_t *n = arg;
    if (line->event == LOG_BUG)
        violation("%s logs a bug: %s", actor_name(n->kind), line->text);
    if (line->event == LOG_MODE && n->kind == ACTOR_LIMITER)
        intervals_mode();
    if (trace_all)
        trace_note("%s/%u says: %s (%.*s)", actor_name(n->kind), n->instance,
                   line->text ? line->text : "", (int)line->reason.len,
                   line->reason.len ? (const char *)line->reason.data : "");
}

static void world_stop(void *arg, int exit_code, const char *why)
{
    node_t *n = arg;
    n->stopping = true;
    n->exit_code = exit_code;
    if (exit_code != 0 && exit_code != 75)
        violation("%s stops with %d: %s", actor_name(n->kind), exit_code, why);
}

static bytes_t secret(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "outside") == 0 ? bytes_str(SIM_SECRET) : bytes_of(NULL, 0);
}

/* ---- life */

static void store_open(node_t *n)
{
    must(memory_store_open(sim.disk, &n->store, &n->opened) == 0);
    n->opened.new_boot = sim.new_boot;
    sim.new_boot = false;
}

/* In some seeds the limiter's steps have little room, so that what is large goes on over many. */
#define WISHES_FEW 256u
static bool has_small_steps(const node_t *n)
{
    return n->kind == ACTOR_LIMITER && sim.seed % 4 == 3;
}

void node_start(node_t *n)
{
    n->life++;
    n->alive = true;
    n->ordered = n->ends = false;
    n->retires_until = 0;
    n->frozen = n->stopping = n->ready = n->commit_planned = n->read_planned = n->store_planned =
        false;
    n->generation = ++sim.last_generation;
    n->since = sim.now.at.us;
    n->turn_at = INT64_MAX;
    memset(n->running, 0, sizeof n->running);
    sim.credit[n->index] = (wire_credit_t){0};
    if (n->kind == ACTOR_LIMITER) {
        sim.limiter_died = INT64_MAX;
        adaptive_reborn();
    }
    if (n->spec->stores)
        store_open(n);
    n->birth = (birth_t){.config = sim.config,
                         .actor = n->kind,
                         .instance = n->instance,
                         .generation = n->generation,
                         .seed = rand_next(&sim.chance),
                         .secret = secret,
                         .opened = n->spec->stores ? &n->opened : NULL,
                         .store = n->store};
    links_self_t self = {.actor = n->kind,
                         .instance = n->instance,
                         .generation = n->generation,
                         .host = "sim",
                         .version = "1",
                         .config_epoch = sim.config->epoch};
    world_t world = {.arg = n,
                     .transmit = world_transmit,
                     .call = world_call,
                     .cancel = world_cancel,
                     .reply = world_reply,
                     .door = world_door,
                     .log = world_log,
                     .stop = world_stop,
                     .store = n->store,
                     .commit_pause_us_max = 1000,
                     .wishes_most = has_small_steps(n) ? WISHES_FEW : 0};
    n->carrier = carrier_new(n->spec, &n->birth, &self, &world, NULL, sim.now);
    n->to_supervisor = net_connect(n, 0);
    carrier_connect(n->carrier, n->to_supervisor, ACTOR_SUPERVISOR, sim.now);
    if (n->kind != ACTOR_LIMITER) {
        n->to_limiter = net_connect(n, 1);
        carrier_connect(n->carrier, n->to_limiter, ACTOR_LIMITER, sim.now);
    }
    carrier_start(n->carrier, sim.now);
    node_plan_turn(n, sim.now.at.us);
}

static void drop_event(const sim_event_t *event)
{
    if (event->kind == SIM_FRAME)
        net_drop(event->frame);
    if (event->kind == SIM_REQUEST)
        sender_refused(&sim.ops[event->op]);
}

void node_kill(node_t *n, bool in_order)
{
    trace_note("%s/%u life %u dies%s", actor_name(n->kind), n->instance, n->life,
               in_order ? " in order" : "");
    n->alive = n->frozen = n->ready = false;
    sim.stops += in_order;
    sim.deaths += !in_order;
    carrier_destroy(&n->carrier);
    if (n->store && in_order) {
        store_close(&n->store);
    } else if (n->store) {
        for (uint64_t more = chance_below(3); more > 0 && !sim.disk_full; more--)
            memory_store_commit(n->store, 0); /* on disk, but it never heard of it */
        memory_store_crash(&n->store);
        leases_look();
    }
    sim_event_t *pile = n->pile;
    size_t count = n->pile_count;
    n->pile = NULL;
    n->pile_count = n->pile_room = 0;
    for (size_t i = 0; i < count; i++)
        drop_event(&pile[i]);
    free(pile);
    net_forget_sent(n);
    calls_forget(n);
    check_node_died(n, in_order && sim.now.at.us < n->retires_until);
    for (size_t i = 0; i < sim.op_count; i++)
        if (sim.ops[i].waiting && sim.ops[i].waiting_at == n->index)
            sender_refused(&sim.ops[i]);
    if (n->kind == ACTOR_LIMITER) {
        sim.limiter_died = sim.now.at.us;
    }
    int64_t confirmed = chance_in(4) ? (int64_t)chance_below(300000) : (int64_t)chance_below(5000);
    sim_push((sim_event_t){.at = after(confirmed), .kind = SIM_CONFIRM, .number = n->index});
}

void node_freeze(node_t *n, int64_t for_us)
{
    n->frozen = true;
    trace_note("%s/%u freezes for %lld us", actor_name(n->kind), n->instance, (long long)for_us);
    sim_push(
        (sim_event_t){.at = after(for_us), .kind = SIM_THAW, .life = n->life, .number = n->index});
}

void node_thaw(node_t *n)
{
    if (!n->frozen)
        return;
    n->frozen = false;
    n->since = sim.now.at.us;
    trace_note("%s/%u thaws", actor_name(n->kind), n->instance);
    for (size_t i = 0; i < n->pile_count; i++) {
        n->pile[i].at = sim.now.at.us;
        sim_push(n->pile[i]);
    }
    n->pile_count = 0;
}

bool node_takes(const sim_event_t *event)
{
    node_t *n = &sim.nodes[event->node];
    if (!n->alive || (event->life != n->life && event->life != UINT32_MAX)) {
        drop_event(event);
        return false;
    }
    if (!n->frozen)
        return true;
    if (n->pile_count == n->pile_room) {
        n->pile_room = n->pile_room ? n->pile_room * 2 : 64;
        n->pile = memory_grow(n->pile, n->pile_room * sizeof *n->pile);
    }
    n->pile[n->pile_count++] = *event;
    return false;
}

/* ---- events */

void node_plan_turn(node_t *n, int64_t at)
{
    if (at >= n->turn_at)
        return;
    n->turn_at = at;
    sim_push((sim_event_t){
        .at = at, .kind = SIM_TURN, .node = n->index, .life = n->life, .number = ++n->turn_order});
}

static void plan(node_t *n, enum sim_kind kind, int64_t in, bool *planned)
{
    if (*planned)
        return;
    *planned = true;
    sim_push(
        (sim_event_t){.at = after(in), .kind = (uint8_t)kind, .node = n->index, .life = n->life});
}

static int64_t sync_time(void)
{
    if (sim.disk_full)
        return 20000 + (int64_t)chance_below(80000);
    return sim.disk_slow ? 5000 + (int64_t)chance_below(60000) : 80 + (int64_t)chance_below(1500);
}

static void plan_store(node_t *n)
{
    if (memory_store_pending(n->store) > 0)
        plan(n, SIM_COMMIT, sync_time(), &n->commit_planned);
    if (memory_store_reading(n->store) > 0)
        plan(n, SIM_READ, 20 + (int64_t)chance_below(sim.disk_slow ? 20000 : 300),
             &n->read_planned);
}

static void commit(node_t *n)
{
    int error = sim.disk_full ? -ENOSPC : 0;
    n->commit_planned = false;
    if (sim.poison_next) {
        sim.poison_next = false;
        error = -EIO;
        trace_note("the sync fails");
    }
    memory_store_commit(n->store, error);
    leases_look();
    plan(n, SIM_STORE, (int64_t)chance_below(300), &n->store_planned);
}

static void turn(node_t *n, const sim_event_t *event)
{
    if (event->number != n->turn_order)
        return;
    n->turn_at = INT64_MAX;
    instant_t next = carrier_turn(n->carrier, sim.now);
    if (!instant_is_never(next))
        node_plan_turn(n, next.us > sim.now.at.us ? next.us : sim.now.at.us + 1);
}

static void carry(node_t *n, sim_event_t *event)
{
    switch ((enum sim_kind)event->kind) {
    case SIM_TURN:
        turn(n, event);
        return;
    case SIM_COMMIT:
        commit(n);
        return;
    case SIM_READ:
        n->read_planned = false;
        for (uint64_t most = 1 + chance_below(8); most > 0 && memory_store_answer(n->store); most--)
            continue;
        plan(n, SIM_STORE, (int64_t)chance_below(100), &n->store_planned);
        return;
    case SIM_STORE:
        n->store_planned = false;
        carrier_store(n->carrier, sim.now);
        break;
    case SIM_FRAME:
        net_arrive(event);
        break;
    case SIM_REQUEST:
        sender_request(event);
        break;
    default:
        call_event(event);
        break;
    }
    node_plan_turn(n, after((int64_t)chance_below(chance_in(30) ? 3000 : 40))); /* it may be busy */
}

void node_event(sim_event_t *event)
{
    node_t *n = &sim.nodes[event->node];
    if (n->index == 0) {
        net_arrive(event);
        return;
    }
    carry(n, event);
    if (n->store)
        plan_store(n);
    if (n->stopping)
        node_kill(n, n->exit_code == 0);
    else
        check_after_step(n);
}
