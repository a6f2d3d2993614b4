/* act.c: what people have done to the store by the limiter: one dead letter put back or dropped,
 * many dropped in slices, a copy of the whole. Two who would take the same dead letters at the same
 * time do not: purge and drop share one mark, and single letters are refused meanwhile. */
#include "actors/limiter/parts.h"

#include <errno.h>

#include "core/msgid.h"

/* ---- dead letters dropped in slices ---- */

static void drop_one(limiter_t *l, int64_t seq)
{
    wish_change(l->e, &(change_t){.kind = CHANGE_DROP, .seq = seq});
    l->tally.dead -= l->tally.dead > 0;
    l->tally_changed = true;
}

void drop_told(limiter_t *l, const msg_drop_t *drop)
{
    read_request_t r = {.kind = READ_LIST,
                        .state = STATE_DEAD,
                        .most = (uint32_t)drop->most,
                        .after_changes = true, /* no letter is listed twice */
                        .token = READ_TOKEN(READ_FOR_DROP, 0)};
    if (drop->route.len)
        memcpy(r.route, drop->route.data, drop->route.len);
    if (r.most > 0 && !l->purging[1])
        l->purging[1] = read_ask(l, &r);
}

void drop_arrived(limiter_t *l, const read_result_t *read)
{
    l->purging[1] = false;
    for (size_t n = 0; read->error == 0 && n < read->count; n++)
        if (!seqmap_find(l->live, read->messages[n].progress.seq))
            drop_one(l, read->messages[n].progress.seq);
    read_request_t more = read->request; /* rows of other routes were in the way */
    more.from_seq = read->next;
    more.most -= (uint32_t)read->count;
    if (read->error == 0 && !read->last && more.most > 0)
        l->purging[1] = read_ask(l, &more);
}

/* ---- one dead letter ---- */

bool act_is_possible(const limiter_t *l)
{
    for (size_t n = 0; n < QUERIES_MAX; n++)
        if (l->questions[n].used && l->questions[n].dead_only && l->questions[n].act != ACT_LOOK)
            return false;
    return !l->purging[1];
}

/* The letter as it was read; it is dead. */
void act_arrived(limiter_t *l, const struct question *q, const stored_message_t *m)
{
    char id[MSGID_TEXT];
    const char *why_not = NULL;
    msgid_text(&m->envelope.id, id);
    if (q->act == ACT_REDRIVE)
        why_not = redrive_one(l, m);
    else
        drop_one(l, m->progress.seq);
    if (why_not)
        query_refuse(l, q, 409, why_not,
                     "weirctl show says where it stands; weirctl status, what is full");
    else if (q->act == ACT_REDRIVE)
        query_reply(l, q, 200,
                    json_pack("{s:s,s:i,s:{s:s},s:{s:s}}", "id", id, "redriven", 1, "before",
                              "state", "dead", "after", "state", "queued"));
    else
        query_reply(l, q, 200,
                    json_pack("{s:s,s:i,s:{s:s},s:n}", "id", id, "dropped", 1, "before", "state",
                              "dead", "after"));
}

/* ---- a copy of the store ---- */

static json_t *backup_state(const limiter_t *l)
{
    static const char *const words[] = {[BACKUP_NONE] = "none",
                                        [BACKUP_RUNS] = "running",
                                        [BACKUP_WHOLE] = "whole",
                                        [BACKUP_CANCELLED] = "cancelled",
                                        [BACKUP_FAILED] = "failed"};
    json_t *j = json_pack("{s:s,s:I,s:I}", "state", words[l->backup.state], "bytes",
                          (json_int_t)l->backup.bytes, "of_bytes", (json_int_t)l->backup.of_bytes);
    if (l->backup.state == BACKUP_FAILED)
        json_object_set_new(j, "reason",
                            json_string(l->backup.error == -EBUSY
                                            ? "so much was written meanwhile that the log grew too "
                                              "long; try again when there is less"
                                        : l->backup.error == -ENOSPC
                                            ? "the disk has no room for a copy"
                                            : "the copy could not be written; see the disk"));
    return j;
}

static void backup_ask(limiter_t *l, enum backup_step step)
{
    read_request_t r = {.kind = READ_BACKUP, .seq = step, .token = READ_TOKEN(READ_FOR_BACKUP, 0)};
    if (!read_ask(l, &r) && l->backup.state == BACKUP_RUNS) {
        l->backup.state = BACKUP_FAILED; /* too many reads are open */
        l->backup.error = -EAGAIN;
    }
}

static void backup_begin(limiter_t *l, const struct question *q)
{
    json_t *before = backup_state(l);
    l->backup.state = BACKUP_RUNS;
    l->backup.bytes = l->backup.of_bytes = 0;
    backup_ask(l, BACKUP_BEGIN);
    query_reply(l, q, 200, json_pack("{s:o,s:o}", "before", before, "after", backup_state(l)));
}

static void backup_cancel(limiter_t *l, const struct question *q)
{
    json_t *before = backup_state(l);
    l->backup.state = BACKUP_CANCELLED;
    backup_ask(l, BACKUP_GIVE_UP);
    query_reply(l, q, 200, json_pack("{s:o,s:o}", "before", before, "after", backup_state(l)));
}

void backup_query(limiter_t *l, const struct question *q, bytes_t verb)
{
    bool runs = l->backup.state == BACKUP_RUNS;
    if (bytes_is(verb, "backup.status"))
        query_reply(l, q, 200, json_pack("{s:o}", "backup", backup_state(l)));
    else if (bytes_is(verb, "backup.begin") && runs)
        query_refuse(l, q, 409, "a backup is running",
                     "weirctl backup status shows it, weirctl backup cancel ends it");
    else if (bytes_is(verb, "backup.begin") && (l->disk_low || l->disk_full))
        query_refuse(l, q, 409, "the disk is nearly full", "make room, then try again");
    else if (bytes_is(verb, "backup.begin"))
        backup_begin(l, q);
    else if (!runs)
        query_refuse(l, q, 409, "no backup is running", "begin one: weirctl backup FILE");
    else
        backup_cancel(l, q);
}

void backup_arrived(limiter_t *l, const read_result_t *read)
{
    if (l->backup.state != BACKUP_RUNS)
        return; /* cancelled meanwhile */
    l->backup.bytes = (uint64_t)read->next;
    l->backup.of_bytes = read->file_bytes;
    l->backup.error = read->error;
    if (read->error)
        l->backup.state = BACKUP_FAILED;
    else if (read->last)
        l->backup.state = BACKUP_WHOLE;
    else
        backup_ask(l, BACKUP_GO_ON);
}

void restored_say(limiter_t *l)
{
    if (l->birth->opened->restored.us)
        wish_log(l->e, &(log_line_t){.event = LOG_STORE_RESTORED,
                                     .text = "the store is a backup that was restored; what it had "
                                             "not finished may be done again and is marked; work "
                                             "goes on"});
}
