/* intake.c: submissions. Dedup, the queue's maxima, the enqueue: one step, one commit. The verdicts
 * are sent at the end of the step, when every change they speak of is in the batch they wait for.
 */
#include "actors/limiter/parts.h"

#include <errno.h>
#include <stdio.h>

#include "core/msgid.h"

#define ITEM_BYTES 256u /* what a queued message counts besides its own bytes */
#define RETRY_SOON_MS 1000u

static void answer(limiter_t *l, const msg_verdict_t *v)
{
    must(l->verdict_count < BATCH_ITEMS_MAX);
    l->accepted[l->verdict_count] = 0;
    l->verdicts[l->verdict_count++] = *v;
    wish_count(l->e, METRIC_VERDICTS, bytes_str(verdict_name((unsigned)v->verdict)), 1);
}

static void refuse_limited(limiter_t *l, const msgid_t *id, const need_t *keeps, answer_can_t why)
{
    const bucket_t *b = keeps->bucket;
    b->of->kept++;
    wish_count(l->e, METRIC_KEPT, bytes_str(b->of->limit->name), 1);
    answer(l, &(msg_verdict_t){.id = *id,
                               .verdict = VERDICT_LIMITED,
                               .retry_after_ms = bucket_retry_ms(l, b, why, keeps->cost),
                               .limit = bytes_str(b->of->limit->name),
                               .capped = why.can == CAN_CAPPED,
                               .reason = bytes_str(why.can == CAN_CAPPED ? "usage_cap_exceeded"
                                                                         : "rate_limit_exceeded")});
}

static void refuse(limiter_t *l, const msgid_t *id, verdict_t verdict, const char *why)
{
    answer(l, &(msg_verdict_t){.id = *id,
                               .verdict = verdict,
                               .retry_after_ms = RETRY_SOON_MS,
                               .reason = bytes_str(why)});
}

static size_t route_index(const limiter_t *l, const route_t *r)
{
    return (size_t)(r - l->config->routes);
}

/* ---- duplicates ---- */

static void answer_duplicate(limiter_t *l, const msgid_t *id, const msgid_t *original,
                             bool same_body, uint8_t state)
{
    verdict_t verdict = msgid_equal(id, original) ? VERDICT_ACCEPTED /* our own SUBMIT again */
                        : same_body               ? VERDICT_DUPLICATE
                                                  : VERDICT_CONFLICT;
    if (verdict == VERDICT_DUPLICATE)
        wish_count(l->e, METRIC_DUPLICATES, bytes_of(NULL, 0), 1);
    answer(l,
           &(msg_verdict_t){.id = *id, .verdict = verdict, .original = *original, .state = state});
}

static void echo_later(limiter_t *l, peer_t peer, const msg_submit_t *s, int64_t seq,
                       bool same_body)
{
    for (size_t n = 0; n < ECHOES_MAX; n++) {
        echo_t *echo = &l->echoes[n];
        if (echo->used)
            continue;
        *echo = (echo_t){.peer = peer,
                         .id = s->id,
                         .seq = seq,
                         .print = s->print,
                         .body_hash = s->body_hash,
                         .used = true,
                         .same_body = same_body};
        l->echo_count++;
        return;
    }
    refuse(l, &s->id, VERDICT_OVERLOADED, "too many duplicates at once");
}

/* The first one may have ended in the step that took it in (a release does): its row is on its way.
 */
void echoes_read(limiter_t *l)
{
    for (size_t n = 0; l->echo_count > 0 && n < ECHOES_MAX && l->reads < READS_MAX; n++) {
        echo_t *echo = &l->echoes[n];
        read_request_t r = {.kind = READ_BY_SEQ,
                            .seq = echo->seq,
                            .after_changes = true,
                            .token = READ_TOKEN(READ_FOR_ECHO, n)};
        if (echo->used && !echo->asked)
            echo->asked = read_ask(l, &r);
    }
}

/* A redrive gave it another row while this one was read. */
static bool echo_moved(limiter_t *l, echo_t *echo)
{
    bool same_body;
    int64_t seq = prints_find(l->prints, &echo->print, echo->body_hash, &same_body);
    if (seq == 0 || seq == echo->seq)
        return false;
    echo->seq = seq;
    echo->asked = false;
    return true;
}

void echo_arrived(limiter_t *l, const read_result_t *read)
{
    echo_t *echo = &l->echoes[READ_WHOSE(read->request.token) % ECHOES_MAX];
    if (!echo->used || !echo->asked || (read->error == -ENOENT && echo_moved(l, echo)))
        return;
    echo->used = false;
    l->echo_count--;
    msgid_t original = echo->id;
    uint8_t state = STATE_DONE;
    if (read->error == 0 && read->count > 0) {
        original = read->messages[0].envelope.id;
        state = read->messages[0].progress.state;
    } /* else its row is past retention: a duplicate all the same, known by its print only */
    size_t before = l->verdict_count;
    answer_duplicate(l, &echo->id, &original, echo->same_body, state);
    if (read->error != 0 && echo->same_body)
        l->verdicts[before].verdict = VERDICT_DUPLICATE;
    wish_send(l->e, echo->peer, MESSAGE_VERDICT, &l->verdicts[before]);
    l->verdict_count = before;
}

/* True: it is one, and is answered or will be. */
static bool is_duplicate(limiter_t *l, peer_t peer, const msg_submit_t *s, const route_t *r)
{
    bool same_body = false;
    int64_t seq = prints_find(l->prints, &s->print, s->body_hash, &same_body);
    if (seq == 0)
        return false;
    const item_t *i = seqmap_find(l->live, seq);
    if (BUG(RESUBMIT_IS_NEW) && i && msgid_equal(&i->id, &s->id))
        return false;
    same_body |= r->source->conflict_is_duplicate;
    if (i)
        answer_duplicate(l, &s->id, &i->id, same_body, i->state);
    else
        echo_later(l, peer, s, seq, same_body);
    return true;
}

/* ---- the enqueue ---- */

static item_t *enqueue(limiter_t *l, const msg_submit_t *s, const route_t *r)
{
    item_t *i = item_new(l, l->tally.next_seq++);
    blob_t *content = blob_join(s->fields, s->body);
    i->id = s->id;
    i->accepted = l->now.wall;
    i->order_us = i->born_us = order_now(l);
    i->route = (uint16_t)route_index(l, r);
    i->class = (uint8_t)s->class;
    i->key = key_get(l, i->route, s->key);
    item_flow(l, i, s->labels);
    i->bytes = (uint32_t)(content->len + s->key.len + s->labels.len) + ITEM_BYTES;
    change_t c = {.kind = CHANGE_ENQUEUE,
                  .envelope = {.seq = i->seq,
                               .id = s->id,
                               .print = s->print,
                               .body_hash = s->body_hash,
                               .accepted = l->now.wall,
                               .class = i->class,
                               .source = s->source,
                               .route = s->route,
                               .key = s->key,
                               .labels = s->labels,
                               .content_type = s->content_type,
                               .trace = s->trace,
                               .fields_len = (uint32_t)s->fields.len,
                               .content = blob_ref(content)}};
    wish_change(l->e, &c);
    if (l->live_bytes_cached < l->config->queue.cache_bytes) {
        i->letter = letter_new(s->source, s->labels, s->content_type, s->trace,
                               (uint32_t)s->fields.len, content);
        l->live_bytes_cached += i->letter->size;
    } else {
        blob_unref(&content);
    }
    if (!BUG(DEDUP_AFTER_ENQUEUE))
        prints_put(l->prints, &s->print, s->body_hash, i->seq);
    l->tally.live++;
    l->tally.live_bytes += i->bytes;
    l->tally_changed = true;
    source_count(l, i, 1);
    item_touch(l, i);
    mark_time(l, l->now.wall, i->seq);
    wish_count(l->e, METRIC_ACCEPTED, bytes_str(r->name), 1);
    return i;
}

bool begins_with_release(const route_t *r) { return r->steps[0].kind == STEP_RELEASE; }

/* Is it for one of these steps, by what it says itself? */
static bool is_for_one_of(const msg_submit_t *s, const step_t *steps, size_t count)
{
    bool any = false;
    for (size_t n = 0; n < count; n++)
        any |= steps[n].when.count == 0;
    if (any)
        return true;
    char id[MSGID_TEXT];
    msgid_text(&s->id, id);
    document_t *d = document_new(&(document_parts_t){.fields = s->fields,
                                                     .labels = s->labels,
                                                     .body = s->body,
                                                     .id = bytes_str(id),
                                                     .key = s->key,
                                                     .route = s->route,
                                                     .source = s->source});
    for (size_t n = 0; n < count && !any; n++)
        any = match_holds(&steps[n].when, d);
    document_destroy(&d);
    return any;
}

/* What gives slots back runs in a drain too; what only has the same route does not. */
static bool gives_back(const msg_submit_t *s, const route_t *r)
{
    return begins_with_release(r) && is_for_one_of(s, r->steps, 1);
}

/* The one before it in its key that has not begun: the newer one stands for both. NULL: none. */
static item_t *merges_into(const item_t *i)
{
    list_t *items = &i->key->items;
    item_t *before = items->count ? list_of(items->head.prev, item_t, turn) : NULL;
    bool begun = !before || before->state != STATE_QUEUED || before->attempt > 0 ||
                 before->step > 0 || before->job_held;
    return begun ? NULL : before;
}

void join_queue(limiter_t *l, item_t *i)
{
    if (l->phase != LOADED || l->unpark_next || l->newcomers.count > 0)
        list_push(&l->newcomers, &i->place.place); /* behind what has not entered yet */
    else
        enter_queue(l, i);
}

void enter_queue(limiter_t *l, item_t *i)
{
    const route_t *r = item_route(l, i);
    bool redriven = i->flags & PROGRESS_REDRIVEN; /* no news of its key */
    if (i->kept_out)
        item_touch(l, i);
    if (i->key && !redriven && loop_is_closed(l, i, r))
        loop_hold(l, i);
    else if (i->gives_back)
        order_enter(l, i);
    else if (mode_gate(l, r) != GATE_OPEN && !BUG(DRAIN_LETS_IN))
        item_park(l, i);
    else {
        item_t *before = r->merge && i->key && !redriven ? merges_into(i) : NULL;
        if (before)
            item_merge(l, before, i);
        else
            order_enter(l, i);
    }
}

static bool source_is_full(const limiter_t *l, const source_t *source)
{
    uint64_t most = l->config->queue.messages_max * source->share_percent / 100;
    return source->share_percent < 100 && l->of_source[source - l->config->sources] >= most;
}

/* Limits that reject act here, in the enqueue's commit: who is accepted has them already. False:
 * refused, and answered. */
static bool admit(limiter_t *l, const msg_submit_t *s, const route_t *r, needs_t **job)
{
    answer_can_t why;
    bool rejects = false;
    for (size_t n = 0; n < r->draw_count; n++)
        rejects |= l->limits[r->draws[n].limit].limit->reject;
    if (!rejects)
        return true;
    if (l->phase != LOADED) { /* who has them is not known yet */
        refuse(l, &s->id, VERDICT_LIMITED, "slots are counted after a start");
        return false;
    }
    const label_values_t values = {
        .labels = s->labels, .key = s->key, .route = s->route, .source = s->source};
    *job = needs_new(l, r->draws, r->draw_count, &values);
    if (!*job) {
        bool too_long = needs_too_long(l, r->draws, r->draw_count, &values);
        refuse(l, &s->id, too_long ? VERDICT_REFUSED : VERDICT_OVERLOADED,
               too_long ? "its label values are too long for so many limits"
                        : "too many label values");
        return false;
    }
    if (needs_too_large(*job, (uint8_t)s->class)) { /* it would be told to come again for ever */
        refuse(l, &s->id, VERDICT_REFUSED, "the cost is more than a limit of the route ever has");
        needs_free(l, job);
        return false;
    }
    int n = needs_keep(l, *job, (uint8_t)s->class, NULL, &why);
    if (n >= 0 && BUG(REJECT_LEAVES_PRINT))
        prints_put(l->prints, &s->print, s->body_hash, l->tally.next_seq);
    if (n >= 0 && !BUG(REJECT_IGNORED)) {
        refuse_limited(l, &s->id, &(*job)->of[n], why);
        needs_free(l, job);
        return false;
    }
    needs_take(l, *job);
    return true;
}

static const struct {
    verdict_t verdict;
    const char *why;
} gated[] = {
    [GATE_DRAINING] = {VERDICT_DRAINING, "System draining"},
    [GATE_MAINTENANCE] = {VERDICT_MAINTENANCE, "System in maintenance"},
    [GATE_REFUSED] = {VERDICT_OVERLOADED, "overloaded: a rule of modes refuses new work"},
};

/* What the gate does to a new message, unless it gives slots back or Weir stops. */
static bool is_gated(const limiter_t *l, const route_t *r, bool gives, enum at_drain how)
{
    return !gives && !l->stopping && r->source->at_drain == how && mode_gate(l, r) != GATE_OPEN;
}

/* A little room is kept for what gives slots back: a queue full of those who wait for slots must
 * not keep it out. */
static uint64_t most_of(const limiter_t *l, uint64_t most, bool gives)
{
    return gives || !l->releases ? most : most - most / 20;
}

static bool queue_is_full(const limiter_t *l, bool gives)
{
    return (l->tally.live >= most_of(l, l->config->queue.messages_max, gives) &&
            !BUG(QUEUE_OVERFULL)) ||
           l->tally.live_bytes >= most_of(l, l->config->queue.bytes_max, gives);
}

/* False: refused, and answered. When Weir stops, the door decides: what it lets in is kept. */
static bool may_enter(limiter_t *l, const msg_submit_t *s, const route_t *r, bool gives)
{
    const char *why;
    if (!gives && intake_refused(l, &why))
        refuse(l, &s->id, VERDICT_UNAVAILABLE, why);
    else if (queue_is_full(l, gives))
        refuse(l, &s->id, VERDICT_OVERLOADED, "the queue is full");
    else if (is_gated(l, r, gives, AT_DRAIN_REFUSE))
        refuse(l, &s->id, gated[mode_gate(l, r)].verdict, gated[mode_gate(l, r)].why);
    else if (!gives && source_is_full(l, r->source))
        refuse(l, &s->id, VERDICT_OVERLOADED, "this source has its share of the queue");
    else
        return true;
    return false;
}

/* Refused, and kept: its sender will not come again, so a person decides. It takes no limit, and is
 * refused only once it is on disk. */
static void enqueue_dead(limiter_t *l, peer_t peer, const msg_submit_t *s, const route_t *r)
{
    enum mode_gate gate = mode_gate(l, r);
    char reason[96];
    snprintf(reason, sizeof reason, "refused: %s", gated[gate].why);
    item_die(l, enqueue(l, s, r), reason);
    wish_count(l->e, METRIC_VERDICTS, bytes_str(verdict_name(gated[gate].verdict)), 1);
    wish_send(l->e, peer, MESSAGE_VERDICT,
              &(msg_verdict_t){.id = s->id,
                               .verdict = gated[gate].verdict,
                               .retry_after_ms = RETRY_SOON_MS,
                               .reason = bytes_str(gated[gate].why)});
}

static void submission(limiter_t *l, peer_t peer, const msg_submit_t *s)
{
    const route_t *r = config_route(l->config, s->route);
    if (!r) {
        refuse(l, &s->id, VERDICT_REFUSED, "no such route");
        return;
    }
    needs_t *job = NULL;
    bool gives = gives_back(s, r);
    if (is_duplicate(l, peer, s, r) || !may_enter(l, s, r, gives))
        return;
    /* What no step is for loses nothing: it is no letter for a person. */
    if (is_gated(l, r, gives, AT_DRAIN_DEAD) && is_for_one_of(s, r->steps, r->step_count)) {
        enqueue_dead(l, peer, s, r);
        return;
    }
    if (!gives && !admit(l, s, r, &job)) /* what gives slots back waits for none */
        return;
    uint64_t ahead = queue_ahead(l, (uint16_t)route_index(l, r));
    item_t *i = enqueue(l, s, r);
    i->job = job;
    if (job)
        job_holds(l, i);
    i->drew = job ? draws_all(r) : 0;
    i->gives_back = gives;
    answer(l, &(msg_verdict_t){.id = s->id, .verdict = VERDICT_ACCEPTED, .ahead = ahead});
    l->accepted[l->verdict_count - 1] = i->seq;
    join_queue(l, i);
}

void submissions(limiter_t *l, const event_t *event)
{
    const msg_submit_t *s = event->message->items;
    uint64_t bytes = 0;
    for (size_t n = 0; n < event->message->count; n++) {
        submission(l, event->from.peer, &s[n]);
        bytes += s[n].body.len + s[n].fields.len + FRAME_ITEM_OVERHEAD;
    }
    intake_arrived(l, event->from.peer, event->message->count, bytes);
}
