/* A store with broken pages is made anew: what can be read is there, what cannot is told, and the
 * new file can be written. */
#include "store_image.h"

#include <sqlite3.h>

#include "store/rebuild.h"
#include "store/sqlite_inner.h"

typedef struct told {
    size_t rows, stretches, no_progress, no_content;
    bool message[MESSAGES + 1]; /* it was named */
    char name[64];              /* the last one */
} told_t;

static void tell(void *arg, const rebuild_loss_t *loss)
{
    told_t *told = arg;
    size_t *const counts[] = {&told->rows, &told->stretches, &told->no_progress, &told->no_content};
    ++*counts[loss->kind];
    if (loss->seq >= 1 && loss->seq <= MESSAGES)
        told->message[loss->seq] = true;
    if (loss->name.len)
        snprintf(told->name, sizeof told->name, "%s %.*s", loss->table, (int)loss->name.len,
                 (const char *)loss->name.data);
}

static int rebuild(const rig_t *rig, told_t *told, rebuild_report_t *report, char why[256])
{
    *told = (told_t){0};
    why[0] = 0;
    return store_rebuild(&(rebuild_options_t){.directory = rig->directory, .lost = tell,
                                              .arg = told}, report, why, 256);
}

static void beside(const rig_t *rig, const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", rig->directory, name);
}

static void forget_old(const rig_t *rig)
{
    char path[128];
    beside(rig, "weir.db.damaged", path);
    unlink(path);
}

static int end(void **state)
{
    forget_old(*state);
    return rig_end(state);
}

static void run_sql(const rig_t *rig, const char *sql)
{
    char path[128];
    sqlite3 *db = NULL;
    path_of(rig, path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void settle_all(rig_t *rig)
{
    store_batch_t *batch = store_batch_new();
    for (int64_t seq = 1; seq <= MESSAGES; seq++)
        add(batch, progress_of(seq, STATE_DONE));
    add(batch, lease_of("n7", 9));
    add(batch, pace_of("n7", "new"));
    commit(rig, batch);
}

static void a_whole_store_is_copied_whole(void **state)
{
    rig_t *rig = *state;
    told_t told;
    rebuild_report_t report;
    char why[256], path[128];
    size_t whole = 0, kept = 0;
    fill(rig);
    store_close(&rig->store);
    assert_int_equal(rebuild(rig, &told, &report, why), 0);
    assert_int_equal(told.rows + told.stretches + told.no_progress + told.no_content, 0);
    assert_int_equal(report.tables[0].copied, MESSAGES);
    assert_int_equal(report.now.next_seq, MESSAGES + 1);
    assert_int_equal(report.now.live, MESSAGES);
    assert_int_equal(report.prints_again, 0);
    beside(rig, "weir.db.damaged", path);
    assert_int_equal(access(path, R_OK), 0);
    rig_open(rig);
    assert_int_equal(rig->opened.damaged, 0);
    assert_int_equal(rig->opened.epoch, 2);
    assert_false(rig->opened.recovered);
    assert_true(look_at_kept(rig, &kept) && look(rig, &whole));
    assert_int_equal(whole, MESSAGES);
    assert_int_equal(kept, 2 * LEASES);
    settle_all(rig);
}

/* Breaks the page, rebuilds, and looks at everything. False: there was nothing to break. */
static void break_and_rebuild(rig_t *rig, const image_t *image, size_t page)
{
    told_t told;
    rebuild_report_t report;
    char why[256];
    size_t whole = 0, kept = 0;
    uint8_t *header = image->data + page * 4096, was = header[0];
    header[0] = 0xff;
    image_write(rig, image->data, image->size);
    header[0] = was;
    if (rebuild(rig, &told, &report, why) != 0)
        fail_msg("page %zu: %s", page + 1, why);
    rig_open(rig);
    if (rig->opened.damaged)
        fail_msg("page %zu: %d rows are still damaged", page + 1, (int)rig->opened.damaged);
    assert_true(look_at_kept(rig, &kept) || report.tables[5].unreadable
                || report.tables[6].unreadable);
    assert_true(kept > LEASES);
    seen_t seen = {0};
    see_live(rig, &seen);
    see_prints(rig, &seen);
    assert_int_equal(seen.wrong + seen.damaged, 0);
    for (int64_t seq = 1; seq <= MESSAGES; seq++) {
        if (!seen.whole[seq] && !told.message[seq] && report.tables[0].unreadable == 0)
            fail_msg("page %zu: message %d is missing in silence", page + 1, (int)seq);
        whole += seen.whole[seq];
    }
    assert_int_equal(report.now.live, whole);
    assert_true(whole + told.no_progress + 60 > MESSAGES);
    settle_all(rig); /* every page can be written */
    store_close(&rig->store);
    forget_old(rig);
}

static void a_broken_page_costs_what_lay_in_it_and_can_be_written_again(void **state)
{
    rig_t *rig = *state;
    size_t pages = 0;
    fill(rig);
    store_close(&rig->store);
    image_t image = image_read(rig);
    for (size_t page = 1; page < image.size / 4096; page++) {
        uint8_t type = image.data[page * 4096];
        if (type != 10 && type != 13) /* leaves; of the pages above them more is lost */
            continue;
        break_and_rebuild(rig, &image, page);
        pages++;
    }
    assert_true(pages > 20);
    free(image.data);
    rig->store = NULL;
}

static void a_flipped_bit_is_gone_after_a_rebuild(void **state)
{
    rig_t *rig = *state;
    told_t told;
    rebuild_report_t report;
    char why[256];
    size_t refused = 0, flips = flips_wanted(200), whole = 0, kept = 0, rebuilt = 0;
    fill(rig);
    store_close(&rig->store);
    image_t image = image_read(rig);
    for (size_t i = 0; i < flips; i++) {
        size_t at = image_flip(&image, i, flips);
        image_write(rig, image.data, image.size);
        image_flip(&image, i, flips);
        if (rebuild(rig, &told, &report, why) != 0) {
            refused++;
            assert_true(why[0]);
            continue;
        }
        rebuilt++;
        rig_open(rig);
        seen_t seen = {0};
        assert_int_equal(rig->opened.damaged, 0);
        bool kept_right = look_at_kept(rig, &kept);
        see_live(rig, &seen);
        see_prints(rig, &seen);
        if (seen.wrong || seen.damaged || (!kept_right && !told.rows && !told.stretches))
            fail_msg("bit %zu of byte %zu: wrong %zu, damaged %zu", i % 8, at, seen.wrong,
                     seen.damaged);
        whole += report.now.live;
        store_close(&rig->store);
        forget_old(rig);
    }
    print_message("%zu flips: %zu refused, else %.1f of %d messages and %.1f of %d leases and "
                  "paces are there\n", flips, refused, (double)whole / (double)rebuilt, MESSAGES,
                  (double)kept / (double)rebuilt, 2 * LEASES);
    assert_true(refused * 20 < flips);
    assert_true(whole > rebuilt * (MESSAGES - 4));
    free(image.data);
    rig->store = NULL;
}

static void what_is_half_becomes_a_dead_letter_or_is_named(void **state)
{
    rig_t *rig = *state;
    told_t told;
    rebuild_report_t report;
    char why[256];
    fill(rig);
    store_close(&rig->store);
    run_sql(rig, "DELETE FROM progress WHERE seq=7; DELETE FROM envelope WHERE seq=8;"
                 "UPDATE content SET data=x'00' WHERE seq=9; UPDATE lease SET fence=1 WHERE "
                 "id=x'6e3135'; UPDATE meta SET value='x' WHERE number=7");
    assert_int_equal(rebuild(rig, &told, &report, why), 0);
    assert_int_equal(told.no_progress, 1);
    assert_int_equal(told.no_content, 1);
    assert_true(told.message[7] && told.message[8] && told.message[9]);
    assert_int_equal(report.tables[1].left_out, 1); /* the progress of 8 */
    assert_string_equal(told.name, "lease n15");
    assert_int_equal(report.now.next_seq, MESSAGES + 1);
    assert_int_equal(report.now.live, MESSAGES - 2);
    assert_int_equal(report.now.dead, 1);
    rig_open(rig);
    assert_int_equal(rig->opened.damaged, 0);
    assert_int_equal(rig->opened.tally.dead, 1);
    const read_result_t *r = ask(rig, (read_request_t){.kind = READ_CONTENT, .seq = 7});
    assert_int_equal(r->error, 0);
    assert_int_equal(r->messages[0].progress.state, STATE_DEAD);
    assert_true(r->messages[0].progress.flags & PROGRESS_MAYBE_DUPLICATE);
    assert_true(bytes_is(blob_bytes(r->messages[0].envelope.content), body_of(7)));
    assert_int_equal(ask(rig, (read_request_t){.kind = READ_BY_SEQ, .seq = 8})->error, -ENOENT);
    assert_int_equal(ask(rig, (read_request_t){.kind = READ_CONTENT, .seq = 9})->error, -EBADMSG);
}

static void lost_dedup_prints_come_from_the_envelopes(void **state)
{
    rig_t *rig = *state;
    told_t told;
    rebuild_report_t report;
    char why[256];
    seen_t seen = {0};
    fill(rig);
    store_close(&rig->store);
    run_sql(rig, "DELETE FROM prints WHERE grp=2; UPDATE prints SET newest=1 WHERE grp=4;"
                 "DELETE FROM prints WHERE grp=6");
    assert_int_equal(rebuild(rig, &told, &report, why), 0);
    assert_int_equal(report.prints_again, 60);
    rig_open(rig);
    see_prints(rig, &seen);
    assert_int_equal(seen.wrong + seen.damaged, 0);
    assert_int_equal(ask(rig, (read_request_t){.kind = READ_PRINTS, .most = 4096})->count,
                     MESSAGES);
}

static void an_epoch_that_is_lost_is_followed_by_a_greater_one(void **state)
{
    rig_t *rig = *state;
    told_t told;
    rebuild_report_t report;
    char why[256];
    store_close(&rig->store);
    run_sql(rig, "UPDATE meta SET value='9' WHERE number IN(2,3)");
    assert_int_equal(rebuild(rig, &told, &report, why), 0);
    assert_true(report.epoch_lost);
    rig_open(rig);
    assert_true(rig->opened.epoch > 1000000000);
}

static void a_rebuild_that_cannot_be_changes_nothing(void **state)
{
    rig_t *rig = *state;
    told_t told;
    rebuild_report_t report;
    char why[256], damaged[128], path[128], newer[160];
    uint8_t number = META_SCHEMA;
    assert_int_equal(rebuild(rig, &told, &report, why), -EWOULDBLOCK);
    assert_non_null(strstr(why, "stop Weir first"));
    fill(rig);
    store_close(&rig->store);
    image_t before = image_read(rig);
    rebuild_options_t dry = {.directory = rig->directory, .dry_run = true};
    assert_int_equal(store_rebuild(&dry, &report, why, sizeof why), 0);
    assert_int_equal(report.tables[0].copied, MESSAGES);
    image_t after = image_read(rig);
    assert_true(before.size == after.size && memcmp(before.data, after.data, after.size) == 0);
    beside(rig, "weir.db.rebuilt", path);
    assert_int_not_equal(access(path, F_OK), 0);
    beside(rig, "weir.db.damaged", damaged);
    close(open(damaged, O_WRONLY | O_CREAT, 0600));
    assert_int_equal(rebuild(rig, &told, &report, why), -EEXIST);
    assert_non_null(strstr(why, "move it away"));
    forget_old(rig);
    snprintf(newer, sizeof newer, "UPDATE meta SET value='%d', sum=%lld WHERE number=1", 99,
             (long long)named_sum(ROW_META, bytes_of(&number, 1), bytes_str("99")));
    run_sql(rig, newer);
    assert_int_equal(rebuild(rig, &told, &report, why), -EPROTO);
    path_of(rig, path);
    unlink(path);
    assert_int_equal(rebuild(rig, &told, &report, why), -ENOENT);
    free(before.data);
    free(after.data);
}

static void a_rebuild_cut_off_before_its_last_step_is_begun_again(void **state)
{
    rig_t *rig = *state;
    told_t told;
    rebuild_report_t report;
    char why[256], path[128], damaged[128], made[128];
    fill(rig);
    store_close(&rig->store);
    path_of(rig, path);
    beside(rig, "weir.db.damaged", damaged);
    beside(rig, "weir.db.rebuilt", made);
    assert_int_equal(link(path, damaged), 0);
    close(open(made, O_WRONLY | O_CREAT, 0600));
    assert_int_equal(rebuild(rig, &told, &report, why), 0);
    assert_int_not_equal(access(made, F_OK), 0);
    rig_open(rig);
    assert_int_equal(rig->opened.tally.live, MESSAGES);
}

int main(void)
{
#define WITH_SQLITE(story) cmocka_unit_test_setup_teardown(story, with_sqlite, end)
    const struct CMUnitTest tests[] = {
        WITH_SQLITE(a_whole_store_is_copied_whole),
        WITH_SQLITE(a_broken_page_costs_what_lay_in_it_and_can_be_written_again),
        WITH_SQLITE(a_flipped_bit_is_gone_after_a_rebuild),
        WITH_SQLITE(what_is_half_becomes_a_dead_letter_or_is_named),
        WITH_SQLITE(lost_dedup_prints_come_from_the_envelopes),
        WITH_SQLITE(an_epoch_that_is_lost_is_followed_by_a_greater_one),
        WITH_SQLITE(a_rebuild_that_cannot_be_changes_nothing),
        WITH_SQLITE(a_rebuild_cut_off_before_its_last_step_is_begun_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
