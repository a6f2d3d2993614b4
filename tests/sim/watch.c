/* watch.c: the invariants that are seen elsewhere than on the wire: at the senders, at the
 * downstreams, on the disk, in the limiter's own check, and when everything has come to rest. */
#include "actors/ingress/ingress.h"
#include "actors/limiter/limiter.h"
#include "core/msgid.h"
#include "store/memory_disk.h"
#include "tests/sim/parts.h"

#define WAITING_MOST 20000u /* wishes that wait for the disk */
#define FRAMES_MOST 4000u

/* ---- while it runs */

static void check_limiter(node_t *n)
{
    const void *self = carrier_self(n->carrier);
    const char *broken = limiter_live(self) < 64 || sim.steps % 8 == 0 ? limiter_check(self) : NULL;
    if (broken)
        violation("invariant 7: the limiter's own check: %s", broken);
    if (limiter_repairs(self) > 0)
        violation("invariant 7: the sweep had to repair a wake-up");
    if (limiter_live(self) > sim.config->queue.messages_max)
        violation("invariant 6: %zu messages in a queue of %llu", limiter_live(self),
                  (unsigned long long)sim.config->queue.messages_max);
}

void check_after_step(node_t *n)
{
    if (n->kind == ACTOR_LIMITER)
        check_limiter(n);
    if (carrier_waiting(n->carrier) > WAITING_MOST || sim.frames_on_way > FRAMES_MOST)
        violation("invariant 6: %zu wishes wait, %zu frames are on their way",
                  carrier_waiting(n->carrier), sim.frames_on_way);
}

void check_call(const call_t *call)
{
    op_t *op = &sim.ops[call->op];
    standing_called(op);
    if (sim.now.at.us > call->told_start_by)
        violation("invariant 5: operation %u: sent after its start_by", op->number);
    const disk_message_t *m = memory_disk_by_seq(sim.disk, call->seq);
    bool is_redriven =
        m && (m->message.progress.flags & PROGRESS_REDRIVEN); /* it joined the tail again */
    if (op->seq == 0 || is_redriven)
        op->seq = call->seq;
    if (op->seq != call->seq)
        violation("invariant 2: operation %u became two messages", op->number);
    const route_t *route = &sim.config->routes[op->route];
    int64_t *reached = &sim.key_reached[op->route][op->key];
    if (route->key && route->parallel == 1 && call->seq < *reached)
        violation("invariant 2: operation %u: a message of its key accepted later came first",
                  op->number);
    *reached = call->seq > *reached ? call->seq : *reached;
}

static bool id_in(const http_reply_t *reply, msgid_t *id)
{
    static const char mark[] = "{\"id\":\"";
    if (reply->body.len < sizeof mark + MSGID_TEXT ||
        memcmp(reply->body.data, mark, sizeof mark - 1) != 0)
        return false;
    return msgid_parse(bytes_of(reply->body.data + sizeof mark - 1, MSGID_TEXT - 1), id) == 0;
}

/* ---- answers to senders. The sender may have gone; whoever takes a request answers it all the
 * same. */

#define ALWAYS_US (VERDICT_WAIT_US + 500 * US_PER_MS)
/* The limiter is known to be dead; but a word that it said before may come after the news, and what
 * was sent to it upon that waits a little longer. */
#define AWAY_US (VERDICT_WAIT_AWAY_US + 300 * US_PER_MS)
#define GENTLE_US US_PER_S /* nobody but responders has trouble */

/* The number of the event: how long an answer may take. The limit of one who froze begins with its
 * thaw. */
void check_taken(const node_t *n, op_t *op, uint32_t attempt)
{
    int64_t long_ago = sim.now.at.us - US_PER_S;
    bool away = sim.limiter_died < long_ago && n->since < long_ago; /* and it was told */
    int64_t most = sim.gentle ? GENTLE_US : away ? AWAY_US : ALWAYS_US;
    op->open[attempt / 64 % 4] |= 1ull << attempt % 64;
    sim_push((sim_event_t){.at = after(most),
                           .kind = SIM_OVERDUE,
                           .life = n->life,
                           .op = op->number,
                           .attempt = attempt | (uint32_t)n->index << 8 | (uint32_t)away << 16});
}

void check_overdue(const sim_event_t *event)
{
    op_t *op = &sim.ops[event->op];
    const node_t *n = &sim.nodes[event->attempt >> 8 & 0xFF];
    uint32_t attempt = event->attempt & 0xFF;
    bool away = event->attempt >> 16, is_open = op->open[attempt / 64] >> attempt % 64 & 1;
    int64_t most = sim.gentle ? GENTLE_US : away ? AWAY_US : ALWAYS_US;
    if (!is_open || !n->alive || n->life != event->life || n->frozen)
        return;
    if (sim.now.at.us - n->since < most || (away && sim.limiter_died > sim.now.at.us - AWAY_US))
        sim_push((sim_event_t){.at = after(ALWAYS_US),
                               .kind = SIM_OVERDUE,
                               .life = event->life,
                               .op = event->op,
                               .attempt = event->attempt & 0xFFFF});
    else
        violation("invariant 8: operation %u, try %u was not answered within %lld ms%s", op->number,
                  attempt, (long long)(most / US_PER_MS),
                  away ? " while the limiter was dead" : "");
}

void check_reply(const node_t *n, op_t *op, uint32_t attempt, const http_reply_t *reply)
{
    msgid_t id;
    (void)n;
    op->open[attempt / 64 % 4] &= ~(1ull << attempt % 64);
    if (reply->status >= 300)
        return;
    if (!id_in(reply, &id))
        violation("operation %u was accepted without an id", op->number);
    if (!memory_disk_find(sim.disk, &id))
        violation("invariant 1: operation %u was answered %u and is not on disk", op->number,
                  reply->status);
    if (op->has_id && !msgid_equal(&op->id, &id))
        violation("invariant 2: operation %u was accepted as two messages", op->number);
    op->id = id;
    op->has_id = true;
}

/* ---- a second after a confirmed death */

static void is_held_by(void *arg, const stored_message_t *m)
{
    const uint64_t *generation = arg;
    if (m->progress.state == STATE_ASSIGNED && m->progress.holder_generation == *generation)
        violation("invariant 4: message %lld is still assigned to a dead actor",
                  (long long)m->progress.seq);
}

void check_bereft(const sim_event_t *event)
{
    const node_t *limiter = node_limiter();
    bool was_well = limiter->alive && !limiter->frozen && limiter->ready && !sim.disk_full &&
                    !sim.disk_slow && sim.now.at.us - limiter->since >= US_PER_S &&
                    sim.now.at.us - sim.limiter_well_since >= US_PER_S;
    uint64_t generation = event->number;
    if (was_well)
        memory_disk_each(sim.disk, is_held_by, &generation);
    else
        sim_push((sim_event_t){.at = after(US_PER_S), .kind = SIM_BEREFT, .number = generation});
}

/* ---- at rest */

static void check_finished(void *arg, const stored_message_t *m)
{
    (void)arg;
    char id[MSGID_TEXT];
    msgid_text(&m->envelope.id, id);
    if (m->progress.state != STATE_DONE && m->progress.state != STATE_DEAD)
        violation("invariant 7: message %lld (%s) stays %s for ever", (long long)m->progress.seq,
                  id, state_name(m->progress.state));
    if (m->progress.state == STATE_DEAD && m->progress.reason.len == 0)
        violation("message %lld is dead without a reason", (long long)m->progress.seq);
}

static bool begins(bytes_t text, const char *with)
{
    return text.len >= strlen(with) && memcmp(text.data, with, strlen(with)) == 0;
}

static void check_dead(const op_t *op, const stored_message_t *m)
{
    const step_t *step = route_step(&sim.config->routes[op->route], m->progress.step);
    if (begins(m->progress.reason, "unknown"))
        return;
    if (begins(m->progress.reason, "cancelled") && op->may_be_cancelled)
        return;
    if (begins(m->progress.reason, "refused") && sim.config->sources[0].at_drain == AT_DRAIN_DEAD)
        return;
    if (begins(m->progress.reason, "poison") && m->progress.deaths > 2)
        return;
    if (!step)
        violation("operation %u died without a step", op->number);
    size_t place = (size_t)(step - sim.config->routes[op->route].steps);
    if (op->failures[place] < step->attempts)
        violation("operation %u was given up after %u failures, %u were allowed: %.*s", op->number,
                  op->failures[place], step->attempts, (int)m->progress.reason.len,
                  (const char *)m->progress.reason.data);
}

/* Nobody was told of some: their answers were lost, and no sender asked again. */
static bool is_of_key(const msgid_t *id, const op_t *op)
{
    bool is_known = false;
    for (size_t i = 0; i < sim.op_count; i++) {
        const op_t *its = &sim.ops[i];
        if (!its->has_id || !msgid_equal(&its->id, id))
            continue;
        is_known = true;
        if (its->route == op->route && its->key == op->key)
            return true;
    }
    return !is_known;
}

/* Another of its key, which came later, stands for both. */
static bool is_merged(const op_t *op, const stored_message_t *m)
{
    static const char said[] = "merged into ";
    msgid_t into;
    if (!begins(m->progress.reason, said))
        return false;
    bytes_t id = bytes_of(m->progress.reason.data + sizeof said - 1,
                          m->progress.reason.len - (sizeof said - 1));
    const stored_message_t *other =
        msgid_parse(id, &into) == 0 ? memory_disk_find(sim.disk, &into) : NULL;
    if (!sim.config->routes[op->route].merge || !other || other->progress.seq <= m->progress.seq ||
        !is_of_key(&into, op))
        violation("operation %u was merged into what does not stand for it", op->number);
    return true;
}

/* What its call would have made a lease of was released before it: both are of one line. */
static bool may_be_released(const op_t *op)
{
    for (size_t i = 0; i < sim.op_count; i++) {
        const step_t *first = &sim.config->routes[sim.ops[i].route].steps[0];
        if (first->kind == STEP_RELEASE && sim.ops[i].number / 8 == op->number / 8)
            return true;
    }
    return false;
}

static void check_done(const op_t *op, const stored_message_t *m)
{
    const route_t *route = &sim.config->routes[op->route];
    bool merged = is_merged(op, m);
    for (size_t i = 0; i < route->step_count; i++) {
        const step_t *step = &route->steps[i];
        bool skipped = step->when.count > 0 && op->kind % 2 == 0;
        if (step->kind == STEP_CALL && !skipped && op->effects[i] == 0 && !merged &&
            !standing_may_have_skipped(step) && !(step->lease_id && may_be_released(op)))
            violation("invariant 2: operation %u is done and its step %s never happened",
                      op->number, step->name);
        if (step->kind == STEP_CALL && skipped && op->effects[i] > 0)
            violation("operation %u: the step %s happened though its condition does not hold",
                      op->number, step->name);
    }
}

static void check_op(const op_t *op)
{
    if (op->accepted && op->twin != op->number && sim.ops[op->twin].accepted)
        violation("one sender's id was accepted with two bodies: operations %u and %u", op->number,
                  op->twin);
    if (!op->accepted)
        return;
    const stored_message_t *m = memory_disk_find(sim.disk, &op->id);
    if (!m)
        violation("invariant 2: operation %u was accepted and is lost", op->number);
    if (m->progress.state == STATE_DEAD)
        check_dead(op, m);
    else
        check_done(op, m);
}

static void check_ingress(const node_t *n)
{
    const ingress_t *in = carrier_self(n->carrier);
    if (in->waiting.count + in->again.count + in->sent.count > 0)
        violation("invariant 7: %s/%u has a submission that nobody will answer",
                  actor_name(n->kind), n->instance);
}

void check_end(void)
{
    memory_disk_each(sim.disk, check_finished, NULL);
    intervals_end();
    for (size_t i = 0; i < sim.op_count; i++)
        check_op(&sim.ops[i]);
    for (size_t i = 1; i < sim.node_count; i++)
        if (sim.nodes[i].kind == ACTOR_INGRESS)
            check_ingress(&sim.nodes[i]);
    if (sim.assigned_count > 0)
        violation("invariant 4: message %llu is in hand and nothing is left to do",
                  (unsigned long long)sim.assigned[0].seq);
}
