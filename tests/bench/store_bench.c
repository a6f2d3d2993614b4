/* store_bench: what a row costs the SQLite store; one JSON line each. CPU is of the whole process.
 *   messages DIRECTORY COUNT BATCH BODY_BYTES DEPTH   COUNT messages are enqueued (each with its
 *     progress) in batches of BATCH and then settled as done in batches of BATCH, DEPTH batches
 *     unfinished at a time.
 *   leases DIRECTORY COUNT BATCH LIVE DEPTH   COUNT leases are made and dropped again, LIVE of them
 *     there at a time; each batch makes BATCH and drops as many.
 *   paces DIRECTORY COUNT BATCH NAMES DATA_BYTES DEPTH   COUNT writes of NAMES paces, BATCH of them
 *     a batch.
 *   load DIRECTORY COUNT   COUNT queued messages are there; time from open to the first commit, and
 *     of loading them all.
 *   kept DIRECTORY COUNT   COUNT leases and as many paces are there; time of opening and of giving
 *     them out. */
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

/* As a UUID would be: 36 letters that sort by chance. */
static bytes_t lease_id(uint64_t number, char text[40])
{
    uint64_t high = (number + 1) * 0x9E3779B97F4A7C15u, low = high ^ high >> 29;
    low *= 0xBF58476D1CE4E5B9u;
    int len = snprintf(text, 40, "%08x-%04x-4%03x-8%03x-%012llx", (unsigned)(low >> 32),
                       (unsigned)(low & 0xffff), (unsigned)(high >> 52),
                       (unsigned)(high >> 40 & 0xfff), (unsigned long long)high & 0xffffffffffff);
    return bytes_of(text, (size_t)len);
}

#define CAMPAIGN_AND_TRUNK "campaign\x1f" "4711 1\ntrunk\x1f 1"
static void add_lease(store_batch_t *batch, uint64_t number)
{
    char id[40];
    store_batch_add(batch,
                    &(change_t){.kind = CHANGE_LEASE,
                                .lease = {.id = lease_id(number, id),
                                          .fence = number,
                                          .made = {(int64_t)number},
                                          .expires_us = (int64_t)number + 600000000,
                                          .ttl_ms = 600000,
                                          .generation = 5,
                                          .holder = bytes_str("dialler-17@north"),
                                          .slots = bytes_str(CAMPAIGN_AND_TRUNK)}});
}

static void add_pace(store_batch_t *batch, uint64_t number, bytes_t data)
{
    char name[64];
    int len = snprintf(name, sizeof name, "crm-requests\x1fworkspace-%06llu",
                       (unsigned long long)number);
    store_batch_add(batch, &(change_t){.kind = CHANGE_PACE,
                                       .pace = {bytes_of(name, (size_t)len), data}});
}

/* What a run cost, from here on. */
typedef struct cost { int64_t began, cpu; long long bytes; } cost_t;

static cost_t cost_begin(void) { return (cost_t){clock_us(), cpu_us(), written_bytes()}; }

static void cost_print(const char *bench, const load_t *l, const cost_t *c, int64_t rows,
                       const char *more)
{
    double n = (double)rows;
    printf("{\"bench\":\"%s\",\"rows\":%lld,\"batch\":%u,\"depth\":%u,%s,"
           "\"cpu_us_per_row\":%.2f,\"wall_us_per_row\":%.2f,\"bytes_per_row\":%.0f,"
           "\"commits\":%lld,\"mean_commit_us\":%lld}\n",
           bench, (long long)rows, l->batch, l->depth, more, (double)(cpu_us() - c->cpu) / n,
           (double)(clock_us() - c->began) / n, (double)(written_bytes() - c->bytes) / n,
           (long long)l->commits, (long long)(l->commit_us / (l->commits ? l->commits : 1)));
}

static void lease_rounds(load_t *l, uint64_t from, uint64_t to, uint64_t live)
{
    for (uint64_t made = from; made < to;) {
        store_batch_t *batch = store_batch_new();
        for (unsigned i = 0; i < l->batch; i++, made++) {
            char id[40];
            add_lease(batch, made);
            if (made >= live)
                store_batch_add(batch, &(change_t){.kind = CHANGE_LEASE_DROP,
                                                   .id = lease_id(made - live, id)});
        }
        submit(l, batch);
    }
    take_commits(l, l->submitted);
}

static int bench_leases(char **argv)
{
    store_opened_t opened;
    char more[64];
    uint64_t count = strtoull(argv[3], NULL, 10), live = strtoull(argv[5], NULL, 10);
    load_t l = {.store = open_store(argv[2], &opened), .next_seq = 1, .batch = 1024, .depth = 4};
    lease_rounds(&l, 0, live, live); /* until as many are there as shall be */
    l.batch = (unsigned)atoi(argv[4]);
    l.depth = (unsigned)atoi(argv[6]);
    l.commits = l.commit_us = 0;
    cost_t cost = cost_begin();
    lease_rounds(&l, live, live + count, live);
    snprintf(more, sizeof more, "\"live\":%llu", (unsigned long long)live);
    cost_print("store_leases", &l, &cost, (int64_t)count, more);
    store_close(&l.store);
    return 0;
}

static int bench_paces(char **argv)
{
    static uint8_t data[PACE_DATA_BYTES_MAX];
    store_opened_t opened;
    char more[64];
    uint64_t count = strtoull(argv[3], NULL, 10), names = strtoull(argv[5], NULL, 10), at = 0;
    bytes_t text = bytes_of(data, strtoull(argv[6], NULL, 10));
    must(text.len <= sizeof data && names > 0);
    load_t l = {.store = open_store(argv[2], &opened), .next_seq = 1,
                .batch = (unsigned)atoi(argv[4]), .depth = (unsigned)atoi(argv[7])};
    cost_t cost = cost_begin();
    while (at < count) {
        store_batch_t *batch = store_batch_new();
        for (unsigned i = 0; i < l.batch; i++, at++) {
            data[at % sizeof data]++;
            add_pace(batch, at * 7919 % names, text);
        }
        submit(&l, batch);
    }
    take_commits(&l, l.submitted);
    snprintf(more, sizeof more, "\"names\":%llu,\"data_bytes\":%zu", (unsigned long long)names,
             text.len);
    cost_print("store_paces", &l, &cost, (int64_t)count, more);
    store_close(&l.store);
    return 0;
}

static void count_lease(void *arg, const stored_lease_t *l) { *(uint64_t *)arg += l->ttl_ms > 0; }
static void count_pace(void *arg, const stored_pace_t *p) { *(uint64_t *)arg += p->data.len > 0; }

static int bench_kept(char **argv)
{
    store_opened_t opened;
    uint64_t count = strtoull(argv[3], NULL, 10), leases = 0, paces = 0;
    load_t l = {.store = open_store(argv[2], &opened), .next_seq = 1, .batch = 1024, .depth = 4};
    for (uint64_t at = 0; at < count;) {
        store_batch_t *batch = store_batch_new();
        for (unsigned i = 0; i < l.batch && at < count; i++, at++) {
            add_lease(batch, at);
            add_pace(batch, at, bytes_str("0123456789012345678901234567890123456789"));
        }
        submit(&l, batch);
    }
    store_close(&l.store);
    int64_t began = clock_us();
    l.store = open_store(argv[2], &opened);
    int64_t opened_us = clock_us() - began;
    store_leases(l.store, count_lease, &leases);
    store_paces(l.store, count_pace, &paces);
    int64_t end = clock_us();
    must(opened.damaged == 0);
    printf("{\"bench\":\"store_kept\",\"leases\":%llu,\"paces\":%llu,\"open_us\":%lld,"
           "\"open_and_give_out_us\":%lld}\n", (unsigned long long)leases,
           (unsigned long long)paces, (long long)opened_us, (long long)(end - began));
    store_close(&l.store);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct { const char *name; int argc; int (*run)(char **argv); const char *usage;
    } modes[] = {{"messages", 7, bench_messages, "COUNT BATCH BODY_BYTES DEPTH"},
                 {"leases", 7, bench_leases, "COUNT BATCH LIVE DEPTH"},
                 {"paces", 8, bench_paces, "COUNT BATCH NAMES DATA_BYTES DEPTH"},
                 {"load", 4, bench_load, "COUNT"},
                 {"kept", 4, bench_kept, "COUNT"}};
    for (size_t i = 0; i < COUNT_OF(modes); i++)
        if (argc == modes[i].argc && strcmp(argv[1], modes[i].name) == 0)
            return modes[i].run(argv);
    for (size_t i = 0; i < COUNT_OF(modes); i++)
        fprintf(stderr, "usage: store_bench %s DIRECTORY %s\n", modes[i].name, modes[i].usage);
    return 64;
}
