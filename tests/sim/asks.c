/* asks.c: people and probes: questions, modes, drains and redrives through the supervisor; looks at
 * messages, health and metrics over HTTP. */
#include <stdio.h>

#include "core/msgid.h"
#include "tests/sim/parts.h"

static node_t *drainer(void)
{
    for (size_t i = 1; i < sim.node_count; i++)
        if (sim.nodes[i].kind == ACTOR_DRAINER)
            return &sim.nodes[i];
    return NULL;
}

static void some_id(char *out)
{
    const op_t *op = sim.op_count ? &sim.ops[chance_below(sim.op_count)] : NULL;
    msgid_t id = op && op->has_id ? op->id : (msgid_t){{1}};
    msgid_text(&id, out);
}

static void ask_limiter(void)
{
    static const char *const verbs[] = {"status", "limits.ls", "ls",      "dead.ls",
                                        "show",   "why",       "nonsense"};
    char id[MSGID_TEXT], args[80];
    some_id(id);
    snprintf(args, sizeof args, "{\"id\":\"%s\",\"most\":20}", id);
    supervise_ask(node_limiter(), verbs[chance_below(COUNT_OF(verbs))], args);
}

static void probe(void)
{
    static const char *const paths[] = {"/health", "/livez", "/readyz", "/metrics", "/nowhere"};
    char path[64], id[MSGID_TEXT];
    node_t *n = &sim.nodes[2 + chance_below(sim.config->actors.ingress)];
    if (!n->alive || n->frozen)
        return;
    some_id(id);
    snprintf(path, sizeof path, "/v1/messages/%s", id);
    const char *what = chance_in(2) ? path : paths[chance_below(COUNT_OF(paths))];
    http_request_t request = {.token = TOKEN_PROBE | ++sim.probes,
                              .method = bytes_str("GET"),
                              .path = bytes_str(what),
                              .client = bytes_str("127.0.0.1"),
                              .loopback = true};
    carrier_request(n->carrier, &request, sim.now);
    node_plan_turn(n, sim.now.at.us);
}

bool ask_answered(uint64_t token)
{
    if (!(token & TOKEN_PROBE))
        return false;
    if (++sim.probes_answered > sim.probes)
        violation("a probe was answered twice");
    return true;
}

void ask_next(void)
{
    sim_push((sim_event_t){.at = after(sim.calm ? US_PER_S / 4 : (int64_t)chance_below(100000)),
                           .kind = SIM_ASK});
    if (sim.calm) {
        orders_undo();
        intervals_hour();
        return;
    }
    uint64_t what = chance_below(100);
    if (what < 40)
        probe();
    else if (what < 75)
        ask_limiter();
    else if (what < 90 && sim.with_orders)
        order_something();
    else if (what < 96 && sim.with_redrives)
        supervise_ask(drainer(), "dead.redrive", "{\"all\":true}");
    else
        supervise_ask(drainer(), "redrive.status", "{}");
}
