/* The reader's thread: one read after another, each on one snapshot, each bounded. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite_inner.h"

static void note(sqlite_store_t *self, reading_t *a, enum row_table table, const envelope_t *e)
{
    a->result.damaged++;
    sqlite_note_damage(self, (damage_note_t){.table = table, .seq = e->seq, .id = e->id});
}

/* SQLITE_ROW, SQLITE_DONE or an error; the caller resets. */
static int step_seq(sqlite_store_t *self, enum read_statement which, int64_t seq)
{
    sqlite3_bind_int64(self->read[which], 1, seq);
    return sqlite3_step(self->read[which]);
}

static int load_envelope(sqlite_store_t *self, reading_t *a, stored_message_t *m,
                         uint32_t *content_len)
{
    int64_t seq = m->envelope.seq;
    int rc = step_seq(self, R_ENVELOPE, seq);
    if (rc == SQLITE_ROW && !sqlite_envelope_row(self->read[R_ENVELOPE], &m->envelope, content_len))
        note(self, a, ROW_ENVELOPE, &m->envelope), m->damaged = true;
    reading_keep_envelope(a, &m->envelope);
    sqlite3_reset(self->read[R_ENVELOPE]);
    return rc;
}

static int load_progress(sqlite_store_t *self, reading_t *a, stored_message_t *m)
{
    int rc = step_seq(self, R_PROGRESS, m->envelope.seq);
    if (rc == SQLITE_ROW && !sqlite_progress_row(self->read[R_PROGRESS], &m->progress))
        note(self, a, ROW_PROGRESS, &m->envelope), m->damaged = true;
    reading_keep_progress(a, &m->progress);
    sqlite3_reset(self->read[R_PROGRESS]);
    return rc;
}

static bool content_row(sqlite3_stmt *row, stored_message_t *m, uint32_t content_len)
{
    uint64_t sum = (uint64_t)sqlite3_column_int64(row, 0);
    bytes_t data = sqlite_column(row, 1);
    if (content_sum(m->envelope.seq, data) != sum || data.len != content_len)
        return false;
    m->envelope.content = blob_new(data);
    return true;
}

/* A live message's content must be there; a finished one's may have been dropped. */
static int load_content(sqlite_store_t *self, reading_t *a, stored_message_t *m,
                        uint32_t content_len)
{
    int rc = step_seq(self, R_CONTENT, m->envelope.seq);
    bool whole = rc == SQLITE_ROW ? content_row(self->read[R_CONTENT], m, content_len)
                                  : content_len == 0 || !state_is_live(m->progress.state);
    if ((rc == SQLITE_ROW || rc == SQLITE_DONE) && !whole)
        note(self, a, ROW_CONTENT, &m->envelope), m->damaged = true;
    sqlite3_reset(self->read[R_CONTENT]);
    return rc;
}

static bool is_damage(int rc) { return (rc & 0xff) == SQLITE_CORRUPT; }

static int load_message(sqlite_store_t *self, reading_t *a, stored_message_t *m, bool want_content)
{
    uint32_t content_len = 0;
    int envelope = load_envelope(self, a, m, &content_len);
    int progress = load_progress(self, a, m);
    if (envelope == SQLITE_DONE && progress == SQLITE_DONE)
        return -ENOENT;
    int content = want_content && !m->damaged ? load_content(self, a, m, content_len) : SQLITE_DONE;
    const struct { int rc; enum row_table table; bool needed;
    } parts[] = {{envelope, ROW_ENVELOPE, true},
                 {progress, ROW_PROGRESS, true},
                 {content, ROW_CONTENT, false}};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        int rc = parts[i].rc;
        if (rc != SQLITE_ROW && rc != SQLITE_DONE && !is_damage(rc))
            return sqlite_errno(rc, self->reader);
        if (is_damage(rc) || (rc == SQLITE_DONE && parts[i].needed))
            note(self, a, parts[i].table, &m->envelope), m->damaged = true;
    }
    return m->damaged ? -EBADMSG : 0;
}

static int find_seq(sqlite_store_t *self, const msgid_t *id, int64_t *seq)
{
    sqlite3_stmt *by_id = self->read[R_BY_ID];
    sqlite3_bind_blob(by_id, 1, id->b, 16, SQLITE_STATIC);
    int rc = sqlite3_step(by_id);
    *seq = rc == SQLITE_ROW ? sqlite3_column_int64(by_id, 0) : 0;
    sqlite3_reset(by_id);
    return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? -ENOENT : sqlite_errno(rc, self->reader);
}

static void read_one(sqlite_store_t *self, reading_t *a)
{
    read_result_t *result = &a->result;
    const read_request_t *r = &result->request;
    int64_t seq = r->seq;
    result->last = true;
    result->error = r->kind == READ_BY_ID ? find_seq(self, &r->id, &seq) : 0;
    if (result->error)
        return;
    stored_message_t *m = arena_take(&a->arena, sizeof *m);
    *m = (stored_message_t){.envelope.seq = seq, .progress.seq = seq};
    result->messages = m;
    result->count = 1; /* before loading, so that a content is let go whatever comes */
    result->error = load_message(self, a, m, r->kind == READ_CONTENT || r->want_content);
    if (result->error == 0 && r->kind == READ_BY_ID && !msgid_equal(&m->envelope.id, &r->id))
        result->error = -EBADMSG, m->damaged = true;
    if (result->error && result->error != -EBADMSG)
        result->count = 0;
}

static void put_prints(reading_t *a, bytes_t entries)
{
    size_t count = entries.len / PRINT_BYTES;
    stored_print_t *prints = (stored_print_t *)(uintptr_t)a->result.prints;
    if (a->result.count + count > a->room) {
        a->room = (a->result.count + count) * 2;
        stored_print_t *more = arena_take(&a->arena, a->room * sizeof *more);
        if (a->result.count)
            memcpy(more, prints, a->result.count * sizeof *more);
        a->result.prints = prints = more;
    }
    for (size_t i = 0; i < count; i++)
        prints[a->result.count++] = print_unpack(entries.data + i * PRINT_BYTES);
}

/* Groups are numbered without gaps, and go from the oldest on: one that is missing between two was
 * lost. */
static void miss_groups(sqlite_store_t *self, reading_t *a, int64_t from, int64_t to)
{
    if (from < to)
        note(self, a, ROW_PRINTS, &(envelope_t){.seq = from});
}

/* False: this group does not fit any more. */
static bool take_prints(sqlite_store_t *self, reading_t *a, sqlite3_stmt *row, bool first)
{
    int64_t group = sqlite3_column_int64(row, 0), newest = sqlite3_column_int64(row, 1);
    bytes_t entries = sqlite_column(row, 2);
    bool whole = prints_sum(group, newest, entries) == (uint64_t)sqlite3_column_int64(row, 3);
    if (whole && !first && a->result.count + entries.len / PRINT_BYTES > a->result.request.most)
        return false;
    if (a->result.next > 0)
        miss_groups(self, a, a->result.next, group);
    if (whole)
        put_prints(a, entries);
    else
        note(self, a, ROW_PRINTS, &(envelope_t){.seq = group});
    a->result.next = group + 1;
    return true;
}

static void read_prints(sqlite_store_t *self, reading_t *a)
{
    sqlite3_stmt *row = self->read[R_PRINTS];
    int rc;
    bool fits = true, first = true;
    int64_t end = atomic_load(&self->group_end); /* what the snapshot has for certain */
    a->result.next = a->result.request.from_seq;
    sqlite3_bind_int64(row, 1, a->result.request.from_seq);
    while (fits && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        fits = take_prints(self, a, row, first);
        first = false;
    }
    sqlite3_reset(row);
    a->result.last = fits && rc == SQLITE_DONE;
    if (a->result.last && a->result.next)
        miss_groups(self, a, a->result.next, end);
    if (!fits || rc == SQLITE_DONE)
        return;
    a->result.error = sqlite_errno(rc, self->reader);
    if (!is_damage(rc))
        return;
    a->result.last =
        true; /* what lies behind it cannot be reached; the live messages bring their own prints */
    note(self, a, ROW_PRINTS, &(envelope_t){.seq = a->result.next});
}

/* Of the process that the store is in; 0: not known. */
static uint64_t resident_bytes(void)
{
    unsigned long long size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return 0;
    int n = fscanf(f, "%llu %llu", &size, &resident);
    fclose(f);
    return n == 2 ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static void read_space(sqlite_store_t *self, reading_t *a)
{
    char log[STORE_PATH_MAX + 32];
    struct stat st;
    snprintf(log, sizeof log, "%s-wal", self->file);
    a->result.file_bytes = stat(self->file, &st) == 0 ? (uint64_t)st.st_size : 0;
    a->result.file_bytes += stat(log, &st) == 0 ? (uint64_t)st.st_size : 0;
    a->result.disk_free = space_free(self->directory);
    a->result.memory = resident_bytes();
    a->result.last = true;
}

static void answer_read(sqlite_store_t *self, reading_t *a)
{
    int rc = sqlite_run(self->read[R_BEGIN]);
    if (rc != SQLITE_OK) {
        a->result.error = sqlite_errno(rc, self->reader);
        return;
    }
    switch ((enum read_kind)a->result.request.kind) {
    case READ_CONTENT:
    case READ_BY_ID:
    case READ_BY_SEQ: read_one(self, a); break;
    case READ_LIVE:
    case READ_LIST:
    case READ_FINISHED: sqlite_scan(self, a); break;
    case READ_PRINTS: read_prints(self, a); break;
    case READ_SPACE: read_space(self, a); break;
    case READ_BACKUP: sqlite_backup_slice(self, a); break;
    }
    sqlite_run(self->read[R_END]);
}

/* Under the lock. NULL: it is over. */
static reading_t *take_read(sqlite_store_t *self)
{
    while (!self->reads_oldest && !self->closing)
        pthread_cond_wait(&self->to_read, &self->lock);
    reading_t *a = self->closing ? NULL : self->reads_oldest;
    if (a)
        self->reads_oldest = a->next;
    if (!self->reads_oldest)
        self->reads_newest = NULL;
    return a;
}

void *sqlite_read_main(void *arg)
{
    sqlite_store_t *self = arg;
    pthread_mutex_lock(&self->lock);
    for (reading_t *a; (a = take_read(self));) {
        bool poisoned = self->poisoned;
        pthread_mutex_unlock(&self->lock);
        if (poisoned)
            a->result.error = -EIO; /* what the cache says may not be what the disk says */
        else
            answer_read(self, a);
        sqlite_put_event(self, (store_event_t){.kind = STORE_READ, .read = &a->result});
        pthread_mutex_lock(&self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}
