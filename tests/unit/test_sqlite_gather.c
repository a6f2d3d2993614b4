/* The file layer under the log: whatever is written through it is read back the same, by the writer
 * in the middle of a transaction and by others after it. */
#include "store_rig.h"

#include <sqlite3.h>

#include "store/sqlite_inner.h"

static void run(sqlite3 *db, const char *sql)
{
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static int64_t ask_sql(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *ask = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &ask, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(ask), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(ask, 0);
    sqlite3_finalize(ask);
    return number;
}

#define ROWS                                                                                       \
    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE i<2000)"                  \
    " INSERT OR REPLACE INTO t SELECT i, hex(zeroblob(750)) || i FROM n"

/* A cache of a few pages: most of a transaction goes to the log before its end, and comes back. */
static void a_transaction_larger_than_the_cache_reads_what_it_wrote(void **state)
{
    rig_t *rig = *state;
    char path[128];
    sqlite3 *writer = NULL, *reader = NULL;
    snprintf(path, sizeof path, "%s/other.db", rig->directory);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    assert_int_equal(sqlite_connect(path, flags, 64, &writer), SQLITE_OK);
    run(writer, "PRAGMA journal_mode=WAL; CREATE TABLE t(i INTEGER PRIMARY KEY, b BLOB);");
    assert_int_equal(sqlite_connect(path, SQLITE_OPEN_READWRITE, 64, &reader), SQLITE_OK);
    run(writer, "BEGIN; " ROWS);
    assert_int_equal(ask_sql(writer, "SELECT count(*) FROM t WHERE length(b)>1500"), 2000);
    assert_int_equal(ask_sql(reader, "SELECT count(*) FROM t"), 0);
    run(writer, "ROLLBACK");
    assert_int_equal(ask_sql(writer, "SELECT count(*) FROM t"), 0);
    run(writer, "BEGIN; " ROWS "; UPDATE t SET b=i WHERE i%3=0; COMMIT");
    assert_int_equal(ask_sql(reader, "SELECT count(*) FROM t WHERE typeof(b)='integer'"), 666);
    run(writer, "PRAGMA wal_checkpoint(TRUNCATE); DELETE FROM t WHERE i%2=0");
    assert_int_equal(ask_sql(reader, "SELECT count(*) FROM t"), 1000);
    assert_int_equal(ask_sql(reader, "SELECT count(*) FROM pragma_integrity_check"
                                     " WHERE integrity_check<>'ok'"), 0);
    sqlite3_close(reader);
    sqlite3_close(writer);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        snprintf(path, sizeof path, "%s/other.db%s", rig->directory, ends[i]);
        unlink(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_transaction_larger_than_the_cache_reads_what_it_wrote,
                                        with_sqlite, rig_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
