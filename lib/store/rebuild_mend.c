/* After the rows were copied, in the new file: what is half a message, the dedup prints that went
 * with a lost group, and the sum of all. */
#include <stdlib.h>

#include "store/rebuild_copy.h"
#include "store/sqlite_inner.h"

#define GROUP_PRINTS 4096u /* made again, in one group */

/* Calls back for each row of a SELECT. */
static int each_row(rebuild_t *r, const char *sql, int (*row)(rebuild_t *, sqlite3_stmt *))
{
    sqlite3_stmt *rows = NULL;
    int rc = sqlite3_prepare_v2(r->to, sql, -1, &rows, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(rows)) == SQLITE_ROW)
        rc = row(r, rows);
    sqlite3_finalize(rows);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int run(rebuild_t *r, const char *sql) { return sqlite3_exec(r->to, sql, NULL, NULL, NULL); }

static void lose_id(rebuild_t *r, enum rebuild_loss_kind kind, const char *table,
                    sqlite3_stmt *row)
{
    rebuild_loss_t loss = {
        .kind = (uint8_t)kind, .table = table, .seq = sqlite3_column_int64(row, 0)};
    bytes_t id = sqlite_column(row, 1);
    if (id.len == sizeof loss.id.b)
        memcpy(loss.id.b, id.data, id.len);
    rebuild_lose(r, &loss);
}

static int leave_out(rebuild_t *r, enum rebuild_table table, sqlite3_stmt *row)
{
    r->report->tables[table].copied--;
    r->report->tables[table].left_out++;
    lose_id(r, REBUILD_ROW, r->report->tables[table].table, row);
    return SQLITE_OK;
}

static int leave_progress(rebuild_t *r, sqlite3_stmt *row)
{
    return leave_out(r, REBUILD_PROGRESS, row);
}

static int leave_content(rebuild_t *r, sqlite3_stmt *row)
{
    return leave_out(r, REBUILD_CONTENT, row);
}

/* Nobody knows what was done for it: an operator decides, as of any dead letter. */
static int make_dead(rebuild_t *r, sqlite3_stmt *row)
{
    sqlite3_stmt *put = NULL;
    progress_t p = {.seq = sqlite3_column_int64(row, 0), .state = STATE_DEAD,
                    .flags = PROGRESS_MAYBE_DUPLICATE | PROGRESS_UNKNOWN, .finished = r->now,
                    .bytes = (uint32_t)sqlite3_column_int64(row, 2),
                    .reason = bytes_str("damaged: its progress was lost; it may have been done")};
    int rc = sqlite3_prepare_v2(r->to,
        "INSERT INTO progress VALUES(?1,?2,'',0,0,0,?3,0,0,0,0,0,?4,?5,?6,'','',?7)", -1, &put,
        NULL);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_int64(put, 1, p.seq);
    sqlite3_bind_int(put, 2, p.state);
    sqlite3_bind_int64(put, 3, p.flags);
    sqlite3_bind_int64(put, 4, p.finished.us);
    sqlite3_bind_int64(put, 5, p.bytes);
    sqlite_bind_bytes(put, 6, p.reason);
    sqlite3_bind_int64(put, 7, (int64_t)progress_sum(&p));
    rc = sqlite_run(put);
    sqlite3_finalize(put);
    r->report->without_progress++;
    lose_id(r, REBUILD_NO_PROGRESS, "progress", row);
    return rc;
}

static int miss_content(rebuild_t *r, sqlite3_stmt *row)
{
    r->report->without_content++;
    lose_id(r, REBUILD_NO_CONTENT, "content", row);
    return SQLITE_OK;
}

#define NO_ENVELOPE " WHERE seq NOT IN (SELECT seq FROM envelope)"
#define OTHER_CONTENT                                                                              \
    " WHERE seq NOT IN (SELECT seq FROM envelope e WHERE e.content_len=length(content.data)"       \
    " AND e.seq=content.seq)"

static int mend_messages(rebuild_t *r)
{
    int rc = each_row(r, "SELECT seq FROM progress" NO_ENVELOPE, leave_progress);
    if (rc == SQLITE_OK)
        rc = run(r, "DELETE FROM progress" NO_ENVELOPE);
    if (rc == SQLITE_OK)
        rc = each_row(r, "SELECT seq FROM content" OTHER_CONTENT, leave_content);
    if (rc == SQLITE_OK)
        rc = run(r, "DELETE FROM content" OTHER_CONTENT);
    if (rc == SQLITE_OK)
        rc = each_row(r, "SELECT seq, id, content_len FROM envelope"
                         " WHERE seq NOT IN (SELECT seq FROM progress)", make_dead);
    if (rc == SQLITE_OK)
        rc = each_row(r, "SELECT e.seq, e.id FROM envelope e JOIN progress p ON p.seq=e.seq"
                         " WHERE p.state<3 AND e.content_len>0"
                         " AND e.seq NOT IN (SELECT seq FROM content)", miss_content);
    return rc;
}

/* ---- dedup prints ---- */

static int put_group(rebuild_t *r, int64_t group, int64_t newest, bytes_t entries)
{
    sqlite3_stmt *put = NULL;
    int rc = sqlite3_prepare_v2(r->to, sqlite_write_sql[W_PRINTS], -1, &put, NULL);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_int64(put, 1, group);
    sqlite3_bind_int64(put, 2, newest);
    sqlite3_bind_blob(put, 3, entries.len ? (const char *)entries.data : "", (int)entries.len,
                      SQLITE_STATIC);
    sqlite3_bind_int64(put, 4, (int64_t)prints_sum(group, newest, entries));
    rc = sqlite_run(put);
    sqlite3_finalize(put);
    return rc;
}

/* Groups have no gaps: where one was lost an empty one stands. */
static int fill_gap(rebuild_t *r, sqlite3_stmt *row)
{
    int rc = SQLITE_OK;
    for (int64_t group = sqlite3_column_int64(row, 0);
         group < sqlite3_column_int64(row, 1) && rc == SQLITE_OK; group++)
        rc = put_group(r, group, 0, bytes_of(NULL, 0));
    return rc;
}

static int note_printed(rebuild_t *r, sqlite3_stmt *row)
{
    sqlite3_stmt *put = NULL;
    bytes_t entries = sqlite_column(row, 0);
    int rc = sqlite3_prepare_v2(r->to, "INSERT OR IGNORE INTO temp.printed VALUES(?)", -1, &put,
                                NULL);
    for (size_t at = 0; at < entries.len && rc == SQLITE_OK; at += PRINT_BYTES) {
        sqlite3_bind_int64(put, 1, print_unpack(entries.data + at).seq);
        rc = sqlite_run(put);
    }
    sqlite3_finalize(put);
    return rc;
}

/* Of every envelope that no group has: it is known again when it comes again. */
static int prints_again(rebuild_t *r, int64_t group)
{
    sqlite3_stmt *rows = NULL;
    uint8_t *entries = memory_take(GROUP_PRINTS * PRINT_BYTES);
    size_t count = 0;
    int64_t newest = 0;
    int rc = sqlite3_prepare_v2(r->to, "SELECT " ENVELOPE_COLUMNS " FROM envelope"
                                " WHERE seq NOT IN (SELECT seq FROM temp.printed) ORDER BY seq", -1,
                                &rows, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
        envelope_t e;
        uint32_t content_len;
        rc = sqlite_envelope_row(rows, &e, &content_len) ? SQLITE_OK : SQLITE_CORRUPT;
        print_pack(entries + count++ * PRINT_BYTES, &e);
        newest = e.accepted.us > newest ? e.accepted.us : newest;
        r->report->prints_again++;
        if (count < GROUP_PRINTS || rc != SQLITE_OK)
            continue;
        rc = put_group(r, group++, newest, bytes_of(entries, count * PRINT_BYTES));
        count = 0;
    }
    sqlite3_finalize(rows);
    if (rc == SQLITE_DONE)
        rc = count ? put_group(r, group, newest, bytes_of(entries, count * PRINT_BYTES))
                   : SQLITE_OK;
    free(entries);
    return rc;
}

static int group_end(rebuild_t *r, int64_t *end)
{
    sqlite3_stmt *ask = NULL;
    int rc = sqlite3_prepare_v2(r->to, "SELECT ifnull(max(grp),0)+1, count(*),"
                                " ifnull(min(grp),1) FROM prints", -1, &ask, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(ask)) == SQLITE_ROW)
        *end = sqlite3_column_int64(ask, 0), rc = SQLITE_OK;
    sqlite3_finalize(ask);
    return rc;
}

static int mend_prints(rebuild_t *r, int64_t *end)
{
    int rc = group_end(r, end);
    bool lost = r->report->tables[REBUILD_PRINTS].left_out
                || r->report->tables[REBUILD_PRINTS].unreadable
                || (r->group_limit < INT64_MAX && *end < r->group_limit);
    if (rc != SQLITE_OK || !lost)
        return rc;
    rc = each_row(r, "SELECT before+1, grp FROM (SELECT grp, lag(grp) OVER (ORDER BY grp) AS before"
                     " FROM prints) WHERE before<grp-1", fill_gap);
    if (rc == SQLITE_OK)
        rc = run(r, "CREATE TEMP TABLE printed(seq INTEGER PRIMARY KEY)");
    if (rc == SQLITE_OK)
        rc = each_row(r, "SELECT entries FROM prints", note_printed);
    if (rc == SQLITE_OK)
        rc = prints_again(r, *end);
    return rc == SQLITE_OK ? group_end(r, end) : rc;
}

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

int rebuild_mend(rebuild_t *r)
{
    int64_t end = 1;
    char text[TALLY_TEXT_BYTES];
    tally_t *now = &r->report->now;
    int rc = mend_messages(r);
    if (rc == SQLITE_OK)
        rc = mend_prints(r, &end);
    if (rc == SQLITE_OK)
        rc = sqlite_count_tally(r->to, now);
    if (rc != SQLITE_OK)
        return rc;
    now->next_seq = larger(now->next_seq, larger(r->seq_end, r->report->said.next_seq));
    if (now->live == 0)
        now->first_live = now->next_seq;
    sqlite_tally_text(text, now, end);
    return sqlite_put_meta(r->to, META_TALLY, text);
}
