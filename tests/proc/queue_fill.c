/* queue_fill DIRECTORY COUNT KEYS BODY_BYTES: puts COUNT queued messages of route "single" and
 * source "desk" into a store, for the test that opens with a million of them. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/msgid.h"
#include "store/store.h"

#define BATCH 2000

typedef struct fill {
    store_t *store;
    tally_t tally;
    long long keys;
    size_t body_bytes;
    wall_t now;
} fill_t;

static void wait_commit(store_t *store, uint64_t batch)
{
    store_event_t event = {0};
    while (event.batch < batch) {
        struct pollfd wait = {.fd = store_wait_fd(store), .events = POLLIN};
        if (store_next(store, &event))
            must(event.kind == STORE_COMMITTED);
        else
            poll(&wait, 1, -1);
    }
}

static blob_t *content_of(const fill_t *f, int64_t n, uint32_t *fields_len)
{
    static char text[1 << 20];
    int fields = snprintf(text, sizeof text, "{\"/message/id\":\"T-%lld\"}", (long long)n);
    int body = snprintf(text + fields, sizeof text - (size_t)fields,
                        "{\"id\":\"T-%lld\",\"conversation\":\"c-%lld\",\"text\":\"", (long long)n,
                        (long long)(n % f->keys));
    size_t used = (size_t)(fields + body);
    while (used < (size_t)fields + f->body_bytes - 2)
        text[used++] = 'x';
    text[used++] = '"';
    text[used++] = '}';
    *fields_len = (uint32_t)fields;
    return blob_new(bytes_of(text, used));
}

static void add(fill_t *f, store_batch_t *batch)
{
    int64_t seq = f->tally.next_seq++;
    uint64_t chance[2] = {(uint64_t)seq * 0x9E3779B97F4A7C15u, (uint64_t)seq};
    char key[32];
    snprintf(key, sizeof key, "c-%lld", (long long)(seq % f->keys));
    change_t c = {.kind = CHANGE_ENQUEUE,
                  .envelope = {.seq = seq,
                               .accepted = f->now,
                               .class = CLASS_NORMAL,
                               .source = bytes_str("desk"),
                               .route = bytes_str("single"),
                               .key = bytes_str(key),
                               .labels = bytes_str("{}"),
                               .content_type = bytes_str("application/json")}};
    c.envelope.id = msgid_make((uint64_t)(f->now.us / US_PER_MS), (const uint8_t *)chance);
    memcpy(c.envelope.print.b, chance, sizeof chance);
    c.envelope.content = content_of(f, seq, &c.envelope.fields_len);
    uint32_t bytes = c.envelope.content->len + 512;
    store_batch_add(batch, &c);
    store_batch_add(batch, &(change_t){.kind = CHANGE_PROGRESS,
                                       .progress = {.seq = seq,
                                                    .state = STATE_QUEUED,
                                                    .bytes = bytes,
                                                    .step = bytes_str("send")}});
    f->tally.live++;
    f->tally.live_bytes += bytes;
}

int main(int argc, char **argv)
{
    if (argc != 5 || atoll(argv[3]) < 1 || atoll(argv[4]) < 100) {
        fprintf(stderr, "queue_fill DIRECTORY COUNT KEYS BODY_BYTES\n");
        return 64;
    }
    char why[256] = "";
    store_opened_t opened;
    fill_t f = {.keys = atoll(argv[3]), .body_bytes = (size_t)atoll(argv[4])};
    f.now.us = (int64_t)time(NULL) * US_PER_S;
    sqlite_store_options_t options = {
        .directory = argv[1], .reserve_bytes = 1 << 20, .wal_bytes_max = 64 << 20};
    if (sqlite_store_open(&options, &f.store, &opened, why, sizeof why) < 0) {
        fprintf(stderr, "queue_fill: %s\n", why);
        return 75;
    }
    f.tally = opened.tally;
    int64_t end = f.tally.next_seq + atoll(argv[2]);
    while (f.tally.next_seq < end) {
        store_batch_t *batch = store_batch_new();
        for (int i = 0; i < BATCH && f.tally.next_seq < end; i++)
            add(&f, batch);
        store_batch_tally(batch, &f.tally);
        wait_commit(f.store, store_submit(f.store, batch));
    }
    store_close(&f.store);
    return 0;
}
