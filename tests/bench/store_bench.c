/* store_bench: what a message costs the SQLite store. Two modes:
 *   store_bench messages DIRECTORY COUNT BATCH BODY_BYTES DEPTH
 *     COUNT messages are enqueued (each with its progress) in batches of BATCH and then settled as
 * done in batches of BATCH, DEPTH batches unfinished at a time. CPU of the whole process, bytes
 * written. store_bench load DIRECTORY COUNT COUNT queued messages are there; time from open to the
 * first commit, and of loading them all. One JSON line each. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "store/store.h"

static int64_t clock_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

static int64_t cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * US_PER_S + u.ru_utime.tv_usec
           + u.ru_stime.tv_usec;
}

static long long written_bytes(void)
{
    char line[128];
    long long bytes = 0;
    FILE *io = fopen("/proc/self/io", "r");
    while (io && fgets(line, sizeof line, io))
        sscanf(line, "wchar: %lld", &bytes);
    if (io)
        fclose(io);
    return bytes;
}

static store_t *open_store(const char *directory, store_opened_t *opened)
{
    char why[256] = "";
    store_t *store = NULL;
    sqlite_store_options_t options = {.directory = directory, .reserve_bytes = 16 << 20,
                                      .wal_bytes_max = 64 << 20};
    int rc = sqlite_store_open(&options, &store, opened, why, sizeof why);
    if (rc < 0) {
        fprintf(stderr, "store_bench: %s\n", why);
        exit(75);
    }
    return store;
}

static store_event_t next_event(store_t *store)
{
    store_event_t event;
    while (!store_next(store, &event)) {
        struct pollfd wait = {.fd = store_wait_fd(store), .events = POLLIN};
        poll(&wait, 1, -1);
    }
    must(event.kind == STORE_COMMITTED || event.kind == STORE_READ);
    return event;
}

typedef struct load {
    store_t *store;
    int64_t next_seq, count;
    unsigned batch, depth;
    size_t body_bytes;
    uint64_t submitted, committed;
    int64_t commits, commit_us;
} load_t;

static msgid_t id_of(int64_t seq)
{
    msgid_t id;
    uint64_t ms = 1700000000000u + (uint64_t)seq / 20, chance = (uint64_t)seq * 0x9E3779B97F4A7C15u;
    for (int i = 0; i < 6; i++)
        id.b[i] = (uint8_t)(ms >> (40 - 8 * i));
    memcpy(id.b + 6, &chance, 8);
    memset(id.b + 14, 0, 2);
    return id;
}

static void add_enqueue(const load_t *l, store_batch_t *batch, int64_t seq)
{
    static uint8_t body[1 << 20];
    memset(body, 'a' + (int)(seq % 23), l->body_bytes);
    change_t c = {.kind = CHANGE_ENQUEUE,
                  .envelope = {.seq = seq,
                               .id = id_of(seq),
                               .accepted = {seq},
                               .source = bytes_str("helpdesk"),
                               .route = bytes_str("support"),
                               .key = bytes_str("conversation-1234567"),
                               .labels = bytes_str("{\"org\":\"acme\"}"),
                               .content_type = bytes_str("application/json"),
                               .fields_len = 64,
                               .content = blob_new(bytes_of(body, l->body_bytes))}};
    c.envelope.print.b[0] = (uint8_t)seq;
    store_batch_add(batch, &c);
    store_batch_add(batch, &(change_t){.kind = CHANGE_PROGRESS,
                                       .progress = {.seq = seq,
                                                    .state = STATE_ASSIGNED,
                                                    .holder_actor = ACTOR_RESPONDER,
                                                    .attempt = 1,
                                                    .holder_generation = 5,
                                                    .fence = 3,
                                                    .bytes = 1200,
                                                    .start_by_us = 1234567890,
                                                    .step = bytes_str("answer")}});
}

static void add_done(store_batch_t *batch, int64_t seq)
{
    store_batch_add(
        batch, &(change_t){.kind = CHANGE_PROGRESS,
                           .progress = {.seq = seq,
                                        .state = STATE_DONE,
                                        .attempt = 1,
                                        .finished = {seq},
                                        .bytes = 1200,
                                        .results = bytes_str("{\"answer\":{\"status\":200}}")}});
}

static void take_commits(load_t *l, uint64_t until)
{
    while (l->committed < until) {
        store_event_t event = next_event(l->store);
        l->committed = event.batch;
        l->commits++;
        l->commit_us += event.commit_us;
    }
}

static void submit(load_t *l, store_batch_t *batch)
{
    store_batch_tally(batch, &(tally_t){.next_seq = l->next_seq, .first_live = 1,
                                        .live = (uint64_t)l->next_seq - 1});
    if (l->submitted >= l->depth)
        take_commits(l, l->submitted + 1 - l->depth);
    l->submitted = store_submit(l->store, batch);
}

static void one_round(load_t *l, bool settle)
{
    int64_t first = l->next_seq;
    store_batch_t *batch = store_batch_new();
    for (unsigned i = 0; i < l->batch; i++)
        add_enqueue(l, batch, l->next_seq++);
    submit(l, batch);
    if (!settle)
        return;
    batch = store_batch_new();
    for (unsigned i = 0; i < l->batch; i++)
        add_done(batch, first + i);
    submit(l, batch);
}

static void fill(load_t *l, bool settle)
{
    for (int64_t end = l->next_seq + l->count; l->next_seq < end;)
        one_round(l, settle);
    take_commits(l, l->submitted);
}

static int bench_messages(char **argv)
{
    store_opened_t opened;
    load_t l = {.store = open_store(argv[2], &opened), .next_seq = 1, .count = atoll(argv[3]),
                .batch = (unsigned)atoi(argv[4]), .body_bytes = (size_t)atoll(argv[5]),
                .depth = (unsigned)atoi(argv[6])};
    l.next_seq = opened.tally.next_seq;
    int64_t began = clock_us(), cpu = cpu_us();
    long long bytes = written_bytes();
    fill(&l, true);
    double n = (double)l.count;
    printf("{\"bench\":\"store_messages\",\"messages\":%lld,\"batch\":%u,\"depth\":%u,\"body_"
           "bytes\":%zu,"
           "\"cpu_us_per_message\":%.2f,\"wall_us_per_message\":%.2f,\"bytes_per_message\":%.0f,"
           "\"commits\":%lld,\"mean_commit_us\":%lld}\n",
           (long long)l.count, l.batch, l.depth, l.body_bytes, (double)(cpu_us() - cpu) / n,
           (double)(clock_us() - began) / n, (double)(written_bytes() - bytes) / n,
           (long long)l.commits, (long long)(l.commit_us / l.commits));
    store_close(&l.store);
    return 0;
}

static int64_t read_all(store_t *store, enum read_kind kind, int64_t *first_us)
{
    int64_t count = 0, began = clock_us();
    read_request_t r = {.kind = (uint8_t)kind, .most = 4096};
    for (bool last = false; !last;) {
        store_read(store, &r);
        store_event_t event = next_event(store);
        must(event.read->error == 0 && event.read->damaged == 0);
        count += (int64_t)event.read->count;
        r.from_seq = event.read->next;
        last = event.read->last;
        if (*first_us == 0)
            *first_us = clock_us() - began;
    }
    return count;
}

static int bench_load(char **argv)
{
    store_opened_t opened;
    load_t l = {.store = open_store(argv[2], &opened),
                .next_seq = 1,
                .batch = 2048,
                .depth = 4,
                .body_bytes = 64};
    l.next_seq = opened.tally.next_seq;
    l.count = atoll(argv[3]) - l.next_seq + 1;
    if (l.count > 0)
        fill(&l, false);
    store_close(&l.store);
    int64_t began = clock_us();
    load_t again = {
        .store = open_store(argv[2], &opened), .batch = 1, .depth = 1, .body_bytes = 64};
    int64_t opened_us = clock_us() - began;
    again.next_seq = opened.tally.next_seq;
    one_round(&again, false);
    take_commits(&again, again.submitted);
    int64_t first_commit_us = clock_us() - began, first_live_us = 0, first_prints_us = 0;
    int64_t prints_began = clock_us(),
            prints = read_all(again.store, READ_PRINTS, &first_prints_us);
    int64_t live_began = clock_us(), live = read_all(again.store, READ_LIVE, &first_live_us);
    int64_t end = clock_us();
    printf(
        "{\"bench\":\"store_load\",\"open_us\":%lld,\"open_to_first_commit_us\":%lld,\"live\":%lld,"
        "\"live_us\":%lld,\"first_live_us\":%lld,\"prints\":%lld,\"prints_us\":%lld}\n",
        (long long)opened_us, (long long)first_commit_us, (long long)live,
        (long long)(end - live_began), (long long)first_live_us, (long long)prints,
        (long long)(live_began - prints_began));
    store_close(&again.store);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 7 && strcmp(argv[1], "messages") == 0)
        return bench_messages(argv);
    if (argc == 4 && strcmp(argv[1], "load") == 0)
        return bench_load(argv);
    fprintf(stderr, "usage: store_bench messages DIRECTORY COUNT BATCH BODY_BYTES DEPTH\n"
                    "       store_bench load DIRECTORY COUNT\n");
    return 64;
}
