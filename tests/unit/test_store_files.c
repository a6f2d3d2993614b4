/* The store as a file: a backup while it works is one moment of it; checked, and put in place. */
#include "store_rig.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "store/sqlite_backup.h"
#include "store/sqlite_check.h"

#define MANY 12000 /* more than a slice */

typedef struct place {
    rig_t *rig;
    char backup[128], other[128], why[512];
} place_t;

static place_t place_of(void **state)
{
    place_t p = {.rig = *state};
    snprintf(p.backup, sizeof p.backup, "%s/" STORE_BACKUP_NAME, p.rig->directory);
    snprintf(p.other, sizeof p.other, "%s/other", p.rig->directory);
    return p;
}

static read_result_t slice(place_t *p, enum backup_step step)
{
    read_request_t r = {.kind = READ_BACKUP, .seq = step};
    return *ask(p->rig, r);
}

static int backup_whole(place_t *p)
{
    read_result_t got = slice(p, BACKUP_BEGIN);
    while (got.error == 0 && !got.last)
        got = slice(p, BACKUP_GO_ON);
    return got.error;
}

static int check_path(place_t *p, const char *path, store_check_t *out)
{
    p->why[0] = '\0';
    return store_check(path, out, p->why, sizeof p->why);
}

static int restore(place_t *p, bool force, store_restored_t *out)
{
    const store_restore_t what = {
        .file = p->backup, .directory = p->other, .force = force, .now = {7 * US_PER_S}};
    return store_restore(&what, out, p->why, sizeof p->why);
}

static void clean(place_t *p)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf %s %s", p->other, p->backup);
    assert_int_equal(system(command), 0);
}

/* What is committed between two slices is not in it, and does not make it begin again. */
static void a_backup_is_one_moment_of_the_store(void **state)
{
    place_t p = place_of(state);
    store_check_t found;
    commit_many(p.rig, MANY);
    read_result_t got = slice(&p, BACKUP_BEGIN);
    assert_int_equal(got.error, 0);
    size_t slices = 1;
    for (int64_t seq = MANY + 1; !got.last; seq++, slices++) {
        store_batch_t *batch = store_batch_new();
        add_message(batch, seq, "late", STATE_QUEUED);
        commit(p.rig, batch);
        got = slice(&p, BACKUP_GO_ON);
        assert_int_equal(got.error, 0);
        assert_true(slices < 100);
    }
    assert_true(slices > 1);
    assert_int_equal(check_path(&p, p.backup, &found), 0);
    assert_int_equal(found.damaged, 0);
    assert_int_equal(found.tables[1].rows, MANY);
    struct stat st;
    assert_int_equal(stat(p.backup, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    clean(&p);
}

static void a_backup_that_is_given_up_leaves_nothing(void **state)
{
    place_t p = place_of(state);
    commit_many(p.rig, MANY);
    assert_int_equal(slice(&p, BACKUP_GO_ON).error, -EBUSY); /* none runs */
    assert_false(slice(&p, BACKUP_BEGIN).last);
    assert_int_equal(slice(&p, BACKUP_GIVE_UP).error, 0);
    assert_int_equal(slice(&p, BACKUP_GO_ON).error, -EBUSY);
    assert_int_equal(access(p.backup, F_OK), -1);
    assert_int_equal(backup_whole(&p), 0); /* and the next one works */
    clean(&p);
}

/* While it runs the log cannot begin again: there is an end to that. */
static void a_log_that_grows_too_long_ends_the_backup_and_nothing_else(void **state)
{
    place_t p = place_of(state);
    commit_many(p.rig, MANY);
    read_result_t got = slice(&p, BACKUP_BEGIN);
    assert_false(got.last);
    char *large = malloc(1 << 20);
    memset(large, 'x', (1 << 20) - 1);
    large[(1 << 20) - 1] = '\0';
    for (int64_t seq = 2 * MANY; seq < 2 * MANY + 4 * (STORE_BACKUP_LOGS + 1); seq++) {
        store_batch_t *batch = store_batch_new();
        add(batch, enqueue_of(seq, "r", large));
        add(batch, progress_of(seq, STATE_QUEUED));
        commit(p.rig, batch);
    }
    free(large);
    assert_int_equal(slice(&p, BACKUP_GO_ON).error, -EBUSY);
    clean(&p);
}

static void a_restored_store_is_marked_and_says_so_once(void **state)
{
    place_t p = place_of(state);
    store_restored_t done;
    commit_many(p.rig, 30);
    uint64_t epoch = p.rig->opened.epoch;
    assert_int_equal(backup_whole(&p), 0);
    if (restore(&p, false, &done) != 0)
        fail_msg("%s", p.why);
    assert_int_equal(done.marked, 16); /* of 30: each fifth dead, each third done */
    assert_int_equal(restore(&p, false, &done), -EEXIST);
    assert_int_equal(restore(&p, true, &done), 0);
    assert_int_equal(access(done.set_aside, F_OK), 0);
    rig_t other = {.sqlite = true};
    snprintf(other.directory, sizeof other.directory, "%s", p.other);
    rig_open(&other);
    assert_int_equal(other.opened.restored.us, 7 * US_PER_S);
    assert_true(other.opened.epoch > epoch + 1000);
    assert_int_equal(other.opened.damaged, 0);
    const read_result_t *live =
        ask(&other, (read_request_t){.kind = READ_LIVE, .most = 100, .state = -1});
    assert_int_equal(live->count, 16);
    for (size_t i = 0; i < live->count; i++) {
        assert_false(live->messages[i].damaged);
        assert_true(live->messages[i].progress.flags & PROGRESS_MAYBE_DUPLICATE);
        assert_true(live->messages[i].progress.flags & PROGRESS_WROTE); /* as it was */
    }
    rig_reopen(&other);
    assert_int_equal(other.opened.restored.us, 0);
    assert_int_equal(restore(&p, true, &done), -EWOULDBLOCK); /* somebody works with it */
    store_close(&other.store);
    clean(&p);
}

static void a_flipped_bit_is_found_and_not_restored(void **state)
{
    place_t p = place_of(state);
    store_check_t found;
    store_restored_t done;
    commit_many(p.rig, 30);
    assert_int_equal(backup_whole(&p), 0);
    int fd = open(p.backup, O_RDWR);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    uint8_t *all = malloc((size_t)st.st_size), *at;
    assert_int_equal(pread(fd, all, (size_t)st.st_size, 0), st.st_size);
    at = memmem(all, (size_t)st.st_size, "{}body", 6);
    assert_non_null(at);
    *at ^= 1;
    assert_int_equal(pwrite(fd, at, 1, at - all), 1);
    close(fd);
    free(all);
    assert_int_equal(check_path(&p, p.backup, &found), 0);
    assert_int_equal(found.damaged, 1);
    assert_int_equal(found.tables[2].damaged, 1);
    assert_non_null(strstr(found.said[0], "content: the row of number"));
    assert_int_equal(restore(&p, false, &done), -EBADMSG);
    assert_int_equal(access(p.other, F_OK), -1);
    clean(&p);
}

static void what_is_no_store_is_said_to_be_none(void **state)
{
    place_t p = place_of(state);
    store_check_t found;
    assert_int_equal(check_path(&p, "/nonexistent", &found), -ENOENT);
    assert_int_equal(check_path(&p, p.rig->directory, &found), -EWOULDBLOCK);
    int fd = open(p.backup, O_RDWR | O_CREAT, 0600);
    assert_int_equal(check_path(&p, p.backup, &found), -EBADMSG); /* empty */
    for (int i = 0; i < 1000; i++)
        assert_int_equal(write(fd, "no store at all ", 16), 16);
    close(fd);
    assert_int_equal(check_path(&p, p.backup, &found), -EBADMSG);
    assert_non_null(strstr(p.why, "no store of Weir"));
    clean(&p);
}

int main(void)
{
#define T(story) cmocka_unit_test_setup_teardown(story, with_sqlite, rig_end)
    const struct CMUnitTest tests[] = {
        T(a_backup_is_one_moment_of_the_store),
        T(a_backup_that_is_given_up_leaves_nothing),
        T(a_log_that_grows_too_long_ends_the_backup_and_nothing_else),
        T(a_restored_store_is_marked_and_says_so_once),
        T(a_flipped_bit_is_found_and_not_restored),
        T(what_is_no_store_is_said_to_be_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
