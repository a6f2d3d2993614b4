/* leases.c: leases as the disk shows them: taken, given back, and lost, which is a holder that
 * vanished and never said so. */
#include <string.h>

#include "store/memory_disk.h"
#include "tests/sim/parts.h"

#define SEEN 256u

typedef struct seen_lease {
    uint64_t fence;
    int64_t expires_us, since;
    bool here;
    char id[32];
} seen_lease_t;

static struct {
    seen_lease_t leases[SEEN];
    size_t count;
} seen;

void leases_begin(void) { memset(&seen, 0, sizeof seen); }

/* A tombstone holds nothing; a call's slots that live on belong to its actor, which is counted. */
static void look(void *arg, const stored_lease_t *row)
{
    (void)arg;
    if (row->flags & (LEASE_TOMBSTONE | LEASE_OF_CALL))
        return;
    size_t n = 0;
    while (n < seen.count && seen.leases[n].fence != row->fence)
        n++;
    if (n == seen.count) {
        must(seen.count < SEEN);
        seen.leases[seen.count++].since = sim.now.at.us;
        sim.evidence.taken++;
    }
    seen_lease_t *lease = &seen.leases[n];
    *lease = (seen_lease_t){
        .fence = row->fence, .expires_us = row->expires_us, .since = lease->since, .here = true};
    must(row->id.len < sizeof lease->id);
    memcpy(lease->id, row->id.data, row->id.len);
}

void leases_look(void)
{
    for (size_t n = 0; n < seen.count; n++)
        seen.leases[n].here = false;
    memory_disk_leases(sim.disk, look, NULL);
    for (size_t n = seen.count; n-- > 0;) {
        const seen_lease_t *lease = &seen.leases[n];
        if (lease->here)
            continue;
        bool lost = sim.now.at.us >= lease->expires_us, killed = false;
        if (holders_know(bytes_str(lease->id), &killed))
            lost = killed;
        sim.evidence.lost += lost;
        sim.evidence.released += !lost;
        seen.leases[n] = seen.leases[--seen.count];
    }
}

bool leases_rest(void) { return seen.count == 0; }

int64_t leases_until(const char *id)
{
    for (size_t n = 0; n < seen.count; n++)
        if (strcmp(seen.leases[n].id, id) == 0)
            return seen.leases[n].expires_us;
    return 0;
}

int64_t leases_since(const char *id)
{
    for (size_t n = 0; n < seen.count; n++)
        if (strcmp(seen.leases[n].id, id) == 0)
            return seen.leases[n].since;
    return INT64_MAX;
}
