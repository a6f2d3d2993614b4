#include "actors/drainer/redrive.h"

void redrive_begin(redrive_t *job, bytes_t route, bytes_t who, unsigned rate, uint64_t dead,
                   now_t now)
{
    must(rate >= 1 && rate <= REDRIVE_RATE_MAX);
    *job = (redrive_t){.active = dead > 0,
                       .rate = rate,
                       .left = dead,
                       .began = now.at,
                       .due = now.at,
                       .last_dead = dead};
    bytes_text(route, job->route, sizeof job->route);
    bytes_text(who, job->who, sizeof job->who);
}

uint64_t redrive_slice(redrive_t *job, now_t now)
{
    if (!job->active || instant_before(now.at, job->due))
        return 0;
    /* One at once, then as many as the time since the begin allows: short waits add up, and so do
     * late ones. */
    uint64_t allowed = 1 + (uint64_t)instant_since_us(now.at, job->began) * job->rate / US_PER_S;
    uint64_t most = allowed > job->asked ? allowed - job->asked : 0;
    if (most > job->left)
        most = job->left;
    if (most > BATCH_ITEMS_MAX)
        most = BATCH_ITEMS_MAX;
    job->asked += most;
    job->left -= most;
    job->active = job->left > 0;
    job->due = instant_after_us(now.at, REDRIVE_SLICE_US);
    return most;
}

void redrive_report(redrive_t *job, uint64_t dead)
{
    if (!job->active)
        return;
    job->stale_reports = dead < job->last_dead ? 0 : job->stale_reports + 1;
    job->last_dead = dead;
    if (dead == 0 || job->stale_reports >= REDRIVE_REPORTS_MAX) {
        job->active = false;
        job->gave_up = true;
    }
}

void redrive_cancel(redrive_t *job)
{
    job->cancelled = job->active;
    job->active = false;
}
