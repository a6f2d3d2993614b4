/* pace.h: how long a batch waits for company before its sync. Pure.
 *
 * A sync costs the same for one change as for a hundred, in time and in CPU, so under load it pays
 * to let changes gather; with little to gather a pause only makes everybody wait. What a full pause
 * would gather is the rate of changes times its length: below PACE_FEW there is no pause, from
 * PACE_MANY on a full one, between them a part. It ends early with PACE_MANY changes in the batch:
 * each then bears little of the sync, and senders that wait for it could send no more. The rate is
 * smoothed over about PACE_MEMORY_US of time, not over commits, so that a silence of that length is
 * forgotten in one commit and a burst after it starts without a pause. A closed loop steadies
 * itself: a pause that slows the senders lowers the rate, and with it the pause. */
#ifndef WEIR_ACTORS_PACE_H
#define WEIR_ACTORS_PACE_H

#include "core/base.h"

#define PACE_FEW 4.0
#define PACE_MANY 16u
#define PACE_MEMORY_US 20000

typedef struct pace {
    int64_t pause_us_max;
    double rate;         /* changes a microsecond, smoothed */
    instant_t submitted; /* the last batch */
    instant_t since;     /* the first change of the open batch; NEVER: it has none */
} pace_t;

void pace_changed(pace_t *p, instant_t now); /* the open batch has something in it */
void pace_submitted(pace_t *p, size_t changes, instant_t now); /* it was handed over */
/* When the open batch, of so many changes, should go, the store being idle. */
instant_t pace_due(const pace_t *p, size_t changes);

#endif
