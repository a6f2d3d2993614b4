/* dispatch.c: who runs next. Every pool has the items that could run if it had a free connection;
 * every limit has the waiters that could run if it had a free slot. Selection takes the first of a
 * pool, tries all limits of its step together, and either assigns it or parks it on the first full
 * one: it never looks at parked work. What is woken and cannot run parks on its new blocker and the
 * wake goes on to the next waiter. */
#include "actors/limiter/parts.h"

#include "core/match.h"
#include "core/msgid.h"

/* ---- waiting ---- */

static void look_at_pool(limiter_t *l, size_t pool) { l->look = l->pools[pool].look = true; }

static void make_ready(limiter_t *l, item_t *i, size_t pool, bool woken)
{
    i->blocker = BLOCKER_CONNECTION;
    i->woken = woken;
    list_push(woken ? &l->pools[pool].woken : &l->pools[pool].ready, &i->place);
    look_at_pool(l, pool);
}

static void pool_remove(limiter_t *l, item_t *i, size_t pool)
{
    list_remove(i->woken ? &l->pools[pool].woken : &l->pools[pool].ready, &i->place);
}

void offer(limiter_t *l, item_t *i)
{
    const step_t *step = item_step(l, i);
    must(step && i->state != STATE_ASSIGNED && i->has_turn && !i->place.next && i->due.place == 0);
    i->state = STATE_QUEUED;
    if (i->due.due.us > l->now.at.us) {
        i->blocker = BLOCKER_DUE;
        agenda_add(l->agenda, &i->due, i->due.due);
        return;
    }
    i->due.due.us = 0;
    make_ready(l, i, step->pool, false);
}

void pause_until(limiter_t *l, item_t *i, instant_t due)
{
    i->due.due = due;
    item_touch(l, i);
    offer(l, i);
    if (BUG(KEY_ORDER_BROKEN) && i->key) {
        i->key->turns--; /* the next of its key overtakes */
        order_wake_next(l, i->key);
    }
}

void hold(limiter_t *l, item_t *i, const char *reason)
{
    i->state = STATE_HELD;
    i->blocker = BLOCKER_HOLD;
    item_set_reason(i, reason, strlen(reason));
    list_push(&l->held, &i->place);
    item_touch(l, i);
    item_log(l, i, LOG_HOLD, "message held; it waits for an operator", reason);
}

void item_park(limiter_t *l, item_t *i)
{
    i->state = STATE_HELD;
    i->blocker = BLOCKER_HOLD;
    i->parked = true;
    item_set_reason(i, "draining", strlen("draining"));
    list_push(&l->held, &i->place);
    l->parked++;
    item_touch(l, i);
}

void unpark_all(limiter_t *l)
{
    for (list_node_t *n = list_first(&l->held), *next; n && l->parked > 0; n = next) {
        item_t *i = list_of(n, item_t, place);
        next = list_next(&l->held, n);
        if (!i->parked)
            continue;
        list_remove(&l->held, n);
        l->parked--;
        i->parked = false;
        i->state = STATE_QUEUED;
        item_set_reason(i, NULL, 0);
        item_touch(l, i);
        order_enter(l, i);
    }
}

static void park(limiter_t *l, item_t *i, size_t limit)
{
    limit_state_t *s = &l->limits[limit];
    i->blocker = BLOCKER_LIMIT;
    i->waits_on = (uint8_t)limit;
    if (BUG(WAITING_IS_FAILING))
        i->failed++;
    /* Woken and blocked again: it keeps its place before those that wait longer behind it. */
    if (i->woken)
        list_push_front(&s->waiters, &i->place);
    else
        list_push(&s->waiters, &i->place);
}

/* ---- slots ---- */

void slots_take(limiter_t *l, const step_t *step)
{
    for (size_t n = 0; n < step->draw_count; n++)
        l->limits[step->draws[n].limit].in_use++;
}

void slots_give(limiter_t *l, const step_t *step)
{
    for (size_t n = 0; n < step->draw_count; n++) {
        limit_state_t *s = &l->limits[step->draws[n].limit];
        must(s->in_use > 0);
        s->in_use--;
        if (!BUG(SLOT_NOT_WOKEN))
            l->look = s->look = true;
    }
}

static unsigned slots_free(const limiter_t *l, size_t limit)
{
    unsigned slots = l->config->limits[limit].slots, in_use = l->limits[limit].in_use;
    if (slots == 0)
        return UINT32_MAX;
    return in_use < slots ? slots - in_use : 0; /* a lowered limit never kills what runs */
}

/* The first full limit of the step, or -1. */
static long full_limit(const limiter_t *l, const step_t *step)
{
    for (size_t n = 0; n < step->draw_count; n++)
        if (slots_free(l, step->draws[n].limit) == 0)
            return (long)step->draws[n].limit;
    return -1;
}

/* ---- assigning ---- */

static uint64_t purse_left(const holder_t *h, size_t pool)
{
    bool able = h->peer != PEER_NOBODY && h->welcomed && !h->silent && !h->dead;
    return able ? credit_left(&h->purses[pool]).messages : 0;
}

/* Connections free over all holders. */
static uint64_t pool_free(const limiter_t *l, size_t pool)
{
    uint64_t left = 0;
    for (size_t n = 0; n < l->holder_count; n++)
        left += purse_left(l->holders[n], pool);
    return left;
}

static holder_t *holder_for(limiter_t *l, size_t pool)
{
    pool_t *p = &l->pools[pool];
    for (size_t n = 0; n < l->holder_count; n++) {
        holder_t *h = l->holders[(p->next_holder + n) % l->holder_count];
        if (purse_left(h, pool) > 0) {
            p->next_holder = (p->next_holder + n + 1) % l->holder_count;
            return h;
        }
    }
    for (size_t n = 0; BUG(CREDIT_OVERRUN) && n < l->holder_count; n++)
        if (l->holders[n]->welcomed && l->holders[n]->purses[pool].taken.messages > 0)
            return l->holders[n];
    return NULL;
}

static void assign_send(limiter_t *l, const item_t *i, const step_t *step, const holder_t *h)
{
    const letter_t *t = i->letter;
    bytes_t content = blob_bytes(t->content);
    wish_send(l->e, h->peer, MESSAGE_ASSIGN,
              &(msg_assign_t){
                  .seq = (uint64_t)i->seq,
                  .attempt = i->attempt,
                  .fence = i->hand.fence,
                  .id = i->id,
                  .route = bytes_str(item_route(l, i)->name),
                  .step = bytes_str(step->name),
                  .start_by_us = (uint64_t)i->hand.start_by_us,
                  .maybe_duplicate = (i->flags & PROGRESS_MAYBE_DUPLICATE) != 0,
                  .key = i->key ? bytes_of(i->key->name, i->key->length) : bytes_of(NULL, 0),
                  .labels = t->labels,
                  .results = bytes_of(i->results, i->results_len),
                  .fields = bytes_of(content.data, t->fields_len),
                  .content_type = t->content_type,
                  .trace = t->trace,
                  .source = t->source,
                  .body = step->needs_body
                              ? bytes_of(content.data + t->fields_len, content.len - t->fields_len)
                              : bytes_of(NULL, 0),
              });
}

static void assign(limiter_t *l, item_t *i, const step_t *step, holder_t *h)
{
    slots_take(l, step);
    credit_take(&h->purses[step->pool], (credit_t){1, 0});
    i->state = STATE_ASSIGNED;
    i->blocker = BLOCKER_NONE;
    i->woken = false;
    i->hand.by = h;
    i->attempt++;
    i->hand.fence = l->epoch;
    i->hand.start_by_us = instant_after_us(l->now.at, step->start_within_ms * US_PER_MS).us;
    list_push(&h->items, &i->place);
    l->assigned++;
    item_save(l, i);
    assign_send(l, i, step, h);
    wish_count(l->e, METRIC_ASSIGNED, bytes_str(l->config->pools[step->pool]), 1);
    if (l->live_bytes_cached > l->config->queue.cache_bytes)
        item_drop_letter(l, i);
}

/* ---- reading a letter ---- */

static bool letter_ask(limiter_t *l, item_t *i, size_t pool)
{
    read_request_t r = {
        .kind = READ_CONTENT, .token = READ_TOKEN(READ_FOR_LETTER, i->seq), .seq = i->seq};
    if (!read_ask(l, &r))
        return false;
    pool_remove(l, i, pool);
    i->blocker = BLOCKER_BODY;
    i->reading = true;
    i->waits_on = (uint8_t)pool;
    l->pools[pool].reading++;
    return true;
}

void letter_arrived(limiter_t *l, const read_result_t *read)
{
    item_t *i = seqmap_find(l->live, (int64_t)READ_WHOSE(read->request.token));
    if (!i || !i->reading)
        return;
    size_t pool = i->waits_on;
    i->reading = false;
    l->pools[pool].reading--;
    look_at_pool(l, pool);
    if (read->error || read->count == 0 || !read->messages[0].envelope.content) {
        item_die(l, i, "damaged: its stored content cannot be read");
        return;
    }
    const envelope_t *e = &read->messages[0].envelope;
    i->letter = letter_new(e->source, e->labels, e->content_type, e->trace, e->fields_len,
                           blob_ref(e->content));
    l->live_bytes_cached += i->letter->size;
    make_ready(l, i, pool, true);
}

/* ---- the step that is due ---- */

static bool step_applies(const limiter_t *l, const item_t *i, const step_t *step)
{
    if (step->when.count == 0)
        return true;
    char id[MSGID_TEXT];
    bytes_t content = blob_bytes(i->letter->content);
    msgid_text(&i->id, id);
    document_t *d = document_new(&(document_parts_t){
        .fields = bytes_of(content.data, i->letter->fields_len),
        .labels = i->letter->labels,
        .results = bytes_of(i->results, i->results_len),
        .id = bytes_str(id),
        .source = i->letter->source,
        .body = bytes_of(content.data + i->letter->fields_len, content.len - i->letter->fields_len),
        .key = i->key ? bytes_of(i->key->name, i->key->length) : bytes_of(NULL, 0),
        .route = bytes_str(item_route(l, i)->name),
        .attempt = i->attempt});
    bool holds = match_holds(&step->when, d);
    document_destroy(&d);
    return holds;
}

static bool is_expired(const limiter_t *l, const item_t *i)
{
    uint64_t most = item_route(l, i)->max_age_ms;
    return most && l->now.wall.us - i->accepted.us > (int64_t)most * US_PER_MS;
}

/* Tries the first of the pool. False: the pool has to wait (credit, a read). */
static bool pool_try(limiter_t *l, size_t pool, item_t *i)
{
    const step_t *step = item_step(l, i);
    if (!i->letter)
        return l->pools[pool].reading < pool_free(l, pool) && letter_ask(l, i, pool);
    holder_t *h = holder_for(l, pool);
    if (!h)
        return false;
    pool_remove(l, i, pool);
    long full = full_limit(l, step);
    if (is_expired(l, i))
        item_die(l, i, "expired");
    else if (!step_applies(l, i, step))
        step_ended(l, i);
    else if (full >= 0)
        park(l, i, (size_t)full);
    else
        assign(l, i, step, h);
    return true;
}

/* The step is behind it (done, skipped or given up): the next one, or the end. */
void step_ended(limiter_t *l, item_t *i)
{
    i->step++;
    i->failed = 0;
    i->flags &= ~(uint32_t)PROGRESS_WROTE;
    if (!item_step(l, i)) {
        item_finish(l, i, STATE_DONE);
        return;
    }
    item_touch(l, i);
    offer(l, i);
}

static void pool_pump(limiter_t *l, size_t pool)
{
    pool_t *p = &l->pools[pool];
    while (l->budget > 0) {
        list_node_t *n = list_first(&p->woken);
        if (!n)
            n = list_first(&p->ready);
        if (!n || !pool_try(l, pool, list_of(n, item_t, place)))
            break;
        l->budget--;
    }
    p->look = l->budget == 0;
}

/* One waiter for each free slot; those that cannot use it park elsewhere, and the next look goes
 * on. */
static void limit_pump(limiter_t *l, size_t limit)
{
    limit_state_t *s = &l->limits[limit];
    unsigned wake = slots_free(l, limit);
    for (list_node_t *n; wake > 0 && l->budget > 0 && (n = list_first(&s->waiters));
         wake--, l->budget--) {
        item_t *i = list_of(n, item_t, place);
        list_remove(&s->waiters, n);
        make_ready(l, i, item_step(l, i)->pool, true);
    }
    s->look = false;
}

static void limits_look_again(limiter_t *l)
{
    for (size_t n = 0; n < l->config->limit_count; n++)
        if (l->limits[n].waiters.count > 0 && slots_free(l, n) > 0 && !BUG(SLOT_NOT_WOKEN))
            l->look = l->limits[n].look = true;
}

void pump(limiter_t *l)
{
    if (l->phase != LOADED || !mode_starts_work(l))
        return;
    for (agenda_entry_t *due; l->budget > 0 && (due = agenda_take_due(l->agenda, l->now.at));
         l->budget--)
        offer(l, list_of(due, item_t, due));
    while (l->look && l->budget > 0 && effects_room(l->e) > 2048) {
        l->look = false;
        for (size_t n = 0; n < l->config->limit_count; n++)
            if (l->limits[n].look)
                limit_pump(l, n);
        for (size_t n = 0; n < l->config->pool_count; n++)
            if (l->pools[n].look)
                pool_pump(l, n);
        limits_look_again(l);
        for (size_t n = 0; n < l->config->pool_count; n++)
            l->look |= l->pools[n].look;
    }
    agenda_entry_t *first = agenda_first(l->agenda);
    if (l->look || (first && !instant_before(l->now.at, first->due)))
        wish_again(l->e);
}
