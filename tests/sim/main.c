/* main.c: sim: runs seeds until the time is over or a promise is broken. See
 * docs/DECISIONS/simulator.md. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "actors/ingress/ingress.h"
#include "actors/limiter/limiter.h"
#include "tests/sim/parts.h"

#define CALM_US_MAX (120 * US_PER_S)
#define REST_US (2 * US_PER_S)

sim_t sim;

typedef struct options {
    uint64_t seed, steps;
    double seconds;
    totals_goals_t goals;
    bool one;
} options_t;

/* ---- a seed's world */

static json_t *checked;

static void report(void *arg, const char *line)
{
    (void)arg;
    fprintf(stderr, "%s\n", line);
}

static config_t *config_of_seed(void)
{
    static const int sizes[] = {12, 40, 40, 200, 200, 200}, caches[] = {0, 3000, 1 << 28};
    static const char *const at_drain[] = {"refuse", "hold", "dead"};
    json_t *json = json_deep_copy(checked);
    json_object_set_new(json_object_get(json, "queue"), "messages_max",
                        json_integer(sizes[chance_below(COUNT_OF(sizes))]));
    json_object_set_new(json_object_get(json, "queue"), "cache_bytes",
                        json_integer(caches[chance_below(COUNT_OF(caches))]));
    json_object_set_new(json_object_get(json_object_get(json, "sources"), "desk"), "at_drain",
                        json_string(at_drain[chance_below(COUNT_OF(at_drain))]));
    if (chance_in(2))
        json_array_clear(json_object_get(json_object_get(json, "modes"), "rules"));
    config_t *config = config_load(json); /* keeps it */
    json_decref(json);
    must(config);
    return config;
}

static void add_node(const actor_spec_t *spec, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        node_t *n = &sim.nodes[sim.node_count];
        *n = (node_t){.index = (uint8_t)sim.node_count++,
                      .spec = spec,
                      .kind = spec->kind,
                      .instance = (uint16_t)i};
        sim_push((sim_event_t){
            .at = after((int64_t)chance_below(20000)), .kind = SIM_START, .number = n->index});
    }
}

static void world_begin(uint64_t seed, uint64_t steps)
{
    sim = (sim_t){.seed = seed,
                  .chance = rand_seeded(seed),
                  .steps_max = steps,
                  .hash = 0xCBF29CE484222325u,
                  .conns = sim.conns,
                  .ops = sim.ops};
    trace_clear();
    sim.now = (now_t){{1000000}, {1700000000000000}};
    sim.config = config_of_seed();
    sim.disk = memory_disk_new();
    admission_begin();
    pauses_begin();
    adaptive_begin();
    intervals_begin();
    leases_begin();
    sim.ops_max = 40 + chance_below(40 + 2 * sim.config->queue.messages_max);
    sim.nodes[0] = (node_t){.kind = ACTOR_SUPERVISOR, .alive = true};
    sim.node_count = 1;
    standing_begin();
    faults_choose();
    holders_begin();
    supervise_start();
    add_node(&limiter_spec, 1);
    add_node(&ingress_spec, sim.config->actors.ingress);
    add_node(&classifier_spec, sim.config->actors.classifier);
    add_node(&responder_spec, sim.config->actors.responder);
    add_node(&drainer_spec, 1);
    sim_push((sim_event_t){.at = after(50000), .kind = SIM_ARRIVAL});
    sim_push((sim_event_t){.at = after(200000), .kind = SIM_FAULT});
    sim_push((sim_event_t){.at = after(150000), .kind = SIM_ASK});
}

static void world_end(void)
{
    for (size_t i = 1; i < sim.node_count; i++) {
        node_t *n = &sim.nodes[i];
        carrier_destroy(&n->carrier);
        if (n->store)
            memory_store_crash(&n->store);
        for (size_t e = 0; e < n->pile_count; e++)
            if (n->pile[e].kind == SIM_FRAME)
                free(n->pile[e].frame);
        free(n->pile);
    }
    supervise_end();
    sim_clear_events();
    calls_clear();
    memory_disk_destroy(&sim.disk);
    config_destroy(&sim.config);
}

/* ---- events */

static void world_event(sim_event_t *event)
{
    node_t *n = &sim.nodes[event->number < NODES_MAX ? event->number : 0];
    switch ((enum sim_kind)event->kind) {
    case SIM_ARRIVAL:
        sender_arrival();
        break;
    case SIM_REPLY:
        sender_reply_arrived(event);
        break;
    case SIM_PATIENCE:
        sender_patience(event);
        break;
    case SIM_OVERDUE:
        check_overdue(event);
        break;
    case SIM_EFFECT:
        call_event(event);
        break;
    case SIM_FAULT:
        fault_next();
        break;
    case SIM_THAW:
        if (n->life == event->life)
            node_thaw(n);
        break;
    case SIM_SPACE:
        sim.disk_full = false;
        sim.limiter_well_since = sim.now.at.us;
        break;
    case SIM_CONFIRM:
        supervise_confirm(n);
        break;
    case SIM_START:
        node_start(n);
        break;
    case SIM_SUPERVISE:
        supervise_tick();
        break;
    case SIM_BEREFT:
        check_bereft(event);
        break;
    case SIM_STOP_ALL:
        supervise_stop_all();
        break;
    case SIM_KILL:
        if (n->alive && n->life == event->life) {
            n->ordered = true;
            node_kill(n, false);
        }
        break;
    case SIM_POISON: /* a message killed it */
        if (n->alive && n->life == event->life)
            node_kill(n, false);
        break;
    case SIM_HOLDER:
        holder_event(event);
        break;
    case SIM_ASK:
        ask_next();
        break;
    default:
        violation("an event of no kind");
    }
}

static bool is_of_node(const sim_event_t *e) { return e->node > 0 || e->kind == SIM_FRAME; }

static bool step(void)
{
    sim_event_t event;
    if (!sim_pop(&event))
        return false;
    int64_t passed = event.at > sim.now.at.us ? event.at - sim.now.at.us : 0;
    sim.now.at.us += passed;
    sim.now.wall.us += passed;
    sim.steps++;
    sim.counts[event.kind]++;
    trace(&event);
    if (!is_of_node(&event))
        world_event(&event);
    else if (node_takes(&event))
        node_event(&event);
    return true;
}

static void count_live(void *arg, const stored_message_t *m)
{
    *(size_t *)arg += m->progress.state != STATE_DONE && m->progress.state != STATE_DEAD;
}

/* Nothing is asked any more and everything taken is finished, also for a limiter that has not
 * loaded it yet. */
static bool at_rest(void)
{
    size_t live = 0;
    const node_t *limiter = node_limiter();
    for (size_t i = 1; i < sim.node_count; i++)
        if (!sim.nodes[i].alive || !sim.nodes[i].ready)
            return false;
    if (sender_waiting() > 0 || !holders_rest() || !leases_rest() ||
        limiter_live(carrier_self(limiter->carrier)) > 0)
        return false;
    memory_disk_each(sim.disk, count_live, &live);
    return live == 0;
}

static void run_seed(uint64_t seed, uint64_t steps, totals_t *totals)
{
    world_begin(seed, steps);
    while (sim.steps < sim.steps_max && step())
        if (sim.steps % 256 == 0 && sim.op_count == sim.ops_max && at_rest())
            break;
    faults_end();
    int64_t until = after(CALM_US_MAX);
    while (step() && (sim.steps % 64 || !at_rest()))
        if (sim.now.at.us > until)
            break;
    exam_begin();
    for (until = after(CALM_US_MAX); !exam_over() && sim.now.at.us < until; exam_step())
        step();
    sim.in_exam = false;
    for (until = after(CALM_US_MAX); (sim.steps % 64 || !at_rest()) && sim.now.at.us < until;)
        step();
    if (!at_rest())
        trace_note("not at rest: %zu senders wait, %zu messages live", sender_waiting(),
                   node_limiter()->alive ? limiter_live(carrier_self(node_limiter()->carrier)) : 0);
    for (until = after(REST_US); sim.now.at.us < until;)
        step();
    /* A redrive that was under way may have put something back. */
    for (until = after(CALM_US_MAX); !at_rest() && sim.now.at.us < until;)
        step();
    check_end();
    /* A stop ordered before the calm may end a life only now: what replaces it comes to rest. */
    for (until = after(CALM_US_MAX); !at_rest() && sim.now.at.us < until;)
        step();
    if (!at_rest())
        violation("invariant 7: it does not come to rest");
    totals_add(totals);
    world_end();
}

/* ---- the program */

static const char *const bug_names[BUG_COUNT] = {
    [BUG_NONE] = "NONE",
#define PLANTED(NAME, rule) [BUG_##NAME] = #NAME,
#include "core/bugs.def"
#undef PLANTED
};

static void plant(const char *name)
{
    for (unsigned i = 1; i < BUG_COUNT; i++)
        if (strcmp(name, bug_names[i]) == 0) {
            planted_bug = (enum planted_bug)i;
            return;
        }
    fprintf(stderr, "sim: no bug %s; see --list-plants\n", name);
    exit(64);
}

static void list_plants(void)
{
    for (unsigned i = 1; i < BUG_COUNT; i++)
        printf("%s\n", bug_names[i]);
    exit(0);
}

static void options_read(options_t *o, int argc, char **argv)
{
    static const struct option longs[] = {{"seed", required_argument, NULL, 's'},
                                          {"seconds", required_argument, NULL, 't'},
                                          {"steps", required_argument, NULL, 'n'},
                                          {"calls", required_argument, NULL, 'c'},
                                          {"holders", required_argument, NULL, 'h'},
                                          {"plant", required_argument, NULL, 'p'},
                                          {"list-plants", no_argument, NULL, 'l'},
                                          {"trace", no_argument, NULL, 'v'},
                                          {0}};
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;)
        switch (c) {
        case 's':
            o->seed = strtoull(optarg, NULL, 10);
            o->one = true;
            break;
        case 't':
            o->seconds = strtod(optarg, NULL);
            break;
        case 'n':
            o->steps = strtoull(optarg, NULL, 10);
            break;
        case 'c':
            o->goals.calls = strtoull(optarg, NULL, 10);
            break;
        case 'h':
            o->goals.holders = strtoull(optarg, NULL, 10);
            break;
        case 'p':
            plant(optarg);
            break;
        case 'l':
            list_plants();
            break;
        case 'v':
            trace_all = true;
            break;
        default:
            fprintf(stderr,
                    "usage: sim [--seed N] [--seconds S] [--calls N] [--holders N] [--steps N] "
                    "[--plant BUG] [--list-plants] [--trace]\n"
                    "A run goes on for S seconds, and until N calls were made and N holders of "
                    "slots were killed.\n");
            exit(64);
        }
}

static double wall_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run_many(const options_t *o)
{
    double began = wall_seconds(), took = 0;
    totals_t t = {0};
    for (uint64_t seed = o->seed; t.seeds == 0 || took < o->seconds || !totals_reach(&t, &o->goals);
         seed++) {
        run_seed(seed, o->steps, &t);
        took = wall_seconds() - began;
    }
    totals_tell(&t, took);
}

int main(int argc, char **argv)
{
    options_t o = {.steps = 30000};
    o.seed = 1;
    options_read(&o, argc, argv);
    printf("seed %llu\n", (unsigned long long)o.seed);
    fflush(stdout);
    json_object_seed(1);
    if (config_read(SIM_CONFIG, &checked, report, NULL) != 0)
        return 78;
    sim.conns = calloc(CONNS_MAX, sizeof *sim.conns);
    sim.ops = calloc(OPS_MAX, sizeof *sim.ops);
    must(sim.conns && sim.ops);
    run_many(&o);
    json_decref(checked);
    free(sim.conns);
    free(sim.ops);
    return 0;
}
