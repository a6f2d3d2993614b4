/* store_image.h: a SQLite store with known contents as the bytes of its file, to be broken in any
 * way; and a look at what the store then gives out. */
#ifndef WEIR_TESTS_STORE_IMAGE_H
#define WEIR_TESTS_STORE_IMAGE_H

#include "store_rig.h"

#include <fcntl.h>
#include <sys/stat.h>

#define MESSAGES 120
#define LEASES 120 /* and as many paces */

typedef struct image { uint8_t *data; size_t size; } image_t;

static inline void path_of(const rig_t *rig, char out[128])
{
    snprintf(out, 128, "%s/weir.db", rig->directory);
}

static inline image_t image_read(const rig_t *rig)
{
    char path[128];
    struct stat st;
    path_of(rig, path);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    image_t image = {malloc((size_t)st.st_size), (size_t)st.st_size};
    assert_int_equal(read(fd, image.data, image.size), (ssize_t)image.size);
    close(fd);
    return image;
}

/* The file as it would be found: log and index of the log are gone, they were empty. */
static inline void image_write(const rig_t *rig, const uint8_t *data, size_t size)
{
    char path[128], beside[160];
    path_of(rig, path);
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), (ssize_t)size);
    close(fd);
    snprintf(beside, sizeof beside, "%s-wal", path);
    unlink(beside);
    snprintf(beside, sizeof beside, "%s-shm", path);
    unlink(beside);
}

/* How many bits a test flips, one at a time. */
static inline size_t flips_wanted(size_t usual)
{
    const char *more = getenv("WEIR_DAMAGE_FLIPS");
    return more ? strtoul(more, NULL, 10) : usual;
}

/* The i-th of so many flips over all of the file, and the same again: back. Which byte it is. */
static inline size_t image_flip(image_t *image, size_t i, size_t flips)
{
    size_t at = (i * 7919 + i) * image->size / (flips * 7919 + 1) % image->size;
    image->data[at] ^= (uint8_t)(1u << i % 8);
    return at;
}

static inline const char *body_of(int64_t seq)
{
    static char body[600];
    memset(body, 'a' + (int)(seq % 26), sizeof body);
    snprintf(body, sizeof body, "{}body of %lld ", (long long)seq);
    body[strlen(body)] = ' ';
    body[sizeof body - 1] = 0;
    return body;
}

static inline const char *text_of(char kind, int number)
{
    static char text[200];
    memset(text, 'a' + number % 26, sizeof text);
    text[sizeof text - 1] = 0;
    snprintf(text, sizeof text, "%c%d", kind, number);
    text[strlen(text)] = '-';
    return text;
}

static inline change_t numbered_lease(int number)
{
    change_t lease = lease_of("", (uint64_t)number);
    lease.lease.slots = bytes_str(text_of('s', number));
    return lease;
}

static inline void fill_leases(rig_t *rig)
{
    store_batch_t *batch = store_batch_new();
    for (int i = 1; i <= LEASES; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        change_t lease = numbered_lease(i);
        lease.lease.id = bytes_str(name);
        add(batch, lease);
        add(batch, pace_of(name, text_of('p', i)));
    }
    commit(rig, batch);
}

static inline void fill(rig_t *rig)
{
    fill_leases(rig);
    for (int64_t first = 1; first <= MESSAGES; first += 20) {
        store_batch_t *batch = store_batch_new();
        for (int64_t seq = first; seq < first + 20; seq++) {
            change_t enqueue = enqueue_of(seq, "r", body_of(seq)),
                     progress = progress_of(seq, STATE_QUEUED);
            store_batch_add(batch, &enqueue);
            store_batch_add(batch, &progress);
        }
        store_batch_tally(
            batch,
            &(tally_t){.next_seq = first + 20, .first_live = 1, .live = (uint64_t)first + 19});
        commit(rig, batch);
    }
}

static inline bool try_open(rig_t *rig, char why[256])
{
    sqlite_store_options_t options = {
        .directory = rig->directory, .reserve_bytes = 4096, .wal_bytes_max = 4 << 20};
    why[0] = 0;
    return sqlite_store_open(&options, &rig->store, &rig->opened, why, 256) == 0;
}

typedef struct seen {
    bool whole[MESSAGES + 1], reported[MESSAGES + 1], printed[MESSAGES + 1];
    size_t damaged, wrong;
    int error;
} seen_t;

static inline bool is_true_message(const stored_message_t *m)
{
    int64_t seq = m->envelope.seq;
    change_t e = enqueue_of(seq, "r", NULL), p = progress_of(seq, STATE_QUEUED);
    return msgid_equal(&m->envelope.id, &e.envelope.id)
           && m->envelope.accepted.us == e.envelope.accepted.us
           && bytes_equal(m->envelope.key, e.envelope.key) && bytes_is(m->envelope.route, "r")
           && m->envelope.body_hash == e.envelope.body_hash
           && m->envelope.print.b[0] == e.envelope.print.b[0] && m->progress.state == STATE_QUEUED
           && bytes_equal(m->progress.results, p.progress.results)
           && m->progress.fence == p.progress.fence && m->progress.attempt == p.progress.attempt;
}

static inline void see_message(seen_t *seen, const stored_message_t *m)
{
    int64_t seq = m->envelope.seq;
    bool known = seq >= 1 && seq <= MESSAGES;
    if (m->damaged && known)
        seen->reported[seq] = true;
    if (m->damaged)
        return;
    if (!known || seen->whole[seq] || !is_true_message(m))
        seen->wrong++;
    else
        seen->whole[seq] = true;
}

static inline void see_live(rig_t *rig, seen_t *seen)
{
    read_request_t request = {.kind = READ_LIVE, .most = 50};
    for (int slices = 0; slices < 100; slices++) {
        const read_result_t *r = ask(rig, request);
        seen->damaged += r->damaged;
        seen->error = r->error ? r->error : seen->error;
        for (size_t i = 0; i < r->count; i++)
            see_message(seen, &r->messages[i]);
        request.from_seq = r->next;
        if (r->last || r->error)
            return;
    }
    fail_msg("reading never ends");
}

static inline void see_contents(rig_t *rig, seen_t *seen)
{
    for (int64_t seq = 1; seq <= MESSAGES; seq++) {
        const read_result_t *r = ask(rig, (read_request_t){.kind = READ_CONTENT, .seq = seq});
        bool whole = r->error == 0 && r->count == 1 && !r->messages[0].damaged;
        if (whole && !bytes_is(blob_bytes(r->messages[0].envelope.content), body_of(seq)))
            seen->wrong++;
        if (!whole)
            seen->reported[seq] = true;
    }
}

static inline void see_prints(rig_t *rig, seen_t *seen)
{
    read_request_t request = {.kind = READ_PRINTS, .most = 4096};
    size_t damaged = 0, count = 0;
    for (bool last = false; !last;) {
        const read_result_t *r = ask(rig, request);
        damaged += r->damaged;
        for (size_t i = 0; i < r->count; i++, count++)
            if (r->prints[i].seq < 1 || r->prints[i].seq > MESSAGES
                || r->prints[i].accepted.us != 1000 + r->prints[i].seq)
                seen->wrong++;
        request.from_seq = r->next;
        last = r->last || r->error;
    }
    if (count < MESSAGES && !damaged)
        seen->wrong++;
    seen->damaged += damaged;
}

typedef struct kept { bool seen[2][LEASES + 1]; size_t wrong, count; } kept_t;

/* Of "n17": 17. */
static inline int number_in(bytes_t name)
{
    char text[16] = "";
    memcpy(text, name.data, name.len < sizeof text ? name.len : sizeof text - 1);
    return atoi(text + 1);
}

static inline void see_row(kept_t *kept, int kind, int number, bool whole)
{
    bool known = whole && number >= 1 && number <= LEASES && !kept->seen[kind][number];
    kept->wrong += !known;
    if (known)
        kept->seen[kind][number] = true, kept->count++;
}

static inline void see_lease(void *arg, const stored_lease_t *l)
{
    int number = number_in(l->id);
    change_t whole = numbered_lease(number);
    see_row(arg, 0, number,
            l->fence == (uint64_t)number && bytes_equal(l->slots, whole.lease.slots)
                && l->expires_us == whole.lease.expires_us);
}

static inline void see_pace(void *arg, const stored_pace_t *p)
{
    int number = number_in(p->name);
    see_row(arg, 1, number, bytes_is(p->data, text_of('p', number)));
}

/* True: as judge(), of leases and paces. They are read at the opening. */
static inline bool look_at_kept(rig_t *rig, size_t *count)
{
    kept_t kept = {.wrong = 0};
    store_leases(rig->store, see_lease, &kept);
    store_paces(rig->store, see_pace, &kept);
    *count += kept.count;
    return kept.wrong == 0 && (kept.count == 2 * LEASES || rig->opened.damaged);
}

/* True: nothing was given out wrongly and nothing is missing in silence. */
static inline bool judge(const seen_t *seen)
{
    size_t missing = 0;
    for (int64_t seq = 1; seq <= MESSAGES; seq++)
        missing += !seen->whole[seq] && !seen->reported[seq];
    return seen->wrong == 0 && (missing == 0 || seen->damaged > 0 || seen->error);
}

static inline bool look(rig_t *rig, size_t *whole)
{
    seen_t seen = {0};
    see_live(rig, &seen);
    see_contents(rig, &seen);
    see_prints(rig, &seen);
    for (int64_t seq = 1; seq <= MESSAGES; seq++)
        *whole += seen.whole[seq];
    return judge(&seen);
}

#endif
