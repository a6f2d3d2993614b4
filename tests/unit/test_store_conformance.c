/* What every store must do alike: one suite, run against the memory store and against SQLite. */
#include "store_rig.h"

static void assert_text(bytes_t text, const char *expected)
{
    assert_true(bytes_is(text, expected));
}

static void a_message_comes_back_as_it_went(void **state)
{
    rig_t *rig = *state;
    commit_many(rig, 1);
    rig_reopen(rig);
    const read_result_t *r =
        ask(rig, (read_request_t){.kind = READ_BY_ID, .id = id_of(1), .want_content = true});
    assert_int_equal(r->error, 0);
    assert_int_equal(r->count, 1);
    assert_false(r->messages[0].damaged);
    const envelope_t *e = &r->messages[0].envelope;
    const progress_t *p = &r->messages[0].progress;
    assert_int_equal(e->seq, 1);
    assert_true(msgid_equal(&e->id, &(msgid_t){{1, 2, 3, 0, 0, 0, 0, 0, 1}}));
    assert_int_equal(e->print.b[0], 1);
    assert_int_equal(e->body_hash, 3);
    assert_int_equal(e->accepted.us, 1001);
    assert_int_equal(e->class, CLASS_HIGH);
    assert_text(e->source, "shop");
    assert_text(e->route, "odd");
    assert_text(e->key, "k");
    assert_text(e->labels, "{}");
    assert_text(e->content_type, "text/plain");
    assert_text(e->trace, "00-1");
    assert_int_equal(e->fields_len, 2);
    assert_text(blob_bytes(e->content), "{}body");
    assert_int_equal(p->state, STATE_QUEUED);
    assert_int_equal(p->holder_actor, ACTOR_RESPONDER);
    assert_int_equal(p->holder_instance, 7);
    assert_int_equal(p->attempt, 2);
    assert_int_equal(p->failed, 1);
    assert_int_equal(p->deaths, 1);
    assert_int_equal(p->flags, PROGRESS_WROTE);
    assert_int_equal(p->holder_generation, 99);
    assert_true(p->fence == UINT64_MAX);
    assert_int_equal(p->due_us, 5);
    assert_int_equal(p->start_by_us, 6);
    assert_int_equal(p->finished.us, 2001);
    assert_int_equal(p->bytes, 100);
    assert_text(p->step, "tag");
    assert_text(p->reason, "none");
    assert_text(p->results, "{\"a\":1}");
    assert_text(p->slots, "one two");
}

static void every_opening_has_a_greater_epoch(void **state)
{
    rig_t *rig = *state;
    for (uint64_t epoch = 1; epoch <= 3; epoch++) {
        assert_int_equal(rig->opened.epoch, epoch);
        assert_false(rig->opened.recovered);
        rig_reopen(rig);
    }
}

static void a_new_store_is_empty(void **state)
{
    rig_t *rig = *state;
    assert_int_equal(rig->opened.tally.next_seq, 1);
    assert_int_equal(rig->opened.tally.live, 0);
    const read_result_t *r = ask(rig, (read_request_t){.kind = READ_LIVE, .most = 10});
    assert_int_equal(r->count, 0);
    assert_true(r->last);
    assert_int_equal(ask(rig, (read_request_t){.kind = READ_BY_SEQ, .seq = 1})->error, -ENOENT);
    assert_int_equal(ask(rig, (read_request_t){.kind = READ_PRINTS, .most = 1})->count, 0);
}

static void the_tally_is_kept_with_its_batch(void **state)
{
    rig_t *rig = *state;
    commit_many(rig, 4);
    rig_reopen(rig);
    const tally_t *t = &rig->opened.tally;
    assert_int_equal(t->next_seq, 5);
    assert_int_equal(t->first_live, 1);
    assert_int_equal(t->live, 3);
    assert_int_equal(t->live_bytes, 4);
    assert_int_equal(t->done, 5);
    assert_int_equal(t->dead, 6);
}

static void the_last_progress_of_a_batch_counts(void **state)
{
    rig_t *rig = *state;
    store_batch_t *batch = store_batch_new();
    for (int64_t seq = 1; seq <= 200; seq++)
        add_message(batch, seq, "r", STATE_QUEUED);
    for (int64_t seq = 1; seq <= 200; seq++)
        store_batch_add(batch, &(change_t){.kind = CHANGE_PROGRESS,
                                           .progress = {.seq = seq, .state = STATE_DONE}});
    assert_int_equal(store_batch_count(batch), 400);
    commit(rig, batch);
    const read_result_t *r = ask(rig, (read_request_t){.kind = READ_BY_SEQ, .seq = 150});
    assert_int_equal(r->messages[0].progress.state, STATE_DONE);
    assert_int_equal(r->messages[0].progress.step.len, 0);
}

static void live_messages_come_in_slices_ascending(void **state)
{
    rig_t *rig = *state;
    commit_many(rig, 100);
    int64_t from = 0, last_seq = 0;
    size_t seen = 0;
    for (bool last = false; !last;) {
        const read_result_t *r =
            ask(rig, (read_request_t){.kind = READ_LIVE, .from_seq = from, .most = 7});
        assert_true(r->count <= 7);
        assert_true(r->next > from || r->last);
        for (size_t i = 0; i < r->count; i++) {
            int64_t seq = r->messages[i].envelope.seq;
            assert_true(seq > last_seq && seq % 3 && seq % 5);
            assert_null(r->messages[i].envelope.content);
            last_seq = seq;
        }
        seen += r->count;
        from = r->next;
        last = r->last;
    }
    assert_int_equal(seen, 100 - 20 - 27);
}

typedef struct list_case {
    const char *label;
    read_request_t request;
    size_t count;
    int64_t first, next;
    bool last;
} list_case_t;

static void a_list_has_its_filters_and_both_directions(void **state)
{
    static const list_case_t cases[] = {
        {"all up", {.most = 100, .state = -1}, 30, 1, 31, true},
        {"all down", {.most = 100, .state = -1, .newest_first = true}, 30, 30, 1, true},
        {"a slice down", {.most = 4, .state = -1, .newest_first = true}, 4, 30, 27, false},
        {"the next down",
         {.most = 4, .from_seq = 27, .state = -1, .newest_first = true},
         4,
         26,
         23,
         false},
        {"the last down",
         {.most = 4, .from_seq = 3, .state = -1, .newest_first = true},
         2,
         2,
         1,
         true},
        {"a slice up", {.most = 4, .from_seq = 3, .state = -1}, 4, 3, 7, false},
        {"dead", {.most = 100, .state = STATE_DEAD}, 6, 5, 31, true},
        {"dead of one route", {.most = 100, .state = STATE_DEAD, .route = "even"}, 3, 10, 31, true},
        {"no such route", {.most = 100, .state = -1, .route = "none"}, 0, 0, 31, true},
    };
    rig_t *rig = *state;
    commit_many(rig, 30);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        read_request_t request = cases[i].request;
        request.kind = READ_LIST;
        const read_result_t *r = ask(rig, request);
        if (r->count != cases[i].count || r->next != cases[i].next || r->last != cases[i].last
            || (r->count && r->messages[0].envelope.seq != cases[i].first))
            fail_msg("%s: count %zu, next %lld, last %d", cases[i].label, r->count,
                     (long long)r->next, r->last);
    }
}

static void a_list_looks_at_a_bounded_number_of_rows(void **state)
{
    rig_t *rig = *state;
    for (int64_t first = 1; first < 21000; first += 1000) {
        store_batch_t *batch = store_batch_new();
        for (int64_t seq = first; seq < first + 1000; seq++)
            store_batch_add(batch, &(change_t){.kind = CHANGE_ENQUEUE,
                                               .envelope = {.seq = seq, .id = id_of(seq)}}),
                store_batch_add(batch, &(change_t){.kind = CHANGE_PROGRESS,
                                                   .progress = {.seq = seq, .state = STATE_DONE}});
        commit(rig, batch);
    }
    read_request_t dead = {.kind = READ_LIST, .most = 10, .state = STATE_DEAD};
    const read_result_t *r = ask(rig, dead);
    assert_int_equal(r->count, 0);
    assert_false(r->last);
    assert_int_equal(r->next, 20001);
    dead.from_seq = r->next;
    assert_true(ask(rig, dead)->last);
    dead =
        (read_request_t){.kind = READ_LIST, .most = 10, .state = STATE_DEAD, .newest_first = true};
    r = ask(rig, dead);
    assert_false(r->last);
    assert_int_equal(r->next, 1001);
}

static void what_is_past_retention_is_found(void **state)
{
    rig_t *rig = *state;
    commit_many(rig, 30);
    read_request_t request = {
        .kind = READ_FINISHED, .most = 100, .state = STATE_DONE, .finished_before = {2013}};
    const read_result_t *r = ask(rig, request);
    assert_int_equal(r->count, 4); /* 3 6 9 12 */
    assert_int_equal(r->messages[3].envelope.seq, 12);
    assert_true(r->last);
    request.state = -1;
    assert_int_equal(ask(rig, request)->count, 6); /* and 5 10 */
}

static void a_dropped_message_leaves_nothing(void **state)
{
    rig_t *rig = *state;
    commit_many(rig, 3);
    store_batch_t *batch = store_batch_new();
    add_seq(batch, CHANGE_DROP, 2);
    add_seq(batch, CHANGE_DROP_BODY, 3);
    commit(rig, batch);
    assert_int_equal(ask(rig, (read_request_t){.kind = READ_BY_SEQ, .seq = 2})->error, -ENOENT);
    assert_int_equal(ask(rig, (read_request_t){.kind = READ_BY_ID, .id = id_of(2)})->error,
                     -ENOENT);
    const read_result_t *r = ask(rig, (read_request_t){.kind = READ_CONTENT, .seq = 3});
    assert_int_equal(r->error, 0);
    assert_null(r->messages[0].envelope.content);
    r = ask(rig, (read_request_t){.kind = READ_CONTENT, .seq = 1});
    assert_text(blob_bytes(r->messages[0].envelope.content), "{}body");
}

static void a_message_may_come_and_go_in_one_batch(void **state)
{
    rig_t *rig = *state;
    store_batch_t *batch = store_batch_new();
    add_message(batch, 1, "r", STATE_QUEUED);
    add_seq(batch, CHANGE_DROP, 1);
    commit(rig, batch);
    assert_int_equal(ask(rig, (read_request_t){.kind = READ_BY_SEQ, .seq = 1})->error, -ENOENT);
    assert_int_equal(ask(rig, (read_request_t){.kind = READ_PRINTS, .most = 10})->count, 1);
}

static void prints_come_in_whole_groups_and_go_in_whole_groups(void **state)
{
    rig_t *rig = *state;
    for (int64_t group = 0; group < 4; group++) {
        store_batch_t *batch = store_batch_new();
        for (int64_t seq = group * 10 + 1; seq <= group * 10 + 10; seq++)
            add_message(batch, seq, "r", STATE_QUEUED);
        commit(rig, batch);
    }
    const read_result_t *r = ask(rig, (read_request_t){.kind = READ_PRINTS, .most = 25});
    assert_int_equal(r->count, 20);
    assert_false(r->last);
    assert_int_equal(r->prints[19].seq, 20);
    assert_int_equal(r->prints[19].print.b[0], 20);
    assert_int_equal(r->prints[19].body_hash, 60);
    assert_int_equal(r->prints[19].accepted.us, 1020);
    r = ask(rig, (read_request_t){.kind = READ_PRINTS, .from_seq = r->next, .most = 1});
    assert_int_equal(r->count, 10); /* at least one group */
    assert_int_equal(r->prints[0].seq, 21);
    store_batch_t *batch = store_batch_new();
    store_batch_add(batch, &(change_t){.kind = CHANGE_DROP_PRINTS, .before = {1025}});
    commit(rig, batch);
    r = ask(rig, (read_request_t){.kind = READ_PRINTS, .most = 100});
    assert_int_equal(r->count, 20);
    assert_int_equal(r->prints[0].seq, 21);
    assert_true(r->last);
}

static void remember(void *arg, const store_setting_t *s)
{
    char *all = arg;
    size_t used = strlen(all);
    snprintf(all + used, 200 - used, "%.*s=%.*s;", (int)s->name.len, (const char *)s->name.data,
             (int)s->value.len, (const char *)s->value.data);
}

static void settings_are_kept_and_replaced(void **state)
{
    rig_t *rig = *state;
    const char *const pairs[][2] = {{"mode", "normal"}, {"safe", ""}, {"mode", "draining"}};
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        store_batch_t *batch = store_batch_new();
        store_batch_add(batch,
                        &(change_t){.kind = CHANGE_SETTING,
                                    .setting = {bytes_str(pairs[i][0]), bytes_str(pairs[i][1])}});
        commit(rig, batch);
    }
    for (int i = 0; i < 2; i++) {
        char all[200] = "";
        store_settings(rig->store, remember, all);
        assert_string_equal(all, "mode=draining;safe=;");
        rig_reopen(rig);
    }
}

static void batches_are_numbered_and_end_in_order(void **state)
{
    rig_t *rig = *state;
    size_t room = store_room(rig->store);
    assert_true(room >= 2);
    uint64_t number = 0, reported = 0;
    for (size_t i = 0; i < room; i++) {
        store_batch_t *batch = store_batch_new();
        add_message(batch, (int64_t)i + 1, "r", STATE_QUEUED);
        assert_int_equal(store_submit(rig->store, batch), ++number);
    }
    while (reported < number) {
        store_event_t event = next_event(rig);
        assert_int_equal(event.kind, STORE_COMMITTED);
        assert_true(event.batch > reported);
        reported = event.batch;
    }
    assert_int_equal(store_room(rig->store), room);
}

static void what_was_submitted_before_close_is_kept(void **state)
{
    rig_t *rig = *state;
    for (int64_t seq = 1; seq <= 5; seq++) {
        store_batch_t *batch = store_batch_new();
        add_message(batch, seq, "r", STATE_QUEUED);
        store_submit(rig->store, batch);
    }
    rig_reopen(rig);
    assert_int_equal(ask(rig, (read_request_t){.kind = READ_LIVE, .most = 10})->count, 5);
}

static void reads_are_bounded(void **state)
{
    rig_t *rig = *state;
    int accepted = 0;
    read_request_t request = {.kind = READ_SPACE};
    while (accepted < 1000 && store_read(rig->store, &request) == 0)
        accepted++;
    assert_int_equal(accepted, 256);
    assert_int_equal(store_read(rig->store, &request), -EAGAIN);
    for (; accepted; accepted--)
        assert_int_equal(next_event(rig).kind, STORE_READ);
    assert_int_equal(store_read(rig->store, &request), 0);
    assert_int_equal(next_event(rig).kind, STORE_READ);
}

static void half_a_message_is_called_damaged(void **state)
{
    rig_t *rig = *state;
    store_batch_t *batch = store_batch_new();
    change_t envelope = enqueue_of(1, "r", "body"), progress = progress_of(2, STATE_QUEUED);
    store_batch_add(batch, &envelope);
    store_batch_add(batch, &progress);
    commit(rig, batch);
    const read_result_t *r = ask(rig, (read_request_t){.kind = READ_LIVE, .most = 10});
    assert_int_equal(r->count, 2);
    assert_int_equal(r->damaged, 2);
    assert_true(r->messages[0].damaged && r->messages[1].damaged);
    assert_int_equal(ask(rig, (read_request_t){.kind = READ_BY_SEQ, .seq = 1})->error, -EBADMSG);
    assert_int_equal(ask(rig, (read_request_t){.kind = READ_BY_SEQ, .seq = 2})->error, -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_message_comes_back_as_it_went),
        BOTH(every_opening_has_a_greater_epoch),
        BOTH(a_new_store_is_empty),
        BOTH(the_tally_is_kept_with_its_batch),
        BOTH(the_last_progress_of_a_batch_counts),
        BOTH(live_messages_come_in_slices_ascending),
        BOTH(a_list_has_its_filters_and_both_directions),
        BOTH(a_list_looks_at_a_bounded_number_of_rows),
        BOTH(what_is_past_retention_is_found),
        BOTH(a_dropped_message_leaves_nothing),
        BOTH(a_message_may_come_and_go_in_one_batch),
        BOTH(prints_come_in_whole_groups_and_go_in_whole_groups),
        BOTH(settings_are_kept_and_replaced),
        BOTH(batches_are_numbered_and_end_in_order),
        BOTH(what_was_submitted_before_close_is_kept),
        BOTH(reads_are_bounded),
        BOTH(half_a_message_is_called_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
