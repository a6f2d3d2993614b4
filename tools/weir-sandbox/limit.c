#include <stdlib.h>

#include "sandbox.h"

/* A sliding window, exact: the times of the last `most` requests in a ring. The next one is allowed
 * when the oldest of them has left the window. */
struct limit {
    unsigned most, next;
    int64_t window_us, penalty_us, penalty_until;
    int64_t at[];
};

limit_t *limit_new(unsigned most, int64_t window_us, int64_t penalty_us)
{
    limit_t *l = calloc(1, sizeof *l + most * sizeof l->at[0]);
    must(l && most > 0);
    *l = (limit_t){.most = most, .window_us = window_us, .penalty_us = penalty_us};
    for (unsigned i = 0; i < most; i++)
        l->at[i] = INT64_MIN / 2;
    return l;
}

void limit_destroy(limit_t **limit)
{
    free(*limit);
    *limit = NULL;
}

int64_t limit_take(limit_t *l, int64_t now_us)
{
    if (now_us < l->penalty_until)
        return l->penalty_until - now_us;
    int64_t free_at = l->at[l->next] + l->window_us;
    if (now_us < free_at) {
        l->penalty_until = now_us + l->penalty_us;
        return free_at - now_us > l->penalty_us ? free_at - now_us : l->penalty_us;
    }
    l->at[l->next] = now_us;
    l->next = (l->next + 1) % l->most;
    return 0;
}
