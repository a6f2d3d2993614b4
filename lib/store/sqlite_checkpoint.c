/* The log is copied into the database in two steps: a thread copies most of it while the writer
 * goes on, and the writer copies the little that is left between two transactions, after which the
 * log begins again at its start. So no commit waits for more than a few pages, and the log stays
 * small. */
#include <errno.h>
#include <stdio.h>

#include "core/crash.h"
#include "store/sqlite_inner.h"

#define FRAME_BYTES (STORE_PAGE_BYTES + 24u)

static unsigned frames_max(const sqlite_store_t *self)
{
    return (unsigned)(self->wal_bytes_max / FRAME_BYTES);
}

/* A failed sync of the database is a failed sync; a full disk only means later. */
static void judge(sqlite_store_t *self, sqlite3 *db, int rc)
{
    int os = sqlite3_system_errno(db);
    if ((rc & 0xff) != SQLITE_IOERR || rc == SQLITE_IOERR_SHMSIZE)
        return;
    if (rc == SQLITE_IOERR_WRITE && (os == ENOSPC || os == EDQUOT))
        return;
    char text[160];
    snprintf(text, sizeof text, "checkpoint: %s (SQLite %d, errno %d)", sqlite3_errmsg(db), rc, os);
    sqlite_poison(self, -EIO, text);
}

static void copy(sqlite_store_t *self, sqlite3 *db, int mode)
{
    int in_log = 0, copied = 0;
    CRASH_POINT("store.before_checkpoint");
    int rc = sqlite3_wal_checkpoint_v2(db, "main", mode, &in_log, &copied);
    CRASH_POINT("store.after_checkpoint");
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY) {
        judge(self, db, sqlite3_extended_errcode(db));
        return;
    }
    if (copied >= 0)
        atomic_store(&self->wal_copied, (unsigned)copied);
}

/* The log begins again when all of it is copied and no reader needs it: the next write sees to
 * that. Past the maximum the writer waits for the readers, which are short. */
void sqlite_checkpoint_rest(sqlite_store_t *self)
{
    unsigned in_log = atomic_load(&self->wal_frames), copied = atomic_load(&self->wal_copied);
    unsigned most = frames_max(self);
    bool waits = !atomic_load(&self->backup_runs); /* for readers: a backup is no short one */
    if (self->full || in_log >= most)
        copy(self, self->writer, waits ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE);
    else if (copied && in_log > copied && in_log - copied <= most / 8)
        copy(self, self->writer, SQLITE_CHECKPOINT_PASSIVE);
    else
        return;
    if (atomic_load(&self->wal_copied) >= in_log)
        atomic_store(&self->wal_copied, 0);
}

/* After a commit: `frames` are in the log now. */
void sqlite_log_grew(sqlite_store_t *self, unsigned frames)
{
    unsigned before = atomic_exchange(&self->wal_frames, frames);
    if (frames < before)
        atomic_store(&self->wal_copied, 0); /* it began again */
    if (frames < frames_max(self) / 4 || atomic_load(&self->wal_copied))
        return;
    pthread_mutex_lock(&self->lock);
    self->checkpoint_wanted = true;
    pthread_cond_signal(&self->to_checkpoint);
    pthread_mutex_unlock(&self->lock);
}

void *sqlite_checkpoint_main(void *arg)
{
    sqlite_store_t *self = arg;
    pthread_mutex_lock(&self->lock);
    for (;;) {
        while (!self->checkpoint_wanted && !self->closing && !self->poisoned)
            pthread_cond_wait(&self->to_checkpoint, &self->lock);
        if (self->closing || self->poisoned)
            break;
        self->checkpoint_wanted = false;
        pthread_mutex_unlock(&self->lock);
        copy(self, self->checkpointer, SQLITE_CHECKPOINT_PASSIVE);
        pthread_mutex_lock(&self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}
