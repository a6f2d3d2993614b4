/* What only the SQLite store has: its directory, its lock, its schema, what it does with a damaged
 * word about itself, and the file of the first format, which stays readable for ever. */
#include "store_rig.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "store/sqlite_inner.h"

static void in_directory(const rig_t *rig, const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", rig->directory, name);
}

static int try_open(rig_t *rig, char why[256])
{
    sqlite_store_options_t options = {.directory = rig->directory,
                                      .reserve_bytes = 65536,
                                      .wal_bytes_max = 4 << 20,
                                      .lock_wait_ms = 60};
    why[0] = 0;
    return sqlite_store_open(&options, &rig->store, &rig->opened, why, 256);
}

static void run_sql(const rig_t *rig, const char *sql)
{
    char path[128];
    sqlite3 *db = NULL;
    in_directory(rig, "weir.db", path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static int64_t ask_sql(const rig_t *rig, const char *sql)
{
    char path[128];
    sqlite3 *db = NULL;
    sqlite3_stmt *ask = NULL;
    in_directory(rig, "weir.db", path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &ask, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(ask), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(ask, 0);
    sqlite3_finalize(ask);
    sqlite3_close(db);
    return number;
}

static void nobody_else_may_read_the_files(void **state)
{
    rig_t *rig = *state;
    static const char *const names[] = {"weir.db", "weir.db-wal", "weir.lock", "weir.reserve"};
    struct stat st;
    char path[128];
    commit_many(rig, 1);
    assert_int_equal(stat(rig->directory, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        in_directory(rig, names[i], path);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    in_directory(rig, "weir.reserve", path);
    assert_int_equal(stat(path, &st), 0);
    assert_true((uint64_t)st.st_blocks * 512 >= 65536);
}

static void a_directory_open_to_others_is_closed(void **state)
{
    rig_t *rig = *state;
    struct stat st;
    store_close(&rig->store);
    assert_int_equal(chmod(rig->directory, 0755), 0);
    rig_open(rig);
    assert_int_equal(stat(rig->directory, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void a_second_opener_waits_and_is_turned_away(void **state)
{
    rig_t *rig = *state, second = *rig;
    char why[256];
    assert_int_equal(try_open(&second, why), -EWOULDBLOCK);
    assert_non_null(strstr(why, "in use by another process"));
    store_close(&rig->store);
    assert_int_equal(try_open(rig, why), 0);
}

static void another_partition_is_refused(void **state)
{
    rig_t *rig = *state;
    char why[256];
    store_close(&rig->store);
    sqlite_store_options_t options = {
        .directory = rig->directory, .partition = 3, .wal_bytes_max = 4 << 20};
    assert_int_equal(sqlite_store_open(&options, &rig->store, &rig->opened, why, sizeof why),
                     -EINVAL);
    assert_non_null(strstr(why, "of partition 0, not 3"));
    rig_open(rig);
}

static void a_life_that_did_not_close_is_noticed(void **state)
{
    rig_t *rig = *state;
    store_close(&rig->store);
    pid_t child = fork();
    if (child == 0) {
        char why[256];
        if (try_open(rig, why) != 0)
            _exit(1);
        commit_many(rig, 10);
        _exit(0); /* without closing */
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    rig_open(rig);
    assert_true(rig->opened.recovered);
    assert_false(rig->opened.new_boot);
    assert_int_equal(rig->opened.epoch, 3);
    assert_int_equal(rig->opened.damaged, 0);
    assert_int_equal(rig->opened.tally.next_seq, 11);
    assert_int_equal(ask(rig, (read_request_t){.kind = READ_LIST, .state = -1, .most = 100})->count,
                     10);
}

typedef struct word_case {
    const char *label, *sql;
    int error;         /* of the opening */
    const char *why;
    uint64_t damaged;
} word_case_t;

/* As a later program would write it. */
static void newer_schema(char *sql, size_t size)
{
    char newer[16];
    uint8_t row = META_SCHEMA;
    snprintf(newer, sizeof newer, "%d", STORE_SCHEMA + 1);
    snprintf(sql, size, "UPDATE meta SET value='%s', sum=%lld WHERE number=1", newer,
             (long long)named_sum(ROW_META, bytes_of(&row, 1), bytes_str(newer)));
}

static void a_damaged_word_about_itself_is_mended_or_refused(void **state)
{
    static const word_case_t cases[] = {
        {"newer schema", NULL, -EPROTO, "use the newer program", 0},
        {"schema", "UPDATE meta SET value='7' WHERE number=1", -EBADMSG,
         "schema's number is damaged", 0},
        {"table", "CREATE TABLE other(x)", -EBADMSG, "not as they were made", 0},
        {"one epoch", "UPDATE meta SET value='0' WHERE number=2", 0, "", 1},
        {"no epoch", "DELETE FROM meta WHERE number=3", 0, "", 1},
        {"both epochs", "UPDATE meta SET value='0' WHERE number IN(2,3)", -EBADMSG, "both copies",
         0},
        {"tally", "UPDATE meta SET value='1 1 0 0 0 0 1' WHERE number=7", 0, "", 1},
        {"no tally", "DELETE FROM meta WHERE number=7", 0, "", 1},
        {"setting", "UPDATE setting SET value='x'", 0, "", 1},
        {"lease", "UPDATE lease SET fence=fence+1", 0, "", 1},
        {"lease of another id", "UPDATE lease SET id=x'00'", 0, "", 1},
        {"pace", "UPDATE pace SET data=x'00'", 0, "", 1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        void *fresh = NULL;
        char why[256], sql[256];
        assert_int_equal(with_sqlite(&fresh), 0);
        rig_t *rig = fresh;
        commit_many(rig, 10);
        store_batch_t *batch = store_batch_new();
        store_batch_add(batch, &(change_t){.kind = CHANGE_SETTING,
                                           .setting = {bytes_str("a"), bytes_str("b")}});
        add(batch, lease_of("call", 1));
        add(batch, pace_of("crm", "p"));
        commit(rig, batch);
        store_close(&rig->store);
        newer_schema(sql, sizeof sql);
        run_sql(rig, cases[i].sql ? cases[i].sql : sql);
        int rc = try_open(rig, why);
        if (rc != cases[i].error || !strstr(why, cases[i].why)
            || (rc == 0 && rig->opened.damaged != cases[i].damaged))
            fail_msg("%s: %d, '%s', damaged %d", cases[i].label, rc, why, (int)rig->opened.damaged);
        if (rc == 0) {
            assert_int_equal(rig->opened.epoch, 2);
            assert_int_equal(rig->opened.tally.next_seq, 11);
        }
        if (rc)
            rig->store = NULL;
        rig_end(&fresh);
    }
}

static void a_counted_tally_says_what_is_there(void **state)
{
    rig_t *rig = *state;
    commit_many(rig, 30);
    store_close(&rig->store);
    run_sql(rig, "DELETE FROM meta WHERE number=7; DELETE FROM progress WHERE seq<2;"
                 "DELETE FROM envelope WHERE seq<2");
    rig_open(rig);
    const tally_t *t = &rig->opened.tally;
    assert_int_equal(t->next_seq, 31);
    assert_int_equal(t->first_live, 2);
    assert_int_equal(t->dead, 6);
    assert_int_equal(t->done, 8);
    assert_int_equal(t->live, 15);
    assert_int_equal(t->live_bytes, 1500);
}

static void keep_fence(void *arg, const stored_lease_t *l)
{
    assert_int_equal(*(uint64_t *)arg, 0);
    *(uint64_t *)arg = l->fence;
}

static void no_pace(void *arg, const stored_pace_t *p)
{
    (void)arg;
    fail_msg("the pace %.*s is given out", (int)p->name.len, (const char *)p->name.data);
}

static void damaged_rows_are_written_down(void **state)
{
    rig_t *rig = *state;
    commit_many(rig, 30);
    store_batch_t *batch = store_batch_new();
    add(batch, lease_of("call-1", 1));
    add(batch, lease_of("call-2", 2));
    add(batch, pace_of("crm", "p"));
    commit(rig, batch);
    store_close(&rig->store);
    run_sql(rig,
            "UPDATE envelope SET key='other' WHERE seq=7; UPDATE progress SET state=3 WHERE seq=8;"
            "UPDATE prints SET newest=1; UPDATE lease SET slots='other' WHERE id=x'63616c6c2d31';"
            "UPDATE pace SET data=x'00'");
    rig_open(rig);
    assert_int_equal(rig->opened.damaged, 2);
    uint64_t fence = 0;
    store_leases(rig->store, keep_fence, &fence);
    assert_int_equal(fence, 2);
    store_paces(rig->store, no_pace, NULL);
    const read_result_t *r = ask(rig, (read_request_t){.kind = READ_LIVE, .most = 100});
    assert_int_equal(r->damaged, 2);
    assert_true(r->messages[3].damaged && r->messages[3].envelope.seq == 7);
    assert_true(r->messages[4].damaged && r->messages[4].envelope.seq == 8);
    r = ask(rig, (read_request_t){.kind = READ_PRINTS, .most = 100});
    assert_int_equal(r->count, 0);
    assert_int_equal(r->damaged, 1);
    store_close(&rig->store);
    assert_int_equal(ask_sql(rig, "SELECT count(*) FROM quarantine"), 5);
    assert_int_equal(ask_sql(rig, "SELECT row_table FROM quarantine WHERE id=x'63616c6c2d31'"),
                     ROW_LEASE);
    assert_int_equal(ask_sql(rig, "SELECT row_table FROM quarantine WHERE id=x'63726d'"), ROW_PACE);
    assert_int_equal(ask_sql(rig, "SELECT row_table FROM quarantine WHERE seq=7 AND hex(id) LIKE "
                                  "'01020300000000000700%'"),
                     ROW_ENVELOPE);
    assert_int_equal(ask_sql(rig, "SELECT row_table FROM quarantine WHERE seq=8"), ROW_PROGRESS);
    rig_open(rig);
}

static void a_store_is_brought_forward_step_by_step(void **state)
{
    static const migration_t steps[] = {
        {7, "ALTER TABLE thing ADD COLUMN second INTEGER DEFAULT 5"},
        {8, "UPDATE thing SET second = second + first"},
    };
    static const migration_t broken[] = {{9, "UPDATE thing SET second = 0; SELECT nonsense"}};
    sqlite3 *db = NULL;
    char text[16];
    (void)state;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     "CREATE TABLE meta(number INTEGER PRIMARY KEY, value TEXT, sum INTEGER);"
                     "CREATE TABLE thing(first INTEGER); INSERT INTO thing VALUES(37)",
                     NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite_migrate(db, steps, 2, 6, 9), SQLITE_SCHEMA);
    assert_int_equal(sqlite_migrate(db, steps, 2, 7, 9), SQLITE_OK);
    assert_int_equal(sqlite_get_meta(db, META_SCHEMA, text, sizeof text), 1);
    assert_string_equal(text, "9");
    assert_int_not_equal(sqlite_migrate(db, broken, 1, 9, 10), SQLITE_OK);
    assert_int_equal(sqlite_get_meta(db, META_SCHEMA, text, sizeof text), 1);
    assert_string_equal(text, "9");
    sqlite3_stmt *ask = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT max(second) FROM thing", -1, &ask, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(ask), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(ask, 0), 42);
    sqlite3_finalize(ask);
    sqlite3_close(db);
}

static void copy_file(const char *from, const char *to)
{
    uint8_t block[65536];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_TRUNC);
    assert_true(in >= 0 && out >= 0);
    for (ssize_t n; (n = read(in, block, sizeof block)) > 0;)
        assert_int_equal(write(out, block, (size_t)n), n);
    close(in);
    close(out);
}

static void golden_path(int schema, char out[64])
{
    snprintf(out, 64, "tests/golden/store/schema-%d.db", schema);
}

/* WEIR_GOLDEN_WRITE=1 makes the file of a new schema, once, when it is released. */
static void golden_write(rig_t *rig)
{
    char path[128], golden[64];
    store_batch_t *batch = store_batch_new();
    commit_many(rig, 20);
    add(batch, lease_of("call-1", 1));
    add(batch, lease_of("call-2", 2));
    add(batch, pace_of("crm", "p"));
    commit(rig, batch);
    store_close(&rig->store);
    in_directory(rig, "weir.db", path);
    golden_path(STORE_SCHEMA, golden);
    close(open(golden, O_WRONLY | O_CREAT, 0644));
    copy_file(path, golden);
    rig_open(rig);
}

static void count_lease(void *arg, const stored_lease_t *l)
{
    change_t whole = lease_of("", l->fence);
    assert_int_equal(l->id.len, 6);
    assert_int_equal(l->id.data[5], '0' + (int)l->fence);
    assert_true(bytes_equal(l->slots, whole.lease.slots));
    ++*(int *)arg;
}

static void count_pace(void *arg, const stored_pace_t *p)
{
    assert_true(bytes_is(p->name, "crm") && bytes_is(p->data, "p"));
    ++*(int *)arg;
}

static void assert_leases_and_paces(rig_t *rig, int leases, int paces)
{
    int seen_leases = 0, seen_paces = 0;
    store_leases(rig->store, count_lease, &seen_leases);
    store_paces(rig->store, count_pace, &seen_paces);
    assert_int_equal(seen_leases, leases);
    assert_int_equal(seen_paces, paces);
}

static void assert_golden_messages(rig_t *rig)
{
    assert_int_equal(rig->opened.epoch, 2);
    assert_int_equal(rig->opened.damaged, 0);
    assert_int_equal(rig->opened.tally.next_seq, 21);
    const read_result_t *r =
        ask(rig, (read_request_t){.kind = READ_LIST, .state = -1, .most = 100});
    assert_int_equal(r->count, 20);
    assert_int_equal(r->damaged, 0);
    r = ask(rig, (read_request_t){.kind = READ_BY_SEQ, .seq = 20, .want_content = true});
    assert_true(bytes_is(blob_bytes(r->messages[0].envelope.content), "{}body"));
    assert_int_equal(r->messages[0].progress.state, STATE_DEAD);
    assert_true(bytes_is(r->messages[0].progress.slots, "one two"));
    assert_int_equal(ask(rig, (read_request_t){.kind = READ_PRINTS, .most = 100})->count, 20);
}

static void the_file_of_every_schema_is_readable(void **state)
{
    static const struct { int leases, paces; } kept[STORE_SCHEMA + 1] = {[2] = {2, 1}};
    rig_t *rig = *state;
    if (getenv("WEIR_GOLDEN_WRITE"))
        golden_write(rig);
    for (int schema = 1; schema <= STORE_SCHEMA; schema++) {
        char path[128], golden[64];
        store_close(&rig->store);
        in_directory(rig, "weir.db", path);
        golden_path(schema, golden);
        copy_file(golden, path);
        rig_open(rig);
        assert_golden_messages(rig);
        assert_leases_and_paces(rig, kept[schema].leases, kept[schema].paces);
        store_close(&rig->store);
        assert_int_equal(ask_sql(rig, "PRAGMA user_version"), STORE_SCHEMA);
        rig_open(rig);
        assert_int_equal(rig->opened.epoch, 3);
    }
}

static void a_store_brought_forward_keeps_leases_and_paces(void **state)
{
    rig_t *rig = *state;
    char path[128], golden[64];
    store_close(&rig->store);
    in_directory(rig, "weir.db", path);
    golden_path(1, golden);
    copy_file(golden, path);
    rig_open(rig);
    store_batch_t *batch = store_batch_new();
    add(batch, lease_of("call-1", 1));
    add(batch, pace_of("crm", "p"));
    commit(rig, batch);
    rig_reopen(rig);
    assert_leases_and_paces(rig, 1, 1);
}

int main(void)
{
#define WITH_SQLITE(story) cmocka_unit_test_setup_teardown(story, with_sqlite, rig_end)
    const struct CMUnitTest tests[] = {
        WITH_SQLITE(nobody_else_may_read_the_files),
        WITH_SQLITE(a_directory_open_to_others_is_closed),
        WITH_SQLITE(a_second_opener_waits_and_is_turned_away),
        WITH_SQLITE(another_partition_is_refused),
        WITH_SQLITE(a_life_that_did_not_close_is_noticed),
        cmocka_unit_test(a_damaged_word_about_itself_is_mended_or_refused),
        WITH_SQLITE(a_counted_tally_says_what_is_there),
        WITH_SQLITE(damaged_rows_are_written_down),
        cmocka_unit_test(a_store_is_brought_forward_step_by_step),
        WITH_SQLITE(the_file_of_every_schema_is_readable),
        WITH_SQLITE(a_store_brought_forward_keeps_leases_and_paces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
