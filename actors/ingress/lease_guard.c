#include "actors/ingress/lease_guard.h"

#include <stdlib.h>
#include <xxhash.h>

#include "actors/ingress/lease_read.h"
#include "core/bugs.h"

#define uthash_fatal(what) must(!(what)) /* no memory */
#include <uthash.h>

#define SWEEP_US US_PER_S

typedef struct entry {
    UT_hash_handle hh;
    instant_t until;
    uint64_t ttl_ms;
    bool provisional, learned;
    uint8_t limit_count;
    uint16_t limits[LEASE_DRAWS_MAX];
    size_t id_len;
    char id[];
} entry_t;

struct guard {
    const config_t *config;
    entry_t *entries;
    unsigned *held, learned;
    instant_t swept;
    uint64_t seed; /* ids are chosen outside */
};

guard_t *guard_new(const config_t *config, uint64_t seed)
{
    guard_t *g = calloc(1, sizeof *g);
    must(g);
    g->config = config;
    g->seed = seed;
    g->held = calloc(config->limit_count + 1, sizeof *g->held);
    must(g->held);
    return g;
}

static void forget(guard_t *g, entry_t *e)
{
    for (size_t i = 0; i < e->limit_count; i++)
        g->held[e->limits[i]]--;
    g->learned -= e->learned;
    HASH_DEL(g->entries, e);
    free(e);
}

void guard_destroy(guard_t **at)
{
    guard_t *g = *at;
    if (!g)
        return;
    while (g->entries)
        forget(g, g->entries);
    free(g->held);
    free(g);
    *at = NULL;
}

static unsigned hash_of(const guard_t *g, bytes_t id)
{
    return (unsigned)XXH3_64bits_withSeed(id.data, id.len, g->seed);
}

static entry_t *find(const guard_t *g, bytes_t id)
{
    entry_t *e = NULL;
    HASH_FIND_BYHASHVALUE(hh, g->entries, id.data, id.len, hash_of(g, id), e);
    return e;
}

static bool has_guard(const guard_t *g, const guarded_t *lease)
{
    for (size_t i = 0; i < lease->limit_count; i++)
        if (g->config->limits[lease->limits[i]].guard)
            return true;
    return false;
}

/* At most once a second: a full guard is asked for often. */
static void sweep(guard_t *g, instant_t now)
{
    if (instant_since_us(now, g->swept) < SWEEP_US)
        return;
    g->swept = now;
    entry_t *e, *next;
    HASH_ITER(hh, g->entries, e, next)
    {
        if (!instant_before(now, e->until))
            forget(g, e);
    }
}

static long full(const guard_t *g, const guarded_t *lease)
{
    for (size_t i = 0; i < lease->limit_count; i++) {
        unsigned guard = g->config->limits[lease->limits[i]].guard;
        if (guard && g->held[lease->limits[i]] >= guard && !BUG(GUARD_IGNORED))
            return lease->limits[i];
    }
    return -1;
}

static void prolong(entry_t *e, const guarded_t *lease, instant_t now)
{
    e->ttl_ms = lease->ttl_ms;
    e->until = instant_after_us(now, (int64_t)lease->ttl_ms * US_PER_MS);
}

static entry_t *enter(guard_t *g, const guarded_t *lease, instant_t now)
{
    entry_t *e = calloc(1, sizeof *e + lease->id.len);
    must(e && lease->limit_count <= LEASE_DRAWS_MAX);
    prolong(e, lease, now);
    e->limit_count = (uint8_t)lease->limit_count;
    e->id_len = lease->id.len;
    memcpy(e->id, lease->id.data, lease->id.len);
    for (size_t i = 0; i < lease->limit_count; i++)
        g->held[e->limits[i] = lease->limits[i]]++;
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, g->entries, e->id, e->id_len, hash_of(g, lease->id), e);
    return e;
}

long guard_take(guard_t *g, const guarded_t *lease, instant_t now)
{
    if (!has_guard(g, lease) || find(g, lease->id))
        return -1;
    if (full(g, lease) >= 0)
        sweep(g, now);
    long at = full(g, lease);
    if (at < 0)
        enter(g, lease, now);
    return at;
}

void guard_learn(guard_t *g, const guarded_t *lease, instant_t now)
{
    entry_t *e = find(g, lease->id);
    if (e) {
        prolong(e, lease, now);
    } else if (has_guard(g, lease) && g->learned < GUARD_LEARNED_MAX) {
        enter(g, lease, now)->learned = true;
        g->learned++;
    }
}

void guard_drop(guard_t *g, bytes_t id)
{
    entry_t *e = find(g, id);
    if (e)
        forget(g, e);
}

void guard_set_provisional(guard_t *g, bytes_t id, bool is)
{
    entry_t *e = find(g, id);
    if (e)
        e->provisional = is;
}

bool guard_is_provisional(const guard_t *g, bytes_t id)
{
    const entry_t *e = find(g, id);
    return e && e->provisional;
}

bool guard_find(const guard_t *g, bytes_t id, guarded_t *out)
{
    const entry_t *e = find(g, id);
    if (e)
        *out = (guarded_t){bytes_of(e->id, e->id_len), e->limits, e->limit_count, e->ttl_ms};
    return e != NULL;
}

unsigned guard_held(const guard_t *g, size_t limit) { return g->held[limit]; }
