/* trace.c: what happened: a hash over all of it, the last of it kept, and how a violation ends the
 * run. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/parts.h"

bool trace_all;

/* Lines are made only when somebody reads them: until then an event of the past is its numbers. */
typedef struct past {
    sim_event_t event;
    const char *what; /* of a frame */
    size_t len;
    uint32_t op; /* of a call */
    uint8_t step, behaviour;
    char note[128]; /* not empty: it is one */
} past_t;
static past_t kept[TRACE_KEPT];
static size_t written;

static const char *const names[SIM_KINDS] = {
    [SIM_TURN] = "turn",        [SIM_FRAME] = "frame",         [SIM_COMMIT] = "commit",
    [SIM_STORE] = "store",      [SIM_READ] = "read",           [SIM_ARRIVAL] = "arrival",
    [SIM_REQUEST] = "request",  [SIM_REPLY] = "send again",    [SIM_PATIENCE] = "patience",
    [SIM_OVERDUE] = "overdue?", [SIM_WRITE] = "write",         [SIM_EFFECT] = "effect",
    [SIM_ANSWER] = "answer",    [SIM_TIMEOUT] = "timeout?",    [SIM_FAULT] = "fault",
    [SIM_THAW] = "thaw",        [SIM_SPACE] = "space",         [SIM_CONFIRM] = "death confirmed",
    [SIM_START] = "start",      [SIM_SUPERVISE] = "supervise", [SIM_BEREFT] = "bereft?",
    [SIM_ASK] = "ask",          [SIM_HOLDER] = "holder",       [SIM_STOP_ALL] = "stop all",
    [SIM_KILL] = "kill?",       [SIM_POISON] = "poison"};

static void mix(uint64_t value) { sim.hash = (sim.hash ^ value) * 0x100000001B3u; }

static const char *operation(const past_t *p, char *out, size_t size)
{
    const sim_event_t *e = &p->event;
    out[0] = '\0';
    switch ((enum sim_kind)e->kind) {
    case SIM_FRAME:
        snprintf(out, size, "%s, %zu bytes", p->what, p->len);
        break;
    case SIM_REQUEST:
    case SIM_REPLY:
    case SIM_PATIENCE:
    case SIM_OVERDUE:
    case SIM_HOLDER:
        snprintf(out, size, "operation %u, try %u", e->op, e->attempt);
        break;
    case SIM_WRITE:
    case SIM_EFFECT:
    case SIM_ANSWER:
    case SIM_TIMEOUT:
        snprintf(out, size, "operation %u, step %u, behaviour %u", p->op, p->step, p->behaviour);
        break;
    default:
        break;
    }
    return out;
}

static void print_past(const past_t *p)
{
    char text[80];
    const node_t *n = &sim.nodes[p->event.node];
    if (p->note[0])
        printf("%10lld %s\n", (long long)p->event.at, p->note);
    else
        printf("%10lld %s/%u %s %s\n", (long long)p->event.at,
               p->event.node ? actor_name(n->kind) : "-", n->instance, names[p->event.kind],
               operation(p, text, sizeof text));
}

void trace(const sim_event_t *e)
{
    mix((uint64_t)e->at);
    mix((uint64_t)e->kind << 8 | e->node);
    if (e->kind == SIM_TURN && !trace_all)
        return;
    past_t *p = &kept[written++ % TRACE_KEPT];
    p->event = *e;
    p->note[0] = '\0';
    if (e->kind == SIM_FRAME) {
        const message_spec_t *spec = message_spec(e->frame->type);
        p->what = spec ? spec->name : "?";
        p->len = e->frame->len;
        mix(e->frame->len << 8 | e->frame->type);
    }
    if (e->kind >= SIM_WRITE && e->kind <= SIM_TIMEOUT) {
        p->op = e->call->op;
        p->step = (uint8_t)e->call->step;
        p->behaviour = e->call->behaviour;
    }
    if (trace_all)
        print_past(p);
}

void trace_note(const char *format, ...)
{
    va_list args;
    past_t *p = &kept[written++ % TRACE_KEPT];
    p->event.at = sim.now.at.us;
    va_start(args, format);
    vsnprintf(p->note, sizeof p->note, format, args);
    va_end(args);
    if (trace_all)
        print_past(p);
}

void trace_clear(void) { written = 0; }

void violation(const char *format, ...)
{
    va_list args;
    size_t first = written > TRACE_KEPT ? written - TRACE_KEPT : 0;
    printf("the last events:\n");
    for (size_t i = first; i < written; i++)
        print_past(&kept[i % TRACE_KEPT]);
    printf("VIOLATION seed %llu step %llu: ", (unsigned long long)sim.seed,
           (unsigned long long)sim.steps);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\nagain: sim --seed %llu\n", (unsigned long long)sim.seed);
    fflush(stdout);
    _Exit(1);
}

/* The actors' own promises are invariants too. */
_Noreturn void must_failed(const char *what, const char *file, int line)
{
    violation("must(%s) does not hold at %s:%d", what, file, line);
}
