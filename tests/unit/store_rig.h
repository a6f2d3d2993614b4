/* store_rig.h: one store under test, memory or SQLite, and small helpers to drive it. */
#ifndef WEIR_TESTS_STORE_RIG_H
#define WEIR_TESTS_STORE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/store.h"

/* One store under test and the place where it keeps what is durable. */
typedef struct rig {
    bool sqlite;
    memory_disk_t *disk;
    char directory[64];
    store_t *store;
    store_opened_t opened;
} rig_t;

static inline void rig_open(rig_t *rig)
{
    char why[256] = "";
    if (rig->sqlite) {
        sqlite_store_options_t options = {.directory = rig->directory, .reserve_bytes = 65536,
                                          .wal_bytes_max = 4 << 20, .lock_wait_ms = 100};
        int rc = sqlite_store_open(&options, &rig->store, &rig->opened, why, sizeof why);
        if (rc)
            fail_msg("open: %d %s", rc, why);
    } else {
        assert_int_equal(memory_store_open(rig->disk, &rig->store, &rig->opened), 0);
    }
}

static inline int rig_new(void **state, bool sqlite)
{
    rig_t *rig = calloc(1, sizeof *rig);
    rig->sqlite = sqlite;
    rig->disk = sqlite ? NULL : memory_disk_new();
    snprintf(rig->directory, sizeof rig->directory, "%s/weir-store-XXXXXX",
             access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    if (sqlite && !mkdtemp(rig->directory))
        return -1;
    rig_open(rig);
    *state = rig;
    return 0;
}

static inline int with_memory(void **state) { return rig_new(state, false); }
static inline int with_sqlite(void **state) { return rig_new(state, true); }

static inline int rig_end(void **state)
{
    rig_t *rig = *state;
    static const char *const files[] = {"weir.db", "weir.db-wal", "weir.db-shm", "weir.lock",
                                        "weir.reserve"};
    store_close(&rig->store);
    memory_disk_destroy(&rig->disk);
    for (size_t i = 0; rig->sqlite && i < COUNT_OF(files); i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", rig->directory, files[i]);
        unlink(path);
    }
    if (rig->sqlite)
        rmdir(rig->directory);
    free(rig);
    return 0;
}

static inline void rig_reopen(rig_t *rig)
{
    store_close(&rig->store);
    assert_null(rig->store);
    rig_open(rig);
}

/* The next event, whatever it takes to have one; fails after five seconds. */
static inline store_event_t next_event(rig_t *rig)
{
    store_event_t event;
    for (int waits = 0; !store_next(rig->store, &event); waits++) {
        if (rig->sqlite) {
            struct pollfd wait = {.fd = store_wait_fd(rig->store), .events = POLLIN};
            if (poll(&wait, 1, 5000) != 1)
                fail_msg("no event came within five seconds");
        } else if (!memory_store_commit(rig->store, 0) && !memory_store_answer(rig->store)) {
            fail_msg("nothing is pending");
        }
    }
    return event;
}

static inline void wait_commit(rig_t *rig, uint64_t number)
{
    for (store_event_t event = {0}; event.kind != STORE_COMMITTED || event.batch < number;)
        event = next_event(rig);
}

static inline const read_result_t *ask(rig_t *rig, read_request_t request)
{
    request.token = 77;
    assert_int_equal(store_read(rig->store, &request), 0);
    store_event_t event;
    do
        event = next_event(rig);
    while (event.kind != STORE_READ);
    assert_int_equal(event.read->request.token, 77);
    return event.read;
}

static inline msgid_t id_of(int64_t seq)
{
    msgid_t id = {{1, 2, 3}};
    memcpy(id.b + 8, &seq, sizeof seq);
    return id;
}

static inline change_t enqueue_of(int64_t seq, const char *route, const char *body)
{
    change_t c = {.kind = CHANGE_ENQUEUE,
                  .envelope = {.seq = seq,
                               .id = id_of(seq),
                               .body_hash = (uint64_t)seq * 3,
                               .accepted = {1000 + seq},
                               .class = CLASS_HIGH,
                               .source = bytes_str("shop"),
                               .route = bytes_str(route),
                               .key = bytes_str("k"),
                               .labels = bytes_str("{}"),
                               .content_type = bytes_str("text/plain"),
                               .trace = bytes_str("00-1"),
                               .fields_len = 2}};
    c.envelope.print.b[0] = (uint8_t)seq;
    c.envelope.content = body ? blob_new(bytes_str(body)) : NULL;
    return c;
}

static inline change_t progress_of(int64_t seq, state_t state)
{
    return (change_t){.kind = CHANGE_PROGRESS,
                      .progress = {.seq = seq,
                                   .state = state,
                                   .holder_actor = ACTOR_RESPONDER,
                                   .holder_instance = 7,
                                   .attempt = 2,
                                   .failed = 1,
                                   .deaths = 1,
                                   .flags = PROGRESS_WROTE,
                                   .holder_generation = 99,
                                   .fence = UINT64_MAX,
                                   .due_us = 5,
                                   .start_by_us = 6,
                                   .finished = {2000 + seq},
                                   .bytes = 100,
                                   .step = bytes_str("tag"),
                                   .reason = bytes_str("none"),
                                   .results = bytes_str("{\"a\":1}"),
                                   .slots = bytes_str("one two")}};
}

static inline void add_message(store_batch_t *batch, int64_t seq, const char *route, state_t state)
{
    change_t enqueue = enqueue_of(seq, route, "{}body"), progress = progress_of(seq, state);
    store_batch_add(batch, &enqueue);
    store_batch_add(batch, &progress);
}

static inline void add_seq(store_batch_t *batch, enum change_kind kind, int64_t seq)
{
    store_batch_add(batch, &(change_t){.kind = (uint8_t)kind, .seq = seq});
}

/* Every field says who it is of; ids and names sort otherwise than they are numbered. */
static inline change_t lease_of(const char *id, uint64_t fence)
{
    return (change_t){.kind = CHANGE_LEASE,
                      .lease = {.id = bytes_str(id),
                                .fence = fence,
                                .flags = LEASE_PROVISIONAL | LEASE_OF_MESSAGE,
                                .made = {1000 + (int64_t)fence},
                                .expires_us = -(int64_t)fence,
                                .ttl_ms = UINT64_MAX - fence,
                                .generation = fence * 7,
                                .holder = bytes_str("dialler 3 of the north"),
                                .slots = bytes_str("calls trunk\x1fnorth")}};
}

static inline change_t pace_of(const char *name, const char *data)
{
    return (change_t){.kind = CHANGE_PACE, .pace = {bytes_str(name), bytes_str(data)}};
}

static inline void add_lease_drop(store_batch_t *batch, const char *id)
{
    store_batch_add(batch, &(change_t){.kind = CHANGE_LEASE_DROP, .id = bytes_str(id)});
}

static inline void add_pace_drop(store_batch_t *batch, const char *name)
{
    store_batch_add(batch, &(change_t){.kind = CHANGE_PACE_DROP, .name = bytes_str(name)});
}

static inline void add(store_batch_t *batch, change_t change)
{
    store_batch_add(batch, &change);
}

static inline void commit(rig_t *rig, store_batch_t *batch)
{
    wait_commit(rig, store_submit(rig->store, batch));
}

/* seq 1..count, each third one done, each fifth one dead */
static inline void commit_many(rig_t *rig, int64_t count)
{
    store_batch_t *batch = store_batch_new();
    for (int64_t seq = 1; seq <= count; seq++)
        add_message(batch, seq, seq % 2 ? "odd" : "even",
                    seq % 5 == 0 ? STATE_DEAD : seq % 3 == 0 ? STATE_DONE : STATE_QUEUED);
    store_batch_tally(batch, &(tally_t){.next_seq = count + 1,
                                        .first_live = 1,
                                        .live = 3,
                                        .live_bytes = 4,
                                        .done = 5,
                                        .dead = 6});
    commit(rig, batch);
}

/* A story told of either store. */
#define BOTH(story)                                                                                \
    {"memory: " #story, story, with_memory, rig_end, NULL},                                        \
    {                                                                                              \
        "sqlite: " #story, story, with_sqlite, rig_end, NULL                                       \
    }

#endif
