#include "core/prints.h"

#include <stdlib.h>

typedef struct entry {
    uint32_t print[3]; /* the first 96 bits of a SHA-256 */
    uint32_t body;
    int64_t seq; /* 0: empty */
} entry_t;
_Static_assert(sizeof(entry_t) == 24, "24 bytes an id");

struct prints {
    entry_t *entries;
    size_t mask, count, most;
    uint64_t seed;
    int64_t keep_from;  /* smaller ones may go */
    size_t sweep_place; /* places below it still to look at */
};

prints_t *prints_new(size_t most, uint64_t seed)
{
    prints_t *p = calloc(1, sizeof *p);
    must(p && most > 0);
    p->most = most;
    p->seed = seed;
    p->mask = 1023;
    p->entries = calloc(p->mask + 1, sizeof(entry_t));
    must(p->entries);
    return p;
}

void prints_destroy(prints_t **p)
{
    if (*p) {
        free((*p)->entries);
        free(*p);
        *p = NULL;
    }
}

static entry_t entry_of(const dedup_print_t *print, uint64_t body_hash, int64_t seq)
{
    entry_t e = {.body = (uint32_t)body_hash, .seq = seq};
    memcpy(e.print, print->b, sizeof e.print);
    return e;
}

static bool same_print(const entry_t *a, const entry_t *b)
{
    return memcmp(a->print, b->print, sizeof a->print) == 0;
}

/* Multiplicative hashing (Knuth, TAOCP 3, 6.4) of the print mixed with the seed. */
static size_t home_of(const prints_t *p, const entry_t *e)
{
    uint64_t bits = ((uint64_t)e->print[1] << 32 | e->print[0]) ^ p->seed;
    return (size_t)((bits * 0x9E3779B97F4A7C15ull) >> 24) & p->mask;
}

/* Where it is, or the empty place where it would go. */
static size_t place_of(const prints_t *p, const entry_t *e)
{
    size_t i = home_of(p, e);
    while (p->entries[i].seq != 0 && !same_print(&p->entries[i], e))
        i = (i + 1) & p->mask;
    return i;
}

int64_t prints_find(const prints_t *p, const dedup_print_t *print, uint64_t body_hash,
                    bool *same_body)
{
    entry_t e = entry_of(print, body_hash, 0);
    const entry_t *found = &p->entries[place_of(p, &e)];
    if (found->seq < p->keep_from)
        return 0;
    *same_body = found->body == e.body;
    return found->seq;
}

static void grow(prints_t *p)
{
    entry_t *old = p->entries;
    size_t places = p->mask + 1;
    p->mask = places * 2 - 1;
    p->entries = calloc(p->mask + 1, sizeof(entry_t));
    must(p->entries);
    for (size_t i = 0; i < places; i++)
        if (old[i].seq != 0)
            p->entries[place_of(p, &old[i])] = old[i];
    free(old);
    p->sweep_place = p->keep_from > 0 ? p->mask + 1 : 0;
}

void prints_put(prints_t *p, const dedup_print_t *print, uint64_t body_hash, int64_t seq)
{
    must(seq > 0);
    if (p->count * 10 >= (p->mask + 1) * 7)
        grow(p);
    entry_t e = entry_of(print, body_hash, seq);
    size_t i = place_of(p, &e);
    p->count += p->entries[i].seq == 0;
    p->entries[i] = e;
    if (p->count > p->most)
        prints_forget_before(p, seq - (int64_t)p->most + 1);
    prints_sweep(p, 4); /* keeps pace with what a full window adds */
}

void prints_forget_before(prints_t *p, int64_t seq)
{
    if (seq <= p->keep_from)
        return;
    p->keep_from = seq;
    if (p->sweep_place == 0) /* else the round that runs goes on; the next one begins after it */
        p->sweep_place = p->mask + 1;
}

/* Knuth's algorithm R (TAOCP 3, 6.4): close the gap so that no search stops early. */
static void take_out(prints_t *p, size_t gap)
{
    for (size_t i = (gap + 1) & p->mask; p->entries[i].seq != 0; i = (i + 1) & p->mask) {
        size_t home = home_of(p, &p->entries[i]);
        if (((i - home) & p->mask) >= ((i - gap) & p->mask)) {
            p->entries[gap] = p->entries[i];
            gap = i;
        }
    }
    p->entries[gap].seq = 0;
    p->count--;
}

bool prints_sweep(prints_t *p, size_t most)
{
    while (p->sweep_place > 0 && most-- > 0) {
        size_t i = p->sweep_place - 1;
        if (p->entries[i].seq != 0 && p->entries[i].seq < p->keep_from)
            take_out(p, i); /* another may have moved here: look again */
        else
            p->sweep_place--;
    }
    return p->sweep_place > 0;
}

size_t prints_count(const prints_t *p) { return p->count; }
size_t prints_bytes(const prints_t *p) { return (p->mask + 1) * sizeof(entry_t); }
