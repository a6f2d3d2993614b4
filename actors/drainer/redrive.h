/* redrive.h: putting dead letters back, or dropping them, at a steady rate: how many are due now,
 * and when a job is over. Pure. */
#ifndef WEIR_DRAINER_REDRIVE_H
#define WEIR_DRAINER_REDRIVE_H

#include "core/base.h"
#include "protocol/limits.h"

#define REDRIVE_RATE_DEFAULT 50u
#define REDRIVE_RATE_MAX 5000u
#define REDRIVE_SLICE_US (100 * US_PER_MS)
#define REDRIVE_REPORTS_MAX                                                                        \
    4u /* reports without fewer dead letters: none of the wanted kind is left */

typedef struct redrive {
    bool active, gave_up;                     /* gave_up: no more of its kind was found */
    bool drops;                               /* for good, instead of putting them back */
    bool cancelled;
    char route[NAME_BYTES_MAX + 1], who[129]; /* route empty: of every route */
    unsigned rate;                            /* a second */
    uint64_t left, asked;                     /* still to ask for; asked for so far */
    instant_t began, due;
    uint64_t last_dead, stale_reports;
} redrive_t;

/* At most `dead` letters, those there are now: what dies again meanwhile is not put back once more.
 */
void redrive_begin(redrive_t *job, bytes_t route, bytes_t who, unsigned rate, uint64_t dead,
                   now_t now);
/* How many to ask for now; 0: nothing is due. Sets when it is due again; ends with the last. */
uint64_t redrive_slice(redrive_t *job, now_t now);
void redrive_cancel(redrive_t *job);
/* A report of how many dead letters there are: ends a job that finds no more of its kind. */
void redrive_report(redrive_t *job, uint64_t dead);

#endif
