#include "core/agenda.h"

#include <stdlib.h>

struct agenda {
    agenda_entry_t **heap; /* 1-based */
    size_t count, room, most;
    uint64_t order;
};

agenda_t *agenda_new(size_t entries_max)
{
    agenda_t *a = calloc(1, sizeof *a);
    must(a && entries_max > 0);
    a->most = entries_max;
    return a;
}

void agenda_destroy(agenda_t **a)
{
    if (*a) {
        free((*a)->heap);
        free(*a);
        *a = NULL;
    }
}

static bool sooner(const agenda_entry_t *a, const agenda_entry_t *b)
{
    return a->due.us != b->due.us ? a->due.us < b->due.us : a->order < b->order;
}

static void put(agenda_t *a, size_t place, agenda_entry_t *e)
{
    a->heap[place] = e;
    e->place = place;
}

static void rise(agenda_t *a, size_t place)
{
    agenda_entry_t *e = a->heap[place];
    for (; place > 1 && sooner(e, a->heap[place / 2]); place /= 2)
        put(a, place, a->heap[place / 2]);
    put(a, place, e);
}

static void sink(agenda_t *a, size_t place)
{
    agenda_entry_t *e = a->heap[place];
    for (size_t child; (child = place * 2) <= a->count; place = child) {
        if (child < a->count && sooner(a->heap[child + 1], a->heap[child]))
            child++;
        if (!sooner(a->heap[child], e))
            break;
        put(a, place, a->heap[child]);
    }
    put(a, place, e);
}

static void make_room(agenda_t *a)
{
    if (a->count + 1 < a->room)
        return;
    a->room = a->room ? a->room * 2 : 64;
    a->heap = realloc(a->heap, a->room * sizeof(agenda_entry_t *));
    must(a->heap);
}

void agenda_add(agenda_t *a, agenda_entry_t *e, instant_t due)
{
    must(e->place == 0 && a->count < a->most);
    make_room(a);
    e->due = due;
    e->order = ++a->order;
    put(a, ++a->count, e);
    rise(a, e->place);
}

void agenda_remove(agenda_t *a, agenda_entry_t *e)
{
    size_t place = e->place;
    if (place == 0)
        return;
    must(place <= a->count && a->heap[place] == e);
    agenda_entry_t *last = a->heap[a->count--];
    e->place = 0;
    if (last == e)
        return;
    put(a, place, last);
    rise(a, place);
    sink(a, last->place);
}

agenda_entry_t *agenda_first(const agenda_t *a) { return a->count ? a->heap[1] : NULL; }

agenda_entry_t *agenda_take_due(agenda_t *a, instant_t now)
{
    agenda_entry_t *e = agenda_first(a);
    if (!e || instant_before(now, e->due))
        return NULL;
    agenda_remove(a, e);
    return e;
}

size_t agenda_count(const agenda_t *a) { return a->count; }
