/* store_writer: drives a SQLite store from outside, for the tests that kill it, fill its disk or
 * break its syncs. store_writer write DIRECTORY COUNT BATCH BODY_BYTES [wait|slow] enqueues up to
 * COUNT messages; each batch also settles the messages of the batch before it. Says on stdout "open
 * EPOCH NEXT_SEQ", "ack SEQ" (everything up to SEQ is on disk), "full", "space", "poisoned WHY".
 *     wait: begins after a line on stdin. slow: one batch every 20 ms.
 *   store_writer settle DIRECTORY FROM TO   settles them and drops their bodies, a batch each 100
 *   store_writer relieve DIRECTORY COUNT   makes COUNT messages with a lease each, says "ready",
 *     and after a line on stdin gives the leases back, makes the messages dead letters and writes
 *     paces
 *   store_writer check DIRECTORY   one JSON line: what is there. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"

static void say(const char *form, ...)
{
    char line[512];
    va_list list;
    va_start(list, form);
    int n = vsnprintf(line, sizeof line - 1, form, list);
    va_end(list);
    line[n++] = '\n';
    if (write(STDOUT_FILENO, line, (size_t)n) != n)
        exit(70);
}

static store_t *open_or_die(const char *directory, store_opened_t *opened)
{
    char why[256];
    store_t *store = NULL;
    const char *reserve = getenv("STORE_RESERVE"), *log = getenv("STORE_LOG_MAX");
    sqlite_store_options_t options = {.directory = directory,
                                      .lock_wait_ms = 2000,
                                      .reserve_bytes =
                                          reserve ? strtoull(reserve, NULL, 10) : 1 << 20,
                                      .wal_bytes_max = log ? strtoull(log, NULL, 10) : 2 << 20};
    int rc = sqlite_store_open(&options, &store, opened, why, sizeof why);
    if (rc == 0)
        return store;
    say("refused %d %s", rc, why);
    exit(75);
}

static msgid_t id_of(int64_t seq)
{
    msgid_t id = {{1}};
    memcpy(id.b + 8, &seq, sizeof seq);
    return id;
}

static blob_t *body_of(int64_t seq, size_t size)
{
    static uint8_t body[1 << 20];
    for (size_t i = 0; i < size; i++)
        body[i] = (uint8_t)(seq * 31 + (int64_t)i * 7);
    return blob_new(bytes_of(body, size));
}

static void add_progress(store_batch_t *batch, int64_t seq, state_t state)
{
    store_batch_add(batch, &(change_t){.kind = CHANGE_PROGRESS,
                                       .progress = {.seq = seq,
                                                    .state = state,
                                                    .attempt = state == STATE_DONE ? 2 : 1,
                                                    .step = bytes_str("call")}});
}

static void add_enqueue(store_batch_t *batch, int64_t seq, size_t body_bytes)
{
    store_batch_add(batch, &(change_t){.kind = CHANGE_ENQUEUE,
                                       .envelope = {.seq = seq,
                                                    .id = id_of(seq),
                                                    .accepted = {seq},
                                                    .route = bytes_str("r"),
                                                    .source = bytes_str("s"),
                                                    .content = body_of(seq, body_bytes)}});
    add_progress(batch, seq, STATE_ASSIGNED);
}

typedef struct writer {
    store_t *store;
    int64_t last_of[64]; /* ring: last seq of a batch, by its number */
    uint64_t submitted;
    bool poisoned;
} writer_t;

static void take_events(writer_t *w, int wait_ms)
{
    store_event_t event;
    struct pollfd wait = {.fd = store_wait_fd(w->store), .events = POLLIN};
    poll(&wait, 1, wait_ms);
    while (store_next(w->store, &event)) {
        if (event.kind == STORE_COMMITTED)
            say("ack %lld", (long long)w->last_of[event.batch % 64]);
        if (event.kind == STORE_FULL)
            say("full");
        if (event.kind == STORE_SPACE)
            say("space");
        if (event.kind == STORE_POISONED)
            say("poisoned %d %s", event.error, event.error_text);
        w->poisoned |= event.kind == STORE_POISONED;
    }
}

static void submit(writer_t *w, store_batch_t *batch, int64_t last)
{
    while (!w->poisoned && store_room(w->store) == 0)
        take_events(w, 1000);
    if (w->poisoned) {
        store_batch_destroy(&batch);
        return;
    }
    uint64_t number = store_submit(w->store, batch);
    w->submitted = number;
    w->last_of[number % 64] = last;
    take_events(w, 0);
}

static void pause_ms(long ms) { nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL); }

static int end_of(writer_t *w)
{
    if (w->poisoned) { /* nothing may be acknowledged any more, however long one waits */
        for (int i = 0; i < 10; i++)
            take_events(w, 50);
        say("room %zu", store_room(w->store));
    }
    store_close(&w->store);
    say("closed");
    return w->poisoned ? 75 : 0;
}

static int run_write(int argc, char **argv)
{
    store_opened_t opened;
    writer_t w = {.store = open_or_die(argv[2], &opened)};
    int64_t seq = opened.tally.next_seq, end = seq + atoll(argv[3]), batch_size = atoll(argv[4]);
    const char *how = argc > 6 ? argv[6] : "";
    say("open %llu %lld", (unsigned long long)opened.epoch, (long long)seq);
    if (strcmp(how, "wait") == 0 && getchar() == EOF)
        return 64;
    for (; seq < end && !w.poisoned; seq += batch_size) {
        store_batch_t *batch = store_batch_new();
        for (int64_t i = 0; i < batch_size; i++)
            add_enqueue(batch, seq + i, (size_t)atoll(argv[5]));
        for (int64_t i = 1; i <= batch_size && seq - i > 0; i++)
            add_progress(batch, seq - i, STATE_DONE);
        store_batch_tally(batch, &(tally_t){.next_seq = seq + batch_size, .first_live = 1});
        submit(&w, batch, seq + batch_size - 1);
        if (strcmp(how, "slow") == 0)
            pause_ms(20);
    }
    while (!w.poisoned && store_room(w.store) < 16)
        take_events(&w, 1000);
    return end_of(&w);
}

static int run_settle(char **argv)
{
    store_opened_t opened;
    writer_t w = {.store = open_or_die(argv[2], &opened)};
    for (int64_t seq = atoll(argv[3]); seq <= atoll(argv[4]) && !w.poisoned; seq += 100) {
        store_batch_t *batch = store_batch_new();
        for (int64_t i = seq; i < seq + 100; i++) {
            add_progress(batch, i, STATE_DONE);
            store_batch_add(batch, &(change_t){.kind = CHANGE_DROP_BODY, .seq = i});
        }
        submit(&w, batch, seq + 99);
        while (!w.poisoned && store_room(w.store) < 16)
            take_events(&w, 1000);
    }
    return end_of(&w);
}

static bytes_t name_of(const char *kind, int64_t number, char text[32])
{
    return bytes_of(text, (size_t)snprintf(text, 32, "%s-%06lld", kind, (long long)number));
}

static void add_pace(store_batch_t *batch, int64_t number, const char *data)
{
    char name[32];
    store_batch_add(batch, &(change_t){.kind = CHANGE_PACE,
                                       .pace = {name_of("pace", number, name), bytes_str(data)}});
}

static void settle_all(writer_t *w)
{
    while (!w->poisoned && store_room(w->store) < 16)
        take_events(w, 1000);
}

static void take_leases(writer_t *w, int64_t count)
{
    for (int64_t seq = 1; seq <= count; seq += 20) {
        store_batch_t *batch = store_batch_new();
        for (int64_t i = seq; i < seq + 20; i++) {
            char id[32];
            add_enqueue(batch, i, 500);
            store_batch_add(batch, &(change_t){.kind = CHANGE_LEASE,
                                               .lease = {.id = name_of("lease", i, id),
                                                         .slots = bytes_str("calls 1")}});
        }
        add_pace(batch, seq, "before");
        store_batch_tally(batch, &(tally_t){.next_seq = seq + 20, .first_live = 1});
        submit(w, batch, seq + 19);
    }
    settle_all(w);
}

static void give_back(writer_t *w, int64_t count)
{
    for (int64_t seq = 1; seq <= count; seq += 20) {
        store_batch_t *batch = store_batch_new();
        for (int64_t i = seq; i < seq + 20; i++) {
            char id[32];
            store_batch_add(batch, &(change_t){.kind = CHANGE_PROGRESS,
                                               .progress = {.seq = i,
                                                            .state = STATE_DEAD,
                                                            .step = bytes_str("call"),
                                                            .reason = bytes_str("expired")}});
            store_batch_add(batch, &(change_t){.kind = CHANGE_LEASE_DROP,
                                               .id = name_of("lease", i, id)});
        }
        add_pace(batch, seq, "after");
        submit(w, batch, seq + 19);
    }
    settle_all(w);
}

/* COUNT messages with a lease each; after a line on stdin every lease is given back, every message
 * a dead letter, and every pace written anew. */
static int run_relieve(char **argv)
{
    store_opened_t opened;
    writer_t w = {.store = open_or_die(argv[2], &opened)};
    take_leases(&w, atoll(argv[3]));
    say("ready");
    if (getchar() == EOF)
        return 64;
    give_back(&w, atoll(argv[3]));
    say("relieved");
    return end_of(&w);
}

typedef struct census {
    int64_t first, last, count, settled, dead, holes, damaged, wrong;
} census_t;

static void count_row(census_t *c, const stored_message_t *m)
{
    int64_t seq = m->envelope.seq;
    c->damaged += m->damaged;
    c->holes += c->last && seq != c->last + 1;
    c->first = c->first ? c->first : seq;
    c->last = seq;
    c->count++;
    c->settled += m->progress.attempt == 2;
    c->dead += m->progress.state == STATE_DEAD;
    c->wrong += !m->damaged && !msgid_equal(&m->envelope.id, &(msgid_t){{1}})
                && m->envelope.accepted.us != seq;
}

static const read_result_t *ask(store_t *store, const read_request_t *request)
{
    store_event_t event;
    must(store_read(store, request) == 0);
    while (!store_next(store, &event) || event.kind != STORE_READ)
        poll(&(struct pollfd){.fd = store_wait_fd(store), .events = POLLIN}, 1, 1000);
    return event.read;
}

static int64_t wrong_contents(store_t *store, int64_t first, int64_t last)
{
    int64_t wrong = 0;
    for (int64_t seq = first; seq && seq <= last; seq++) {
        const read_result_t *r = ask(store, &(read_request_t){.kind = READ_CONTENT, .seq = seq});
        const blob_t *content = r->error ? NULL : r->messages[0].envelope.content;
        blob_t *expected = content ? body_of(seq, content->len) : NULL;
        if (r->error || (content && !bytes_equal(blob_bytes(content), blob_bytes(expected))))
            wrong++;
        blob_unref(&expected);
    }
    return wrong;
}

static void count_lease(void *arg, const stored_lease_t *l)
{
    *(int64_t *)arg += bytes_is(l->slots, "calls 1");
}

static void count_pace(void *arg, const stored_pace_t *p)
{
    *(int64_t *)arg += bytes_is(p->data, "after");
}

static int run_check(char **argv)
{
    store_opened_t opened;
    store_t *store = open_or_die(argv[2], &opened);
    census_t c = {0};
    int64_t leases = 0, paces = 0;
    store_leases(store, count_lease, &leases);
    store_paces(store, count_pace, &paces);
    read_request_t request = {.kind = READ_LIST, .most = 1000, .state = -1};
    for (bool last = false; !last;) {
        const read_result_t *r = ask(store, &request);
        for (size_t i = 0; i < r->count; i++)
            count_row(&c, &r->messages[i]);
        request.from_seq = r->next;
        last = r->last;
        c.wrong += r->error != 0;
    }
    c.wrong += wrong_contents(store, c.first, c.last);
    say("{\"epoch\":%llu,\"next_seq\":%lld,\"recovered\":%s,\"messages\":%lld,\"first\":%lld,"
        "\"last\":%lld,"
        "\"settled\":%lld,\"dead\":%lld,\"leases\":%lld,\"paces\":%lld,\"holes\":%lld,"
        "\"damaged\":%lld,\"wrong\":%lld}",
        (unsigned long long)opened.epoch, (long long)opened.tally.next_seq,
        opened.recovered ? "true" : "false", (long long)c.count, (long long)c.first,
        (long long)c.last, (long long)c.settled, (long long)c.dead, (long long)leases,
        (long long)paces, (long long)c.holes,
        (long long)(c.damaged + (int64_t)opened.damaged), (long long)c.wrong);
    store_close(&store);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc >= 6 && strcmp(argv[1], "write") == 0)
        return run_write(argc, argv);
    if (argc == 5 && strcmp(argv[1], "settle") == 0)
        return run_settle(argv);
    if (argc == 4 && strcmp(argv[1], "relieve") == 0)
        return run_relieve(argv);
    if (argc == 3 && strcmp(argv[1], "check") == 0)
        return run_check(argv);
    fprintf(stderr, "usage: store_writer write|settle|relieve|check DIRECTORY ...\n");
    return 64;
}
