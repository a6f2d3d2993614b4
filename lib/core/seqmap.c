#include "core/seqmap.h"

#include <stdlib.h>

typedef struct place {
    int64_t seq;
    void *value;
} place_t;
struct seqmap {
    place_t *places;
    size_t mask, count;
};

seqmap_t *seqmap_new(void)
{
    seqmap_t *m = calloc(1, sizeof *m);
    must(m);
    m->mask = 255;
    m->places = calloc(m->mask + 1, sizeof(place_t));
    must(m->places);
    return m;
}

void seqmap_destroy(seqmap_t **m)
{
    if (*m) {
        free((*m)->places);
        free(*m);
        *m = NULL;
    }
}

/* Neighbours stay neighbours: numbers come in runs, and a run then shares cache lines. */
static size_t place_of(const seqmap_t *m, int64_t seq)
{
    size_t i = (size_t)seq & m->mask;
    while (m->places[i].seq != 0 && m->places[i].seq != seq)
        i = (i + 1) & m->mask;
    return i;
}

void *seqmap_find(const seqmap_t *m, int64_t seq)
{
    const place_t *p = &m->places[place_of(m, seq)];
    return p->seq == seq ? p->value : NULL;
}

static void grow(seqmap_t *m)
{
    place_t *old = m->places;
    size_t places = m->mask + 1;
    m->mask = places * 2 - 1;
    m->places = calloc(m->mask + 1, sizeof(place_t));
    must(m->places);
    for (size_t i = 0; i < places; i++)
        if (old[i].seq != 0)
            m->places[place_of(m, old[i].seq)] = old[i];
    free(old);
}

void seqmap_put(seqmap_t *m, int64_t seq, void *value)
{
    must(seq > 0 && value);
    if ((m->count + 1) * 10 > (m->mask + 1) * 7)
        grow(m);
    place_t *p = &m->places[place_of(m, seq)];
    must(p->seq == 0);
    *p = (place_t){seq, value};
    m->count++;
}

/* Knuth's algorithm R (TAOCP 3, 6.4). */
void seqmap_remove(seqmap_t *m, int64_t seq)
{
    size_t gap = place_of(m, seq);
    must(m->places[gap].seq == seq);
    for (size_t i = (gap + 1) & m->mask; m->places[i].seq != 0; i = (i + 1) & m->mask) {
        size_t home = (size_t)m->places[i].seq & m->mask;
        if (((i - home) & m->mask) >= ((i - gap) & m->mask)) {
            m->places[gap] = m->places[i];
            gap = i;
        }
    }
    m->places[gap] = (place_t){0, NULL};
    m->count--;
}

size_t seqmap_count(const seqmap_t *m) { return m->count; }

void seqmap_each(const seqmap_t *m, void (*each)(void *arg, void *value), void *arg)
{
    for (size_t i = 0; i <= m->mask; i++)
        if (m->places[i].seq != 0)
            each(arg, m->places[i].value);
}
