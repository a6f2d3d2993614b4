/* Reads of many rows: envelopes and progress are walked side by side by seq, so that half a message
 * is seen. A page that cannot be read is stepped over: what it held shows up as half messages, or
 * not at all, and is counted as damaged; rows before and behind it are served. */
#include <errno.h>

#include "store/sqlite_inner.h"

typedef struct cursor {
    sqlite_store_t *self;
    sqlite3_stmt *rows;
    enum row_table table;
    bool down, there;
    int64_t seq;      /* of the row it stands on */
    int64_t wish;     /* the next row is this one or further */
} cursor_t;

typedef struct scan {
    sqlite_store_t *self;
    reading_t *a;
    cursor_t envelope, progress;
    bool with_envelope;
    int error;
} scan_t;

static int seek(cursor_t *c, int64_t seq)
{
    sqlite3_reset(c->rows);
    sqlite3_bind_int64(c->rows, 1, seq);
    return sqlite3_step(c->rows);
}

static int64_t ahead(const cursor_t *c, int64_t from, int64_t distance)
{
    return c->down ? from - distance : from + distance;
}

static bool is_past_end(const cursor_t *c, int64_t seq)
{
    return c->down ? seq < 1 : seq >= atomic_load(&c->self->next_seq);
}

static bool is_damage(int rc) { return (rc & 0xff) == SQLITE_CORRUPT; }

/* The nearest place from which rows can be read again: doubling outwards, then halving back. */
static int step_over(cursor_t *c)
{
    int64_t bad = c->wish, reach = 1;
    int rc = SQLITE_CORRUPT;
    while (is_damage(rc) && !is_past_end(c, ahead(c, bad, reach))) {
        rc = seek(c, ahead(c, bad, reach));
        reach *= 2;
    }
    if (is_damage(rc))
        return SQLITE_DONE;
    int64_t near = reach / 4, far = reach / 2; /* near is damaged, far can be read */
    while (far - near > 1) {
        int64_t middle = near + (far - near) / 2;
        rc = seek(c, ahead(c, bad, middle));
        near = is_damage(rc) ? middle : near;
        far = is_damage(rc) ? far : middle;
    }
    return seek(c, ahead(c, bad, far));
}

static int cursor_land(cursor_t *c, int rc, reading_t *a)
{
    if (is_damage(rc)) {
        a->result.damaged++;
        sqlite_note_damage(c->self, (damage_note_t){.table = c->table, .seq = c->wish});
        rc = step_over(c);
    }
    c->there = rc == SQLITE_ROW;
    if (c->there) {
        c->seq = sqlite3_column_int64(c->rows, 0);
        c->wish = ahead(c, c->seq, 1);
    }
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : sqlite_errno(rc, c->self->reader);
}

static int cursor_next(cursor_t *c, reading_t *a)
{
    return cursor_land(c, sqlite3_step(c->rows), a);
}

static int cursor_open(cursor_t *c, int64_t from, reading_t *a)
{
    c->wish = from;
    return cursor_land(c, seek(c, from), a);
}

static int64_t row_at(const scan_t *s)
{
    const cursor_t *e = &s->envelope, *p = &s->progress;
    if (!s->with_envelope || !e->there)
        return p->seq;
    if (!p->there)
        return e->seq;
    bool first = e->down ? e->seq > p->seq : e->seq < p->seq;
    return first ? e->seq : p->seq;
}

/* An id that its own row does not give: the index has it too. Costs a walk, so it is for damaged
 * rows only. */
static void find_id(scan_t *s, stored_message_t *m)
{
    sqlite3_stmt *ask = s->self->read[R_ID_OF];
    if (s->a->result.damaged > 64)
        return;
    sqlite3_bind_int64(ask, 1, m->envelope.seq);
    if (sqlite3_step(ask) == SQLITE_ROW) {
        bytes_t id = sqlite_column(ask, 0);
        if (id.len == 16)
            memcpy(m->envelope.id.b, id.data, 16);
    }
    sqlite3_reset(ask);
}

static void put_damaged(scan_t *s, stored_message_t *m, enum row_table table, bool envelope_whole)
{
    m->damaged = true;
    s->a->result.damaged++;
    if (!envelope_whole)
        find_id(s, m);
    sqlite_note_damage(
        s->self, (damage_note_t){.table = table, .seq = m->envelope.seq, .id = m->envelope.id});
}

/* Texts are lent by the cursors. False: not wanted. */
static bool fill_row(scan_t *s, int64_t seq, stored_message_t *m)
{
    const read_request_t *r = &s->a->result.request;
    uint32_t content_len;
    *m = (stored_message_t){.envelope.seq = seq, .progress.seq = seq};
    bool has_progress = s->progress.there && s->progress.seq == seq;
    bool has_envelope = s->envelope.there && s->envelope.seq == seq;
    bool progress_whole = has_progress && sqlite_progress_row(s->progress.rows, &m->progress);
    if (!s->with_envelope) {
        s->a->result.damaged += !progress_whole;
        return progress_whole && read_wants(r, &m->progress, bytes_of(NULL, 0));
    }
    if (progress_whole && has_envelope && r->kind == READ_LIVE && !state_is_live(m->progress.state))
        return false; /* the common case of a row that is passed by */
    bool envelope_whole = has_envelope
                          && sqlite_envelope_row(s->envelope.rows, &m->envelope, &content_len);
    if (!progress_whole || !envelope_whole)
        put_damaged(s, m, progress_whole ? ROW_ENVELOPE : ROW_PROGRESS, envelope_whole);
    return m->damaged || read_wants(r, &m->progress, m->envelope.route);
}

static void row_pass(scan_t *s, int64_t seq)
{
    if (s->progress.there && s->progress.seq == seq)
        s->error = cursor_next(&s->progress, s->a);
    if (s->error == 0 && s->with_envelope && s->envelope.there && s->envelope.seq == seq)
        s->error = cursor_next(&s->envelope, s->a);
}

static bool rows_left(const scan_t *s)
{
    return s->progress.there || (s->with_envelope && s->envelope.there);
}

static void walk(scan_t *s, stored_message_t *rows)
{
    read_result_t *result = &s->a->result;
    size_t looked = 0;
    while (s->error == 0 && rows_left(s) && result->count < result->request.most
           && looked++ < READ_EXAMINED) {
        int64_t seq = row_at(s);
        stored_message_t *row = &rows[result->count];
        if (fill_row(s, seq, row)) {
            reading_keep_envelope(s->a, &row->envelope);
            reading_keep_progress(s->a, &row->progress);
            result->count++;
        }
        result->next = s->progress.down ? seq : seq + 1;
        row_pass(s, seq);
    }
    result->last = s->error == 0 && !rows_left(s);
    result->error = s->error;
}

void sqlite_scan(sqlite_store_t *self, reading_t *a)
{
    read_result_t *result = &a->result;
    const read_request_t *r = &result->request;
    bool down = r->kind == READ_LIST && r->newest_first;
    scan_t s = {.self = self,
                .a = a,
                .with_envelope = r->kind != READ_FINISHED,
                .envelope = {.self = self,
                             .rows = self->read[down ? R_ENVELOPE_DOWN : R_ENVELOPE_UP],
                             .table = ROW_ENVELOPE,
                             .down = down},
                .progress = {.self = self,
                             .rows = self->read[down ? R_PROGRESS_DOWN : R_PROGRESS_UP],
                             .table = ROW_PROGRESS,
                             .down = down}};
    int64_t from = !down ? r->from_seq : r->from_seq > 0 ? r->from_seq - 1 : INT64_MAX;
    stored_message_t *rows = arena_take(&a->arena, r->most * sizeof *rows);
    result->messages = rows;
    result->next = r->from_seq;
    s.error = cursor_open(&s.progress, from, a);
    if (s.error == 0 && s.with_envelope)
        s.error = cursor_open(&s.envelope, from, a);
    walk(&s, rows);
    sqlite3_reset(s.progress.rows);
    sqlite3_reset(s.envelope.rows);
}
