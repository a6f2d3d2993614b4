/* What a batch keeps: copies, one write a row, bounds. And the memory store's ways to fail. */
#include "store_rig.h"

#include "store/batch.h"

static void texts_are_copied_and_content_is_taken_over(void **state)
{
    (void)state;
    char route[] = "sales";
    blob_t *content = blob_new(bytes_str("body"));
    store_batch_t *batch = store_batch_new();
    change_t change = {
        .kind = CHANGE_ENQUEUE,
        .envelope = {.seq = 1, .route = bytes_str(route), .content = blob_ref(content)}};
    store_batch_add(batch, &change);
    route[0] = 'X';
    assert_true(bytes_is(batch->changes[0].envelope.route, "sales"));
    assert_int_equal(atomic_load(&content->refs), 2);
    assert_true(store_batch_bytes(batch) >= 9);
    store_batch_destroy(&batch);
    assert_null(batch);
    assert_int_equal(atomic_load(&content->refs), 1);
    blob_unref(&content);
}

static void one_row_is_written_once_a_batch(void **state)
{
    (void)state;
    store_batch_t *batch = store_batch_new();
    for (int round = 0; round < 3; round++)
        for (int64_t seq = 1; seq <= 1000; seq++)
            store_batch_add(batch,
                            &(change_t){.kind = CHANGE_PROGRESS,
                                        .progress = {.seq = seq, .attempt = (uint32_t)round}});
    assert_int_equal(store_batch_count(batch), 1000);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(batch->changes[i].progress.seq, i + 1);
        assert_int_equal(batch->changes[i].progress.attempt, 2);
    }
    store_batch_destroy(&batch);
}

static void one_lease_and_one_pace_are_written_once_a_batch(void **state)
{
    (void)state;
    store_batch_t *batch = store_batch_new();
    for (uint64_t round = 1; round <= 3; round++)
        for (int i = 0; i < 500; i++) {
            char name[16];
            snprintf(name, sizeof name, "n%d", i);
            add(batch, lease_of(name, round));
            add(batch, pace_of(name, round == 3 ? "new" : "old"));
            if (i % 2)
                add_lease_drop(batch, name);
        }
    assert_int_equal(store_batch_count(batch), 1000);
    for (size_t i = 0; i < 1000; i += 2) {
        const change_t *lease = &batch->changes[i], *pace = &batch->changes[i + 1];
        assert_int_equal(lease->kind, i / 2 % 2 ? CHANGE_LEASE_DROP : CHANGE_LEASE);
        assert_true(lease->kind == CHANGE_LEASE_DROP || lease->lease.fence == 3);
        assert_int_equal(pace->kind, CHANGE_PACE);
        assert_true(bytes_is(pace->pace.data, "new"));
    }
    store_batch_destroy(&batch);
}

static void a_progress_before_a_drop_is_not_written(void **state)
{
    (void)state;
    store_batch_t *batch = store_batch_new();
    change_t before = progress_of(5, STATE_DONE);
    store_batch_add(batch, &before);
    add_seq(batch, CHANGE_DROP, 5);
    assert_int_equal(batch->changes[0].kind, CHANGE_NOTHING);
    assert_int_equal(batch->changes[1].kind, CHANGE_DROP);
    store_batch_destroy(&batch);
}

static void a_batch_says_when_it_is_full(void **state)
{
    (void)state;
    store_batch_t *many = store_batch_new(), *large = store_batch_new();
    for (int64_t seq = 1; seq <= STORE_BATCH_CHANGES; seq++) {
        assert_false(store_batch_full(many));
        add_seq(many, CHANGE_DROP_BODY, seq);
    }
    assert_true(store_batch_full(many));
    uint8_t *body = calloc(1, STORE_BATCH_BYTES);
    change_t change = {
        .kind = CHANGE_ENQUEUE,
        .envelope = {.seq = 1, .content = blob_new(bytes_of(body, STORE_BATCH_BYTES))}};
    assert_false(store_batch_full(large));
    store_batch_add(large, &change);
    assert_true(store_batch_full(large));
    free(body);
    store_batch_destroy(&many);
    store_batch_destroy(&large);
}

static void submit_one(rig_t *rig, int64_t seq)
{
    store_batch_t *batch = store_batch_new();
    add_message(batch, seq, "r", STATE_QUEUED);
    add(batch, lease_of(seq == 1 ? "first" : "second", 1));
    store_submit(rig->store, batch);
}

static void count_lease(void *arg, const stored_lease_t *l)
{
    assert_true(bytes_is(l->id, "first"));
    ++*(int *)arg;
}

static void a_crash_loses_what_was_not_committed_and_only_that(void **state)
{
    rig_t *rig = *state;
    submit_one(rig, 1);
    submit_one(rig, 2);
    assert_true(memory_store_commit(rig->store, 0));
    assert_int_equal(memory_store_pending(rig->store), 1);
    memory_store_crash(&rig->store);
    rig_open(rig);
    assert_true(rig->opened.recovered);
    assert_int_equal(rig->opened.epoch, 2);
    int leases = 0;
    store_leases(rig->store, count_lease, &leases);
    assert_int_equal(leases, 1);
    assert_non_null(memory_disk_find(rig->disk, &(msgid_t){{1, 2, 3, 0, 0, 0, 0, 0, 1}}));
    assert_null(memory_disk_find(rig->disk, &(msgid_t){{1, 2, 3, 0, 0, 0, 0, 0, 2}}));
}

static void nothing_commits_after_a_failed_sync(void **state)
{
    rig_t *rig = *state;
    store_event_t event;
    submit_one(rig, 1);
    submit_one(rig, 2);
    assert_true(memory_store_commit(rig->store, -EIO));
    assert_false(memory_store_commit(rig->store, 0));
    assert_true(store_next(rig->store, &event));
    assert_int_equal(event.kind, STORE_POISONED);
    assert_int_equal(event.error, -EIO);
    assert_false(store_next(rig->store, &event));
    assert_int_equal(store_room(rig->store), 0);
    assert_int_equal(ask(rig, (read_request_t){.kind = READ_BY_SEQ, .seq = 1})->error, -EIO);
}

static void a_full_disk_holds_the_batch_until_there_is_space(void **state)
{
    static const uint8_t expected[] = {STORE_FULL, STORE_COMMITTED, STORE_SPACE};
    rig_t *rig = *state;
    store_event_t event;
    submit_one(rig, 1);
    assert_true(memory_store_commit(rig->store, -ENOSPC));
    assert_true(memory_store_commit(rig->store, -ENOSPC)); /* still full: said once */
    assert_int_equal(memory_store_pending(rig->store), 1);
    assert_true(memory_store_commit(rig->store, 0));
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_true(store_next(rig->store, &event));
        assert_int_equal(event.kind, expected[i]);
    }
}

static void a_read_sees_what_was_durable_when_it_was_answered(void **state)
{
    rig_t *rig = *state;
    store_event_t event;
    submit_one(rig, 1);
    read_request_t request = {.kind = READ_BY_SEQ, .seq = 1};
    assert_int_equal(store_read(rig->store, &request), 0);
    assert_int_equal(store_read(rig->store, &request), 0);
    assert_int_equal(memory_store_reading(rig->store), 2);
    assert_true(memory_store_answer(rig->store));
    assert_true(memory_store_commit(rig->store, 0));
    assert_true(memory_store_answer(rig->store));
    assert_true(store_next(rig->store, &event));
    assert_int_equal(event.read->error, -ENOENT);
    assert_true(store_next(rig->store, &event));
    assert_int_equal(event.kind, STORE_COMMITTED);
    assert_true(store_next(rig->store, &event));
    assert_int_equal(event.read->error, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_copied_and_content_is_taken_over),
        cmocka_unit_test(one_row_is_written_once_a_batch),
        cmocka_unit_test(one_lease_and_one_pace_are_written_once_a_batch),
        cmocka_unit_test(a_progress_before_a_drop_is_not_written),
        cmocka_unit_test(a_batch_says_when_it_is_full),
#define WITH_MEMORY(story) cmocka_unit_test_setup_teardown(story, with_memory, rig_end)
        WITH_MEMORY(a_crash_loses_what_was_not_committed_and_only_that),
        WITH_MEMORY(nothing_commits_after_a_failed_sync),
        WITH_MEMORY(a_full_disk_holds_the_batch_until_there_is_space),
        WITH_MEMORY(a_read_sees_what_was_durable_when_it_was_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
