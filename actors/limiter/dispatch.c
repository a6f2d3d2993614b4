/* dispatch.c: who runs next. Every pool has the items that could run if it had a free connection;
 * every bucket of a limit has the waiters that could run if it let them pass. Selection takes the
 * first of a pool in the order of core/fair.h, tries all limits of its route and step together, and
 * either assigns it or parks it at the first that keeps it: it never looks at parked work. What is
 * woken and cannot run parks on its new blocker and the wake goes on to the next waiter. */
#include "actors/limiter/parts.h"

#include "actors/limiter/stand_by.h"
#include "core/match.h"
#include "core/msgid.h"
#include "sys/log_wanted.h"

#define OWN_READS_MAX 64

/* ---- limits ---- */

static label_values_t values_of(const limiter_t *l, const item_t *i)
{
    const route_t *r = item_route(l, i);
    return (label_values_t){.labels = i->letter->labels,
                            .key =
                                i->key ? bytes_of(i->key->name, i->key->length) : bytes_of(NULL, 0),
                            .route = bytes_str(r->name),
                            .source = i->letter->source};
}

static needs_t *step_needs(limiter_t *l, const item_t *i, const step_t *step,
                           const label_values_t *values)
{
    draw_t draws[DRAWS_MAX + 1];
    size_t count = step->draw_count;
    memcpy(draws, step->draws, count * sizeof *draws);
    if (i->failed > 0 && step->downstream && step->downstream->retry.cost > 0)
        draws[count++] = step->downstream->retry;
    return needs_new(l, draws, count, values);
}

uint8_t draw_bit(const route_t *r, long limit)
{
    for (size_t n = 0; n < r->draw_count; n++)
        if (r->draws[n].limit == limit)
            return (uint8_t)(1u << n);
    return 0;
}

static uint8_t need_bit(const limiter_t *l, const item_t *i, const need_t *need)
{
    return draw_bit(item_route(l, i), need->bucket->of->index);
}

needs_t *job_needs(limiter_t *l, const item_t *i, const label_values_t *values)
{
    const route_t *r = item_route(l, i);
    needs_t *job = needs_new(l, r->draws, r->draw_count, values);
    for (size_t n = 0; job && n < job->count; n++)
        job->of[n].drew = limit_counts_once(job->of[n].bucket->of->limit) &&
                          (i->drew & need_bit(l, i, &job->of[n]));
    return job;
}

/* False: there is no room for its label values, or they are too long. */
static bool needs_found(limiter_t *l, item_t *i, const step_t *step, const label_values_t *values)
{
    const route_t *r = item_route(l, i);
    if (!i->job && r->draw_count > 0)
        i->job = job_needs(l, i, values);
    if (i->needs && i->needs->loaded)
        needs_free(l, &i->needs);
    if (!i->needs && step->draw_count > 0)
        i->needs = step_needs(l, i, step, values);
    return (i->job || r->draw_count == 0) && (i->needs || step->draw_count == 0);
}

static bool are_equal(const needs_t *a, const needs_t *b) { return !a || (b && needs_equal(a, b)); }

/* It has the place of a message whose labels may be others: then it did not wait for its own
 * limits yet. */
static void needs_own(limiter_t *l, item_t *i, const step_t *step, const label_values_t *values)
{
    needs_t *job = i->job, *needs = i->needs;
    i->merged = false;
    i->job = i->needs = NULL;
    if (!needs_found(l, i, step, values) || !are_equal(job, i->job) || !are_equal(needs, i->needs))
        i->woken = false;
    needs_free(l, &job);
    needs_free(l, &needs);
}

/* A step of our own takes nothing of the route's limits. */
static bool takes_of_job(const item_t *i, const step_t *step)
{
    return !i->job_held && step->kind != STEP_ACQUIRE && step->kind != STEP_RELEASE;
}

/* It would wait for ever, and all behind it. The limits of the route keep it from every step: there
 * is none to skip. */
static void fits_never(limiter_t *l, item_t *i, bool of_job, const char *reason)
{
    if (of_job && item_route(l, i)->on_failure == ON_FAILURE_SKIP)
        item_die(l, i, reason);
    else
        step_failed(l, i, reason);
}

/* False: it waits for room for its label values, or never finds it, and that was said. */
static bool needs_seen_to(limiter_t *l, item_t *i, const step_t *step)
{
    const route_t *r = item_route(l, i);
    label_values_t values = values_of(l, i);
    if (i->merged)
        needs_own(l, i, step, &values);
    if (crowd_lets(l, i, step, &values) && needs_found(l, i, step, &values))
        return true;
    bool of_job = !i->job && needs_too_long(l, r->draws, r->draw_count, &values);
    if (of_job || needs_too_long(l, step->draws, step->draw_count, &values))
        fits_never(l, i, of_job, "never_fits: its label values are too long for so many limits");
    else
        crowd_keeps(l, i, step, &values);
    return false;
}

static bool never_fits(limiter_t *l, item_t *i, const step_t *step)
{
    char reason[160];
    uint8_t class = item_class(i);
    const need_t *of_job = takes_of_job(i, step) ? needs_too_large(i->job, class) : NULL,
                 *need = of_job ? of_job : needs_too_large(i->needs, class);
    if (!need)
        return false;
    snprintf(reason, sizeof reason, "never_fits: limit %s has %u for it, and its cost is %u",
             need->bucket->of->limit->name, bucket_most(need->bucket, class), need->cost);
    fits_never(l, i, of_job, reason);
    return true;
}

bool route_stops(const limiter_t *l, const item_t *i, const step_t *step)
{
    bool gives_back = step && step->kind == STEP_RELEASE;
    return route_gate(l, i->route)->stopped && !gives_back && !BUG(ROUTE_STOP_IGNORED);
}

/* What keeps it, as waits_on says it; WAITS_NOTHING: nothing. */
static uint8_t kept_by(const limiter_t *l, const item_t *i, const step_t *step)
{
    answer_can_t why;
    if (route_stops(l, i, step))
        return WAITS_GATE;
    const item_t *woken = i->woken ? i : NULL;
    int n = takes_of_job(i, step) ? needs_keep(l, i->job, item_class(i), woken, &why) : -1;
    if (n >= 0)
        return (uint8_t)(WAITS_JOB + n);
    n = needs_keep(l, i->needs, item_class(i), woken, &why);
    return n >= 0 ? (uint8_t)n : WAITS_NOTHING;
}

/* What came with an earlier take was for something that was begun: it stays drawn. */
void job_refund(limiter_t *l, item_t *i)
{
    needs_refund(l, i->job);
    for (size_t n = 0; n < i->job->count; n++)
        if (!i->job->of[n].drew && !BUG(DRAWN_UNBEGUN))
            i->drew &= (uint8_t)~need_bit(l, i, &i->job->of[n]);
}

/* Woken after a pause with the slot that it has: its call is one of those that go first. */
static void job_starts_slowly(item_t *i)
{
    bool by_job = i->woken && i->woken_by >= WAITS_JOB && i->woken_by < WAITS_GATE;
    need_t *need = by_job && i->job_held ? &i->job->of[i->woken_by - WAITS_JOB] : NULL;
    if (need && need->slow_turn == 0 && slow_start_room(&need->bucket->slow) > 0)
        need->slow_turn = slow_start_began(&need->bucket->slow);
}

static void limits_take(limiter_t *l, item_t *i)
{
    job_starts_slowly(i);
    i->job_new = !i->job_held && i->job;
    if (i->job_new) {
        needs_take(l, i->job);
        job_holds(l, i);
        i->drew = draws_all(item_route(l, i));
    }
    needs_take(l, i->needs);
}

/* ---- assigning ---- */

static uint64_t purse_left(const limiter_t *l, const holder_t *h, size_t pool)
{
    bool able = h->peer != PEER_NOBODY && h->welcomed && !h->silent && !h->dead && !h->alone &&
                !holder_is_emptied(l, h);
    return able ? credit_left(&h->purses[pool]).messages : 0;
}

/* Connections free over all holders. */
uint64_t pool_free(const limiter_t *l, size_t pool)
{
    uint64_t left = 0;
    for (size_t n = 0; n < l->holder_count; n++)
        left += purse_left(l, l->holders[n], pool);
    return left;
}

holder_t *holder_for(limiter_t *l, size_t pool)
{
    pool_t *p = &l->pools[pool];
    for (size_t n = 0; n < l->holder_count; n++) {
        holder_t *h = l->holders[(p->next_holder + n) % l->holder_count];
        if (purse_left(l, h, pool) > 0) {
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

/* A window that the route drew counts on the call too where it is what the message begins with. */
static int64_t start_within_us(const item_t *i, const step_t *step)
{
    int64_t within = needs_start_within_us(i->needs, step->start_within_ms * US_PER_MS);
    bool with_job = i->job_new && step->kind == STEP_CALL;
    return with_job ? needs_start_within_us(i->job, within) : within;
}

static void assign(limiter_t *l, item_t *i, const step_t *step, holder_t *h)
{
    limits_take(l, i);
    credit_take(&h->purses[step->pool], (credit_t){1, 0});
    i->state = STATE_ASSIGNED;
    item_waits(l, i, BLOCKER_NONE);
    i->woken = i->in_vain = false;
    i->hand.by = h;
    i->attempt++;
    i->hand.fence = l->epoch;
    i->hand.start_by_us = instant_after_us(l->now.at, start_within_us(i, step)).us;
    list_push(&h->items, &i->place.place);
    if (i->deaths >= SUSPECT_DEATHS && !BUG(SUSPECT_IN_COMPANY))
        h->alone = i;
    assigned_count(l, i, 1);
    item_save(l, i);
    if (log_wanted(l->config, item_route(l, i), &i->id))
        item_tell(l, i, LOG_ASSIGNED, step->name, "");
    assign_send(l, i, step, h);
    wish_count(l->e, METRIC_ASSIGNED, bytes_str(l->config->pools[step->pool]), 1);
    letter_spare(l, i);
}

/* ---- reading a letter ---- */

/* waits_on stays: who woke it, if anybody did. */
static bool letter_ask(limiter_t *l, item_t *i, size_t pool)
{
    read_request_t r = {
        .kind = READ_CONTENT, .token = READ_TOKEN(READ_FOR_LETTER, i->seq), .seq = i->seq};
    if (!read_ask(l, &r))
        return false;
    pool_take(l, i, pool);
    item_waits(l, i, BLOCKER_BODY);
    i->reading = true;
    l->pools[pool].reading++;
    return true;
}

void letter_arrived(limiter_t *l, const read_result_t *read)
{
    item_t *i = seqmap_find(l->live, (int64_t)READ_WHOSE(read->request.token));
    if (!i || !i->reading)
        return;
    size_t pool = item_step(l, i)->pool;
    i->reading = false;
    l->pools[pool].reading--;
    look_at_pool(l, pool);
    if (read->error || read->count == 0 || !read->messages[0].envelope.content) {
        unwake(l, i);
        crowd_forget(l, i);
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

document_t *item_document(const limiter_t *l, const item_t *i, char *id)
{
    bytes_t content = blob_bytes(i->letter->content);
    msgid_text(&i->id, id);
    return document_new(&(document_parts_t){
        .fields = bytes_of(content.data, i->letter->fields_len),
        .labels = i->letter->labels,
        .results = bytes_of(i->results, i->results_len),
        .id = bytes_str(id),
        .source = i->letter->source,
        .body = bytes_of(content.data + i->letter->fields_len, content.len - i->letter->fields_len),
        .key = i->key ? bytes_of(i->key->name, i->key->length) : bytes_of(NULL, 0),
        .route = bytes_str(item_route(l, i)->name),
        .attempt = i->attempt});
}

static bool step_applies(const limiter_t *l, const item_t *i, const step_t *step)
{
    if (step->when.count == 0)
        return true;
    char id[MSGID_TEXT];
    document_t *d = item_document(l, i, id);
    bool holds = match_holds(&step->when, d);
    document_destroy(&d);
    return holds;
}

/* What the mode of work does to a step; decided when it is due, and remembered as its absence. */
static bool mode_runs(const limiter_t *l, const step_t *step)
{
    const struct {
        bool on;
        enum in_mode does;
    } modes[] = {{l->mode == MODE_DEGRADED, step->degraded},
                 {l->safe && !BUG(SAFE_MODE_IGNORED), step->safe}};
    for (size_t n = 0; n < COUNT_OF(modes); n++)
        if (modes[n].on ? modes[n].does == IN_MODE_SKIP : modes[n].does == IN_MODE_ONLY)
            return false;
    return true;
}

/* It has what it needs but, perhaps, its limits. */
static void item_try(limiter_t *l, item_t *i, const step_t *step, holder_t *h)
{
    if (item_age_left_us(l, i) < 0) {
        item_die(l, i, "expired");
        return;
    }
    if (!mode_runs(l, step) || !step_applies(l, i, step)) {
        step_ended(l, i);
        return;
    }
    if (!needs_seen_to(l, i, step))
        return;
    if (step->lease_id && !route_stops(l, i, step) && lease_settles(l, i, step))
        return;
    if (never_fits(l, i, step))
        return;
    uint8_t on = kept_by(l, i, step);
    if (on != WAITS_NOTHING)
        item_keep(l, i, on);
    else if (!h)
        own_step(l, i, step);
    else
        assign(l, i, step, h);
}

/* A suspect waits for a holder to be emptied, and that one for the suspect (poison.c). */
static bool may_stand_by(const item_t *i)
{
    return i->woken && i->waits_on != WAITS_NOTHING && i->deaths < SUSPECT_DEATHS;
}

/* Tries the first of the pool. False: the pool has to wait (credit, a read). */
static bool pool_try(limiter_t *l, size_t pool, item_t *i)
{
    const step_t *step = item_step(l, i);
    bool own = pool == own_pool(l);
    if (!own && may_stand_by(i) && pool_free(l, pool) == 0) {
        stand_by(l, i, pool);
        return true;
    }
    if (!i->letter)
        return (own ? l->pools[pool].reading < OWN_READS_MAX
                    : l->pools[pool].reading < pool_free(l, pool)) &&
               letter_ask(l, i, pool);
    holder_t *h = own                           ? NULL
                  : i->deaths >= SUSPECT_DEATHS ? holder_alone(l, i, pool)
                                                : holder_for(l, pool);
    if (!own && !h)
        return false;
    pool_take(l, i, pool);
    i->woken_by = i->waits_on;
    i->woken = i->woken_by != WAITS_NOTHING; /* by a limit; not by its letter alone */
    unwake(l, i);
    item_try(l, i, step, h);
    crowd_forget(l, i);
    return true;
}

/* The step is behind it (done, skipped or given up): the next one, or the end. */
void step_ended(limiter_t *l, item_t *i)
{
    i->step++;
    i->failed = 0;
    i->in_vain = false;
    i->flags &= ~(uint32_t)PROGRESS_WROTE;
    needs_free(l, &i->needs);
    if (!item_step(l, i)) {
        item_finish(l, i, STATE_DONE);
        return;
    }
    item_touch(l, i);
    offer(l, i);
}

item_t *pool_first(const pool_t *p)
{
    list_node_t *n = list_first(&p->woken);
    fair_node_t *f = n ? NULL : fair_first(&p->ready);
    return n ? item_of(n) : f ? list_of(f, item_t, place) : NULL;
}

static void pool_pump(limiter_t *l, size_t pool)
{
    pool_t *p = &l->pools[pool];
    bool goes_on = true;
    while (goes_on && l->budget > 0 && step_has_room(l) && !stand_by_call(l, pool)) {
        item_t *i = pool_first(p);
        goes_on = i && pool_try(l, pool, i);
        l->budget -= goes_on;
    }
    p->look = goes_on;
}

static bool is_due(const limiter_t *l, const agenda_t *agenda)
{
    const agenda_entry_t *first = agenda_first(agenda);
    return first && !instant_before(l->now.at, first->due);
}

static void buckets_pump(limiter_t *l)
{
    for (size_t n = l->looking.count; n > 0 && l->budget > 0; n--)
        bucket_pump(l, list_of(list_first(&l->looking), bucket_t, looking));
}

static void due_come(limiter_t *l)
{
    agenda_entry_t *due;
    for (; l->budget > 0 && (due = agenda_take_due(l->agenda, l->now.at)); l->budget--)
        offer(l, list_of(due, item_t, due));
    for (; l->budget > 0 && (due = agenda_take_due(l->wakes, l->now.at)); l->budget--)
        bucket_look(l, list_of(due, bucket_t, wake));
}

void pump(limiter_t *l)
{
    if (l->phase != LOADED || !mode_starts_work(l))
        return;
    due_come(l);
    l->look |= crowd_can(l); /* connections come and go */
    while (l->look && l->budget > 0 && step_has_room(l)) {
        buckets_pump(l);
        crowd_pump(l);
        for (size_t n = 0; n < l->config->pool_count; n++)
            if (l->pools[n].look)
                pool_pump(l, n);
        l->look = l->looking.count > 0 || crowd_can(l);
        holders_refilled(l);
        for (size_t n = 0; n < l->config->pool_count; n++)
            l->look |= l->pools[n].look;
    }
    if (l->look || is_due(l, l->agenda) || is_due(l, l->wakes))
        wish_again(l->e);
}
