/* totals.c: what all seeds of a run came to, and how far that is from what the run was for. */
#include <stdio.h>

#include "tests/sim/parts.h"

static void add_finished(void *arg, const stored_message_t *m)
{
    totals_t *t = arg;
    t->done += m->progress.state == STATE_DONE;
    t->dead += m->progress.state == STATE_DEAD;
    t->redriven += (m->progress.flags & PROGRESS_REDRIVEN) != 0;
    t->unknown += (m->progress.flags & PROGRESS_UNKNOWN) != 0;
}

void totals_add(totals_t *t)
{
    const evidence_t *e = &sim.evidence;
    t->seeds++;
    t->steps += sim.steps;
    t->hash = t->hash * 31 + sim.hash;
    t->accepted += sim.verdicts[VERDICT_ACCEPTED];
    t->repeated += sim.verdicts[VERDICT_DUPLICATE];
    t->refused += sim.replies[503];
    t->effects += sim.effects_done;
    t->told += sim.told;
    t->probed += sim.probes_answered;
    t->killed += sim.deaths;
    t->stops += sim.stops;
    t->drains += sim.drains;
    t->evidence.calls += e->calls;
    t->evidence.judged += e->judged;
    t->evidence.killed += e->killed;
    t->evidence.in_hand += e->in_hand;
    t->evidence.bent += e->bent;
    t->evidence.learned += e->learned;
    t->evidence.apart += e->apart;
    t->evidence.provisional += e->provisional;
    t->evidence.registered += e->registered;
    t->evidence.exams += e->exams;
    t->evidence.taken += e->taken;
    t->evidence.released += e->released;
    t->evidence.lost += e->lost;
    t->evidence.lists += e->lists;
    memory_disk_each(sim.disk, add_finished, t);
}

bool totals_reach(const totals_t *t, const totals_goals_t *goals)
{
    return t->evidence.calls >= goals->calls &&
           t->evidence.killed + t->evidence.lost >= goals->holders;
}

typedef struct told {
    const char *what;
    uint64_t count;
} told_t;

static void tell(const told_t *told, size_t count)
{
    for (size_t i = 0; i < count; i++)
        printf("%s%llu %s", i ? ", " : "", (unsigned long long)told[i].count, told[i].what);
    printf("\n");
}

void totals_tell(const totals_t *t, double took)
{
    const evidence_t *e = &t->evidence;
    const told_t messages[] = {{"accepted", t->accepted},
                               {"duplicates", t->repeated},
                               {"answered 503", t->refused},
                               {"effects", t->effects},
                               {"done", t->done},
                               {"dead", t->dead},
                               {"redriven", t->redriven},
                               {"unknown", t->unknown},
                               {"actors killed", t->killed},
                               {"stopped in order", t->stops},
                               {"drains", t->drains},
                               {"questions answered", t->told},
                               {"probes answered", t->probed}};
    const told_t limits[] = {{"calls", e->calls},
                             {"judged by a rate or window", e->judged},
                             {"assigned at a lowered adaptive limit", e->bent},
                             {"pauses of one value", e->learned},
                             {"intervals of a key", e->apart},
                             {"exams passed", e->exams}};
    const told_t holders[] = {{"holders killed", e->killed + e->lost},
                              {"of these processes", e->killed},
                              {"messages in their hands", e->in_hand},
                              {"leases taken", e->taken},
                              {"given back", e->released},
                              {"lost with their holder", e->lost},
                              {"granted without the limiter", e->provisional},
                              {"of these registered", e->registered},
                              {"whole lists of those who live", e->lists}};
    tell(messages, COUNT_OF(messages));
    tell(limits, COUNT_OF(limits));
    tell(holders, COUNT_OF(holders));
    printf("seeds %llu, steps %llu, no violation; trace %016llx; %.0f steps/s, %.0f seeds/min\n",
           (unsigned long long)t->seeds, (unsigned long long)t->steps, (unsigned long long)t->hash,
           (double)t->steps / took, (double)t->seeds * 60 / took);
}
