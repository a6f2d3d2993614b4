/* faults.c: everything that goes wrong on its own: who dies, freezes, loses its links or its disk,
 * and when. */
#include "tests/sim/parts.h"

enum {
    FAULT_CRASH_LIMITER,
    FAULT_CRASH_OTHER,
    FAULT_FREEZE,
    FAULT_RESET,
    FAULT_SYNC,
    FAULT_FULL,
    FAULT_CLOCK,
    FAULT_SLOW_DISK,
    FAULT_STOP,
    FAULT_RETIRE,
    FAULT_STOP_ALL,
    FAULT_CRASH_ALL,
    FAULT_COUNT
};

/* Each seed has its own mixture; one in eight is gentle: only responders freeze, and nobody may
 * notice. */
void faults_choose(void)
{
    sim.gentle = chance_in(8);
    sim.faults = (uint32_t)rand_next(&sim.chance) & (uint32_t)rand_next(&sim.chance);
    if (chance_in(4))
        sim.faults = UINT32_MAX;
    sim.with_modes = !sim.gentle && chance_in(3);
    sim.with_redrives = chance_in(3);
    sim.lossy = !sim.gentle && chance_in(4);
    sim.with_holders = chance_in(2);
    sim.kinds = chance_in(3) ? 6 : KINDS;
    bool few = chance_in(2); /* so that they meet */
    while (sim.busy_count < (few ? 4 : sim.config->route_count))
        sim.busy_routes[sim.busy_count] =
            (uint8_t)(few ? chance_below(sim.config->route_count) : sim.busy_count),
        sim.busy_count++;
    sim.with_orders = sim.with_modes || (!sim.gentle && chance_in(3));
    if (sim.gentle)
        sim.faults = 1u << FAULT_FREEZE;
}

static node_t *somebody(void) { return &sim.nodes[1 + chance_below(sim.node_count - 1)]; }

static void crash(node_t *n)
{
    if (n->alive)
        node_kill(n, false);
}

static node_t *who_freezes(void)
{
    node_t *n = somebody();
    while (sim.gentle && n->kind != ACTOR_RESPONDER)
        n = somebody();
    return n;
}

static void reset_link(node_t *n)
{
    if (!n->alive)
        return;
    trace_note("the links of %s/%u break", actor_name(n->kind), n->instance);
    net_reset(n->to_supervisor);
    if (n->kind != ACTOR_LIMITER)
        net_reset(n->to_limiter);
}

static void strike(unsigned fault)
{
    node_t *n = somebody();
    if (fault != FAULT_CRASH_OTHER && fault != FAULT_CLOCK && fault != FAULT_STOP &&
        fault != FAULT_RETIRE)
        sim.limiter_well_since = sim.now.at.us;
    switch (fault) {
    case FAULT_CRASH_LIMITER:
        crash(node_limiter());
        break;
    case FAULT_CRASH_OTHER:
        crash(n);
        break;
    case FAULT_FREEZE:
        n = who_freezes();
        if (n->alive && !n->frozen)
            node_freeze(n, (int64_t)chance_below(chance_in(3) ? 6000000 : 700000));
        break;
    case FAULT_RESET:
        reset_link(n);
        break;
    case FAULT_SYNC:
        sim.poison_next = true;
        break;
    case FAULT_FULL:
        sim.disk_full = true;
        sim_push((sim_event_t){.at = after((int64_t)chance_below(1500000)), .kind = SIM_SPACE});
        break;
    case FAULT_CLOCK:
        intervals_step(chance_in(2) ? 1 : -1);
        break;
    case FAULT_SLOW_DISK:
        sim.disk_slow = !sim.disk_slow;
        break;
    case FAULT_STOP:
        if (n->alive && n->ready && !n->frozen)
            supervise_order_stop(n);
        break;
    case FAULT_RETIRE:
        while (!n->spec->holding)
            n = somebody();
        if (n->alive && n->ready && !n->frozen)
            supervise_order_retire(n);
        break;
    case FAULT_STOP_ALL:
        supervise_drain();
        break;
    case FAULT_CRASH_ALL:
        sim.new_boot = chance_in(2);
        if (sim.new_boot) {
            pauses_rebooted();
            standing_rebooted();
        }
        for (size_t i = 1; i < sim.node_count; i++)
            crash(&sim.nodes[i]);
        break;
    default:
        break;
    }
}

void fault_next(void)
{
    unsigned fault = (unsigned)chance_below(FAULT_COUNT);
    if (sim.calm)
        return;
    if ((sim.faults >> fault & 1) && (fault < FAULT_STOP_ALL || chance_in(4)))
        strike(fault);
    sim_push((sim_event_t){.at = after((int64_t)chance_below(150000)), .kind = SIM_FAULT});
}

void faults_end(void)
{
    trace_note("from here on everything works");
    sim.calm = true;
    sim.limiter_well_since = sim.now.at.us;
    sim.disk_full = sim.disk_slow = sim.poison_next = false;
    for (size_t i = 1; i < sim.node_count; i++)
        if (sim.nodes[i].alive)
            node_thaw(&sim.nodes[i]);
}
