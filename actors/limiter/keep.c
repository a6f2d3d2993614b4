/* keep.c: what is finished: it goes when its time is over, or comes back from the dead letters. */
#include "actors/limiter/parts.h"

/* ---- retention ---- */

static bool *purging(limiter_t *l, uint64_t state) { return &l->purging[state == STATE_DEAD]; }

/* One slice at a time: a row listed twice would be counted twice. */
static void purge_ask(limiter_t *l, uint8_t state, int64_t before_us, uint64_t most)
{
    read_request_t r = {.kind = READ_FINISHED,
                        .state = state,
                        .finished_before = {before_us},
                        .most = (uint32_t)(most < 2048 ? most : 2048),
                        .token = READ_TOKEN(READ_FOR_PURGE, state)};
    if (before_us > 0 && !*purging(l, state))
        *purging(l, state) = read_ask(l, &r);
}

static void prints_purge(limiter_t *l, wall_t before)
{
    int64_t seq = 0;
    for (size_t n = 0; n < l->mark_count && l->marks[n].at.us <= before.us; n++)
        seq = l->marks[n].seq;
    if (seq == 0)
        return;
    prints_forget_before(l->prints, seq);
    prints_sweep(l->prints, 65536);
    wish_change(l->e, &(change_t){.kind = CHANGE_DROP_PRINTS, .before = before});
    l->tally_changed = true;
}

void purge_told(limiter_t *l, const msg_purge_t *purge)
{
    purge_ask(l, STATE_DONE, (int64_t)purge->done_before_us, purge->most);
    purge_ask(l, STATE_DEAD, (int64_t)purge->dead_before_us, purge->most);
    prints_purge(l, (wall_t){(int64_t)purge->prints_before_us});
}

void purge_arrived(limiter_t *l, const read_result_t *read)
{
    *purging(l, READ_WHOSE(read->request.token)) = false;
    uint64_t *kept =
        READ_WHOSE(read->request.token) == STATE_DONE ? &l->tally.done : &l->tally.dead;
    /* What there is no room for is listed by the next purge. */
    for (size_t n = 0; read->error == 0 && n < read->count && step_has_room(l); n++) {
        int64_t seq = read->messages[n].progress.seq;
        if (seqmap_find(l->live, seq))
            continue;
        wish_change(l->e, &(change_t){.kind = CHANGE_DROP, .seq = seq});
        *kept -= *kept > 0;
        l->tally_changed = true;
    }
}

/* ---- redrive ---- */

void redrive_told(limiter_t *l, const msg_redrive_t *redrive)
{
    static const msgid_t none;
    read_request_t r = {.kind = READ_LIST,
                        .state = STATE_DEAD,
                        .most = (uint32_t)redrive->most,
                        .token = READ_TOKEN(READ_FOR_REDRIVE, 0)};
    if (!msgid_equal(&redrive->id, &none)) {
        r.kind = READ_BY_ID;
        r.want_content = true;
        r.id = redrive->id;
    } else if (redrive->route.len) {
        memcpy(r.route, redrive->route.data, redrive->route.len);
    }
    if (r.most > 0)
        read_ask(l, &r);
}

/* A new seq, so that it joins the tail of its key for good; the same id, so that it is still found.
 */
const char *redrive_one(limiter_t *l, const stored_message_t *m)
{
    const route_t *r = config_route(l->config, m->envelope.route);
    bool same_body;
    int64_t newest = prints_find(l->prints, &m->envelope.print, m->envelope.body_hash, &same_body);
    if (!m->envelope.content)
        return "its body is not kept any more";
    if (!r)
        return "its route is not in the configuration any more";
    if (l->tally.live >= l->config->queue.messages_max)
        return "the queue is full";
    if (newest != 0 && newest != m->progress.seq) /* only the disk does not know yet */
        return "it is put back already, or a newer message has its id";
    item_t *i = item_new(l, l->tally.next_seq++);
    envelope_t e = m->envelope;
    e.seq = i->seq;
    e.accepted = l->now.wall; /* its age begins anew */
    e.content = blob_ref(m->envelope.content);
    wish_change(l->e, &(change_t){.kind = CHANGE_DROP, .seq = m->progress.seq});
    wish_change(l->e, &(change_t){.kind = CHANGE_ENQUEUE, .envelope = e});
    prints_put(l->prints, &e.print, e.body_hash, i->seq);
    i->id = e.id;
    i->accepted = l->now.wall;
    i->order_us = i->born_us = order_now(l);
    i->route = (uint16_t)(r - l->config->routes);
    i->class = stored_class(e.class, m->progress.flags);
    i->flags = (m->progress.flags & ~(uint32_t)PROGRESS_WROTE) | PROGRESS_REDRIVEN;
    if ((i->flags & PROGRESS_UNKNOWN) && !BUG(REDRIVEN_UNMARKED))
        i->flags |= PROGRESS_MAYBE_DUPLICATE; /* what may have happened may happen again */
    i->attempt = m->progress.attempt;
    i->bytes = m->progress.bytes;
    const step_t *s = route_step(r, m->progress.step);
    i->step = s ? (uint8_t)(s - r->steps) : 0;
    item_take_results(i, m->progress.results); /* what is confirmed is not done again */
    i->key = key_get(l, i->route, e.key);
    item_flow(l, i, e.labels);
    source_count(l, i, 1);
    l->tally.live++;
    l->tally.live_bytes += i->bytes;
    l->tally.dead -= l->tally.dead > 0;
    item_touch(l, i);
    i->gives_back = begins_with_release(r) && r->steps[0].when.count == 0;
    join_queue(l, i);
    item_log(l, i, LOG_REDRIVEN, "dead letter put back at the tail of its key", "");
    return NULL;
}

/* A list comes without contents, and in slices: each message is read by itself, and the list goes
 * on. */
static void redrive_listed(limiter_t *l, const read_result_t *read)
{
    for (size_t n = 0; n < read->count; n++) {
        read_request_t r = {.kind = READ_BY_SEQ,
                            .seq = read->messages[n].progress.seq,
                            .want_content = true,
                            .token = READ_TOKEN(READ_FOR_REDRIVE, 0)};
        if (!read_ask(l, &r))
            return; /* the drainer asks for what is still dead again */
    }
    read_request_t more = read->request;
    more.from_seq = read->next;
    more.most -= (uint32_t)read->count;
    if (!read->last && more.most > 0)
        read_ask(l, &more);
}

void redrive_arrived(limiter_t *l, const read_result_t *read)
{
    if (read->error != 0)
        return;
    if (read->request.kind == READ_LIST) {
        redrive_listed(l, read);
        return;
    }
    for (size_t n = 0; n < read->count; n++) {
        const stored_message_t *m = &read->messages[n];
        if (!m->damaged && m->progress.state == STATE_DEAD)
            redrive_one(l, m); /* one that cannot be put back stays where it is */
    }
}
