/* The owner's side of the SQLite store: queues in, events out, nothing that waits. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/crash.h"
#include "store/sqlite_inner.h"

static sqlite_store_t *self_of(store_t *store) { return (sqlite_store_t *)store; }

static void wake_owner(sqlite_store_t *self)
{
    uint64_t one = 1;
    while (write(self->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}

void sqlite_put_event(sqlite_store_t *self, store_event_t event)
{
    pthread_mutex_lock(&self->lock);
    if (self->poisoned
        && event.kind == STORE_COMMITTED) { /* another thread's sync failed meanwhile */
        pthread_mutex_unlock(&self->lock);
        return;
    }
    size_t newest =
        (self->event_first + self->event_count + STORE_EVENTS_MAX - 1) % STORE_EVENTS_MAX;
    store_event_t *last = self->event_count ? &self->events[newest] : NULL;
    if (last && last->kind == STORE_COMMITTED && event.kind == STORE_COMMITTED) {
        *last = event; /* says more and takes no room */
    } else {
        must(self->event_count < STORE_EVENTS_MAX);
        self->events[(self->event_first + self->event_count++) % STORE_EVENTS_MAX] = event;
    }
    if (self->event_count == 1)
        wake_owner(self);
    pthread_mutex_unlock(&self->lock);
}

void sqlite_poison(sqlite_store_t *self, int error, const char *text)
{
    pthread_mutex_lock(&self->lock);
    bool first = !self->poisoned;
    self->poisoned = true;
    if (first)
        snprintf(self->trouble, sizeof self->trouble, "%s", text);
    pthread_cond_broadcast(&self->to_write);
    pthread_cond_broadcast(&self->to_checkpoint);
    pthread_mutex_unlock(&self->lock);
    if (first)
        sqlite_put_event(self, (store_event_t){.kind = STORE_POISONED, .error = error,
                                               .error_text = self->trouble});
}

void sqlite_note_damage(sqlite_store_t *self, damage_note_t note)
{
    pthread_mutex_lock(&self->lock);
    if (self->note_count < STORE_NOTES_MAX)
        self->notes[self->note_count++] = note;
    pthread_cond_signal(&self->to_write);
    pthread_mutex_unlock(&self->lock);
}

static bool take_event(sqlite_store_t *self, store_event_t *out)
{
    uint64_t woken;
    pthread_mutex_lock(&self->lock);
    bool some = self->event_count > 0;
    if (some) {
        *out = self->events[self->event_first];
        self->event_first = (self->event_first + 1) % STORE_EVENTS_MAX;
        self->event_count--;
        self->reads_open -= out->kind == STORE_READ;
    }
    if (self->event_count == 0 && read(self->wake_fd, &woken, sizeof woken) < 0)
        must(errno == EAGAIN);
    pthread_mutex_unlock(&self->lock);
    return some;
}

static bool sqlite_next(store_t *store, store_event_t *out)
{
    sqlite_store_t *self = self_of(store);
    reading_destroy(&self->lent);
    if (!take_event(self, out))
        return false;
    if (out->kind == STORE_READ)
        self->lent = reading_of(out->read);
    return true;
}

static int sqlite_wait_fd(store_t *store) { return self_of(store)->wake_fd; }

static uint64_t sqlite_submit(store_t *store, store_batch_t *batch)
{
    sqlite_store_t *self = self_of(store);
    if (self->submitted == 0)
        sqlite_kept_clear(&self->kept);
    uint64_t number = batch->number = ++self->submitted;
    pthread_mutex_lock(&self->lock);
    must(self->unfinished < BATCHES_OPEN_MAX);
    self->unfinished++;
    batch_queue_put(&self->queue, batch);
    pthread_cond_signal(&self->to_write);
    pthread_mutex_unlock(&self->lock);
    return number;
}

static int sqlite_read(store_t *store, const read_request_t *request)
{
    sqlite_store_t *self = self_of(store);
    must(request_is_sane(request));
    reading_t *answer = reading_new(request);
    pthread_mutex_lock(&self->lock);
    bool room = self->reads_open < READS_OPEN_MAX;
    if (room) {
        self->reads_open++;
        if (self->reads_newest)
            self->reads_newest->next = answer;
        else
            self->reads_oldest = answer;
        self->reads_newest = answer;
        pthread_cond_signal(&self->to_read);
    }
    pthread_mutex_unlock(&self->lock);
    if (!room)
        reading_destroy(&answer);
    return room ? 0 : -EAGAIN;
}

static size_t sqlite_room(store_t *store)
{
    sqlite_store_t *self = self_of(store);
    pthread_mutex_lock(&self->lock);
    size_t room = self->poisoned ? 0 : BATCHES_OPEN_MAX - self->unfinished;
    pthread_mutex_unlock(&self->lock);
    return room;
}

static uint8_t *text_copy(bytes_t text)
{
    uint8_t *copy = memory_take(text.len);
    if (text.len)
        memcpy(copy, text.data, text.len);
    return copy;
}

void sqlite_keep_setting(sqlite_store_t *self, bytes_t name, bytes_t value)
{
    size_t at = 0;
    while (at < self->setting_count
           && !bytes_equal(bytes_of(self->settings[at].name, self->settings[at].name_len), name))
        at++;
    if (at == self->setting_count) {
        must(at < STORE_SETTINGS_MAX);
        self->settings =
            memory_grow(self->settings, ++self->setting_count * sizeof *self->settings);
        self->settings[at] = (kept_setting_t){.name = text_copy(name), .name_len = name.len};
    }
    free(self->settings[at].value);
    self->settings[at].value = text_copy(value);
    self->settings[at].value_len = value.len;
}

static void sqlite_settings(store_t *store, void (*each)(void *, const store_setting_t *),
                            void *arg)
{
    sqlite_store_t *self = self_of(store);
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < self->setting_count; i++) {
        const kept_setting_t *s = &self->settings[i];
        each(arg,
             &(store_setting_t){bytes_of(s->name, s->name_len), bytes_of(s->value, s->value_len)});
    }
    pthread_mutex_unlock(&self->lock);
}

static void connections_close(sqlite_store_t *self)
{
    for (size_t i = 0; i < W_COUNT; i++)
        sqlite3_finalize(self->write[i]);
    for (size_t i = 0; i < R_COUNT; i++)
        sqlite3_finalize(self->read[i]);
    sqlite_backup_end(self);
    sqlite3_close(self->reader);
    sqlite3_close(self->checkpointer);
    sqlite3_close(self->writer);
}

static void memory_free(sqlite_store_t *self)
{
    batch_queue_clear(&self->queue);
    for (reading_t *a; (a = self->reads_oldest);) {
        self->reads_oldest = a->next;
        reading_destroy(&a);
    }
    reading_destroy(&self->lent);
    for (size_t i = 0; i < self->setting_count; i++) {
        free(self->settings[i].name);
        free(self->settings[i].value);
    }
    free(self->settings);
    sqlite_kept_clear(&self->kept);
    free(self->entries);
}

void sqlite_store_free(sqlite_store_t *self)
{
    connections_close(self);
    memory_free(self);
    if (self->lock_fd >= 0)
        close(self->lock_fd);
    if (self->wake_fd >= 0)
        close(self->wake_fd);
    pthread_cond_destroy(&self->to_write);
    pthread_cond_destroy(&self->to_read);
    pthread_cond_destroy(&self->to_checkpoint);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

/* The last word of a life in order: the next opening need not look closely. */
static void say_clean(sqlite_store_t *self)
{
    int in_log, copied;
    if (self->poisoned || self->queue.count)
        return;
    CRASH_POINT("store.before_close");
    if (sqlite_put_meta(self->writer, META_CLEAN, "1") == SQLITE_OK)
        sqlite3_wal_checkpoint_v2(self->writer, "main", SQLITE_CHECKPOINT_TRUNCATE, &in_log,
                                  &copied);
}

static void sqlite_close(store_t **store)
{
    sqlite_store_t *self = self_of(*store);
    *store = NULL;
    pthread_mutex_lock(&self->lock);
    self->closing = true;
    pthread_cond_broadcast(&self->to_write);
    pthread_cond_broadcast(&self->to_read);
    pthread_cond_broadcast(&self->to_checkpoint);
    pthread_mutex_unlock(&self->lock);
    for (size_t i = 0; i < self->thread_count; i++)
        pthread_join(self->threads[i], NULL);
    for (store_event_t event; take_event(self, &event);) {
        reading_t *answer = event.kind == STORE_READ ? reading_of(event.read) : NULL;
        reading_destroy(&answer);
    }
    say_clean(self);
    sqlite_store_free(self);
}

static const store_ops_t sqlite_ops = {
    .submit = sqlite_submit,
    .read = sqlite_read,
    .next = sqlite_next,
    .wait_fd = sqlite_wait_fd,
    .room = sqlite_room,
    .settings = sqlite_settings,
    .leases = sqlite_leases,
    .paces = sqlite_paces,
    .close = sqlite_close,
};

/* Signals stay with the owner's thread: the loop takes them from a descriptor. */
int sqlite_store_start(sqlite_store_t *self, store_t **out)
{
    void *(*const mains[])(void *) = {sqlite_write_main, sqlite_read_main, sqlite_checkpoint_main};
    sigset_t all, before;
    int rc = 0;
    self->base.ops = &sqlite_ops;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (self->thread_count < COUNT_OF(mains) && rc == 0) {
        rc = pthread_create(&self->threads[self->thread_count], NULL, mains[self->thread_count],
                            self);
        self->thread_count += rc == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    *out = &self->base;
    if (rc)
        sqlite_close(out);
    return -rc;
}
