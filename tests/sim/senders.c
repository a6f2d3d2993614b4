/* senders.c: those who send: open loop, impatient, with repetitions, duplicates and an id used
 * twice. */
#include <stdio.h>

#include "core/msgid.h"
#include "tests/sim/parts.h"

#define KEYS 6u

static op_t *op_new(void)
{
    op_t *op = &sim.ops[sim.op_count];
    *op = (op_t){.number = (uint32_t)sim.op_count,
                 .twin = (uint32_t)sim.op_count,
                 .route = sim.busy_routes[chance_below(sim.busy_count)],
                 .key = (uint8_t)chance_below(KEYS),
                 .kind = (uint8_t)chance_below(sim.kinds)};
    sim.op_count++;
    const op_t *first = op->number ? &sim.ops[chance_below(op->number)] : op;
    if (chance_in(25) && first->twin == first->number) {
        op->twin = first->number;
        op->route = first->route;
    }
    return op;
}

static void send(op_t *op)
{
    node_t *n = &sim.nodes[2 + chance_below(sim.config->actors.ingress)];
    op->attempts++;
    op->first_sent = op->first_sent ? op->first_sent : sim.now.at.us;
    op->last_sent = sim.now.at.us;
    if (!n->alive) {
        sender_refused(op);
        return;
    }
    op->waiting = true;
    op->waiting_at = n->index;
    sim_push((sim_event_t){.at = after(some_delay()),
                           .kind = SIM_REQUEST,
                           .node = n->index,
                           .life = n->life,
                           .op = op->number,
                           .attempt = op->attempts});
    sim_push((sim_event_t){.at = after(US_PER_S + (int64_t)chance_below(4 * US_PER_S)),
                           .kind = SIM_PATIENCE,
                           .op = op->number,
                           .attempt = op->attempts});
}

static void send_later(op_t *op, int64_t in)
{
    sim_push((sim_event_t){
        .at = after(in), .kind = SIM_REPLY, .op = op->number, .attempt = op->attempts});
}

op_t *sender_sends(size_t route, unsigned kind, enum exam exam)
{
    op_t *op = op_new();
    op->twin = op->number;
    op->route = (uint8_t)route;
    op->kind = (uint8_t)kind;
    op->exam = (uint8_t)exam;
    send(op);
    return op;
}

void sender_arrival(void)
{
    send(op_new());
    if (sim.op_count < sim.ops_max && !sim.calm)
        sim_push((sim_event_t){.at = after((int64_t)chance_below(chance_in(20) ? 200000 : 8000)),
                               .kind = SIM_ARRIVAL});
}

void sender_refused(op_t *op)
{
    op->waiting = false;
    if (!op->closed)
        send_later(op, 20000 + (int64_t)chance_below(300000));
}

/* The time has come to send again. */
void sender_reply_arrived(const sim_event_t *event)
{
    op_t *op = &sim.ops[event->op];
    if (!op->closed && !op->waiting && op->attempts == event->attempt && op->attempts < UINT8_MAX)
        send(op);
}

void sender_patience(const sim_event_t *event)
{
    op_t *op = &sim.ops[event->op];
    if (!op->waiting || op->attempts != event->attempt)
        return;
    op->waiting = false; /* an answer that still comes goes nowhere */
    if (!op->closed && op->attempts < UINT8_MAX)
        send(op);
}

static uint64_t token_of(const op_t *op, uint32_t attempt)
{
    return (uint64_t)(op->number + 1) << 16 | attempt;
}

void sender_request(const sim_event_t *event)
{
    op_t *op = &sim.ops[event->op];
    node_t *n = &sim.nodes[event->node];
    const route_t *route = &sim.config->routes[op->route];
    char body[200];
    int len = snprintf(body, sizeof body,
                       "{\"op\":%u,\"id\":\"m-%u\",\"key\":\"k%u\",\"kind\":\"%c%u\","
                       "\"half\":\"%c\",\"line\":%u}",
                       op->number, op->twin, op->key, op->kind % 2 ? 'a' : 'b', op->kind,
                       op->kind % 2 ? 'a' : 'b', op->number / 8);
    http_field_t headers[] = {{bytes_str("content-type"), bytes_str("application/json")}};
    http_request_t request = {.token = token_of(op, event->attempt),
                              .method = bytes_str("POST"),
                              .path = bytes_str(route->path),
                              .headers = headers,
                              .header_count = 1,
                              .body = bytes_of(body, (size_t)len),
                              .client = bytes_str("127.0.0.1"),
                              .loopback = true};
    check_taken(n, op, event->attempt);
    carrier_request(n->carrier, &request, sim.now);
}

static bool says(const http_reply_t *reply, const char *what)
{
    return reply->body.len > 0 && memmem(reply->body.data, reply->body.len, what, strlen(what));
}

/* What was only observed from the beginning keeps nobody. A cap that is used up stays so: in the
 * end senders go. */
static void check_refusal(op_t *op, const http_reply_t *reply)
{
    for (size_t n = 0; reply->status == 429 && n < sim.config->named_limits; n++) {
        const standing_t *s = &standing.limits[n];
        char name[40];
        snprintf(name, sizeof name, "\"%s\"", sim.config->limits[n].name);
        if (sim.config->limits[n].observe && standing_limit(n).observed && standing_is_sure(s) &&
            s->since == 0 && says(reply, name))
            violation("operation %u was refused by %s, which is only observed", op->number,
                      sim.config->limits[n].name);
    }
    op->closed |= sim.calm && reply->status == 429 && says(reply, "usage_cap_exceeded");
}

void sender_reply(node_t *n, uint64_t token, const http_reply_t *reply)
{
    if (token & TOKEN_HOLDER)
        holder_answered(token, reply);
    if (token & TOKEN_HOLDER || ask_answered(token))
        return;
    op_t *op = &sim.ops[(token >> 16) - 1];
    sim.replies[reply->status < COUNT_OF(sim.replies) ? reply->status : 0]++;
    check_reply(n, op, token & 0xFFFF, reply);
    if (!op->waiting || op->attempts != (token & 0xFFFF) || op->waiting_at != n->index)
        return;
    if (!sim.calm && chance_in(40)) {
        sender_refused(op); /* the answer is lost with its connection */
        return;
    }
    op->waiting = false;
    check_refusal(op, reply);
    if (reply->status < 300) {
        op->accepted = true;
        op->closed = !chance_in(12); /* some send it once more */
    } else if (reply->status == 409) {
        op->conflicted = op->closed = true;
    } else if (reply->status < 500 && reply->status != 429) {
        violation("operation %u was answered %u: %.*s", op->number, reply->status,
                  (int)reply->body.len, (const char *)reply->body.data);
    }
    if (!op->closed)
        send_later(op, 100000 + (int64_t)chance_below(900000));
}

size_t sender_waiting(void)
{
    size_t waiting = 0;
    for (size_t i = 0; i < sim.op_count; i++)
        waiting += !sim.ops[i].closed && sim.ops[i].attempts < UINT8_MAX;
    return waiting;
}
