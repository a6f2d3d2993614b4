/* exam.c: in the calm of some seeds: not what must not happen, but what must. An adaptive limit
 * that was lowered comes back to its slots; pinned it is at its slots at once; a Retry-After to one
 * label's value keeps that value and no other. */
#include "core/msgid.h"
#include "core/words.h"
#include "store/memory_disk.h"
#include "tests/sim/parts.h"

#define SENT 30u /* below what slow_down begins at */
#define TRIES 5u /* what was ordered before the calm may still end a life */
#define ORDERED_AGAIN_US (2 * US_PER_S)
#define ODD 5u
#define EVEN 4u

#define HEALED                                                                                     \
    6u /* breaker and slow start are over then; one by one they raise it to three at most */

enum stage { WAITS, LOWER, HEAL, PIN, PINNED, UNPIN, LOWER_AGAIN, BACK, LATER, OTHERS, OVER };

static struct {
    enum stage stage;
    size_t bent, halved; /* routes */
    size_t limit;        /* the adaptive one */
    size_t first;        /* operation of this stage */
    unsigned in_hand, tries, healed;
    int64_t ordered_at, until;
} exam;

static size_t route_named(const char *name)
{
    return (size_t)(config_route(sim.config, bytes_str(name)) - sim.config->routes);
}

void exam_begin(void)
{
    memset(&exam, 0, sizeof exam);
    exam.stage = chance_in(3) ? WAITS : OVER;
    exam.bent = route_named("bent");
    exam.halved = route_named("halved");
    exam.limit = (size_t)config_limit(sim.config, bytes_str("bends"));
}

bool exam_over(void) { return exam.stage == OVER; }

void exam_in_hand(size_t limit, unsigned count)
{
    if (limit == exam.limit && count > exam.in_hand)
        exam.in_hand = count;
}

/* Nothing that operators did is in force any more. */
static bool is_undone(void)
{
    bool is = standing_is_sure(&standing.mode) && standing.mode.value == MODE_NORMAL;
    for (size_t n = 0; is && n < sim.config->named_limits; n++)
        is = standing_undone(n);
    for (size_t n = 0; is && n < sim.config->downstream_count; n++)
        is = standing_is_sure(&standing.halted[n]) && !standing.halted[n].value;
    for (size_t n = 0; is && n < sim.config->route_count; n++)
        is = standing_is_sure(&standing.stopped[n]) && !standing.stopped[n].value &&
             standing_is_sure(&standing.drained[n]) && !standing.drained[n].value;
    return is;
}

static bool all_finished(void)
{
    for (size_t n = exam.first; n < sim.op_count; n++) {
        const op_t *op = &sim.ops[n];
        const stored_message_t *m = op->accepted ? memory_disk_find(sim.disk, &op->id) : NULL;
        if (!m || (m->progress.state != STATE_DONE && m->progress.state != STATE_DEAD))
            return false;
    }
    return true;
}

static unsigned slots(void) { return sim.config->limits[exam.limit].slots; }

static void send(size_t route, unsigned kind, enum exam what, unsigned count)
{
    for (unsigned n = 0; n < count && sim.op_count < OPS_MAX; n++)
        sender_sends(route, kind, what);
}

static void go(enum stage stage)
{
    trace_note("exam: stage %u", (unsigned)stage);
    exam.stage = stage;
    exam.first = sim.op_count;
    exam.in_hand = 0;
    exam.ordered_at = 0;
    switch (stage) {
    case LOWER:
    case LOWER_AGAIN:
        exam.healed = 0;
        send(exam.bent, ODD, EXAM_TOO_MANY, 1);
        break;
    case HEAL:
        exam.healed++;
        send(exam.bent, ODD, NO_EXAM, 1);
        break;
    case PINNED:
        exam.tries++;
        send(exam.bent, ODD, EXAM_TAKES_LONG, slots()); /* they cannot raise it to that */
        break;
    case BACK:
        exam.tries++;
        send(exam.bent, ODD, EXAM_TAKES_LONG, SENT);
        break;
    case LATER:
        send(exam.halved, ODD, EXAM_LATER, 1);
        break;
    case OTHERS:
        exam.until = pauses_until("halves", 'a');
        send(exam.halved, EVEN, NO_EXAM, 4);
        send(exam.halved, ODD, NO_EXAM, 2);
        break;
    default:
        break;
    }
}

static void ordered(bool pins)
{
    const standing_t *s = &standing.limits[exam.limit];
    sim.in_exam = pins;
    if (standing_is_sure(s) && standing_limit(exam.limit).pinned == pins) {
        go(pins ? PINNED : LOWER_AGAIN);
        return;
    }
    if (exam.ordered_at && sim.now.at.us < exam.ordered_at + ORDERED_AGAIN_US)
        return;
    exam.ordered_at = sim.now.at.us;
    order_pin(exam.limit, pins);
}

static void reached(enum stage next, enum stage again, const char *what)
{
    if (!all_finished() && exam.in_hand < slots())
        return;
    if (exam.in_hand >= slots())
        exam.tries = 0;
    else if (exam.tries == TRIES)
        violation("%s: at most %u of its %u slots are used", what, exam.in_hand, slots());
    go(exam.in_hand >= slots() ? next : again);
}

static void others(void)
{
    bool began = false;
    for (size_t n = exam.first; n < sim.op_count; n++)
        began |=
            sim.ops[n].kind == EVEN && sim.ops[n].written_at && sim.ops[n].written_at < exam.until;
    if (!began && sim.now.at.us < exam.until)
        return;
    if (!began && exam.tries++ < TRIES)
        go(LATER);
    else if (!began)
        violation("a Retry-After to one half kept the other half, too");
    else
        go(OVER);
    sim.evidence.exams += began;
}

void exam_step(void)
{
    switch (exam.stage) {
    case WAITS:
        if (is_undone())
            go(LOWER);
        break;
    case LOWER:
    case LOWER_AGAIN:
        if (all_finished())
            go(exam.stage == LOWER ? HEAL : BACK);
        break;
    case HEAL:
        if (all_finished())
            go(exam.healed < HEALED ? HEAL : PIN);
        break;
    case PIN:
    case UNPIN:
        ordered(exam.stage == PIN);
        break;
    case PINNED:
        reached(UNPIN, LOWER, "an adaptive limit is pinned");
        break;
    case BACK:
        reached(LATER, BACK, "an adaptive limit does not come back");
        break;
    case LATER:
        if (pauses_until("halves", 'a') > sim.now.at.us)
            go(OTHERS);
        else if (all_finished())
            go(OVER); /* its answer was late */
        break;
    case OTHERS:
        others();
        break;
    case OVER:
        break;
    }
}
