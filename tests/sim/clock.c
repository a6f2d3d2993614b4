/* clock.c: what happens next: a binary heap by time, then by the order of planning. */
#include <stdlib.h>

#include "core/arena.h"
#include "tests/sim/parts.h"

static bool sooner(const sim_event_t *a, const sim_event_t *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void sim_push(sim_event_t event)
{
    if (sim.heap_count == sim.heap_room) {
        sim.heap_room = sim.heap_room ? sim.heap_room * 2 : 1024;
        sim.heap = memory_grow(sim.heap, sim.heap_room * sizeof *sim.heap);
    }
    event.order = ++sim.order;
    size_t at = sim.heap_count++;
    while (at > 0 && sooner(&event, &sim.heap[(at - 1) / 2])) {
        sim.heap[at] = sim.heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    sim.heap[at] = event;
}

bool sim_pop(sim_event_t *out)
{
    if (sim.heap_count == 0)
        return false;
    *out = sim.heap[0];
    sim_event_t last = sim.heap[--sim.heap_count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < sim.heap_count; at = child) {
        if (child + 1 < sim.heap_count && sooner(&sim.heap[child + 1], &sim.heap[child]))
            child++;
        if (!sooner(&sim.heap[child], &last))
            break;
        sim.heap[at] = sim.heap[child];
    }
    sim.heap[at] = last;
    return true;
}

void sim_clear_events(void)
{
    for (size_t i = 0; i < sim.heap_count; i++)
        if (sim.heap[i].kind == SIM_FRAME)
            free(sim.heap[i].frame);
    free(sim.heap);
    sim.heap = NULL;
    sim.heap_count = sim.heap_room = 0;
}

int64_t some_delay(void)
{
    uint64_t kind = chance_below(100);
    if (kind < 90)
        return 20 + (int64_t)chance_below(100);
    return kind < 98 ? (int64_t)chance_below(3000) : (int64_t)chance_below(60000);
}
