/* limiter_rig.h: a limiter in its real carrier over the memory store, with peers played by the
 * test: frames go in as a peer would send them, what it sends comes out as a list. Time stands
 * still unless the test moves it. */
#ifndef WEIR_TESTS_LIMITER_RIG_H
#define WEIR_TESTS_LIMITER_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "actors/carry.h"
#include "actors/limiter/limiter.h"
#include "core/msgid.h"

enum {
    CONN_SUPERVISOR = 1,
    CONN_INGRESS = 10,
    CONN_CLASSIFIER = 20,
    CONN_RESPONDER = 30,
    CONN_OTHER = 40,
    CONN_DRAINER = 50
};

typedef struct sent {
    conn_t conn;
    uint8_t type;
    size_t count;
    uint8_t *frame;
    void *items;
    message_t message;
} sent_t;

typedef struct rig {
    config_t *config;
    memory_disk_t *disk;
    store_t *store;
    store_opened_t opened;
    metrics_t *metrics;
    birth_t birth;
    carrier_t *carrier;
    now_t now;
    sent_t sent[4096];
    size_t sent_count, taken;
    uint32_t link[64];
    uint64_t number[64];
    int stopped;
    bool hold_commits;
    bool reboot; /* the next start is on another boot */
    size_t wishes_most; /* of a step, from the next start on; 0: as many as always */
} rig_t;

static inline void rig_transmit(void *arg, conn_t conn, bytes_t frame)
{
    rig_t *r = arg;
    must(r->sent_count < COUNT_OF(r->sent));
    sent_t *s = &r->sent[r->sent_count++];
    s->conn = conn;
    s->frame = malloc(frame.len);
    memcpy(s->frame, frame.data, frame.len);
    s->items = aligned_alloc(16, FRAME_ITEMS_ROOM);
    assert_int_equal(
        frame_decode(bytes_of(s->frame, frame.len), s->items, FRAME_ITEMS_ROOM, &s->message),
        FRAME_OK);
    s->type = s->message.head.type;
    s->count = s->message.count;
}
static inline void rig_log(void *arg, const log_line_t *line)
{
    (void)arg;
    if (line->event == LOG_BUG)
        fail_msg("a bug was logged: %s", line->text);
}
static inline void rig_stop(void *arg, int code, const char *why)
{
    (void)why;
    ((rig_t *)arg)->stopped = code;
}

/* Everything that is due, committed and read, until nothing moves. */
static inline void rig_settle(rig_t *r)
{
    for (int rounds = 0; rounds < 1000; rounds++) {
        bool moved = false;
        instant_t next = carrier_turn(r->carrier, r->now);
        while (!r->hold_commits && memory_store_commit(r->store, 0))
            moved = true;
        while (memory_store_answer(r->store))
            moved = true;
        carrier_store(r->carrier, r->now);
        assert_null(limiter_check(carrier_self(r->carrier)));
        if (!moved && instant_before(r->now.at, next))
            return;
    }
    fail_msg("it never came to rest");
}

static inline void rig_start(rig_t *r)
{
    links_self_t self = {.actor = ACTOR_LIMITER,
                         .generation = 1000 + r->opened.epoch,
                         .host = "test",
                         .version = "0"};
    assert_int_equal(memory_store_open(r->disk, &r->store, &r->opened), 0);
    r->opened.new_boot = r->reboot;
    r->reboot = false;
    r->birth = (birth_t){.config = r->config,
                         .actor = ACTOR_LIMITER,
                         .generation = self.generation,
                         .seed = 7,
                         .opened = &r->opened,
                         .store = r->store};
    world_t world = {.arg = r,
                     .transmit = rig_transmit,
                     .log = rig_log,
                     .stop = rig_stop,
                     .store = r->store,
                     .wishes_most = r->wishes_most};
    r->carrier = carrier_new(&limiter_spec, &r->birth, &self, &world, r->metrics, r->now);
    carrier_connect(r->carrier, CONN_SUPERVISOR, ACTOR_SUPERVISOR, r->now);
    carrier_start(r->carrier, r->now);
    r->stopped = -1;
    rig_settle(r);
}

/* kill -9: memory is gone, what was not committed too. */
static inline void rig_crash(rig_t *r)
{
    memory_store_crash(&r->store);
    carrier_destroy(&r->carrier);
}

static inline config_t *rig_config(const char *json)
{
    json_error_t error;
    json_t *j = json_loads(json, 0, &error);
    assert_non_null(j);
    char path[] = "/tmp/weir-rig-XXXXXX";
    int fd = mkstemp(path);
    json_dumpfd(j, fd, 0); /* JSON is YAML */
    json_decref(j);
    j = NULL;
    assert_int_equal(config_read(path, &j, NULL, NULL), 0);
    unlink(path);
    close(fd);
    config_t *config = config_load(j);
    json_decref(j);
    return config;
}

static inline rig_t *rig_new(const char *json)
{
    rig_t *r = calloc(1, sizeof *r);
    r->config = rig_config(json);
    r->now = (now_t){{1000 * US_PER_S}, {1700000000LL * US_PER_S}};
    r->disk = memory_disk_new();
    r->metrics = metrics_new();
    rig_start(r);
    return r;
}

static inline void rig_destroy(rig_t *r)
{
    carrier_destroy(&r->carrier);
    store_close(&r->store);
    memory_disk_destroy(&r->disk);
    metrics_destroy(&r->metrics);
    config_destroy(&r->config);
    for (size_t n = 0; n < r->sent_count; n++) {
        free(r->sent[n].frame);
        free(r->sent[n].items);
    }
    free(r);
}

#endif
