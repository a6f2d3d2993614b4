/* The writer's thread: batches in their order, each transaction synced before anybody hears of it.
 * Whatever waits when it becomes free goes into one transaction. A failed sync ends all commits of
 * this life: SQLite would go on, and a frame that never reached the disk would cut off every later
 * one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/crash.h"
#include "store/sqlite_inner.h"

#define GROUP_CHANGES_MAX 8192u /* changes in one transaction, unless one batch has more */

typedef struct group {
    batch_queue_t batches;
    damage_note_t notes[STORE_NOTES_MAX];
    size_t note_count;
} group_t;

static int64_t monotonic_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

bool sqlite_is_space(int rc, sqlite3 *db)
{
    int os = db ? sqlite3_system_errno(db) : 0;
    if ((rc & 0xff) == SQLITE_FULL || rc == SQLITE_IOERR_SHMSIZE)
        return true;
    return rc == SQLITE_IOERR_WRITE && (os == ENOSPC || os == EDQUOT);
}

static int apply_group(sqlite_store_t *self, const group_t *group)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; i < group->note_count && rc == SQLITE_OK; i++)
        rc = sqlite_write_note(self, &group->notes[i]);
    for (const store_batch_t *b = group->batches.oldest; b && rc == SQLITE_OK; b = b->next)
        rc = sqlite_apply(self, b);
    return rc;
}

static int transaction(sqlite_store_t *self, const group_t *group)
{
    CRASH_POINT("store.before_begin");
    self->next_group = atomic_load(&self->group_end); /* an earlier try may have counted on */
    int rc = sqlite_run(self->write[W_BEGIN]);
    if (rc != SQLITE_OK)
        return rc;
    rc = apply_group(self, group);
    CRASH_POINT("store.before_commit");
    if (rc == SQLITE_OK)
        rc = sqlite_run(self->write[W_COMMIT]);
    CRASH_POINT("store.after_commit");
    return rc;
}

static int try_group(sqlite_store_t *self, const group_t *group, char *text, size_t size,
                     bool *space)
{
    int rc = transaction(self, group);
    if (rc == SQLITE_OK)
        return rc;
    rc = sqlite3_extended_errcode(self->writer) ? sqlite3_extended_errcode(self->writer) : rc;
    *space = sqlite_is_space(rc, self->writer);
    snprintf(text, size, "%s (SQLite %d, errno %d)", sqlite3_errmsg(self->writer), rc,
             sqlite3_system_errno(self->writer));
    if (!sqlite3_get_autocommit(self->writer))
        sqlite_run(self->write[W_ROLLBACK]);
    return rc;
}

static void on_full(sqlite_store_t *self)
{
    if (self->reserve_kept)
        reserve_release(self->directory);
    self->reserve_kept = false;
    if (self->full)
        return;
    self->full = true;
    sqlite_put_event(
        self,
        (store_event_t){.kind = STORE_FULL, .error = -ENOSPC, .error_text = "the disk is full"});
}

/* Space is back when there is room for the reserve and some more; otherwise it would be full again
 * at once. */
static void try_space(sqlite_store_t *self)
{
    uint64_t margin = self->reserve_bytes / 8 + (1u << 20);
    if (space_free(self->directory) < self->reserve_bytes + margin)
        return;
    CRASH_POINT("store.before_reserve");
    if (reserve_make(self->directory, self->reserve_bytes) < 0)
        return;
    self->reserve_kept = true;
    self->full = false;
    sqlite_put_event(self, (store_event_t){.kind = STORE_SPACE});
}

static struct timespec after_ms(unsigned ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += (long)ms * 1000000L;
    t.tv_sec += t.tv_nsec / 1000000000L;
    t.tv_nsec %= 1000000000L;
    return t;
}

/* Waits before the next try. False: closing, and nobody waits for the answer any more. */
static bool wait_retry(sqlite_store_t *self)
{
    struct timespec until = after_ms(STORE_RETRY_MS);
    pthread_mutex_lock(&self->lock);
    int rc = 0;
    while (!self->closing && rc == 0)
        rc = pthread_cond_timedwait(&self->to_write, &self->lock, &until);
    bool closing = self->closing;
    pthread_mutex_unlock(&self->lock);
    return !closing;
}

/* True: on disk. False: never, in this life. */
static bool write_group(sqlite_store_t *self, const group_t *group)
{
    for (;;) {
        char text[sizeof self->trouble];
        bool space = false, had_reserve = self->reserve_kept;
        int rc = try_group(self, group, text, sizeof text, &space);
        if (rc == SQLITE_OK)
            return true;
        if (space)
            on_full(self);
        else if ((rc & 0xff) != SQLITE_BUSY) {
            sqlite_poison(self, sqlite_errno(rc, NULL), text);
            return false;
        }
        if (space && had_reserve)
            continue;
        if (!wait_retry(self))
            return false;
        if (space)
            sqlite_checkpoint_rest(self); /* the log's own space may be used again */
    }
}

static void keep_settings(sqlite_store_t *self, const store_batch_t *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        if (batch->changes[i].kind == CHANGE_SETTING)
            sqlite_keep_setting(self, batch->changes[i].setting.name,
                                batch->changes[i].setting.value);
}

static void tell_committed(sqlite_store_t *self, group_t *group, uint32_t commit_us)
{
    uint64_t newest = 0;
    size_t count = group->batches.count;
    pthread_mutex_lock(&self->lock);
    for (const store_batch_t *b = group->batches.oldest; b; b = b->next) {
        keep_settings(self, b);
        newest = b->number;
        if (b->has_tally)
            atomic_store(&self->next_seq, b->tally.next_seq);
    }
    atomic_store(&self->group_end, self->next_group);
    self->unfinished -= count;
    pthread_mutex_unlock(&self->lock);
    if (newest)
        sqlite_put_event(
            self,
            (store_event_t){.kind = STORE_COMMITTED, .batch = newest, .commit_us = commit_us});
}

static void commit_group(sqlite_store_t *self, group_t *group)
{
    int64_t began = monotonic_us();
    if (write_group(self, group))
        tell_committed(self, group, (uint32_t)(monotonic_us() - began));
    batch_queue_clear(&group->batches);
    if (self->full && !self->poisoned)
        try_space(self);
    if (!self->poisoned)
        sqlite_checkpoint_rest(self);
}

static void take_group(sqlite_store_t *self, group_t *group)
{
    size_t changes = 0;
    while (self->queue.count) {
        changes += self->queue.oldest->count;
        if (group->batches.count && changes > GROUP_CHANGES_MAX)
            break;
        batch_queue_put(&group->batches, batch_queue_take(&self->queue));
    }
    memcpy(group->notes, self->notes, self->note_count * sizeof *self->notes);
    group->note_count = self->note_count;
    self->note_count = 0;
}

/* Under the lock. False: it is over. While the disk is full it comes back by itself to look for
 * space. */
static bool wait_work(sqlite_store_t *self)
{
    struct timespec until = after_ms(STORE_RETRY_MS);
    while (!self->poisoned && self->queue.count == 0 && self->note_count == 0) {
        if (self->closing)
            return false;
        if (!self->full)
            pthread_cond_wait(&self->to_write, &self->lock);
        else if (pthread_cond_timedwait(&self->to_write, &self->lock, &until) == ETIMEDOUT)
            return true;
    }
    return !self->poisoned;
}

void *sqlite_write_main(void *arg)
{
    sqlite_store_t *self = arg;
    group_t *group = memory_take(sizeof *group);
    pthread_mutex_lock(&self->lock);
    while (wait_work(self)) {
        take_group(self, group);
        pthread_mutex_unlock(&self->lock);
        if (group->batches.count || group->note_count)
            commit_group(self, group);
        else
            try_space(self);
        pthread_mutex_lock(&self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    free(group);
    return NULL;
}
