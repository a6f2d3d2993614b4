/* downstream.c: the HTTP client and the services behind it. A service writes down what it did, by
 * operation and step: evidence that owes nothing to Weir. */
#include <stdio.h>
#include <stdlib.h>

#include "core/msgid.h"
#include "tests/sim/parts.h"

enum behaviour {
    FINE,
    BUSY,
    FAILING,
    CUT_BEFORE,
    CUT_AFTER,
    HANG_AFTER,
    HANG_BEFORE,
    NO_CONNECTION
};

#define POISONOUS 2 /* the kind of operation at which an actor dies now and then */

static enum behaviour choose(const op_t *op)
{
    if (op->exam == EXAM_TOO_MANY || (op->exam == EXAM_LATER && op->writes[0] == 0))
        return BUSY;
    static const uint8_t odds[] = {
        [BUSY] = 4,       [FAILING] = 8,     [CUT_BEFORE] = 4,   [CUT_AFTER] = 4,
        [HANG_AFTER] = 2, [HANG_BEFORE] = 2, [NO_CONNECTION] = 4};
    if (op->kind == 0)
        return FAILING; /* this one never succeeds */
    uint64_t draw = chance_below(100);
    for (size_t i = 1; i < COUNT_OF(odds) && !sim.calm; i++) {
        if (draw < odds[i])
            return (enum behaviour)i;
        draw -= odds[i];
    }
    return FINE;
}

/* Of who is asked for a list: CUT_BEFORE half of it with a link to the rest, CUT_AFTER one with an
 * element that has no id. */
static enum behaviour choose_list(void)
{
    static const enum behaviour odds[] = {FINE, FINE,       FINE,      FINE,       FINE,
                                          BUSY, CUT_BEFORE, CUT_AFTER, HANG_AFTER, NO_CONNECTION};
    return sim.calm ? FINE : odds[chance_below(COUNT_OF(odds))];
}

static bytes_t header_of(const http_call_t *call, const char *name)
{
    for (size_t i = 0; i < call->header_count; i++)
        if (bytes_is(call->headers[i].name, name))
            return call->headers[i].value;
    return bytes_of(NULL, 0);
}

static size_t step_of(const op_t *op, const char *name)
{
    const route_t *route = &sim.config->routes[op->route];
    for (size_t i = 0; i < route->step_count; i++)
        if (strcmp(route->steps[i].name, name) == 0)
            return i;
    violation("operation %u: a call for the step %s, which its route has not", op->number, name);
}

static unsigned long number_of(bytes_t text)
{
    char copy[32] = "";
    memcpy(copy, text.data, text.len < sizeof copy ? text.len : 0);
    return strtoul(copy, NULL, 10);
}

static void plan(call_t *call, enum sim_kind kind, int64_t at)
{
    sim_push((sim_event_t){.at = at,
                           .kind = (uint8_t)kind,
                           .node = kind == SIM_EFFECT ? 0 : call->node,
                           .life = kind == SIM_EFFECT ? 0 : call->life,
                           .call = call});
}

static void call_starts(node_t *n, call_t *call)
{
    const downstream_t *d = &sim.config->downstreams[call->downstream];
    if (++n->running[call->downstream] > d->connections + config_lists(sim.config, d))
        violation("%s/%u has more calls than connections", actor_name(n->kind), n->instance);
    int64_t connect =
        chance_in(30) ? (int64_t)chance_below(400000) : 100 + (int64_t)chance_below(2000);
    plan(call, SIM_WRITE, after(sim.calm ? 100 : connect));
    plan(call, SIM_TIMEOUT, after(d->total_ms * US_PER_MS));
}

static void list_begin(node_t *n, const http_call_t *asked)
{
    call_t *call = calloc(1, sizeof *call);
    must(call);
    *call = (call_t){.next = sim.calls,
                     .node = n->index,
                     .life = n->life,
                     .token = asked->token,
                     .downstream = asked->pool,
                     .start_by = asked->start_by.us,
                     .lists = true,
                     .behaviour = (uint8_t)choose_list()};
    sim.calls = call;
    call_starts(n, call);
}

void call_begin(node_t *n, const http_call_t *asked)
{
    if (bytes_is(asked->path, "/seats")) {
        list_begin(n, asked);
        return;
    }
    char step[33], path[80];
    unsigned op;
    snprintf(path, sizeof path, "%.*s", (int)asked->path.len, (const char *)asked->path.data);
    if (sscanf(path, "/e/%u/%32s", &op, step) != 2 || op >= sim.op_count)
        violation("a call to %s, which nobody asked for", path);
    call_t *call = calloc(1, sizeof *call);
    must(call);
    *call = (call_t){.next = sim.calls,
                     .node = n->index,
                     .life = n->life,
                     .op = op,
                     .token = asked->token,
                     .downstream = asked->pool,
                     .start_by = asked->start_by.us,
                     .marked = header_of(asked, "Weir-Maybe-Duplicate").len > 0};
    call->step = step_of(&sim.ops[op], step);
    sim.calls = call;
    msgid_t id;
    bytes_t text = header_of(asked, "Weir-Message");
    must(msgid_parse(text, &id) == 0);
    const assigned_t *as = assigned_find(&id, number_of(header_of(asked, "Weir-Attempt")));
    if (!as)
        violation("operation %u: a call that nobody assigned", op);
    intervals_call(&sim.ops[op], as);
    call->told_start_by = as->start_by;
    call->seq = (int64_t)as->seq;
    call->behaviour = (uint8_t)choose(&sim.ops[op]);
    call_starts(n, call);
}

static void tell(call_t *call, http_answer_t answer)
{
    node_t *n = &sim.nodes[call->node];
    call->ended = true;
    n->running[call->downstream]--;
    bool is_deferred = answer.status == 429 && answer.header_count > 0;
    if (!call->lists && !call->cancelled && answer.end != CALL_LATE && answer.status != 200 &&
        !is_deferred)
        sim.ops[call->op].failures[call->step]++;
    answer.token = call->token;
    answer.wrote = call->written;
    answer.took_us = 1000;
    carrier_answer(n->carrier, &answer, sim.now);
}

/* The far side of what was written may go on working for it. */
void call_cancel(node_t *n, uint64_t token)
{
    for (call_t *call = sim.calls; call; call = call->next)
        if (call->node == n->index && call->life == n->life && call->token == token &&
            !call->ended && !call->cancelled) {
            call->cancelled = true;
            call->orphan = call->written;
            plan(call, SIM_ANSWER, after(5));
        }
}

bool calls_run(void)
{
    for (const call_t *call = sim.calls; call; call = call->next)
        if (!call->ended && !call->lists && sim.nodes[call->node].life == call->life)
            return true;
    return false;
}

static bool is_exam(const call_t *call)
{
    return !call->lists && sim.ops[call->op].exam == EXAM_TAKES_LONG;
}

static void fail_call(call_t *call, const char *why)
{
    tell(call, (http_answer_t){.end = CALL_FAILED, .error = why});
}

/* The first byte: the HTTP client looks at start_by immediately before it. */
static void begin_write(call_t *call)
{
    if (call->ended || call->cancelled)
        return;
    if (sim.now.at.us > call->start_by) {
        tell(call, (http_answer_t){.end = CALL_LATE, .error = "start_by has passed"});
        return;
    }
    if (!call->lists && sim.ops[call->op].kind == POISONOUS && !sim.calm && chance_in(2))
        sim_push((sim_event_t){
            .at = after(1), .kind = SIM_POISON, .number = call->node, .life = call->life});
    if (call->behaviour == NO_CONNECTION) {
        fail_call(call, "no connection");
        return;
    }
    call->written = true;
    call->written_at = sim.now.at.us;
    sim.evidence.calls++;
    if (!call->lists) {
        sim.ops[call->op].writes[call->step]++;
        if (sim.ops[call->op].written_at == 0)
            sim.ops[call->op].written_at = sim.now.at.us;
        admission_written(call);
        check_call(call);
    }
    int64_t takes = 200 + (int64_t)chance_below(chance_in(20) ? 300000 : 8000);
    plan(call, SIM_EFFECT, after(is_exam(call) ? 60000 : takes));
}

static void effect(call_t *call)
{
    if (call->lists) {
        if (call->behaviour != HANG_AFTER)
            plan(call, SIM_ANSWER, after(some_delay()));
        return;
    }
    op_t *op = &sim.ops[call->op];
    if (call->behaviour == FINE || call->behaviour == CUT_AFTER || call->behaviour == HANG_AFTER) {
        op->effects[call->step]++;
        op->unmarked[call->step] += !call->marked;
        sim.effects_done++;
        if (op->unmarked[call->step] > 1)
            violation("invariant 5: operation %u, step %zu: a second effect that is not marked as "
                      "possibly one",
                      op->number, call->step);
        bool may_repeat = sim.config->downstreams[call->downstream].idempotent || sim.with_redrives;
        if (!may_repeat && op->effects[call->step] > 1)
            violation(
                "invariant 5: operation %u, step %zu: sent again where its outcome was unknown",
                op->number, call->step);
    }
    if (call->behaviour != HANG_AFTER && call->behaviour != HANG_BEFORE)
        plan(call, SIM_ANSWER, after(some_delay()));
}

/* Who lives at the moment of the answer. */
static void answer_list(call_t *call)
{
    static const http_field_t more[] = {
        {{(const uint8_t *)"link", 4}, {(const uint8_t *)"</seats?2>; rel=\"next\"", 22}}};
    static char text[4096];
    size_t length = holders_list(text, sizeof text, call->behaviour == CUT_BEFORE);
    if (call->behaviour == CUT_AFTER)
        length = (size_t)snprintf(text, sizeof text, "[{\"name\":\"nobody\"}]");
    bool busy = call->behaviour == BUSY;
    sim.evidence.lists += call->behaviour == FINE;
    tell(call, (http_answer_t){.end = CALL_ANSWERED,
                               .status = busy ? 503 : 200,
                               .headers = more,
                               .header_count = call->behaviour == CUT_BEFORE,
                               .body = bytes_of(text, busy ? 0 : length)});
}

static bool says_when(const call_t *call)
{
    enum exam exam = (enum exam)sim.ops[call->op].exam;
    return exam == EXAM_LATER || (exam == NO_EXAM && chance_in(2));
}

static void answer(call_t *call)
{
    static const http_field_t later[] = {
        {{(const uint8_t *)"retry-after", 11}, {(const uint8_t *)"1", 1}}};
    http_answer_t said = {.end = CALL_ANSWERED, .status = 200, .body = bytes_str("{\"ok\":true}")};
    if (call->ended)
        return;
    if (call->lists) {
        answer_list(call);
        return;
    }
    if (call->cancelled) {
        tell(call, (http_answer_t){.end = CALL_CANCELLED, .error = "cancelled"});
        return;
    }
    switch ((enum behaviour)call->behaviour) {
    case BUSY:
        said = (http_answer_t){
            .end = CALL_ANSWERED, .status = 429, .headers = later, .header_count = says_when(call)};
        break;
    case FAILING:
        said = (http_answer_t){.end = CALL_ANSWERED, .status = 500};
        break;
    case CUT_BEFORE:
    case CUT_AFTER:
        fail_call(call, "connection reset");
        return;
    default:
        break;
    }
    tell(call, said);
}

void call_event(sim_event_t *event)
{
    call_t *call = event->call;
    switch ((enum sim_kind)event->kind) {
    case SIM_WRITE:
        begin_write(call);
        break;
    case SIM_EFFECT:
        effect(call);
        break;
    case SIM_ANSWER:
        answer(call);
        break;
    case SIM_TIMEOUT:
        if (!call->ended)
            fail_call(call, "timeout");
        break;
    default:
        break;
    }
}

void calls_forget(const node_t *dead)
{
    for (call_t *call = sim.calls; call; call = call->next)
        if (call->node == dead->index && call->life == dead->life) {
            call->orphan = call->written && !call->ended;
            call->ended = true;
        }
}

void calls_clear(void)
{
    while (sim.calls) {
        call_t *next = sim.calls->next;
        free(sim.calls);
        sim.calls = next;
    }
}
