#include <stdlib.h>

#include "run.h"

bool again_add(again_t *a, const journey_t *j)
{
    if (a->count == AGAIN_MAX)
        return false;
    if (a->count == a->room) {
        a->room = a->room ? a->room * 2 : 1024;
        a->heap = realloc(a->heap, a->room * sizeof *a->heap);
        must(a->heap);
    }
    size_t at = a->count++;
    for (; at > 0 && j->due_us < a->heap[(at - 1) / 2].due_us; at = (at - 1) / 2)
        a->heap[at] = a->heap[(at - 1) / 2];
    a->heap[at] = *j;
    return true;
}

bool again_take(again_t *a, int64_t now_us, journey_t *out)
{
    if (a->count == 0 || a->heap[0].due_us > now_us)
        return false;
    *out = a->heap[0];
    journey_t last = a->heap[--a->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < a->count && a->heap[child + 1].due_us < a->heap[child].due_us)
            child++;
        if (child >= a->count || last.due_us <= a->heap[child].due_us)
            break;
        a->heap[at] = a->heap[child];
        at = child;
    }
    a->heap[at] = last;
    return true;
}

int64_t again_next(const again_t *a) { return a->count ? a->heap[0].due_us : INT64_MAX; }
